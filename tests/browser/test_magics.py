"""A cell under `%%autodiff` in JupyterLab: one panel, whose tabs open, and an error without frames of ours."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import expect

PATIENCE = 60_000  # milliseconds, for a loaded machine
SETUP = "import numpy as np\nimport wengert as wg\n%load_ext wengert"
CELL = """%%autodiff
def misfit(x: float, n: int) -> float:
    total = 0.0
    for k in range(n):
        total += np.sin(k * x) * x
    return total

grad_misfit(1.0, 10)"""


def test_a_cell_shows_one_panel_with_its_tabs(lab, page):
    page.set_viewport_size({"width": 1500, "height": 1050})
    lab.open(page, lab.notebook(SETUP, CELL))
    lab.run_all(page)
    assert lab.errors(page) == []
    panel = page.locator(".wgt-panel")
    expect(panel).to_have_count(1, timeout=PATIENCE)
    expect(panel).to_contain_text("misfit, grad_misfit compiled for (x: f64, n: i64)")
    expect(panel.locator('[data-view="graph"]')).to_be_visible(timeout=PATIENCE)
    for title, view in (("Placement", "placement"), ("Timings", "timing")):
        panel.get_by_role("tab", name=title).click()
        expect(panel.locator(f'[data-view="{view}"]')).to_be_visible(timeout=PATIENCE)
    panel.get_by_role("tab", name="Placement").click()
    panel.locator('[data-move="function:grad_misfit"]').press("Enter")
    answer = panel.locator('[data-device="cpu"] [data-estimate="function:grad_misfit"]')
    expect(answer).to_contain_text("computing", timeout=PATIENCE)
    answer.get_by_role("button", name="measure").click()
    expect(answer).to_contain_text("measured", timeout=PATIENCE)
    expect(panel.get_by_test_id("said")).to_contain_text("Predictions that were measured were off by")


def test_a_compile_error_is_the_line_with_a_caret(lab, page):
    lab.open(page, lab.notebook(SETUP, "%%autodiff\ndef f(x: float) -> float:\n    return x * nowhere"))
    lab.run_all(page)
    (error,) = lab.errors(page)
    assert error["ename"] == "CompileError"
    shown = "\n".join(error["traceback"])
    assert shown.startswith("Cell In[2], line 3, column 16\n")
    assert "magics" not in shown
