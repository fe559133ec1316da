"""The views in JupyterLab: each opens, answers to its main interaction, and follows the light and the dark theme.
"""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

SAMPLES = Path(__file__).parents[1] / "widgets"
SETUP = f"import sys; sys.path.insert(0, {str(SAMPLES)!r}); import samples; import wengert.widgets as w"
PATIENCE = 60_000  # milliseconds, for a loaded machine


def open_view(lab, page: Page, *cells: str) -> None:
    page.set_viewport_size({"width": 1500, "height": 1050})
    lab.open(page, lab.notebook(SETUP, *cells))
    # The side bar would take a third of the width from the notebook.
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []
    expect(page.locator(".wgt").first).to_be_visible(timeout=PATIENCE)


def node(page: Page, name: str):
    return page.locator(f'[data-node="{name}"]')


def region(page: Page, name: str):
    return page.locator(f'[data-region="{name}"]')


def text_sizes(page: Page) -> float:
    """The smallest font size among elements with text of their own, in CSS pixels."""
    return page.locator(".wgt").first.evaluate(
        """root => Math.min(...[...root.querySelectorAll('*')]
            .filter(e => e.tagName !== 'title' && [...e.childNodes].some(c => c.nodeType === 3 && c.textContent.trim()))
            .map(e => parseFloat(getComputedStyle(e).fontSize)))"""
    )


def test_graph_node_round_trip_and_regions(lab, page, picture):
    open_view(lab, page, "v = w.view(samples.graph()); v")
    expect(region(page, "loop")).to_have_attribute("aria-expanded", "false")
    expect(node(page, "flux")).to_have_count(0)

    region(page, "loop").hover()
    place = region(page, "loop").bounding_box()
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] / 2 + 2, place["y"] + place["height"] / 2 + 1)  # as a hand does
    page.mouse.up()
    expect(region(page, "a_loop")).to_have_attribute("aria-expanded", "true")  # its mirror opens with it
    expect(node(page, "a_flux1")).to_be_visible()
    # The picture keeps its mirror symmetry: both halves of one operation are level.
    levels = [node(page, name).bounding_box() for name in ("lap", "a_lap")]
    assert abs(levels[0]["y"] - levels[1]["y"]) < 1

    node(page, "flux").click()
    expect(page.get_by_test_id("kernel-detail")).to_contain_text("reads    k, lap (laplacian)", timeout=PATIENCE)
    expect(page.locator('.wgt-line[data-line="5"]')).to_have_class("wgt-line wgt-line-active wgt-lit")
    expect(page.get_by_test_id("detail")).to_contain_text("flux = multiply k, lap")
    assert text_sizes(page) >= 12
    picture(page.locator(".wgt").first, "graph")


def test_graph_selection_reaches_python(lab, page):
    explain = "w.GraphView(samples.graph(), explain=lambda node: f'the kernel explains {node}')"
    open_view(lab, page, f"v = {explain}; v")
    node(page, "dd").click()
    expect(page.get_by_test_id("kernel-detail")).to_have_text("the kernel explains dd", timeout=PATIENCE)
    # With the keyboard: the arrow moves to the node below, Enter selects it.
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("kernel-detail")).to_have_text("the kernel explains sum", timeout=PATIENCE)
    place = node(page, "sum").bounding_box()
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("+")
    moved = node(page, "sum").bounding_box()
    assert moved["width"] > 1.2 * place["width"]


def test_graph_search_opens_the_region(lab, page):
    open_view(lab, page, "w.view(samples.graph())")
    search = page.get_by_label("find an operation")
    search.fill("laplacian")
    expect(region(page, "loop")).to_have_class("wgt-region wgt-primal wgt-closed wgt-match")
    search.press("Enter")
    expect(node(page, "lap")).to_have_attribute("aria-pressed", "true", timeout=PATIENCE)


def test_graph_draws_at_most_200(lab, page):
    open_view(lab, page, "v = w.view(samples.long_graph()); v")
    for name in range(12):
        region(page, f"r{name}").dispatch_event("click")
        expect(region(page, f"r{name}")).to_have_attribute("aria-expanded", "true")
    assert page.locator("[data-item]").count() <= 200


