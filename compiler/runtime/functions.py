"""Function objects that are called in machine code: the base class of compiled functions, made with `wg_dispatch` as tp_call."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from wengert.compiler.runtime.support import FAST, support

_TP_CALL = 50  # typeslots.h of Python's stable ABI, as the flags and the structures below
_DEFAULT, _BASETYPE = 1 << 18, 1 << 10


class _Slot(ctypes.Structure):
    _fields_ = [("slot", ctypes.c_int), ("value", ctypes.c_void_p)]


class _Spec(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("basicsize", ctypes.c_int),
        ("itemsize", ctypes.c_int),
        ("flags", ctypes.c_uint),
        ("slots", ctypes.POINTER(_Slot)),
    ]


def _called_in_machine_code() -> type:
    """A class without fields whose instances are called by `wg_dispatch`."""
    slots = (_Slot * 2)(_Slot(_TP_CALL, support().dispatch), _Slot(0, None))
    name = b"wengert.compiler.runtime.functions.CalledInMachineCode"
    make = ctypes.pythonapi.PyType_FromSpec
    make.restype, make.argtypes = ctypes.py_object, [ctypes.POINTER(_Spec)]
    made: type = make(ctypes.byref(_Spec(name, FAST, 0, _DEFAULT | _BASETYPE, slots)))
    _KEPT.append((name, slots))
    return made


_KEPT: list[Any] = []

if TYPE_CHECKING:

    class CalledInMachineCode:
        def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

else:
    CalledInMachineCode = _called_in_machine_code()


class FunctionObject(CalledInMachineCode):
    """A function object; its call goes straight to the first of its ways that takes the arguments.

    Subclasses say what happens otherwise: `_called` where there is no way, a name was given another value or there are
    keywords; `_dispatch` where no way takes the arguments; `_found` is told that a way other than the first took them.
    """

    __slots__ = ("__dict__", "__weakref__", "_fast")

    _fast: tuple[Any, ...]
    """See `wg_dispatch`; not set where all calls go to `_called`."""

    def _called(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _found(self, way: Any) -> None:
        raise NotImplementedError


def _check_layout() -> None:
    """Raises ImportError where the slot is not where `wg_dispatch` reads it."""
    one, marker = FunctionObject(), ()
    empty = ctypes.c_void_p.from_address(id(one) + FAST).value
    one._fast = marker
    if empty is not None or ctypes.c_void_p.from_address(id(one) + FAST).value != id(marker):
        raise ImportError("this version of Python lays out its objects in a way that wengert does not know")


_check_layout()
