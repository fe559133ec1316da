"""Compiled functions on the CPU: `load` makes an `Executable` from IR; calling it checks, runs, and raises located faults."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Protocol

import numpy as np

from wengert.compiler.backend import target
from wengert.compiler.backend.assigned import assign_in_place
from wengert.compiler.backend.bufferise import Plan, bufferise
from wengert.compiler.backend.emit import families
from wengert.compiler.backend.emit.cpu import CpuTarget
from wengert.compiler.backend.emit.host import COUNTERS, FrameLayout, HostEmitter, Shown, symbol
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.text import Module
from wengert.compiler.backend.joined import join_nests
from wengert.compiler.backend.lower import lower
from wengert.compiler.backend.memory import plan_memory
from wengert.compiler.backend.prints import refuse_prints
from wengert.compiler.backend.reread import reread
from wengert.compiler.backend.selects import select_stores
from wengert.compiler.backend.sites import Site
from wengert.compiler.backend.threads import find_threaded
from wengert.compiler.backend.within import keep_within
from wengert.compiler.diag.errors import TypeMismatch, ValueFault
from wengert.compiler.diag.span import Source
from wengert.compiler.ir.core import Function, Value
from wengert.compiler.ir.verify import verify
from wengert.compiler.ops.output import rendered
from wengert.compiler.runtime.calls import make_native
from wengert.compiler.runtime.support import support


@dataclass(frozen=True, slots=True)
class Options:
    """level: LLVM's optimisation level; 0 compiles ten times as fast, for a few runs. vectors: loops over arrays run in
    vectors, also below level 2. plain: machine code as of level 0.
    count: count copies and allocations while running (`Executable.counters`)."""

    level: int = 2
    count: bool = False
    vectors: bool = False
    plain: bool = False


class Kept(Protocol):
    """Machine code of a function from an earlier process, and the function itself where it is needed after all."""

    def find(self, variant: Hashable) -> Any: ...

    def keep(self, variant: Hashable, image: Any) -> None: ...

    def function(self) -> Function: ...


def load(
    function: Function,
    *,
    source: Source | None = None,
    options: Options = Options(),
    kept: Kept | None = None,
    python: Sequence[bool] = (),
) -> Executable:
    """Compile for C-contiguous arguments; other layouts are compiled when they come.

    kept: where machine code is kept; `function` may then be without a body (its parameters, results, `written`).
    python: for each of the first results whether it is given as a Python number, not as a NumPy scalar.
    Raises MemoryError and whatever LLVM raises, never a user error: the IR is valid.
    """
    return Executable(function, options, kept, python)


@dataclass(frozen=True, slots=True)
class Image:
    """Machine code for one combination of argument layouts, and what linking and calling it takes."""

    code: bytes
    entry: str
    declared: tuple[str, ...]
    faults: list[Site]
    counts: dict[str, int]
    prints: tuple[Shown, ...] = ()


@dataclass(slots=True)
class _Code:
    """The function loaded for one combination of argument layouts."""

    image: Image
    loaded: target.Loaded
    native: Callable[..., Any] = len
    unchecked: Callable[..., Any] | None = None
    printer: Any = None


class Executable:
    """A compiled function. `call` takes one argument per parameter and returns its results as a tuple.

    times: milliseconds of each stage of the compilation.
    """

    def __init__(self, function: Function, options: Options, kept: Kept | None = None, python: Sequence[bool] = ()):
        self.function, self.options, self.kept, self.python = function, options, kept, tuple(python)
        self.times: dict[str, float] = {}
        self.layout = FrameLayout.of(function)
        self._lowered: Function | None = None
        self._variants: dict[tuple[bool, ...], _Code] = {}
        self._optimised: Any = None
        start = perf_counter()
        support()
        self._lap("support", start)
        self._contiguous = (True,) * len(function.params)
        self._code = self._variant(self._contiguous)
        self._call = self._code.native
        self.entry = self._native(self._code, single=True)
        """As `call`, returning a sole result itself; NotImplemented where the arguments are not exactly of the types."""

    def _lap(self, stage: str, start: float) -> float:
        now = perf_counter()
        self.times[stage] = self.times.get(stage, 0.0) + (now - start) * 1e3
        return now

    # -- compilation

    @property
    def lowered(self) -> Function:
        """The function in terms of what the emitter knows."""
        if self._lowered is None:
            whole = self.function if self.kept is None else self.kept.function()
            refuse_prints(whole)
            start = perf_counter()
            self._lowered = verify(assign_in_place(reread(select_stores(lower(whole)))), "lower")
            self._lap("lower", start)
        return self._lowered

    def _variant(self, layouts: tuple[bool, ...]) -> _Code:
        """The code for parameters that are (True) or are not contiguous."""
        if layouts not in self._variants:
            found = self.kept.find(layouts) if self.kept is not None else None
            image = found if isinstance(found, Image) else None
            if image is None:
                image = self._compile(layouts)
                if self.kept is not None and not self.options.count:
                    self.kept.keep(layouts, image)
            self._variants[layouts] = self._link(layouts, image)
        return self._variants[layouts]

    def _compile(self, layouts: tuple[bool, ...]) -> Image:
        lowered = self.lowered
        start = perf_counter()
        plan: Plan = bufferise(lowered)
        keep_within(plan)
        join_nests(plan)
        plan.threaded = find_threaded(plan)
        plan_memory(plan)
        start = self._lap("bufferise", start)
        module = Module(target.triple(), target.data_layout())
        machine = CpuTarget(Dialect(target.vector_variants, target.fused()), families.contract, target.lanes())
        emitter = HostEmitter(plan, module, machine, layouts, self.options.count)
        emitter.emit()
        text = str(module)
        start = self._lap("emit", start)
        parsed = target.parse(text)
        start = self._lap("parse", start)
        target.optimise(parsed, self.options.level, self.options.vectors)
        start = self._lap("optimise", start)
        code = target.object_code(parsed, 0 if self.options.plain else self.options.level)
        self._lap("machine code", start)
        if layouts == self._contiguous:
            self._optimised = parsed
        own = emitter.statistics
        counts = {
            "copies": own.number("copy"),
            "copies_in_loops": own.number("copy", in_loops=True),
            "allocations": own.number("allocation"),
            "allocations_in_loops": own.number("allocation", in_loops=True),
            "growths": own.number("growth"),
            "threaded": len(plan.threaded),
            "lanes": own.number("lanes"),
        }
        faults = [Site.of(fault) for fault in emitter.faults]
        return Image(code, symbol(self.function), tuple(module.declarations), faults, counts, tuple(emitter.prints))

    def _link(self, layouts: tuple[bool, ...], image: Image) -> _Code:
        start = perf_counter()
        exports = [image.entry, COUNTERS] if self.options.count else [image.entry]
        libraries = families.library_addresses(image.declared)
        printer = _printer(image.prints)
        shows = {"wg_print": ctypes.cast(printer, ctypes.c_void_p).value or 0} if image.prints else {}
        loaded = target.link(image.code, exports, support().imports | libraries | shows)
        code = _Code(image, loaded, printer=printer)
        code.native = self._native(code, layouts=layouts)
        self._lap("link", start)
        return code

    def exact_entry(self, weak: Sequence[bool] | None, single: bool = True) -> Callable[..., Any]:
        """As `entry`, or as `call` where not `single`; a scalar must be a Python number where `weak` says so, and a NumPy
        one elsewhere: for code whose result's dtype depends on that."""
        return self._native(self._code, single, weak=weak)

    def _native(
        self,
        code: _Code,
        single: bool = False,
        layouts: tuple[bool, ...] | None = None,
        check: bool = True,
        weak: Sequence[bool] | None = None,
    ) -> Callable[..., Any]:
        faults, kernel = code.image.faults, code.loaded[code.image.entry]

        def fault(number: int, a: int, b: int) -> None:
            _raise(faults[number - 1], a, b)

        own = layouts or self._contiguous
        return make_native(
            self.function, self.layout, kernel, code.loaded, own, fault, single, check, weak, self.python
        )

    # -- views

    def _module(self) -> Any:
        """LLVM's module after optimisation; compiled again where the code was kept."""
        if self._optimised is None:
            self._compile(self._contiguous)
        return self._optimised

    @property
    def llvm(self) -> str:
        """The LLVM text after optimisation."""
        return str(self._module())

    @property
    def assembly(self) -> str:
        return target.assembly(self._module())

    @property
    def statistics(self) -> dict[str, int]:
        """Copies and allocations in the code: `copies`, `allocations`, and of these `copies_in_loops`, `allocations_in_loops`;
        `growths`: tapes of unknown length, which double when full."""
        return dict(self._code.image.counts)

    @property
    def counters(self) -> dict[str, int]:
        """What the last call copied and allocated; only with `Options.count`."""
        names = ("copies", "copied_bytes", "allocations", "allocated_bytes")
        values = (ctypes.c_int64 * 4).from_address(self._code.loaded[COUNTERS])
        return dict(zip(names, values, strict=True))

    # -- calls

    def call(self, *leaves: Any) -> tuple[Any, ...]:
        """The results for one argument per parameter: NumPy arrays (new ones) and numbers.

        Results written back are in the caller's arrays. Raises TypeMismatch where an argument is not of its
        parameter's dtype, rank or static extents, ValueFault where a written array overlaps another argument, and the
        faults of the program.
        """
        results = self._call(*leaves)
        if results is NotImplemented:
            return self._call_carefully(leaves)
        return results  # type: ignore[no-any-return]

    def _call_carefully(self, leaves: Sequence[Any]) -> tuple[Any, ...]:
        """Convert what can be, compile for other layouts, or say what does not fit."""
        if len(leaves) != len(self.function.params):
            raise TypeMismatch(f"{self.function.name} takes {len(self.function.params)} arguments, not {len(leaves)}")
        written = {w for w in self.function.written if w is not None}
        arguments = [
            _convert(leaf, p, k, k in written) for k, (leaf, p) in enumerate(zip(leaves, self.function.params, strict=True))
        ]
        layouts = tuple(not isinstance(a, np.ndarray) or a.flags.c_contiguous for a in arguments)
        code = self._variant(layouts)
        self._refuse_overlap(arguments, written)
        if code.unchecked is None:
            code.unchecked = self._native(code, layouts=layouts, check=False)
        results = code.unchecked(*arguments)
        assert results is not NotImplemented, "arguments were converted but still do not fit"
        return results  # type: ignore[no-any-return]

    def _refuse_overlap(self, arguments: Sequence[Any], written: set[int]) -> None:
        for k in sorted(written):
            for j, other in enumerate(arguments):
                if j != k and isinstance(other, np.ndarray) and np.shares_memory(arguments[k], other):
                    names = [self.function.params[n].hint or f"argument {n + 1}" for n in (k, j)]
                    raise ValueFault(
                        f"{names[0]} is written and overlaps {names[1]}", help=f"pass a copy: {names[1]}.copy()"
                    )


