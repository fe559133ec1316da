"""What a call costs: three small arrays and a float, against NumPy doing the same. `python benchmarks/call_overhead.py`."""

from __future__ import annotations

import timeit

import numpy as np

import wengert.compiler.ops  # noqa: F401
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.runtime import cpu

PROGRAM = """
func @f(%a: f64, %x: f64[?], %y: f64[?], %z: f64[?]) {
    %0 = constant {value = 0, dtype = 'i64'} : i64
    %1 = multiply %x, %a : f64[?]
    %2 = add %1, %y : f64[?]
    %3 = update_slice %z, %2, %0 {steps = (1,), drop = ()} : f64[?]
    return %3 {written = (3,)}
}"""


def main() -> None:
    executable = cpu.load(parse_function(PROGRAM))
    x, y, z = np.zeros((3, 3))

    def nanoseconds(statement: str) -> float:
        scope = {"f": executable.entry, "x": x, "y": y, "z": z, "np": np}
        return min(timeit.repeat(statement, globals=scope, number=100_000, repeat=5)) * 1e4

    print(f"wengert {nanoseconds('f(2.0, x, y, z)'):.0f} ns, numpy {nanoseconds('z[:] = 2.0 * x + y'):.0f} ns")


if __name__ == "__main__":
    main()
