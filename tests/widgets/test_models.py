"""The view models, and what they say in text and picture."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from wengert.widgets import Edge, GraphModel, Node, PlacementModel, Region, TimingModel, TimingRow, text
from wengert.widgets.models.units import format_bytes, format_ratio, format_seconds

sys.path.insert(0, str(Path(__file__).parent))
import samples

SAMPLES = [
    samples.graph,
    lambda: samples.graph(has_adjoint=False),
    samples.long_graph,
    samples.placement,
    samples.timing,
]
EMPTY = [lambda: GraphModel("nothing"), PlacementModel, TimingModel]


@pytest.mark.parametrize("build", SAMPLES + EMPTY)
def test_models_are_json_and_have_text(build):
    model = build()
    assert json.loads(json.dumps(model.to_dict(), allow_nan=False))
    lines = text(model).splitlines()
    assert all(line == line.rstrip() for line in lines)


@pytest.mark.parametrize("build", SAMPLES + EMPTY)
def test_png(build):
    pytest.importorskip("PIL")
    from wengert.widgets import png

    picture = png(build())
    assert picture.startswith(b"\x89PNG") and len(picture) < 150_000


def test_importing_the_models_imports_no_widgets():
    code = "import sys, wengert.widgets; print([m for m in ('ipywidgets', 'anywidget', 'PIL', 'traitlets') if m in sys.modules])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"nodes": [Node("a", "a"), Node("a", "b")]}, "same id"),
        ({"nodes": [Node("a", "a", parent="r")]}, "unknown region 'r'"),
        ({"nodes": [Node("a", "a", half="adjoint", mirror="b")]}, "unknown node 'b'"),
        ({"nodes": [Node("a", "a")], "edges": [Edge("a", "b")]}, "unknown end"),
        ({"regions": [Region("r", "for", parent="s")]}, "unknown region 's'"),
    ],
)
def test_a_graph_with_dangling_references_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        GraphModel("f", **parts)


def test_graph_detail_names_operands_users_and_adjoints():
    detail = samples.graph().detail("flux")
    assert "reads    k, lap (laplacian)" in detail
    assert "adjoint  a_flux1 (k·ā), a_flux2 (Σ flux·ā/k)" in detail
    assert "inside   for step in range(steps)" in detail
    assert "stored" in detail
    assert samples.graph().detail("nobody") == ""


def test_graph_text_stands_in_source_order():
    lines = text(samples.graph()).splitlines()
    position = {
        name: next(i for i, line in enumerate(lines) if line.strip().startswith(name))
        for name in ("v₀", "for step", "call", "sum")
    }
    assert sorted(position, key=position.get) == ["v₀", "for step", "call", "sum"]


def test_placement_summary_and_ends():
    model = samples.placement()
    assert model.summary.startswith(
        "4 transfers moved 134 MB to the device and 134 MB to the host in 5.12 ms; the largest was u"
    )
    assert [model.ends(transfer) for transfer in model.transfers[:3]] == [
        ("cpu", "cuda:0"),
        ("cpu", "cuda:0"),
        ("cuda:0", "cpu"),
    ]
    assert PlacementModel().summary == "Nothing moved: every array is where it was last used."


def test_speed_up_is_relative_to_the_first_row_of_the_same_size():
    model = samples.timing()
    assert [model.comparison(row) for row in model.rows] == ["baseline", "baseline", "2.0× faster", "35.6× faster"]
    slower = TimingModel(rows=(TimingRow("cpu", "f", None, 1.0, 1.0, 1.0), TimingRow("gpu", "f", None, 4.0, 4.0, 4.0)))
    assert slower.comparison(slower.rows[1]) == "4.0× slower"


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        (format_bytes, 8, "8 B"),
        (format_bytes, 134_217_728, "134 MB"),
        (format_bytes, 999_999, "1 MB"),
        (format_seconds, 0.0123, "12.3 ms"),
        (format_seconds, 9.3e-4, "930 µs"),
        (format_seconds, 0.0, "0 ns"),
        (format_ratio, 1234.0, "1,234× faster"),
        (format_ratio, 1.0, "same"),
        (format_ratio, 0.5, "2.0× slower"),
    ],
)
def test_units(function, value, expected):
    assert function(value) == expected
