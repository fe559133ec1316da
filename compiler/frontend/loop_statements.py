"""`while` and `for`: loops of the IR (loops.py), or written out; over items, over few known numbers, left early or not."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import replace

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend import list_reads, liveness
from wengert.compiler.frontend.control import Body, guard, run_block
from wengert.compiler.frontend.index import Affine, number
from wengert.compiler.frontend.iteration import indexed_by_position, iterate
from wengert.compiler.frontend.kinds import to_value
from wengert.compiler.frontend.loops import Form, carried_flags, flag_value, run_loop
from wengert.compiler.frontend.objects import (
    FALSE,
    TRUE,
    Iteration,
    Object,
    Scalar,
    Static,
    Tuple,
    Unset,
    arrays_in,
    is_list,
)
from wengert.compiler.frontend.races import check_parallel
from wengert.compiler.frontend.targets import assign
from wengert.compiler.frontend.tracer import (
    BREAK,
    CONTINUE,
    DEAD,
    FLAGS,
    LEFT,
    RESULT,
    RETURN,
    STATEMENTS,
    Loop,
    Retrace,
    Tracer,
    handles,
    provides,
)
from wengert.compiler.frontend.truth import condition_of
from wengert.compiler.ir.core import Block, Op, Value, constant_of
from wengert.compiler.ir.types import BOOL, I64, Type


def loop_names(tracer: Tracer, node: ast.For | ast.While) -> frozenset[str]:
    names = liveness.assigned(node.body) | carried_flags(tracer, *liveness.loop_exits(node))
    return names | (liveness.assigned([node.target]) if isinstance(node, ast.For) else frozenset())


def run_else(tracer: Tracer, node: ast.For | ast.While) -> None:
    """The `else` of a loop: where it was not left by `break`. A `break` or `continue` in it is one of the loop around."""
    tracer.bind(CONTINUE, FALSE)
    exited = tracer.exited
    tracer.names.pop(LEFT, None)
    if not node.orelse or exited:
        tracer.bind(BREAK, FALSE)
    elif tracer.may_have_exited:
        before = dict(tracer.names)
        guard(tracer, lambda: run_block(tracer, node.orelse), tracer.frame.live.after[node], broken=FALSE)
        for name in before.keys() - liveness.assigned(node.orelse) - set(FLAGS) - {RESULT, DEAD}:
            if isinstance(tracer.names.get(name), Unset):  # not live where the `else` leaves, and as it was
                tracer.names[name] = before[name]
    else:
        run_block(tracer, node.orelse)


def run_body(tracer: Tracer, body: Body) -> None:
    """One iteration: no flag is set when it begins, `continue` ends with it."""
    for flag in FLAGS:
        tracer.bind(flag, FALSE)
    start = tracer.state.copy(tracer.frame.index)
    run_block(tracer, body)
    if tracer.flag(CONTINUE) != FALSE:
        tracer.names.pop(LEFT, None)
    tracer.bind(CONTINUE, FALSE)
    if DEAD in tracer.names:  # nothing comes from here
        tracer.state = start


@handles(STATEMENTS, ast.While)
def while_statement(tracer: Tracer, node: ast.While) -> None:
    live = tracer.frame.live
    loop = Loop(live.head[node], live.after[node])
    names = loop_names(tracer, node)
    forever = isinstance(node.test, ast.Constant) and bool(node.test.value)

    def test() -> Value:
        condition = condition_of(tracer, node.test)
        return tracer.builder.boolean(condition) if isinstance(condition, bool) else condition

    form = Form(
        body=lambda: run_body(tracer, node.body),
        condition=lambda: unless_exited(tracer, test),
        emit=lambda inits, blocks, types, hints: emit_while(tracer, inits, blocks, types, hints),
    )
    run_loop(tracer, node, names, loop, form, runs=forever)
    if forever and liveness.loop_exits(node) == (False, True):
        tracer.bind(RETURN, TRUE)  # no other way leaves it
    run_else(tracer, node)


def unless_exited(tracer: Tracer, test: Callable[[], Value]) -> Value:
    """`not exited and test`, the test evaluated only then."""
    flags = [v for f in (BREAK, RETURN) if (v := flag_value(tracer, f)) is not None]
    if not flags:
        return test()
    exited = flags[0] if len(flags) == 1 else tracer.builder.emit("bitwise_or", *flags)
    block = Block()
    with tracer.builder.region(block, tracer.builder.new_scope()):
        result = test()
    if constant_of(result) is True:
        return tracer.builder.emit("invert", exited)
    block.results = [result]
    left = Block()
    with tracer.builder.region(left, tracer.builder.new_scope()):
        left.results = [tracer.builder.boolean(False)]
    return tracer.builder.op("if", (exited,), (left, block), "", [Type(BOOL)]).result


def emit_while(
    tracer: Tracer, inits: list[Value], blocks: list[Block], types: list[Type], hints: list[str]
) -> Sequence[Value]:
    return tracer.builder.op("while", inits, blocks, hints, types).results


@handles(STATEMENTS, ast.For)
def for_statement(tracer: Tracer, node: ast.For) -> None:
    source = tracer.evaluate(node.iter)
    iteration = iterate(tracer, source, node.iter)
    live = tracer.frame.live
    few = few_numbers(iteration)
    place = (*tracer.place(node), "written out") if few is not None else None
    if few is not None and place in tracer.lists:
        iteration = Iteration(number(len(few)), lambda i: i, items=tuple(map(Static, few)))
        place = None
    loop = Loop(live.head[node], live.after[node], iteration.parallel, place)
    held = f"$held{len(tracer.frame.loops)}"
    if arrays_in(source):  # the loop goes over this array, whatever the names are bound to meanwhile
        tracer.bind(held, source)
    if iteration.items is not None:
        unroll(tracer, node, iteration, loop)
    elif is_list(source):
        list_for(tracer, node, source, loop, loop_names(tracer, node))
    else:
        exits = any(liveness.loop_exits(node))
        names = loop_names(tracer, node)
        (early_for if exits else first_apart)(tracer, node, iteration, loop, names)
    tracer.names.pop(held, None)
    run_else(tracer, node)


MOST_WRITTEN_OUT = 32


def few_numbers(iteration: Iteration) -> range | None:
    """What a range known at compile time goes over, if that is not much."""
    if iteration.bounds is None or iteration.parallel:
        return None
    low, high, step = iteration.bounds
    if not (low.is_constant and high.is_constant and isinstance(step, Static)):
        return None
    found = range(low.constant, high.constant, step.value)
    return found if len(found) <= MOST_WRITTEN_OUT else None


def bounds_of(tracer: Tracer, iteration: Iteration) -> tuple[Affine, Affine, int | None, Value]:
    """low, high, the step where it is constant, the step as a value."""
    if iteration.bounds is None:
        assert iteration.length is not None
        return number(0), iteration.length, 1, tracer.builder.integer(1)
    low, high, step = iteration.bounds
    if isinstance(step, Static):
        return low, high, step.value, tracer.builder.integer(step.value)
    assert isinstance(step, Scalar)
    return low, high, None, step.value


def runs_once(tracer: Tracer, low: Affine, high: Affine, step: int | None) -> bool:
    if step is None:
        return False
    return tracer.index.proves((high - low if step > 0 else low - high) - 1)


def bind_bounds(tracer: Tracer, index: Value, low: Affine, high: Affine, step: int | None) -> None:
    if step is not None:
        tracer.index.bounds[index] = (low, high - 1) if step > 0 else (high + 1, low)


def first_apart(tracer: Tracer, node: ast.For, iteration: Iteration, loop: Loop, names: frozenset[str]) -> None:
    """A loop that always runs to its end; its first round apart where that makes an array of a number: `s = 0`, `s = s + x`."""
    place = (*tracer.place(node), "first apart")
    if place not in tracer.lists:
        try:
            counted_for(tracer, node, iteration, loop, names)
        except WengertError as error:
            if error.widening is node and not iteration.parallel and place not in tracer.lists:
                tracer.lists[place] = None
                raise Retrace from None
            raise
        return
    known = indexed_by_position(tracer, iteration)
    assert known.length is not None
    length = known.length
    if not tracer.index.proves(length - 1):
        runs = tracer.builder.emit("greater", tracer.index.value(length), tracer.builder.integer(0))
        tracer.check(runs, "value", "a loop that makes an array of a number must run at least once")
    tracer.frame.loops.append(loop)
    assign(tracer, node.target, known.item(Scalar(tracer.builder.integer(0), True)))
    run_body(tracer, node.body)
    tracer.frame.loops.pop()

    def rest(i: Scalar) -> Object:
        return known.item(Scalar(tracer.index.value(tracer.index.of(i.value) + 1), True))

    counted_for(tracer, node, Iteration(length - 1, rest), loop, names)


def counted_for(tracer: Tracer, node: ast.For, iteration: Iteration, loop: Loop, names: frozenset[str]) -> None:
    """A loop that always runs to its end: the IR's `for`."""

    def run(item: Object) -> None:
        assign(tracer, node.target, item)
        run_body(tracer, node.body)

    hint = node.target.id if isinstance(node.target, ast.Name) and iteration.bounds else "i"
    run_counted(tracer, node, iteration, loop, names, run, hint)


