"""This CPU: LLVM's target machine, the passes, the JIT, libmvec.

The vectoriser calls libmvec's functions (4 ULP) where a call has the attribute "vector-function-abi-variant", which
works for every function libmvec has, also those LLVM has no intrinsic for (expm1, erf, cbrt, hypot, ...). Where libmvec
is missing, scalar libm.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cache
from itertools import count

from llvmlite import binding as llvm

LIBMVEC = "libmvec.so.1"
_LOCK = threading.RLock()
"""LLVM contexts are not to be used from two threads at once."""
_NUMBER = count()


@cache
def machine(level: int = 2) -> llvm.TargetMachine:
    """The machine code generator for this CPU and its features. level: 0 makes plain code, in a sixth of the time."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_default_triple()
    cpu, features = llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
    return target.create_target_machine(cpu=cpu, features=features, opt=level, reloc="pic", codemodel="jitdefault")


@cache
def description() -> str:
    """The processor code is made for, and the libraries it may call: code for one runs on another of the same."""
    return f"{triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()} libmvec={_libmvec_is_there()}"


@cache
def triple() -> str:
    return str(llvm.get_default_triple())


@cache
def data_layout() -> str:
    return str(machine().target_data)


@cache
def _jit() -> llvm.LLJIT:
    own = llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, reloc="pic", codemodel="jitdefault"
    )
    return llvm.create_lljit_compiler(own, use_jit_link=True)


@cache
def _libmvec_is_there() -> bool:
    machine()
    try:
        llvm.load_library_permanently(LIBMVEC)
    except RuntimeError:
        return False
    return triple().startswith("x86_64")


@cache
def fused() -> bool:
    """Whether this processor multiplies and adds in one instruction."""
    return triple().startswith(("aarch64", "arm64")) or bool(llvm.get_host_cpu_features().get("fma"))


@cache
def vector_variants(name: str, arity: int, bits: int) -> tuple[tuple[str, str, int], ...]:
    """(ABI string, libmvec name, lanes) of the vector versions of a libm function this CPU can run."""
    if not _libmvec_is_there():
        return ()
    features = llvm.get_host_cpu_features()
    sizes = [("b", 128, "sse4.1"), ("d", 256, "avx2"), ("e", 512, "avx512f")]
    found = []
    for letter, width, feature in sizes:
        lanes = width // bits
        vector_name = f"_ZGV{letter}N{lanes}{'v' * arity}_{name}"
        if features.get(feature) and llvm.address_of_symbol(vector_name):
            found.append((f"_ZGV_LLVM_N{lanes}{'v' * arity}_{name}({vector_name})", vector_name, lanes))
    return tuple(found)


@cache
def lanes() -> int:
    """Iterations side by side: the doubles of two vector registers, as one alone waits for its own results.

    (On AVX2, trajectories of Lorenz by Runge-Kutta: 4.0 times as fast with 4, 5.8 with 8, 7.2 with 16; where lanes part,
    more lanes wait for each other.)
    """
    features = llvm.get_host_cpu_features()
    return 16 if features.get("avx512f") else 8 if features.get("avx2") else 4


def parse(text: str) -> llvm.ModuleRef:
    """The LLVM module, verified. Raises RuntimeError with LLVM's message and the line where it is wrong: a fault of ours."""
    with _LOCK:
        machine()
        try:
            module = llvm.parse_assembly(text)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{_around(text, str(error))}") from None
        return module


def _around(text: str, message: str) -> str:
    """The lines that an error of LLVM's parser is about."""
    found = re.search(r":(\d+):\d+:", message)
    if found is None:
        return text
    line = int(found.group(1))
    return "\n".join(text.splitlines()[max(0, line - 12) : line + 6])


def optimise(module: llvm.ModuleRef, level: int = 2, vectors: bool = False) -> None:
    """LLVM's standard passes, in place.

    Without superword-level parallelism: it took 40 % of the passes' time on scalar loops and their adjoints, and made
    them no faster. Loops over arrays are vectorised by the loop vectoriser.
    """
    with _LOCK:
        options = llvm.create_pipeline_tuning_options(level)
        options.loop_vectorization = level > 1 or vectors
        builder = llvm.create_pass_builder(machine(), options)
        builder.getModulePassManager().run(module, builder)


def assembly(module: llvm.ModuleRef) -> str:
    with _LOCK:
        return str(machine().emit_assembly(module))


def object_code(module: llvm.ModuleRef, level: int = 2) -> bytes:
    """The object file of an optimised module; it may be kept on disk and linked in another process."""
    with _LOCK:
        return bytes(machine(2 if level else 0).emit_object(module))


class Loaded:
    """Linked code; the addresses hold while this object lives."""

    def __init__(self, tracker: llvm.orcjit.ResourceTracker):
        self._tracker = tracker

    def __getitem__(self, name: str) -> int:
        return int(self._tracker[name])


def link(image: bytes, exports: list[str], imports: Mapping[str, int]) -> Loaded:
    """Load an object file. `imports`: addresses of symbols that are not in the process."""
    with _LOCK:
        builder = llvm.JITLibraryBuilder().add_object_img(image).add_current_process()
        for name, address in imports.items():
            builder.import_symbol(name, address)
        for name in exports:
            builder.export_symbol(name)
        return Loaded(builder.link(_jit(), f"wengert{next(_NUMBER)}"))
