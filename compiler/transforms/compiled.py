"""`Compiled`: a function that is compiled when it meets arguments of a new signature, and called like Python's own."""

from __future__ import annotations

import functools
import reprlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NoReturn

import numpy as np

from wengert.compiler.diag.errors import CallError, OptionError, TypeMismatch, ValueFault
from wengert.compiler.diag.span import Source
from wengert.compiler.frontend.bound import plain
from wengert.compiler.frontend.reads import Reads, now, quick, unchanged
from wengert.compiler.frontend.signature import Leaf, Signature, declared_dtypes, declared_signature, signature_of
from wengert.compiler.frontend.trace import Traced, trace
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.tree import Tree, flatten
from wengert.compiler.ir.types import DType
from wengert.compiler.passes.autodiff import Plan
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.runtime import cpu
from wengert.compiler.runtime.arguments import overlap
from wengert.compiler.runtime.functions import FunctionObject
from wengert.compiler.transforms.collector import collector_waits
from wengert.compiler.transforms.entries import Way, make_way
from wengert.compiler.transforms.kept import place_of
from wengert.compiler.transforms.lowered import Lowered
from wengert.compiler.transforms.settle import Sorts, replace_function, settled
from wengert.compiler.transforms.structure import named, positional, with_defaults

WAYS = 4
"""Programs of a function that a call tries before it looks closer at the arguments."""


class Program:
    """One compilation: what runs it, and (traced anew where the machine code was kept on disk) the IR and its stages.

    out: the structure of the returned value. captures: the arrays that are passed after the arguments. way: the short one.
    apart: the pairs of arguments that may not share memory, but for those that the executable looks at.
    """

    way: Way | None = None

    def __init__(
        self,
        executable: Any,
        out: Tree,
        captures: tuple[Any, ...],
        stages: Callable[[], Stages],
        function: Function,
        apart: frozenset[tuple[int, int]],
    ):
        self.executable, self.out, self.captures, self._stages = executable, out, captures, stages
        self.apart = sorted((k, j) for k, j in apart if k not in function.written)
        self._names = [p.hint or f"argument {k + 1}" for k, p in enumerate(function.params)]

    def call(self, leaves: Sequence[Any]) -> Any:
        """Raises ValueFault where two arguments share memory that may not."""
        for k, j in self.apart:
            if overlap(leaves[k], leaves[j]):
                problem = f"{self._names[k]} is written by the function and shares memory with {self._names[j]}"
                raise ValueFault(problem, help=f"pass a copy: {self._names[j]}.copy()")
        return self.out.unflatten(self.executable.call(*leaves, *self.captures))

    @property
    def traced(self) -> Traced:
        return self._stages().traced

    @property
    def recorder(self) -> Recorder:
        return self._stages().recorder


@dataclass(frozen=True)
class Stages:
    """The traced function and the stages it went through."""

    traced: Traced
    recorder: Recorder
    sorts: Sorts = "library"

    @functools.cached_property
    def loaded(self) -> Traced:
        """What is made machine code of: the calls of functions with rules of their own are inlined in it."""
        return settled(self.traced, self.recorder, self.sorts)


def trace_for(function: Callable[..., Any], signature: Signature, recorder: Recorder) -> Traced:
    """The optimised IR of a Python function or of a transform's result, for arguments of `signature`."""
    own: Any = getattr(function, "__wengert_trace__", None)
    inside = getattr(function, "__wengert_closes__", False)  # a function defined inside a compiled one
    if own is not None and not inside:
        return own(signature, recorder)
    traced: list[Traced] = []

    def make() -> Any:
        traced.append(own(signature) if inside else trace(function, signature))
        return traced[0].function

    recorder.stage("typed", make)
    return replace_function(traced[0], optimise(traced[0].function, recorder))


