"""What a compilation depends on, as a digest that is the same in every process: the key of the code on disk.

    function      its bytecode, the text of its file or cell and its place there (spans point into it), defaults,
                  annotations, closure, and every global its code names, all of these in the same way
    transform     its class, its options, the function it wraps
    array         dtype, rank and extents of 1: the elements are passed at each call
    environment   versions of Python, NumPy, llvmlite; the processor; the compiler's own files

Names are collected from the bytecode, so more may count than is read; never less. What has no digest that is certain to
change with its meaning (objects of arbitrary classes) makes the whole uncertain: `Uncertain` is raised, nothing kept.
"""

from __future__ import annotations

import hashlib
import os
import platform
import sys
import types
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numpy as np

from wengert.compiler.backend import target
from wengert.compiler.frontend.reads import CONTENTS, TRUSTED, Reads, note, note_contents
from wengert.compiler.frontend.signature import Signature, leaf_of
from wengert.compiler.frontend.source import text_of
from wengert.compiler.ir.tree import Tree, field_names

_NUMBERS = (int, float, bool, complex, str, bytes, type(None), type(Ellipsis))


class Uncertain(Exception):
    """Something is read of which it is not certain that it is the same in another process."""


class Fingerprint:
    """Collects what is read. `digest` is the key; arrays: those met, in order; reads: as the tracer's."""

    def __init__(self) -> None:
        self.hash = hashlib.sha256(environment().encode())
        self.arrays: list[np.ndarray] = []
        self.reads: Reads = {}
        self._seen: dict[int, tuple[int, Any]] = {}
        self._of_users = False

    @property
    def digest(self) -> str:
        return self.hash.hexdigest()

    def text(self, *parts: str) -> None:
        for part in parts:
            data = part.encode()
            self.hash.update(b"%d:" % len(data) + data)

    # -- values

    def value(self, value: Any, names: tuple[str, ...] = ()) -> None:
        """Any value; `names`: those that the code around names, which are looked at in modules."""
        kind = type(value)
        if kind in _NUMBERS:
            self.text(kind.__name__, repr(value))
            return
        known = self._seen.get(id(value))
        if known is not None:
            self.text("again", str(known[0]))
            return
        self._seen[id(value)] = len(self._seen), value
        if self._of_users:
            note_contents(self.reads, value)
        if isinstance(value, np.ndarray):
            if kind is not np.ndarray:
                raise Uncertain(value)
            self.arrays.append(value)
            if value.ndim == 0:
                self.text("number", str(value.dtype), repr(value.item()))
            else:
                self.text("array", repr(leaf_of(value).type))
        elif isinstance(value, np.generic | np.dtype):
            self.text(kind.__name__, repr(value))
        elif isinstance(value, tuple | list):
            if kind not in (tuple, list):
                self._class(kind)
            self.text(kind.__name__, str(len(value)))
            for item in value:
                self.value(item)
        elif kind is dict:
            self.text("dict", str(len(value)))
            for key, item in value.items():
                self.value(key)
                self.value(item)
        elif kind is Tree:
            self.tree(value)
        elif isinstance(value, types.ModuleType):
            self._module(value, names)
        elif hasattr(value, "__wengert_trace__") and hasattr(value, "programs"):
            self.transform(value)
        elif isinstance(value, types.FunctionType) and not _is_trusted(value):
            self.function(value)
        elif isinstance(value, type) and not _is_trusted(value):
            self._class(value)
        elif _is_trusted(value):
            self.text(kind.__name__, value.__module__ or "builtins", getattr(value, "__qualname__", value.__name__))
        elif isinstance(value, np.ufunc):
            home = next((m for m in ("numpy", "scipy.special") if _has(m, value)), None)
            if home is None:
                raise Uncertain(value)
            self.text("ufunc", home, value.__name__)
        elif isinstance(value, staticmethod | classmethod):
            self.text(kind.__name__)
            self.value(value.__func__)
        elif isinstance(value, property):
            self.text("property")
            self.value(value.fget)
        elif hasattr(kind, "__dataclass_fields__"):
            self._class(kind)
            for name in field_names(kind):
                self.value(getattr(value, name))
        else:
            raise Uncertain(value)

    def _module(self, module: types.ModuleType, names: tuple[str, ...]) -> None:
        self.text("module", module.__name__)
        if module.__name__.partition(".")[0] in TRUSTED:
            return
        for name in names:
            if name in vars(module):
                note(self.reads, vars(module), name)
                self.text(name)
                self.value(vars(module)[name], names)

    def _class(self, kind: type) -> None:
        """A class of the user's: its fields and all that its bodies define."""
        self.text("class", kind.__module__, kind.__qualname__)
        if kind.__module__.partition(".")[0] in TRUSTED:
            return
        for base in kind.__mro__:
            if base.__module__.partition(".")[0] in TRUSTED:
                self.text(base.__qualname__)
                continue
            for name, item in vars(base).items():
                if not name.startswith("__") or isinstance(item, types.FunctionType):
                    self.text(name)
                    if not hasattr(type(item), "__get__"):
                        note(self.reads, base, name)
                    self._member(item)
        if hasattr(kind, "__dataclass_fields__"):
            self.text(*field_names(kind))

    def _member(self, item: Any) -> None:
        if isinstance(item, types.MemberDescriptorType) or type(item).__name__ == "_tuplegetter":
            self.text("slot")
        elif isinstance(item, types.FunctionType):
            self.function(item)
        else:
            self.value(item)

    # -- functions

    def transform(self, compiled: Any) -> None:
        """A compiled function: its class, its options, what it wraps."""
        before, self._of_users = self._of_users, False  # its options are not changed in place
        kind = type(compiled)
        self.text("transform", kind.__module__, kind.__qualname__, compiled.__name__)
        for name, item in sorted(vars(compiled).items()):
            if name not in compiled.FORGOTTEN and not (name.startswith("__") and name != "__wrapped__"):
                self.text(name)
                self.value(item)
        self._of_users = before

    def function(self, function: types.FunctionType) -> None:
        before, self._of_users = self._of_users, True
        self._function(function)
        self._of_users = before

    def _function(self, function: types.FunctionType) -> None:
        if function.__dict__.keys() - {"__wrapped__", "__wengert_transform__", "__wengert_suppress__"}:
            raise Uncertain(function)
        name, text = text_of(function)
        self.text("function", function.__qualname__, name, _text_digest(text))
        names = self._code(function.__code__)
        self.value(function.__defaults__)
        self.value(function.__kwdefaults__)
        for parameter, annotation in getattr(function, "__annotations__", {}).items():
            self.text(parameter, repr(annotation))
        for free, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
            self.text(free)
            note(self.reads, cell, CONTENTS)
            try:
                self.value(cell.cell_contents, names)
            except ValueError:
                self.text("empty")
        namespace = function.__globals__
        for global_name in names:
            if global_name in namespace:
                value = namespace[global_name]
                if not isinstance(value, types.ModuleType):
                    note(self.reads, namespace, global_name)
                self.text(global_name)
                self.value(value, names)
        if hasattr(function, "__wrapped__"):
            self.value(function.__wrapped__)

    def _code(self, code: types.CodeType) -> tuple[str, ...]:
        """Bytecode and its places, nested functions too; the names it uses."""
        self.text("code", code.co_name, str(code.co_firstlineno), str(code.co_flags), str(code.co_argcount))
        self.text(*code.co_varnames, *code.co_names, *code.co_freevars, *code.co_cellvars)
        self.hash.update(hashlib.sha256(code.co_code).digest() + hashlib.sha256(code.co_linetable).digest())
        names = code.co_names
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                names += self._code(constant)
            elif isinstance(constant, frozenset):
                self.text("set", repr(sorted(map(repr, constant))))
            else:
                self.text(type(constant).__name__, repr(constant))
        return tuple(dict.fromkeys(names))

    # -- signatures

    def tree(self, tree: Tree) -> None:
        self.text("tree", tree.kind, str(len(tree.children)), *tree.names)
        self.value(tree.meta)
        for child in tree.children:
            self.tree(child)

    def signature(self, signature: Signature) -> None:
        self.tree(signature.tree)
        for leaf in signature.leaves:
            self.text(repr(leaf.type), str(leaf.weak))
        self.text(repr(signature.extents))


def _is_trusted(value: Any) -> bool:
    module = getattr(value, "__module__", None)
    named = hasattr(value, "__name__") and not hasattr(value, "__wengert_trace__")
    if module is None:
        return named and isinstance(value, types.BuiltinFunctionType)
    return named and module.partition(".")[0] in TRUSTED


def _has(module: str, value: Any) -> bool:
    """Whether a module holds `value` by its own name."""
    return module in sys.modules and getattr(sys.modules[module], value.__name__, None) is value


@cache
def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def environment() -> str:
    """Versions, the processor, and the compiler's own files by name, size and time."""
    parts = [sys.version, platform.machine(), np.__version__, llvmlite.__version__, target.description()]
    parts += _files(str(Path(__file__).resolve().parents[1]), "")
    return "\n".join(parts)


def _files(folder: str, inside: str) -> list[str]:
    """The Python files of a folder and those within. One look at each: this is part of every first call."""
    found: list[str] = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda e: e.name):
            if entry.name.endswith(".py"):
                status = entry.stat()
                found.append(f"{inside}{entry.name} {status.st_size} {status.st_mtime_ns}")
            elif entry.name != "__pycache__" and entry.is_dir():
                found += _files(entry.path, f"{inside}{entry.name}/")
    return found
