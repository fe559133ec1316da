"""Calling compiled functions: what is accepted, what is raised, that nothing leaks, that Ctrl-C works."""

from __future__ import annotations

import gc
import resource
import subprocess
import sys
import textwrap
from typing import Any

import numpy as np
import pytest

import wengert.compiler.ops  # noqa: F401  fills the registry
from wengert.compiler.diag.errors import (
    IndexFault,
    MemoryFault,
    ShapeFault,
    TypeMismatch,
    ValueFault,
    ZeroDivisionFault,
)
from wengert.compiler.ir.parser import parse_function
from wengert.compiler.ir.types import DTYPES
from wengert.compiler.runtime import cpu

AXPY = """
func @axpy(%a: f64, %x: f64[?], %y: f64[?]) {
    %0 = multiply %x, %a : f64[?]
    %1 = add %0, %y : f64[?]
    return %1
}"""

ELEMENT = """
func @element(%x: f64[?], %i: i64, %v: f64) {
    %n = dim %x {axis = 0} : i64
    %1 = constant {value = 1.0, dtype = 'f64'} : f64
    %y = add %x, %1 : f64[?]
    %k = index %i, %n {axis = 0} : i64 @3:4-3:9
    %z = update %y, %v, %k : f64[?]
    %s = load %z, %k : f64
    return %z, %s
}"""

WRITES = """
func @writes(%x: f64[?], %y: f64[?]) {
    %0 = constant {value = 0, dtype = 'i64'} : i64
    %s = add %x, %y : f64[?]
    %z = update_slice %x, %s, %0 {steps = (1,), drop = ()} : f64[?]
    return %z {written = (0,)}
}"""


def load(text: str, **options: Any) -> cpu.Executable:
    return cpu.load(parse_function(text), options=cpu.Options(**options))


def test_results_are_new_arrays_and_numpy_scalars() -> None:
    z, s = load(ELEMENT).call(np.zeros(4), -1, 7.0)
    assert type(s) is np.float64 and s == 7.0
    np.testing.assert_array_equal(z, [1.0, 1.0, 1.0, 7.0])
    z.resize(6, refcheck=False)  # the memory is NumPy's to manage
    assert z.shape == (6,)


@pytest.mark.parametrize("index", [4, -5, 2**40])
def test_an_index_outside_its_axis_is_located(index: int) -> None:
    with pytest.raises(IndexFault) as caught:
        load(ELEMENT).call(np.zeros(4), index, 7.0)
    assert caught.value.message == f"index {index} is out of bounds for axis 0 with size 4"
    assert caught.value.line == 3
    assert isinstance(caught.value, IndexError)


def test_checks_name_their_fault() -> None:
    text = """
    func @f(%x: f64[?], %y: f64[?], %c: bool) {
        %n = dim %x {axis = 0} : i64
        %m = dim %y {axis = 0} : i64
        check %c {fault = 'zero_division', message = 'division by zero'}
        %k = same_extent %n, %m {message = 'operands differ'} : i64
        return %k
    }"""
    executable = load(text)
    assert executable.call(np.zeros(3), np.zeros(3), True) == (3,)
    with pytest.raises(ZeroDivisionFault, match="division by zero"):
        executable.call(np.zeros(3), np.zeros(3), False)
    with pytest.raises(ShapeFault, match="operands differ: 3 and 2"):
        executable.call(np.zeros(3), np.zeros(2), True)


def test_memory_that_is_not_there() -> None:
    text = """
    func @f(%n: i64) {
        %0 = constant {value = 0.0, dtype = 'f64'} : f64
        %1 = broadcast %0, %n, %n {axes = ()} : f64[?,?]
        return %1
    }"""
    executable = load(text)
    assert executable.call(3)[0].shape == (3, 3)
    for n in (2**40, 2**62, -(2**40)):
        with pytest.raises(MemoryFault):
            executable.call(n)


@pytest.mark.parametrize("dtype", list(DTYPES.values()), ids=str)
def test_every_dtype_goes_in_and_out(dtype: Any) -> None:
    executable = load(f"func @f(%x: {dtype}[?,?], %s: {dtype}) {{ return %x, %s }}")
    x = np.array([[1, 0, 3], [4, 5, 6]]).astype(dtype.numpy)
    s = dtype.numpy.type(1)
    for given in (x, np.asfortranarray(x), x[:, ::-1], x[::-1, ::2], x.astype(dtype.numpy.newbyteorder(">"))):
        array, scalar = executable.call(given, s)
        assert array.dtype == dtype.numpy and type(scalar) is dtype.numpy.type
        np.testing.assert_array_equal(array, given)
        assert scalar == s
    unaligned = np.frombuffer(b"\0" + x.tobytes(), np.uint8)[1:].view(dtype.numpy).reshape(x.shape)
    np.testing.assert_array_equal(executable.call(unaligned, s)[0], x)


