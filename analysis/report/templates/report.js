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
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  // What figures draw in black, and what lies behind them, in the colours of a dark page.
  const LIGHT_INK = "#e0e0e0";
  const INKS = { "#333333": LIGHT_INK, "#555555": "#bbbbbb", "#777777": "#999999", "#B8B8B8": "#5c5c5c", "#000000": LIGHT_INK };
  const recoloured = (part) => {
    if (Array.isArray(part)) return part.map(recoloured);
    if (typeof part === "string") return INKS[part] ?? part;
    if (part === null || typeof part !== "object" || ArrayBuffer.isView(part)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, recoloured(value)]));
  };
  const styled = ({ data, layout }, isDark) => {
    const changed = isDark ? recoloured({ data, layout }) : structuredClone({ data, layout });
    const ink = isDark ? LIGHT_INK : "#1f1f1f";
    Object.assign(changed.layout, { paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" });
    changed.layout.font = { ...changed.layout.font, color: ink };
    for (const key of Object.keys(changed.layout).filter((name) => /^[xy]axis\d*$/.test(name))) {
      const line = isDark ? "#3a3d42" : "#ebf0f8";
      const axis = Object.assign(changed.layout[key], { gridcolor: line, zerolinecolor: line, linecolor: line });
      if (axis.title?.text) axis.title = { ...axis.title, font: { ...axis.title.font, size: axis.title.font?.size ?? 13 } };
    }
    for (const menu of changed.layout.updatemenus ?? []) Object.assign(menu, { bgcolor: "#dcdcdc", font: { color: "#1f1f1f" } });
    return changed;
  };
  const prepare = async (element) => {
    const [figure] = await Promise.all([unpacked(element.dataset.figure), plotly()]);
    if (!described.has(element)) described.set(element, JSON.parse(figure));
  };
  const paint = (element, changes = {}, isDark = dark.matches) => {
    element.dataset.drawn = "yes";
    const { data, layout } = styled(described.get(element), isDark);
    window.Plotly.react(element, data, { ...layout, ...changes }, settings);
  };
  const draw = async (element) => {
    try {
      await prepare(element);
      if (!element.dataset.drawn) paint(element);
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
    (window.requestIdleCallback ?? setTimeout)(() => plots.forEach((element) => prepare(element).catch(() => {})));
    dark.addEventListener("change", () => plots.filter((element) => element.dataset.drawn).forEach((element) => paint(element)));
  } else {
    plots.forEach((element) => {
      element.textContent = "This browser is too old to draw the figures; the tables hold their numbers.";
    });
  }

  const download = async (button) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([await unpacked(button.dataset.packed)], { type: "text/plain" }));
    link.download = button.dataset.file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };

  // A heading sorts its table, again the other way round: by number where there are numbers. Of a table
  // that the page shows a part of, all rows are sorted.
  const byKey = (index, sign) => (one, other) => {
    const [a, b] = [one.keys[index], other.keys[index]];
    const order = typeof a === "number" && typeof b === "number" ? a - b || 0 : String(a).localeCompare(String(b), "en", { numeric: true });
    return sign * order;
  };
  const keyOf = (cell) => ("key" in cell.dataset ? Number(cell.dataset.key.replace("inf", "Infinity")) : cell.textContent);
  const sort = async (heading) => {
    const table = heading.closest("table");
    const headings = [...heading.parentElement.children];
    const index = headings.indexOf(heading);
    const sign = heading.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    const body = table.tBodies[0];
    const shown = [...body.rows];
    headings.forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    if (!table.dataset.rows) {
      const rows = shown.map((row) => ({ row, keys: [...row.cells].map(keyOf) }));
      body.append(...rows.sort(byKey(index, sign)).map(({ row }) => row));
      return;
    }
    table.every ??= JSON.parse((await unpacked(table.dataset.rows)).replaceAll("Infinity", "1e999")).map(([texts, keys]) => ({
      texts,
      keys: keys.map((key, at) => key ?? texts[at]),
    }));
    const first = [...table.every].sort(byKey(index, sign)).slice(0, shown.length);
    first.forEach(({ texts }, at) => texts.forEach((text, column) => (shown[at].cells[column].textContent = text)));
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-packed]");
    if (button) download(button);
    const heading = event.target.closest("th");
    if (heading) sort(heading);
  });

  // On paper figures are as wide as the page and dark on white; what is folded stays folded.
  const PAPER = 660;
  const isVisible = (element) => element.offsetParent !== null && !element.closest("details:not([open])");
  window.addEventListener("beforeprint", () => {
    plots.filter((element) => described.has(element) && isVisible(element)).forEach((element) => {
      const beside = element.closest(".pair, .first");
      paint(element, { width: beside ? PAPER / 2 : PAPER, autosize: false }, false);
    });
  });
  window.addEventListener("afterprint", () => {
    plots.filter((element) => element.dataset.drawn).forEach((element) => {
      paint(element, { width: undefined, autosize: true });
      // Of a width that is not given any more plotly would keep the last.
      if (isVisible(element)) window.Plotly.Plots.resize(element);
    });
  });
})();
