"""What happens to a panel later: its function is deleted, its kernel ends, and a place beside the notebook takes over."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds, for a loaded machine
SETUP = "import numpy as np\nimport wengert as wg\n%load_ext wengert"
CELL = "%%autodiff\ndef square(x: float) -> float:\n    return x * np.sin(x)\n\ngrad_square(2.0)"


def open_cells(lab, page, *cells: str) -> None:
    page.set_viewport_size({"width": 1600, "height": 1050})
    lab.open(page, lab.notebook(SETUP, *cells))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []


def test_a_deleted_function_and_a_dead_kernel(lab, page):
    open_cells(lab, page, CELL, "del square\ngrad_square = 0")
    panel = page.locator(".wgt-panel")
    expect(panel.locator(".wgt-status")).to_contain_text("square was deleted since; grad_square is another object now")
    for title, view in (("Timings", "timing"), ("Memory", "memory"), ("Explore", "explore")):
        panel.get_by_role("tab", name=title).click()  # the panel itself has them still
        expect(panel.locator(f'[data-view="{view}"]')).to_be_visible(timeout=PATIENCE)
    value = panel.get_by_test_id("value")
    before = value.inner_text()
    panel.get_by_label("x", exact=True).fill("600")
    expect(value).not_to_have_text(before, timeout=PATIENCE)
    panel.get_by_role("tab", name="Memory").click()
    panel.get_by_role("button", name="Measure one call").click()
    expect(panel.get_by_test_id("cost")).to_contain_text("a call, measured", timeout=PATIENCE)

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    said = panel.locator(".wgt-hearing").locator("visible=true")
    panel.get_by_role("button", name="Measure one call").click()
    expect(said).to_contain_text("No kernel answers", timeout=PATIENCE)
    panel.get_by_role("tab", name="Timings").click()
    panel.get_by_role("button", name="Measure", exact=True).click()
    expect(said).to_contain_text("No kernel answers", timeout=PATIENCE)
    expect(panel.get_by_role("button", name="Measure", exact=True)).to_be_visible()  # not for ever at work
    panel.get_by_role("tab", name="Explore").click()
    panel.get_by_label("x", exact=True).fill("700")
    expect(said).to_contain_text("No kernel answers", timeout=PATIENCE)
    panel.get_by_role("tab", name="Placement").click()
    expect(panel.locator(".wgt-working").locator("visible=true")).to_contain_text("run the cell again", timeout=PATIENCE)
    # JupyterLab's own debugger may be asking the kernel that was just shut down.
    page.console_errors[:] = [error for error in page.console_errors if "debugger state" not in error]


def test_the_panel_beside_the_notebook(lab, page, picture):
    open_cells(lab, page, CELL, "%wengert lab", CELL.replace("square", "other"))
    beside = page.locator(".wgt-lab")
    expect(beside.locator(".wgt-panel .wgt-status")).to_contain_text("other, grad_other compiled", timeout=PATIENCE)
    expect(page.locator(".jp-OutputArea .wgt-panel")).to_have_count(1)  # that of the cell before; nothing is shown twice
    notebook = page.locator(".jp-NotebookPanel").bounding_box()
    assert beside.bounding_box()["x"] >= notebook["x"] + notebook["width"] - 2
    expect(beside.locator('[data-view="graph"]')).to_be_visible(timeout=PATIENCE)
    beside.get_by_role("tab", name="Findings").click()
    expect(beside.locator('[data-view="findings"]')).to_be_visible(timeout=PATIENCE)
    picture(page.locator("#jp-main-dock-panel"), "lab")
    page.locator('.lm-TabBar-tab:has-text("Wengert") .lm-TabBar-tabCloseIcon').click()
    expect(beside).to_have_count(0)
    expect(page.get_by_text("The panel was closed; %wengert lab opens it again.")).to_be_visible()
