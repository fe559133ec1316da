"""The table of NumPy's names: which compile, which are differentiable, batchable, and run on a GPU.

A name is known to the front end by its tables (functions built from rows, functions written in the language). What it can
do is then tried: it is traced on sample arguments, differentiated in reverse mode, and its rows are looked at.
"""

# ruff: noqa: E501

from __future__ import annotations

import linecache
import warnings
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend.functions import FUNCTIONS, HELP
from wengert.compiler.frontend.grids import GRIDS
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.frontend.written import WRITTEN
from wengert.compiler.ir.core import Block, Function
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.passes.autodiff import reverse
from wengert.compiler.passes.pipeline import optimise

MODULES: tuple[tuple[str, ModuleType], ...] = (("np", np), ("np.linalg", np.linalg), ("np.fft", np.fft))
GENERAL = (
    "x", "x, y", "A", "A, x", "A, A", "x, 0.2, 0.8", "(x, y)", "(x, y, x)", "3", "3, 4", "x, 2", "i", "i, i", "m", "x, m", "x, i", "A, i[:3]",
    "x, 30.0", "x, x, y", "m, x", "m, x, y", "(3, 4)", "0.0, 1.0, 5", "3, x", "(3, 4), 2.0", "x, (3, 2)", "x, (2, 6)", "A, 0, 1", "A, 1",
    "z", "x, ((1, 1),)", "x, 1", "x, 2, 0.5", "np.sum, 1, A", "i, (x, y)", "[x > 0.5], [x]", "A, 0.0", "x, 1, 1", "T, T", "x, i, -1", "'ij,jk->ik', A, A",
)  # fmt: skip
"""Arguments that are tried in this order: vectors of six elements, matrices of three by three, indices, a mask."""
VALUES = {
    "x": np.linspace(0.2, 0.9, 6), "y": np.linspace(0.3, 0.8, 6)[::-1].copy(), "A": np.diag([2.0, 3.0, 4.0]) + 0.1,
    "i": np.array([0, 1, 2, 1, 0, 2]), "m": np.array([True, False, True, True, False, True]), "z": np.linspace(0.2, 0.9, 6) * (1 + 2j),
    "T": np.linspace(0.2, 0.9, 8).reshape(2, 2, 2),
}  # fmt: skip


class Entry(NamedTuple):
    """differentiable: None where every result is a whole number or a truth value."""

    name: str
    call: str
    differentiable: bool | None
    device: bool


def names() -> Iterator[tuple[str, Any]]:
    """Every public function of NumPy and of its modules of linear algebra and Fourier transforms."""
    for prefix, module in MODULES:
        for name in sorted(module.__all__):
            value = getattr(module, name, None)
            is_function = callable(value) and not isinstance(value, type | ModuleType)
            if is_function or value in (np.vectorize, np.ndindex, np.ndenumerate) or id(value) in GRIDS:
                yield f"{prefix}.{name}", value


def is_known(value: Any) -> bool:
    if id(value) in GRIDS or value is np.vectorize:
        return True
    return value in FUNCTIONS or value in WRITTEN


def tried(name: str, value: Any) -> Entry | None:
    """What a known function can do; None where it takes none of the arguments that are tried."""
    if id(value) in GRIDS:
        return examined(name, f"{name}[0:3, 0:4]" if name.endswith("grid") else f"{name}[x, y]")
    if value is np.vectorize:
        return examined(name, "np.vectorize(lambda t: t * t)(x)")
    if name in ("np.ndindex", "np.ndenumerate"):
        argument = "2, 3" if name == "np.ndindex" else "A"
        return examined(name, f"sum([0.5 for _ in {name}({argument})])")
    return next((found for a in GENERAL if (found := examined(name, f"{name}({a})")) is not None), None)


def examined(name: str, call: str) -> Entry | None:
    used = [k for k in VALUES if k in call.replace(name, "").replace("x, y, x", "x y")]
    filename, text = f"<table {call}>", f"def f({', '.join(used)}):\n    return {call}\n"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, filename, "exec"), space)
    arguments = tuple(VALUES[k].copy() for k in used)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            space["f"](*(a.copy() for a in arguments))
            function = optimise(trace(space["f"], signature_of(arguments)).function)
    except (WengertError, TypeError, ValueError, IndexError, AttributeError, np.linalg.LinAlgError):
        return None
    return Entry(name, call, _differentiable(function), not any(_library(function.body)))


def _differentiable(function: Function) -> bool | None:
    mask = [p.type.dtype.kind in "fc" for p in function.params]
    if not any(mask) or not any(r.type.dtype.kind in "fc" for r in function.results):
        return None
    try:
        optimise(reverse(function, mask))
    except WengertError:
        return False
    return True


def _library(block: Block) -> Iterator[bool]:
    for op in block.ops:
        yield REGISTRY[op.name].kind == "library"
        for region in op.regions:
            yield from _library(region)


def rows(entries: Sequence[Entry]) -> Iterator[str]:
    marks: Callable[[bool | None], str] = {True: "yes", False: "no", None: "–"}.__getitem__
    for e in entries:
        yield f"| `{e.name}` | `{e.call}` | {marks(e.differentiable)} | yes | {marks(e.device)} |"


def page() -> str:
    """The table in Markdown."""
    entries, untried, missing = [], [], []
    for name, value in names():
        if not is_known(value):
            missing.append(name)
            continue
        found = tried(name, value)
        if found is None:
            untried.append(name)
        else:
            entries.append(found)
    parts = [
        f"{len(entries) + len(untried)} of NumPy's functions compile. A dash: the results are whole numbers, truth values or",
        "independent of the arguments, so there is nothing to differentiate.\n",
        "| name | tried as | differentiable | batchable | on a GPU |", "|---|---|---|---|---|", *rows(entries), "",
    ]  # fmt: skip
    if untried:
        parts += ["These compile too, with arguments other than the ones tried here: " + ", ".join(f"`{n}`" for n in untried) + ".\n"]
    helped = [n for n in missing if n.rpartition(".")[2] in HELP]
    parts += ["## Refused\n", "| name | instead |", "|---|---|"]
    parts += [f"| `{n}` | {HELP[n.rpartition('.')[2]]} |" for n in helped]
    rest = ", ".join(f"`{n}`" for n in missing if n not in helped)
    return "\n".join([*parts, "", f"And without a remark: {rest}.", ""])