def run_counted(
    tracer: Tracer,
    node: ast.AST,
    iteration: Iteration,
    loop: Loop,
    names: frozenset[str],
    run: Callable[[Object], None],
    hint: str,
) -> None:
    """The IR's `for` over an iteration; `run` traces what is done with an item."""
    low, high, step, by = bounds_of(tracer, iteration)
    current: list[Value] = []

    def index() -> Value:
        current[:] = [Value(Type(I64), hint)]
        bind_bounds(tracer, current[0], low, high, step)
        return current[0]

    ends = [tracer.index.value(low), tracer.index.value(high), by]

    def emit(inits: list[Value], blocks: list[Block], types: list[Type], hints: list[str]) -> Sequence[Value]:
        made: Op = tracer.builder.op("for", (*ends, *inits), blocks, hints, types, parallel=iteration.parallel)
        if iteration.parallel:
            check_parallel(tracer, made, node)
        return made.results

    form = Form(
        body=lambda: run(iteration.item(Scalar(current[0], True))),
        emit=emit,
        index=index,
        ran=lambda: in_range(tracer, ends[0], ends[1], by, step),
    )
    run_loop(tracer, node, names, loop, form, runs_once(tracer, low, high, step))


def in_range(tracer: Tracer, low: Value, high: Value, by: Value, step: int | None) -> Value:
    """Whether range(low, high, by) has a first item; step: `by` where it is constant."""
    builder = tracer.builder
    if step is not None:
        return builder.emit("less" if step > 0 else "greater", low, high)
    up = builder.emit("greater", by, builder.integer(0))
    return builder.emit("where", up, builder.emit("less", low, high), builder.emit("greater", low, high))


