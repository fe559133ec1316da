"""`jacobian(f, sparsity=...)`: a sparse Jacobian from as many sweeps as its pattern has colours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from wengert.compiler.diag.errors import DifferentiationError, OptionError
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function, Value
from wengert.compiler.ir.rewrite import clone_value
from wengert.compiler.ir.tree import LEAF, Tree, flatten
from wengert.compiler.ir.types import I64, Type
from wengert.compiler.passes.autodiff import forward
from wengert.compiler.passes.autodiff.dependence import BITS, dependence
from wengert.compiler.passes.batching import batch
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.activities import chosen, mode_of
from wengert.compiler.transforms.assemble import inline, product, with_known_extents, with_params, with_results
from wengert.compiler.transforms.colouring import colours, star_colours
from wengert.compiler.transforms.compiled import Compiled, trace_for
from wengert.compiler.transforms.derivatives import Grad, pullback, split
from wengert.compiler.transforms.settle import replace_function
from wengert.compiler.transforms.structure import Wrt, full_out, leaf_ranges, positional, positions

Sparsity = Any
"""A pattern: "detect", a boolean matrix, or anything with `tocoo()` (SciPy's sparse arrays), of shape (out.size, in.size)."""
ROOM = 64_000_000
"""Bytes of the sets that are held at a time when a pattern is found."""


class Coo(NamedTuple):
    """A sparse matrix by its entries, where SciPy is not installed: as scipy.sparse.coo_array((data, (row, col)), shape).

    data: the derivatives of the pattern's entries, zeros among them, of shape (n,) and the function's dtype. row, col: where each
    is, int64 of shape (n,), by rows, each place once. shape: (out.size, in.size).
    """

    data: np.ndarray
    row: np.ndarray
    col: np.ndarray
    shape: tuple[int, int]


class _Sweeps(Compiled):
    """Products with many directions at once: `sweeps((args), directions)`."""

    takes_the_same = False

    def __init__(self, function: Callable[..., Any], wrt: Wrt, name: str):
        super().__init__(function, f"{name}_{getattr(function, '__name__', 'f')}")
        self.wrt = wrt

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        args, _, _ = split(signature, "products(args, directions)")
        inner = trace_for(self.__wrapped__, args, recorder)
        (position,) = positions(self.__wrapped__, self.wrt, len(args.tree.children))
        leaves, out = leaf_ranges(args.tree)[position], full_out(inner)
        if len(leaves) != 1 or not args.leaves[leaves[0]].type.dtype.is_float:
            raise DifferentiationError(
                "a sparse Jacobian is by one array of floats",
                help="choose that with wrt=, and join the others into it, or leave sparsity= out",
            )
        if out != LEAF or not inner.function.results[0].type.dtype.is_float:
            raise DifferentiationError(
                f"a sparse Jacobian is of a function that returns one array of floats, and {inner.function.name} does not",
                help="return the array alone, or leave sparsity= out",
            )
        count, leaf = len(inner.function.params), leaves[0]
        swept = optimise(self.swept(inner.function, leaf, recorder), recorder, "directions")
        lanes = recorder.stage("batched", lambda: batch(swept, [*[None] * count, 0], [0], shared=True))
        order = [*range(args.tree.count), count, *range(args.tree.count, count)]
        function = with_known_extents(with_params(lanes, order), [one.type for one in signature.leaves])
        return replace_function(inner, optimise(function, recorder), self.out(), signature)

    def swept(self, function: Function, leaf: int, recorder: Recorder) -> Function:
        """The parameters of `function`, then a direction -> its product."""
        raise NotImplementedError

    def out(self) -> Tree:
        return LEAF


class Products(_Sweeps):
    """directions: tangents of shape (p, *in.shape) -> (p, *out.shape)."""

    def swept(self, function: Function, leaf: int, recorder: Recorder) -> Function:
        return with_results(forward(function, [k == leaf for k in range(len(function.params))]), [1])


class Pullbacks(_Sweeps):
    """directions: cotangents of shape (p, *out.shape) -> (p, *in.shape)."""

    def swept(self, function: Function, leaf: int, recorder: Recorder) -> Function:
        active = [k == leaf for k in range(len(function.params))]
        return with_results(pullback(function, active, [True], recorder), [1])


class Pattern(_Sweeps):
    """directions: the first elements of runs of 64 -> for each run and result element the i64 set of those it varies by."""

    def swept(self, function: Function, leaf: int, recorder: Recorder) -> Function:
        active = [k == leaf for k in range(len(function.params))]
        sets = with_results(dependence(function, active), [1])
        first = Value(Type(I64), "first")
        body = Block([*(clone_value(p) for p in function.params), first])
        b = Builder(body, role="tangent")
        seed = b.emit("left_shift", b.integer(1), b.emit("maximum", b.emit("negative", first), b.integer(0)))
        array = body.params[leaf]
        if array.type.is_array:
            extents = b.extents(array)
            place = b.emit("subtract", b.emit("iota", product(b, extents)), first)
            inside = [b.emit("greater_equal", place, b.integer(0)), b.emit("less", place, b.integer(BITS))]
            shift = b.emit("minimum", b.emit("maximum", place, b.integer(0)), b.integer(BITS - 1))
            bit = b.emit("left_shift", b.integer(1), shift)
            flat = b.emit("where", b.emit("bitwise_and", *inside), bit, b.integer(0))
            seed = flat if len(extents) == 1 else b.emit("reshape", flat, *extents)
        body.results = inline(b, sets, [*body.params[:-1], seed])
        return Function(f"pattern_{function.name}", body)


class SparseJacobian:
    """`jacobian(f, wrt, mode, sparsity)`: a SciPy CSR array of shape (out.size, in.size), or `Coo` without SciPy.

    sparsity "detect": the pattern is found at each call, at the path taken then. A given pattern is checked at each call
    by one further product in a random direction. chosen_mode, colours: of the last call.
    """

    what = "sparse jacobian"

    def __init__(self, function: Callable[..., Any], wrt: Wrt, mode: str, sparsity: Sparsity, name: str | None = None):
        if mode not in ("auto", "forward", "reverse"):
            raise OptionError(f"mode={mode!r}: it is one of auto, forward, reverse")
        mode = mode_of(function, mode)
        wrt = chosen(function, wrt, "" if mode == "auto" else mode)
        if isinstance(wrt, tuple):
            raise OptionError("a sparse Jacobian is by one argument", help="Write one name or position in wrt=.")
        if isinstance(sparsity, str) and sparsity != "detect":
            raise OptionError(f'sparsity={sparsity!r}: it is "detect" or a matrix')
        self.__wrapped__, self.wrt, self.mode = function, wrt, mode
        self.__name__ = name or f"jac_{getattr(function, '__name__', 'f')}"
        self.given = None if isinstance(sparsity, str) else _entries(sparsity)
        self.chosen_mode, self.colours = mode, 0
        self._parts = {"forward": Products(function, wrt, "jvps"), "reverse": Pullbacks(function, wrt, "vjps")}
        self._primal, self._pattern = Compiled(function), Pattern(function, wrt, "pattern")
        self._coloured: tuple[Any, str, np.ndarray, np.ndarray, np.ndarray] | None = None

    def pattern(self, *args: Any, **kwargs: Any) -> Any:
        """The pattern at these arguments, all entries 1: for use as `sparsity` where it is known to be the same."""
        args = positional(self.__wrapped__, args, kwargs)
        rows, columns, shape = self._found(args)
        return _sparse(np.ones(len(rows), bool), rows, columns, shape)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = positional(self.__wrapped__, args, kwargs)
        rows, columns, shape = self._found(args) if self.given is None else self.given
        mode, colour, product, element = self._colouring(rows, columns, shape)
        moved, kept = (columns, rows) if mode == "forward" else (rows, columns)
        count = self.colours = int(colour.max(initial=-1)) + 1
        seeds = np.zeros((count + (self.given is not None), len(colour)))
        seeds[colour, np.arange(len(colour))] = 1.0
        if self.given is not None:
            seeds[-1] = np.random.default_rng(0).standard_normal(len(colour))
        products = self._products(mode, args, seeds)
        if products.shape[1] != shape[mode == "reverse"] or len(colour) != shape[mode == "forward"]:
            raise OptionError(f"sparsity has the shape {shape}, and the Jacobian is {self._shape(args)}")
        data = products[product, element]
        if self.given is not None:
            self._check(data, moved, kept, seeds[-1], products[-1], mode)
        return _sparse(data, rows, columns, shape)

    def _shape(self, args: tuple[Any, ...]) -> tuple[int, int]:
        (position,) = positions(self.__wrapped__, self.wrt, len(args))
        return np.size(self._value(args)), np.size(args[position])

    def _value(self, args: tuple[Any, ...]) -> Any:
        leaves, tree = flatten(args)  # it may write into them
        return self._primal(*tree.unflatten([np.array(a) if isinstance(a, np.ndarray) else a for a in leaves]))

    def _products(self, mode: str, args: tuple[Any, ...], seeds: np.ndarray) -> np.ndarray:
        """Rows of `seeds` times the Jacobian's columns, or its rows."""
        (position,) = positions(self.__wrapped__, self.wrt, len(args))
        like = args[position]
        shape, dtype = np.shape(like), np.result_type(like)
        if mode == "reverse":
            value = self._value(args)
            shape, dtype = np.shape(value), np.result_type(value)
        wanted = int(np.prod(shape))
        if seeds.shape[1] != wanted:
            raise OptionError(f"sparsity is for {seeds.shape[1]} elements, and there are {wanted}")
        found = self._parts[mode](args, seeds.astype(dtype).reshape(len(seeds), *shape))
        return np.asarray(found).reshape(len(seeds), -1)

    def _found(self, args: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        shape = self._shape(args)
        at_a_time = max(1, ROOM // (8 * max(1, shape[0])))
        rows, columns = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for start in range(0, shape[1], BITS * at_a_time):
            firsts = np.arange(start, min(shape[1], start + BITS * at_a_time), BITS)
            sets = np.asarray(self._pattern(args, firsts)).reshape(len(firsts), shape[0])
            run, row = np.nonzero(sets)
            bits = np.unpackbits(sets[run, row].astype("<i8").view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
            entry, bit = np.nonzero(bits)
            rows.append(row[entry])
            columns.append(firsts[run[entry]] + bit)
        row, column = np.concatenate(rows), np.concatenate(columns)
        order = np.lexsort((column, row))
        return row[order], column[order], shape

    def _colouring(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
    ) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        """The mode with fewer colours, these, and for each entry the product and the element of it that it is; those of the
        last call where the pattern is the same."""
        last = self._coloured
        same = last is not None and last[0][2] == shape
        if last is None or not (same and np.array_equal(last[0][0], rows) and np.array_equal(last[0][1], columns)):
            last = self._coloured = (rows, columns, shape), *self._coloured_anew(rows, columns, shape)
        self.chosen_mode = last[1]
        return last[1:]

    def _coloured_anew(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
    ) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        found = {}
        if self.mode != "reverse":
            found["forward"] = colours(rows, columns, shape)
        if self.mode != "forward":
            found["reverse"] = colours(columns, rows, shape[::-1])
        mode = min(found, key=lambda m: int(found[m].max(initial=-1)))
        moved, kept = (columns, rows) if mode == "forward" else (rows, columns)
        return mode, found[mode], found[mode][moved], kept

    def _check(self, data: Any, moved: Any, kept: Any, seed: np.ndarray, product: np.ndarray, mode: str) -> None:
        """Raises OptionError where the entries of the pattern do not give the product in the random direction."""
        total, scale = np.zeros(len(product)), np.zeros(len(product))
        np.add.at(total, kept, data * seed[moved])
        np.add.at(scale, kept, np.abs(data * seed[moved]))
        single = product.dtype.itemsize < 8
        scale += np.max(scale, initial=0.0, where=np.isfinite(scale))
        wrong = np.abs(total - product) > (1e-4 if single else 1e-9) * np.where(scale > 0, scale, 1.0)
        if wrong.any():
            what = "row" if mode == "forward" else "column"
            raise OptionError(
                f"the pattern in sparsity= leaves out entries of the Jacobian, in {what} {int(np.flatnonzero(wrong)[0])} first",
                help='Add them, or write sparsity="detect".',
            )

    def __repr__(self) -> str:
        return f"<wengert {self.what} {self.__name__}, mode {self.chosen_mode}, {self.colours} colours>"


class SparseHessian(SparseJacobian):
    """`hessian(f, wrt, sparsity)`: the sparse Jacobian of the gradient, forward over reverse.

    Of a pair of entries that are equal by symmetry one is enough, so the columns need a star colouring only: an arrow takes
    2 products and a band of width 2 b + 1 takes b + 1 or a few more, where columns without a common row would take n and 2 b + 1.
    """

    what = "sparse hessian"

    def __init__(self, function: Callable[..., Any], wrt: Wrt, sparsity: Sparsity, name: str | None = None):
        label = name or f"hess_{getattr(function, '__name__', 'f')}"
        wrt = chosen(function, wrt, "")
        super().__init__(Grad(function, wrt), wrt, "forward", sparsity, label)
        if self.given is not None:
            self.given = _symmetric(*self.given)

    def _found(self, args: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
        return _symmetric(*super()._found(args))

    def _coloured_anew(
        self, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]
    ) -> tuple[str, np.ndarray, np.ndarray, np.ndarray]:
        colour = star_colours(rows, columns, shape[0])
        pairs = rows * (int(colour.max(initial=0)) + 1) + colour[columns]
        _, place, counts = np.unique(pairs, return_inverse=True, return_counts=True)
        alone = counts[place] == 1  # no other column of this colour in the row
        return "forward", colour, np.where(alone, colour[columns], colour[rows]), np.where(alone, rows, columns)


def _symmetric(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """With the transposed entries: one triangle is enough. Raises OptionError for a matrix that is not square."""
    if shape[0] != shape[1]:
        raise OptionError(f"the sparsity of a Hessian is square, and this is of shape {shape}")
    flat = np.unique(np.concatenate([rows * shape[1] + columns, columns * shape[1] + rows]))
    return flat // shape[1], flat % shape[1], shape


def _entries(pattern: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Rows, columns and shape of a pattern. Raises OptionError for what is none."""
    if not isinstance(pattern, Coo):
        pattern = pattern.tocoo() if hasattr(pattern, "tocoo") else np.asarray(pattern)
    if isinstance(pattern, np.ndarray):
        if pattern.ndim != 2 or pattern.dtype.kind not in "biuf":
            raise OptionError('sparsity is "detect" or a matrix of shape (out.size, in.size)')
        rows, columns = np.nonzero(pattern)
        return rows, columns, pattern.shape  # type: ignore[return-value]
    entries = np.unique(np.stack([np.asarray(pattern.row, np.int64), np.asarray(pattern.col, np.int64)]), axis=1)
    return entries[0], entries[1], tuple(pattern.shape)


def _sparse(data: np.ndarray, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Any:
    try:
        from scipy.sparse import coo_array
    except ImportError:
        return Coo(data, rows, columns, shape)
    return coo_array((data, (rows, columns)), shape=shape).tocsr()
