"""Random programs of the language: whole Python/NumPy functions with loops, branches, slices, writes in place, calls.

`generate(seed)` gives the same program for the same seed. Each has the form

    def f(x, y, A, s, t, n):                 x, y: vectors of n float64; A: n by n; s, t: floats; n: int
    def f(x, y, A, s, t, n, z, q, p):        two thirds of them, wide.py: complex and integer vectors, a structure

and keeps its values tame (what is assigned passes through sin, tanh or the like), so that derivatives stay
comparable with differences. `shrink` makes a failing program small. Python itself says what a program means.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from tests.harness.wide import HELPERS as WIDE_HELPERS
from tests.harness.wide import Wide

EXTENT = 6


class Part(NamedTuple):
    u: np.ndarray
    k: float


@dataclass
class State:
    u: np.ndarray
    k: float


class _Plain:
    """`wg` where Python itself says what a program means: rules and checkpoints change no value."""

    def checkpoint(self, f: Any) -> Any:
        return f

    def stop_gradient(self, x: Any) -> Any:
        return x

    def custom_derivative(self, f: Any) -> Any:
        f.def_jvp = lambda rule: None
        return f


@dataclass(frozen=True, slots=True)
class Program:
    """seed: what it was made from. source: the text of `f` and the functions it calls."""

    seed: int
    source: str

    def function(self) -> Callable[..., Any]:
        """`f` as a Python function (its source is known to `inspect`)."""
        return compile_source(self.source, f"<program {self.seed}>")

    def arguments(self) -> list[Any]:
        """Arguments for `f`, fresh arrays at each call."""
        return arguments_for(self.seed)


def compile_source(source: str, name: str = "<program>", plain: bool = False) -> Callable[..., Any]:
    """The function `f` of a source text; `inspect.getsource` finds it. plain: to be run by Python."""
    import linecache

    import wengert.compiler.api as wg

    lines = source.splitlines(keepends=True)
    linecache.cache[name] = (len(source), None, lines, name)
    namespace: dict[str, Any] = {"np": np, "__name__": name, "Part": Part, "State": State, "wg": _Plain() if plain else wg}
    exec(compile(source, name, "exec"), namespace)
    return namespace["f"]  # type: ignore[no-any-return]


def arguments_for(seed: int) -> list[Any]:
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(-1, 1, EXTENT), rng.uniform(-1, 1, EXTENT)
    made = [x, y, rng.uniform(-1, 1, (EXTENT, EXTENT)), float(rng.uniform(-1, 1)), float(rng.uniform(0.2, 1)), EXTENT]
    if not is_wide(seed):
        return made
    z = rng.uniform(-1, 1, EXTENT) + 1j * rng.uniform(-1, 1, EXTENT)
    return [*made, z, rng.integers(0, EXTENT, EXTENT), Part(rng.uniform(-1, 1, EXTENT), float(rng.uniform(-1, 1)))]


def is_wide(seed: int) -> bool:
    return seed % 3 != 0


def generate(seed: int) -> Program:
    """The program of this seed."""
    return Program(seed, _Writer(random.Random(seed), is_wide(seed)).program())


HELPERS = {
    "mix": "def mix(a, b):\n    if a > b:\n        return a * b + 0.3\n    return np.sin(a) - b\n",
    "smooth": "def smooth(u, w):\n    for k in range(1, len(u) - 1):\n"
    "        u[k] = np.sin(w * (u[k - 1] + u[k + 1]) + 0.1 * u[k])\n",
    "norm": "def norm(u):\n    total = 0.0\n    for k in range(len(u)):\n        total += u[k] * u[k]\n"
    "    return np.sqrt(1.0 + total)\n",
    "halves": "def halves(u):\n    for a in u:\n        if a > 1.5:\n            return\n        yield 0.5 * a\n",
    "scaled": "def scaled(u, c):\n    return np.tanh(c * u)\n",
}


@dataclass(slots=True)
class Scope:
    """Names by kind: v(ector), m(atrix), s(calar), i(ndex: 0 <= i < n), g (function of two floats), l(ist of floats);
    z (complex vector), c(omplex scalar), q (index vector), p (Part)."""

    names: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in "vmsiglzcqp"})

    def copy(self) -> Scope:
        return Scope({kind: list(names) for kind, names in self.names.items()})


class _Writer(Wide):
    def __init__(self, rnd: random.Random, wide: bool):
        self.rnd, self.lines, self.depth, self.wide = rnd, [], 1, wide
        self.scope = Scope()
        self.scope.names.update(v=["x", "y"], m=["A"], s=["s", "t"])
        self.count, self.loops, self.used = 0, 0, set()
        if wide:
            self.scope.names.update(z=["z"], q=["q"], p=["p"])
        self.budget = rnd.randint(4, 12)
        self.returns = rnd.choices("svm2zp", [3, 3, 1, 2, wide, wide])[0]

    def program(self) -> str:
        # Arrays of the caller's are written in a third of the programs; else the work is on copies.
        if self.rnd.random() < 0.67:
            for name in ("x", "y", "A", "z")[: 4 if self.wide else 3]:
                self.line(f"{name} = {name}.copy()")
        while self.budget > 0:
            self.statement()
        self.line(f"return {self.result()}")
        header = "def f(x, y, A, s, t, n, z, q, p):" if self.wide else "def f(x, y, A, s, t, n):"
        helpers = "\n".join((HELPERS | WIDE_HELPERS)[name] for name in sorted(self.used))
        return (helpers + "\n" if helpers else "") + "\n".join([header, *self.lines]) + "\n"

    def line(self, text: str) -> None:
        self.lines.append("    " * self.depth + text)

    def pick(self, kind: str) -> str:
        return self.rnd.choice(self.scope.names[kind])

    def fresh(self, kind: str) -> str:
        self.count += 1
        return f"{kind}{self.count}"

    def chance(self, p: float) -> bool:
        return self.rnd.random() < p

    def choose(self, *options: tuple[float, Callable[[], Any]]) -> Any:
        return self.rnd.choices([o for _, o in options], [w for w, _ in options])[0]()

    @contextmanager
    def block(self) -> Iterator[None]:
        before, count = self.scope, len(self.lines)
        self.scope = before.copy()
        self.depth += 1
        yield
        if len(self.lines) == count:
            self.line("pass")
        self.depth -= 1
        self.scope = before

    def result(self) -> str:
        """Of the kind that all returns of this program have."""
        if self.returns == "2":
            return f"{self.pick('v')}, {self.pick('s')}"
        return self.scalar(2) if self.returns == "s" else self.pick(self.returns)

    # -- expressions: text of a float, a vector, an index

    def number(self) -> str:
        return self.rnd.choice(["0.5", "1.5", "0.3", "2.0", "0.25", "1.0"])

    def scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.choose((4, lambda: self.pick("s")), (1, self.number), (3, self.element))
        inner = depth - 1
        if self.wide and self.chance(0.2):
            return self.wide_scalar(inner)
        return self.choose(
            (4, lambda: f"({self.scalar(inner)} {self.rnd.choice('+-*')} {self.scalar(inner)})"),
            (1, lambda: f"{self.scalar(inner)} / (1.5 + np.cos({self.scalar(inner)}))"),
            (3, lambda: f"np.{self.rnd.choice(['sin', 'cos', 'tanh', 'exp', 'arctan'])}({self.small(inner)})"),
            (1, lambda: f"np.sqrt(1.0 + {self.pick('s')} ** 2)"),
            (2, lambda: f"np.{self.rnd.choice(['sum', 'mean', 'max'])}({self.vector(inner)})"),
            (1, lambda: f"np.dot({self.pick('v')}, {self.vector(inner)})"),
            (1, lambda: f"({self.pick('v')} @ {self.pick('v')})"),
            (1, lambda: f"max({self.scalar(inner)}, {self.scalar(inner)})"),
            (1, lambda: f"abs({self.scalar(inner)})"),
            (1, lambda: f"({self.scalar(inner)} if {self.condition()} else {self.scalar(inner)})"),
            (1, lambda: self.call("mix", self.scalar(inner), self.scalar(inner))),
            (1, lambda: self.call("norm", self.pick("v"))),
            (2, lambda: self.gathered_scalar(inner)),
            *([(2, lambda: f"{self.pick('g')}({self.scalar(inner)}, {self.scalar(0)})")] if self.scope.names["g"] else []),
        )

    def gathered_scalar(self, depth: int) -> str:
        """By masks, generators, tuples, lists, and reductions of other kinds."""
        v, s = self.pick("v"), self.pick("s")
        return self.choose(
            (2, lambda: f"np.sum({v}[{v} > {s}])"),
            (1, lambda: f"{v}[{self.vector(0)} < {s}].sum()"),
            (1, lambda: f"sum(a * b for a, b in zip({v}, {self.vector(0)}))"),
            (1, lambda: f"np.linalg.norm({self.vector(depth)})"),
            (1, lambda: f"{v}.std()"),
            (1, lambda: f"({self.scalar(0)}, {self.scalar(0)})[{self.rnd.choice('01')}]"),
            (1, lambda: f"0.1 * ({v} > {s}).sum()"),
            (1, lambda: f"np.trace({self.pick('m')})"),
            (1, lambda: f"np.interp({self.small(0)}, np.linspace(-1.0, 1.0, n), {v})"),
            (1, lambda: f"(({v}[{self.index()}] if {self.condition()} else 0.0) or {self.scalar(0)})"),
            (1, lambda: f"0.5 * ({self.condition()} and {self.scalar(0)} > {s})"),
            *([(3, lambda: f"sum({self.pick('l')})")] if self.scope.names["l"] else []),
        )

    def small(self, depth: int) -> str:
        """A float that exp may be taken of."""
        return f"np.sin({self.scalar(depth)})"

    def call(self, name: str, *arguments: str) -> str:
        self.used.add(name)
        return f"{name}({', '.join(arguments)})"

    def element(self) -> str:
        if self.chance(0.3):
            return f"{self.pick('m')}[{self.index()}, {self.index()}]"
        return f"{self.pick('v')}[{self.index()}]"

    def index(self) -> str:
        constant = lambda: str(self.rnd.choice([0, 1, 2, EXTENT - 1, -1, -2]))  # noqa: E731
        if not self.scope.names["i"]:
            return constant()
        i = self.pick("i")
        return self.choose(
            (5, lambda: i),
            (1, constant),
            (1, lambda: f"({i} + 1) % n"),
            (1, lambda: f"{i} - 1"),
            (1, lambda: f"n - 1 - {i}"),
            (1, lambda: f"{i} // 2"),
        )

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.choose(
                (6, lambda: self.pick("v")),
                (1, lambda: f"{self.pick('m')}[{self.index()}]"),
                (1, lambda: f"{self.pick('m')}[:, {self.index()}]"),
                (1, lambda: f"{self.pick('v')}[::-1]"),
            )
        inner = depth - 1
        if self.wide and self.chance(0.25):
            return self.wide_vector(inner)
        return self.choose(
            (4, lambda: f"({self.vector(inner)} {self.rnd.choice('+-*')} {self.vector(inner)})"),
            (2, lambda: f"({self.vector(inner)} * {self.scalar(inner)})"),
            (1, lambda: f"({self.vector(inner)} / (1.5 + {self.pick('s')} ** 2))"),
            (2, lambda: f"np.{self.rnd.choice(['sin', 'cos', 'tanh'])}({self.vector(inner)})"),
            (1, lambda: f"np.where({self.vector(inner)} > {self.scalar(inner)}, {self.vector(inner)}, {self.vector(inner)})"),
            (1, lambda: f"np.maximum({self.vector(inner)}, {self.scalar(0)})"),
            (1, lambda: f"({self.pick('m')} @ {self.vector(0)})"),
            (1, lambda: f"np.sum({self.pick('m')}, axis={self.rnd.choice([0, 1])})"),
            (1, lambda: self.call("scaled", self.vector(inner), self.scalar(0))),
            (2, lambda: self.gathered_vector(inner)),
        )

    def gathered_vector(self, depth: int) -> str:
        """By index arrays, sorting, running sums, comprehensions, integers beside floats."""
        u, v = self.vector(depth), self.pick("v")
        places = ", ".join(str(self.rnd.randrange(-2, EXTENT)) for _ in range(EXTENT))
        return self.choose(
            (2, lambda: f"{v}[[{places}]]"),
            (1, lambda: f"{v}[np.argsort({self.vector(0)})]"),
            (1, lambda: f"np.sort({u})"),
            (1, lambda: f"np.cumsum({u})"),
            (1, lambda: f"np.roll({u}, {self.rnd.choice(['1', '-2'])})"),
            (1, lambda: f"np.array([{self.tamed(f'a + {self.scalar(0)}')} for a in {v}])"),
            (1, lambda: f"np.concatenate(({v}[:2], {self.vector(0)}[2:]))"),
            (1, lambda: f"(np.arange(n) % 3 * {self.scalar(0)})"),
            (1, lambda: f"np.outer({v}, {self.vector(0)}).mean(axis={self.rnd.choice('01')})"),
            (1, lambda: f"np.clip({u}, -0.5, 0.5)"),
            (1, lambda: f"np.add.accumulate({v}[::-1])"),
        )

    def condition(self) -> str:
        return self.choose(
            (4, lambda: f"{self.scalar(0)} {self.rnd.choice('<>')} {self.scalar(0)}"),
            (1, lambda: f"{self.scalar(0)} < 0.3 and {self.pick('s')} > -0.4"),
            (1, lambda: f"-0.6 < {self.scalar(0)} < 0.5"),
            (1, lambda: f"np.any({self.pick('v')} > 0.9)"),
            (1, lambda: f"{self.pick('i')} % 2 == 0" if self.scope.names["i"] else f"not {self.pick('s')} > 0.2"),
            (1, lambda: f"{self.pick('i') if self.scope.names['i'] else 'n'} {self.rnd.choice(['in', 'not in'])} {{1, 3, 6}}"),
        )

    def tamed(self, text: str) -> str:
        """Small, and smaller in nests, where what feeds on itself would amplify the rounding of its first laps."""
        damped = ("", "", "0.3 * ", "0.1 * ")[min(self.loops, 3)]
        return f"{damped}np.{self.rnd.choice(['sin', 'tanh', 'arctan', 'cos'])}({text})"

    # -- statements

    def statement(self) -> None:
        self.budget -= 1
        deep = self.depth < 4
        if self.wide and self.chance(0.35):
            self.wide_statement()
            return
        self.choose(
            (4, self.assign_scalar),
            (3, self.assign_vector),
            (4, self.write_element),
            (3, self.write_slice),
            (1, self.write_matrix),
            (1, self.new_array),
            (1, self.call_helper),
            (1, self.view),
            (2, self.gathered_write),
            (1, self.exchange),
            (1, self.inner_function),
            (1, self.list_of),
            (1, self.lists_in_list),
            (1, self.perhaps_none),
            (1, self.named),
            *([(4, self.for_loop), (2, self.branch), (1, self.while_loop)] if deep else []),
            *([(1, self.leave)] if self.loops else []),
        )

    def assign_scalar(self) -> None:
        if self.chance(0.4):
            name, text = self.pick("s"), self.scalar(1)
            self.line(f"{name} = {self.tamed(f'{name} + {text}')}")
            return
        text = self.tamed(self.scalar(2))
        name = self.fresh("s") if self.chance(0.5) else self.pick("s")
        self.line(f"{name} = {text}")
        if name not in self.scope.names["s"]:
            self.scope.names["s"].append(name)

    def assign_vector(self) -> None:
        text = self.tamed(self.vector(2))
        name = self.fresh("v") if self.chance(0.5) or self.loops else self.pick("v")
        self.line(f"{name} = {text}")
        if name not in self.scope.names["v"]:
            self.scope.names["v"].append(name)

    def new_array(self) -> None:
        text = self.choose(
            (2, lambda: "np.zeros(n)"),
            (1, lambda: f"np.full(n, {self.scalar(0)})"),
            (1, lambda: f"{self.pick('v')}.copy()"),
            (1, lambda: "np.ones(n)"),
        )
        name = self.fresh("v")
        self.line(f"{name} = {text}")
        self.scope.names["v"].append(name)

    def view(self) -> None:
        name, target = self.fresh("w"), self.pick("v")
        self.line(f"{name} = {target}[1:-1]")
        self.line(f"{name}[{self.rnd.choice(['0', '1', '-1'])}] = {self.tamed(self.scalar(1))}")
        self.line(f"{self.pick('s')} = {self.tamed(f'np.sum({name} * {target}[:-2])')}")

    def write_element(self) -> None:
        target = self.element()
        if self.chance(0.4):
            self.line(f"{target} {self.rnd.choice(['+=', '-='])} 0.3 * {self.tamed(self.scalar(1))}")
        elif self.chance(0.3):
            self.line(f"{target} *= {self.tamed(self.scalar(1))}")
        else:
            self.line(f"{target} = {self.tamed(self.scalar(2))}")

    def write_slice(self) -> None:
        v = self.pick("v")
        u = self.pick("v")
        self.choose(
            (3, lambda: self.line(f"{v}[1:-1] = {self.tamed(f'{u}[:-2] * {self.scalar(0)} + {v}[2:]')}")),
            (1, lambda: self.line(f"{v}[1:] += 0.3 * {self.tamed(f'{u}[:-1]')}")),
            (1, lambda: self.line(f"{v}[::2] *= {self.tamed(f'{u}[1::2]')}")),
            (1, lambda: self.line(f"{v}[:] = {self.tamed(self.vector(1))}")),
            (1, lambda: self.line(f"{v}[:3] = {self.tamed(f'{u}[::-1][:3]')}")),
            (1, self.write_prefix),
        )

    def write_prefix(self) -> None:
        if not self.scope.names["i"]:
            return
        i, v, u = self.pick("i"), self.pick("v"), self.pick("v")
        self.line(f"{v}[:{i}] = {self.tamed(f'{u}[:{i}] * {self.scalar(0)}')}")

    def write_matrix(self) -> None:
        m = self.pick("m")
        self.choose(
            (2, lambda: self.line(f"{m}[{self.index()}, :] = {self.tamed(self.vector(1))}")),
            (1, lambda: self.line(f"{m}[:, {self.index()}] *= {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{m}[1:, :-1] += 0.2 * {self.tamed(f'{m}[:-1, 1:]')}")),
        )

    def call_helper(self) -> None:
        self.line(self.call("smooth", self.pick("v"), self.tamed(self.scalar(0))))

    def gathered_write(self) -> None:
        v, u, s = self.pick("v"), self.pick("v"), self.pick("s")
        step = f"{self.pick('i')} + 1" if self.scope.names["i"] else "n // 2"
        self.choose(
            (2, lambda: self.line(f"{v}[{v} > {s}] = {self.tamed(self.scalar(0))}")),
            (1, lambda: self.line(f"{v}[{v} < {s}] *= 0.5")),
            (1, lambda: self.line(f"{v}[{v} < {s}] = {self.tamed(f'{v}[{v} < {s}]')}")),
            (1, lambda: self.line(f"{v}[[0, 3, -1]] += 0.2 * {self.tamed(self.scalar(0))}")),
            (1, lambda: self.line(f"{v}[[1, 4]] = {self.tamed(f'{u}[[4, 1]]')}")),
            (1, lambda: self.line(f"{v}[::{step}] = {self.tamed(self.scalar(0))}")),
            (1, lambda: self.line(f"np.multiply({v}, {self.tamed(self.vector(0))}, out={v})")),
        )

    def exchange(self) -> None:
        kind = "v" if self.chance(0.4) else "s"
        a, b = self.pick(kind), self.pick(kind)
        if a != b:
            self.line(f"{a}, {b} = {b}, {a}")

    def inner_function(self) -> None:
        g = self.fresh("g")
        self.line(f"def {g}(a, b={self.rnd.choice(['0.5', self.pick('s')])}):")
        with self.block():
            if self.chance(0.3):
                self.line(f"if a < {self.pick('s')}:")
                self.line(f"    return {self.tamed('a * b')}")
            outer = self.pick("s")
            self.line(f"return {self.tamed(f'a + b * {outer}')}")
        self.scope.names["g"].append(g)

    def list_of(self) -> None:
        name, a = self.fresh("l"), self.fresh("a")
        self.line(f"{name} = []")
        v = self.pick("v")
        kind = self.rnd.randrange(3)
        over = (v, f"enumerate({v})", self.call("halves", v) if kind == 2 else "")[kind]
        self.line(f"for {'_, ' if kind == 1 else ''}{a} in {over}:")
        with self.block():
            if self.chance(0.4):
                self.line(f"if {a} > {self.pick('s')}:")
                self.line("    continue")
            self.line(f"{name}.append({self.tamed(f'{a} * {self.scalar(0)}')})")
        if self.chance(0.3):
            part = self.rnd.choice(["1:2", ":1", "-1:", "2:", "n:"])
            self.line(f"{name}[{part}] = [{self.pick('s')}, {self.number()}]")
        if self.chance(0.2):
            self.line(f"del {name}[{self.rnd.choice(['1:3', ':1', '-2:'])}]")
        self.scope.names["l"].append(name)

    def perhaps_none(self) -> None:
        """What is None until a loop finds one."""
        found, a, s = self.fresh("o"), self.fresh("a"), self.pick("s")
        self.line(f"{found} = None")
        self.line(f"for {a} in {self.pick('v')}:")
        with self.block():
            self.line(f"if {a} > {self.pick('s')} and ({found} is None or {a} < {found}):")
            self.line(f"    {found} = {a}")
            if self.chance(0.4):
                self.line("    break")
        self.line(f"if {found} is not None:")
        with self.block():
            self.line(f"{s} = {self.tamed(f'{found} * {self.scalar(0)}')}")

    def named(self) -> None:
        """Numbers by their names: a dictionary that is read, changed and gone through."""
        d, key, a = self.fresh("d"), self.fresh("k"), self.fresh("a")
        entries = [f"'{k}': {self.scalar(0)}" for k in ("low", "mid", "high")[: self.rnd.randint(2, 3)]]
        self.line(f"{d} = {{{', '.join(entries)}}}")
        if self.chance(0.5):
            self.line(f"{d}['{self.rnd.choice(['low', 'mid'])}'] {self.rnd.choice(['', '+'])}= {self.tamed(self.scalar(0))}")
        if self.chance(0.6):
            self.line(f"for {key}, {a} in {d}.items():")
            with self.block():
                guard = self.rnd.choice([f"{key} != 'low'", f"{key} in {{'mid', 'high'}}", f"{a} > {self.pick('s')}"])
                self.line(f"if {guard}:")
                self.line(f"    {d}[{key}] = {self.tamed(f'{a} * {self.scalar(0)}')}")
        read = self.rnd.choice([f"sum({d}.values())", f"{d}['low'] * {d}.get('high', 0.3)", f"max({d}.values())"])
        self.line(f"{self.pick('s')} = {self.tamed(read)}")

    def lists_in_list(self) -> None:
        rows, row, k, a = self.fresh("r"), self.fresh("l"), self.fresh("k"), self.fresh("a")
        self.line(f"{rows} = [[] for _ in range(n)]")
        self.line(f"for {k}, {a} in enumerate({self.pick('v')}):")
        with self.block():
            self.line(f"{rows}[{k}].append({self.tamed(f'{a} * {self.scalar(0)}')})")
            if self.chance(0.5):
                self.line(f"{rows}[{k} * 2 % 3].append({self.tamed(a)})")
            if self.chance(0.5):
                self.line(f"{rows}[{k} // 2][0] += 0.2 * {a}")
            if self.chance(0.2):
                self.line(f"{rows}[0], {rows}[{k}] = {rows}[{k}], {rows}[0]")
        self.line(f"{row} = {rows}[{self.rnd.choice(['0', '-1', 'n // 2'])}]")
        if self.chance(0.4):
            self.line(f"{row}.append({self.pick('s')})")
            self.line(f"{rows}[{self.rnd.choice(['0', '-1'])}][:1].sort()")
        self.scope.names["l"].append(row)

    def for_loop(self) -> None:
        i = self.fresh("i")
        bounds = ["n", "1, n", "n - 1, -1, -1", "0, n, 2", "2", "1, n - 1"]
        bounds += [self.pick("i")] if self.scope.names["i"] else []
        self.line(f"for {i} in range({self.rnd.choice(bounds)}):")
        self.loops += 1
        with self.block():
            self.scope.names["i"].append(i)
            for _ in range(self.rnd.randint(1, 3)):
                self.statement()
        self.loops -= 1

    def while_loop(self) -> None:
        k = self.fresh("k")
        self.line(f"{k} = 0")
        limit = self.choose((2, lambda: ""), (1, lambda: f" and {self.condition()}"))
        self.line(f"while {k} < {self.rnd.choice([2, 3, 5])}{limit}:")
        self.loops += 1
        with self.block():
            self.line(f"{k} += 1")
            for _ in range(self.rnd.randint(1, 3)):
                self.statement()
        self.loops -= 1

    def cases(self) -> None:
        step = self.pick("i") if self.scope.names["i"] else "n"
        self.line(f"match {step} % 3, {self.pick('s')}:")
        count = self.fresh("w")
        for pattern in (f"case 0, {count}:", f"case (1 | 2), {count} if {count} < {self.pick('s')}:", "case _:"):
            with self.block():
                self.line(pattern)
                with self.block():
                    if count in pattern:
                        self.line(f"{self.pick('s')} = {self.tamed(count)}")
                    self.statement()

    def branch(self) -> None:
        if self.depth < 3 and self.chance(0.15):
            self.cases()
            return
        self.line(f"if {self.condition()}:")
        with self.block():
            for _ in range(self.rnd.randint(1, 2)):
                self.statement()
        if self.chance(0.6):
            self.line("else:")
            with self.block():
                for _ in range(self.rnd.randint(1, 2)):
                    self.statement()

    def leave(self) -> None:
        self.line(f"if {self.condition()}:")
        with self.block():
            self.line(self.rnd.choice(["break", "continue"]))


# -- shrinking


def shrink(source: str, fails: Callable[[str], bool]) -> str:
    """A smaller program for which `fails` still holds: statements are left out, and bodies put for loops and branches,
    while it does. `fails` returns False for a program that is not valid."""
    changed = True
    while changed:
        changed = False
        for candidate in _smaller(source):
            if fails(candidate):
                source, changed = candidate, True
                break
    return source


def _smaller(source: str) -> Iterator[str]:
    count = sum(1 for _ in _bodies(ast.parse(source)))
    for place in range(count):
        width = len(list(_bodies(ast.parse(source)))[place])
        for k in range(width):
            for unwrap in (False, True):
                tree = ast.parse(source)
                body = list(_bodies(tree))[place]
                statement = body[k]
                inner = list(getattr(statement, "body", []))
                if unwrap and (isinstance(statement, ast.FunctionDef) or not inner):
                    continue
                body[k : k + 1] = inner if unwrap else []
                if not body:
                    body.append(ast.Pass())
                    if isinstance(statement, ast.Pass):
                        continue
                text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
                if text != source:
                    yield text


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for name in ("body", "orelse"):
            body = getattr(node, name, None)
            if isinstance(body, list) and body:
                yield body
