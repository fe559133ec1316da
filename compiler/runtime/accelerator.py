"""What a GPU has to offer to the rest of the runtime: memory, copies, kernels. Two kinds exist: runtime/cuda.py's
NVIDIA GPU and runtime/simulated.py's, played by the CPU."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np


class Memory(Protocol):
    """A stretch of device memory, given back when the last reference to it goes."""

    @property
    def pointer(self) -> int: ...

    @property
    def size(self) -> int: ...


class Kernels(Protocol):
    """Loaded kernels. `handles[name]` is what the launch function takes for that kernel; times: the milliseconds of each
    stage of making and loading them."""

    @property
    def handles(self) -> Mapping[str, int]: ...

    @property
    def times(self) -> Mapping[str, float]: ...


class DriverCalls(NamedTuple):
    """Addresses of C functions with the parameters of cuLaunchKernel, cuMemcpyDtoHAsync, cuMemcpyDtoDAsync,
    cuStreamQuery, cuEventRecord and cuEventQuery."""

    launch: int
    read: int
    copy: int
    query: int
    mark: int
    passed: int


class GraphCalls(NamedTuple):
    """Addresses of C functions with the parameters of cuStreamBeginCapture, cuStreamEndCapture, cuGraphInstantiateWithFlags,
    cuGraphLaunch, cuGraphExecDestroy and cuGraphDestroy; a stream on which to capture; what keeps them."""

    begin: int
    end: int
    instantiate: int
    run: int
    destroy: int
    destroy_graph: int
    stream: int
    owner: object


@dataclass(frozen=True, slots=True)
class Gemm:
    """`batch` products of m by k and k by n matrices, dense and row-major; a_turned: a lies as k by m, b_turned: b as n by k."""

    dtype: np.dtype
    batch: int
    m: int
    n: int
    k: int
    a_turned: bool
    b_turned: bool


class Accelerator(Protocol):
    """One GPU. Copies and kernels are ordered as on one stream; a copy to the host returns when it is done."""

    id: str
    kind: str
    sm: int

    def allocate(self, size: int) -> Memory:
        """`size` bytes (at least 1), not initialised. Raises MemoryFault where there are not as many."""
        ...

    def memory(self) -> tuple[int, int, int] | None:
        """Bytes that are free, that there are, and that this process uses; None where that is not known."""
        ...

    def pinned(self, size: int) -> tuple[int, object]:
        """(address, owner) of host memory that copies from the device are quick to."""
        ...

    def upload(self, source: np.ndarray, target: int, digests: np.ndarray | None = None) -> float:
        """Copy a C-contiguous array to device address `target`; returns milliseconds. `source` may change after it.

        digests: to be filled with those of the chunks that are sent, see checksum.py."""
        ...

    def download(self, source: int, target: np.ndarray) -> float:
        """Copy into a C-contiguous array from device address `source`; returns milliseconds, the wait for kernels
        still running not counted."""
        ...

    def read(self, source: int, address: int, size: int) -> float:
        """As `download`, for a few bytes, to a host address."""
        ...

    def copy(self, source: int, target: int, size: int) -> None:
        """Copy within the device."""
        ...

    def synchronize(self) -> None:
        """Wait until everything asked for is done. Raises what a handler of signals raises meanwhile, DeviceError where the
        device has failed."""
        ...

    def get_ready(self) -> None:
        """Kernels are about to be compiled: a thread begins to load what that needs. Returns at once."""
        ...

    def load(self, image: str, kernels: Sequence[str]) -> Kernels:
        """Load kernels: PTX for a real GPU, LLVM text for a simulated one."""
        ...

    @property
    def library(self) -> Any:
        """NumPy for arrays on this device: CuPy, or NumPy itself."""
        ...

    def gemm(self, gemm: Gemm, out: int, a: int, b: int) -> bool:
        """The products at device address `out`, of matrices at `a` and `b`; False where it is not done."""
        ...

    def array(self, pointer: int, shape: tuple[int, ...], dtype: np.dtype) -> Any:
        """The library's array over device memory, row-major; the memory must outlive it."""
        ...

    def current(self) -> AbstractContextManager[object]:
        """Within it, this is the device on which this thread's driver calls act."""
        ...

    @property
    def is_current(self) -> Callable[[], bool]:
        """Whether this is the thread's device already, so that there is no need of `current`."""
        ...

    def clock(self) -> Any:
        """A point of time in the device's work."""
        ...

    def elapsed(self, start: Any, end: Any) -> float:
        """Milliseconds between two clocks; waits until the device has passed them."""
        ...

    @property
    def graphs(self) -> GraphCalls | None:
        """For compiled host code; None where there are no graphs."""
        ...

    def events(self) -> tuple[tuple[int, int], object]:
        """(two events for `mark` and `passed`, their owner)."""
        ...

    @property
    def calls(self) -> DriverCalls:
        """The driver's functions, for compiled host code."""
        ...

    @property
    def stream_here(self) -> int:
        """`stream`, within `current`."""
        ...

    def allocate_here(self, size: int) -> Memory | None:
        """`allocate`, within `current`; None where that much is not free at once."""
        ...

    @property
    def foreign(self) -> tuple[type, ...]:
        """The types of arrays of its library, which lie on such a device."""
        ...

    @property
    def stream(self) -> int:
        """The stream (a pointer) on which this thread's work runs."""
        ...
