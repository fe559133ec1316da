"""Writing LLVM text: a module, the body of a function, and names that are unique in it."""

from __future__ import annotations

import struct
from typing import Any

from wengert.compiler.ir.types import DType

COLD = "!prof !0"
"""Marks the second target of a branch as almost never taken; `!0` is the first metadata node of every module."""


class Phi:
    """A phi whose incoming values are added as they become known."""

    __slots__ = ("name", "type", "incoming")

    def __init__(self, name: str, type_: str):
        self.name, self.type, self.incoming = name, type_, list[tuple[str, str]]()

    def add(self, value: str, block: str) -> None:
        self.incoming.append((value, block))

    def __str__(self) -> str:
        arms = ", ".join(f"[ {value}, %{block} ]" for value, block in self.incoming)
        return f"  {self.name} = phi {self.type} {arms}"


class Module:
    """The parts of an LLVM module in the order they are printed."""

    def __init__(self, triple: str = "", layout: str = ""):
        self.header = f'target datalayout = "{layout}"\n' if layout else ""
        self.header += f'target triple = "{triple}"\n' if triple else ""
        self.declarations: dict[str, str] = {}
        self.globals: list[str] = []
        self.used: dict[str, None] = {}
        self.functions: list[str] = []
        self.shared: dict[str, str] = {}
        """Text of outlined functions (without name) -> name."""
        self.parallel: tuple[str, str] | None = None
        self.nodes: list[str] = ['!{!"branch_weights", i32 1048575, i32 1}']

    def declare(self, name: str, declaration: str) -> None:
        """Declare an external function once."""
        self.declarations.setdefault(declaration.partition("@")[2].partition("(")[0], declaration)

    def node(self, content: str) -> str:
        """A metadata node; `self` in the content stands for the node, which is then not shared."""
        own = "self" in content or content.startswith("distinct")
        if not own and content in self.nodes:
            return f"!{self.nodes.index(content)}"
        name = f"!{len(self.nodes)}"
        self.nodes.append(("distinct " if "self" in content else "") + content.replace("self", name))
        return name

    def keep(self, name: str) -> None:
        """Keep a declared function that nothing calls yet (the vectoriser will)."""
        self.used[name] = None

    def __str__(self) -> str:
        parts = [self.header, *self.declarations.values(), *self.globals]
        if self.used:
            names = ", ".join(f"ptr @{name}" for name in self.used)
            parts.append(f'@llvm.compiler.used = appending global [{len(self.used)} x ptr] [{names}], section "llvm.metadata"')
        parts += self.functions
        parts += [f"!{k} = {node}" for k, node in enumerate(self.nodes)]
        return "\n".join(parts) + "\n"


def parallel_nodes(module: Module) -> tuple[str, str]:
    """The metadata of loops whose iterations are independent, made once per module: (access group, loop properties).

    They are vectorised but neither interleaved nor unrolled: they wait for memory, and compile in half the time.
    """
    if module.parallel is None:
        group = module.node("distinct !{}")
        properties = [
            module.node(f'!{{!"llvm.loop.parallel_accesses", {group}}}'),
            module.node('!{!"llvm.loop.interleave.count", i32 1}'),
            module.node('!{!"llvm.loop.unroll.disable"}'),
        ]
        module.parallel = group, ", ".join(properties)
    return module.parallel


class Text:
    """The body of one LLVM function, written block by block. `block` is the label of the block being written."""

    def __init__(self, module: Module, header: str):
        self.module, self.header = module, header
        self.lines: list[str | Phi] = []
        self.entry: list[str] = []
        self.block = "entry"
        self._count = 0

    def fresh(self, hint: str = "v") -> str:
        """An unused name without its sigil."""
        self._count += 1
        return f"{hint}{self._count}"

    def value(self, instruction: str, hint: str = "v") -> str:
        """Write an instruction and return the name of its result."""
        name = "%" + self.fresh(hint)
        self.lines.append(f"  {name} = {instruction}")
        return name

    def do(self, instruction: str) -> None:
        self.lines.append("  " + instruction)

    def alloca(self, type_: str, hint: str = "slot", align: int = 8) -> str:
        """Stack memory, made once at the function's entry."""
        name = "%" + self.fresh(hint)
        self.entry.append(f"  {name} = alloca {type_}, align {align}")
        return name

    def at_entry(self, instruction: str, hint: str = "v") -> str:
        """As `value`, at the function's entry."""
        name = "%" + self.fresh(hint)
        self.entry.append(f"  {name} = {instruction}")
        return name

    def phi(self, type_: str, hint: str = "p") -> Phi:
        phi = Phi("%" + self.fresh(hint), type_)
        self.lines.append(phi)
        return phi

    def label(self, name: str) -> None:
        """Begin the block `name`."""
        self.lines.append(f"{name}:")
        self.block = name

    def branch(self, target: str, metadata: str = "") -> None:
        self.do(f"br label %{target}" + (f", {metadata}" if metadata else ""))

    def branch_if(self, condition: str, then: str, orelse: str, metadata: str = "") -> None:
        self.do(f"br i1 {condition}, label %{then}, label %{orelse}" + (f", {metadata}" if metadata else ""))

    def __str__(self) -> str:
        body = "\n".join(str(line) for line in self.lines)
        entry = "\n".join(self.entry)
        return f"{self.header} {{\nentry:\n{entry}\n  br label %start\nstart:\n{body}\n}}\n"

    def begin(self) -> None:
        """To be called before the first instruction: what is emitted goes to the block after the entry."""
        self.block = "start"


# -- types and constants

_FLOATS = {32: "float", 64: "double"}


def register_type(dtype: DType) -> str:
    """The LLVM type of a scalar in a register: bools are i1, complex numbers pairs."""
    if dtype.kind == "f":
        return _FLOATS[dtype.bits]
    if dtype.kind == "c":
        part = _FLOATS[dtype.bits // 2]
        return f"{{ {part}, {part} }}"
    return "i1" if dtype.kind == "b" else f"i{dtype.bits}"


def memory_type(dtype: DType) -> str:
    """The LLVM type of an array element: as in a register, but bools are bytes."""
    return "i8" if dtype.kind == "b" else register_type(dtype)


def part_type(dtype: DType) -> str:
    """The LLVM type of the real part of a complex dtype."""
    return _FLOATS[dtype.bits // 2]


def float_text(value: float, bits: int) -> str:
    """A floating-point constant, exact: LLVM writes also f32 constants as the bits of a double."""
    if bits == 32:
        value = struct.unpack("f", struct.pack("f", value))[0]
    return "0x" + struct.pack(">d", value).hex().upper()


def constant_text(value: Any, dtype: DType) -> str:
    """A number as an LLVM operand."""
    if dtype.kind == "f":
        return _float_or_overflow(float(value), dtype.bits)
    if dtype.kind == "c":
        part, bits = part_type(dtype), dtype.bits // 2
        value = complex(value)
        return f"{{ {part} {_float_or_overflow(value.real, bits)}, {part} {_float_or_overflow(value.imag, bits)} }}"
    if dtype.kind == "b":
        return "true" if value else "false"
    return str(int(value))


def _float_or_overflow(value: float, bits: int) -> str:
    if bits == 32 and abs(value) > 3.4028235677973366e38 and value not in (float("inf"), float("-inf")):
        value = float("inf") if value > 0 else float("-inf")
    return float_text(value, bits)