class Compiled(FunctionObject):
    """A Python function or another transform's result, compiled. Subclasses say how the IR is made (`trace`).

    It is compiled once per signature (structure, dtypes, ranks and extents of 1 of the arguments) and keeps every
    program it made. Its name, signature and docstring are those of the function it wraps.
    """

    def __init__(self, function: Callable[..., Any], name: str | None = None):
        if not callable(function):
            raise TypeMismatch(f"a function is needed, not {function!r}")
        function = plain(function)
        self.__wrapped__ = function
        functools.update_wrapper(self, function, updated=())
        if name is not None:
            self.__name__ = name
        if self.takes_the_same:
            if isinstance(function, Compiled):
                self.declared, self.dtypes = function.declared, function.dtypes
            else:
                self.declared, self.dtypes = declared_signature(function), declared_dtypes(function)
        self.programs: dict[Any, Program] = {}
        self.last: Program | None = None
        self._ways: list[Program] = []
        self._reads: Reads = {}

    # -- what subclasses override

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        """The IR for arguments of `signature`."""
        return trace_for(self.__wrapped__, signature, recorder)

    def load(self, function: Function, source: Source | None, python: Sequence[bool], kept: cpu.Kept | None = None) -> Any:
        """What runs the IR: a transform of an offloaded function runs on that function's device. See `cpu.load`."""
        inner = self.__wrapped__
        if isinstance(inner, Compiled):
            return inner.load(function, source, python, kept)
        return cpu.load(function, source=source, python=python, kept=kept)

    @property
    def sorts(self) -> Sorts:
        """What sorts arrays where the function runs (see `settled`)."""
        return self.__wrapped__.sorts if isinstance(self.__wrapped__, Compiled) else "library"

    declared: Signature | None = None
    dtypes: Mapping[int, DType] = MappingProxyType({})
    FORGOTTEN = frozenset({"programs", "last", "_ways", "_reads", "declared", "dtypes", "_on_call"})
    """Attributes that say nothing of what is compiled: they are left out of the key of programs on disk."""
    _on_call: Callable[[tuple[Any, ...], dict[str, Any]], None] | None = None
    takes_the_same = True
    """Whether it is called like the function it wraps, so that what that declares holds for it, too."""
    argument_tuples = 0
    """How many of its arguments are tuples, of the function's arguments or of one thing for each of them; 0 where it takes them
    themselves."""

    def convert(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """The positional arguments as they are compiled for: numbers are converted to the declared types where that
        loses nothing. Raises TypeMismatch or CallError for what does not fit the declaration."""
        inner = self.__wrapped__
        if self.takes_the_same and isinstance(inner, Compiled) and not inner.takes_the_same:
            return inner.convert(args)  # a batch stacks lists
        if self.declared is not None:
            return conform(args, self.declared, self)
        conform_dtypes(args, self.dtypes, self)
        return args

    def signature(self, args: tuple[Any, ...]) -> Signature:
        """What is compiled for these arguments, as `convert` gave them."""
        return signature_of(args)

    def result_labels(self, traced: Traced) -> list[str]:
        """What the first results are called in the graph, where the transform knows."""
        return []

    # -- calls

    def __wengert_trace__(self, signature: Signature, recorder: Recorder | None = None) -> Traced:
        self._refresh()
        recorder = recorder or Recorder()
        known = self.programs.get(signature.key)
        if known is None or known.traced.signature.extents != signature.extents:
            return self.trace(signature, recorder)
        recorder.snapshots += known.recorder.snapshots
        recorder.plan = known.recorder.plan
        return known.traced

    @property
    def on_call(self) -> Callable[[tuple[Any, ...], dict[str, Any]], None] | None:
        """Called with the arguments before each call: how a workbench knows the last ones."""
        return self._on_call

    @on_call.setter
    def on_call(self, watcher: Callable[[tuple[Any, ...], dict[str, Any]], None] | None) -> None:
        self._on_call = watcher
        self._prepare()

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._refresh()
        if self._on_call is not None:
            self._on_call(args, kwargs)
        return self._dispatch(args, kwargs)

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        args = self.convert(positional(self.__wrapped__, args, kwargs))
        program = self.program(self.signature(args))
        return program.call(flatten(args)[0])

    def program(self, signature: Signature) -> Program:
        """The program for a signature, compiled now if it is new."""
        self._refresh()
        key = signature.key
        program = self.programs.get(key)
        if program is None:
            with collector_waits():
                program = self.programs[key] = self._make(signature)
            program.way = self._way(program, signature)
        self.last = program
        if self._ways[:1] != [program]:
            self._ways = [program, *(p for p in self._ways if p is not program)][:WAYS] if program.way is not None else []
            self._prepare()
        return program

    def _found(self, way: Any) -> None:
        """The machine code called `way`, which was not the first: it is from now on."""
        for program in self._ways:
            if program.way is not None and program.way[0] is way:
                self.last = program
                self._ways = [program, *(p for p in self._ways if p is not program)]
                self._prepare()

    def _prepare(self) -> None:
        """Tell the machine code what there is to know before a call, and the ways to try."""
        reads = quick(self._reads) if self._ways else None
        if reads is not None:
            self._fast = (self._on_call, reads, *[part for program in self._ways for part in program.way or ()])
        elif hasattr(self, "_fast"):
            del self._fast

    def _make(self, signature: Signature) -> Program:
        """Compile, or take what an earlier process compiled."""

        @functools.cache
        def stages() -> Stages:
            recorder = Recorder()
            return Stages(self.trace(signature, recorder), recorder, self.sorts)

        place = place_of(self, signature, lambda: stages().loaded)
        if place is not None and place.entry is not None:
            self._reads.update(place.reads)
            executable = self.load(place.interface(), None, place.entry.python, place)
            return Program(executable, place.entry.out, place.captures(), stages, place.interface(), place.entry.apart)
        traced = stages().loaded
        self._reads.update(traced.reads)
        executable = self.load(traced.function, traced.source, traced.weak, place)
        if place is not None:
            place.save(traced)
        return Program(executable, traced.out, traced.captures, stages, traced.function, traced.apart)

    def _refresh(self) -> None:
        """Drop all programs where a constant or helper function they were compiled with has another value now."""
        if not self._reads or all(now(space, name) is value for (_, name), (space, value) in self._reads.items()):
            return
        if unchanged(self._reads):
            self._reads = {place: (space, now(space, place[1])) for place, (space, _) in self._reads.items()}
            self._prepare()
            return
        self.programs.clear()
        self._reads, self._ways, self.last = {}, [], None
        self._prepare()

    def _way(self, program: Program, signature: Signature) -> Way | None:
        """The short way to the program; a declared number counts as declared, whichever kind it is. None where there is
        more to look at."""
        if program.apart:
            return None
        weak = None if self.declared is not None else [leaf.weak for leaf in signature.leaves]
        return make_way(program.executable, signature.tree, program.out, program.captures, weak)

    def lower(self, *args: Any, **kwargs: Any) -> Any:
        """The stages of the compilation for these arguments: `.source`, `.ir(stage)`, `.llvm`, `.asm`, ..."""
        args = self.convert(positional(self.__wrapped__, args, kwargs))
        return Lowered(self, self.program(self.signature(args)), flatten(args)[0])

    def plan(self, *args: Any) -> Plan:
        """What reverse mode keeps at these arguments, as `lower(*args).plan` says, without making machine code of it."""
        args = self.convert(args)
        recorder = Recorder()
        self.__wengert_trace__(self.signature(args), recorder)
        if recorder.plan is None:
            raise OptionError(f"{self.__name__} has no reverse sweep, so it keeps nothing", help="Ask `wg.grad(f)`.")
        return recorder.plan.at(flatten(args)[0])

    def __repr__(self) -> str:
        return f"<wengert {type(self).__name__.lower()} {self.__name__}, {len(self.programs)} programs>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)


class Jit(Compiled):
    """The function itself, compiled; at once where its annotations say all, else at the first call."""

    __wengert_same__ = True
    """Inside compiled code a call of the function it wraps means the same."""

    def __init__(self, function: Callable[..., Any], name: str | None = None):
        super().__init__(function, name)
        if self.declared is not None:
            self.program(self.declared)


def conform(args: tuple[Any, ...], declared: Signature, function: Compiled) -> tuple[Any, ...]:
    """`args` as declared. Raises TypeMismatch naming the argument that does not fit, CallError for a wrong number."""
    name, wanted = function.__name__, declared.tree.children
    if len(args) > len(wanted):
        takes = f"{len(wanted)} argument{'s' * (len(wanted) != 1)}"
        raise CallError(f"{name}() takes {takes} and was called with {len(args)}")
    if len(args) < len(wanted):
        args = with_defaults(function, args, len(wanted))
    leaves, tree = flatten(args)
    if tree != declared.tree:
        _refuse_structure(args, tree, declared, function)
    found = signature_of(args)
    changed = False
    for k, (have, want) in enumerate(zip(found.leaves, declared.leaves, strict=True)):
        if have == want or _fits(have, want):
            continue
        if have.type.is_scalar and want.type.is_scalar and _widens(have, want):
            leaves[k] = want.type.dtype.numpy.type(leaves[k]) if not want.weak else _PYTHON[want.type.dtype.kind](leaves[k])
            changed = True
            continue
        path = named(tree.paths("argument")[k], function)
        problem = f"{path} of {name} is declared {want.type} and was given {have.type}"
        raise TypeMismatch(problem, help=_conversion(path, have, want))
    return tree.unflatten(leaves) if changed else args


def _refuse_structure(args: tuple[Any, ...], tree: Tree, declared: Signature, function: Compiled) -> NoReturn:
    """Say which argument has another structure than its annotation."""
    pairs = list(zip(tree.children, declared.tree.children, strict=True))
    k = next(k for k, (have, want) in enumerate(pairs) if have != want)
    have, want = pairs[k]
    start = sum(before.count for before in declared.tree.children[:k])
    wanted = str(declared.leaves[start].type) if want.kind == "leaf" else repr(want)
    given = f"{_a(type(args[k]).__name__)}, {reprlib.repr(args[k])}" if args[k] is not None else "None"
    array = want.kind == "leaf" and declared.leaves[start].type.is_array
    help = "Pass `np.array(...)` of it." if array and have.kind in ("list", "tuple") else None
    path = named(f"argument[{k}]", function)
    raise TypeMismatch(f"{path} of {function.__name__} is declared {wanted} and was given {given}", help=help)


def _a(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _conversion(path: str, have: Leaf, want: Leaf) -> str | None:
    """What to write where only the dtype differs, or an array is given for a number."""
    if want.type.is_scalar and have.type.is_array:
        return "For many numbers in one call, use `wg.batch`."
    if have.type.rank != want.type.rank or have.type.is_scalar:
        return None
    return f"Pass `{path}.astype(np.{want.type.dtype.numpy.name})`, or change the annotation."


def conform_dtypes(args: tuple[Any, ...], declared: Mapping[int, DType], function: Compiled) -> None:
    """Check arrays declared by their dtype alone (`NDArray[np.float64]`), of any rank. Raises TypeMismatch."""
    for k, dtype in declared.items():
        if k >= len(args):
            continue
        have, path = args[k], named(f"argument[{k}]", function)
        if isinstance(have, list | tuple):
            raise TypeMismatch(
                f"{path} of {function.__name__} is declared an array and was given {_a(type(have).__name__)}",
                help="Pass `np.array(...)` of it.",
            )
        if isinstance(have, np.ndarray) and have.ndim and have.dtype != dtype.numpy:
            raise TypeMismatch(
                f"{path} of {function.__name__} is declared an array of {dtype.numpy.name} and was given one of {have.dtype}",
                help=f"Pass `{path}.astype(np.{dtype.numpy.name})`, or change the annotation.",
            )


_PYTHON: dict[str, Callable[[Any], Any]] = {"f": float, "i": int, "b": bool, "c": complex}


def _fits(have: Leaf, want: Leaf) -> bool:
    same = have.type.dtype == want.type.dtype and have.type.rank == want.type.rank
    return same and not want.type.is_scalar and all(
        w is None or w == h for h, w in zip(have.type.shape, want.type.shape, strict=True)
    )


def _widens(have: Leaf, want: Leaf) -> bool:
    order = "bifc"
    a, b = have.type.dtype, want.type.dtype
    return a.kind in order and b.kind in order and order.index(a.kind) <= order.index(b.kind)

