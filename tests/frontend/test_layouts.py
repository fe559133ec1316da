"""A share of the table of layout oracles (`python -m tests.harness.layouts`): every call once, for one dtype and rank."""

from __future__ import annotations

import operator
import re

import numpy as np
import pytest

from tests.harness import layout_calls
from tests.harness.layouts import Unit, check, element_wise, units
from wengert.compiler.frontend.functions import FUNCTIONS
from wengert.compiler.frontend.written import WRITTEN

SHARE: dict[tuple[str, tuple[str, ...]], Unit] = {}
for _unit in units():
    SHARE.setdefault((_unit.kind, _unit.calls), _unit)


@pytest.mark.parametrize("unit", SHARE.values(), ids=lambda u: u.name)
def test_numpy_the_interpreter_and_compiled_code_agree(unit: Unit) -> None:
    outcome = check(unit)
    assert not outcome.failures
    assert outcome.checked or outcome.refused


ELSEWHERE = {np.empty, np.empty_like}
"""What has no values to compare."""


def test_every_function_of_numpy_has_a_call() -> None:
    calls = [c for table in vars(layout_calls).values() if isinstance(table, tuple) for c in table] + [c for c, _ in element_wise()]
    named = re.findall(r"np\.([\w.]+)", " ".join(map(str, calls)))
    called = {operator.attrgetter(name)(np) for name in named}
    known = {
        f"{module.__name__}.{name}"
        for module in (np, np.linalg, np.fft)
        for name in module.__all__
        if callable(value := getattr(module, name, None)) and not isinstance(value, type)
        and (value in FUNCTIONS or value in WRITTEN) and value not in called | ELSEWHERE
    }  # fmt: skip
    assert known == set()
