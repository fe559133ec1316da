"""The operations, one row each. Importing this package fills the registry."""

from wengert.compiler.ops import arithmetic, arrays, checks, comparison, contraction, mathematics, reductions, updates
from wengert.compiler.ops import control as control

__all__ = ["arithmetic", "arrays", "checks", "comparison", "contraction", "control", "mathematics", "reductions", "updates"]
