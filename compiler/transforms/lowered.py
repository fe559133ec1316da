"""`f.lower(*args)`: what one compilation made of a function, stage by stage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wengert.compiler.backend import target
from wengert.compiler.backend.lower import lower
from wengert.compiler.diag.errors import OptionError
from wengert.compiler.ir.core import Function, Op
from wengert.compiler.ir.printer import print_function, print_lines
from wengert.compiler.passes.autodiff import Plan
from wengert.compiler.runtime.support import support
from wengert.compiler.transforms.graph import Graph, graph_of

if TYPE_CHECKING:
    from wengert.compiler.transforms.compiled import Compiled, Program

BACK_END_STAGES = {"parse": "LLVM parse", "optimise": "LLVM passes", "machine code": "LLVM code"}
"""How the back end's stages are called beside those of the pipeline."""


class Lowered:
    """The stages of one program.

    source      the text of the Python function
    stages      [(name, milliseconds, number of ops)], in order; the back end's own stages last (ops None)
    ir(stage)   the IR as text after a stage, by name or position (default: the last)
    graph       the derivative graph: primal and adjoint ops with their source lines
    parallel    on the CPU, how many parallel loops run on threads, and how many of these in vector registers
    llvm, asm   the optimised LLVM text and the machine's assembly
    ptx         PTX of an offloaded function
    plan        what reverse mode keeps, recomputes and checkpoints, with the sizes that these arguments have
    placement, transfers   where arrays and kernels of an offloaded function were at its last call, what moved
    """

    def __init__(self, compiled: Compiled, program: Program, leaves: Sequence[Any] = ()):
        self.compiled, self.program, self._leaves = compiled, program, leaves

    @property
    def name(self) -> str:
        return self.compiled.__name__

    @property
    def source(self) -> str:
        return self.program.traced.source.text

    @property
    def stages(self) -> list[tuple[str, float, int | None]]:
        stages: list[tuple[str, float, int | None]] = [
            (s.stage, s.milliseconds, s.ops) for s in self.program.recorder.snapshots
        ]
        times = getattr(self.program.executable, "times", {})
        return stages + [(BACK_END_STAGES.get(name, name), ms, None) for name, ms in times.items()]

    def function(self, stage: str | int = -1) -> Function:
        """The IR itself after a stage. Raises OptionError for a stage that does not exist."""
        snapshots = self.program.recorder.snapshots
        if isinstance(stage, str):
            named = [s for s in snapshots if s.stage == stage]
            if not named:
                raise OptionError(f"no stage {stage!r}; there are {', '.join(dict.fromkeys(s.stage for s in snapshots))}")
            return named[-1].function
        return snapshots[stage].function

    def ir(self, stage: str | int = -1, spans: bool = False) -> str:
        """The IR as text after a stage."""
        return print_function(self.function(stage), spans)

    def lines(self, stage: str | int = -1) -> list[tuple[str, int]]:
        """The IR after a stage line by line, each with the line of the function's source it comes from (0: none).

        "lowered" is what the back end begins with: composite operations written out.
        """
        function = lower(self.program.traced.function) if stage == "lowered" else self.function(stage)
        return [(text, self._line(op)) for text, op in print_lines(function)]

    def _line(self, op: Op | None) -> int:
        """The line an op comes from, where that is in the function's own source."""
        span = op.span if op is not None else None
        return span.line if span is not None and span.source in (None, self.program.traced.source) else 0

    @property
    def graph(self) -> Graph:
        traced = self.program.traced
        labels, plan = self.compiled.result_labels(traced), self.program.recorder.plan
        return graph_of(self.function(), traced.source, self.name, labels, plan)

    @property
    def plan(self) -> Plan:
        """Raises OptionError where nothing was differentiated in reverse mode."""
        plan = self.program.recorder.plan
        if plan is None:
            raise OptionError(f"{self.name} has no reverse sweep, so it keeps nothing", help="Lower `wg.grad(f)`.")
        return plan.at(self._leaves)

    @property
    def llvm(self) -> str:
        return self.program.executable.llvm

    @property
    def asm(self) -> str:
        return self.program.executable.assembly

    @property
    def ptx(self) -> str:
        return self._offloaded("ptx")

    @property
    def placement(self) -> Any:
        return self._offloaded("placement")()

    @property
    def transfers(self) -> Any:
        return self.placement.transfers

    @property
    def parallel(self) -> str:
        """What of a program of the CPU runs at once: parallel loops on threads, and how many of them in vector registers."""
        counts = getattr(self.program.executable, "statistics", {})
        loops, lanes = counts.get("threaded", 0), counts.get("lanes", 0)
        return f"{loops} parallel loops on {support().pool.count} threads, {lanes} of them in {target.lanes()} lanes"

    def _offloaded(self, what: str) -> Any:
        found = getattr(self.program.executable, what, None)
        if found is None:
            raise OptionError(f"{self.name} is not offloaded, it has no {what}", help="Lower `wg.offload(f, device)`.")
        return found

    def __repr__(self) -> str:
        lines = [f"{self.name}: {self.program.traced.signature.tree!r}"]
        lines += [f"  {name:<14}{ms:8.2f} ms" + (f"{ops:8d} ops" if ops is not None else "") for name, ms, ops in self.stages]
        return "\n".join(lines)
