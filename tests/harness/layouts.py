"""One table of layout oracles: NumPy, the interpreter and compiled code agree on every function of the front end, for every
dtype, rank and layout: `python -m tests.harness.layouts [--only TEXT] [--share K/N] [--processes N]`. The tests run a share.

Element-wise functions are sampled from their row's own domain (`OpDef.domain`). The calls of the others are in
`layout_calls.py`. A unit is some calls on one dtype and one rank, compiled as one function, and run on every layout. Where
NumPy raises, compiled code must raise or be refused; a refusal of what NumPy computes is counted, not a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import linecache
import multiprocessing
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from tests.harness.layout_calls import ANY, IN_PLACE, INDICES, MATRICES, SCALARS, VECTORS, WRITING
from wengert.compiler import ops as rows
from wengert.compiler.diag.errors import CompileError, UnsupportedError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.frontend.trace import trace
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.opdef import REGISTRY, Domain
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import optimise
from wengert.compiler.runtime import cpu

assert rows  # importing it fills the registry
DTYPES = (
    "bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip
Shapes = dict[str, Sequence[tuple[int, ...]]]
SHAPES: Shapes = {"0": [()], "1": [(6,), (0,)], "2": [(4, 6), (0, 3), (3, 0)], "3": [(2, 3, 4), (2, 0, 3)]}
SQUARE: Shapes = {"2": [(3, 3)], "3": [(2, 3, 3)]}
PER_FUNCTION = 12
OF_NOTHING = (
    "np.linalg.pinv(x)", "np.interp(x, k, y)", "np.interp(y, k, x, 0.0, 1.0)",
    "np.polymul(x, y)", "np.bincount(abs(x), weights=k)", "sum(x)", "sum([v for v in np.ravel(x)])",
    "sum([t for _, t in np.ndenumerate(x)])",
)  # fmt: skip
"""Calls that give a Python number, or another dtype, where there is nothing, and are not compared there."""
INTERPRETED = ("C", "backwards", "overlapping")
"""Layouts the interpreter runs on, too: it computes with NumPy, to which layouts are nothing new."""

# -- arguments


def _row_of_values(a: np.ndarray) -> np.ndarray:
    return np.broadcast_to(a[:1], a.shape)


LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": np.ascontiguousarray,
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
    "rows backwards": lambda a: a[..., ::-1].copy()[..., ::-1],
    "part of a larger": lambda a: np.concatenate([a, a, a], axis=-1)[..., a.shape[-1] : 2 * a.shape[-1]],
    "one row repeated": lambda a: _row_of_values(a) if a.shape[0] else a,
    "overlapping": np.ascontiguousarray,
}


def values(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int, domain: Domain | None) -> np.ndarray:
    """A sample: of the domain, or by default of small numbers, whole ones with zeros and ties among them."""
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.random(shape) < 0.5
    if domain is not None:
        made = domain.sample(rng, seed % 2, shape)
        if dtype.kind == "c":
            return np.asarray(made + 1j * domain.sample(rng, seed % 2, shape)).astype(dtype)
        if dtype.kind == "u":
            made = np.abs(made)
        return np.asarray(np.round(made) if dtype.kind in "iu" else made).astype(dtype)
    if dtype.kind == "i":
        return rng.integers(-4, 9, shape).astype(dtype)
    if dtype.kind == "u":
        return rng.integers(0, 9, shape).astype(dtype)
    made = rng.uniform(-2, 3, shape)
    return np.asarray(made + (1j * rng.uniform(-2, 2, shape) if dtype.kind == "c" else 0)).astype(dtype)


def positive_definite(dtype: np.dtype[Any], shape: tuple[int, ...], seed: int) -> np.ndarray:
    own = values(dtype, shape, seed, None)
    if dtype.kind in "biu":
        return np.asarray(np.abs(own) % 3 + 9 * np.eye(shape[-1], dtype=int)).astype(dtype)
    return np.asarray(own @ np.conj(np.swapaxes(own, -1, -2)) + 4 * np.eye(shape[-1])).astype(dtype)


@dataclass(frozen=True)
class Unit:
    """Calls of `kind` on arguments of one dtype and rank."""

    kind: str
    dtype: str
    rank: str
    calls: tuple[str, ...]
    domain: Domain | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.dtype} {self.rank}: {self.calls[0]}"

    def shapes(self) -> Sequence[tuple[int, ...]]:
        return (SQUARE if self.kind == "matrices" else SHAPES)[self.rank]

    def arguments(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """(which layout, the arguments by name)."""
        for shape in self.shapes():
            empty = 0 in shape
            for layout in LAYOUTS if shape and not empty else ("C",):
                made = self.sample(shape)
                if layout == "overlapping":
                    made = overlapping(made)
                elif shape:
                    made = {k: LAYOUTS[layout](v) if v.ndim else v for k, v in made.items()}
                if layout == "one row repeated" and self.kind in ("in place", "matrices"):
                    continue
                yield f"{layout} {shape}", made

    def sample(self, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
        dtype = np.dtype(self.dtype)
        if self.kind == "matrices":
            names = {"A": positive_definite(dtype, shape, 0), "B": values(dtype, shape, 1, None)}
            names["b"] = values(dtype, shape[-1:], 2, None)
        elif self.kind == "indices":
            names = {"x": values(np.dtype(float), (6,), 0, None), "i": (np.abs(values(dtype, shape, 1, None)) % 3).astype(dtype)}
        elif self.kind == "element-wise":
            names = {"x": values(dtype, shape, 0, self.domain), "y": values(dtype, shape, 1, self.domain)}
        else:
            names = {"x": values(dtype, shape, 0, None), "y": values(dtype, shape, 1, None)}
            if shape and self.kind == "vectors":
                names["k"] = np.cumsum(np.linspace(0.2, 1.1, shape[0]))
        return {k: np.asarray(v) for k, v in names.items()}


def overlapping(made: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Arrays of one shape, each beginning one element after the one before in the same memory."""
    first = next(iter(made.values()))
    like = [k for k, v in made.items() if (v.shape, v.dtype) == (first.shape, first.dtype)]
    room = np.concatenate([first.ravel(), first.ravel()[: len(like)]])
    return made | {k: room[n : n + first.size].reshape(first.shape) for n, k in enumerate(like)}


