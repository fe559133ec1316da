"""Builds, checks and times the GPU back end on a machine with an NVIDIA GPU: `python benchmarks/gpu_check.py [--quick]`.

Run from the root of the repository; nothing need be installed but NumPy, SciPy, llvmlite and CuPy. Every step is tried
even where one before it failed. The table comes last; the same numbers go to $OUT/gpu_check.json (or ./gpu_check.json).
`--device cuda-sim` tries the script itself out on a machine without a GPU.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = {"compiler": "compiler", "magics": "magics", "widgets": "widgets"}


def put_together() -> str:
    """A folder with the import package `wengert`, made of links; put on the path of this process and of pytest's."""
    site = Path(tempfile.mkdtemp(prefix="wengert-"))
    package = site / "wengert"
    package.mkdir()
    for entry in (ROOT / "kernel_ext").iterdir():
        (package / entry.name).symlink_to(entry)
    for name, folder in FOLDERS.items():
        (package / name).symlink_to(ROOT / folder)
    sys.path.insert(0, str(site))
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(site), os.environ.get("PYTHONPATH")]))
    os.environ.setdefault("WENGERT_CACHE_DIR", str(site / "cache"))
    return str(site)


if importlib.util.find_spec("wengert") is None:
    put_together()

from numpy.typing import NDArray  # noqa: E402

import wengert as wg  # noqa: E402

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]
Rows = list[dict[str, Any]]


def fused(x: Vector) -> Vector:
    return np.sin(x) * x


def total(x: Vector) -> float:
    return np.sum(x * x)


def row_sums(a: Matrix) -> Vector:
    return np.sum(a, axis=1)


def column_sums(a: Matrix) -> Vector:
    return np.sum(a, axis=0)


def product(a: Matrix, b: Matrix) -> Matrix:
    return a @ b


def heat(u: Matrix, steps: int) -> None:
    for _ in range(steps):
        u[1:-1, 1:-1] = u[1:-1, 1:-1] + 0.1 * (
            u[:-2, 1:-1] + u[2:, 1:-1] + u[1:-1, :-2] + u[1:-1, 2:] - 4.0 * u[1:-1, 1:-1]
        )


def many_small(u: Vector, steps: int) -> None:
    for _ in range(steps):
        u[1:-1] = u[1:-1] + 0.1 * (u[:-2] - 2.0 * u[1:-1] + u[2:])


def energy(u: Vector, steps: int) -> float:
    v = u.copy()
    for _ in range(steps):
        v[1:-1] = v[1:-1] + 0.1 * (v[:-2] - 2.0 * v[1:-1] + v[2:]) + 0.01 * np.sin(v[1:-1])
    return np.sum(v * v)


def all_pairs(x: Vector, out: Vector) -> None:
    for i in wg.prange(x.shape[0]):
        t = 0.0
        for j in range(x.shape[0]):
            d = x[j] - x[i]
            t += d / (0.01 + d * d)
        out[i] = t


def private(a: Matrix, out: Vector) -> None:
    for i in wg.prange(a.shape[0]):
        row = np.exp(a[i])
        out[i] = np.sum(row * row)


def histogram(x: Vector, counts: Vector) -> None:
    for i in wg.prange(x.shape[0]):
        counts[int(abs(x[i]) * 10.0) % 64] += 1.0


def functions(x: Vector):
    p = np.abs(x) + 0.1
    return np.exp(x), np.log(p), np.sqrt(p), np.sin(x), np.tanh(x), p**1.5, np.cbrt(p)


