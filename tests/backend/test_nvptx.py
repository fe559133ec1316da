"""LLVM text to PTX, assembled by ptxas for every target it knows: the GPU path on a machine without a GPU."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from llvmlite import binding as llvm

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.device_math import exponential
from wengert.compiler.backend.libdevice import find_libdevice
from wengert.compiler.diag.errors import DeviceError

needs_libdevice = pytest.mark.skipif(find_libdevice() is None, reason="libdevice.10.bc is not on this machine")
needs_ptxas = pytest.mark.skipif(nvptx.find_ptxas() is None, reason="ptxas is not on this machine")

DOUBLE_IT = (
    nvptx.HEADER
    + """
define ptx_kernel void @double_it(ptr addrspace(1) %a) {
  %x = load double, ptr addrspace(1) %a
  %y = fmul double %x, 2.0
  store double %y, ptr addrspace(1) %a
  ret void
}
"""
)

ROOT_AND_SINE = (
    nvptx.HEADER
    + """
declare float @llvm.sqrt.f32(float)
declare double @__nv_sin(double)
declare double @__nv_fmod(double, double)
define ptx_kernel void @k(ptr addrspace(1) %a, ptr addrspace(1) %b) {
  %x = load float, ptr addrspace(1) %a
  %y = call float @llvm.sqrt.f32(float %x)
  store float %y, ptr addrspace(1) %a
  %u = load double, ptr addrspace(1) %b
  %v = call double @__nv_sin(double %u)
  %w = call double @__nv_fmod(double %v, double 0.3)
  store double %w, ptr addrspace(1) %b
  ret void
}
"""
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WENGERT_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(nvptx, "_IN_MEMORY", {})
    return tmp_path / "ptx"


def test_a_kernel_becomes_an_entry():
    ptx = nvptx.compile_ptx(DOUBLE_IT, ["double_it"], 90)
    assert ".visible .entry double_it(" in ptx
    assert ".target sm_90" in ptx


@needs_ptxas
@pytest.mark.parametrize("sm", nvptx.assembler_targets())
def test_every_target_of_ptxas_assembles(sm):
    assert nvptx.assemble(nvptx.compile_ptx(DOUBLE_IT, ["double_it"], sm), sm)[:4] == b"\x7fELF"


@needs_libdevice
def test_roots_are_rounded_correctly_and_only_kernels_remain():
    ptx = nvptx.compile_ptx(ROOT_AND_SINE, ["k"], 90)
    assert "sqrt.rn.f32" in ptx and "approx" not in ptx
    assert ptx.count(".entry") == 1 and ".visible .func" not in ptx


def test_ptx_is_kept_on_disk_and_a_damaged_file_is_not_believed(own_cache, monkeypatch):
    ptx = nvptx.compile_ptx(DOUBLE_IT, ["double_it"], 90)
    (file,) = own_cache.iterdir()
    monkeypatch.setattr(nvptx, "_compile", lambda *_: pytest.fail("compiled although kept"))
    nvptx._IN_MEMORY.clear()
    assert nvptx.compile_ptx(DOUBLE_IT, ["double_it"], 90) == ptx
    file.write_text(file.read_text()[:100])
    nvptx._IN_MEMORY.clear()
    monkeypatch.setattr(nvptx, "_compile", lambda *_: "anew")
    assert nvptx.compile_ptx(DOUBLE_IT, ["double_it"], 90) == "anew"


def test_a_newer_gpu_gets_the_newest_known_target_and_an_old_one_is_refused():
    assert nvptx.target_for(90) == 90
    assert nvptx.target_for(130) == nvptx.TARGETS[-1]
    with pytest.raises(DeviceError, match="6.1 is older"):
        nvptx.target_for(61)


def test_a_function_no_gpu_has_is_a_fault_of_ours():
    text = DOUBLE_IT.replace("fmul double %x, 2.0", "call double @cbrt(double %x)") + "declare double @cbrt(double)\n"
    with pytest.raises(nvptx.PtxError, match="cbrt"):
        nvptx.compile_ptx(text, ["double_it"], 90)


def test_the_exponential_of_kernels():
    """Run on this processor: of the same bits, since it is made of fused additions alone."""
    text = exponential() + """
define void @run(ptr %x, ptr %y, i64 %n) {
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %each ]
  %from = getelementptr double, ptr %x, i64 %i
  %to = getelementptr double, ptr %y, i64 %i
  %v = load double, ptr %from
  %e = call double @wg_exp(double %v)
  store double %e, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %each, label %done
done:
  ret void
}"""
    module = llvm.parse_assembly(text)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(module, machine)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(engine.get_function_address("run"))
    random = np.random.default_rng(3)
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 709.78, 710.0, 1e300, -745.13, -746.0, -1401.0, -1e300, 5e-324]
    x = np.concatenate([ends, *(random.uniform(a, b, 4000) for a, b in ((-1, 1), (-700, 709), (-746, -707)))])
    found = np.empty_like(x)
    run(x.ctypes.data, found.ctypes.data, len(x))
    with np.errstate(over="ignore"):
        wanted = np.exp(x)
    assert np.array_equal(np.isnan(found), np.isnan(x))
    with np.errstate(invalid="ignore"):
        close = np.abs(found - wanted) <= 2 * np.spacing(np.minimum(wanted, 1e308))
    assert np.all(close | (found == wanted) | np.isnan(x))
