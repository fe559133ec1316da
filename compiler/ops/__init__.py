"""The operations, one row each. Importing this package fills the registry."""

from wengert.compiler.ops import (
    arithmetic,
    arrays,
    checks,
    comparison,
    complexes,
    contraction,
    fourier,
    linalg,
    mathematics,
    order,
    output,
    reductions,
    updates,
)
from wengert.compiler.ops import control as control
from wengert.compiler.ops import custom as custom

__all__ = ["arithmetic", "arrays", "checks", "comparison", "complexes", "contraction", "control", "fourier", "linalg", "mathematics", "order", "output", "reductions", "updates"]