class Check:
    """The steps. `rows` collects what the table shows."""

    def __init__(self, device: str, quick: bool):
        self.device, self.scale = device, 64 if quick else 1
        self.rows: Rows = []
        self.failures: list[str] = []
        self.real = device.startswith("cuda:") and wg.devices()[1].kind == "cuda"

    def row(self, what: str, value: float, unit: str, beside: float | None = None, note: str = "") -> None:
        self.rows.append({"what": what, "value": value, "unit": unit, "beside": beside, "note": note})
        print(
            f"  {what}: {value:.4g} {unit}" + (f" (beside {beside:.4g})" if beside is not None else "") + f" {note}",
            flush=True,
        )

    def step(self, name: str, run: Callable[[], None]) -> None:
        print(f"-- {name}", flush=True)
        start = time.perf_counter()
        try:
            run()
        except Exception:
            self.failures.append(name)
            traceback.print_exc()
        print(f"   {time.perf_counter() - start:.1f} s", flush=True)

    # -- helpers

    def on_device(self, array: np.ndarray) -> Any:
        """The array as a DeviceArray."""
        from wengert.compiler.runtime.device_array import DeviceArray
        from wengert.compiler.runtime.offload import accelerator

        gpu, residency = accelerator(self.device)
        memory = residency.allocate(max(1, array.nbytes))
        gpu.upload(np.ascontiguousarray(array), memory.pointer)
        return DeviceArray(memory, array.shape, array.dtype, gpu, "x")

    def best(self, run: Callable[[], Any], repeat: int = 5) -> float:
        """The least wall time of a call, in ms, the wait for the device included."""
        from wengert.compiler.runtime.offload import accelerator

        gpu, _ = accelerator(self.device)
        times = []
        for _ in range(repeat + 1):
            gpu.synchronize()
            start = time.perf_counter()
            run()
            gpu.synchronize()
            times.append((time.perf_counter() - start) * 1e3)
        return min(times[1:])

    def kernel_time(self, function: Any, *args: Any) -> float:
        """The least sum of kernel times of a call, in ms."""
        function(*args)
        executable = function.last.executable
        return min(sum(k.milliseconds or 0.0 for k in executable.profile(*args).kernels) for _ in range(5))

    def cupy_time(self, make: Callable[[Any], Callable[[], Any]]) -> float | None:
        """The least time of the same in CuPy, by events, in ms."""
        if not self.real:
            return None
        import cupy
        from cupyx.profiler import benchmark

        run = make(cupy)
        return float(benchmark(run, n_repeat=5, n_warmup=2).gpu_times.min() * 1e3)

    # -- the steps

    def tests(self) -> None:
        selected = ["-m", "gpu"] if self.real else ["-k", "cuda-sim"]
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--maxfail=12", *selected, "tests/gpu"],
            cwd=ROOT, capture_output=True, text=True, timeout=400, check=False,
        )  # fmt: skip
        print(done.stdout[-7000:], done.stderr[-2000:])
        if done.returncode != 0:
            raise RuntimeError(f"pytest ended with {done.returncode}")

    def correct(self) -> None:
        """ULPs between device and NumPy, by function."""
        x = np.random.default_rng(0).normal(size=100_000) * 3
        results = wg.offload(functions, self.device)(x)
        p = np.abs(x) + 0.1
        wanted = (np.exp(x), np.log(p), np.sqrt(p), np.sin(x), np.tanh(x), p**1.5, np.cbrt(p))
        for name, got, want in zip(
            ("exp", "log", "sqrt", "sin", "tanh", "power", "cbrt"), results, wanted, strict=True
        ):
            ulp = np.max(np.abs(np.asarray(got) - want) / np.spacing(np.abs(want)))
            self.row(f"{name}: largest difference from NumPy", float(ulp), "ULP")
            assert ulp < 8

    def copies(self) -> None:
        from wengert.compiler.runtime.checksum import checksum
        from wengert.compiler.runtime.offload import accelerator

        gpu, residency = accelerator(self.device)
        for size in (1 << 20, 1 << 26, 1 << 30):
            array = np.ones(size // 8 // self.scale)
            memory = residency.allocate(array.nbytes)
            up = min(gpu.upload(array, memory.pointer) for _ in range(4))
            down = min(gpu.download(memory.pointer, array) for _ in range(4))
            start = time.perf_counter()
            checksum(array)
            hashed = (time.perf_counter() - start) * 1e3
            for what, ms in (("to device", up), ("to host", down), ("checksum", hashed)):
                self.row(f"{what}, {array.nbytes >> 20} MiB", array.nbytes / ms / 1e6, "GB/s")

    def maps(self) -> None:
        n = (1 << 24) // self.scale
        x = np.random.default_rng(0).normal(size=n)
        d, f = self.on_device(x), wg.offload(fused, self.device)
        start = time.perf_counter()
        f.lower(x)
        self.row("compile sin(x)*x", (time.perf_counter() - start) * 1e3, "ms", note=repr(f.last.executable.times))
        ours = self.kernel_time(f, d)

        def beside(cp: Any) -> Callable[[], Any]:
            c = cp.asarray(x)
            return lambda: cp.sin(c) * c

        self.row(
            f"sin(x)*x over {n} doubles, kernel", ours, "ms", self.cupy_time(beside), f"{16 * n / ours / 1e9:.2f} TB/s"
        )
        self.row("the same, whole call on resident data", self.best(lambda: f(d)), "ms")
        np.testing.assert_allclose(np.asarray(f(d)), np.sin(x) * x, rtol=1e-12, atol=1e-14)

    def sums(self) -> None:
        n = (1 << 24) // self.scale
        x = np.random.default_rng(0).normal(size=n)
        d, f = self.on_device(x), wg.offload(total, self.device)

        def whole(cp: Any) -> Callable[[], Any]:
            c = cp.asarray(x)
            return lambda: cp.sum(c * c)

        self.row(f"sum(x*x) over {n} doubles, kernels", self.kernel_time(f, d), "ms", self.cupy_time(whole))
        self.row("the same, whole call with the result", self.best(lambda: f(d)), "ms")
        assert abs(f(d) - np.sum(x * x)) < 1e-9 * n
        assert f(d) == f(d)
        for rows, columns in ((1 << 12, 1 << 12), (1 << 20, 16), (16, 1 << 20)):
            a = np.random.default_rng(0).normal(size=(rows // self.scale or 1, columns))
            m = self.on_device(a)
            for function, axis in ((row_sums, 1), (column_sums, 0)):
                g = wg.offload(function, self.device)

                def along(cp: Any, a: np.ndarray = a, axis: int = axis) -> Callable[[], Any]:
                    c = cp.asarray(a)
                    return lambda: cp.sum(c, axis=axis)

                self.row(
                    f"sum over axis {axis} of {a.shape}, kernels", self.kernel_time(g, m), "ms", self.cupy_time(along)
                )
                np.testing.assert_allclose(np.asarray(g(m)), np.sum(a, axis=axis), rtol=1e-9, atol=1e-9)

    def stencils(self) -> None:
        n = 4096 // (8 if self.scale > 1 else 1)
        u = np.random.default_rng(0).normal(size=(n, n))
        f, steps = wg.offload(heat, self.device), 100
        d = self.on_device(u)
        f(d, 1)
        ms = self.best(lambda: f(d, steps), 2) / steps
        self.row(f"heat equation {n}x{n}, a step", ms, "ms", note=f"{16 * n * n / ms / 1e9:.2f} TB/s")
        small = self.on_device(np.ones(1000))
        g = wg.offload(many_small, self.device)
        steps = 10_000 // self.scale
        g(small, 1)
        self.row(
            "a step of 1000 elements (launches without Python)",
            self.best(lambda: g(small, steps), 2) / steps * 1e3,
            "us",
        )
        host = u.copy()
        heat(host, 3)
        again = u.copy()
        f(again, 3)
        np.testing.assert_allclose(again, host, rtol=1e-12, atol=1e-14)

    def gradients(self) -> None:
        n = (1 << 22) // self.scale
        u = np.random.default_rng(0).normal(size=n)
        d, steps = self.on_device(u), 20
        primal, gradient = wg.offload(energy, self.device), wg.offload(wg.grad(energy), self.device)
        primal(d, steps), gradient(d, steps)
        p, g = self.best(lambda: primal(d, steps), 3), self.best(lambda: gradient(d, steps), 3)
        self.row(f"energy of {n} cells, {steps} steps", p, "ms")
        self.row("its gradient", g, "ms", note=f"{g / p:.1f} x the primal")
        small = np.random.default_rng(1).normal(size=1000)
        slope = np.asarray(gradient(small, steps))
        direction = np.random.default_rng(2).normal(size=1000)
        h = 1e-5
        difference = (primal(small + h * direction, steps) - primal(small - h * direction, steps)) / (2 * h)
        assert abs(difference - slope @ direction) < 1e-5 * abs(difference)

    def loops(self) -> None:
        n = 20_000 // self.scale
        x, f = np.random.default_rng(0).normal(size=n), wg.offload(all_pairs, self.device)
        d, out = self.on_device(x), self.on_device(np.zeros(n))
        ms = self.kernel_time(f, d, out)
        self.row(f"all pairs of {n}", ms, "ms", note=f"{n * n / ms / 1e6:.1f} G pairs/s")
        a, g = np.random.default_rng(0).normal(size=(n, 100)), wg.offload(private, self.device)
        self.row(f"{n} threads with arrays of their own", self.kernel_time(g, self.on_device(a), out), "ms")
        g(self.on_device(a), out)
        np.testing.assert_allclose(np.asarray(out), np.sum(np.exp(a) ** 2, axis=1), rtol=1e-10)
        h, counts = wg.offload(histogram, self.device), self.on_device(np.zeros(64))
        v = np.random.default_rng(0).normal(size=50 * n)
        self.row(f"histogram of {50 * n} into 64 by atomics", self.kernel_time(h, self.on_device(v), counts), "ms")

    def matmul(self) -> None:
        for n in (512, 2048):
            n //= 8 if self.scale > 1 else 1
            a = np.random.default_rng(0).normal(size=(n, n))
            f, d = wg.offload(product, self.device), self.on_device(a)

            def beside(cp: Any, a: np.ndarray = a) -> Callable[[], Any]:
                c = cp.asarray(a)
                return lambda: c @ c

            f(d, d)
            ms = self.best(lambda f=f, d=d: f(d, d))
            self.row(
                f"product of {n}x{n} doubles, whole call",
                ms,
                "ms",
                self.cupy_time(beside),
                f"{2e-9 * n**3 / ms:.2f} TFLOP/s",
            )
            np.testing.assert_allclose(np.asarray(f(d, d)), a @ a, rtol=1e-9, atol=1e-9)

    def calls(self) -> None:
        d, f = self.on_device(np.ones(1000)), wg.offload(fused, self.device)
        f(d)
        self.row("a call on 1000 resident elements", self.best(lambda: f(d), 50) * 1e3, "us")
        x = np.ones(1000)
        f(x)
        self.row("the same on an unchanged NumPy array", self.best(lambda: f(x), 50) * 1e3, "us")

    def interop(self) -> None:
        if not self.real:
            return
        import cupy

        x = cupy.linspace(0.0, 1.0, 1000)
        mark = len(wg.transfers())
        y = wg.offload(fused, self.device)(x)
        shared = cupy.asarray(y)
        assert shared.data.ptr == y.pointer and len(wg.transfers()) == mark
        cupy.testing.assert_allclose(shared, cupy.sin(x) * x, rtol=1e-12)
        assert cupy.from_dlpack(y).shape == (1000,)
        u = cupy.ones(1000)
        wg.offload(many_small, self.device)(u, 3)

    def run(self) -> None:
        steps = [
            self.correct, self.tests, self.interop, self.copies, self.maps, self.sums, self.stencils, self.gradients,
            self.loops, self.matmul, self.calls,
        ]  # fmt: skip
        for step in steps:
            self.step(step.__name__, step)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--device", default="cuda:0")
    options.add_argument("--quick", action="store_true", help="small sizes")
    chosen = options.parse_args()
    print(wg.devices())
    check = Check(chosen.device, chosen.quick or chosen.device == "cuda-sim")
    check.run()
    versions = {n: metadata.version(n) for n in ("numpy", "scipy", "llvmlite")}
    versions |= {
        d.metadata["Name"]: d.version for d in metadata.distributions() if (d.metadata["Name"] or "").startswith("cupy")
    }
    print(f"\n{'what':<58} {'value':>10} unit   {'CuPy':>9}")
    for r in check.rows:
        beside = "" if r["beside"] is None else f"{r['beside']:9.4g}"
        print(f"{r['what']:<58} {r['value']:10.4g} {r['unit']:<6} {beside:>9} {r['note']}")
    print("failed: " + (", ".join(check.failures) or "nothing"))
    folder = Path(os.environ.get("OUT", "."))
    report = {
        "device": repr(wg.devices()), "python": platform.python_version(), "versions": versions,
        "rows": check.rows, "failures": check.failures,
    }  # fmt: skip
    (folder / "gpu_check.json").write_text(json.dumps(report, indent=1))
    sys.exit(bool(check.failures))


if __name__ == "__main__":
    main()
