"""Running a cell under `%%autodiff`, `%%batch`, `%%offload`: the lines of the stack, the statements, the functions.

The statements run one by one in the user's namespace, as without a magic. An annotated function is compiled and
transformed as soon as the names it uses from this cell are bound, so that the lines below it can call what was made.
"""

from __future__ import annotations

import ast
import symtable
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.error import UsageError

from wengert.compiler.api import check, notes
from wengert.magics import layers
from wengert.magics.inputs import last_arguments, watch
from wengert.magics.options import PARSERS, Layer, Offload, parse
from wengert.magics.panel import show_panel
from wengert.magics.session import Session


class CellSyntaxError(Exception):
    """A SyntaxError of the cell, shown as IPython shows those of plain cells: without the frames of the magic.

    It is no SyntaxError itself: IPython would add the frames to one that is raised while a cell runs.
    """

    def __init__(self, error: SyntaxError, lines: list[str]):
        super().__init__(str(error))
        self._lines = lines

    def _render_traceback_(self) -> list[str]:
        return self._lines


CellSyntaxError.__name__ = CellSyntaxError.__qualname__ = "SyntaxError"


@dataclass(frozen=True)
class Cell:
    """text: every line of the cell as Python, the lines of magics as comments; name: its file name for tracebacks."""

    text: str
    name: str
    tree: ast.Module
    quiet: bool


@dataclass(frozen=True)
class Function:
    """A function to transform. ready: the number of the statement after which all it uses of the cell is bound."""

    name: str
    ready: int


def run(session: Session, magic: str, line: str, body: str) -> None:
    """Run a cell: `magic` and `line` are its first line, `body` the rest."""
    stack, rest = split(magic, line, body)
    asked = next((m for m, layer in stack if layer.help), None)
    if asked is not None:
        print(PARSERS[asked].format_help())
        return
    cell = read(session, magic, line, body, len(body.splitlines()) - len(rest))
    functions = chosen_functions(cell.tree, magic)
    todo = [layer for _, layer in reversed(stack)]
    made: list[list[layers.Made]] = []
    session.announce()
    for number, run_statement in enumerate(statements(session, cell)):
        run_statement()
        for function in functions:
            if function.ready == number:
                made.append(transform(session, function.name, todo, function is functions[-1], len(functions) > 1))
    for note in [note for layer in todo for note in layer.notes]:
        print(f"note: {note}")
    if any(getattr(layer, "check", False) for layer in todo):
        for chain in made:
            print(checked(chain))
    if made and session.view and all(layer.view for layer in todo):
        show_panel(session, made)


def checked(chain: list[layers.Made]) -> str:
    """The report of `--check`, at the arguments of the cell's last call; the places to look at where it calls nothing."""
    primal = chain[0].compiled
    arguments = last_arguments(chain, primal)
    if arguments is not None:
        return check(primal, *arguments).text()
    name = primal.__name__
    said = [f"note: --check: the cell does not call {name}, so nothing was checked; write `%wengert check {name}(...)`"]
    return "\n".join([*said, *(f"note: line {f.line}: {f.message} [{f.kind}]" for f in notes(primal))])


# -- reading


def split(magic: str, line: str, body: str) -> tuple[list[tuple[str, Layer]], list[str]]:
    """The magics of a cell with their options, outermost first, and the lines below them."""
    stack = [(magic, parse(magic, line))]
    lines = body.splitlines()
    while lines and (not lines[0].strip() or lines[0].lstrip().startswith("%%")):
        first = lines.pop(0).strip()
        if not first:
            continue
        word, _, rest = first[2:].partition(" ")
        if word not in PARSERS:
            raise UsageError(f"%%{word} cannot stand below %%{magic}: write it above")
        stack.append((word, parse(word, rest)))
    return stack, lines


def read(session: Session, magic: str, line: str, body: str, magic_lines: int) -> Cell:
    """The cell as Python, under the line numbers that the user sees, known to tracebacks and `inspect`."""
    shell = session.shell
    lines = body.splitlines()
    above = _lines_above(shell, body)
    head = [""] * (above - 1) + [f"# %%{magic} {line}".rstrip()]
    head += [f"# {text}" if text.strip() else "" for text in lines[:magic_lines]]
    head[0] = head[0] or "#"  # a blank first line would be dropped by the transformation
    text = shell.transform_cell("\n".join([*head, *lines[magic_lines:]]))
    name = shell.compile.cache(text, cell_number(shell), raw_code=f"%%{magic} {line}\n{body}")
    try:
        tree = shell.compile.ast_parse(text, name)
    except SyntaxError as error:
        raise CellSyntaxError(error, shell.SyntaxTB.structured_traceback(SyntaxError, error, [])) from None
    return Cell(text, name, shell.transform_ast(tree), DisplayHook.semicolon_at_end_of_expression(text))


def cell_number(shell: Any) -> int:
    """The n of the running cell's In[n]; `execution_count` is that in old versions of IPython and one more in new ones."""
    running = getattr(shell.displayhook, "exec_result", None)
    number = getattr(running, "execution_count", None)
    return shell.execution_count if number is None else number


def _lines_above(shell: Any, body: str) -> int:
    """How many lines of the cell are above the body: 1, or more where `%%time` or blank lines stand above the magic."""
    history = getattr(shell.history_manager, "input_hist_raw", None) or [""]
    raw, ending = history[-1].rstrip(), body.rstrip()
    return max(1, raw[: len(raw) - len(ending)].count("\n")) if ending and raw.endswith(ending) else 1


