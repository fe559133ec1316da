"""Tutorial 0 as a reader meets it: run from top to bottom in JupyterLab, with the panels answering."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

TUTORIALS = Path(__file__).parents[2] / "tutorials"
PATIENCE = 60_000  # milliseconds, for a loaded machine


def run_tutorial(lab, page: Page, name: str, *needed: str, width: int = 1400) -> None:
    """Copy a notebook and the folders it needs, open it and run all of its cells, none of which may fail."""
    for item in (name, *needed):
        source, target = TUTORIALS / item, lab.root / item
        shutil.copytree(source, target, dirs_exist_ok=True) if source.is_dir() else shutil.copy(source, target)
    page.set_viewport_size({"width": width, "height": 1100})
    lab.open(page, name)
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page, timeout=240_000)
    assert lab.errors(page) == []


def test_tutorial_0(lab, page: Page) -> None:
    run_tutorial(lab, page, "00_lotka_volterra.ipynb", "data", "recorded", "lesson", width=1500)

    panel = page.locator(".wgt").first
    panel.scroll_into_view_if_needed()
    expect(panel).to_be_visible(timeout=PATIENCE)
    expect(panel).to_contain_text("grad_loss")
    node = panel.locator('[data-node]:has-text("np.exp(p)")').first
    expect(node).to_be_visible(timeout=PATIENCE)
    shot(page, "tutorial_0_panel")
    node.click()
    expect(panel).to_contain_text("exp %p", timeout=PATIENCE)
    shot(page, "tutorial_0_selected")

    panel.get_by_role("tab", name="Timings").click()
    expect(panel).to_contain_text("reverse", timeout=PATIENCE)
    shot(page, "tutorial_0_timings")
    last = page.locator(".wgt").last
    last.scroll_into_view_if_needed()
    expect(last).to_contain_text("cuda:0")
    shot(page, "tutorial_0_benchmark")


def shot(page: Page, name: str) -> None:
    if folder := os.environ.get("WENGERT_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
