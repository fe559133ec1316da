"""Tutorial 4 clicked through: a guess by keyboard, the point dragged over the kink, an exercise solved and its check right."""

from __future__ import annotations

import re

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

from tests.browser.test_tutorials import PATIENCE, TUTORIALS, run_tutorial, shot

SOLVE = """async ([mark, source]) => {
    const app = window.jupyterapp, notebook = app.shell.currentWidget.content;
    const index = notebook.widgets.findIndex(cell => cell.model.sharedModel.getSource().includes(mark));
    notebook.widgets[index].model.sharedModel.setSource(source);
    notebook.activeCellIndex = index;
    await app.commands.execute('notebook:run-cell-and-select-next');
    await app.commands.execute('notebook:run-cell-and-select-next');
}"""


def test_tutorial_4(lab, page: Page) -> None:
    run_tutorial(lab, page, "04_kinks_and_conventions.ipynb", "lesson")

    guess = page.get_by_placeholder("a number, then Enter").first
    guess.fill("one")
    guess.press("Enter")
    expect(page.get_by_text("Write a number").first).to_be_visible(timeout=PATIENCE)
    guess.fill("1")
    guess.press("Enter")
    expect(page.get_by_text("Stored.").first).to_be_visible(timeout=PATIENCE)

    plot = page.locator("[data-view=plot]").first
    plot.scroll_into_view_if_needed()
    note = plot.locator(".wgt-plot-note")
    expect(note).to_contain_text("both: AD 0, 1 on the left, 1 on the right", timeout=PATIENCE)
    box = plot.locator("svg.wgt-plot-canvas").bounding_box()
    assert box is not None
    middle = box["y"] + 0.5 * box["height"]
    page.mouse.move(box["x"] + 0.5 * box["width"], middle)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.8 * box["width"], middle, steps=5)
    page.mouse.up()
    expect(note).to_contain_text("both: AD 1, 1 on the left, 1 on the right", timeout=PATIENCE)
    shot(page, "tutorial_4_plot")

    expect(page.get_by_text(re.compile("Not yet. stage"))).to_be_visible()
    solution = (TUTORIALS / "solutions" / "04_kinks_and_conventions.ipy").read_text(encoding="utf-8")
    stage = solution.split("# %% stage\n")[1].split("# %% ")[0]
    page.evaluate(SOLVE, ["# Exercise: stage", stage])
    expect(page.get_by_text(re.compile("Right. stage"))).to_be_visible(timeout=PATIENCE)
    shot(page, "tutorial_4_right")
    assert lab.errors(page) == []
