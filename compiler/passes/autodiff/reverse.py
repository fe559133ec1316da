"""Reverse mode: after the function runs, its ops are gone through backward, each sending cotangents to its operands.

    func @f(%x: f64) {              func @vjp_f(%x: f64, %y_bar: f64) {
        %y = sin %x : f64               %y = sin %x : f64
        return %y             =>        %0 = cos %x : f64 #adjoint
    }                                   %x_bar = multiply %y_bar, %0 : f64 #adjoint
                                        return %y, %x_bar
                                    }

In four steps:
1. Build the backward part with the input's own values standing for themselves wherever an adjoint reads one
   (here, reverse_loops.py), and drop what nothing needs, e.g. partials no one asked for.
2. Look up what it reads, and decide for each value inside a loop or branch: recompute or save (store.py).
3. Emit the forward part: the input once more, saving on its way (tape.py).
4. Put in front of each reversed block what restores the values it reads (restore.py), and join both parts.

At function level nothing is saved: the values are still there. Complex numbers: the pairing is Re(sum(cotangent *
tangent)) without conjugation, so rows need one rule for real and complex operands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from wengert.compiler.diag.errors import DifferentiationError
from wengert.compiler.ir.builder import Builder, Sym
from wengert.compiler.ir.core import Block, Function, Op, Value
from wengert.compiler.ir.loops import LOOPS
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.rewrite import copy_block
from wengert.compiler.passes.autodiff.activity import analyse, differentiable_operands
from wengert.compiler.passes.autodiff.bounded import Again, run_more_again
from wengert.compiler.passes.autodiff.cotangents import Cotangents
from wengert.compiler.passes.autodiff.plan import Plan
from wengert.compiler.passes.autodiff.restore import restore
from wengert.compiler.passes.autodiff.reverse_loops import reverse_if, reverse_loop
from wengert.compiler.passes.autodiff.roots import products_under_roots
from wengert.compiler.passes.autodiff.rules import drop_dead, fit, partials_of, say_extents, scaled
from wengert.compiler.passes.autodiff.store import decide
from wengert.compiler.passes.autodiff.structure import Extents, Structure
from wengert.compiler.passes.autodiff.tape import ForwardSweep
from wengert.compiler.passes.autodiff.transposed import pull_by_transposing


def reverse(function: Function, active: Sequence[bool]) -> Function:
    """The function with its vector-Jacobian product.

    active: one per parameter; the marked ones are floating point. Parameters: the original ones, then one cotangent (of
    the same type) for each result of floating-point type. Results: the original ones, then one cotangent for each
    active parameter. Nothing is written back. Raises DifferentiationError.
    """
    return reverse_with_plan(function, active)[0]


def reverse_with_plan(function: Function, active: Sequence[bool], memory: int | None = None) -> tuple[Function, Plan]:
    """As `reverse`, with what is saved and what is recomputed.

    memory: bytes that may be kept for the reverse sweep. Where all that is kept is known to fit, nothing changes; else
    the loops that keep something are run again from snapshots (bounded.py), each with an equal share. Raises
    DifferentiationError for a loop that cannot be run again so.
    """
    again = Again()
    if memory is not None:  # bounded.py may add checks to its loops
        function = Function(function.name, copy_block(function.body, {}, None), function.written)
    while True:
        state = _Reverse(function, active, memory, again)
        seeds = state.build()
        store = decide(state)
        if not run_more_again(state, store):
            break
    sweep = ForwardSweep(state, store, function.body)
    body = sweep.function_body()
    body.params += seeds
    restore(state, store, sweep)
    backward = state.blocks[function.body]
    body.ops += backward.ops
    body.results += backward.results
    flows = state.activity.active
    through = {(op.name, op.span) for op in function.walk() if op.span and any(r in flows for r in op.results)}
    return Function(f"vjp_{function.name}", body), replace(store.plan(), active=frozenset(through))


class _Reverse:
    """The state described in `reverse_loops.Reversal`."""

    def __init__(
        self, function: Function, active: Sequence[bool], memory: int | None, again: Again
    ):
        self.function, self.marked = function, active
        self.memory, self.again, self.share = memory, again, 0
        self.structure = Structure(function)
        self.extents = Extents(self.structure)
        self.activity = analyse(self.structure, active)
        self.under_roots = products_under_roots(function)
        self.blocks: dict[Block, Block] = {}
        self.ops: dict[Op, Op] = {}
        self.trips: dict[Op, Value] = {}
        self.counts: dict[Op, Value] = {}
        self.renamed: dict[Value, Value] = {}
        self.sequential: set[Op] = {loop for loop in again.loops if loop.attrs.get("parallel")}

    def build(self) -> list[Value]:
        """Step 1. Returns the parameters for the results' cotangents."""
        function, block = self.function, Block()
        self.blocks[function.body] = block
        floating = [r for r in function.results if r.type.dtype.is_differentiable]
        seeds = [Value(r.type, f"{r.hint}_bar" if r.hint else "") for r in floating]
        ctx = self.reverse_block(function.body, block, zip(floating, seeds, strict=True))
        with ctx.builder.at(role="adjoint"):
            for p, marked in zip(function.params, self.marked, strict=True):
                if marked:
                    found = ctx.of.get(p)
                    block.results.append(ctx.zeros(p) if found is None else fit(ctx.builder, found, p.type))
                    say_extents(ctx.builder, block.results[-1], p, "a cotangent has other extents than its argument")
        for value in self.renamed:
            self.renamed[value] = self.final(value)
        self._rename(block)
        drop_dead(block, ("adjoint",))
        return seeds

    def final(self, value: Value) -> Value:
        """What `value` was renamed to in the end."""
        while value in self.renamed:
            value = self.renamed[value]
        return value

    def _rename(self, block: Block) -> None:
        for op in block.ops:
            op.operands = tuple([self.renamed.get(v, v) for v in op.operands])
            for region in op.regions:
                self._rename(region)
        block.results = [self.renamed.get(v, v) for v in block.results]

    def reverse_block(self, block: Block, into: Block, cotangents: Iterable[tuple[Value, Value]]) -> Cotangents:
        """Append to `into` the reversal of the ops of `block`, starting from these cotangents of its values."""
        ctx = Cotangents(Builder(into, role="adjoint"), block, self.activity.active, self.structure)
        with ctx.builder.at(block.ops[-1].span if block.ops else None):
            for value, cotangent in cotangents:
                ctx.add(value, cotangent)
        for op in reversed(block.ops):
            with ctx.builder.at(op.span):
                self._reverse_op(op, ctx)
        return ctx

    def _reverse_op(self, op: Op, ctx: Cotangents) -> None:
        if not op.results:
            return
        if op.name in LOOPS:
            reverse_loop(self, op, ctx)
            return
        if op.name == "if":
            reverse_if(self, op, ctx)
            return
        arrived = [ctx.take(r) for r in op.results]
        if all(cotangent is None for cotangent in arrived):
            return
        row = REGISTRY[op.name]
        if row.partials is not None:
            _pull_by_partials(op, ctx, arrived[0], op in self.under_roots)  # type: ignore[arg-type]
        elif row.pullback is not None:
            given = [ctx.zeros(r) if c is None else c for r, c in zip(op.results, arrived, strict=True)]
            row.pullback(ctx, op, *given)
        elif row.pushforward is not None:
            pull_by_transposing(op, ctx, arrived, self._reverse_op)
        else:
            raise DifferentiationError(
                f"`{op.name}` has no rule for reverse mode",
                op.span,
                "use forward mode, or give the function around it a rule with `wengert.custom_derivative`",
            )


