"""Every error a user can cause derives from `WengertError` and knows its place in the source.

An error prints as the source line with a caret, one sentence saying what is wrong and, where there
is one, what to write instead; IPython shows exactly that (`_render_traceback_`), without internal frames.
"""

from __future__ import annotations

import numpy as np

from wengert.compiler.diag.span import Span


class WengertError(Exception):
    """Base of every error a user can cause.

    message: one sentence, what is wrong. span: where, if known. help: what to do instead.
    notes: further located remarks, e.g. the other of two conflicting lines.
    certain: the class of the exception that Python would raise there on every run, and the block it stands in, if known.
    widening: the loop whose first round makes an array of a number.
    """

    certain: tuple[type[Exception], object] | None = None
    widening: object | None = None

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        help: str | None = None,
        notes: tuple[tuple[str, Span | None], ...] = (),
    ):
        super().__init__(message)
        self.message, self.span, self.help, self.notes = message, span, help, notes

    @property
    def kind(self) -> str:
        """What the error is called where it is shown."""
        return type(self).__name__

    @property
    def line(self) -> int | None:
        """The 1-based line in the user's cell or file, None where unknown."""
        return self.span.line if self.span else None

    def __str__(self) -> str:
        return "\n".join(self.render())

    def render(self) -> list[str]:
        """The lines of the message: place, source with caret, what, help."""
        lines = _excerpt(self.span) + [f"{self.kind}: {self.message}"]
        for text, span in self.notes:
            lines += [f"  note: {text}"] + ["  " + line for line in _excerpt(span)]
        if self.help:
            lines.append(f"  help: {self.help}")
        return lines

    def _render_traceback_(self) -> list[str]:
        return self.render()


def _excerpt(span: Span | None) -> list[str]:
    if span is None:
        return []
    name = span.source.name if span.source else "source"
    place = f"{'Cell ' if name.startswith('In[') else ''}{name}, line {span.line}, column {span.column + 1}"
    text = span.source.line(span.line) if span.source else ""
    if not text:
        return [place]
    end = span.end_column if span.end_line == span.line else len(text)
    return [place, "    " + text, "    " + " " * span.column + "^" * max(1, end - span.column)]


class CompileError(WengertError):
    """The function cannot be compiled as written."""


class UnsupportedError(CompileError):
    """Valid Python or NumPy that wengert does not compile; the help names the nearest alternative."""


class TypeMismatch(CompileError):
    """Types or shapes that do not fit together, found at compile time."""


class CallError(WengertError, TypeError):
    """A compiled function was called with arguments it does not have; also a TypeError, as Python's own."""


class RaceError(CompileError):
    """Iterations of a parallel loop that may touch the same element."""


class DifferentiationError(CompileError):
    """What is asked to be differentiated has no derivative wengert can give."""


class OptionError(WengertError):
    """A transform or magic was given an option it does not have."""


class DeviceError(WengertError):
    """A device is missing or failed."""


class RuntimeFault(WengertError):
    """Raised by compiled code while it runs; its subclasses are also the Python exceptions NumPy would raise."""

    @property
    def kind(self) -> str:
        """The name of Python's exception, which the user knows: "IndexError"."""
        python = next(c for c in type(self).__mro__ if c.__module__ == "builtins")
        return type(self).__name__ if python is Exception else python.__name__


class IndexFault(RuntimeFault, IndexError):
    """An index outside its axis."""


class ShapeFault(RuntimeFault, ValueError):
    """Extents that do not fit together, found while running."""


class ZeroDivisionFault(RuntimeFault, ZeroDivisionError):
    """Integer division or modulo by zero."""


class MemoryFault(RuntimeFault, MemoryError):
    """An allocation that failed."""


class AssertionFault(RuntimeFault, AssertionError):
    """An `assert` of the user's that failed."""


class ValueFault(RuntimeFault, ValueError):
    """A value outside what the operation takes, e.g. a step of zero or NaN cast to an integer."""


class UnboundFault(RuntimeFault, UnboundLocalError):
    """A name that only a loop binds, read after the loop did not run."""


class RuntimeErrorFault(RuntimeFault, RuntimeError):
    """The user's `raise RuntimeError(...)`; those below likewise."""


class NotImplementedFault(RuntimeFault, NotImplementedError): ...


class OverflowFault(RuntimeFault, OverflowError): ...


class ArithmeticFault(RuntimeFault, ArithmeticError): ...


class FloatingPointFault(RuntimeFault, FloatingPointError): ...


class TypeFault(RuntimeFault, TypeError): ...


class KeyFault(RuntimeFault, KeyError): ...


class ExceptionFault(RuntimeFault, Exception):
    @property
    def kind(self) -> str:
        return "Exception"


class LinAlgFault(RuntimeFault, np.linalg.LinAlgError):
    """A matrix that is singular, not positive definite, or whose iteration did not converge."""

    @property
    def kind(self) -> str:
        return "LinAlgError"


FAULTS: dict[str, type[RuntimeFault]] = {
    "index": IndexFault,
    "shape": ShapeFault,
    "zero_division": ZeroDivisionFault,
    "memory": MemoryFault,
    "assertion": AssertionFault,
    "value": ValueFault,
    "linalg": LinAlgFault,
    "runtime": RuntimeErrorFault,
    "not_implemented": NotImplementedFault,
    "overflow": OverflowFault,
    "arithmetic": ArithmeticFault,
    "floating_point": FloatingPointFault,
    "type": TypeFault,
    "key": KeyFault,
    "exception": ExceptionFault,
    "unbound": UnboundFault,
}
"""The fault kinds that the trapping ops (`index`, `same_extent`, `check`) name in their `fault` attribute."""