def test_placement_sort_and_select(lab, page, picture):
    open_view(lab, page, "v = w.view(samples.placement()); v")
    arrays = page.locator(".wgt-ledger tbody .wgt-code")
    expect(arrays).to_have_text(["u", "target", "result", "grad_u"])
    page.get_by_role("button", name="bytes", exact=True).click()
    expect(arrays).to_have_text(["u", "grad_u", "target", "result"])
    expect(page.locator('th[data-column="bytes"]')).to_have_attribute("aria-sort", "descending")
    page.locator('.wgt-arrows [data-order="4"]').click()
    expect(page.locator('tr[data-row="4"]')).to_have_attribute("aria-selected", "true")
    expect(page.locator('[data-device="cuda:1"]')).to_contain_text("Not available: the driver lists one GPU")
    assert text_sizes(page) >= 12
    picture(page.locator(".wgt").first, "placement")


def test_timing_scale(lab, page, picture):
    open_view(lab, page, "v = w.view(samples.timing()); v")
    expect(page.get_by_role("button", name="Log")).to_have_attribute("aria-pressed", "true")
    picture(page.locator(".wgt").first, "timing")
    page.get_by_role("button", name="Linear").click()
    expect(page.get_by_role("button", name="Linear")).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".wgt-timing")).to_contain_text("35.6× faster")
    expect(page.locator(".wgt-timing")).to_contain_text("Not available: the driver lists one GPU")
    assert text_sizes(page) >= 12


PANEL = """
calls = []
def build(name):
    calls.append(name)
    if name == 'broken' and calls.count('broken') == 1:
        raise RuntimeError('no GPU answered')
    return samples.timing() if name == 'broken' else getattr(samples, name)()
panel = w.Panel('grad_misfit compiled in 94 ms for f64[n], f64, i64', {
    'Graph': lambda: build('graph'), 'Placement': lambda: build('placement'), 'Timings': lambda: build('broken')})
panel
"""


def test_panel_builds_a_tab_when_it_is_opened(lab, page, picture):
    open_view(lab, page, PANEL)
    expect(page.locator('[data-view="graph"]')).to_be_visible(timeout=PATIENCE)
    expect(page.locator('[data-view="placement"]')).to_have_count(0)
    picture(page.locator(".wgt").first, "panel")
    page.get_by_role("tab", name="Placement").click()
    expect(page.locator('[data-view="placement"]')).to_be_visible(timeout=PATIENCE)
    expect(page.locator('[data-view="graph"]')).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("alert").locator("visible=true")).to_contain_text(
        "RuntimeError: no GPU answered", timeout=PATIENCE
    )
    page.get_by_role("button", name="Try again").click()
    expect(page.locator('[data-view="timing"]')).to_be_visible(timeout=PATIENCE)
    assert run_in_kernel(lab, page, "calls") == "['graph', 'placement', 'broken', 'broken']"


def test_panel_closes_its_children(lab, page):
    open_view(lab, page, "from ipywidgets import Widget\nimport ipywidgets.widgets.widget as registry\n" + PANEL)
    page.get_by_role("tab", name="Placement").click()
    expect(page.locator('[data-view="placement"]')).to_be_visible(timeout=PATIENCE)
    left = "sorted(type(i).__name__ for i in registry._instances.values() if type(i).__module__.startswith('wengert'))"
    assert run_in_kernel(lab, page, left) == "['GraphView', 'Library', 'Panel', 'PlacementView']"
    assert run_in_kernel(lab, page, f"panel.close() or {left}") == "['Library']"


def test_views_share_one_engine(lab, page):
    open_view(lab, page, "w.view(samples.graph())", "w.view(samples.timing())", "w.view(samples.placement())")
    expect(page.locator(".wgt")).to_have_count(3, timeout=PATIENCE)
    assert page.evaluate("() => document.querySelectorAll('style[data-wengert]').length") == 1


REVERT = "() => window.jupyterapp.shell.currentWidget.context.revert()"