def _pull_by_partials(op: Op, ctx: Cotangents, cotangent: Value, under_root: bool = False) -> None:
    """Each operand gets cotangent * partial; a scalar that went to every element gets the sum of them.

    under_root: a partial of 0 gives 0, also where the cotangent is infinite.
    """
    builder, strong = ctx.builder, REGISTRY[op.name].singular
    wanted = [v for v in differentiable_operands(op) if ctx.wants(v)]
    if not wanted:
        return
    everywhere = tuple(range(cotangent.type.rank))
    total: Value | None = None
    terms: dict[Value, Value] = {}  # those of an operand that comes twice are added first: twice a product is one product
    for v, partial in zip(op.operands, partials_of(builder, op, op.result, op.operands), strict=True):
        if partial is None or v not in wanted:
            continue
        narrow = v.type.is_scalar and cotangent.type.is_array
        if narrow and not strong and not under_root and (not isinstance(partial, Sym) or partial.value.type.is_scalar):
            total = total or builder.emit("sum", cotangent, axes=everywhere)
            ctx.add(v, scaled(builder, total, partial, strong))
            continue
        term = scaled(builder, cotangent, partial, strong)
        if under_root:
            zero = builder.constant(0, term.type.dtype)
            term = builder.emit("where", partial.equals(0.0).value, zero, term)
        terms[v] = builder.emit("add", terms[v], term) if v in terms else term
    for v, term in terms.items():
        ctx.add(v, term)
