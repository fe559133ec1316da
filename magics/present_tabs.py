"""From what the compiler says to the models of stages, transfers, memory and findings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from wengert.compiler.api import Compiled, Finding, Lowered, Recording, Report, notes
from wengert.widgets import models

ASSEMBLED = {"LLVM code", "link", "machine code", "support"}
"""The back end's stages whose result is machine code; its others, but for "lower", end in LLVM text."""


# -- stages


def stage_list(lowered: Lowered) -> models.StagesModel:
    """The stages of a program: those of the IR, what the back end begins with, LLVM, and the machine's text."""
    timed = [stage for stage in lowered.stages if stage[2] is None]
    machine = sum(ms for name, ms, _ in timed if name in ASSEMBLED)
    llvm = sum(ms for name, ms, _ in timed if name not in ASSEMBLED and name != "lower")
    ptx = hasattr(lowered.program.executable, "ptx")
    stages = [models.Stage(name, ms, ops) for name, ms, ops in lowered.stages if ops is not None]
    stages += [
        models.Stage("lowered", sum(ms for name, ms, _ in timed if name == "lower") or None),
        models.Stage("LLVM", llvm or None, None, "llvm"),  # nothing where the code was kept from before
        models.Stage("PTX" if ptx else "assembly", machine or None, None, "ptx" if ptx else "assembly"),
    ]
    source = lowered.program.traced.source.text.splitlines()
    return models.StagesModel(lowered.name, tuple(source), 1, tuple(stages))


def stage_text(lowered: Lowered, number: int) -> models.StageText:
    """The text of stage `number` of `stage_list`, with the source line of each of its lines."""
    count = len(lowered.program.recorder.snapshots)
    if number > count:
        text = lowered.llvm if number == count + 1 else lowered.asm
        return models.StageText(text, (0,) * (text.count("\n") + 1))
    lines = lowered.lines("lowered" if number == count else number)
    return models.StageText("\n".join(text for text, _ in lines), tuple(line for _, line in lines))


# -- transfers


def ledger_model(name: str, entries: Iterable[Any], where: str = "") -> models.TransfersModel:
    """The copies of this session, which the ledger has with their ends."""
    said = where or "the copies of this session; kernels have no times until one call is recorded"
    return models.TransfersModel(name, tuple(_copies(entries)), said)


def recording_model(name: str, recording: Recording) -> models.TransfersModel:
    """Two recorded calls: the first sends its arguments, the second finds them on the device."""
    calls = ("first call", "second call")
    events = [models.Event("host", call, *span) for call, span in zip(calls, recording.calls, strict=True)]
    events += [models.Event("compute", launch.kernel, launch.start, launch.end) for launch in recording.launches]
    said = f"two recorded calls on {recording.device}: the first sends its arguments, the second finds them there"
    return models.TransfersModel(name, (*events, *_copies(recording.transfers)), said, recordable=True)


def _copies(entries: Iterable[Any]) -> Iterable[models.Event]:
    for t in entries:
        start = t.time - t.milliseconds / 1e3
        yield models.Event(t.direction, t.array, start, t.time, t.bytes, t.why, t.device, t.order)


# -- memory


def budgets(unlimited: int | None, count: int) -> tuple[int, ...]:
    """The stops of the slider: halves of what is kept without a limit, down to what one snapshot may need."""
    if not unlimited or unlimited < 64:
        return ()
    return tuple(unlimited >> k for k in range(1, count) if unlimited >> k >= 16)


def memory_model(
    name: str, plan: Any, limit: int | None, unlimited: int | None, stops: tuple[int, ...], fixed: str
) -> models.MemoryModel:
    """A plan of reverse mode; loops that are run again come first, as their snapshots are held from the beginning."""
    kept = [models.KeptValue(c.name, _snapshots(c), _line(c), c.bytes, "snapshots", _again(c)) for c in plan.checkpoints]
    kept += [models.KeptValue(k.name, str(k.type), _line(k), k.bytes, k.scheme, k.reason) for k in plan.kept]
    again = tuple((r.name, _line(r)) for r in plan.recomputed)
    return models.MemoryModel(name, tuple(kept), again, limit, unlimited, plan.extra_time, stops, fixed)


def _line(part: Any) -> int | None:
    return part.span.line if part.span is not None else None


def _snapshots(loop: Any) -> str:
    return "snapshots" if loop.snapshots is None else f"{loop.snapshots} snapshot{'s' * (loop.snapshots != 1)}"


def _again(loop: Any) -> str:
    if loop.runs is None:
        return "the loop is run again from snapshots"
    return f"its {loop.trips} trips are run up to {loop.runs} times"


# -- findings


def findings_model(compiled: Compiled, report: Report) -> models.FindingsModel:
    found = _shown(compiled, report.findings)
    checks = tuple((name, str(result)) for name, result in report.checks.items())
    source = _source(compiled)
    return models.FindingsModel(
        report.function, source, 1, found, checks, report.unseen, len(report.suppressed), report.seconds
    )


def _shown(compiled: Compiled, findings: Sequence[Finding]) -> tuple[models.Finding, ...]:
    """The findings as the view has them. One in a function of another cell says its place: the text beside it is not its own."""
    own = compiled.last.traced.source.name if compiled.last is not None else None
    return tuple(_placed(f, own is not None and f.source not in ("", own)) for f in findings)


def _placed(f: Finding, elsewhere: bool) -> models.Finding:
    line, column = (0, 0) if elsewhere else (f.line, f.column)
    message = f"{f.source}, line {f.line}, `{f.code.strip()}`: {f.message}" if elsewhere else f.message
    return models.Finding(f.kind, _severity(f.severity), f.title or f.kind, message, line, column, f.remedy, f.docs)


def unchecked_model(compiled: Compiled) -> models.FindingsModel:
    """Before the first call: what has to be done, and what can be said of the program alone."""
    name = compiled.__name__
    said = f"The check runs at the arguments of the last call: call {name} once, then press Check."
    found = notes(compiled)
    if found:
        said += " Until then, these are the places to look at."
    return models.FindingsModel(name, _source(compiled), 1, _shown(compiled, found), pending=said)


def _source(compiled: Compiled) -> tuple[str, ...]:
    if compiled.last is None:
        return ()
    return tuple(compiled.last.traced.source.text.splitlines())


def _severity(word: str) -> Any:
    return word if word in ("error", "warning", "note") else "note"
