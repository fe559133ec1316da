"""Control flow: blocks, `if`, and the ways out.

`return`, `break` and `continue` set flags among the frame's names; what follows a statement that may have set one runs
under `if not flag`. Where one branch of an `if` always leaves, what follows simply moves into the other:

    if a: return 1            if a { $result = 1 } else { rest }
    rest
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from wengert.compiler.diag.errors import WengertError
from wengert.compiler.frontend import liveness
from wengert.compiler.frontend.loops import flag_value
from wengert.compiler.frontend.merge import branch
from wengert.compiler.frontend.objects import FALSE, TRUE, Static
from wengert.compiler.frontend.texts import fault_for, text_of
from wengert.compiler.frontend.tracer import (
    BREAK,
    CONTINUE,
    DEAD,
    FLAGS,
    LEFT,
    RESULT,
    RETURN,
    STATEMENTS,
    Tracer,
    handles,
)
from wengert.compiler.frontend.truth import condition_of

Body = Sequence[ast.stmt]


def run_block(tracer: Tracer, body: Body) -> None:
    """Run statements in order, as far as they are reached."""
    for position, statement in enumerate(body):
        rest = body[position + 1 :]
        if isinstance(statement, ast.If) and rest and liveness.may_exit(statement):
            run_if(tracer, statement, rest)
            return
        execute(tracer, statement)
        if tracer.exited:
            return
        if rest and tracer.may_have_exited:
            guard(tracer, lambda rest=rest: run_block(tracer, rest), tracer.frame.live.after[rest[-1]])  # type: ignore[misc]
            return


def execute(tracer: Tracer, statement: ast.stmt) -> None:
    """Run a statement. While a list is traced as empty for want of knowing its items, one that fails ends its path only."""
    if not tracer.unsettled:
        tracer.execute(statement)
        return
    frames, loops, state, span = len(tracer.frames), len(tracer.frame.loops), tracer.state, tracer.builder.span
    try:
        tracer.execute(statement)
    except WengertError as error:
        tracer.pending = tracer.pending or error
        del tracer.frames[frames:], tracer.frame.loops[loops:]
        tracer.state, tracer.builder.span = state, span
        tracer.bind(DEAD, TRUE)


def guard(tracer: Tracer, run: Callable[[], None], fall: frozenset[str], broken: Static = TRUE) -> None:
    """Run where no flag is set. `broken`: the flag of a `break` where it was set, FALSE where that ends here."""
    flags = [f for f in FLAGS if tracer.flag(f) != FALSE]
    values = [v for f in flags if (v := flag_value(tracer, f)) is not None]
    condition = values[0]
    for value in values[1:]:
        condition = tracer.builder.emit("bitwise_or", condition, value)

    def exited() -> None:
        if BREAK in flags and broken == FALSE:
            tracer.bind(BREAK, FALSE)
            return
        if len(flags) == 1:
            tracer.bind(flags[0], TRUE)
        tracer.bind(LEFT, TRUE)

    def going() -> None:
        for flag in flags:
            tracer.bind(flag, FALSE)
        run()

    branch(tracer, condition, exited, going, fall)


# -- if


@handles(STATEMENTS, ast.If)
def if_statement(tracer: Tracer, node: ast.If) -> None:
    run_if(tracer, node, [])


def run_if(tracer: Tracer, node: ast.If, rest: Body) -> None:
    """An `if` and, where one of its branches leaves the block, the statements after it."""
    before, tracer.builder.span = tracer.builder.span, tracer.span(node.test)
    tracer.frame.statement = node
    condition = condition_of(tracer, node.test)
    if isinstance(condition, bool):
        run_block(tracer, [*(node.body if condition else node.orelse), *rest])
        return
    if not rest and not node.orelse and raises_only(node.body):
        fault, message = fault_of(tracer, node.body[0])  # type: ignore[arg-type]
        tracer.check(tracer.builder.emit("invert", condition), fault, message)
        return
    then, orelse = list(node.body), list(node.orelse)
    after = tracer.frame.live.after[rest[-1] if rest else node]
    if liveness.terminates(then):
        orelse += rest
    elif liveness.terminates(orelse):
        then += rest
    else:
        branch(
            tracer,
            condition,
            lambda: run_block(tracer, then),
            lambda: run_block(tracer, orelse),
            tracer.frame.live.after[node],
        )
        tracer.builder.span = before
        if tracer.exited or not rest:
            return
        if tracer.may_have_exited:
            guard(tracer, lambda: run_block(tracer, rest), after)
        else:
            run_block(tracer, rest)
        return
    branch(tracer, condition, lambda: run_block(tracer, then), lambda: run_block(tracer, orelse), after)
    tracer.builder.span = before


# -- ways out


@handles(STATEMENTS, ast.Return)
def return_statement(tracer: Tracer, node: ast.Return) -> None:
    if any(loop.parallel for loop in tracer.frame.loops):
        tracer.refuse("parallel_exit", node, what="return")
    tracer.bind(RESULT, tracer.evaluate_any(node.value) if node.value is not None else Static(None))
    tracer.bind(RETURN, TRUE)


@handles(STATEMENTS, ast.Break, ast.Continue)
def leave_loop(tracer: Tracer, node: ast.Break | ast.Continue) -> None:
    if tracer.frame.loops[-1].parallel and isinstance(node, ast.Break):
        tracer.refuse("parallel_exit", node, what="break")
    tracer.bind(BREAK if isinstance(node, ast.Break) else CONTINUE, TRUE)


def raises_only(body: Body) -> bool:
    return len(body) == 1 and isinstance(body[0], ast.Raise)


def fault_of(tracer: Tracer, node: ast.Raise) -> tuple[str, str]:
    """Fault kind and text of `raise SomeError("text")`."""
    raised = node.exc
    if raised is None:  # `from error` adds nothing to what is raised
        tracer.refuse("raise", node)
    if not isinstance(raised, ast.Call):
        return fault_for(tracer, raised), ast.unparse(raised)
    if raised.keywords or any(isinstance(a, ast.Starred) for a in raised.args):
        tracer.refuse("raise", node)
    texts = [text_of(tracer, a) for a in raised.args]
    return fault_for(tracer, raised.func), ", ".join(texts) or ast.unparse(raised.func)


@handles(STATEMENTS, ast.Raise)
def raise_statement(tracer: Tracer, node: ast.Raise) -> None:
    fault, message = fault_of(tracer, node)
    tracer.check(tracer.builder.boolean(False), fault, message)
    tracer.bind(DEAD, TRUE)


@handles(STATEMENTS, ast.Assert)
def assert_statement(tracer: Tracer, node: ast.Assert) -> None:
    condition = condition_of(tracer, node.test)
    text = text_of(tracer, node.msg) if node.msg is not None else ast.unparse(node.test)
    if condition is not True:
        value = tracer.builder.boolean(condition) if isinstance(condition, bool) else condition
        tracer.check(value, "assertion", text)