def list_for(tracer: Tracer, node: ast.For, source: Tuple, loop: Loop, names: frozenset[str]) -> None:
    """Over a list of run-time length, also while the body appends to it."""

    place = (*tracer.place(node), "list changes")
    if place not in tracer.lists:
        over, watched = list_reads.steady(tracer, source)
        before = [tracer.state.cells[a.cell] for a in watched]
        if over.items is not None:
            return
        (early_for if any(liveness.loop_exits(node)) else counted_for)(tracer, node, over, loop, names)
        if any(tracer.state.cells[a.cell] is not held for a, held in zip(watched, before, strict=True)):
            tracer.lists[place] = None
            raise Retrace
        return

    def more(place: Value) -> Value:
        return tracer.builder.emit("less", place, tracer.index.value(list_reads.length(tracer, source)))

    def item(place: Value) -> Object:
        tracer.index.suppose_natural(place)
        return list_reads.item_at(tracer, source, Scalar(place, True))

    run_with_counter(tracer, node, loop, names, Static(0), tracer.builder.integer(1), more, item)


def run_with_counter(
    tracer: Tracer,
    node: ast.For,
    loop: Loop,
    names: frozenset[str],
    first: Object,
    by: Value,
    more: Callable[[Value], Value],
    item: Callable[[Value], Object],
    ran: Callable[[], Value] | None = None,
    runs: bool = False,
) -> None:
    """A `for` as a `while` with a counter, from `first` in steps `by`. more: whether it goes on here; item: what is here."""
    counter = f"$loop{len(tracer.frame.loops)}"
    tracer.bind(counter, first)

    def here() -> Value:
        return to_value(tracer, tracer.names[counter], I64)

    def body() -> None:
        start = here()
        tracer.bind(counter, Scalar(start, True))
        assign(tracer, node.target, item(start))
        run_body(tracer, node.body)
        tracer.bind(counter, Scalar(tracer.builder.emit("add", start, by), True))

    form = Form(
        body=body,
        condition=lambda: unless_exited(tracer, lambda: more(here())),
        emit=lambda inits, blocks, types, hints: emit_while(tracer, inits, blocks, types, hints),
        ran=ran,
    )
    run_loop(tracer, node, names | {counter}, loop, form, runs)
    tracer.names.pop(counter, None)


