"""wengert: NumPy functions compiled into derivatives, fused batches and GPU code.

    import wengert as wg
    gradient = wg.grad(f)

Public names are loaded when they are first used: importing wengert imports neither IPython, CuPy nor a widget.
In a notebook, `%load_ext wengert` adds the magics %%autodiff, %%batch, %%offload and %wengert.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from wengert.compiler.api import Active as Active
    from wengert.compiler.api import Const as Const
    from wengert.compiler.api import Coo as Coo
    from wengert.compiler.api import Dual as Dual
    from wengert.compiler.api import Duplicated as Duplicated
    from wengert.compiler.api import batch as batch
    from wengert.compiler.api import benchmark as benchmark
    from wengert.compiler.api import check as check
    from wengert.compiler.api import checkpoint as checkpoint
    from wengert.compiler.api import compare as compare
    from wengert.compiler.api import custom_derivative as custom_derivative
    from wengert.compiler.api import devices as devices
    from wengert.compiler.api import errors as errors
    from wengert.compiler.api import fixed_point as fixed_point
    from wengert.compiler.api import grad as grad
    from wengert.compiler.api import hessian as hessian
    from wengert.compiler.api import hvp as hvp
    from wengert.compiler.api import jacobian as jacobian
    from wengert.compiler.api import jit as jit
    from wengert.compiler.api import jvp as jvp
    from wengert.compiler.api import offload as offload
    from wengert.compiler.api import prange as prange
    from wengert.compiler.api import root as root
    from wengert.compiler.api import stop_gradient as stop_gradient
    from wengert.compiler.api import suppress as suppress
    from wengert.compiler.api import transfers as transfers
    from wengert.compiler.api import value_and_grad as value_and_grad
    from wengert.compiler.api import vjp as vjp
    from wengert.compiler.api import vmap as vmap

_PUBLIC = [
    "Active",
    "Const",
    "Coo",
    "Dual",
    "Duplicated",
    "batch",
    "benchmark",
    "check",
    "checkpoint",
    "compare",
    "custom_derivative",
    "devices",
    "errors",
    "fixed_point",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "offload",
    "prange",
    "root",
    "stop_gradient",
    "suppress",
    "transfers",
    "value_and_grad",
    "vjp",
    "vmap",
]
__all__ = [*_PUBLIC, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        value = globals()[name] = getattr(import_module("wengert.compiler.api"), name)
        return value
    raise AttributeError(f"module 'wengert' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "load_ipython_extension", "unload_ipython_extension"])


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext wengert`: register the magics and say what devices were found."""
    import_module("wengert.magics").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext wengert`: take the magics away again."""
    import_module("wengert.magics").unload(shell)
