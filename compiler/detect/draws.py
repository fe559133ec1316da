"""Which numbers among the arguments are random draws: by how they are distributed, and by their names."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from wengert.compiler.detect.facts import Facts
from wengert.compiler.detect.flow import READ_BY, array_behind
from wengert.compiler.ir.core import Op, Value


def is_computed(facts: Facts, op: Op) -> bool:
    """A sample is compared after a computation on it, not as it was given."""
    return any(v in facts.flow.varied and _sample(v) not in facts.params for v in op.operands)


DRAWS = re.compile(r"^(u|us|xi|z|.*(unif|draw|rand|rnd|noise|coin|dice).*)$")


def is_irregular(facts: Facts, op: Op) -> bool:
    """Whether one operand is (an element of) an unsorted sample among the arguments, drawn from [0, 1] or called so, or is
    computed from a sample of the normal distribution."""
    behind_all = set().union(*(facts.flow.parameters(v) for v in op.operands))
    plain = {_sample(v) for v in op.operands}
    if any(p in behind_all - plain and _is_normal(leaf) for p, leaf in zip(facts.params, facts.leaves, strict=False)):
        return True
    for v in op.operands:
        behind = _sample(v)
        if behind not in facts.params:
            continue
        k = facts.params.index(behind)
        leaf = facts.leaves[k] if k < len(facts.leaves) else None
        if isinstance(leaf, np.ndarray) and leaf.ndim >= 1 and leaf.size >= 8:
            flat = leaf.ravel()
            turns = np.sum(np.diff(np.sign(np.diff(flat))) != 0)
            if turns > 0.3 * leaf.size and (_is_uniform(flat) or DRAWS.match(facts.params[k].hint.lower())):
                return True
    return False


def _sample(v: Value) -> Value:
    return array_behind(v, (*READ_BY, "cast"))


def _is_uniform(flat: np.ndarray) -> bool:
    """Between 0 and 1 with the mean and the variance of a sample of that interval."""
    if np.min(flat) < 0 or np.max(flat) > 1 or np.min(flat) > 0.1 or np.max(flat) < 0.9:
        return False
    n = flat.size
    return bool(abs(np.mean(flat) - 0.5) < 4 / np.sqrt(12 * n) and abs(np.var(flat) - 1 / 12) < 4 * np.sqrt(1 / 180 / n))


def _is_normal(leaf: Any) -> bool:
    """An unsorted sample with mean, variance and fourth moment of the standard normal distribution."""
    if not isinstance(leaf, np.ndarray) or leaf.size < 100 or leaf.dtype.kind != "f":
        return False
    flat, n = leaf.ravel(), leaf.size
    with np.errstate(all="ignore"):
        return bool(
            np.mean(np.diff(np.sign(np.diff(flat))) != 0) > 0.5
            and abs(np.mean(flat)) < 4 / np.sqrt(n)
            and abs(np.mean(flat**2) - 1) < 4 * np.sqrt(2 / n)
            and abs(np.mean(flat**4) - 3) < 4 * np.sqrt(96 / n)
        )