def _convert(leaf: Any, parameter: Value, position: int, written: bool) -> Any:
    """The argument in the form that `wg_call` takes: an aligned array in native byte order, or an exact scalar."""
    type_ = parameter.type
    name = parameter.hint or f"argument {position + 1}"
    given = np.asarray(leaf)
    if type_.is_scalar:
        if given.ndim or (given.dtype != type_.dtype.numpy and not isinstance(leaf, (bool, int, float, complex))):
            raise TypeMismatch(f"{name} must be {type_}, not {_described(given)}")
        if not np.can_cast(given.dtype, type_.dtype.numpy, "same_kind"):
            raise TypeMismatch(f"{name} must be {type_}, not {_described(given)}")
        try:
            return type_.dtype.numpy.type(leaf)
        except OverflowError:
            raise TypeMismatch(f"{name} is {leaf}, which {type_} cannot hold") from None
    native = given.dtype.newbyteorder("=")
    if native != type_.dtype.numpy or given.ndim != type_.rank:
        raise TypeMismatch(f"{name} must be {type_}, not {_described(given)}")
    for axis, (n, expected) in enumerate(zip(given.shape, type_.shape, strict=True)):
        if expected is not None and n != expected or expected is None and n == 1:
            wanted = "other than 1" if expected is None else str(expected)
            raise TypeMismatch(f"{name} must have extent {wanted} in axis {axis}, not {n}")
    if written:
        if not isinstance(leaf, np.ndarray):
            raise TypeMismatch(f"{name} is written: it must be an array, not {type(leaf).__name__}")
        if not given.flags.writeable:
            raise ValueFault(f"{name} is written but read-only")
        if not given.flags.aligned or given.dtype != native or _has_odd_strides(given):
            raise TypeMismatch(f"{name} is written: it must be aligned and in native byte order")
        if not elements_apart(given):
            raise ValueFault(f"{name} is written and its elements overlap each other", help=f"pass a copy: {name}.copy()")
        return given
    if not given.flags.aligned or given.dtype != native or _has_odd_strides(given):
        return np.array(given, dtype=native, order="C")
    return given


