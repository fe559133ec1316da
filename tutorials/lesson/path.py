"""The learning path: which tutorials there are, and how far the reader is with each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from IPython.display import display

from .progress import Progress

EXERCISE = re.compile(r"^# Exercise: (\w+)$", re.MULTILINE)
PARTS = (("Start here", range(1)), ("Derivatives that are not what they seem", range(1, 13)), ("The machine", range(13, 100)))


@dataclass(frozen=True)
class Step:
    """One tutorial: its number ("01"), file, title, minutes as it says itself, and the names of its exercises."""

    number: str
    file: str
    title: str
    minutes: str
    exercises: tuple[str, ...]


def steps(folder: Path) -> list[Step]:
    """The tutorials in `folder`, in order; what they are called and ask for is read from the notebooks."""
    found = []
    for path in sorted(folder.glob("[0-9][0-9]_*.ipynb")):
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        title = re.sub(r"^# (Tutorial \d+ · )?", "", cells[0].splitlines()[0])
        minutes = re.search(r"About (\d+) minutes", cells[0])
        exercises = tuple(name for cell in cells for name in EXERCISE.findall(cell))
        found.append(Step(path.name[:2], path.name, title, minutes[1] if minutes else "", exercises))
    return found


def show_path(folder: Path | str = ".", progress: Progress | None = None) -> None:
    """Show all tutorials with what is done in each, and which one comes next."""
    progress = progress or Progress()
    every = [(step, set(progress.of(step.number)["passed"]) & set(step.exercises)) for step in steps(Path(folder))]
    following = next((step for step, passed in every if step.exercises and len(passed) < len(step.exercises)), None)
    markup, text = [], []
    for part, numbers in PARTS:
        members = [(step, passed) for step, passed in every if int(step.number) in numbers]
        if members:
            markup.append(f"<tr><th colspan='4' style='text-align:left;padding-top:8px'>{escape(part)}</th></tr>")
            text.append(part)
        for step, passed in members:
            done = f"{len(passed)} of {len(step.exercises)} exercises" if step.exercises else "no exercises"
            sign = "✓" if step.exercises and len(passed) == len(step.exercises) else "→" if step is following else ""
            time = f"{step.minutes} min" if step.minutes else ""
            link = f"<a href='{escape(step.file)}' target='_blank'>{escape(step.title)}</a>"
            cells = (f"{sign}</td><td style='text-align:left'>{int(step.number)} · {link}", time, done)
            markup.append(f"<tr><td>{'</td><td>'.join(cells)}</td></tr>")
            text.append(f"{sign or ' '} {step.number}  {step.title:<55} {time:>7}  {done}")
    words = f"Next: {int(following.number)} · {following.title}" if following else "All exercises are right."
    table = f"<table>{''.join(markup)}</table><p><b>{escape(words)}</b></p>"
    display({"text/html": table, "text/plain": "\n".join([*text, words])}, raw=True)
