"""Where the time of offloaded calls goes: `python benchmarks/gpu_calls.py [--device cuda-sim] [calls launches ends first]`.

calls     a call of a small function on resident data, by Python function
launches  dependent tiny kernels: launched one by one by the driver's plain call, with early starts (CUDA's programmatic
          dependent launches), and as graphs, each from machine code
ends      half a GiB from NumPy to the device and back, stage by stage
first     first calls in new processes, with nothing on disk and with all of it, by stage and by Python function
"""

from __future__ import annotations

import argparse
import cProfile
import ctypes
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from gpu_table import first_call, many_steps, small  # which puts the package on the path where it is not installed
from numpy.typing import NDArray

import wengert as wg
from wengert.compiler.backend import target
from wengert.compiler.runtime import staging
from wengert.compiler.runtime.checksum import CHUNK, checksum, digests_of
from wengert.compiler.runtime.cuda_driver import Driver
from wengert.compiler.runtime.offload import accelerator

Vector = NDArray[np.float64]


def elementwise(x: Vector) -> Vector:
    return np.sqrt(x) * x + 1.0


def best(run: Callable[[], Any], count: int, repeat: int = 20) -> float:
    """Microseconds of a call: the median over `repeat` times `count` calls."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(count):
            run()
        times.append((time.perf_counter() - start) / count)
    return 1e6 * float(np.median(times))


def profiled(run: Callable[[], Any], lines: int, order: str = "tottime") -> None:
    profile = cProfile.Profile()
    profile.enable()
    run()
    profile.disable()
    pstats.Stats(profile).sort_stats(order).print_stats(lines)


def calls(device: str) -> None:
    f = wg.offload(small, device)
    x = f(np.linspace(0.0, 1.0, 1000))
    print(f"a resident call: {best(lambda: f(x), 200):.2f} us")
    executable = f.last.executable  # type: ignore[union-attr]
    gpu = executable._gpu
    print(f"  of it: current {best(gpu.current, 200):.2f}, stream {best(lambda: gpu.stream_here, 200):.2f}, "
          f"memory {best(lambda: gpu.allocate_here(8000), 200):.2f} us")  # fmt: skip
    profiled(lambda: [f(x) for _ in range(2000)], 22)


KERNELS = r"""
extern "C" __global__ void empty(long long n, const double* x, double* y) {}
extern "C" __global__ void step(long long n, const double* x, double* y) {
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = i == 0 || i == n - 1 ? x[i] : x[i] + 0.1 * (x[i - 1] - 2.0 * x[i] + x[i + 1]);
}
extern "C" __global__ void early(long long n, const double* x, double* y) {
    asm volatile("griddepcontrol.launch_dependents;");
    asm volatile("griddepcontrol.wait;" ::: "memory");
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i < n) y[i] = i == 0 || i == n - 1 ? x[i] : x[i] + 0.1 * (x[i - 1] - 2.0 * x[i] + x[i + 1]);
}
"""

def _loop(name: str, parameters: str, body: str) -> str:
    """LLVM text of a function that does `body`, which makes the status %s, `count` times."""
    return f"""
define i32 @{name}({parameters}, i64 %count) {{
entry:
  br label %next
next:
  %k = phi i64 [0, %entry], [%k2, %next]
{body}  %k2 = add i64 %k, 1
  %more = icmp slt i64 %k2, %count
  br i1 %more, label %next, label %done
done:
  ret i32 %s
}}"""


TURNS = """  %bit = and i64 %k, 1
  %is = icmp eq i64 %bit, 0
  %params = select i1 %is, ptr %even, ptr %odd
