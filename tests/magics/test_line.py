"""`%wengert ...` in a real shell."""

from __future__ import annotations

import pytest

from wengert.magics.tabs import tabs

CELL = "%%autodiff --no-view\ndef f(x: float) -> float:\n    return np.sin(x) * x\n"


@pytest.fixture
def with_f(cell):
    cell(CELL)
    return cell


def test_help(cell):
    for line in ("%wengert", "%wengert --help"):
        assert "%wengert bench f(x) [--devices cpu,cuda:0]" in cell(line)


def test_devices(cell):
    assert cell("%wengert devices").splitlines()[0].split() == ["device", "name", "memory", "free", "usable"]


def test_transfers(cell):
    assert "transfers" in cell("%wengert transfers")


def test_ir_shows_the_stages_and_the_last(with_f):
    printed = with_f("%wengert ir grad_f").splitlines()
    assert printed[0] == "grad_f (x: f64)"
    stages = [line.split()[1] for line in printed if line.strip()[:1].isdigit()]
    assert stages[:3] == ["typed", "optimised", "reverse"]
    assert any(line.startswith("func @grad_f(") for line in printed)


def test_ir_of_a_stage_by_name_and_number(with_f):
    assert "after typed:\nfunc @f(%x: f64)" in with_f("%wengert ir grad_f typed")
    assert "after typed:\nfunc @f(%x: f64)" in with_f("%wengert ir grad_f 0")


def test_graph(with_f):
    printed = with_f("%wengert graph grad_f activity")
    assert "primal" in printed
    assert "adjoint" in printed


def test_bench(with_f):
    printed = with_f("%wengert bench grad_f(2.0) --devices cpu,cuda:7")
    assert "cpu        grad_f" in printed
    assert "cuda:7     not measured: there is no device 'cuda:7' here" in printed


def test_settings(cell):
    assert cell("%wengert settings").startswith("view on")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("%wengert nothing", "%wengert nothing: choose from devices, ir, graph, transfers, bench, lab, settings, check,"),
        ("%wengert ir", "%wengert ir f [stage]: name a compiled function"),
        ("%wengert ir np", "%wengert ir: np is not a compiled function; there are: f, grad_f"),
        ("%wengert ir f nostage", "%wengert ir: no stage 'nostage'; there are typed, optimised"),
        ("%wengert ir f 17", "%wengert ir: there are the stages 0 to 1"),
        ("%wengert graph later", "%wengert graph: later is compiled at its first call: call it once"),
        ("%wengert graph f red", "%wengert graph f [colour]: the colours are half, activity, sweep, device"),
        ("%wengert bench f", "%wengert bench f(x): write a call of the function"),
        ("%wengert check f(x=1.0)", "%wengert check f(x): pass every argument by position"),
        ("%wengert bench f(x=1.0)", "%wengert bench f(x): pass every argument by position"),
        ("%wengert bench f(nowhere)", "%wengert bench: name 'nowhere' is not defined"),
        ("%wengert settings view maybe", "%wengert settings [view on|off]"),
    ],
)
def test_refused_in_one_line(with_f, line, message):
    with_f("def later(x): return x\nlater = wg.jit(later)")
    printed = with_f(line)
    assert printed.startswith(f"UsageError: {message}")
    assert "\n" not in printed


def test_the_tour_explains_every_tab(with_f):
    said = with_f("%wengert tour")
    slope, step = 1.0, 2.0
    for _ in range(50):
        slope, step = slope * (1 - 0.2 * step), step - 0.1 * step * step
    assert f"tour_decay(2.0) is {step:.6g}" in said and f"grad_tour_decay(2.0), is {slope:.6g}." in said
    assert "tour_decay/grad_tour_decay compiled for" in said.replace(", ", "/")
    assert all(f"\n  {title}  " in said for title in tabs(()))
    assert with_f("%wengert tour now") == "UsageError: %wengert tour takes no arguments"


def test_check_prints_a_report(with_f):
    assert with_f("%wengert check f(1.0)").startswith("f: 0 warnings, 0 notes")
    assert with_f("%wengert check f(*[1.0])").startswith("f: 0 warnings, 0 notes")