def test_a_notebook_is_saved_with_its_views(lab, page):
    nbconvert = pytest.importorskip("nbconvert")
    name = lab.notebook(f"{SETUP}\n{PANEL}")
    lab.open(page, name)
    lab.run_all(page)
    placement = page.locator('[data-view="placement"]')
    page.get_by_role("tab", name="Placement").click()
    expect(placement).to_be_visible(timeout=PATIENCE)
    lab.save(page)
    page.evaluate(REVERT)  # read again in the same page
    expect(placement).to_be_visible(timeout=PATIENCE)
    document = nbformat.read(lab.root / name, 4)
    assert "laplacian" in document.cells[0].outputs[0].data["text/plain"]
    # As a hosting site shows it, which removes scripts: the picture, although the notebook has the state of the widgets.
    converted = nbconvert.HTMLExporter(template_name="basic").from_filename(lab.root / name)[0]
    assert '<img alt="grad_misfit compiled in 94 ms for f64[n], f64, i64' in converted
    assert 'type="application/vnd.jupyter.widget-view+json"' not in converted

    lab.open(page, name)  # the kernel is still there
    expect(placement).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".jupyter-widgets-disconnected")).to_have_count(0)
    page.get_by_role("tab", name="Timings").click()
    expect(page.get_by_role("alert")).to_contain_text("no GPU answered", timeout=PATIENCE)
    page.get_by_role("tab", name="Graph").click()
    assert run_in_kernel(lab, page, "calls") == "['graph', 'placement', 'broken']"
    lab.save(page)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")

    lab.open(page, name)  # with a new kernel, which knows nothing of them
    expect(page.locator('[data-view="graph"]')).to_be_visible(timeout=PATIENCE)
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    region(page, "loop").click()
    node(page, "flux").click()
    expect(page.get_by_test_id("detail")).to_contain_text("flux = multiply k, lap")
    # JupyterLab's own debugger may be asking the kernel that was just shut down.
    page.console_errors[:] = [error for error in page.console_errors if "debugger state" not in error]

    document.metadata["title"] = "changed elsewhere, so that it is not trusted"
    nbformat.write(document, lab.root / name)
    page.evaluate(REVERT)
    expect(page.locator(".jp-OutputArea-output img")).to_be_visible(timeout=PATIENCE)
    assert page.locator(".wgt").count() == 0


def run_in_kernel(lab, page: Page, expression: str) -> str:
    """The repr of an expression in the kernel of the open notebook, without touching its cells."""
    return page.evaluate(
        """async code => {
            const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const future = kernel.requestExecute({code: '', silent: true, user_expressions: {value: code}});
            const reply = await future.done;
            const value = reply.content.user_expressions.value;
            return value.status === 'ok' ? value.data['text/plain'] : `${value.ename}: ${value.evalue}`;
        }""",
        expression,
    )


MOVES = """
from dataclasses import replace
from wengert.magics.whatif import Calibration, CostModel, WhatIf
import wengert as wg
def misfit(x: float, n: int) -> float:
    for _ in range(n):
        x = x - 0.1 * x * x
    return x
costs = CostModel()
costs._known.update({"cpu": Calibration(1e-7, 1e-9, 0.0), "cuda:0": Calibration(1e-5, 1e-11, 1e-10)})
asked = WhatIf(samples.placement(), [(wg.jit(misfit), (2.0, 50), ("x", "n"))], costs)
v = w.PlacementView(asked.model, asked.answer); v
"""


def test_what_is_dragged_to_a_device_is_asked_about(lab, page):
    open_view(lab, page, MOVES)
    cpu, gpu, gone = (page.locator(f'[data-device="{name}"]') for name in ("cpu", "cuda:0", "cuda:1"))
    function = page.locator('[data-move="function:misfit"]')
    function.drag_to(gpu)
    expect(gpu.locator("[data-estimate]")).to_contain_text("computing", timeout=PATIENCE)
    page.locator('[data-move="value:u"]').press("ArrowLeft")
    expect(cpu.locator('[data-estimate="value:u"]')).to_contain_text("copied", timeout=PATIENCE)
    function.drag_to(gone)
    expect(page.get_by_test_id("what-if")).to_contain_text("cuda:1 cannot be used: the driver lists one GPU")
    expect(gone.locator("[data-estimate]")).to_have_count(0)