"""
GRID = "i32 4, i32 1, i32 1, i32 256, i32 1, i32 1, i32 0"
LOOPS = "".join(
    (
        _loop("plain", "ptr %launch, ptr %f, ptr %stream, ptr %even, ptr %odd",
              f"{TURNS}  %s = call i32 %launch(ptr %f, {GRID}, ptr %stream, ptr %params, ptr null)\n"),
        _loop("extended", "ptr %launch, ptr %config, ptr %f, ptr %even, ptr %odd",
              f"{TURNS}  %s = call i32 %launch(ptr %config, ptr %f, ptr %params, ptr null)\n"),
        _loop("graphs", "ptr %launch, ptr %graph, ptr %stream", "  %s = call i32 %launch(ptr %graph, ptr %stream)\n"),
        "\n",
    )
)  # fmt: skip


def launches(device: str) -> None:
    steps = 4096
    chain = wg.offload(many_steps, device)
    u = wg.offload(small, device)(np.linspace(0.0, 1.0, 1000))
    chain(u, steps)
    gpu = chain.last.executable._gpu  # type: ignore[union-attr]

    def ours() -> None:
        chain(u, steps)
        gpu.synchronize()

    kernels = chain.last.executable.placement().kernels  # type: ignore[union-attr]
    print(f"ours: {best(ours, 1) / steps:.2f} us a step; {[(k.name, k.launches) for k in kernels]}")
    if gpu.kind != "cuda":
        return
    import cupy

    driver = Driver.load()
    assert driver is not None
    image = target.object_code(target.parse(f'target triple = "{target.triple()}"\n{LOOPS}'))
    code = target.link(image, ["plain", "extended", "graphs"], {})
    module = cupy.RawModule(code=KERNELS, options=("--std=c++17",))
    stream = cupy.cuda.Stream(non_blocking=True)
    p, i64, i32 = ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
    plain = ctypes.CFUNCTYPE(i32, p, p, p, p, p, i64)(code["plain"])
    extended = ctypes.CFUNCTYPE(i32, p, p, p, p, p, i64)(code["extended"])
    graphs = ctypes.CFUNCTYPE(i32, p, p, p, i64)(code["graphs"])
    x, y = cupy.zeros(1000), cupy.zeros(1000)
    words = (ctypes.c_int64 * 3)(1000, x.data.ptr, y.data.ptr)
    at = [ctypes.addressof(words) + 8 * k for k in range(3)]
    even, odd = (p * 3)(at[0], at[1], at[2]), (p * 3)(at[0], at[2], at[1])

    def show(what: str, run: Callable[[], int], count: int) -> None:
        asked, done, status = [], [], 0
        for _ in range(12):
            stream.synchronize()
            start = time.perf_counter()
            status |= run()
            asked.append(time.perf_counter() - start)
            stream.synchronize()
            done.append(time.perf_counter() - start)
        spent, queued = (1e6 * float(np.median(t)) / count for t in (done, asked))
        print(f"{what}: {spent:.2f} us a kernel, asked for in {queued:.2f} (status {status})", flush=True)

    launch, launch_ex = driver.address("cuLaunchKernel"), driver.address("cuLaunchKernelEx")
    for name in ("empty", "step"):
        f = module.get_function(name).kernel.ptr
        show(f"plain, {name}", lambda f=f: plain(launch, f, stream.ptr, even, odd, steps), steps)  # type: ignore[misc]

    class Attribute(ctypes.Structure):
        _fields_ = [("id", ctypes.c_int), ("pad", ctypes.c_char * 4), ("value", ctypes.c_int), ("rest", ctypes.c_char * 60)]

    class Config(ctypes.Structure):
        _fields_ = [(n, ctypes.c_uint) for n in ("gx", "gy", "gz", "bx", "by", "bz", "shared")] + [
            ("stream", p), ("attributes", ctypes.POINTER(Attribute)), ("count", ctypes.c_uint)]  # fmt: skip

    programmatic = Attribute(id=6, value=1)  # CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION
    for name, count in (("step", 0), ("step", 1), ("early", 1)):
        config = Config(4, 1, 1, 256, 1, 1, 0, stream.ptr, ctypes.pointer(programmatic), count)
        f = module.get_function(name).kernel.ptr
        show(f"extended, {name}, {'programmatic' if count else 'as it is'}",
             lambda f=f, c=config: extended(launch_ex, ctypes.byref(c), f, even, odd, steps), steps)  # type: ignore[misc]
    found = []
    for name in ("step", "early"):  # whether kernels that start early see what the one before has written
        x[...] = cupy.linspace(0.0, 1.0, 1000) ** 2
        config = Config(4, 1, 1, 256, 1, 1, 0, stream.ptr, ctypes.pointer(programmatic), int(name == "early"))
        cupy.cuda.runtime.deviceSynchronize()
        extended(launch_ex, ctypes.byref(config), module.get_function(name).kernel.ptr, even, odd, steps)
        stream.synchronize()
        found.append(x.get())
    print("kernels that start early agree:", np.array_equal(*found))
    for name, count, size in (("step", 0, 32), ("step", 0, 256), ("early", 1, 32), ("early", 1, 256)):
        f = module.get_function(name).kernel.ptr
        config = Config(4, 1, 1, 256, 1, 1, 0, stream.ptr, ctypes.pointer(programmatic), count)
        graph, made = p(), p()
        start = time.perf_counter()
        driver.call("cuStreamBeginCapture_v2", p(stream.ptr), 2)
        extended(launch_ex, ctypes.byref(config), f, even, odd, size)
        driver.call("cuStreamEndCapture", p(stream.ptr), ctypes.byref(graph))
        captured = time.perf_counter()
        driver.call("cuGraphInstantiateWithFlags", ctypes.byref(made), graph, ctypes.c_ulonglong(0))
        end = time.perf_counter()
        run = driver.address("cuGraphLaunch")
        spent = f"captured in {1e6 * (captured - start):.0f} us, made in {1e6 * (end - captured):.0f} us"
        show(f"graph of {size} {name} ({spent})", lambda run=run, m=made, s=size: graphs(run, m, stream.ptr, steps // s),
             steps)  # type: ignore[misc]  # fmt: skip


def ends(device: str) -> None:
    n = 1 << (26 if device != "cuda-sim" else 20)
    gpu, residency = accelerator(device)
    f = wg.offload(elementwise, device)
    arrays = [np.random.default_rng(k).random(n) for k in range(5)]
    np.asarray(f(arrays[0].copy()))
    print(f"{arrays[0].nbytes >> 20} MiB; ms of: call, bringing home; of them by the ledger: up, down")
    for x in arrays:
        start = time.perf_counter()
        y = f(x)
        middle = time.perf_counter()
        np.asarray(y)
        end = time.perf_counter()
        moved = [f"{t.milliseconds:.2f}" for t in list(wg.transfers())[-2:]]
        print(f"  {1e3 * (middle - start):.2f}, {1e3 * (end - middle):.2f}; {', '.join(moved)}")

    def ms(what: str, run: Callable[[], Any], repeat: int = 6) -> None:
        times = []
        for _ in range(repeat):
            start = time.perf_counter()
            run()
            times.append(1e3 * (time.perf_counter() - start))
        print(f"  {what}: {', '.join(f'{t:.2f}' for t in times)} ms", flush=True)

    x, size = arrays[0], arrays[0].nbytes
    held = residency.allocate(size)
    out, chosen, lanes = np.ones(n), (staging.PAST_CACHES, staging.LARGEST), getattr(gpu, "_lanes", [])
    for past, largest, count in ((False, 1, 16), (False, 2, 16), (False, 4, 16), (True, 1, 16), (True, 2, 16), (True, 4, 16)):
        staging.PAST_CACHES, staging.LARGEST = staging.PastCaches(past, past), largest * CHUNK
        label = f", {largest} MiB by {count} threads{', past the caches' if past else ''}"
        if lanes:
            gpu._lanes = lanes[:count]
        ms(f"upload{label}", lambda: gpu.upload(x, held.pointer))
        ms(f"upload with the checksum{label}", lambda: gpu.upload(x, held.pointer, digests_of(size)))
        ms(f"download into pages that are there{label}", lambda: gpu.download(held.pointer, out))
    staging.PAST_CACHES, staging.LARGEST = chosen
    if lanes:
        gpu._lanes = lanes
    ms("checksum", lambda: checksum(x))
    part = x[: 1 << 19]
    ms("checksum of 4 MiB by one thread", lambda: checksum(part))
    ms("download into new pages", lambda: gpu.download(held.pointer, np.empty(n)))
    kept = [residency.allocate(size)]
    ms("memory of the device, from the pool", lambda: (kept.pop(), kept.append(residency.allocate(size))))
    ms("memory of the device, new", lambda: kept.append(residency.allocate(size)), 4)
    ms("np.ones, pages by one thread", lambda: np.ones(n), 3)


def profiled_first_call(device: str) -> None:
    if os.environ.get("WENGERT_PROFILE"):
        profiled(lambda: first_call(device), 40)
    else:
        first_call(device)


def first(device: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for label, name, profile in (("nothing on disk", "a", ""), ("from the disk", "a", ""), ("from the disk", "a", ""),
                                     ("nothing on disk", "b", "1"), ("from the disk", "b", "1")):  # fmt: skip
            environment = {**os.environ, "WENGERT_CACHE_DIR": os.path.join(folder, name), "WENGERT_PROFILE": profile}
            done = subprocess.run([sys.executable, __file__, "--device", device, "first_call"], capture_output=True, text=True,
                                  env=environment, check=False)  # fmt: skip
            print(label, done.stdout, done.stderr[-500:] if done.returncode else "", flush=True)


STEPS = {"calls": calls, "launches": launches, "ends": ends, "first": first, "first_call": profiled_first_call}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda:0")
    parser.add_argument("steps", nargs="*", default=["calls", "launches", "ends", "first"])
    given = parser.parse_args()
    for step in given.steps:
        print(f"-- {step}", flush=True)
        try:
            STEPS[step](given.device)
        except Exception as error:
            print(f"   failed: {error!r}", flush=True)


if __name__ == "__main__":
    main()