@pytest.mark.parametrize(
    "arguments",
    [
        (1.0, np.zeros(3)),
        (1.0, np.zeros(3, np.float32), np.zeros(3)),
        (1.0, np.zeros((3, 3)), np.zeros(3)),
        (1.0, np.zeros(1), np.zeros(3)),
        ("a", np.zeros(3), np.zeros(3)),
        (1j, np.zeros(3), np.zeros(3)),
        (np.zeros(3), np.zeros(3), np.zeros(3)),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple[Any, ...]) -> None:
    executable = load(AXPY)
    assert executable.entry(*arguments) is NotImplemented
    with pytest.raises(TypeMismatch):
        executable.call(*arguments)


def test_static_extents_are_checked() -> None:
    executable = load("func @f(%x: f64[1,?]) { return %x }")
    assert executable.call(np.zeros((1, 3)))[0].shape == (1, 3)
    for shape in ((2, 3), (1, 1)):
        with pytest.raises(TypeMismatch):
            executable.call(np.zeros(shape))


def test_written_arrays_may_not_overlap() -> None:
    executable = load(WRITES)
    a = np.arange(10.0)
    with pytest.raises(ValueFault, match="x is written and overlaps y"):
        executable.call(a[:5], a[3:8])
    executable.call(a[::2], a[1::2])  # interleaved, but apart
    np.testing.assert_array_equal(a, [1, 1, 5, 3, 9, 5, 13, 7, 17, 9])
    x = np.arange(3.0)
    x.flags.writeable = False
    with pytest.raises(ValueFault, match="read-only"):
        executable.call(x, np.arange(3.0))


def test_the_entry_returns_a_sole_result() -> None:
    result = load(AXPY).entry(2.0, np.arange(3.0), np.ones(3))
    np.testing.assert_array_equal(result, [1.0, 3.0, 5.0])
    assert load(WRITES).entry(np.zeros(3), np.ones(3)) is None


def test_a_call_outlives_its_executable() -> None:
    entry = load(AXPY).entry
    gc.collect()
    for _ in range(100):
        entry(2.0, np.arange(3.0), np.ones(3))


def test_run_time_counters() -> None:
    text = """
    func @f(%x: f64[?], %n: i64) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %1 = constant {value = 1, dtype = 'i64'} : i64
        %v = constant {value = 5.0, dtype = 'f64'} : f64
        %r = for %0, %n, %1, %x {parallel = False} (%i: i64, %u: f64[?]) {
            %w = update %u, %v, %i : f64[?]
            yield %w
        } : f64[?]
        return %r
    }"""
    executable = load(text, count=True)
    executable.call(np.zeros(100), 5)
    assert executable.counters == {"copies": 1, "copied_bytes": 800, "allocations": 1, "allocated_bytes": 800}


def test_nothing_leaks() -> None:
    """Also not when calls fail."""
    executable, axpy = load(ELEMENT), load(AXPY)
    x, y = np.zeros(3000), np.ones(3000)

    def work() -> None:
        for _ in range(10_000):
            executable.call(x, 0, 1.0)
            axpy.entry(2.0, x, y)
            axpy.entry(2, x, y)
        for _ in range(1000):
            with pytest.raises(IndexFault):
                executable.call(x, 3000, 1.0)

    work()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    work()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2000


LOOPS = {
    "while": """
    func @f(%x: f64[?], %n: i64) {
        %1 = constant {value = 1, dtype = 'i64'} : i64
        %r = while %n (%k: i64) {
            %c = not_equal %k, %1 : bool
            yield %c
        } (%k1: i64) {
            %j = bitwise_xor %k1, %n : i64
            %l = bitwise_and %j, %1 : i64
            %two = add %1, %1 : i64
            %m = multiply %l, %two : i64
            yield %m
        } : i64
        return %r
    }""",
    "nested": """
    func @f(%x: f64[?], %n: i64) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %1 = constant {value = 1, dtype = 'i64'} : i64
        %s = load %x, %0 : f64
        %r = for %0, %n, %1, %s {parallel = False} (%i: i64, %t: f64) {
            %q = for %0, %n, %1, %t {parallel = False} (%j: i64, %u: f64) {
                %v = sin %u : f64
                yield %v
            } : f64
            yield %q
        } : f64
        return %r
    }""",
    "innermost": """
    func @f(%x: f64[?], %n: i64) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %1 = constant {value = 1, dtype = 'i64'} : i64
        %s = load %x, %0 : f64
        %r = for %0, %n, %1, %s {parallel = False} (%i: i64, %t: f64) {
            %v = sin %t : f64
            yield %v
        } : f64
        return %r
    }""",
    "map and sum": """
    func @f(%x: f64[?], %n: i64) {
        %0 = constant {value = 0, dtype = 'i64'} : i64
        %s = load %x, %0 : f64
        %w = broadcast %s, %n {axes = ()} : f64[?]
        %i = iota %n : i64[?]
        %j = cast %i {dtype = 'f64'} : f64[?]
        %y = add %w, %j : f64[?]
        %z = sin %y : f64[?]
        %r = sum %z {axes = (0,)} : f64
        return %r
    }""",
}


@pytest.mark.parametrize("name", LOOPS)
def test_interrupts(name: str) -> None:
    """A signal leaves a long loop within 0.2 s of processor time, and the process goes on."""
    program = f"""
    import signal, time
    import numpy as np
    import wengert.compiler.ops
    from wengert.compiler.ir.parser import parse_function
    from wengert.compiler.runtime import cpu
    executable = cpu.load(parse_function({LOOPS[name]!r}))
    signal.signal(signal.SIGPROF, signal.default_int_handler)
    sent = time.process_time() + 0.3
    signal.setitimer(signal.ITIMER_PROF, 0.3)
    try:
        executable.call(np.full(8, 0.5), 2**40 if {name!r} != "nested" else 2**20)
    except KeyboardInterrupt:
        print("stopped after", time.process_time() - sent)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300)
    assert done.stdout.startswith("stopped after"), done.stderr
    assert float(done.stdout.split()[-1]) < 0.2


def test_a_written_array_may_not_overlap_itself() -> None:
    executable = load(WRITES)
    windows = np.lib.stride_tricks.as_strided(np.zeros(9), (5,), (0,))
    with pytest.raises(ValueFault, match="x is written and its elements overlap each other"):
        executable.call(windows, np.ones(5))
    for x in (np.zeros(9)[::-2], np.zeros((5, 3))[:, 1], np.zeros((1, 5)).T[:, 0]):
        executable.call(x, np.ones(5))
    for shape, strides in (((2, 3, 4), (8, 16, 48)), ((2, 0), (0, 8)), ((1, 4), (0, -8)), ((3, 3), (8, 24))):
        assert cpu.elements_apart(np.lib.stride_tricks.as_strided(np.zeros(99)[50:], shape, strides))
    for shape, strides in (((4, 2), (8, 8)), ((3, 3), (16, 8)), ((2, 2), (4, 100)), ((2, 3), (0, 8))):
        assert not cpu.elements_apart(np.lib.stride_tricks.as_strided(np.zeros(99), shape, strides))


def test_a_number_too_large_is_refused() -> None:
    with pytest.raises(TypeMismatch, match="cannot hold"):
        load("func @f(%n: i64) { return %n }").call(2**63)


def test_large_results_are_distinct_while_they_live() -> None:
    """Memory of arrays that are gone is used again; of those that are there, never."""
    import wengert as wg

    def f(x):
        y = np.sin(x) + 1.0
        return y[::-1] * x, y[1:] + y[:-1]

    compiled, x = wg.jit(f), np.linspace(0.0, 1.0, 200_000)
    wanted = f(x)
    held = []
    for k in range(12):
        held.append(compiled(x))
        if k % 3 == 0:
            held.pop(0)
    for found in held:
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-14)
    arrays = [a for found in held for a in found]
    assert not any(np.may_share_memory(a, b) for k, a in enumerate(arrays) for b in arrays[:k])


def test_blas_comes_without_the_package_around_it() -> None:
    """Which others may import afterwards, and find the module bound in."""
    program = """
    import sys
    from wengert.compiler.backend.emit.contraction import BLAS, blas_addresses
    assert blas_addresses({"wg_dgemm"})["wg_dgemm"] and not {"scipy.linalg", BLAS} & set(sys.modules)
    import scipy.linalg.cython_blas
    assert "dgemm" in scipy.linalg.cython_blas.__pyx_capi__ and scipy.linalg.solve([[2.0]], [1.0]) == 0.5
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