def elements_apart(array: np.ndarray) -> bool:
    """Whether no two elements share memory, which holds for all slices and transposes of ordinary arrays; True where
    each axis, from the shortest stride to the longest, steps over all that the ones before it reach."""
    reach = array.itemsize
    for stride, n in sorted((abs(s), n) for n, s in zip(array.shape, array.strides, strict=True) if n > 1):
        if stride < reach:
            return array.size == 0
        reach += stride * (n - 1)
    return True


def _has_odd_strides(array: np.ndarray) -> bool:
    return any(n > 1 and s % array.itemsize for n, s in zip(array.shape, array.strides, strict=True))


def _described(array: np.ndarray) -> str:
    return f"{array.dtype}{list(array.shape)}" if array.ndim else str(array.dtype)


_PRINT = ctypes.CFUNCTYPE(None, ctypes.c_int64, ctypes.c_void_p)


def _printer(prints: Sequence[Shown]) -> Any:
    """What compiled code calls to print: with the place among `prints` and the address of the numbers."""

    def show(place: int, address: int) -> None:
        shown = prints[place]
        values = [
            (ctypes.c_double if kind == "f" else ctypes.c_int64).from_address(address + 8 * k).value
            for k, kind in enumerate(shown.kinds)
        ]
        print(rendered(values, shown.texts, shown.formats), end="")

    return _PRINT(show)


def _raise(site: Site, a: int, b: int) -> None:
    raise site.error(a, b)
