"""`DeviceArray`: what an offloaded function returns. It stays on its device until somebody reads it here."""

from __future__ import annotations

import math
import numbers
import operator
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from wengert.compiler.frontend.signature import array_kind, number_kind
from wengert.compiler.runtime import pages
from wengert.compiler.runtime.accelerator import Accelerator, Memory
from wengert.compiler.runtime.ledger import LEDGER, TO_HOST

# fmt: off
_FROM_NUMPY = frozenset((
    "T", "all", "any", "argmax", "argmin", "argsort", "astype", "clip", "conj", "cumprod", "cumsum", "diagonal",
    "dot", "flat", "flatten", "imag", "max", "mean", "min", "nonzero", "prod", "ravel", "real", "repeat",
    "reshape", "round", "squeeze", "std", "sum", "swapaxes", "take", "tobytes", "tolist", "trace", "transpose",
    "var", "view",
))
# fmt: on
"""What is passed on to the array brought home: only what reads."""

_READ_ONLY = "a device array is written by offloaded functions only; y.get() is a NumPy array that can be changed here"


@array_kind
class DeviceArray(NDArrayOperatorsMixin):
    """An array in row-major order in the memory of a device.

    shape, dtype, device: as of the array. Printing its repr moves nothing. `np.asarray(y)`, arithmetic, indexing,
    `item()` and NumPy's functions bring it home, once: the copy here is kept, and is read-only because the device would
    not see a change of it (`y.get()` gives a copy of one's own). Offloaded functions take it as it is.
    CuPy, PyTorch and JAX take it without a copy, by `__cuda_array_interface__` or DLPack.
    """

    __slots__ = ("__weakref__", "_accelerator", "_call", "_home", "_memory", "dtype", "name", "shape")

    __array_priority__ = 100

    def __init__(
        self, memory: Memory, shape: tuple[int, ...], dtype: np.dtype, accelerator: Accelerator, name: str = "result"
    ):
        self.shape, self.dtype, self.name = tuple(shape), np.dtype(dtype), name
        self._memory, self._accelerator = memory, accelerator
        self._home: np.ndarray | None = None
        self._call = 0  # that made it, for the ledger

    # -- what is known without moving anything

    @property
    def device(self) -> str:
        return self._accelerator.id

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.size * self.dtype.itemsize

    @property
    def pointer(self) -> int:
        """The device address of its first element."""
        return self._memory.pointer

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("len() of unsized object")
        return self.shape[0]

    def __repr__(self) -> str:
        return f"DeviceArray(shape={self.shape}, dtype={self.dtype}, device={self.device!r})"

    # -- coming home

    def home(self, why: str) -> np.ndarray:
        """A read-only NumPy array with its elements, fetched at most once; `why` goes into the ledger."""
        if self._home is None:
            home = pages.empty(self.shape, self.dtype)
            milliseconds = self._accelerator.download(self.pointer, home) if home.nbytes else 0.0
            LEDGER.record(self.name, home.nbytes, TO_HOST, milliseconds, why, self.device, self._call)
            home.flags.writeable = False
            self._home = home
        return self._home

    def replaced(self, memory: Memory, call: int = 0) -> None:
        """An offloaded function wrote it: its elements are now in `memory`, what was fetched before no longer holds."""
        self._memory, self._home, self._call = memory, None, call

    def get(self) -> np.ndarray:
        """A NumPy array of one's own with its elements."""
        return self.home("get()").copy()

    copy = get

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a device array cannot become a NumPy array without a copy")
        home = self.home("read by NumPy")
        return home.astype(dtype) if dtype is not None and dtype != home.dtype else home.copy() if copy else home

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        if any(isinstance(x, DeviceArray) for x in options.get("out", ())):
            raise TypeError(_READ_ONLY)
        here = [x.home(f"used by np.{ufunc.__name__}") if isinstance(x, DeviceArray) else x for x in inputs]
        return getattr(ufunc, method)(*here, **options)

    def __getitem__(self, index: Any) -> Any:
        return self.home("indexed")[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(_READ_ONLY)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.home("iterated over"))

    def __bool__(self) -> bool:
        return bool(self.home("tested"))

    def __float__(self) -> float:
        return float(self.home("made a float"))

    def __int__(self) -> int:
        return int(self.home("made an int"))

    def __complex__(self) -> complex:
        return complex(self.home("made a complex"))

    def item(self, *index: Any) -> Any:
        """An element as a Python number."""
        return self.home("item()").item(*index)

    def __getattr__(self, name: str) -> Any:
        if name in _FROM_NUMPY:
            return getattr(self.home(f"used by .{name}"), name)
        raise AttributeError(f"a device array has no attribute {name!r}; np.asarray(y) brings it home")

    def __reduce__(self) -> Any:
        return np.array, (self.get(),)  # a pickle holds the elements, and gives a NumPy array

    # -- other libraries on the same device

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        if self._accelerator.kind != "cuda":
            raise AttributeError("a simulated device has no CUDA memory")
        return {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.pointer if self.size else 0, False),
            "strides": None,
            "version": 3,
            "stream": self._accelerator.stream or 1,  # 0 is not allowed there; 1 is the default stream
        }

    def __dlpack_device__(self) -> tuple[int, int]:
        if self._accelerator.kind != "cuda":
            raise BufferError("a simulated device has no CUDA memory")
        return 2, int(self.device.partition(":")[2])  # kDLCUDA

    def __dlpack__(self, **options: Any) -> Any:
        self.__dlpack_device__()
        import cupy  # it knows how to write the capsule

        return cupy.asarray(self).__dlpack__(**options)


