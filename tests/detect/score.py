"""How well ``wg.check`` finds planted pitfalls: ``python -m tests.detect.score [family ...] [--misses]``.

A planted pitfall counts as found when a warning of its kind stands at its line. A warning beside is false when the function
has none planted, and counted apart when it has.
"""

import argparse
import importlib
import pkgutil
import time
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import wengert as wg
from tests.detect import evaluation
from tests.detect.evaluation.case import Case

FAMILIES = sorted(m.name for m in pkgutil.iter_modules(evaluation.__path__) if m.name != "case")


@dataclass(frozen=True)
class Outcome:
    case: Case
    found: tuple[tuple[int, str], ...]  # the warnings
    notes: tuple[tuple[int, str], ...]
    seconds: float

    @property
    def right(self) -> int:
        return sum(p in self.found or bool(set(self.case.besides) & set(self.found)) for p in self.case.planted)

    @property
    def right_line(self) -> int:
        places = {line for line, _ in self.case.besides}
        return sum(any(line == p[0] or line in places for line, _ in self.found) for p in self.case.planted)

    @property
    def right_kind(self) -> int:
        return sum(any(kind == p[1] for _, kind in self.found) for p in self.case.planted)

    @property
    def extra(self) -> tuple[tuple[int, str], ...]:
        return tuple(f for f in self.found if f not in self.case.planted and f not in self.case.besides)


def cases(families: Iterable[str] = FAMILIES) -> list[Case]:
    return [c for f in families for c in importlib.import_module(f"tests.detect.evaluation.{f}").CASES]


def judge(case: Case) -> Outcome:
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            findings = list(wg.check(case.function, *case.arguments))
        except wg.errors.WengertError:  # a refusal that is no finding
            findings = []
    seconds = time.process_time() - start
    at = {s: tuple((f.line, str(f.kind)) for f in findings if f.severity == s) for s in ("warning", "note")}
    return Outcome(case, at["warning"], at["note"], seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("families", nargs="*", default=FAMILIES)
    parser.add_argument("--misses", action="store_true", help="list what is missed or false")
    options = parser.parse_args()
    outcomes = []
    for case in cases(options.families):
        outcome = judge(case)
        outcomes.append(outcome)
        if options.misses and (outcome.right < len(case.planted) or outcome.extra):
            print(f"{case.name}: planted {case.planted}, warnings {outcome.found}, notes {outcome.notes}")
    planted = sum(len(o.case.planted) for o in outcomes)
    clean = [o for o in outcomes if not o.case.planted]
    false = sum(bool(o.extra) for o in clean)
    beside = sum(len(o.extra) for o in outcomes if o.case.planted)
    right = sum(o.right for o in outcomes)
    print(f"planted {planted}: right line and kind {right} ({right / max(planted, 1):.0%}), "
          f"right line {sum(o.right_line for o in outcomes)}, right kind {sum(o.right_kind for o in outcomes)}")
    print(f"clean {len(clean)}: with a warning {false}; warnings beside a planted pitfall: {beside}")
    slow = sorted((o.seconds, o.case.name) for o in outcomes)
    print(f"seconds of CPU: median {slow[len(slow) // 2][0]:.2f}, slowest {', '.join(f'{n} {s:.1f}' for s, n in slow[:-6:-1])}")


if __name__ == "__main__":
    main()
