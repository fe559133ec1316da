"""Tutorial 1 in JupyterLab: a guess is stored, the plot answers to its slider and to dragging, a check says what is off."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

from tests.browser.test_tutorials import PATIENCE, run_tutorial, shot


def test_tutorial_1(lab, page: Page) -> None:
    run_tutorial(lab, page, "01_differentiates_the_program.ipynb", "lesson")

    plot = page.locator("[data-view=plot]").first
    plot.scroll_into_view_if_needed()
    expect(plot).to_be_visible(timeout=PATIENCE)
    note = plot.locator(".wgt-plot-note")
    before = note.inner_text()
    plot.locator("input[type=range]").fill("900")
    expect(note).not_to_have_text(before, timeout=PATIENCE)
    moved = note.inner_text()
    canvas = plot.locator("svg.wgt-plot-canvas")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 0.5 * box["height"])
    expect(note).not_to_have_text(moved, timeout=PATIENCE)
    shot(page, "tutorial_1_plot")
    check = page.get_by_text("Not yet.").first
    check.scroll_into_view_if_needed()
    expect(check).to_be_visible()
    shot(page, "tutorial_1_check")
