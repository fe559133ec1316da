"""What a function goes through before it is split into a host part and kernels: IR to IR, each pass verified."""

from __future__ import annotations

from wengert.compiler.backend.device_again import compute_again
from wengert.compiler.backend.device_certain import assume_within
from wengert.compiler.backend.device_columns import sum_columns
from wengert.compiler.backend.device_fission import divide_at_libraries
from wengert.compiler.backend.device_handed import leave_handed
from wengert.compiler.backend.device_least_squares import by_singular_values
from wengert.compiler.backend.device_margins import leave_margins
from wengert.compiler.backend.device_products import turn_products
from wengert.compiler.backend.device_turned import turn_additions
from wengert.compiler.backend.device_whole import leave_unfilled
from wengert.compiler.backend.lower import lower
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.verify import verify


def prepare(function: Function, deterministic: bool = False, assume: bool = True) -> Function:
    """assume: whether checks in parallel loops may be made beforehand, see device_certain.py. Raises UnsupportedError for calls
    of a library that no kernel can do."""
    for name, run in (
        ("least squares", by_singular_values),
        ("libraries", divide_at_libraries),
        ("lower", lower),
        ("products", turn_products),
        ("handed", leave_handed),
        ("again", compute_again),
        ("turned", lambda f: turn_additions(f, deterministic)),
        ("columns", sum_columns),
        ("margins", leave_margins),
        ("whole", leave_unfilled),
        *([("certain", assume_within)] if assume else []),
    ):
        made = run(function)
        function = made if made is function else verify(made, name)
    return function