@provides("loop_over")
def loop_over(tracer: Tracer, clause: ast.comprehension, source: Object, run: Callable[[], None]) -> None:
    """A clause of a comprehension; `run` traces what is inside."""

    def one(item: Object) -> None:
        assign(tracer, clause.target, item)
        run()

    loop_items(tracer, source, one, clause.target)


@provides("loop_items")
def loop_items(tracer: Tracer, source: Object, run: Callable[[Object], None], target: ast.expr | None = None) -> None:
    """`run` for each item: traced once, in a loop, where their number is known only at run time."""
    iteration = iterate(tracer, source)
    if iteration.items is not None:
        for item in iteration.items:
            run(item)
        return
    names = liveness.assigned([target]) if target is not None else frozenset()
    everything = frozenset(tracer.names) - names
    for name in names:
        tracer.names.pop(name, None)
    node = target if target is not None else tracer.frame.statement
    assert node is not None
    run_counted(tracer, node, replace(iteration, parallel=False), Loop(everything, everything), names, run, "i")


def early_for(tracer: Tracer, node: ast.For, iteration: Iteration, loop: Loop, names: frozenset[str]) -> None:
    """A `for` that may end early: a `while` with a counter."""
    low, high, step, by = bounds_of(tracer, iteration)
    first, last = tracer.integer(low), tracer.index.value(high)

    def item(place: Value) -> Object:
        bind_bounds(tracer, place, low, high, step)
        return iteration.item(Scalar(place, True))

    run_with_counter(
        tracer,
        node,
        loop,
        names,
        first,
        by,
        more=lambda place: in_range(tracer, place, last, by, step),
        item=item,
        ran=lambda: in_range(tracer, tracer.index.value(low), last, by, step),
        runs=runs_once(tracer, low, high, step),
    )


def unroll(tracer: Tracer, node: ast.For, iteration: Iteration, loop: Loop) -> None:
    """A loop over a tuple or list: its body once for each item."""
    assert iteration.items is not None
    tracer.frame.loops.append(loop)

    def run_from(position: int) -> None:
        assert iteration.items is not None
        for k in range(position, len(iteration.items)):
            assign(tracer, node.target, iteration.items[k])
            run_body(tracer, node.body)
            if tracer.exited:
                return
            if tracer.may_have_exited and k + 1 < len(iteration.items):
                guard(tracer, lambda k=k: run_from(k + 1), loop.head | loop.after)  # type: ignore[misc]
                return

    run_from(0)
    tracer.frame.loops.pop()