# -- the table


def element_wise() -> Iterator[tuple[str, Domain]]:
    """(call, domain) for every NumPy name of an element-wise row."""
    for row in REGISTRY.values():
        for name in row.numpy if row.kind == "elementwise" else ():
            function = getattr(np, name, None)
            if isinstance(function, np.ufunc):
                yield f"np.{name}({'x, y' if function.nin == 2 else 'x'})", row.domain
            elif function is not None and name != "where":
                yield f"np.{name}(x)", row.domain


def units() -> list[Unit]:
    """The whole table."""
    made: list[Unit] = []
    domains: dict[Domain, list[str]] = {}
    for call, domain in element_wise():
        domains.setdefault(domain, []).append(call)
    whole = [d for d in DTYPES if np.dtype(d).kind in "iu"]
    kinds: list[tuple[str, Sequence[str], Sequence[str], Sequence[str], Domain | None]] = [
        *(("element-wise", calls, DTYPES, tuple(SHAPES), domain) for domain, calls in domains.items()),
        ("any", ANY, DTYPES, tuple(SHAPES), None),
        ("writing", WRITING, DTYPES, ("1", "2", "3"), None),
        ("vectors", VECTORS, DTYPES, ("1",), None),
        ("matrices", MATRICES, DTYPES, tuple(SQUARE), None),
        ("indices", INDICES, whole, ("1", "2"), None),
        ("numbers", SCALARS, [d for d in DTYPES if d not in ("bool", "complex64", "complex128")], ("0",), None),
        ("in place", IN_PLACE, DTYPES, ("1", "2", "3"), None),
    ]
    for kind, calls, dtypes, ranks, domain in kinds:
        size = 1 if kind == "in place" else PER_FUNCTION
        for dtype in dtypes:
            for rank in ranks:
                made += [Unit(kind, dtype, rank, tuple(calls[k : k + size]), domain) for k in range(0, len(calls), size)]
    return sorted(made, key=lambda u: hashlib.sha256(u.name.encode()).digest())


