"""Views and panel without a browser: what a click does to the kernel side, and what is left after closing."""

from __future__ import annotations

import base64
import sys
from pathlib import Path

import pytest

pytest.importorskip("anywidget")
from wengert.widgets import GraphPath, GraphValues, GraphView, Panel, view
from wengert.widgets.engine import STATIC

sys.path.insert(0, str(Path(__file__).parent))
import samples

pytestmark = pytest.mark.skipif(
    not (STATIC / "engine.js").is_file(), reason="the front end is not bundled: npm run build in widgets/js"
)


def test_selecting_fills_the_detail():
    graph = view(samples.graph())
    graph.selected = "dd"
    assert graph.detail["node"] == "dd" and "reads    d (d = v − t)" in graph.detail["text"]
    failing = GraphView(samples.graph(), explain=lambda node: 1 / 0)
    failing.selected = "dd"
    assert failing.detail["text"] == "no details: ZeroDivisionError: division by zero"


def test_the_engine_is_not_sent_with_each_view():
    assert len(view(samples.timing())._esm) < 5000


def test_a_view_has_text_and_picture():
    data, metadata = view(samples.placement())._repr_mimebundle_()
    assert {"text/plain", "image/png", "application/vnd.jupyter.widget-view+json"} <= set(data)
    assert base64.b64decode(data["image/png"]).startswith(b"\x89PNG") and metadata["image/png"]["width"] > 0


def test_a_panel_builds_each_tab_once_when_it_is_opened():
    calls: list[str] = []

    def build(name):
        return lambda: calls.append(name) or getattr(samples, name)()

    panel = Panel("compiled", {"Graph": build("graph"), "Timings": build("timing")})
    assert calls == ["graph"]
    panel.active = "Timings"
    panel.active = "Graph"
    panel.active = "Timings"
    assert calls == ["graph", "timing"]
    assert panel._repr_mimebundle_()[0]["text/plain"].startswith("compiled\nmisfit and its gradient")
    children = list(panel.views.values())
    panel.close()
    assert panel.comm is None and all(child.comm is None for child in children)


def test_a_panel_of_several_functions_builds_the_tabs_of_the_chosen_one():
    calls: list[str] = []

    def tabs(name):
        def build(kind):
            return lambda: calls.append(f"{name} {kind}") or getattr(samples, kind)()

        return {kind: build(kind) for kind in ("graph", "timing")}

    panel = Panel("compiled", tabs("f"), functions={"g": tabs("g"), "f": tabs("f")})
    assert (panel.functions, panel.function, calls) == (["g", "f"], "f", ["f graph"])
    panel.active = "timing"
    panel.function = "g"
    panel.function = "f"
    panel.function = "g"
    panel.active = "graph"
    assert calls == ["f graph", "f timing", "g timing", "g graph"]
    assert [tab["view"] for tab in panel.tabs] == [panel.views[kind].model_id for kind in ("graph", "timing")]
    assert "misfit and its gradient" in panel._repr_mimebundle_()[0]["text/plain"]
    panel.close()


def test_a_tab_that_fails_says_so_and_can_be_tried_again():
    answers = iter([RuntimeError("no GPU answered")])

    def build():
        for error in answers:
            raise error
        return samples.placement()

    panel = Panel("compiled", {"Placement": build})
    assert panel.tabs[0]["state"] == "failed" and panel.tabs[0]["error"] == "RuntimeError: no GPU answered"
    assert panel._repr_mimebundle_()[0]["text/plain"] == "compiled\nRuntimeError: no GPU answered"
    panel.retries += 1
    assert panel.tabs[0]["state"] == "ready"


def test_a_tab_that_waits_is_built_when_the_status_changes():
    class Waits(Exception):
        is_a_sentence = True

    answers = iter([Waits("call f once"), Waits("call f once")])

    def build():
        for answer in answers:
            raise answer
        return samples.placement()

    panel = Panel("f will be compiled", {"Placement": build})
    assert (panel.tabs[0]["state"], panel.tabs[0]["error"]) == ("waiting", "call f once")
    panel.status = "f is called with something else"
    assert panel.tabs[0]["state"] == "waiting"
    panel.status = "f compiled"
    assert panel.tabs[0]["state"] == "ready"


def test_other_objects_have_no_view():
    with pytest.raises(TypeError, match="no view for dict"):
        view({})


def test_graph_answers_go_to_their_own_traits():
    values = GraphValues({"flux": "2.5"}, {"flux": 2.5})
    path = GraphPath("u", "result", (("u", None), ("flux", 5)), 1, ("flux",))
    answers = {"values": lambda: values, "path": lambda source, target: path, "ir": lambda: 1 / 0}
    graph = GraphView(samples.graph(), answers=answers)
    graph.question = {"what": "values", "serial": 1}
    assert graph.values["sizes"] == {"flux": 2.5} and graph.answered == {"serial": 1, "error": ""}
    graph.question = {"what": "path", "source": "u", "target": "result", "serial": 2}
    assert list(graph.path["nodes"]) == ["flux"] and graph.offers == ["values", "path", "ir"]
    graph.question = {"what": "ir", "serial": 3}
    assert "ZeroDivisionError" in graph.answered["error"]


def test_nbconvert_shows_the_picture_and_the_text():
    nbconvert = pytest.importorskip("nbconvert")
    nbformat = pytest.importorskip("nbformat")
    panel = Panel("misfit compiled", {"Graph": samples.graph})
    data, metadata = panel._repr_mimebundle_()
    cell = nbformat.v4.new_code_cell("%%autodiff")
    cell.outputs = [nbformat.v4.new_output("display_data", data, metadata=metadata)]
    notebook = nbformat.v4.new_notebook(cells=[cell])
    page = nbconvert.HTMLExporter().from_notebook_node(notebook)[0]
    assert "data:image/png;base64," in page
    without = {kind: value for kind, value in data.items() if kind != "image/png"}  # where Pillow is not installed
    cell.outputs = [nbformat.v4.new_output("display_data", without)]
    assert "misfit compiled" in nbconvert.HTMLExporter().from_notebook_node(notebook)[0]
    panel.close()
