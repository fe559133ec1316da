"""Random functions of the IR itself, with shapes of control flow that the front end would not write.

Parameters: two vectors of one extent, a matrix, a scalar; all floats stay in about [-2, 2]. The same seed gives the
same function. They are valid and never trap.
"""

from __future__ import annotations

import random

import numpy as np

import wengert.compiler.ops  # noqa: F401
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.types import BOOL, F64, I64, Type

SCALAR, VECTOR, MATRIX, INDEX = Type(F64), Type(F64, (None,)), Type(F64, (None, None)), Type(I64)
EXTENT = 4


def arguments_for(seed: int) -> list[np.ndarray | float]:
    rng = np.random.default_rng(seed)
    draw = lambda *shape: rng.uniform(-1, 1, shape)  # noqa: E731
    return [draw(EXTENT), draw(EXTENT), draw(EXTENT, EXTENT), float(draw())]


def random_function(seed: int) -> Function:
    return _Maker(random.Random(seed)).function()


class _Maker:
    """`pool`: the values visible at this point, by type; INDEX values are within 0 .. extent - 1."""

    def __init__(self, rnd: random.Random):
        self.rnd = rnd
        self.pool: dict[Type, list[Value]] = {SCALAR: [], VECTOR: [], MATRIX: [], INDEX: []}
        self.budget = rnd.randint(5, 16)

    def function(self) -> Function:
        body = Block([Value(VECTOR, "x"), Value(VECTOR, "y"), Value(MATRIX, "a"), Value(SCALAR, "s")])
        self.b = Builder(body)
        for p in body.params:
            self.pool[p.type].append(p)
        self.n = self.b.extent(body.params[0], 0)
        self.zero, self.one = self.b.integer(0), self.b.integer(1)
        while self.budget > 0:
            self.step(0)
        body.results = [self.rnd.choice(self.pool[t][-3:]) for t in self.rnd.choices([SCALAR, VECTOR, MATRIX], k=2)]
        return Function("f", body)

    def pick(self, type_: Type) -> Value:
        values = self.pool[type_]
        return self.rnd.choice(values[-4:] if self.rnd.random() < 0.6 else values)

    def keep(self, value: Value) -> None:
        self.pool[value.type].append(value)

    def index(self) -> Value:
        if self.pool[INDEX] and self.rnd.random() < 0.8:
            return self.pick(INDEX)
        return self.b.integer(self.rnd.randrange(EXTENT))

    def tame(self, value: Value) -> Value:
        return self.b.emit(self.rnd.choice(["sin", "tanh", "arctan"]), value)

    def step(self, depth: int) -> None:
        self.budget -= 1
        makers = [self.scalar, self.scalar, self.vector, self.element, self.element, self.write, self.write, self.region]
        if depth < 3:
            makers += [self.loop, self.loop, self.branch, self.repeat]
        maker = self.rnd.choice(makers)
        if maker in (self.loop, self.branch, self.repeat):
            maker(depth)  # type: ignore[call-arg]
        else:
            maker()  # type: ignore[call-arg]

    # -- ops

    def scalar(self) -> None:
        a, c = self.pick(SCALAR), self.pick(SCALAR)
        kind = self.rnd.randrange(6)
        if kind == 0:
            self.keep(self.b.emit("divide", a, self.b.emit("add", self.b.emit("multiply", c, c), self.b.constant(1.0, F64))))
        elif kind == 1:
            self.keep(self.tame(self.b.emit("exp", a)))
        elif kind == 2:
            self.keep(self.tame(self.b.emit("sum", self.b.emit("multiply", self.pick(VECTOR), self.pick(VECTOR)), axes=(0,))))
        elif kind == 3:
            self.keep(self.b.emit("where", self.b.emit("less", a, c), self.tame(a), c))
        else:
            self.keep(self.tame(self.b.emit(self.rnd.choice(["multiply", "add", "subtract"]), a, c)))

    def vector(self) -> None:
        a = self.pick(VECTOR)
        other = self.pick(self.rnd.choice([VECTOR, SCALAR]))
        kind = self.rnd.randrange(5)
        if kind == 0:
            dot = self.b.emit("dot_general", self.pick(MATRIX), a, contract=((1,), (0,)), batch=((), ()))
            self.keep(self.tame(dot))
        elif kind == 1:
            sizes = [self.one, self.n]
            row = self.b.emit("slice", self.pick(MATRIX), self.index(), self.zero, *sizes, steps=(1, 1), drop=(0,))
            self.keep(self.b.emit("multiply", row, self.tame(a)))
        elif kind == 2:
            self.keep(self.b.broadcast(self.pick(SCALAR), [self.n]))
        else:
            self.keep(self.tame(self.b.emit(self.rnd.choice(["multiply", "add"]), a, other)))

    def element(self) -> None:
        if self.rnd.random() < 0.4:
            self.keep(self.b.emit("load", self.pick(MATRIX), self.index(), self.index()))
        else:
            self.keep(self.b.emit("load", self.pick(VECTOR), self.index()))

    def write(self) -> None:
        name = self.rnd.choice(["update", "update", "accumulate"])
        value = self.tame(self.b.emit("multiply", self.pick(SCALAR), self.pick(SCALAR)))
        if self.rnd.random() < 0.4:
            self.keep(self.b.emit(name, self.pick(MATRIX), value, self.index(), self.index()))
        else:
            self.keep(self.b.emit(name, self.pick(VECTOR), value, self.index()))

    def region(self) -> None:
        """A prefix, whose extent may vary from trip to trip, or a row."""
        v = self.pick(VECTOR)
        if self.rnd.random() < 0.5:
            size = self.index()
            part = self.b.emit("slice", v, self.zero, size, steps=(1,), drop=())
            part = self.tame(self.b.emit("multiply", part, part))
            self.keep(self.b.emit("update_slice", self.pick(VECTOR), part, self.zero, steps=(1,), drop=()))
        else:
            name = self.rnd.choice(["update_slice", "accumulate_slice"])
            m = self.pick(MATRIX)
            self.keep(self.b.emit(name, m, self.tame(v), self.index(), self.zero, steps=(1, 1), drop=(0,)))

    # -- control

    def some(self) -> list[Value]:
        types = self.rnd.choices([SCALAR, VECTOR, MATRIX], k=self.rnd.randint(1, 3))
        return [self.pick(t) for t in types]

    def body(
        self, block: Block, params: list[Value], types: list[Type], depth: int, index: Value | None = None
    ) -> list[Value]:
        """Fill `block`; returns values of these types, visible there, to yield."""
        before = {t: list(vs) for t, vs in self.pool.items()}
        with self.b.inside(block):
            for p in params:
                self.keep(p)
            if index is not None:
                self.keep(index)
            for _ in range(self.rnd.randint(1, 4)):
                self.step(depth + 1)
            ends = [self.rnd.choice(self.pool[t][-2:]) for t in types]
        self.pool = before
        return ends

    def loop(self, depth: int) -> None:
        starts = self.some()
        index = Value(INDEX, "i")
        params = [Value(v.type, v.type.shape and "u" or "c") for v in starts]
        block = Block([index, *params])
        bound = self.rnd.choice([self.n, self.b.integer(self.rnd.randrange(EXTENT)), self.index()])
        down = self.rnd.random() < 0.25
        block.results = self.body(block, params, [p.type for p in params], depth, index)
        if down:
            low, high, step = self.b.emit("subtract", bound, self.one), self.b.integer(-1), self.b.integer(-1)
        else:
            low, high, step = self.zero, bound, self.b.integer(self.rnd.choice([1, 1, 2]))
        for r in self.b.for_(low, high, step, starts, block).results:
            self.keep(r)

    def repeat(self, depth: int) -> None:
        starts = self.some()
        count = Value(INDEX, "k")
        params = [Value(v.type, "w") for v in starts]
        body = Block([count, *params])
        ends = self.body(body, params, [p.type for p in params], depth, count)
        with self.b.inside(body):
            body.results = [self.b.emit("add", count, self.one), *ends]
        condition = Block([Value(INDEX, "k"), *(Value(v.type, "w") for v in starts)])
        with self.b.inside(condition):
            go = self.b.emit("less", condition.params[0], self.b.integer(self.rnd.randrange(EXTENT)))
            scalars = [p for p in condition.params if p.type == SCALAR]
            if scalars:
                go = self.b.emit("bitwise_and", go, self.b.emit("less", scalars[0], self.b.constant(0.6, F64)))
            assert go.type == Type(BOOL)
            condition.results = [go]
        for r in self.b.while_([self.zero, *starts], condition, body).results[1:]:
            self.keep(r)

    def branch(self, depth: int) -> None:
        condition = self.b.emit("less", self.pick(SCALAR), self.pick(SCALAR))
        likes = self.some()
        blocks = []
        for _ in range(2):
            block = Block()
            block.results = self.body(block, [], [v.type for v in likes], depth)
            blocks.append(block)
        for r in self.b.if_(condition, *blocks, types=[v.type for v in likes]).results:
            self.keep(r)
