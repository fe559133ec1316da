"""The options of the cell magics: text in, frozen dataclasses out, one line of complaint for what is not understood."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

Wrt = int | str | tuple[int | str, ...] | None

LINE_HELP = """\
%wengert devices                             what can be used here, and why the others cannot
%wengert ir f [stage]                        the stages of f's compilation, and the IR after one (default: the last)
%wengert graph f [colour]                    the derivative graph; coloured by half, activity, sweep or device
%wengert transfers                           every byte that moved between host and devices, with its reason
%wengert bench f(x) [--devices cpu,cuda:0]   steady-state timings, side by side
%wengert lab                                 the panel of the last function beside the notebook, from now on
%wengert settings [view on|off]              whether %%autodiff, %%batch and %%offload show their panel
%wengert check f(x)                          the derivative check and pitfall report
%wengert compare f(x)                        on CPU and device: the largest difference in ULPs
%wengert tour                                a walk through the panel on a small function

f is a compiled function: of a cell under %%autodiff, %%batch or %%offload, or of wg.jit(f), wg.grad(f), ..."""


@dataclass(frozen=True)
class Autodiff:
    """One `%%autodiff` line. wrt, memory: as for `wg.grad`."""

    mode: str = "auto"
    wrt: Wrt = None
    order: int = 1
    name: str | None = None
    view: bool = True
    notes: tuple[str, ...] = ()
    help: bool = False
    memory: str | None = None
    check: bool = False


@dataclass(frozen=True)
class Batch:
    """One `%%batch` line. in_axes: as for `wg.batch`."""

    in_axes: Any = 0
    name: str | None = None
    view: bool = True
    notes: tuple[str, ...] = ()
    help: bool = False


@dataclass(frozen=True)
class Offload:
    """One `%%offload` line."""

    device: str = "cuda:0"
    fallback: str | None = None
    name: str | None = None
    view: bool = True
    notes: tuple[str, ...] = ()
    help: bool = False
    compare: bool = False

    @property
    def devices(self) -> tuple[str, ...]:
        return tuple(self.device.split(","))


Layer = Autodiff | Batch | Offload


class Parser(MagicArgumentParser):
    """argparse, whose complaints are one line."""

    def __init__(self, prog: str, usage: str, description: str, epilog: str):
        super().__init__(
            prog=prog,
            usage=f"%(prog)s {usage}",
            description=description,
            epilog=epilog,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        self.allow_abbrev = False  # --mem must not become --memory today and something else tomorrow
        self.add_argument("--help", action="store_true", help="show this text")

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message} (see {self.prog} --help)")


def _autodiff_parser() -> Parser:
    parser = Parser(
        "%%autodiff",
        "[--mode auto|reverse|forward] [--wrt x,y] [--order 1|2] [--name grad_f] [--memory 500MB] [--check] [--no-view]",
        "Derivatives of every annotated function f of the cell: the gradient grad_f where f returns a float,\n"
        "the Jacobian jac_f where it returns an array, the Hessian hess_f with --order 2. f itself is compiled.\n"
        "The next lines may be %%batch, %%offload or %%autodiff again; the lowest is applied first.",
        "The same in plain Python: wg.grad(f, wrt), wg.jacobian(f, wrt, mode), wg.hessian(f, wrt), and @wg.jit above f.",
    )
    parser.add_argument(
        "--mode",
        choices=("auto", "reverse", "forward"),
        default="auto",
        help="which sweep; auto: reverse for one float, else the smaller number of sweeps",
    )
    parser.add_argument("--wrt", metavar="x,y", help="arguments by name or position (default: those annotated, or the first)")
    parser.add_argument("--order", choices=("1", "2"), default="1", help="2: second derivatives")
    parser.add_argument("--name", metavar="NAME", help="what to call the result (of the last function, where several)")
    parser.add_argument("--memory", metavar="500MB", help="what a gradient may keep for its reverse sweep")
    parser.add_argument("--check", action="store_true", help="then the pitfall report, at the arguments of the cell's last call")
    parser.add_argument("--no-view", action="store_true", help="no panel")
    return parser


def _batch_parser() -> Parser:
    parser = Parser(
        "%%batch",
        "[--in-axes 0,None] [--name batch_f] [--no-view]",
        "One fused call batch_f for many calls of every annotated function f of the cell. f itself is compiled.\n"
        "The next lines may be %%autodiff, %%offload or %%batch again; the lowest is applied first.",
        "The same in plain Python: wg.batch(f, in_axes), and @wg.jit above f.",
    )
    parser.add_argument(
        "--in-axes",
        default="0",
        metavar="0,None",
        help="the axis that counts calls, for each argument or for all; None: shared by all calls. "
        "Negative ones with an equals sign: --in-axes=-1,None",
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the result (of the last function, where several)")
    parser.add_argument("--no-view", action="store_true", help="no panel")
    return parser


def _offload_parser() -> Parser:
    parser = Parser(
        "%%offload",
        "[cuda:0[,cuda:1,...]|cpu] [--fallback cpu] [--compare] [--name f_cuda0] [--no-view]",
        "Every annotated function f of the cell on a device: f_cuda0 or f_cpu. Arrays travel by themselves, once, and\n"
        "results stay on the device until they are read. f itself is compiled for the CPU.\n"
        "Several devices, cuda:0,cuda:1, share out a batch or an outer axis: f_cuda0_cuda1, on the first line of the cell.\n"
        "The next lines may be %%autodiff, %%batch or %%offload again; the lowest is applied first.",
        "The same in plain Python: wg.offload(f, device, fallback), and @wg.jit above f. `%wengert devices` lists devices.",
    )
    parser.add_argument("device", nargs="?", default="cuda:0", help="the device (default: cuda:0)")
    parser.add_argument("--fallback", choices=("cpu",), help="what to use, and say so, where the device is missing")
    parser.add_argument(
        "--compare", action="store_true", help="before the first call of each kind, the largest difference from the CPU in ULPs"
    )
    parser.add_argument("--name", metavar="NAME", help="what to call the result (of the last function, where several)")
    parser.add_argument("--no-view", action="store_true", help="no panel")
    return parser


PARSERS = {"autodiff": _autodiff_parser(), "batch": _batch_parser(), "offload": _offload_parser()}


def parse(magic: str, line: str) -> Layer:
    """The options on the line of a cell magic. Raises UsageError, in one line, for what is not understood."""
    given = PARSERS[magic].parse_argstring(line)
    if given.name is not None and not given.name.isidentifier():
        raise UsageError(f"%%{magic}: --name {given.name}: not a name of Python")
    return _READ[magic](given)


_AMOUNT = re.compile(r"\d+(\.\d+)? ?([kKMG]i?)?[bB]?")


def _autodiff(given: argparse.Namespace) -> Autodiff:
    if given.memory is not None:
        if not _AMOUNT.fullmatch(given.memory):
            raise UsageError(f"%%autodiff: --memory {given.memory}: an amount of memory such as 500MB")
        if given.order == "2" or given.mode == "forward":
            raise UsageError("%%autodiff: --memory bounds the reverse sweep of a first derivative; leave it out here")
    if given.order == "2" and given.mode != "auto":
        raise UsageError("%%autodiff: --order 2 is always forward over reverse; leave --mode out")
    return Autodiff(
        given.mode, wrt(given.wrt), int(given.order), given.name, not given.no_view, (), given.help, given.memory, given.check
    )


def _batch(given: argparse.Namespace) -> Batch:
    return Batch(in_axes(given.in_axes), given.name, not given.no_view, (), given.help)


def _offload(given: argparse.Namespace) -> Offload:
    if not all(given.device.split(",")):
        raise UsageError(f"%%offload {given.device}: names of devices with a comma between them, such as cuda:0,cuda:1")
    if "," in given.device and given.compare:
        raise UsageError("%%offload: --compare is of one device with the CPU")
    return Offload(given.device, given.fallback, given.name, not given.no_view, (), given.help, given.compare)


_READ: dict[str, Callable[[argparse.Namespace], Layer]] = {"autodiff": _autodiff, "batch": _batch, "offload": _offload}


def wrt(text: str | None) -> Wrt:
    """`--wrt`: left out -> None, "x" -> "x", "0" -> 0, "x,2" -> ("x", 2)."""
    if text is None:
        return None
    parts = [p.strip() for p in text.split(",")]
    read: list[int | str] = []
    for part in parts:
        if not (part.isidentifier() or part.lstrip("-").isdigit()):
            raise UsageError(f"%%autodiff: --wrt {text}: names or positions of arguments, such as x,y or 0,2")
        read.append(part if part.isidentifier() else int(part))
    return read[0] if len(read) == 1 else tuple(read)


def in_axes(text: str) -> Any:
    """`--in-axes`: "0" -> 0, "0,None" -> (0, None), "(0,None),1" -> ((0, None), 1)."""
    try:
        axes = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        axes = text
    if not _is_axes(axes):
        raise UsageError(f"%%batch: --in-axes {text}: an axis or None for each argument, such as 0,None")
    return axes


def _is_axes(axes: Any) -> bool:
    if isinstance(axes, tuple):
        return all(_is_axes(a) for a in axes)
    return axes is None or type(axes) is int
