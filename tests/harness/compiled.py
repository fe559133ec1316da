"""Compiled code against Python and against the interpreter, for `python -m tests.harness.fuzz --compiled`.

For a program: `wg.jit` returns and writes what Python does, for arrays of several layouts; one of `jvp`, `vjp`, `batch`
and the vjp of a batch gives what the interpreter makes of its IR; `batch` gives what a loop over its lanes gives.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import wengert.compiler.api as wg  # `wengert` itself would import it in every child
from tests.harness.derivatives import direction, in_doubt
from tests.harness.interpreted import Refused, Wrong, compare, expected
from tests.harness.programs import Part, arguments_for, compile_source
from wengert.compiler.diag.errors import CompileError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.ir.interpret import interpret
from wengert.compiler.ir.tree import flatten
from wengert.compiler.passes.pipeline import Recorder
from wengert.compiler.transforms.compiled import Compiled, trace_for
from wengert.compiler.transforms.structure import full_out

LANES = 3
LAYOUTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "C": lambda a: a,
    "Fortran": np.asfortranarray,
    "every second": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "backwards": lambda a: a[::-1].copy()[::-1],
}


def laid_out(arguments: Sequence[Any], rnd: random.Random) -> list[Any]:
    """The same values, the arrays in layouts drawn at random."""
    return [rnd.choice(list(LAYOUTS.values()))(a) if isinstance(a, np.ndarray) else a for a in arguments]


def check(source: str, seed: int) -> None:
    """Raises Refused, or Wrong, or whatever a defect raises."""
    f, rnd = compile_source(source, f"<program {seed}>"), random.Random(seed)
    wanted = expected(source, seed)
    try:
        with np.errstate(all="ignore"):
            check_jit(f, seed, wanted, rnd)
            check = rnd.choice([check_jvp, check_vjp, check_batch])
            check(source, f, seed, rnd)
    except CompileError as error:
        raise Refused(error.message) from None


def check_jit(f: Callable[..., Any], seed: int, wanted: Sequence[Any], rnd: random.Random) -> None:
    compiled = wg.jit(f)
    for layout in (list, lambda a: laid_out(a, rnd), list):
        arguments = layout(arguments_for(seed))
        leaves, _ = flatten(compiled(*arguments))
        agree("jit", [*leaves, *flatten(arguments)[0]], wanted, compiled.last.traced, arguments_for(seed))
        if any(np.may_share_memory(r, a) for r in leaves for a in flatten(arguments)[0] if isinstance(a, np.ndarray)):
            raise Wrong("a result shares the memory of an argument")


def check_jvp(_source: str, f: Callable[..., Any], seed: int, _: random.Random) -> None:
    rng, arguments = np.random.default_rng(seed), arguments_for(seed)
    as_interpreted(wg.jvp(f), tuple(arguments), tuple(tangent(rng, a) for a in arguments))


def tangent(rng: np.random.Generator, value: Any) -> Any:
    """A random tangent of the structure of `value`, None for integers."""
    if isinstance(value, Part):
        return Part(*(direction(rng, v) for v in value))
    return direction(rng, value) if np.asarray(value).dtype.kind in "fc" else None


def check_vjp(_source: str, f: Callable[..., Any], seed: int, _: random.Random) -> None:
    arguments = tuple(arguments_for(seed))
    as_interpreted(wg.vjp(f), arguments, cotangent_for(f, arguments, seed))


def cotangent_for(f: Any, arguments: tuple[Any, ...], seed: int) -> Any:
    """A cotangent of all that f returns and writes."""
    traced = f.last.traced if isinstance(f, Compiled) else trace_for(f, signature_of(arguments), Recorder())
    rng = np.random.default_rng(seed)
    results = interpret(traced.function, [*flatten(arguments)[0], *traced.captures])
    return full_out(traced).unflatten([direction(rng, a) for a in results])


def as_interpreted(compiled: Any, *arguments: Any) -> Any:
    """What a transform's result returns; it must be what the interpreter says about the same IR."""
    found = compiled(*arguments)
    program = compiled.last
    leaves = interpret(program.traced.function, [*flatten(arguments)[0], *program.traced.captures])
    got, wanted = flatten(found)[0], flatten(program.traced.out.unflatten(leaves))[0]
    agree(compiled.__name__, got, wanted, program.traced, arguments)
    return found


def agree(what: str, got: Sequence[Any], wanted: Sequence[Any], traced: Any, arguments: Any) -> None:
    """Raises Wrong where they differ, and the function says what it should be at these arguments."""
    try:
        compare(what, got, wanted, 1e-9)
    except Wrong:
        if not in_doubt(traced.function, [*flatten(arguments)[0], *traced.captures]):
            raise


def check_batch(source: str, f: Callable[..., Any], seed: int, rnd: random.Random) -> None:
    """Some arguments have an axis of lanes, each its own, and the others are shared."""
    lanes = [arguments_for(seed + 3000 * k) for k in range(LANES)]
    axes = tuple(None if isinstance(a, (int, Part)) else rnd.choice([None, *range(-1, np.ndim(a) + 1)]) for a in lanes[0])
    if all(a is None for a in axes):
        axes = (0, *axes[1:])
    single = [[lane[k] if axis is not None else lanes[0][k] for k, axis in enumerate(axes)] for lane in lanes]
    try:
        plain = compile_source(source, f"<program {seed}>", plain=True)
        results = [flatten(plain(*copied(arguments)))[0] for arguments in single]
    except Exception:  # a lane whose index is outside, say
        return
    stacked = [
        np.stack([arguments[k] for arguments in single], axis) if axis is not None else single[0][k]
        for k, axis in enumerate(axes)
    ]
    batched = wg.batch(f, axes)
    before = copied(stacked)
    got = flatten(as_interpreted(batched, *laid_out(stacked, rnd)))[0]
    compare("batch: its arguments", flatten(stacked)[0], flatten(before)[0], 0)
    count = len(results[0])
    looped = [np.stack([r[k] for r in results]) for k in range(count)]
    agree("batch", got[:count], looped, batched.last.traced, stacked)
    if rnd.random() < 0.3:
        as_interpreted(wg.vjp(batched), tuple(stacked), cotangent_for(batched, tuple(stacked), seed))


def copied(arguments: Sequence[Any]) -> list[Any]:
    return copy.deepcopy(list(arguments))
