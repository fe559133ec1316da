"""Random NumPy programs, compiled; `python -m tests.harness.fuzz --compiled` tries many more."""

from __future__ import annotations

import pytest

from tests.harness import fuzz
from tests.harness.programs import generate


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5000, 5040))
def test_compiled_programs_do_what_python_does(seed: int) -> None:
    source = generate(seed).source
    found = fuzz.judged(source, seed, "compiled")
    assert found == "ok" or found.startswith(("refused", "python")), f"{found}\n{source}"
