"""Golden messages: each `.err` file holds a program, a line `----`, and what the compiler says of it.

The first line of the program is `# args: ...`, the arguments it is compiled for. Run with WENGERT_UPDATE=1 to write
the messages anew; then read the differences.
"""

from __future__ import annotations

import linecache
import os
import pathlib

import numpy as np
import pytest

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.intrinsics import prange
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace

CASES = sorted(pathlib.Path(__file__).parent.glob("*.err"))


def message_of(program: str, name: str) -> str:
    """What compiling the program says."""
    linecache.cache[name] = (len(program), None, program.splitlines(keepends=True), name)
    space = {"np": np, "prange": prange, "__wengert_cell__": "In[1]"}
    exec(compile(program, name, "exec"), space)
    args = eval(f"({program.splitlines()[0].removeprefix('# args:')},)", space)
    with pytest.raises(WengertError) as caught:
        trace(space["f"], signature_of(args))  # type: ignore[arg-type]
    assert caught.value.span is not None, "the message does not say where"
    return str(caught.value)


def test_there_are_cases():
    assert len(CASES) >= 50


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_message(path):
    program, _, expected = path.read_text().partition("----\n")
    found = message_of(program, f"<golden {path.stem}>") + "\n"
    if os.environ.get("WENGERT_UPDATE"):
        path.write_text(program + "----\n" + found)
    else:
        assert found == expected
