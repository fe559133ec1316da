"""The page of pitfalls, from the rows of the catalogue and the recorded score of the evaluation set."""

from __future__ import annotations

import json
from pathlib import Path

from wengert.compiler.detect.catalogue import KINDS, Kind

ROOT = Path(__file__).parent.parent
SCORE = ROOT / "benchmarks/results/detector_2026-11-28.json"

HEAD = """# Pitfalls

A derivative can be the right one of the program and the wrong one of the problem. `wg.check(f, x)` looks for the
known ways in which that happens, at your arguments, and reports them at the line: `%wengert check f(x)` prints the same
in a notebook, the panel's *Findings* tab shows it beside the source. A **warning** was confirmed at these arguments by a
number; a **note** is a place of which nothing was seen here. Every kind below has a stable name, by which
`@wg.suppress("kind")` over a function, or the comment `# wg.suppress("kind")` on a line, silences it on purpose.

The collection follows Hückelheim, Menon, Moses, Christianson, Hovland and Hascoët, *Understanding Automatic
Differentiation Pitfalls* (arXiv 2305.07546), and the sources named with each kind.

## How it looks

`wg.check` runs the function in several ways and compares: forward against reverse mode; AD against one-sided differences
at two to four steps, from both sides; AD against slopes over steps of 1 % to 40 % of the argument; an interpreted run of
at most 60 000 operations (an array counts as four), with tangents, that watches ties, edges of domains, absorbed addends
and differences that cancel; the same in 80-bit numbers; and compiled variants of the program: ties and comparisons
decided the other way, loops run for more laps, steps held fixed, what a loop carries recorded from trip to trip, single
precision widened. A rule warns only when such a run confirms it.

## What cannot be known automatically

- **What was wanted instead.** That AD and slopes over wide steps differ can be seen; which of them is meant cannot. So
  `approximation` says only that they differ.
- **Other arguments.** A kink, an equality or a repeated eigenvalue is found where it is met. The check at one point says
  nothing of another.
- **Small contributions.** Arrays are moved along one pseudo-random direction each, at most six arguments: an error in
  one element among thousands may be below the thresholds (0.1 % of the slope for equalities, 0.01 % for kinks).
- **Linear systems in disguise.** An iteration is taken for a solver by its form: a matrix product with a quotient of scalar
  products, a division by the diagonal, or a lap that is affine in the array it carries and an exit test on what the lap
  changed. Others, among them fixed numbers of sweeps, count as fixed points, or as what they look like.
- **Long runs.** The interpreted run stops after 60 000 operations, and the report says so: cancellations and overflows
  that first appear later are not seen. Ties are then looked for by deciding comparisons the other way, twelve at most.
  Differences are then taken along all arguments at once; along one only where that shows something, or where the argument's
  part is below 1 %. An error in what one argument gives may be missed below 0.2 % of it. Where the arrays of a run have
  more than four million elements together, digits that differences lose are not counted. Reverse mode is not run where its
  sweep would keep more than 16 MB; the report says how much.
- **Where a kink comes from.** Where both sides have another slope and no comparison is found that makes it, `kink` names
  the likeliest line.
- **Names.** Whether numbers are random draws is guessed: an unsorted sample with the mean and variance of [0, 1], or a
  name such as `u`, `draws`, `noise`; a threshold on what is computed from a sample of the normal distribution counts as a
  draw, too.
- **Random-looking jumps.** Where the number of adaptive steps changes with the argument, the value itself jumps, and slopes
  over wide steps need not agree: `adaptive_step` may stay a note.

"""


def page() -> str:
    parts = [HEAD, _score(), "## The kinds\n"]
    parts += ["| kind | in a few words |", "|---|---|"]
    parts += [f"| {{ref}}`{k.name} <{k.name.replace('_', '-')}>` | {k.title} |" for k in KINDS.values()]
    parts += ["", *(_section(k) for k in KINDS.values())]
    return "\n".join(parts) + "\n"


def _section(kind: Kind) -> str:
    lines = [f"({kind.name.replace('_', '-')})=", f"### {kind.name}", "", f"**{kind.title}.** {kind.what}", ""]
    if kind.example:
        lines += ["```python", kind.example, "```", ""]
    lines += [f"*Seen by:* {kind.seen}", "", f"*Instead:* {kind.remedy}", ""]
    if kind.others:
        lines += [f"*Measured:* {kind.others}", ""]
    if kind.source:
        lines += [f"*Source:* {kind.source}", ""]
    for notebook in sorted((ROOT / "tutorials").glob(f"{kind.tutorial}_*.ipynb")):
        lines += [f"*Tutorial:* [{notebook.stem.replace('_', ' ')}](tutorials/{notebook.name})", ""]
    return "\n".join(lines)


def _score() -> str:
    data = json.loads(SCORE.read_text(encoding="utf-8"))
    rows = ["| set | planted | right line and kind | clean | of these with a warning |", "|---|---|---|---|---|"]
    rows += [f"| {r['set']} | {r['planted']} | {r['right']} | {r['clean']} | {r['false']} |" for r in data["sets"]]
    return "\n".join(
        [
            "## How good it is",
            "",
            "Measured on functions of 5 to 40 lines with one planted pitfall, and look-alikes without one "
            "(`tests/detect/evaluation`). A set counts as *unseen* the first time the detector runs on it, before any rule is "
            "changed because of it.",
            "",
            *rows,
            "",
            data["remarks"],
            "",
            "`python -m tests.detect.score --misses` measures anew; the tests hold every case of the first set and every fourth "
            "one of those that were written unseen.",
            "",
        ]
    )