# -- which functions


def chosen_functions(tree: ast.Module, magic: str) -> list[Function]:
    """The functions of a cell that are transformed: the annotated ones, or its only one."""
    found = [(k, node) for k, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef)]
    chosen = [(k, node) for k, node in found if is_annotated(node)]
    if not chosen and len(found) == 1:
        chosen = found  # the types come from the first call
    if not found:
        raise UsageError(f"%%{magic}: the cell defines no function; write one below, such as def f(x: float): ...")
    if not chosen:
        names = ", ".join(node.name for _, node in found)
        raise UsageError(
            f"%%{magic}: which of {names}? Annotate the functions that are meant, such as def f(x: float); "
            "the others are helpers"
        )
    uses = first_uses(tree)
    return [Function(node.name, ready_after(k, tree, uses)) for k, node in chosen]


def is_annotated(node: ast.FunctionDef) -> bool:
    a = node.args
    parameters = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    return node.returns is not None or any(p.annotation is not None for p in parameters)


def first_uses(tree: ast.Module) -> dict[str, int]:
    """For each name that the cell binds at its top level, the number of the first statement that does."""
    bound: dict[str, int] = {}
    for number, statement in enumerate(tree.body):
        for name in _bound_names(statement):
            bound.setdefault(name, number)
    return bound


def _bound_names(statement: ast.AST) -> Iterator[str]:
    """The names a statement binds, not those inside of functions and classes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        yield statement.name
        return
    if isinstance(statement, ast.alias):
        yield (statement.asname or statement.name).partition(".")[0]
    if isinstance(statement, ast.Name) and isinstance(statement.ctx, ast.Store):
        yield statement.id
    if not isinstance(statement, ast.Lambda):
        for child in ast.iter_child_nodes(statement):
            yield from _bound_names(child)


def ready_after(number: int, tree: ast.Module, bound: dict[str, int]) -> int:
    """The statement after which the function defined by statement `number` has all it uses, through helpers too."""
    seen, todo = {number}, [number]
    while todo:
        node = tree.body[todo.pop()]
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            continue
        for name in read_names(node):
            place = bound.get(name)
            if place is not None and place not in seen:
                seen.add(place)
                todo.append(place)
    return max(seen)


def read_names(node: ast.stmt) -> set[str]:
    """The names of the module that a function or class reads, those of nested functions among them; no names of its own."""
    found: set[str] = set()
    todo = [symtable.symtable(ast.unparse(node), "<cell>", "exec")]
    while todo:
        table = todo.pop()
        top = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols() if s.is_global() or top and s.is_referenced()}
        todo += table.get_children()
    return found


# -- running


def statements(session: Session, cell: Cell) -> Iterator[Any]:
    """One function per statement of the cell that runs it."""
    interactivity = session.shell.ast_node_interactivity
    for number, node in enumerate(cell.tree.body):
        last = number == len(cell.tree.body) - 1
        shown = isinstance(node, ast.Expr) and not (last and cell.quiet)
        shown = shown and (interactivity == "all" or (last and interactivity.startswith("last_expr")))
        yield partial(_execute, session, cell, node, shown)


def _execute(session: Session, cell: Cell, node: ast.stmt, shown: bool) -> None:
    """Run one statement; where `shown`, the value is displayed and kept in Out, as at the end of a plain cell."""
    shell = session.shell
    try:
        if shown:
            code = shell.compile(ast.Interactive([node]), cell.name, "single")
        else:
            code = shell.compile(ast.Module([node], []), cell.name, "exec")
        exec(code, shell.user_global_ns, shell.user_ns)
    except BaseException as error:
        _hide_frames(shell, error)
        raise


def _hide_frames(shell: Any, error: BaseException) -> None:
    """Have IPython show an exception of the user's from the frame of the cell on, as if there were no magic."""
    traceback = error.__traceback__.tb_next if error.__traceback__ else None
    if traceback is None or hasattr(error, "_render_traceback_") or isinstance(error, (SyntaxError, UsageError)):
        return
    kind = type(error)
    try:
        error._render_traceback_ = lambda: shell.InteractiveTB.structured_traceback(  # type: ignore[attr-defined]
            kind, error, traceback, tb_offset=0
        )
    except AttributeError:  # an exception with slots is shown with all its frames
        return


def transform(session: Session, name: str, todo: list[Layer], use_name: bool, several: bool) -> list[layers.Made]:
    """Compile the function `name`, make what the layers say of it (innermost first), bind and return all of it."""
    function = session.user.get(name)
    if not callable(function):
        raise UsageError(f"{name} is no longer a function when the cell has run: {type(function).__name__}")
    try:
        chain = [layers.primal(name, function)]
        _bind(session, chain[-1])
        for layer in todo:
            if several and not layers.applies(layer, function):
                break
            if isinstance(layer, Offload) and len(layer.devices) > 1:
                if layer is not todo[-1]:
                    raise UsageError(f"%%offload {layer.device}: several devices stand on the first line of the cell")
                bound, shared, parts = layers.shared_out(layer, chain[-1], use_name)
                session.user[bound] = shared
                for part in parts:
                    session.calls.add(watch(part.compiled))
                chain += parts
                break
            chain.append(layers.apply(layer, chain[-1], use_name))
            _bind(session, chain[-1])
    except NotImplementedError as error:
        raise UsageError(str(error)) from None
    return chain


def _bind(session: Session, made: layers.Made) -> None:
    session.calls.add(watch(made.compiled))
    for name in made.names:
        session.user[name] = made.compiled
