(() => {
  "use strict";
  const unpacked = async (id) => {
    const packed = Uint8Array.from(atob(document.getElementById(id).textContent), (letter) => letter.charCodeAt(0));
    const text = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(text).text();
  };

  // The library is unpacked once, when the first figure needs it or the browser has nothing else to do.
  let library = null;
  const plotly = () => {
    library ??= unpacked("plotly").then((code) => {
      const script = document.createElement("script");
      script.textContent = code;
      document.head.append(script);
    });
    return library;
  };

  const plots = [...document.querySelectorAll(".plot")];
  const settings = { responsive: true, displayModeBar: false };
  const described = new Map();
  const prepare = async (element) => {
    const [figure] = await Promise.all([unpacked(element.dataset.figure), plotly()]);
    if (!described.has(element)) described.set(element, JSON.parse(figure));
  };
  const paint = (element) => {
    if (element.dataset.drawn) return;
    element.dataset.drawn = "yes";
    const { data, layout } = described.get(element);
    window.Plotly.newPlot(element, data, layout, settings);
  };
  const draw = async (element) => {
    try {
      await prepare(element);
      paint(element);
    } catch (error) {
      element.textContent = "This figure could not be drawn here; the tables hold its numbers.";
      console.error(error);
    }
  };

  if ("IntersectionObserver" in window && "DecompressionStream" in window) {
    const near = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) {
            near.unobserve(entry.target);
            draw(entry.target);
          }
        }
      },
      { rootMargin: "800px 0px" },
    );
    plots.forEach((element) => near.observe(element));
    // Prepared, not drawn: what is printed must be there at once.
    (window.requestIdleCallback ?? setTimeout)(() => plots.forEach(prepare));
  } else {
    plots.forEach((element) => {
      element.textContent = "This browser is too old to draw the figures; the tables hold their numbers.";
    });
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button[data-csv]");
    if (!button) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await unpacked(button.dataset.csv)], { type: "text/csv" }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });

  // On paper everything is open and drawn, and pictures shrink to the page: SVG needs a viewBox for that.
  const closed = [];
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details:not([open])").forEach((details) => {
      closed.push(details);
      details.open = true;
    });
    plots.filter((element) => described.has(element)).forEach(paint);
    document.querySelectorAll(".plot .main-svg").forEach((svg) => {
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    });
  });
  window.addEventListener("afterprint", () => {
    closed.splice(0).forEach((details) => (details.open = false));
    document.querySelectorAll(".plot .main-svg").forEach((svg) => svg.removeAttribute("viewBox"));
  });
})();
