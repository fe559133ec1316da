"""Every kernel of the programs that these tests offload, as PTX through ptxas, for four generations of GPUs.

Kernels that occur in several programs are assembled once, and many together, which costs a fifth of one by one.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import pytest

from tests.gpu import test_kernels, test_library, test_programs
from tests.harness.programs import generate
from tests.harness.random_ir import random_function
from tests.transforms import test_split
from wengert.compiler.backend import nvptx
from wengert.compiler.backend.device_outline import Kernel, outline
from wengert.compiler.backend.device_prepare import prepare
from wengert.compiler.backend.device_text import kernels_for_nvptx
from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.diag.errors import UnsupportedError
from wengert.compiler.frontend.signature import signature_of
from wengert.compiler.ir.core import Function
from wengert.compiler.ir.printer import print_function
from wengert.compiler.passes.pipeline import Recorder, optimise
from wengert.compiler.passes.portion import portion
from wengert.compiler.transforms.compiled import trace_for
from wengert.compiler.transforms.settle import settled

GENERATIONS = (75, 80, 90, 100)
"""The compute capabilities assembled for. The PTX is that of the oldest, which is good for all newer ones; test_programs.py has
some programs whose PTX is made for each."""
TOGETHER = 12
"""Kernels of one module."""


def traced(function, args):
    recorder = Recorder()
    return settled(trace_for(function, signature_of(tuple(args)), recorder), recorder, "kernels").function


def programs():
    """The optimised functions that are offloaded."""
    for cases in (test_programs.CASES, test_library.CASES, test_kernels.CASES):
        for function, *args in cases.values():
            yield traced(function, args)
    for function, args, _ in test_split.AXES.values():
        yield optimise(portion(traced(function, args)).function)
    for seed in range(100, 106):
        yield random_function(seed)
    for seed in range(0, 45, 9):
        program = generate(seed)
        yield traced(program.function(), program.arguments())


@cache
def kernels() -> list[Kernel]:
    """Each once, under a name of its own."""
    found: dict[object, Kernel] = {}
    for program in programs():
        try:
            made = outline(prepare(program), False).kernels
        except UnsupportedError:  # calls of a library in a loop, and the like
            continue
        for kernel in made:
            name = f"kernel_{len(found)}"
            mine = replace(kernel, name=name, iteration=renamed(kernel.iteration, f"{name}_body"), span=None)
            text = print_function(renamed(kernel.iteration, ""))
            found.setdefault((text, mine.outputs, mine.one_thread, mine.shared, mine.columns, mine.chunk, mine.combine), mine)
    return list(found.values())


def renamed(function: Function, name: str) -> Function:
    return Function(name, function.body, function.written)


@cache
def modules() -> list[str]:
    """PTX of all kernels."""
    every, found = kernels(), []
    for k in range(0, len(every), TOGETHER):
        image = kernels_for_nvptx(every[k : k + TOGETHER])
        found.append(nvptx.compile_ptx(image.text, image.names, GENERATIONS[0]))
    return found


@pytest.mark.skipif(not nvptx.assembler_targets(), reason="ptxas is not on this machine")
@pytest.mark.skipif(find_libdevice() is None, reason="libdevice.10.bc is not on this machine")
@pytest.mark.parametrize("sm", GENERATIONS)
def test_every_kernel_is_assembled(sm, capfd):
    if sm not in nvptx.assembler_targets():
        pytest.skip(f"this ptxas does not know sm_{sm}")
    texts = modules()
    assert len(kernels()) > 100 and sum(text.count(".visible .entry") for text in texts) == len(kernels())
    with ThreadPoolExecutor(2) as pool:
        assert all(pool.map(lambda text: nvptx.assemble(text, sm), texts))
    assert "warning" not in capfd.readouterr().err
