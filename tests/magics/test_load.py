"""Loading, loading again, and unloading without a trace."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from wengert.compiler.runtime.devices import Device
from wengert.magics import found, load, warm

LOADED = """
import sys
from IPython.core.interactiveshell import InteractiveShell
InteractiveShell.instance().run_line_magic("load_ext", "wengert")
heavy = {"llvmlite", "scipy", "ipywidgets", "anywidget", "PIL", "cupy", "wengert.compiler.api"}
print(*heavy & set(sys.modules))
"""


def test_one_line_says_what_devices_there_are(shell, capsys):
    shell.run_line_magic("load_ext", "wengert")
    printed = capsys.readouterr().out
    assert printed.startswith("wengert: cpu (")
    assert printed.count("\n") == 1


@pytest.mark.parametrize(
    ("devices", "expected"),
    [
        (
            [Device("cpu", "EPYC, 16 cores", "cpu", None, None, True), Device("cuda:0", "H200", "cuda", 1, 1, True)],
            "wengert: cpu (EPYC, 16 cores), cuda:0 (H200)",
        ),
        (
            [
                Device("cpu", "EPYC, 16 cores", "cpu", None, None, True),
                Device("cuda:0", "NVIDIA GPU", "cuda", None, None, False, "CuPy is not installed: pip install it."),
            ],
            "wengert: cpu (EPYC, 16 cores); cuda:0 cannot be used: CuPy is not installed: pip install it.",
        ),
    ],
)
def test_the_line(devices, expected):
    assert found(devices) == expected


def test_loading_twice_is_harmless(loaded, capsys):
    before = loaded.magics_manager.magics["cell"]["autodiff"]
    load(loaded)
    loaded.run_line_magic("load_ext", "wengert")
    assert loaded.magics_manager.magics["cell"]["autodiff"] is before
    assert "already loaded" in capsys.readouterr().out
    assert len(list(loaded.strdispatchers["complete_command"].s_matches("%%batch"))) == 1


def test_reloading_works(loaded, capsys):
    loaded.run_line_magic("reload_ext", "wengert")
    loaded.run_cell("%%autodiff --help")
    assert "usage: %%autodiff" in capsys.readouterr().out


def test_unloading_leaves_nothing(shell, capsys):
    def state():
        return (
            {kind: set(names) for kind, names in shell.magics_manager.magics.items()},
            set(shell.magics_manager.registry) - {"ExtensionMagics"},  # of IPython, on first use
            list(shell.input_transformer_manager.cleanup_transforms),
            set(shell.strdispatchers["complete_command"].strs),
            [len(callbacks) for callbacks in shell.events.callbacks.values()],
            dict(shell.display_formatter.mimebundle_formatter.type_printers),
            dict(shell.display_formatter.mimebundle_formatter.deferred_printers),
            set(shell.user_ns),
        )

    before = state()
    shell.run_line_magic("load_ext", "wengert")
    assert state() != before
    shell.run_line_magic("unload_ext", "wengert")
    assert state() == before


def test_a_shell_without_history_runs_cells(loaded, capsys):
    loaded.history_manager.input_hist_raw.clear()
    loaded.run_cell("%%autodiff --help")
    assert "usage: %%autodiff" in capsys.readouterr().out


def test_loading_imports_neither_the_compiler_nor_widgets():
    """So that it takes some 50 ms; they come with the first cell that needs them."""
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_an_idle_kernel_prepares_what_the_first_cell_needs(monkeypatch):
    done = []
    monkeypatch.setattr(warm, "warm", lambda: done.append("warm"))
    monkeypatch.setattr(warm, "IDLE", 0)

    async def kernel() -> None:
        warm.soon()
        assert done == []
        await asyncio.sleep(0.01)

    def on_a_thread() -> None:
        warm.soon()  # no event loop runs: nothing to wait for
        asyncio.run(kernel())

    with ThreadPoolExecutor(1) as thread:  # tests of a browser leave a loop running on this one
        thread.submit(on_a_thread).result()
    assert done == ["warm"]
    monkeypatch.undo()
    warm.warm()
    assert "wengert.magics.cells" in sys.modules
