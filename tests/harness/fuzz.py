"""Random programs of the language: `python -m tests.harness.fuzz --count 20000`.

Each seed's program is interpreted and differentiated (interpreted.py), with `--compiled` also compiled, differentiated and
batched (compiled.py). A refusal (any CompileError) is counted, not failed. Failures are shrunk and printed.
"""

from __future__ import annotations

import argparse
import collections
import sys
import traceback
import warnings
from collections.abc import Iterator
from functools import partial

from tests.harness import compiled, interpreted
from tests.harness.children import in_child
from tests.harness.interpreted import Refused, Wrong, expected
from tests.harness.programs import generate, shrink


def outcome(source: str, seed: int, mode: str) -> str:
    """"ok", "refused: ...", "python: ..." (not a valid program), or what went wrong."""
    warnings.simplefilter("ignore")
    try:
        expected(source, seed)
    except Exception as error:
        return f"python: {type(error).__name__}"
    try:
        if mode == "compiled":
            compiled.check(source, seed)
        else:
            interpreted.check(source, seed, derivatives=mode == "derivatives")
    except Refused as refusal:
        return f"refused: {refusal}"
    except Exception as error:
        lines = traceback.format_exc().strip().splitlines()
        places = [line.strip() for line in lines if "/compiler/" in line]
        first = str(error).partition("\n")[0]
        return f"{type(error).__name__}: {first} {'' if isinstance(error, Wrong) else places[-1:]}"
    return "ok"


def judged(source: str, seed: int, mode: str) -> str:
    """The outcome, in a child process, which may crash, and may not take longer than a minute."""
    return in_child(partial(outcome, source, seed, mode))


def _kind(text: str) -> str:
    """Failures of one kind: the same error, and the same comparison where values differ."""
    if text.startswith(("ok", "python", "refused")):
        return text.split(":")[0]
    return "wrong: " + text[: text.find(":", text.find(":") + 1 if text.startswith("Wrong") else 0)]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--no-derivatives", action="store_true")
    parser.add_argument("--compiled", action="store_true", help="check compiled code instead of interpreted IR")
    parser.add_argument("--stop", type=int, default=1000, help="after so many failures")
    parser.add_argument("--tries", type=int, default=300, help="smaller programs tried for each failure")
    parser.add_argument("--source", action="store_true", help="print the failing program as generated too")
    options = parser.parse_args()
    mode = "compiled" if options.compiled else "primal" if options.no_derivatives else "derivatives"
    seen: collections.Counter[str] = collections.Counter()
    refusals: collections.Counter[str] = collections.Counter()
    failures = 0
    try:
        for seed in range(options.start, options.start + options.count):
            program = generate(seed)
            found = judged(program.source, seed, mode)
            kind = _kind(found)
            seen[kind] += 1
            if kind == "refused":
                refusals[found] += 1
            if not kind.startswith("wrong"):
                continue
            failures += 1

            left = iter(range(options.tries))

            def fails(source: str, seed: int = seed, kind: str = kind, left: Iterator[int] = left) -> bool:
                return next(left, None) is not None and _kind(judged(source, seed, mode)) == kind

            small = shrink(program.source, fails)
            print(f"--- seed {seed}: {found}\n{program.source if options.source else ''}{small}", flush=True)
            if failures >= options.stop:
                break
    except KeyboardInterrupt:
        print(f"stopped at seed {seed}")
    print(f"{sum(seen.values())} programs from seed {options.start}, {failures} failures: {dict(seen)}")
    for text, times in refusals.most_common(10):
        print(f"{times:6}  {text}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
