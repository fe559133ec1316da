"""The pipeline: named passes run in order, the verifier after each, a snapshot of each for the views."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

from wengert.compiler.ir.core import Function
from wengert.compiler.ir.verify import verify
from wengert.compiler.passes.autodiff.plan import Plan
from wengert.compiler.passes.optimise.extents import resolve_extents
from wengert.compiler.passes.optimise.gather import gather
from wengert.compiler.passes.optimise.hoist import hoist
from wengert.compiler.passes.optimise.masked import masked
from wengert.compiler.passes.optimise.prune import prune
from wengert.compiler.passes.optimise.regions import regions
from wengert.compiler.passes.optimise.scalarise import scalarise
from wengert.compiler.passes.optimise.share import share
from wengert.compiler.passes.optimise.simplify import simplify
from wengert.compiler.passes.optimise.squares import squares
from wengert.compiler.passes.optimise.unroll import unroll

Pass = Callable[[Function], Function]

OPTIMISE: tuple[tuple[str, Pass], ...] = (
    ("simplify", simplify),
    ("unroll", unroll),
    ("extents", resolve_extents),
    ("simplify", simplify),
    ("share", share),
    ("scalarise", scalarise),  # after `share`: constant indices must be constants, equal extents equal values
    ("simplify", simplify),
    ("hoist", hoist),  # after `simplify`, which turns `dim` of a carried array into the extent outside
    ("share", share),
    ("squares", squares),  # after `share`: a square is of one value
    ("masked", masked),  # after `hoist` and `share`: masks are seen beside the loops
    ("regions", regions),
    ("gather", gather),  # after `hoist`: extents are known in front of the loop
    ("prune", prune),
)
"""What every function goes through before and after differentiation and batching."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A function after a stage: its name, the IR, how long the stage took (ms), how many ops it left."""

    stage: str
    function: Function
    milliseconds: float

    @property
    def ops(self) -> int:
        return sum(1 for _ in self.function.walk())


@dataclass(slots=True)
class Recorder:
    """Collects the snapshots of one compilation, and what its last reverse sweep keeps (None without one)."""

    snapshots: list[Snapshot] = field(default_factory=list)
    plan: Plan | None = None
    _verified: Function | None = None
    """What a pass within a stage left, verified there."""

    def stage(self, name: str, make: Callable[[], Function]) -> Function:
        """Run `make`, verify what it returns, keep it under `name`."""
        start = perf_counter()
        function = make()
        if function is not self._verified:
            verify(function, name)
        self.snapshots.append(Snapshot(name, function, (perf_counter() - start) * 1e3))
        return function


def optimise(function: Function, recorder: Recorder | None = None, name: str = "optimised") -> Function:
    """The function after every pass of OPTIMISE; recorded as one stage."""
    recorder = recorder or Recorder()

    def run() -> Function:
        result = function
        last_output: dict[str, Function] = {}
        for label, pass_ in OPTIMISE:
            if last_output.get(label) is result:
                continue  # nothing changed since it ran
            made = pass_(result)
            if made is not result:
                result = verify(made, label)
            last_output[label] = result
        if result is not function:
            recorder._verified = result
        return result

    return recorder.stage(name, run)
