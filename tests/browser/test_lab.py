"""The browser fixtures themselves: a kernel answers, an error is seen, wengert is importable."""

from __future__ import annotations


def test_a_notebook_runs_and_shows_its_output(lab, page):
    lab.open(page, lab.notebook("import wengert", "print('version', wengert.__version__)"))
    lab.run_all(page)
    assert lab.errors(page) == []
    assert page.locator(".jp-OutputArea-output").last.inner_text().startswith("version ")


def test_an_error_in_a_cell_is_reported(lab, page):
    lab.open(page, lab.notebook("1 / 0"))
    lab.run_all(page)
    assert [error["ename"] for error in lab.errors(page)] == ["ZeroDivisionError"]
