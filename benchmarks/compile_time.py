"""Compile time of a 30-line function and its gradient, by stage: `python benchmarks/compile_time.py [repetitions]`.

The function is tutorial 0's model. Medians and the smallest and largest of the repetitions, in milliseconds, within one
process after importing wengert and compiling one trivial function (LLVM starts up once).
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median

import numpy as np
from record_tutorial_0 import model

import wengert as wg

ROOT = Path(__file__).resolve().parents[1]


def one() -> float:
    return 1.0


def main(repetitions: int) -> None:
    loss = model()["loss"]
    _, hare, lynx = np.loadtxt(ROOT / "tutorials/data/lynx_hare.csv", delimiter=",", skiprows=2, unpack=True)
    p = np.log([0.5, 0.02, 0.02, 0.8, 30.0, 4.0])
    wg.jit(one)()
    stages: dict[tuple[str, str], list[float]] = {}
    totals: list[float] = []
    for _ in range(repetitions):
        primal = wg.jit(loss)
        gradient = wg.grad(primal)
        primal(p, hare, lynx), gradient(p, hare, lynx)
        of_primal = primal.lower(p, hare, lynx).stages
        shared = len(primal.last.recorder.snapshots)  # the gradient starts from the optimised primal
        made = [("function", s) for s in of_primal] + [("gradient", s) for s in gradient.lower(p, hare, lynx).stages[shared:]]
        for number, (whose, (name, milliseconds, _)) in enumerate(made):
            stages.setdefault((f"{number:02d} {whose}", name), []).append(milliseconds)
        totals.append(sum(milliseconds for _, (_, milliseconds, _) in made))
    for (whose, name), times in stages.items():
        print(f"{whose[3:]:<9} {name:<12} {median(times):7.1f}   [{min(times):.1f} .. {max(times):.1f}]")
    print(f"{'together':<22} {median(totals):7.1f}   [{min(totals):.1f} .. {max(totals):.1f}]   ({repetitions} repetitions)")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
