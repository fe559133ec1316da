"""The magics in a real kernel: what a notebook receives, and that nothing kills the kernel."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

pytest.importorskip("jupyter_client")
pytest.importorskip("ipykernel")

from tests.harness.kernel import Kernel, started

pytestmark = pytest.mark.xdist_group("kernel")  # one kernel for all of them
VIEW = "application/vnd.jupyter.widget-view+json"
ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    with started() as kernel:
        loaded = kernel.run("%load_ext wengert")
        assert loaded.printed.startswith("wengert: cpu (")
        kernel.run("%%autodiff --no-view\ndef f(x: float) -> float:\n    return np.sin(x) * x")
        yield kernel


def test_one_panel_for_a_cell(kernel):
    answer = kernel.run("%%autodiff\ndef f(x: float) -> float:\n    return np.sin(x) * x\n\ngrad_f(0.0)")
    assert answer.status == "ok"
    assert [VIEW in d for d in answer.displays] == [False, True]
    assert answer.displays[0]["text/plain"] in ("0.0", "np.float64(0.0)")
    assert "f, grad_f compiled for (x: f64); " in answer.displays[1]["text/plain"]
    assert "image/png" in answer.displays[1]
    assert answer.printed == ""


def test_no_panel_when_not_wanted(kernel):
    assert kernel.run("%%autodiff --no-view\ndef f2(x: float) -> float:\n    return x").displays == []


def test_tabs_are_built_when_opened(kernel):
    assert kernel.run("%%autodiff\ndef g(x):\n    return np.sum(x * x)").status == "ok"
    code = """
    import json
    from ipywidgets.widgets.widget import _instances
    panel = [w for w in _instances.values() if type(w).__name__ == "Panel"][-1]
    seen = [{t["title"]: t["state"] for t in panel.tabs}]
    error = panel.tabs[0]["error"]
    grad_g(np.arange(3.0))
    panel.retries = 1
    for tab in panel.tabs:
        panel.active = tab["title"]
    seen.append({t["title"]: t["state"] for t in panel.tabs})
    print(json.dumps([error, *seen, panel.tabs[6]["error"]]))
    """
    error, before, after, explore = json.loads(kernel.run(code).printed)
    assert "call it once" in error
    titles = ["Graph", "Stages", "Placement", "Transfers", "Timings", "Memory", "Explore", "Findings"]
    assert before == dict.fromkeys(titles, "closed") | {"Graph": "waiting"}
    assert after == dict.fromkeys(titles, "ready") | {"Explore": "failed"}
    assert "no argument that is one float" in explore


def test_a_cell_that_runs_again_leaves_nothing_behind(kernel):
    cell = "%%autodiff\ndef again(x: float) -> float:\n    return x * x"
    count = "from ipywidgets.widgets.widget import _instances; import psutil, gc; gc.collect(); "
    count += "kept = sum(type(o).__name__ in ('Grad', 'Jit', 'Panel', 'Lowered') for o in gc.get_objects()); "
    count += "print(len(_instances), kept, psutil.Process().memory_info().rss)"
    for _ in range(20):
        kernel.run(cell)
    *before, resident = map(int, kernel.run(count).printed.split())
    for _ in range(100):
        kernel.run(cell)
    *after, grown = map(int, kernel.run(count).printed.split())
    assert after == before
    assert grown - resident < 30e6  # IPython's history and bounded caches of sources
    kernel.run("wg.benchmark(again, 1.0, devices=['cpu'], seconds=0.01)")
    assert int(kernel.run(count).printed.split()[0]) <= before[0] + 2  # the timings and their layout are new


def test_a_panel_says_what_became_of_its_functions(kernel):
    status = "from ipywidgets.widgets.widget import _instances; "
    status += "print([w for w in _instances.values() if type(w).__name__ == 'Panel'][-1].status)"
    kernel.run("%%autodiff\ndef floored(x: float) -> float:\n    return x * np.floor(x)")
    assert kernel.run(status).printed.rstrip().endswith("1 place to look at, see Findings")
    kernel.run("%%autodiff\ndef gone(x: float) -> float:\n    return x * x")
    assert "deleted" not in kernel.run(status).printed
    kernel.run("del gone, grad_gone")
    assert kernel.run(status).printed.rstrip().endswith("gone, grad_gone were deleted since")


@pytest.mark.parametrize(
    "line", ["%wengert graph f", "%wengert bench f(2.0) --devices cpu", "f.lower(2.0)", "f.lower(2.0).graph"]
)
def test_results_are_shown_as_views(kernel, line):
    answer = kernel.run(line)
    assert answer.status == "ok", answer.error
    assert VIEW in answer.displays[-1]
    assert "\n" in answer.displays[-1]["text/plain"]


@pytest.mark.parametrize("line", ["%wengert devices", "wg.devices()"])
def test_devices_are_a_table(kernel, line):
    assert "<table>" in kernel.run(line).displays[-1]["text/html"]


def test_compile_error_shows_the_cell_and_no_frames_of_ours(kernel):
    answer = kernel.run("%%autodiff\ndef h(x: float) -> float:\n    return x * undefined_name")
    assert answer.error_name == "CompileError"
    shown = ANSI.sub("", answer.error)
    assert re.match(r"Cell In\[\d+\], line 3, column 16\n        return x \* undefined_name\n {19}\^{14}\n", shown)
    assert "name `undefined_name` is not defined" in shown
    assert "/magics/" not in shown
    assert "/compiler/" not in shown


def test_syntax_error(kernel):
    answer = kernel.run("%%autodiff\ndef h(x: float) -> float:\n    return x)")
    assert answer.error_name == "SyntaxError"
    assert "run_cell_magic" not in answer.error


def test_unknown_device_lists_devices(kernel):
    answer = kernel.run("%%offload cuda:7\ndef h(x: float) -> float:\n    return x")
    assert answer.error_name == "DeviceError"
    assert "usable here: 'cpu'" in answer.error


def test_out_of_range_is_an_index_error_at_the_line(kernel):
    kernel.run("%%autodiff\ndef pick(x: NDArray[np.float64], i: int) -> float:\n    return x[i] * 2.0")
    answer = kernel.run(
        "try:\n    pick(np.arange(3.0), 7)\nexcept IndexError as error:\n    print(error.line)\n    raise"
    )
    assert answer.printed.strip() == "3"
    assert re.match(r"Cell In\[\d+\], line 3, column 12\n        return x\[i\] \* 2.0\n", ANSI.sub("", answer.error))
    assert "IndexError" in answer.error
    assert kernel.run("print(pick(np.arange(3.0), 2))").printed.strip() == "4.0"


def test_interrupt_stops_a_compiled_loop_and_the_kernel_survives(kernel):
    kernel.run(
        """
        %%autodiff --no-view
        def spin(x: float, n: int) -> float:
            total = 0.0
            for i in range(n):
                for j in range(1000):
                    total += np.sin(x + i * j)
            return total
        """
    )
    message = kernel.send("spin(1.0, 100_000_000)")  # takes a quarter of an hour
    time.sleep(0.5)
    kernel.interrupt()
    assert kernel.wait(message).error_name == "KeyboardInterrupt"
    assert kernel.run("print(spin(1.0, 1) == spin(1.0, 1))").printed.strip() == "True"


CELL_OF_THIRTY_LINES = """
%%autodiff
def misfit(u: float, k: float, a: float, steps: int) -> float:
    total = 0.0
    v = u
    w = a
    for step in range(steps):
        flux = k * (v - 2.0 * w + u)
        v = v + 0.1 * flux
        w = w + 0.05 * np.sin(flux)
        if v > 10.0:
            v = 0.5 * v
        else:
            v = v + 0.01
        total += v * v
        p = np.exp(-v * v)
        q = np.cos(w) * p
        r = q / (1.0 + p)
        total += r
    left = np.sqrt(1.0 + total * total)
    right = np.log(2.0 + left)
    middle = left * right
    for i in range(3):
        middle = middle + 0.1 * np.tanh(middle)
    low = min(middle, left)
    high = max(middle, right)
    spread = high - low
    offset = 0.25 * spread
    result = offset * offset + middle
    result = result + a * k
    return result
"""


@pytest.mark.slow
def test_a_cell_of_thirty_lines_binds_its_gradient(kernel):
    answer = kernel.run(CELL_OF_THIRTY_LINES)
    assert answer.status == "ok", answer.error
    differences = "(misfit(1.0 + 1e-6, 0.3, 0.2, 9) - misfit(1.0 - 1e-6, 0.3, 0.2, 9)) / 2e-6"
    assert float(kernel.run(f"print(abs(grad_misfit(1.0, 0.3, 0.2, 9) - {differences}))").printed) < 1e-6
    # Five such panels, and the scripts once, add less than 1 MB to a saved notebook.
    code = """
    import json
    from ipywidgets.widgets.widget import _instances
    sizes = {type(w).__name__: len(json.dumps(w.get_state(), default=str)) for w in _instances.values()}
    print(sizes["Library"], sizes["Panel"] + sizes["GraphView"])
    """
    scripts, views = map(int, kernel.run(code).printed.split())
    shown = len(json.dumps(answer.displays[-1]))
    assert scripts + 5 * (views + shown) < 1_000_000, (scripts, views, shown)
