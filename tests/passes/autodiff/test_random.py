"""Random functions of the IR and random NumPy programs; the command lines of tests/harness try many more."""

from __future__ import annotations

import pytest

from tests.harness import fuzz, random_check
from tests.harness.programs import generate

CHUNK = 20


@pytest.mark.parametrize("seed", [*range(60), 3319])
def test_functions(seed: int) -> None:
    random_check.check(seed)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 300, CHUNK))
def test_programs(start: int) -> None:
    """What is traced does what Python does, and its derivatives agree; some programs are refused, most are not."""
    refused = 0
    for seed in range(start, start + CHUNK):
        found = fuzz.outcome(generate(seed).source, seed, "derivatives")
        refused += found.startswith("refused")
        assert found == "ok" or found.startswith(("refused", "python")), f"seed {seed}: {found}\n{generate(seed).source}"
    assert refused <= CHUNK // 4