# -- running one


@dataclass
class Outcome:
    """failures: (call, layout, what). refused: calls that are not compiled though NumPy computes them."""

    checked: int = 0
    failures: list[tuple[str, str, str]] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


@cache
def function_of(unit: Unit, calls: tuple[str, ...], names: tuple[str, ...]) -> Any:
    """A Python function that returns the results of all calls. In a writing one `u` is a copy of `x` of its own."""
    lines, results = [], []
    for k, call in enumerate(calls):
        if unit.kind == "in place":
            lines.append(call)
        elif unit.kind == "writing":
            lines += [f"u{k} = x.copy()", re.sub(r"\bu\b", f"u{k}", call)]
            results.append(f"u{k}")
        else:
            results.append(call)
    body = "".join(f"    {line}\n" for line in (*lines, f"return ({', '.join(results)}{',' * bool(results)})"))
    text = f"def f({', '.join(names)}):\n{body}"
    filename = f"<layouts {hashlib.sha256((unit.name + text).encode()).hexdigest()[:16]}>"
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    space: dict[str, Any] = {"np": np}
    exec(compile(text, filename, "exec"), space)
    return space["f"]


def own(arguments: dict[Any, Any]) -> dict[Any, Any]:
    """The arguments again, in fresh memory of the same layout; what overlaps still does."""
    bases: dict[int, np.ndarray] = {}
    made: dict[Any, Any] = {}
    for name, a in arguments.items():
        if not isinstance(a, np.ndarray) or not a.ndim:
            made[name] = a
            continue
        base = a
        while isinstance(base.base, np.ndarray):
            base = base.base
        memory = bases.setdefault(id(base), base.copy(order="K"))
        offset = a.__array_interface__["data"][0] - base.__array_interface__["data"][0]
        made[name] = np.ndarray(a.shape, a.dtype, memory, offset, a.strides) if a.size else a.copy()
    return made


def by_numpy(unit: Unit, call: str, arguments: dict[str, Any]) -> Any:
    """The result of one call, and the arguments after it; or the exception."""
    given = own(arguments)
    try:
        result = function_of(unit, (call,), tuple(given))(*given.values())
    except Exception as error:
        return error
    return (*result, *(given.values() if unit.kind == "in place" else ()))


def check(unit: Unit) -> Outcome:
    outcome = Outcome()
    variants = list(unit.arguments())
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        wanted = {(call, name): by_numpy(unit, call, a) for call in unit.calls for name, a in variants}
        fine = [c for c in unit.calls if not any(isinstance(wanted[c, name], Exception) for name, _ in variants)]
        _together(unit, fine, variants, wanted, outcome)
        for call in [c for c in unit.calls if c not in fine]:
            _together(unit, [call], variants, wanted, outcome)
    return outcome


