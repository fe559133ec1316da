"""jacobian and hessian: every tangent or cotangent at once, batched over the unit directions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wengert.compiler.diag.errors import DifferentiationError, OptionError
from wengert.compiler.frontend.signature import Signature
from wengert.compiler.frontend.trace import Traced
from wengert.compiler.ir.builder import Builder
from wengert.compiler.ir.core import Block, Function
from wengert.compiler.ir.rewrite import clone_value
from wengert.compiler.ir.tree import Tree, flatten, tuple_of
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.transforms.activities import chosen, mode_of
from wengert.compiler.transforms.compiled import Compiled, Program, trace_for
from wengert.compiler.transforms.derivatives import Grad, differentiable
from wengert.compiler.transforms.jacobian_blocks import Write, forward_blocks, reverse_blocks
from wengert.compiler.transforms.settle import replace_function
from wengert.compiler.transforms.structure import Wrt, full_out, leaf_ranges, mask_tree, positional, positions

MODES = ("auto", "forward", "reverse")


class Jacobian(Compiled):
    """`jacobian(f, wrt, mode)`: for each result and argument leaf an array of shape out.shape + in.shape."""

    FORGOTTEN = Compiled.FORGOTTEN | {"chosen_mode", "_by_mode", "_refused", "_primal"}

    def __init__(self, function: Callable[..., Any], wrt: Wrt = None, mode: str = "auto", name: str | None = None):
        super().__init__(function, name or f"jac_{getattr(function, '__name__', 'f')}")
        if mode not in MODES:
            raise OptionError(f"mode={mode!r}: it is one of {', '.join(MODES)}")
        self.mode = self.chosen_mode = mode_of(function, mode)
        self.wrt = chosen(self.__wrapped__, wrt, "" if self.mode == "auto" else self.mode)
        self._by_mode: dict[str, Jacobian] = {}
        self._refused: set[str] = set()  # modes that a rule of the user's does not serve: not to be tried at each call
        self._primal: Compiled | None = None

    def _dispatch(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self.mode != "auto":
            return super()._dispatch(args, kwargs)
        cheaper = self._cheaper(args, kwargs)
        errors: dict[str, DifferentiationError] = {}
        for mode in sorted((cheaper, MODES[3 - MODES.index(cheaper)]), key=self._refused.__contains__):
            self.chosen_mode = mode
            try:
                return self._by(mode, args, kwargs)
            except DifferentiationError as error:
                errors[mode] = error
                self._refused.add(mode)
        raise errors[cheaper]

    def _by(self, mode: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if mode not in self._by_mode:
            self._by_mode[mode] = Jacobian(self.__wrapped__, self.wrt, mode, self.__name__)
        one = self._by_mode[mode]
        result = one._dispatch(args, kwargs)
        self.last = one.last
        return result

    def program(self, signature: Signature) -> Program:
        """The program of the mode that was chosen last, or forward (what `lower` shows before the first call)."""
        if self.mode == "auto" and self.chosen_mode in self._by_mode:
            return self._by_mode[self.chosen_mode].program(signature)
        return super().program(signature)

    def _cheaper(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """Forward where there are not more inputs than outputs (counted in elements), else reverse."""
        args = positional(self.__wrapped__, args, kwargs)
        places = positions(self.__wrapped__, self.wrt, len(args))
        inputs = sum(np.size(leaf) for p in places for leaf in flatten(args[p])[0])
        if self._primal is None:
            self._primal = Compiled(self.__wrapped__)
        leaves, tree = flatten(args)
        leaves = [np.array(leaf) if isinstance(leaf, np.ndarray) else leaf for leaf in leaves]  # it may write into them
        returned = self._primal(*tree.unflatten(leaves))
        assert self._primal.last is not None
        written = [w for w in self._primal.last.traced.function.written if w is not None]
        outputs = sum(np.size(leaf) for leaf in [*flatten(returned)[0], *(leaves[w] for w in written)])
        return "forward" if inputs <= outputs else "reverse"

    def trace(self, signature: Signature, recorder: Recorder) -> Traced:
        inner = trace_for(self.__wrapped__, signature, recorder)
        places = positions(self.__wrapped__, self.wrt, len(signature.tree.children))
        ranges, can = leaf_ranges(signature.tree), differentiable(inner)
        columns = [k for p in places for k in ranges[p] if can[k]]
        if not columns:
            raise DifferentiationError(f"no argument of {inner.function.name} chosen by wrt={self.wrt!r} is floating point")
        rows = [k for k, v in enumerate(inner.function.results) if v.type.dtype.is_differentiable]
        write: Write = reverse_blocks if self.mode == "reverse" else forward_blocks
        body = Block([clone_value(p) for p in inner.function.params])
        builder = Builder(body, role="adjoint" if self.mode == "reverse" else "tangent")
        blocks = write(builder, inner.function, body.params, rows, columns, recorder)
        body.results = [blocks[r, c] for r in rows for c in columns]
        out = full_out(inner)
        per_row = [mask_tree(signature.tree.children[p], [can[k] for k in ranges[p]]) for p in places]
        cell = tuple_of(per_row) if isinstance(self.wrt, tuple) else per_row[0]
        flags = [v.type.dtype.is_differentiable for v in inner.function.results]
        function = recorder.stage("jacobian", lambda: Function(self.__name__, body))
        return replace_function(inner, optimise(function, recorder), _substitute(mask_tree(out, flags), cell))


def _substitute(tree: Tree, cell: Tree) -> Tree:
    """`tree` with `cell` in place of each leaf."""
    if tree.kind == "leaf":
        return cell
    return Tree(tree.kind, tree.meta, tuple([_substitute(c, cell) for c in tree.children]), tree.names) if tree.children else tree


class Hessian(Jacobian):
    """`hessian(f, wrt)`: second derivatives of a scalar function, forward over reverse; shape in.shape + in.shape.

    The gradient's forward sweep is done once for all directions where no loop stands in the way, else for four at a time.
    """

    def __init__(self, function: Callable[..., Any], wrt: Wrt = None, name: str | None = None):
        label = getattr(function, "__name__", "f")
        wrt = chosen(function, wrt, "")
        super().__init__(Grad(function, wrt), wrt, "forward", name or f"hess_{label}")
        self.chosen_mode = "forward over reverse"

