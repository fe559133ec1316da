"""The models of stages, findings, memory, transfers and explore; their fallbacks; the views that ask the kernel."""

from __future__ import annotations

import json

import pytest

from wengert.widgets import (
    Control,
    Event,
    ExploreModel,
    Finding,
    FindingsModel,
    KeptValue,
    MemoryModel,
    Stage,
    StagesModel,
    StageText,
    TransfersModel,
)
from wengert.widgets.fallback import png, text

MODELS = [
    StagesModel("f", ["def f(x):"], 1, [Stage("typed", 1.5, 10), Stage("LLVM", None, None, "llvm")]),
    FindingsModel("f", ["a"], 1, [Finding("kink", "warning", "A kink", "slopes differ", 1, 4, "move")], [("check", "ok")]),
    FindingsModel("f", pending="Call f once."),
    MemoryModel("f", [KeptValue("u", "f64[?]", 3, 800, "array"), KeptValue("v", "f64", None, None, "stack")], budget=500),
    MemoryModel("f"),
    TransfersModel("f", [Event("to device", "u", 0.0, 0.8, 800, "first use"), Event("compute", "k", 0.8, 1.0)]),
    TransfersModel("f"),
    ExploreModel("f", [Control("x", 0, 1, 0.5)], ["x"], [0, 1], [0, float("nan")], [1, 1], value=0.5, gradient={"x": 1.0}),
    ExploreModel("f", [Control("x", 0, 1, 0.5), Control("y", 0, 1, 0.5)], ["x", "y"], [0, 1], [0, 1], heights=[0, 1, 2, 3]),
]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.kind)
def test_models_are_json_and_have_text_and_picture(model):
    assert json.dumps(model.to_dict(), allow_nan=False)
    assert all(line == line.rstrip() for line in text(model).splitlines()) and text(model)
    pytest.importorskip("PIL")
    assert png(model).startswith(b"\x89PNG")


def test_memory_goes_up_and_comes_back():
    model = MemoryModel("f", [KeptValue(n, "f64", 1, size, "array") for n, size in (("a", 10), ("b", 30))])
    assert [held for _, held in model.profile] == [0, 10, 40, 10, 0]
    assert model.bytes == 40 and "keeps 40 B in 2 values" in model.summary
    assert MODELS[3].bytes is None


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ([], "Nothing was copied"),
        ([Event("compute", "k", 0, 1)], "No copy: all 1 s went into kernels."),
        ([Event("to device", "u", 0, 1, 8)], "1 s of copying; most of it u (8 B, once)."),
        (
            [*(Event("to device", "u", k, k + 0.8, 800, "changed") for k in range(3)), Event("compute", "k", 3, 3.6)],
            "80% of the busy time is copying, most of it u (2.4 kB, 3 times): keep u on the device instead of changing it",
        ),
        ([Event("to host", "v", 0, 1, 8), Event("compute", "k", 0, 9)], "11% of the busy time is copying"),
        ([Event("to host", "v", 0, 1, 8), Event("compute", "k", 1, 999)], "Less than 1% of the busy time"),
    ],
)
def test_diagnosis(events, said):
    assert TransfersModel(events=events).diagnosis.startswith(said)


def test_overlap_counts_what_happens_together():
    model = TransfersModel(events=[Event("to device", "u", 0, 2), Event("compute", "k", 1, 3), Event("compute", "k", 1, 4)])
    assert model.overlap == 1.0


def test_a_text_for_no_stage_is_refused():
    with pytest.raises(ValueError, match="a text for stage 3"):
        StagesModel(stages=[Stage("typed")], texts={3: StageText("x")})


def test_views_ask_and_are_answered():
    pytest.importorskip("anywidget")
    from wengert.widgets import MemoryView, StagesView

    def plan(limit, measure):
        if limit == 13:
            raise ValueError("an unlucky limit")
        return MemoryModel("f", budget=limit, seconds=0.5 if measure else None)

    view = MemoryView(plan(None, False), plan)
    view.question = {"serial": 1, "budget": 500, "measure": True}
    assert view.data["budget"] == 500 and view.data["seconds"] == 0.5 and view.answered == {"serial": 1, "error": ""}
    view.question = {"serial": 2, "budget": 13}
    assert view.answered == {"serial": 2, "error": "ValueError: an unlucky limit"} and view.data["budget"] == 500

    asked: list[int] = []
    stages = StagesView(
        StagesModel("f", stages=[Stage(n, 1.0, 1) for n in "abcd"]), lambda k: asked.append(k) or StageText("x" * 140_000)
    )
    stages.shown = [0, 1]
    stages.shown = [0, 1]
    assert asked == [2, 3, 0, 1] and sorted(stages.texts) == ["0", "1"]  # the older texts were let go
    stages.close()
    assert stages.comm is None and stages.layout.comm is None


def test_what_was_not_looked_at_is_no_clean_bill():
    assert FindingsModel("f").summary.startswith("No pitfall was found at these arguments; checked in")
    assert FindingsModel("f", unseen=["the loop's end"]).summary.startswith("No pitfall was found in the part that was looked at")
