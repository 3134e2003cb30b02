"""The report in a real browser, without a network, on a laptop's and on a phone's screen."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pandas as pd
import pytest

from ganstudy.analysis.frames.load import load_study
from ganstudy.analysis.report.html import write_report

pytestmark = pytest.mark.slow
LAPTOP, PHONE = (1366, 768), (390, 844)
LONG = "a_remedy_with_a_name_that_goes_on_and_on_" * 4


@pytest.fixture(scope="module")
def browser(benchmark_module):
    """tests/benchmarks/chromium.py."""
    pytest.importorskip("selenium")
    module = benchmark_module("chromium")
    if module.missing():
        pytest.skip(module.missing())
    return module


@pytest.fixture(scope="module")
def page(benchmark_module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a made-up study of 60 trials, with one name that is far too long."""
    made_study, folder = benchmark_module("made_study"), tmp_path_factory.mktemp("made up")
    study = load_study("made-up", made_study.fill_store(folder, 60))
    study.trials["remedies"] = study.trials["remedies"].replace("feature_matching", LONG)
    study.trials.loc[3, "error"] = f"RuntimeError: {LONG}"
    study.question = f"Which of {LONG} helps?"
    return write_report(study, folder / "report.html")


def complaints(driver) -> list[str]:
    return [
        entry["message"]
        for entry in driver.get_log("browser")
        if entry["level"] in ("SEVERE", "WARNING")
    ]


def requests(driver) -> list[str]:
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [
        e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"
    ]


def until(driver, script: str, seconds: float = 30.0):
    """The value of `script` as soon as it is true."""
    end = time.monotonic() + seconds
    while not (value := driver.execute_script(script)):
        assert time.monotonic() < end, f"still false after {seconds} s: {script}"
        time.sleep(0.05)
    return value


@pytest.mark.parametrize("size", [LAPTOP, PHONE], ids=["laptop", "phone"])
def test_a_reader_finds_draws_and_downloads(size, browser, page, tmp_path) -> None:
    with browser.chromium(*size, downloads=tmp_path) as driver:
        driver.get(page.as_uri())
        # The answer stands on the first screen.
        claims = driver.find_elements("css selector", ".answer li strong")
        assert 2 <= len(claims) <= 5
        assert any("has the best FID" in claim.text for claim in claims)
        assert all(claim.rect["y"] < size[1] - 100 for claim in claims)
        if size == LAPTOP:
            # With samples, the effects and the failures, on a screen without scrolling.
            for part in (".bands img", ".first .plot", ".share .bar"):
                found = driver.find_elements("css selector", part)
                assert found and all(each.rect["y"] < size[1] for each in found), part
        # Figures are drawn when they come near, not before.
        plots = driver.execute_script("return document.querySelectorAll('.plot').length")
        assert plots > 10
        driver.execute_script("document.querySelector('.plot').scrollIntoView()")
        until(driver, "return document.querySelectorAll('.plot[data-drawn] .main-svg').length > 0")
        assert (
            driver.execute_script("return document.querySelectorAll('.plot[data-drawn]').length")
            < plots
        )
        # Every entry of the table of contents leads to its section.
        for link in driver.find_elements("css selector", "nav a"):
            driver.execute_script("arguments[0].click()", link)
            name = link.get_attribute("href").split("#")[1]
            until(
                driver,
                f"return Math.abs(document.getElementById('{name}').getBoundingClientRect().top) < innerHeight",
            )
        # What is folded is drawn once it is opened.
        driver.execute_script(
            "document.querySelectorAll('details').forEach((part) => (part.open = true))"
        )
        for plot in driver.find_elements("css selector", ".plot"):
            driver.execute_script("arguments[0].scrollIntoView()", plot)
            until(
                driver,
                f"return document.querySelector('[data-figure={plot.get_attribute('data-figure')}] .main-svg')",
            )
        # Nothing is wider than the screen, with everything opened.
        rights = "return [...document.querySelectorAll('table')].map((t) => t.getBoundingClientRect().right)"
        assert max(driver.execute_script(rights)) <= size[0] + 1, "no table is scrolled sideways"
        assert driver.execute_script("return document.documentElement.scrollWidth") <= size[0]
        drawn = "return [...document.querySelectorAll('.main-svg')].map((s) => s.getBoundingClientRect().right)"
        assert max(driver.execute_script(drawn)) <= size[0]
        # A curve goes when its name in the legend is clicked.
        plot = "document.querySelector('[data-figure=plot-convergence]')"
        driver.execute_script(f"{plot}.scrollIntoView({{block: 'center'}})")
        toggle = driver.find_elements(
            "css selector", "[data-figure=plot-convergence] .legendtoggle"
        )[0]
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", mouse(driver, toggle, "mousePressed"))
        driver.execute_cdp_cmd("Input.dispatchMouseEvent", mouse(driver, toggle, "mouseReleased"))
        until(driver, f"return {plot}.data.some((trace) => trace.visible === 'legendonly')")
        # Every table is sorted by a click on a heading, and the other way round by another.
        sort = "document.querySelector('#all_trials table').querySelectorAll('th')[1].click()"
        scores = "return [...document.querySelectorAll('#all_trials table td:nth-child(2)')].map((c) => c.dataset.key)"
        for sign in (1, -1):
            driver.execute_script(sort)
            found = [float(key) for key in driver.execute_script(scores)]
            assert len(found) == 60 and found == sorted(found, reverse=sign < 0)
        # A table comes as a file.
        driver.execute_script("document.querySelector('[data-packed=csv-trials]').click()")
        table = tmp_path / "made-up-trials.csv"
        end = time.monotonic() + 30
        while not table.exists():
            assert time.monotonic() < end, "no download came"
            time.sleep(0.05)
        assert len(pd.read_csv(table)) == 60
        assert complaints(driver) == []
        assert [
            url for url in requests(driver) if not url.startswith(("file:", "data:", "blob:"))
        ] == []


