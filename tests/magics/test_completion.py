"""What the tab key offers."""

from __future__ import annotations

import pytest
from IPython.core.completer import provisionalcompleter


def offered(shell, text: str) -> list[str]:
    """The texts of the completions at the end of `text`."""
    with provisionalcompleter():
        return [c.text for c in shell.Completer.completions(text, len(text))]


OFFERED = [
    ("%%autodiff --m", {"--mode", "--memory"}),
    ("%%autodiff --mode ", {"auto", "reverse", "forward"}),
    ("%%autodiff --mode re", {"reverse"}),
    ("%%autodiff --mode reverse --or", {"--order"}),
    ("%%batch --in", {"--in-axes"}),
    ("%%offload c", {"cpu"}),
    ("%%offload --fallback ", {"cpu"}),
    ("%%offload cpu\n%%autodiff --wr", {"--wrt"}),
    ("%wengert tr", {"transfers"}),
    ("%wengert ir f", {"f_compiled"}),
    ("%wengert graph ", {"f_compiled"}),
    ("%wengert graph f_compiled a", {"activity"}),
    ("%wengert settings view ", {"on", "off"}),
    ("%wengert bench f_compiled(x) --devices ", {"cpu"}),
]


@pytest.fixture
def with_function(loaded):
    loaded.run_cell("def plain(x): return x\nf_compiled = wg.jit(plain)")
    return loaded


@pytest.mark.parametrize(("text", "expected"), OFFERED)
def test_offered(with_function, text, expected):
    assert expected <= set(offered(with_function, text))


def test_only_compiled_functions_are_offered(with_function):
    assert "plain" not in offered(with_function, "%wengert ir ")


def test_devices_with_a_colon(with_function, monkeypatch):
    monkeypatch.setenv("WENGERT_SIMULATE_GPU", "1")
    assert "cuda:0" in offered(with_function, "%%offload cu")
    assert "0" in offered(with_function, "%%offload cuda:")


def test_help_of_the_magics(with_function, capsys):
    with_function.run_cell("%%autodiff?")
    with_function.run_cell("%wengert?")
    printed = capsys.readouterr().out
    assert "usage: %%autodiff [--mode auto|reverse|forward]" in printed
    assert "%wengert transfers" in printed