def _together(unit: Unit, calls: Sequence[str], variants: Any, wanted: Any, outcome: Outcome) -> None:
    """Compile the calls as one function; by halves where that fails."""
    if not calls:
        return
    try:
        _compiled(unit, calls, variants, wanted, outcome)
    except Exception as error:
        if len(calls) > 1:
            _together(unit, calls[: len(calls) // 2], variants, wanted, outcome)
            _together(unit, calls[len(calls) // 2 :], variants, wanted, outcome)
        elif isinstance(error, CompileError):
            outcome.refused[calls[0]] += any(not isinstance(wanted[calls[0], name], Exception) for name, _ in variants)
        elif isinstance(error, Fault):
            outcome.failures.append((calls[0], error.layout, str(error)))
        else:
            outcome.failures.append((calls[0], "compiling", f"{error!r:.300}"))


@dataclass
class Fault(Exception):
    """What a call raised on a layout on which NumPy computes it, or that it raised nothing where NumPy does."""

    layout: str
    what: str

    def __str__(self) -> str:
        return self.what


def _compiled(unit: Unit, calls: Sequence[str], variants: Any, wanted: Any, outcome: Outcome) -> None:
    example = variants[0][1]
    traced = trace(function_of(unit, tuple(calls), tuple(example)), signature_of(tuple(example.values())))
    executable = cpu.load(optimise(traced.function), options=cpu.Options(level=0))
    found = []
    for name, arguments in variants:
        if unit.kind == "in place" and "overlapping" in name:  # refused at the call
            continue
        for way in ("interpreter", "compiled") if name.startswith(INTERPRETED) else ("compiled",):
            given = list(own(arguments).values())
            expected = wanted[calls[0], name]
            if isinstance(expected, ZeroDivisionError) or any(c in OF_NOTHING and "0" in name for c in calls):
                continue
            try:
                leaves = interpret(traced.function, given) if way == "interpreter" else _run(executable, given)
            except Exception as error:
                if isinstance(expected, Exception):
                    continue
                if "compiled" in str(error):  # a refusal that had to wait for the values
                    raise UnsupportedError(str(error)) from None
                raise Fault(name, f"{way}: {error!r:.300}") from None
            if isinstance(expected, Exception):
                raise Fault(name, f"{way}: no error, NumPy: {expected!r:.200}")
            found.append((name, way, list(leaves), given))
    outcome.checked += len(found) * len(calls)
    for name, way, leaves, given in found:
        written = traced.function.written
        after = [leaves[written.index(k)] if k in written else a for k, a in enumerate(given)] if unit.kind == "in place" else []
        got = traced.out.unflatten(leaves[: traced.out.count])
        for k, call in enumerate(calls):
            problem = difference((*got[k : k + 1], *after), wanted[call, name])
            if problem and all(call != known for known, _, _ in outcome.failures):
                outcome.failures.append((call, name, f"{way}: {problem}"))


def _run(executable: cpu.Executable, arguments: Sequence[Any]) -> list[Any]:
    rest = iter(executable.call(*arguments))
    return [next(rest) if w is None else arguments[w] for w in executable.function.written]


def difference(got: Any, wanted: Any) -> str:
    """How two structures of arrays differ; the empty text where they do not."""
    found, expected = flatten(got)[0], flatten(wanted)[0]
    if len(found) != len(expected):
        return f"{len(found)} results instead of {len(expected)}"
    for a, b in zip(map(np.asarray, found), map(np.asarray, expected), strict=True):
        if (a.dtype, a.shape) != (b.dtype, b.shape):
            return f"{a.dtype}{list(a.shape)} instead of {b.dtype}{list(b.shape)}"
        if a.dtype.kind not in "fc":
            same = np.array_equal(a, b)
        else:
            tolerance = 1e-4 if a.dtype in (np.float32, np.complex64) else 1e-11
            scale = np.abs(b[np.isfinite(b)]).max(initial=1e-3)
            same = np.allclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)
        if not same:
            return f"{a!r:.300} instead of {b!r:.300}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="", help="units whose name or calls contain this text")
    parser.add_argument("--share", default="1/1", help="K/N: every N-th unit from the K-th")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    part, parts = map(int, options.share.split("/"))
    chosen = [u for u in units() if options.only in u.name or any(options.only in c for c in u.calls)][part - 1 :: parts]
    start = time.perf_counter()
    with multiprocessing.get_context("fork").Pool(options.processes) as pool:
        outcomes = pool.imap(check, chosen) if options.processes > 1 else map(check, chosen)
        total = collected(chosen, outcomes)
    seconds = time.perf_counter() - start
    print(f"{len(chosen)} units, {total.checked} results, {len(total.failures)} failures, {seconds:.0f} s")
    print("refused: " + ", ".join(sorted(total.refused)))
    return bool(total.failures)


def collected(chosen: Sequence[Unit], outcomes: Iterable[Outcome]) -> Outcome:
    """All outcomes together; each failure is printed as it comes."""
    total = Outcome()
    for unit, found in zip(chosen, outcomes, strict=True):
        total.checked += found.checked
        total.refused += Counter({f"{c} ({unit.dtype}, rank {unit.rank})": n for c, n in found.refused.items()})
        for call, layout, what in found.failures:
            total.failures.append((call, layout, what))
            print(f"{unit.dtype}, rank {unit.rank}, {layout}: {call}\n    {what}", flush=True)
    return total


if __name__ == "__main__":
    sys.exit(main())
