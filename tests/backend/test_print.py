"""`print` in compiled code shows what Python shows, in order, once; it is refused where there is no order."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import wengert as wg
from wengert.compiler.backend.prints import refuse_prints
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret

X = np.linspace(0.1, 0.9, 6)


def shows(x, n, name="it"):
    total = 0.0
    print("start", n, 3, None, name)
    print()
    for i in range(n):
        total += x[i] ** 2
        if total > 0.5:
            print(f"over at {i}: {total:.3e} {x[i]!r} {n:>4d} {name}", i == 2, x[i] > 0, sep="|", end=";\n")
    for _ in (1, 2, 3):
        print("again")
    text = f"{total} {{}} %d"
    print(text, x.astype(np.float32)[0], f"{x.astype(np.float32)[0]}", 1e-7, 2**n, flush=True)
    return total


def shown(run: Callable[..., Any], *arguments: Any) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        run(*arguments)
    return out.getvalue()


def test_shows_what_python_shows() -> None:
    wanted = shown(shows, X, 6)
    compiled = wg.jit(shows)
    assert [shown(compiled, X, 6) for _ in range(2)] == [wanted] * 2
    assert shown(compiled, X[::-1].copy(), 4) == shown(shows, X[::-1].copy(), 4)
    assert shown(wg.grad(shows), X, 6) == wanted
    assert shown(lambda: wg.jvp(shows)((X, 6), (X, None))) == wanted
    traced = trace(shows, signature_of((X, 6)))
    assert shown(interpret, traced.function, [X, 6]) == wanted


def test_refused_where_there_is_no_order() -> None:
    with pytest.raises(wg.errors.UnsupportedError, match="in a batch"):
        wg.batch(shows, in_axes=(0, None))(np.stack([X, X]), 6)
    with pytest.raises(wg.errors.UnsupportedError, match="on a device"):
        refuse_prints(trace(shows, signature_of((X, 6))).function, device=True)
