"""The graph tab of a real cell: paths, colours, values at the last call, and saving."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds, for a loaded machine
SETUP = "import numpy as np\nimport wengert as wg\n%load_ext wengert"
CELL = """%%autodiff --wrt k
def misfit(k: float, damping: float, n: int) -> float:
    drag = np.exp(-damping)
    speed = 1.0
    total = 0.0
    for step in range(n):
        speed = speed + 0.1 * np.sin(k * speed) * drag
        total += (speed - 1.5) ** 2
    return total + k * k

grad_misfit(1.0, 0.5, 50)"""


@pytest.fixture
def graph(lab, page):
    page.set_viewport_size({"width": 1500, "height": 1050})
    lab.open(page, lab.notebook(SETUP, CELL))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []
    shown = page.locator('.wgt-panel [data-view="graph"]')
    expect(shown).to_be_visible(timeout=PATIENCE)
    return shown


def test_paths_colours_and_values(graph, page, picture):
    picture(page.locator(".jp-CodeCell").nth(1), "cell")
    graph.locator(".wgt-region").first.click()
    graph.locator('.wgt-node:has-text("np.exp(")').first.hover()  # not clicked
    expect(graph.locator('.wgt-line[data-line="3"]')).to_have_attribute("aria-current", "true")
    expect(graph.get_by_test_id("detail")).to_contain_text("stored: ")
    graph.get_by_label("from argument").select_option("k")
    graph.get_by_role("button", name="Show", exact=True).click()
    expect(graph.get_by_test_id("path")).to_contain_text("a shortest way: k→", timeout=PATIENCE)
    expect(graph.locator(".wgt-on-path.wgt-node").first).to_be_visible()
    picture(graph, "graph_path")
    graph.get_by_role("button", name="Clear").click()
    expect(graph.locator(".wgt-tracing")).to_have_count(0)

    colours = graph.get_by_label("colour by")
    colours.select_option("sweep")
    expect(graph.locator(".wgt-legend")).to_contain_text("stored")
    picture(graph, "graph_sweep")
    colours.select_option("size")  # asks for a watched run
    expect(graph.locator(".wgt-heated").first).to_be_visible(timeout=PATIENCE)
    picture(graph, "graph_size")
    graph.locator('.wgt-node:has-text("∂k +=")').first.click()
    expect(graph.get_by_test_id("value")).to_contain_text("of 50 runs", timeout=PATIENCE)
    colours.select_option("half")


    for button, start in SAVED.items():
        with page.expect_download() as waiting:
            graph.get_by_role("button", name=button).click()
        content = Path(waiting.value.path()).read_bytes()
        assert content.startswith(start) and len(content) > 500
        assert b"var(--" not in content


SAVED = {"save the picture as PNG": b"\x89PNG", "save the picture as SVG": b"<svg", "save the program as text": b"func @"}
