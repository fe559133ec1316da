"""What the grammar of random programs (programs.py) says beyond reals and loops: complex numbers, structures, index
vectors with repeated entries, aliased arguments of calls, NumPy's library, early returns, rules and checkpoints.

The added names: z (complex vector), q (int vector, entries 0 .. n - 1, some repeated), p (a Part: .u vector, .k float).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

HELPERS = {
    "calm": "def calm(w):\n    return w / (1.5 + np.abs(w))\n",
    "blend": "def blend(u, w):\n    for k in range(1, len(u)):\n        u[k] = np.sin(u[k] + 0.5 * w[k - 1])\n",
    "pair": "def pair(a, b):\n    return np.sin(a * b), a - 0.3 * b\n",
    "wave": "def wave(u, w):\n    u *= 0.5\n    u += 0.3 * np.cos(w)\n    return u[0] * w[-1]\n",
    "first_above": "def first_above(u, c):\n    for k in range(len(u)):\n        if u[k] > c:\n"
    "            return np.sin(u[k] * c)\n    return 0.2 * c\n",
    "decay": "def decay(a):\n    k = 0\n    while abs(a) > 0.15 and k < 8:\n"
    "        a = 0.6 * a - 0.02\n        k += 1\n    return a\n",
    "long": "def long(u, c):\n    for k in range(len(u)):\n"
    "        c = np.sin(c + u[k] * c)\n        u = np.tanh(u + c)\n    return u\n",
    "ruled": "@wg.custom_derivative\ndef ruled(u, c):\n    return np.tanh(c * u)\n\n"
    "def ruled_jvp(args, tangents):\n    u, c = args\n    du, dc = tangents\n    r = np.tanh(c * u)\n"
    "    return r, (1.0 - r * r) * (c * du + u * dc)\n\nruled.def_jvp(ruled_jvp)\n",
    "moved": "def moved(p, c):\n    return Part(np.tanh(p.u * c), np.sin(p.k + c))\n",
}


class Wide:
    """Mixed into the writer of programs."""

    if TYPE_CHECKING:
        rnd: random.Random
        loops: int
        used: set[str]
        scope: Any
        line: Callable[[str], None]
        pick: Callable[[str], str]
        fresh: Callable[[str], str]
        chance: Callable[[float], bool]
        choose: Callable[..., Any]
        block: Callable[[], AbstractContextManager[None]]
        scalar: Callable[[int], str]
        vector: Callable[[int], str]
        small: Callable[[int], str]
        index: Callable[[], str]
        tamed: Callable[[str], str]
        condition: Callable[[], str]
        statement: Callable[[], None]
        call: Callable[..., str]
        result: Callable[[], str]

    # -- expressions

    def wide_scalar(self, depth: int) -> str:
        m, v = self.pick("m"), self.pick("v")
        near = f"(0.1 * {m} + np.eye(n))"
        return self.choose(
            (2, lambda: f"{self.pick('p')}.k"),
            (1, lambda: f"{self.pick('p')}.u[{self.index()}]"),
            (2, lambda: f"({self.complex_scalar(depth)}).{self.rnd.choice(['real', 'imag'])}"),
            (1, lambda: f"abs({self.complex_scalar(0)})"),
            (1, lambda: f"np.sum(np.abs({self.complex_vector(0)}) ** 2)"),
            (1, lambda: f"np.vdot({self.pick('z')}, {self.complex_vector(0)}).real"),
            (1, lambda: f"np.linalg.det({near})"),
            (1, lambda: f"np.linalg.solve({near}, {v})[{self.index()}]"),
            (1, lambda: f"np.linalg.norm({m})"),
            (1, lambda: f"np.linalg.slogdet({near})[1]"),
            (1, lambda: f"np.einsum('ij,i,j->', {m}, {v}, {self.vector(0)})"),
            (1, lambda: f"np.prod(1.0 + 0.2 * {v})"),
            (1, lambda: f"np.median({v})"),
            (1, lambda: f"np.quantile({v}, 0.3)"),
            (1, lambda: f"np.var({self.vector(0)})"),
            (1, lambda: f"{v}[np.argmax({self.vector(0)})]"),
            (1, lambda: f"{v}[int(2.0 * abs({self.small(0)}))]"),
            (1, lambda: f"np.hypot({self.scalar(0)}, {self.scalar(0)})"),
            (1, lambda: f"np.arctan2({self.scalar(0)}, 1.5 + {self.small(0)})"),
            (1, lambda: f"np.logaddexp({self.scalar(0)}, {self.scalar(0)})"),
            (1, lambda: self.call("first_above", v, self.scalar(0))),
            (1, lambda: self.call("decay", self.small(0))),
            (1, lambda: f"np.trapezoid({v}, dx=0.3)"),
            (1, lambda: f"np.min({m} * {self.scalar(0)})"),
            (1, lambda: f"wg.stop_gradient(0.5) * {self.scalar(0)}"),
            (1, lambda: f"float({v}.shape[0]) * 0.1 * {self.scalar(0)}"),
        )

    def wide_vector(self, depth: int) -> str:
        m, v, q = self.pick("m"), self.pick("v"), self.pick("q")
        return self.choose(
            (3, lambda: f"{v}[{q}]"),
            (1, lambda: f"np.take({v}, {q})"),
            (1, lambda: f"{m}[{q}, {self.index()}]"),
            (1, lambda: f"{m}[{q}, {self.pick('q')}]"),
            (1, lambda: f"{m}[np.arange(n), {q}]"),
            (1, lambda: f"np.bincount({q}, weights={v}, minlength=n)"),
            (2, lambda: f"{self.pick('p')}.u"),
            (2, lambda: f"({self.complex_vector(depth)}).{self.rnd.choice(['real', 'imag'])}"),
            (1, lambda: f"np.abs({self.complex_vector(0)})"),
            (1, lambda: f"np.linalg.solve({m} + 4.0 * np.eye(n), {self.vector(0)})"),
            (1, lambda: f"np.append(np.diff({self.vector(0)}), {self.scalar(0)})"),
            (1, lambda: f"np.cumprod(1.0 + 0.3 * {v})"),
            (1, lambda: f"np.convolve({v}, {self.vector(0)}, mode='same')"),
            (1, lambda: f"np.diagonal({m})"),
            (1, lambda: f"np.tril({m}) @ {v}"),
            (1, lambda: f"np.stack(({v}, {self.vector(0)}))[{self.rnd.choice('01')}]"),
            (1, lambda: f"{m}.reshape(-1)[{self.rnd.choice('012')}:][:n]"),
            (1, lambda: f"np.where({v} > 0.0, np.log(np.abs({v})), {self.scalar(0)})"),
            (1, lambda: f"np.einsum('ij,j->i', {m}, {self.vector(0)})"),
            (1, lambda: f"np.linalg.norm({m}, axis={self.rnd.choice('01')})"),
            (1, lambda: f"np.max({m}, axis={self.rnd.choice('01')})"),
            (1, lambda: f"np.minimum.accumulate({v})"),
            (1, lambda: f"np.flip({v}) * np.sign({self.vector(0)})"),
            (1, lambda: f"np.take_along_axis({v}, {q}, axis=0)"),
            (1, lambda: f"np.pad({v}[1:-1], 1, mode='edge')"),
            (1, lambda: f"np.gradient({v})"),
            (1, lambda: f"np.fft.fft({v}).{self.rnd.choice(['real', 'imag'])}"),
            (1, lambda: self.call("ruled", self.vector(0), self.scalar(0))),
            (1, lambda: f"wg.checkpoint({self.called('long')})({v}, {self.scalar(0)})"),
            (1, lambda: f"np.select([{v} > 0.4, {v} < -0.4], [{self.vector(0)}, {v}], {self.scalar(0)})"),
        )

    def called(self, name: str) -> str:
        self.used.add(name)
        return name

    def complex_scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.choose(
                (3, lambda: f"{self.pick('z')}[{self.index()}]"),
                (1, lambda: f"({self.scalar(0)} + 1j * {self.scalar(0)})"),
                (2, lambda: self.pick("c") if self.scope.names["c"] else f"{self.pick('z')}[0]"),
            )
        return self.choose(
            (2, lambda: f"({self.complex_scalar(0)} {self.rnd.choice('+-*')} {self.complex_scalar(0)})"),
            (1, lambda: f"np.sum({self.complex_vector(0)})"),
            (1, lambda: f"np.conj({self.complex_scalar(0)})"),
            (1, lambda: f"np.exp(1j * {self.scalar(0)})"),
            (1, lambda: f"({self.pick('z')} @ {self.complex_vector(0)})"),
        )

    def complex_vector(self, depth: int) -> str:
        if depth <= 0:
            return self.choose((4, lambda: self.pick("z")), (1, lambda: f"({self.vector(0)} + 1j * {self.vector(0)})"))
        z = self.pick("z")
        return self.choose(
            (2, lambda: f"({z} {self.rnd.choice('+-*')} {self.complex_vector(0)})"),
            (1, lambda: f"({z} * {self.rnd.choice([self.scalar(0), self.vector(0)])})"),
            (1, lambda: f"np.conj({z})"),
            (1, lambda: f"np.exp(1j * {self.vector(0)})"),
            (1, lambda: f"{z} / (1.5 + np.abs({self.complex_vector(0)}))"),
            (1, lambda: f"{z}[{self.pick('q')}]"),
            (1, lambda: f"np.fft.{self.rnd.choice(['fft', 'ifft'])}({z}) / n"),
            (1, lambda: f"np.where({self.vector(0)} > 0.0, {z}, {self.complex_vector(0)})"),
            (1, lambda: f"({self.pick('m')} @ {z})"),
            (1, lambda: f"np.sqrt({z} + 2.0)"),
        )

    # -- statements

    def wide_statement(self) -> None:
        self.choose(
            (2, self.assign_complex),
            (2, self.write_complex),
            (2, self.scatter),
            (2, self.rebuild),
            (2, self.mutable),
            (2, self.aliased_call),
            (2, self.captured_and_passed),
            (1, self.early_return),
            (1, self.halve),
            (1, self.whole_array),
            (1, self.view_of_matrix),
            (1, self.zipped),
            (1, self.two_results),
            (1, self.for_else),
        )

    def keep(self, kind: str, text: str) -> None:
        """Assign the text to a fresh name or to one that is there."""
        names = self.scope.names[kind]
        name = self.pick(kind) if names and self.chance(0.5) else self.fresh(kind)
        self.line(f"{name} = {text}")
        if name not in names:
            names.append(name)

    def assign_complex(self) -> None:
        if self.chance(0.5):
            self.keep("z", self.call("calm", self.complex_vector(1)))
        else:
            self.keep("c", self.call("calm", self.complex_scalar(1)))

    def write_complex(self) -> None:
        z = self.pick("z")
        self.choose(
            (2, lambda: self.line(f"{z}[{self.index()}] = {self.call('calm', self.complex_scalar(1))}")),
            (1, lambda: self.line(f"{z}[{self.index()}] += 0.3 * {self.call('calm', self.complex_scalar(0))}")),
            (1, lambda: self.line(f"{z}[1:] *= {self.call('calm', f'{z}[:-1]')}")),
            (1, lambda: self.line(f"{z}.real = {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{z}[:] = {self.call('calm', self.complex_vector(1))}")),
        )

    def scatter(self) -> None:
        v, q, m = self.pick("v"), self.pick("q"), self.pick("m")
        self.choose(
            (2, lambda: self.line(f"np.add.at({v}, {q}, 0.2 * {self.tamed(self.vector(0))})")),
            (1, lambda: self.line(f"np.subtract.at({v}, {q}, 0.2 * {self.tamed(self.scalar(0))})")),
            (2, lambda: self.line(f"{v}[{q}] = {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{v}[{q}] += 0.2 * {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{v}[{q}] *= {self.tamed(self.scalar(0))}")),
            (1, lambda: self.line(f"{m}[{q}, {self.pick('q')}] = {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{m}[{self.index()}, {q}] += 0.2 * {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{v}[:] = {v}[{q}] * {self.tamed(self.scalar(0))}")),
            (1, lambda: self.line(f"np.maximum.at({v}, {q}, {self.tamed(self.vector(0))})")),
            (1, lambda: self.keep("q", f"np.argsort({self.vector(0)})")),
            (1, lambda: self.keep("q", f"({q} + {self.rnd.choice('123')}) % n")),
        )

    def rebuild(self) -> None:
        p = self.pick("p")
        self.keep(
            "p",
            self.choose(
                (2, lambda: f"Part({self.tamed(self.vector(0))}, {self.tamed(self.scalar(1))})"),
                (2, lambda: f"{p}._replace(k={self.tamed(f'{p}.k * {self.scalar(0)}')})"),
                (1, lambda: f"{p}._replace(u={self.tamed(f'{p}.u + {self.vector(0)}')})"),
                (2, lambda: self.call("moved", p, self.scalar(0))),
            ),
        )

    def mutable(self) -> None:
        o = self.fresh("o")
        self.line(f"{o} = State({self.tamed(self.vector(0))}, {self.scalar(0)})")
        for _ in range(self.rnd.randint(1, 2)):
            self.choose(
                (1, lambda: self.line(f"{o}.u[{self.index()}] = {self.tamed(self.scalar(1))}")),
                (1, lambda: self.line(f"{o} = State({self.tamed(f'{o}.u * {self.scalar(0)}')}, {o}.k)")),
                (1, lambda: self.line(f"{o}.u[1:] += 0.3 * {self.tamed(f'{o}.u[:-1]')}")),
            )
        self.line(f"{self.pick('s')} = {self.tamed(f'{o}.k * {o}.u[{self.index()}]')}")

    def aliased_call(self) -> None:
        """A function that writes its first argument and reads its second, with the same array or views of it."""
        v, m = self.pick("v"), self.pick("m")
        first, second = self.choose(
            (2, lambda: (v, v)),
            (1, lambda: (v, self.pick("v"))),
            (2, lambda: (f"{v}[1:]", f"{v}[:-1]")),
            (1, lambda: (f"{v}[:-1]", f"{v}[1:]")),
            (1, lambda: (v, f"{v}[::-1]")),
            (1, lambda: (f"{m}[{self.index()}]", f"{m}[:, {self.index()}]")),
            (1, lambda: (f"{m}[0]", f"{m}[0]")),
            (1, lambda: (f"{v}[::2]", f"{v}[1::2]")),
        )
        if self.chance(0.5):
            self.line(self.call("blend", first, second))
        else:
            self.line(f"{self.pick('s')} = {self.tamed(self.call('wave', first, second))}")

    def captured_and_passed(self) -> None:
        g, v = self.fresh("h"), self.pick("v")
        self.line(f"def {g}(a):")
        with self.block():
            write = f"a[{self.index()}] = {self.tamed(f'a[0] * {v}[1] + {self.scalar(0)}')}"
            self.line(self.rnd.choice([write, f"a[1:] = {self.tamed(f'{v}[:-1] * a[1:]')}", f"{v}[0] = {self.tamed('a[2]')}"]))
            self.line(f"return {self.tamed(f'a[0] + {v}[{self.index()}]')}")
        self.line(f"{self.pick('s')} = {g}({self.rnd.choice([v, v, self.pick('v'), f'{v}[::-1]'])})")

    def early_return(self) -> None:
        self.line(f"if {self.condition()}:")
        with self.block():
            self.line(f"return {self.result()}")

    def halve(self) -> None:
        """A loop whose trips depend on the data."""
        s, k = self.pick("s"), self.fresh("k")
        self.line(f"{k} = 0")
        self.line(self.rnd.choice([f"while abs({s}) > 0.2:", "while True:"]))
        self.loops += 1
        with self.block():
            self.line(f"{k} += 1")
            self.line(f"if {k} > 6 or {self.condition()}:")
            self.line("    break")
            self.line(f"{s} = 0.7 * {self.tamed(s)}")
            if self.chance(0.6):
                self.statement()
        self.loops -= 1

    def whole_array(self) -> None:
        v, m = self.pick("v"), self.pick("m")
        self.choose(
            (1, lambda: self.line(f"{v} *= {self.tamed(self.vector(0))}")),
            (1, lambda: self.line(f"{v} += 0.2 * {self.tamed(self.vector(1))}")),
            (1, lambda: self.line(f"{v}.sort()")),
            (1, lambda: self.line(f"{v}.fill({self.tamed(self.scalar(0))})")),
            (1, lambda: self.line(f"{m} *= {self.tamed(f'{m}.T')}")),
            (1, lambda: self.line(f"{m}[:] = {self.tamed(f'0.15 * {m} @ {m}')}")),
        )

    def view_of_matrix(self) -> None:
        w, m = self.fresh("w"), self.pick("m")
        views = [f"{m}[{self.index()}]", f"{m}.T[1]", f"{m}[1:, 2]", f"{m}.ravel()", f"{m}[::2, 0]"]
        self.line(f"{w} = {self.rnd.choice(views)}")
        self.line(f"{w}[{self.rnd.choice(['0', '1', '-1'])}] = {self.tamed(self.scalar(1))}")
        if self.chance(0.5):
            self.line(f"{w} *= {self.tamed(self.scalar(0))}")
        self.line(f"{self.pick('s')} = {self.tamed(f'np.sum({m}[0] * {self.vector(0)}) + {w}[0]')}")

    def zipped(self) -> None:
        a, b, s = self.fresh("a"), self.fresh("b"), self.pick("s")
        v, m = self.pick("v"), self.pick("m")
        places = self.rnd.choice([f"zip({v}, {self.vector(0)})", f"zip({m}[0], {v}[::-1])"])
        self.line(f"for {a}, {b} in {places}:")
        self.loops += 1
        with self.block():
            self.line(f"{s} = {self.tamed(f'{s} + {a} * {b}')}")
            if self.chance(0.3):
                self.line(f"if {s} > {self.pick('s')}:")
                self.line("    break")
        self.loops -= 1

    def two_results(self) -> None:
        self.line(f"{self.pick('s')}, {self.pick('v')}[{self.index()}] = {self.call('pair', self.scalar(0), self.scalar(0))}")

    def for_else(self) -> None:
        i, s = self.fresh("i"), self.pick("s")
        self.line(f"for {i} in range(n):")
        with self.block():
            self.line(f"if {self.pick('v')}[{i}] > {self.pick('s')}:")
            self.line("    break")
            self.line(f"{s} = {self.tamed(f'{s} + {self.pick(chr(118))}[{i}]')}")
        self.line("else:")
        with self.block():
            self.line(f"{self.pick('v')}[0] = {self.tamed(self.scalar(0))}")
