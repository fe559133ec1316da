"""The public names of wengert and the only door of the compiler: magics, widgets and users come in here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, overload

from wengert.compiler.detect.catalogue import KINDS as PITFALLS
from wengert.compiler.detect.check import check, suppress
from wengert.compiler.detect.findings import Finding, Report
from wengert.compiler.detect.static import notes
from wengert.compiler.diag import errors
from wengert.compiler.diag.errors import OptionError
from wengert.compiler.frontend.intrinsics import prange, stop_gradient
from wengert.compiler.ir.tree import flatten
from wengert.compiler.runtime.devices import devices
from wengert.compiler.runtime.doctor import main as doctor
from wengert.compiler.runtime.ledger import transfers
from wengert.compiler.runtime.store import summary as code_cache
from wengert.compiler.transforms.activities import Active, Const, Dual, Duplicated
from wengert.compiler.transforms.agreement import Agreement, Difference, compare
from wengert.compiler.transforms.batched import Axes, Batch
from wengert.compiler.transforms.compiled import Compiled, Jit
from wengert.compiler.transforms.custom import CustomDerivative
from wengert.compiler.transforms.derivatives import Checkpoint, Grad, Hvp, Jvp, Vjp
from wengert.compiler.transforms.graph import Graph, GraphNode, GraphRegion
from wengert.compiler.transforms.implicit import fixed_point, root
from wengert.compiler.transforms.jacobians import Hessian, Jacobian
from wengert.compiler.transforms.lowered import Lowered
from wengert.compiler.transforms.measure import Timing, Timings, benchmark, copy_seconds, on_threads, threads_at_most
from wengert.compiler.transforms.offloaded import Offload, placed
from wengert.compiler.transforms.record import Recording, record
from wengert.compiler.transforms.sparse import Coo, SparseHessian, SparseJacobian, Sparsity
from wengert.compiler.transforms.split import Split
from wengert.compiler.transforms.structure import Wrt
from wengert.compiler.transforms.values import Arithmetic, Values, count_arithmetic, watch_values

__all__ = [
    "Active",
    "Agreement",
    "Arithmetic",
    "Compiled",
    "Const",
    "Coo",
    "Difference",
    "Dual",
    "Duplicated",
    "Finding",
    "Grad",
    "Graph",
    "GraphNode",
    "GraphRegion",
    "Lowered",
    "PITFALLS",
    "Recording",
    "Report",
    "SparseHessian",
    "SparseJacobian",
    "Split",
    "Timing",
    "Timings",
    "Values",
    "batch",
    "benchmark",
    "check",
    "checkpoint",
    "code_cache",
    "compare",
    "copy_seconds",
    "count_arithmetic",
    "custom_derivative",
    "devices",
    "doctor",
    "errors",
    "fixed_point",
    "flatten",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jit",
    "jvp",
    "notes",
    "offload",
    "on_threads",
    "placed",
    "prange",
    "record",
    "root",
    "stop_gradient",
    "suppress",
    "threads_at_most",
    "transfers",
    "value_and_grad",
    "vjp",
    "vmap",
    "watch_values",
]

Maker = TypeVar("Maker", bound=Callable[..., Any])


def _transform(make: Maker) -> Maker:
    """Marks what may be called inside compiled functions, too, on functions known there."""
    make.__wengert_transform__ = True  # type: ignore[attr-defined]
    return make


@_transform
def jit(f: Callable[..., Any]) -> Compiled:
    """Compile a function of numbers and NumPy arrays.

    Where every parameter is annotated in full (float, int, bool, jaxtyping shapes, dataclasses of these) it is compiled
    now; else at the first call of each signature (structure, dtypes, ranks, extents of 1). Arrays that the function
    writes are written in the caller's memory, as NumPy would.

    Raises CompileError (at the line and column) for what cannot be compiled, at compile time; compiled code raises
    IndexError, ValueError, ZeroDivisionError, MemoryError, AssertionError with the line.
    """
    return Jit(f)


@_transform
def grad(f: Callable[..., Any], wrt: Wrt = None, has_aux: bool = False, memory: int | str | None = None) -> Compiled:
    """The gradient of a function that returns one float scalar, by reverse mode.

    wrt: position or name of an argument, or a tuple of them (then a tuple is returned); without it the arguments
    annotated `Active` or `Duplicated`, or the first one. A gradient has the structure,
    shapes and dtypes of its argument; integer parts are None. has_aux: f returns (value, auxiliary), the result is
    (gradient, auxiliary). memory: bytes (or "500MB") that may be kept for the reverse sweep; where more would be needed
    loops run again from snapshots (see `checkpoint`), and `.lower(...).plan` says how often. Raises DifferentiationError
    where f does not return a float, an argument is no float, or the budget cannot be kept, OptionError for a `wrt` or an
    amount of memory that does not exist.
    """
    return Grad(f, wrt, has_aux, memory=memory)


@_transform
def value_and_grad(
    f: Callable[..., Any], wrt: Wrt = None, has_aux: bool = False, memory: int | str | None = None
) -> Compiled:
    """As `grad`, returning (value, gradient), or ((value, auxiliary), gradient) with has_aux, from one sweep there and back.

    value: what f returns, a number of its dtype. Arguments, the gradient and errors are those of `grad`.
    """
    return Grad(f, wrt, has_aux, value=True, memory=memory)


@_transform
def jvp(f: Callable[..., Any]) -> Compiled:
    """Forward mode: `jvp(f)(args, tangents) -> (out, out_tangent)`.

    args, tangents: tuples of the same structure; None = zero tangent. out is the returned value, or
    `(returned, *written)` for a function that writes into its arguments; the caller's arrays are left alone. out_tangent
    has the structure and shapes of out. Raises TypeMismatch where tangents has another structure than args or one for what is no
    float, ValueError where a shape differs.
    """
    return Jvp(f, f"jvp_{getattr(f, '__name__', 'f')}")


@_transform
def vjp(f: Callable[..., Any], memory: int | str | None = None) -> Compiled:
    """Reverse mode: `vjp(f)(args, cotangent) -> (out, cotangents)`.

    cotangent has the structure of out (None = zero); cotangents is a tuple with one entry per argument, None where
    not differentiable. out is as for `jvp`; memory as for `grad`. Raises TypeMismatch where cotangent has another structure than
    out, ValueError where a shape differs.
    """
    return Vjp(f, f"vjp_{getattr(f, '__name__', 'f')}", memory)


@overload
def jacobian(f: Callable[..., Any], wrt: Wrt = None, mode: str = "auto", sparsity: None = None) -> Compiled: ...
@overload
def jacobian(f: Callable[..., Any], wrt: Wrt = None, mode: str = "auto", *, sparsity: Sparsity) -> SparseJacobian: ...
@_transform
def jacobian(
    f: Callable[..., Any], wrt: Wrt = None, mode: str = "auto", sparsity: Sparsity = None
) -> Compiled | SparseJacobian:
    """All partial derivatives, of shape out.shape + in.shape.

    mode: "forward" (a direction per input element), "reverse" (one per output element), or "auto": the smaller number
    at each call; `.chosen_mode` says which it was. sparsity: for one array argument and one array result, a matrix of
    shape (out.size, in.size) that is not zero where the Jacobian may not be, or "detect". The result is then a SciPy CSR
    array of that shape (`Coo` without SciPy), from one sweep per colour of the pattern; `.colours` says how many, and
    `.pattern(*args)` is the pattern found. Raises OptionError where a given pattern has another size or leaves out
    entries, and for a mode that does not exist. With a tuple in wrt, a tuple of Jacobians; None for a result
    without floats.
    """
    return Jacobian(f, wrt, mode) if sparsity is None else SparseJacobian(f, wrt, mode, sparsity)


@overload
def hessian(f: Callable[..., Any], wrt: Wrt = None, sparsity: None = None) -> Compiled: ...
@overload
def hessian(f: Callable[..., Any], wrt: Wrt = None, *, sparsity: Sparsity) -> SparseHessian: ...
@_transform
def hessian(f: Callable[..., Any], wrt: Wrt = None, sparsity: Sparsity = None) -> Compiled | SparseHessian:
    """Second derivatives of a function that returns one float, of shape in.shape + in.shape; forward over reverse.

    With a tuple in wrt, [i][j] is by arguments i and j, of shape in_i.shape + in_j.shape. Raises DifferentiationError where f
    does not return one float.

    sparsity: for one array argument, a matrix of shape (in.size, in.size) that is not zero where the Hessian may not be (one
    triangle is enough), or "detect". The result is then a SciPy CSR array of that shape, as for `jacobian`, from one
    Hessian-vector product per colour of a star colouring; `.colours`, `.pattern(*args)` and errors are those of `jacobian`.
    """
    return Hessian(f, wrt) if sparsity is None else SparseHessian(f, wrt, sparsity)


@_transform
def hvp(f: Callable[..., Any], wrt: int | str | None = None) -> Compiled:
    """`hvp(f)(args, v)`: the Hessian times v, without the Hessian: forward over reverse (Pearlmutter, Neural Comput. 6, 1994).

    args is a tuple of f's arguments; v has the structure and shapes of the one that wrt names, and so has the result.
    Raises DifferentiationError where f does not return one float, ValueError where a shape of v differs.
    """
    return Hvp(f, wrt)


@_transform
def batch(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Compiled:
    """One fused call for N calls of f.

    in_axes: the axis of each argument that counts calls (an int for all, or one entry per argument; None = shared by
    all calls; tuples nest like the argument). A list of arguments [x1, x2, x3] is stacked. out_axes: where the axis
    stands in each result. Loops and branches may differ from call to call. Written arguments become results. Raises
    ValueError where arguments differ in the number of calls, OptionError where in_axes or out_axes do not fit them.
    """
    return Batch(f, in_axes, out_axes)


vmap = batch


def offload(
    f: Callable[..., Any],
    device: str | Sequence[str] = "cuda:0",
    fallback: str | None = None,
    shares: Sequence[float] | None = None,
    deterministic: bool = False,
) -> Compiled | Split:
    """f on a device ("cuda:0", "cpu"); arrays travel by themselves, once, and results stay there until read.

    A list of devices, `wg.offload(f, ["cuda:0", "cuda:1"])`, shares out the calls of a batch, or the outer axis of another
    function: array expressions, their reductions, and loops whose iterations each keep to an index of their own; evenly, or
    in proportion to `shares`. Results are then NumPy arrays; `.split` says who ran which places, `.placement` what was where.

    deterministic: the same bits in every run on one device: additions by atomics are refused, with their line, at the first
    call (UnsupportedError). Without it they may be added in any order.

    fallback="cpu": the CPU, where the device is missing or cannot run the function; `.notice` says so. Without it raises
    DeviceError where the device is missing, listing those that exist, and UnsupportedError, with the line, at the first call of
    a function that it cannot run. The latter also where a function's outer axis cannot be shared out over several devices.
    """
    if isinstance(device, str):
        if shares is not None:
            raise OptionError("shares says how to split over a list of devices; there is one device")
        return Offload(f, device, fallback, deterministic=deterministic)
    if not isinstance(device, Sequence):
        raise OptionError(f"device={device!r}: it is a name such as 'cuda:0', or a list of names")
    if len(device) == 1 and shares is None:
        return Offload(f, device[0], fallback, deterministic=deterministic)
    return Split(f, tuple(device), fallback, shares, deterministic)


def custom_derivative(f: Callable[..., Any]) -> CustomDerivative:
    """f with derivative rules of its own, in every transform and inside every compiled function (also as a decorator).

    f.def_vjp(fwd, bwd): reverse mode. `fwd(*args) -> (out, residuals)`; `bwd(residuals, cotangent)` -> a tuple with one
    cotangent per argument, None for zero. f.def_jvp(rule): forward mode, rule(args, tangents) -> (out, out_tangent),
    linear in the tangents. A rule alone serves the other mode too, transposed: one of reverse mode if it is linear in the
    cotangent. Rules take all arguments, defaults included. Derivatives of higher order differentiate the rules.
    f may not write into its arguments. Raises OptionError where f is called before it has a rule, DifferentiationError,
    with the rule's line, where a rule returns other structures, dtypes or ranks than f has.
    """
    return CustomDerivative(f)


@_transform
def checkpoint(f: Callable[..., Any], policy: int | str | None = None) -> Compiled:
    """f itself, compiled; its gradients (`grad`, `value_and_grad`, `vjp` of it) do not keep what its loops compute.

    The loops are run again from snapshots of what they carry, placed by the binomial schedule (Griewank & Walther,
    Algorithm 799, ACM TOMS 26, 2000). policy: bytes, or "500MB", that may be kept for them; None: 64 MB. It bounds
    as `memory` of `grad` does: what fits is kept without running anything again. Called inside of another compiled
    function, the budget of the transform around that function counts. Raises OptionError for another policy.
    """
    return Checkpoint(f, policy)
