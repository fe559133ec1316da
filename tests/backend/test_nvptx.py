"""LLVM text to PTX, assembled by ptxas for every target it knows: the GPU path on a machine without a GPU."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from llvmlite import binding as llvm

from wengert.compiler.backend import nvptx
from wengert.compiler.backend.device_math import FMA, exponential, reciprocal_root
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


@needs_libdevice
def test_libdevice_that_was_parsed_beforehand_is_used_once():
    nvptx.get_ready()
    nvptx.get_ready()
    assert len(nvptx._parsed) == 1
    assert nvptx._compile(ROOT_AND_SINE, ["k"], 90) == nvptx.compile_ptx(ROOT_AND_SINE, ["k"], 90)
    assert not nvptx._parsed


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


def on_this_processor(text: str, name: str, x: np.ndarray) -> np.ndarray:
    """A function of kernels, at each element."""
    text += FMA + f"""
define void @run(ptr %x, ptr %y, i64 %n) {{
entry:
  br label %each
each:
  %i = phi i64 [ 0, %entry ], [ %next, %each ]
  %from = getelementptr double, ptr %x, i64 %i
  %to = getelementptr double, ptr %y, i64 %i
  %v = load double, ptr %from
  %e = call double @{name}(double %v)
  store double %e, ptr %to
  %next = add i64 %i, 1
  %more = icmp slt i64 %next, %n
  br i1 %more, label %each, label %done
done:
  ret void
}}"""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine)
    run = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(engine.get_function_address("run"))
    found = np.empty_like(x)
    run(x.ctypes.data, found.ctypes.data, len(x))
    return found


ESTIMATE = """
define internal double @estimate(double %x) {
  %root = call double @llvm.sqrt.f64(double %x)
  %y = fdiv double 1.0, %root
  %bits = bitcast double %y to i64
  %kept = and i64 %bits, -4294967296
  %high = bitcast i64 %kept to double
  ret double %high
}
declare double @llvm.sqrt.f64(double)
"""
"""What the hardware begins with, of 20 bits."""


def root_text(small: bool) -> str:
    return reciprocal_root(small).replace("llvm.nvvm.rsqrt.approx.ftz.d", "estimate") + ESTIMATE


def inverse_root(x):
    return 1.0 / np.sqrt(x)


NORMAL = ((1, 4), (1e-3, 1e3), (1e300, 1e308), (1e-307, 1e-305))
@pytest.mark.parametrize(
    ("text", "name", "function", "ranges"),
    [
        (exponential(), "wg_exp", np.exp, ((-1, 1), (-700, 709), (-746, -707))),
        (root_text(True), "wg_rsqrt", inverse_root, (*NORMAL, (5e-324, 1e-309))),
        (root_text(False), "wg_rsqrt_normal", inverse_root, NORMAL),
    ],
)
def test_functions_of_kernels_without_branches(text, name, function, ranges):
    """On this processor, which gives the same bits: they are made of fused additions alone."""
    random = np.random.default_rng(3)
    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 709.78, 710.0, 1e300, -745.13, -746.0, -1401.0, -1e300, 2.3e-308]
    x = np.concatenate([ends, *(random.uniform(a, b, 4000) for a, b in ranges)])
    found = on_this_processor(text, name, x)
    with np.errstate(all="ignore"):
        wanted = function(x)
        close = np.abs(found - wanted) <= 2 * np.spacing(np.minimum(np.abs(wanted), 1e308))
    assert np.array_equal(np.isnan(found), np.isnan(wanted))
    assert np.all(close | (found == wanted) | np.isnan(wanted))
