"""The plot's model, its fallbacks, and the view that answers to its sliders."""

from __future__ import annotations

import json
import math

import pytest

from wengert.widgets import Control, PlotModel, Series
from wengert.widgets.fallback import png, text


def model(a: float = 1.0) -> PlotModel:
    x = [0.0, 1.0, 2.0]
    curve = Series("a x²", x, [a * v * v for v in x])
    return PlotModel("parabola", [curve], x_label="x", mark=(1.0, a), drag="a", note=f"a = {a}")


def test_values_that_are_not_finite_become_gaps() -> None:
    data = PlotModel(series=[Series("s", [0, 1, 2], [1.0, math.nan, math.inf])]).to_dict()
    assert data["series"][0]["y"] == [1.0, None, None]
    json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("style", ["line", "dashed", "dots", "steps", "bars"])
def test_every_style_has_a_picture(style, log) -> None:
    pytest.importorskip("PIL")
    plot = PlotModel("t", [Series("s", [1, 2, 3], [0.0, 10.0, math.nan], style)], x_log=log, y_log=log)
    assert png(plot).startswith(b"\x89PNG")


def test_extent() -> None:
    assert PlotModel().extent("x") == (0.0, 1.0)
    assert PlotModel(series=[Series("s", [1, 2], [3, 3])]).extent("y") == (2.0, 4.0)
    assert PlotModel(series=[Series("s", [0, 2, 8], [1, 1, 1])], x_log=True).extent("x") == (2.0, 8.0)
    assert PlotModel(series=[Series("s", [0, 2], [4, 5], "bars")]).extent("y") == (0.0, 5.0)


@pytest.mark.parametrize(
    "bad",
    [lambda: Series("s", [1], [1, 2]), lambda: Control("c", 1, 1, 1), lambda: Control("c", 0, 1, 1, log=True)],
)
def test_what_cannot_be_drawn_is_refused(bad) -> None:
    with pytest.raises(ValueError, match="series|control"):
        bad()


def test_text_says_the_numbers() -> None:
    words = text(model(2.0))
    assert "a x²" in words and "0 to 8" in words and "a = 2.0" in words


def test_a_slider_redraws_and_an_error_is_said() -> None:
    pytest.importorskip("anywidget")
    from wengert.widgets import PlotView

    def update(a: float, n: int) -> PlotModel:
        if a > 5:
            raise ValueError("too steep")
        assert isinstance(n, int)
        return model(a)

    view = PlotView(update, [Control("a", 0, 10, 1), Control("n", 1, 9, 2, step=1)])
    assert view.data["controls"][0]["value"] == 1
    view.values = {"a": 3.0, "n": 4.0}
    assert view.data["series"][0]["y"] == [0.0, 3.0, 12.0] and view.data["controls"][1]["value"] == 4.0
    view.values = {"a": 6.0, "n": 4.0}
    assert view.data["note"] == "ValueError: too steep" and view.data["series"][0]["y"] == [0.0, 3.0, 12.0]
