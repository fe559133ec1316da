"""Nests as functions of their own: LLVM's passes take time that grows faster than a function, and equal nests are one.

    %m = call ptr @wg_allocate(...)                       define internal i1 @nest1(ptr noalias %a, ptr %b, i64 %n, ...) {
    ... loops ...                             =>              ... loops ...
                                                              ret i1 true           false: interrupted
    %ok = call i1 @nest1(ptr %x, ptr %m, ...)             }

The stages of a Runge-Kutta step, and a loop and its reverse, have many equal nests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from wengert.compiler.backend.emit.host import HostEmitter
from wengert.compiler.backend.emit.nest import Nest, address_at
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.scope import Buffer, CapturingScope, Scope
from wengert.compiler.backend.emit.text import COLD, Module, Text, parallel_nodes, register_type

_LOOP = "!llvm.loop LOOP"
_LATCH = re.compile(r"!llvm\.loop !(\d+)")


class NestScope(CapturingScope):
    """Knows the alias classes of the pointers it captures."""

    def __init__(self, parent: Scope, text: Text, dialect: Dialect):
        super().__init__(parent, text, dialect)
        self.alias: dict[str, int] = {}

    def outer_buffer(self, buffer: Buffer) -> Buffer:
        own = super().outer_buffer(buffer)
        self.alias[own.pointer] = buffer.alias
        return own


class NestHost(Protocol):
    """What loops need of where they are written: a host function or an outlined one."""

    text: Text
    module: Module

    @property
    def scope(self) -> Scope: ...

    def fuel_pointer(self) -> str: ...

    def loop_metadata(self) -> str: ...

    def leave_unless(self, condition: str, code: str) -> None: ...


class Outlined:
    """The function that a nest becomes."""

    def __init__(self, host: HostEmitter, windowed: bool = False):
        self.host, self.module, self.windowed = host, host.module, windowed
        self.text = Text(host.module, "")
        self.scope = NestScope(host.scope, self.text, host.scope.dialect)
        self.polls = False
        self.text.begin()

    def fuel_pointer(self) -> str:
        return self.scope.outer(self.host.fuel_pointer(), "ptr")

    def loop_metadata(self) -> str:
        return _LOOP

    def leave_unless(self, condition: str, code: str) -> None:
        self.polls = True
        after = self.text.fresh("ok")
        self.text.branch_if(condition, after, "interrupted", COLD)
        self.text.label(after)

    def finish(self, result: str | None, type_: str) -> tuple[str, str]:
        """(name, result type) of the function; `type_` is that of the nest's own result, "" for none."""
        returns = f"{{ {type_}, i1 }}" if type_ and self.polls else type_ or ("i1" if self.polls else "void")
        if not self.polls:
            self.text.do(f"ret {returns}" + (f" {result}" if type_ else ""))
        elif not type_:
            self.text.do("ret i1 true")
        else:
            first = self.text.value(f"insertvalue {returns} poison, {type_} {result}, 0")
            self.text.do(f"ret {returns} {self.text.value(f'insertvalue {returns} {first}, i1 true, 1')}")
        if self.polls:
            self.text.label("interrupted")
            self.text.do(f"ret {returns} zeroinitializer" if type_ else "ret i1 false")
        key = f"{returns} ({self._parameters()})" + _LATCH.sub(self._loop_properties, str(self.text))
        name = self.module.shared.get(key)
        if name is None:
            name = self.module.shared[key] = f"wg_nest{len(self.module.shared) + 1}"
            self.text.header = f"define internal {returns} @{name}({self._parameters()}) nounwind noinline"
            parallel = parallel_nodes(self.module)[1]
            text = re.sub(_LOOP, lambda _: f"!llvm.loop {self.module.node(f'!{{self, {parallel}}}')}", str(self.text))
            self.module.functions.append(text)
        return name, returns

    def _loop_properties(self, found: re.Match[str]) -> str:
        """Every loop has a metadata node of its own; what it says tells whether two loops are the same."""
        return self.module.nodes[int(found[1])].replace(f"!{found[1]},", "self,")

    def _parameters(self) -> str:
        """Pointers of an alias class of their own overlap no other; of class 1 nothing is ever written."""
        classes = [self.scope.alias.get(name, 0) for _, type_, name in self.scope.captured if type_ == "ptr"]
        declared = []
        for _, type_, name in self.scope.captured:
            alias = self.scope.alias.get(name, 0)
            apart = type_ == "ptr" and (alias == 1 or (alias > 1 and classes.count(alias) == 1))
            declared.append(f"{type_}{' noalias' if apart else ''} {name}")
        return ", ".join(declared + (["i64 %first", "i64 %last"] if self.windowed else []))


@dataclass(frozen=True, slots=True)
class Made:
    """An outlined nest: its LLVM name, what it returns, the arguments it is to be called with (type, host operand), the
    type of its result ("" for none), and whether it may be interrupted."""

    name: str
    returns: str
    arguments: list[tuple[str, str]]
    type: str
    polls: bool


def outline(host: HostEmitter, nest: Nest, loops: Callable[[NestHost, Nest], str | None], axis: int | None = None) -> Made:
    """Write the nest as a function; with `axis`, as one of a range of that axis, given by its last two parameters."""
    inner = Outlined(host, axis is not None)
    scope = inner.scope
    own = replace(
        nest,
        extents=tuple(scope.outer(n, "i64") for n in nest.extents),
        into=None if nest.into is None else scope.outer_buffer(nest.into),
    )
    result = loops(inner, own if axis is None else _window(inner, own, axis))
    type_ = register_type(nest.dtype) if result is not None and nest.dtype is not None else ""
    name, returns = inner.finish(result, type_)
    return Made(name, returns, [(t, operand) for operand, t, _ in scope.captured], type_, inner.polls)


def _window(inner: Outlined, nest: Nest, axis: int) -> Nest:
    """The part of a nest from %first to before %last on an axis (the first of those kept, where some are reduced)."""
    size = inner.text.value("sub nsw i64 %last, %first", "n")
    extents = tuple(size if k == axis else n for k, n in enumerate(nest.extents))
    into = nest.into
    if into is not None:
        offset = inner.scope.index.multiply("%first", inner.scope.index.product(into.extents[1:]))
        into = replace(into, pointer=address_at(inner.scope, into, offset), extents=(size, *into.extents[1:]))

    def body(scope: Scope, index: list[str]) -> str | None:
        moved = scope.index.add(index[axis], "%first")
        return nest.body(scope, [moved if k == axis else i for k, i in enumerate(index)])

    return replace(nest, extents=extents, body=body, into=into)


def call_nest(host: NestHost, made: Made, more: Sequence[tuple[str, str]] = ()) -> str | None:
    """Call an outlined nest; the operand of its result if it has one."""
    arguments = ", ".join(f"{t} {operand}" for t, operand in (*made.arguments, *more))
    text = host.text
    if made.returns == "void":
        text.do(f"call void @{made.name}({arguments})")
        return None
    called = text.value(f"call {made.returns} @{made.name}({arguments})")
    if not made.polls:
        return called
    done = text.value(f"extractvalue {made.returns} {called}, 1") if made.type else called
    host.leave_unless(done, "0")
    return text.value(f"extractvalue {made.returns} {called}, 0") if made.type else None
