"""Every tab of the panel with the keyboard alone: all of it is reached, and the focus is seen and stays."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

PATIENCE = 60_000  # milliseconds, for a loaded machine
SETUP = """import os
os.environ["WENGERT_SIMULATE_GPU"] = "1"
import numpy as np
from numpy.typing import NDArray
%load_ext wengert"""
CELL = """%%offload cuda:0
%%autodiff --wrt k
def misfit(k: float, u: NDArray[np.float64], n: int) -> float:
    v = u * 1.0
    for step in range(n):
        v = v + 0.1 * np.sin(k * v)
    return np.sum(v * v) + abs(k - 1.0)

misfit(1.0, np.linspace(0.0, 1.0, 50), 20), grad_misfit_cuda0(1.0, np.linspace(0.0, 1.0, 50), 20)"""
FOCUSED = """() => {
    const e = document.activeElement;
    const style = getComputedStyle(e);
    const marked = [e, ...e.querySelectorAll('rect')].some(part => {
        const found = getComputedStyle(part);
        return (found.outlineStyle !== 'none' && parseFloat(found.outlineWidth) > 0) || found.strokeWidth === '2.5px';
    });
    return {inside: !!e.closest('.wgt'), marked, what: e.outerHTML.slice(0, 120)};
}"""


def tab_to(page: Page, wanted) -> None:
    """Press Tab until `wanted` has the focus; every stop on the way has to be seen."""
    for _ in range(60):
        if wanted.evaluate("e => e === document.activeElement"):
            return
        page.keyboard.press("Tab")
        stop = page.evaluate(FOCUSED)
        assert stop["inside"], f"the focus left the panel before {wanted}: {stop['what']}"
        assert stop["marked"], f"the focus is not seen: {stop['what']}"
    raise AssertionError(f"Tab does not reach {wanted}")


def focused(wanted) -> None:
    expect(wanted).to_be_focused(timeout=PATIENCE)


def test_all_tabs_with_the_keyboard_alone(lab, page):
    page.set_viewport_size({"width": 1280, "height": 800})
    lab.open(page, lab.notebook(SETUP, CELL))
    lab.run_all(page)
    assert lab.errors(page) == []
    press = page.keyboard.press
    panel = page.locator(".wgt-panel")

    def tab(title: str, view: str):
        """From wherever the focus is back to the strip of tabs, along it to `title`."""
        strip = panel.get_by_role("tab", selected=True)
        strip.focus()
        while panel.get_by_role("tab", selected=True).inner_text() != title:
            press("ArrowRight")
            focused(panel.get_by_role("tab", selected=True))
        shown = panel.locator(f'[data-view="{view}"]')
        expect(shown).to_be_visible(timeout=PATIENCE)
        return shown

    graph = tab("Graph", "graph")
    tab_to(page, graph.get_by_label("find an operation"))
    page.keyboard.type("sin")
    press("Enter")
    found = graph.locator('[data-node][aria-pressed="true"]')
    expect(found).to_have_count(1, timeout=PATIENCE)  # the loop around it was opened
    focused(graph.get_by_label("find an operation"))
    values = graph.get_by_role("button", name="Values at the last call")
    tab_to(page, values)
    press("Enter")
    expect(graph.locator(".wgt-hearing")).to_have_text("", timeout=PATIENCE)
    focused(values)
    loop = graph.locator('[data-region][aria-expanded="true"]').first
    tab_to(page, graph.locator("[data-item][tabindex='0']").first)
    press("ArrowDown")
    press("Enter")
    focused(graph.locator(":focus[data-item]"))
    expect(loop).to_be_attached()

    stages = tab("Stages", "stages")
    tab_to(page, stages.get_by_role("radio", checked=True))
    press("ArrowRight")
    lowered = stages.get_by_role("radio", checked=True)
    focused(lowered)
    expect(stages.locator(".wgt-stage-head").last).to_contain_text(lowered.locator(".wgt-stage-title").inner_text())
    source = stages.get_by_label("source code")
    tab_to(page, source)
    press("ArrowDown")
    expect(source.locator(".wgt-lit")).to_have_count(1, timeout=PATIENCE)
    focused(source)

    placement = tab("Placement", "placement")
    chip = placement.locator('[data-move="function:misfit"]')
    tab_to(page, chip)
    press("ArrowRight")
    expect(placement.locator("[data-estimate]")).to_have_count(1, timeout=PATIENCE)
    focused(chip)

    transfers = tab("Transfers", "transfers")
    record = transfers.get_by_role("button", name="Record a call")
    tab_to(page, record)
    press("Enter")
    expect(transfers.locator(".wgt-event-compute").first).to_be_attached(timeout=PATIENCE)
    focused(record)
    timeline = transfers.locator(".wgt-gantt")
    tab_to(page, timeline)
    before = transfers.locator(".wgt-event").count()
    press("+")
    press("+")
    expect(transfers.locator(".wgt-event")).not_to_have_count(before)
    column = transfers.get_by_role("button", name="bytes", exact=True)
    tab_to(page, column)
    press("Enter")
    sorted_by = transfers.locator('th[data-column="bytes"]')
    expect(sorted_by).to_have_attribute("aria-sort", "descending", timeout=PATIENCE)
    focused(sorted_by.get_by_role("button"))

    timings = tab("Timings", "timing")
    tab_to(page, timings.get_by_role("button", name="Measure", exact=True))
    press("Enter")
    stop = timings.get_by_role("button", name="Stop")
    focused(stop)
    press("Enter")
    focused(timings.get_by_role("button", name="Measure", exact=True))

    memory = tab("Memory", "memory")
    limit = memory.get_by_label("memory limit")
    tab_to(page, limit)
    press("ArrowRight")
    expect(memory.locator("output")).not_to_have_text("none", timeout=PATIENCE)
    expect(memory.locator(".wgt-hearing")).to_have_text("", timeout=PATIENCE)
    focused(limit)

    explore = tab("Explore", "explore")
    value = explore.get_by_test_id("value")
    before = value.inner_text()
    slider = explore.get_by_label("k", exact=True)
    tab_to(page, slider)
    press("ArrowRight")
    expect(value).not_to_have_text(before, timeout=PATIENCE)
    focused(slider)

    findings = tab("Findings", "findings")
    again = findings.get_by_role("button", name="Check again")
    tab_to(page, again)
    press("Enter")
    expect(findings.locator(".wgt-summary")).to_contain_text("checked in", timeout=PATIENCE)
    focused(again)
    tab_to(page, findings.get_by_role("listbox"))
    press("ArrowDown")
    expect(findings.get_by_role("option", selected=True)).to_have_count(1, timeout=PATIENCE)