def mouse(driver, element, kind: str) -> dict[str, object]:
    box = driver.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.x, b.y, b.width, b.height]",
        element,
    )
    return {
        **{"type": kind, "x": box[0] + box[2] / 2, "y": box[1] + box[3] / 2},
        **{"button": "left", "clickCount": 1},
    }


def test_on_paper_what_is_open_is_drawn_as_wide_as_the_page(browser, page) -> None:
    with browser.chromium(*LAPTOP) as driver:
        driver.get(page.as_uri())
        driver.execute_script("document.querySelector('.plot').scrollIntoView()")
        until(driver, "return document.querySelectorAll('.plot[data-drawn]').length > 0")
        time.sleep(1)  # until the browser has prepared the figures that are far away
        driver.execute_script("window.dispatchEvent(new Event('beforeprint'))")
        folded = "document.querySelectorAll('details:not([open])').length"
        visible = "[...document.querySelectorAll('.plot')].filter((p) => !p.closest('details:not([open])'))"
        until(driver, f"return {visible}.every((plot) => plot.dataset.drawn)")
        assert driver.execute_script(f"return {folded}") > 10, "folded tables stay folded"
        widths = driver.execute_script(
            f"return {visible}.map((p) => p.querySelector('.main-svg').getBoundingClientRect().width)"
        )
        assert len(widths) > 5 and max(widths) <= 660, "pixels of a page of A4"
        driver.execute_script("window.dispatchEvent(new Event('afterprint'))")
        width = "p.querySelector('.main-svg').getBoundingClientRect().width"
        until(driver, f"return Math.max(...{visible}.map((p) => {width})) > 700")
        assert complaints(driver) == []


def test_on_a_dark_page_figures_have_light_letters(browser, page) -> None:
    with browser.chromium(*LAPTOP) as driver:
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        driver.get(page.as_uri())
        until(driver, "return document.querySelector('.first .plot .main-svg')")
        text = "getComputedStyle(document.querySelector('.first .plot text')).fill"
        back = "getComputedStyle(document.body).backgroundColor"
        ink, paper = driver.execute_script(f"return [{text}, {back}]")
        assert brightness(ink) > 180 > 60 > brightness(paper)


def brightness(colour: str) -> float:
    red, green, blue = map(float, colour[colour.index("(") + 1 : -1].split(",")[:3])
    return (red + green + blue) / 3


def test_a_figure_that_cannot_be_drawn_says_so(browser, page, tmp_path) -> None:
    broken = tmp_path / "broken.html"
    text = page.read_text()
    start = text.index(">", text.index('id="plot-k"')) + 1
    broken.write_text(text[:start] + "no such letters" + text[text.index("</script>", start) :])
    with browser.chromium(*LAPTOP) as driver:
        driver.get(broken.as_uri())
        driver.execute_script("document.querySelector('[data-figure=plot-k]').scrollIntoView()")
        said = "return document.querySelector('[data-figure=plot-k]').textContent.includes('could not be drawn')"
        until(driver, said)
