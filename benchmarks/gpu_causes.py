"""Why rows of the GPU table miss their goals, as far as it was measured (H100 and H200, 2026-11-28)."""

from __future__ import annotations

CAUSES = {
    "call of a resident small function": (
        "Python, CuPy's pool and the driver's launch: about twice CuPy's launch of a compiled kernel into memory that "
        "is there. It follows the processor: 10.2 us where that launch takes 5.6, 19.5 where it takes 9.5."
    ),
    "first call, nothing cached": (
        "LLVM and the driver's assembler, a quarter each; tracing, and machine code of the host part. 545 and 600 ms "
        "on two machines since libdevice and the assembler are loaded meanwhile."
    ),
    "first call, from the cache": (
        "the files of the package are looked at, and the machine code is loaded."
    ),
    "end to end from NumPy (CUDA C: pinned copies alone)": (
        "NumPy's memory is not pinned: it is copied through pinned buffers, and hashed on the way, so that a change "
        "is seen. 13 to 16 ms each way, where a copy of pinned memory takes 10. Buffers of 1, 2 and 4 MiB, and stores "
        "through the caches or past them, were tried: 16 of 4 MiB are best."
    ),
    "stencil, 20 steps in place": (
        "faster than the CUDA C beside it, as fast as PyTorch: an array of 4096 x 4096 with a margin of one element is read "
        "and written, whose rows do not begin at a whole line of memory. 92 % on an H100, whose memory is slower."
    ),
    "stencil, gradient": (
        "20 passes of 0.105 ms, at 85 % of the copy bandwidth: an array with a margin is read and written."
    ),
    "sums of rows": (
        "a kernel at the copy bandwidth; CuPy's reads 3 % faster than a copy runs."
    ),
    "log-sum-exp": (
        "two passes over the array at the bandwidth of a sum, and the kernels that combine what blocks leave."
    ),
    "GMM, by products": (
        "the maximum and the sum along rows of 32 elements are two kernels of 0.07 and 0.06 ms, at half of the "
        "bandwidth; each computes the elements again from the products, rather than store them. Combining threads of "
        "a row by shuffles instead of in shared memory changed nothing."
    ),
    "GMM, gradient, by products": (
        "as without the gradient."
    ),
    "GMM, point by point": (
        "threads walk along rows of their own; one kernel is 0.17 of 0.18 ms. JAX's and PyTorch's versions are "
        "products of matrices."
    ),
    "GMM, gradient, point by point": (
        "the forward sweep 0.30 ms: 132 registers a thread, so that a multiprocessor holds one block (with 128 it "
        "spills, and takes 0.40); two sums over the points of what is computed again, 0.20. JAX's and PyTorch's "
        "versions are products of matrices."
    ),
    "MLP layer": (
        "cuBLAS does the product; a few percent differ from run to run, and with the card's clock."
    ),
    "MLP layer, gradient": (
        "cuBLAS does the products. Queued calls take 5.3 ms and single ones, with the wait, 4.9 (JAX's 5.1 and 5.2): "
        "the card slows down, probably at its power limit, when products follow each other without a gap."
    ),
    "SpMV": (
        "the columns are read from an array, so each index is checked, and the call waits to raise an IndexError: the "
        "kernel takes 0.192 ms, and calls that wait do not queue. Where faults are written (device or host memory) "
        "changed nothing."
    ),
    "Black-Scholes": (
        "within a few percent of the best peer: erf, exp and log in double precision, by libdevice as for CUDA C."
    ),
}
"""By the problem's name."""


def explained(missed: list[str]) -> list[str]:
    """Lines of Markdown: why these problems miss their goals."""
    lines = ["", "## What is missed, and why", ""] if missed else []
    return lines + [f"- **{name}**: {CAUSES.get(name, 'not explained: it was not missed before.')}" for name in missed]