def made_on_device(
    memory: Memory, shape: tuple[int, ...], dtype: np.dtype, accelerator: Accelerator, name: str, call: int
) -> DeviceArray:
    """`DeviceArray(...)` without its conversions, which are a tenth of a small call."""
    array = _new(DeviceArray)
    array.shape, array.dtype, array.name = shape, dtype, name
    array._memory, array._accelerator, array._home, array._call = memory, accelerator, None, call
    return array


@number_kind
class DeviceNumber(DeviceArray):
    """A number that an offloaded function has computed, still on its device. What needs to know it waits for it, once:
    `float(y)`, printing, comparison, arithmetic, which gives what it gives of the number itself. Calls that only hand it on do
    not wait for each other.

    weak: whether it is a number of Python's when it is read (else of NumPy's). To other libraries it is an array of rank 0.
    """

    __slots__ = ("weak",)
    weak: bool

    def number(self, why: str = "read") -> Any:
        """The number, as Python's or NumPy's."""
        home = self.home(why)
        return home.item() if self.weak else home[()]

    def home(self, why: str) -> np.ndarray:
        if self._home is None:
            home = np.empty((), self.dtype)
            milliseconds = self._accelerator.read(self.pointer, home.ctypes.data, home.nbytes)
            LEDGER.record(self.name, home.nbytes, TO_HOST, milliseconds, why, self.device, self._call)
            home.flags.writeable = False
            self._home = home
        return self._home

    def get(self) -> Any:
        return self.number("get()")

    copy = get

    def item(self, *index: Any) -> Any:
        return self.home("item()").item(*index)

    def __repr__(self) -> str:
        return repr(self.number("printed"))

    def __str__(self) -> str:
        return str(self.number("printed"))

    def __format__(self, form: str) -> str:
        return format(self.number("printed"), form)

    def __hash__(self) -> int:
        return hash(self.number("hashed"))

    def __index__(self) -> int:
        return operator.index(self.number("used as an index"))

    def __round__(self, *digits: Any) -> Any:
        return round(self.number("rounded"), *digits)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        why = f"used by np.{ufunc.__name__}"
        here = [x.number(why) if isinstance(x, DeviceNumber) else x for x in inputs]
        return getattr(ufunc, method)(*here, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.number(f"used by .{name}"), name)

    def __reduce__(self) -> Any:
        return _as_it_is, (self.number("pickled"),)


def _as_it_is(value: Any) -> Any:
    return value


def _operators() -> None:
    """Those of the number that is read."""

    def binary(name: str, turned: bool) -> Callable[[Any, Any], Any]:
        act = divmod if name == "divmod" else getattr(operator, f"__{name}__")
        why = f"used by {name}"

        def forth(self: DeviceNumber, other: Any) -> Any:
            return act(self.number(why), other)

        def back(self: DeviceNumber, other: Any) -> Any:
            return act(other, self.number(why))

        return back if turned else forth

    def unary(act: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda self: act(self.number("used"))

    for name in ("add", "sub", "mul", "truediv", "floordiv", "mod", "divmod", "pow", "and", "or", "xor", "lshift", "rshift"):
        setattr(DeviceNumber, f"__{name}__", binary(name, False))
        setattr(DeviceNumber, f"__r{name}__", binary(name, True))
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(DeviceNumber, f"__{name}__", binary(name, False))
    for name, act in (("neg", operator.neg), ("pos", operator.pos), ("abs", abs), ("invert", operator.invert),
                      ("trunc", math.trunc), ("floor", math.floor), ("ceil", math.ceil)):  # fmt: skip
        setattr(DeviceNumber, f"__{name}__", unary(act))


_operators()
numbers.Number.register(DeviceNumber)


def number_on_device(
    memory: Memory, dtype: np.dtype, accelerator: Accelerator, name: str, weak: bool, call: int
) -> DeviceNumber:
    """As `made_on_device`."""
    number = _new(DeviceNumber)
    number.shape, number.dtype, number.name, number.weak = (), dtype, name, weak
    number._memory, number._accelerator, number._home, number._call = memory, accelerator, None, call
    return number


_new = object.__new__
