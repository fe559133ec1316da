"""One function to judge the detector by: its planted pitfall is written behind its line as ``#: kind``. ``#| kind`` marks
another line where the finding may as well stand (the exit test of a loop, the rounding before the table)."""

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Case:
    """planted: (line within the file, kind); besides: the other places, each of which counts for the planted one."""

    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    planted: tuple[tuple[int, str], ...]
    besides: tuple[tuple[int, str], ...] = ()

    @property
    def name(self) -> str:
        return self.function.__name__


def case(function: Callable[..., Any], *arguments: Any) -> Case:
    lines, first = inspect.getsourcelines(function)
    found = [(first + k, *mark) for k, line in enumerate(lines) for mark in re.findall(r"#([:|]) (\w+)", line)]
    planted, besides = (tuple((line, kind) for line, sign, kind in found if sign == s) for s in ":|")
    return Case(function, arguments, planted, besides)
