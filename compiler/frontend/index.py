"""Symbolic integers: extents, bounds and indices as affine forms, so that equal ones are known to be equal.

    affine ::= constant + sum of coefficient * atom
    atom   ::= an i64 value of the IR | Term("max0" | "min" | "max" | "div", operands)

`u[1:] - u[:-1]` needs no check because both extents are the one affine form max0(n - 1). Affine forms become IR
values on demand (`Indices.value`), once for each scope in which they are needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, NamedTuple

from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.types import I64, Type

INDEX = Type(I64)


class Affine:
    """constant + sum of coefficient * atom. Immutable; equal where the forms are the same.

    terms: in the order in which they were added, so that the IR is the same in every process; equality does not look at it.
    """

    __slots__ = ("_hash", "_set", "constant", "terms")

    def __init__(self, constant: int, terms: tuple[tuple[Any, int], ...] = ()):
        self.constant, self.terms, self._set = constant, terms, frozenset(terms)
        self._hash = hash((constant, self._set))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Affine) and self.constant == other.constant and self._set == other._set

    def __repr__(self) -> str:
        return " + ".join([str(self.constant), *(f"{c}*{item!r}" for item, c in self.terms)])

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def known(self) -> int | None:
        return None if self.terms else self.constant

    def __add__(self, other: Affine | int) -> Affine:
        if isinstance(other, int):
            return Affine(self.constant + other, self.terms) if other else self
        if not other.terms:
            return self + other.constant
        if not self.terms:
            return other + self.constant
        total = dict(self.terms)
        for atom, c in other.terms:
            total[atom] = total.get(atom, 0) + c
        return Affine(self.constant + other.constant, tuple([(a, c) for a, c in total.items() if c]))

    def __neg__(self) -> Affine:
        return self * -1

    def __sub__(self, other: Affine | int) -> Affine:
        return self + (-other)

    def __rsub__(self, other: int) -> Affine:
        return -self + other

    def __mul__(self, factor: int) -> Affine:
        if factor == 1:
            return self
        if factor == 0:
            return Affine(0)
        return Affine(self.constant * factor, tuple([(a, c * factor) for a, c in self.terms]))


class Term(NamedTuple):
    kind: str
    left: Affine
    right: Affine


@lru_cache(maxsize=1024)
def number(value: int) -> Affine:
    return Affine(value)


def atom(item: Any) -> Affine:
    return Affine(0, ((item, 1),))


class TracingBuilder(Builder):
    """A builder that notes in which scope each i64 value is made."""

    def __init__(self, block: Block):
        super().__init__(block)
        self.scope = 0
        self.open = {0}
        self.home: dict[Value, int] = {}
        self._scopes = 0

    def append(self, op: Op) -> Op:
        for value in op.results:
            if value.type is INDEX or value.type == INDEX:
                self.home[value] = self.scope
        self.block.ops.append(op)
        return op

    def new_scope(self) -> int:
        self._scopes += 1
        return self._scopes

    @contextmanager
    def region(self, block: Block, scope: int) -> Iterator[Block]:
        """Within it, ops go to `block`; what is made there is visible until it ends (or is entered again)."""
        before = self.block, self.scope
        self.block, self.scope = block, scope
        self.open.add(scope)
        for value in block.params:
            self.home.setdefault(value, scope)
        try:
            yield block
        finally:
            self.block, self.scope = before
            self.open.discard(scope)

    def sees(self, value: Value) -> bool:
        return self.home.get(value, 0) in self.open


class Indices:
    """Turns i64 values into affine forms and back, and proves small inequalities between them."""

    def __init__(self, builder: TracingBuilder):
        self.builder = builder
        self.forms: dict[Value, Affine] = {}
        self.made: dict[int, dict[Affine, Value]] = {}
        self.order: dict[Any, int] = {}
        self.bounds: dict[Value, tuple[Affine, Affine]] = {}
        self.natural: dict[Value, int] = {}
        self.wrapped: dict[Value, Affine] = {}

    # -- to and from values

    def of(self, value: Value) -> Affine:
        """The affine form of an i64 value."""
        found = self.forms.get(value)
        if found is None:
            known = constant_of(value)
            found = number(int(known)) if known is not None else atom(value)
            self.forms[value] = found
            self.made.setdefault(self.builder.home.get(value, 0), {}).setdefault(found, value)
        return found

    def define(self, value: Value, form: Affine) -> None:
        """State that `value`, just made, is `form`."""
        self.forms[value] = form
        self.made.setdefault(self.builder.scope, {}).setdefault(form, value)

    def value(self, form: Affine) -> Value:
        """An i64 value that is `form`, made here unless one is visible."""
        for scope in self.builder.open:
            found = self.made.get(scope, {}).get(form)
            if found is not None:
                return found
        made = self._make(form)
        self.define(made, form)
        return made

    def _make(self, form: Affine) -> Value:
        builder, total = self.builder, None
        for item, c in sorted(form.terms, key=lambda term: (term[1] < 0, self._rank(term[0]))):
            value = item if isinstance(item, Value) else self._term(item)
            if total is None:
                total = value if c == 1 else builder.emit("multiply", value, builder.integer(c))
                continue
            if abs(c) != 1:
                value = builder.emit("multiply", value, builder.integer(abs(c)))
            total = builder.emit("add" if c > 0 else "subtract", total, value)
        if total is None:
            return builder.integer(form.constant)
        if form.constant:
            name = "add" if form.constant > 0 else "subtract"
            total = builder.emit(name, total, builder.integer(abs(form.constant)))
        return total

    def _rank(self, item: Any) -> int:
        return self.order.setdefault(item, len(self.order))

    def _term(self, term: Term) -> Value:
        alone = atom(term)
        for scope in self.builder.open:
            found = self.made.get(scope, {}).get(alone)
            if found is not None:
                return found
        left = self.value(term.left)
        if term.kind == "div":
            made = self.builder.emit("floor_divide", left, self.value(term.right))
        else:
            made = self.builder.emit(
                {"max0": "maximum", "max": "maximum", "min": "minimum"}[term.kind], left, self.value(term.right)
            )
        self.define(made, alone)
        return made

    def visible(self, form: Affine) -> bool:
        """Whether every value the form is made of is defined where the builder stands."""
        return all(
            self.builder.sees(item) if isinstance(item, Value) else self.visible(item.left) and self.visible(item.right)
            for item, _ in form.terms
        )

    def suppose_natural(self, value: Value, everywhere: bool = True) -> None:
        """State that a value is not negative: by its nature, or (not `everywhere`) because a check here has passed."""
        self.natural.setdefault(value, 0 if everywhere else self.builder.scope)

    def is_natural(self, value: Value) -> bool:
        return self.natural.get(value, -1) in self.builder.open

    # -- forms with a decision in them

    def at_least_zero(self, form: Affine) -> Affine:
        """max(form, 0)"""
        if self.proves(form):
            return form
        if self.proves(-form):
            return number(0)
        return atom(Term("max0", form, number(0)))

    def minimum(self, a: Affine, b: Affine) -> Affine:
        if self.proves(b - a):
            return a
        if self.proves(a - b):
            return b
        return atom(Term("min", a, b))

    def maximum(self, a: Affine, b: Affine) -> Affine:
        if self.proves(b - a):
            return b
        if self.proves(a - b):
            return a
        return atom(Term("max", a, b))

    def quotient(self, form: Affine, divisor: int) -> Affine:
        """floor(form / divisor) for a positive constant divisor."""
        if divisor == 1:
            return form
        if form.is_constant:
            return number(form.constant // divisor)
        if form.constant % divisor == 0 and all(c % divisor == 0 for _, c in form.terms):
            return Affine(form.constant // divisor, tuple([(a, c // divisor) for a, c in form.terms]))
        return atom(Term("div", form, number(divisor)))

    # -- proofs

    def proves(self, form: Affine, depth: int = 6) -> bool:
        """Whether form >= 0 follows from loop bounds and from extents being at least 0."""
        if not form.terms:
            return form.constant >= 0
        if depth == 0:
            return False
        bounded = [term for term in form.terms if isinstance(term[0], Value) and term[0] in self.bounds]
        if bounded:  # the innermost index first: its bounds are made of those around it
            item, c = max(bounded, key=lambda term: self.builder.home.get(term[0], 0))
            low, high = self.bounds[item]
            return self.proves(form - atom(item) * c + (low if c > 0 else high) * c, depth - 1)
        for item, c in form.terms:
            rest = form - atom(item) * c
            if isinstance(item, Value):
                if c > 0 and self.is_natural(item) and self.proves(rest, depth - 1):
                    return True
            elif any(self.proves(rest + bound * c, depth - 1) for bound in self._bounds_of(item, c > 0)):
                return True
        return False

    def _bounds_of(self, term: Term, lower: bool) -> tuple[Affine, ...]:
        """Forms that are at most (lower) or at least the term."""
        if term.kind in ("max0", "max"):
            if lower:
                return (term.left, term.right)
            return (term.left,) if self.proves(term.left - term.right, 2) else ()
        if term.kind == "min":
            if not lower:
                return (term.left, term.right)
            return (number(0),) if self.proves(term.left, 2) and self.proves(term.right, 2) else ()
        return (number(0),) if lower and self.proves(term.left, 2) else ()
