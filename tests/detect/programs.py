"""What ``wg.check`` says of programs that are right: ``python -m tests.detect.programs [part of a name ...]``.

The programs and kernels of ``tests/corpus``, and those of the benchmarks. Every warning is printed: each has to be one that
a reader would thank for.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import wengert as wg
from tests.corpus.kernels import KERNELS
from tests.corpus.programs import PROGRAMS

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def corpus() -> Iterator[tuple[str, object, tuple]]:
    for program in PROGRAMS:
        if not program.kinks:
            yield f"programs.{program.name}", program.function, program.sample(np.random.default_rng(0))
    for name, (function, arguments) in KERNELS.items():
        yield f"kernels.{name}", function, arguments()


def benchmarks() -> Iterator[tuple[str, object, tuple]]:
    sys.path.insert(0, str(BENCHMARKS))
    import cpu_kernels
    import gradients

    for kernel in cpu_kernels.KERNELS:
        yield f"cpu.{kernel.function.__name__}", kernel.function, kernel.make()
    for problem in gradients.problems():
        yield f"gradients.{problem.function.__name__}", problem.function, problem.args


def warned(function, arguments) -> tuple[str, ...] | None:
    """The warnings; None where the function does not compile or is not differentiable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            report = wg.check(function, *arguments)
        except wg.errors.WengertError:
            return None
    return tuple(f"{f.line} {f.kind}: {f.message}\n    {f.code.strip()}" for f in report if f.severity == "warning")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--corpus", action="store_true", help="without the benchmarks")
    options = parser.parse_args()
    count = refused = found = 0
    for name, function, arguments in [*corpus(), *(() if options.corpus else benchmarks())]:
        if options.names and not any(n in name for n in options.names):
            continue
        start = time.process_time()
        said = warned(function, arguments)
        seconds = time.process_time() - start
        count, refused, found = count + 1, refused + (said is None), found + bool(said)
        if seconds > 2:
            print(f"{name}: {seconds:.1f} s")
        for line in said or ():
            print(f"{name}: {line}", flush=True)
    print(f"{count} programs, {refused} of them refused or not differentiable, {found} with a warning")


if __name__ == "__main__":
    main()
