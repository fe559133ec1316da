"""Mathematical functions of kernels, on the whole LLVM text: what two calls do together, and what LLVM would do worse.

    sin(x), cos(x)      one call that reduces the argument once
    1.0 / sqrt(x)       the reciprocal root, where nobody else asks for the root (within 1 ULP, as the quotient is); no branches
    frem                exact only by libdevice: LLVM expands it to x - y * trunc(x / y)
    exp(x)              without branches (libdevice has two), so that several are under way at a time
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterator

_FREM = re.compile(r"= frem (double|float) (\S+), (\S+)")
_FUNCTION = re.compile(r"^define .*?^}$", re.MULTILINE | re.DOTALL)
_TRIGONOMETRIC = re.compile(r"^(.*?)(%\S+) = call (double|float) @__nv_(sin|cos)f?\((?:double|float) (\S+)\)")
_ROOT = re.compile(r"(%\S+) = call double @llvm\.sqrt\.f64\(double (\S+)\)")
_RECIPROCAL = re.compile(r"= fdiv double (?:1\.0|1\.0+e\+?00|0x3FF0000000000000), (%[\w.]+)")
_SHIFTED = re.compile(r"(%\S+) = fadd [a-z ]*?double %\S+, (0x[0-9A-Fa-f]{16}|[-+.\de]+)$", re.MULTILINE)
"""A sum with a number: it is 0 or not below the normal range, as long as the number is not tiny."""
_NAME = re.compile(r"%[\w.]+")


def with_libdevice(text: str) -> str:
    """The module with its calls put together, and declarations of what is called now."""
    text = _FUNCTION.sub(lambda m: _reciprocal_roots(_sines_and_cosines(m[0])), text)
    text = _FREM.sub(
        lambda m: f"= call {m[1]} @__nv_fmod{'f' if m[1] == 'float' else ''}({m[1]} {m[2]}, {m[1]} {m[3]})", text
    )
    text = text.replace("call double @__nv_exp(", "call double @wg_exp(")
    made = "".join(_missing(text))
    if "@llvm.fma.f64(" in made and FMA not in text:
        made += FMA
    return text + made


def _missing(text: str) -> Iterator[str]:
    for type_, end in (("double", ""), ("float", "f")):
        if f"@wg_sincos{end}(" in text:
            yield _SINCOS.format(t=type_, f=end)
        fmod = f"declare {type_} @__nv_fmod{end}({type_}, {type_})\n"
        if f"call {type_} @__nv_fmod{end}(" in text and fmod not in text:
            yield fmod
    if "@wg_exp(" in text:
        yield exponential()
    for name, small in (("wg_rsqrt", True), ("wg_rsqrt_normal", False)):
        if f"@{name}(" in text:
            yield reciprocal_root(small)
    if "@wg_rsqrt" in text:
        yield "declare double @llvm.nvvm.rsqrt.approx.ftz.d(double)\n"


_EXP = (
    "3E5AF38A9B0EC855", "3E9289185613A3D6", "3EC71DE0DAE63BB3", "3EFA019B90D2AE7A", "3F2A01A01A7C41D5", "3F56C16C1788BD90",
    "3F811111111109B3", "3FA5555555553D63", "3FC5555555555556", "3FE0000000000001", "3FF0000000000000", "3FF0000000000000",
)  # fmt: skip
"""Coefficients of a polynomial, highest first, of which the relative error from exp is below 2e-17 for |r| <= log(2) / 2:
(exp(r) - 1 - r) / r**2 interpolated at Chebyshev nodes."""


FMA = "declare double @llvm.fma.f64(double, double, double)\n"


def exponential() -> str:
    """`double @wg_exp(double)`: exp(x) = 2**k exp(r), k the integer nearest to x / log(2); the power in two factors, for
    results below the normal range. Within 1 ULP."""
    lines, value = [], f"0x{_EXP[0]}"
    for n, number in enumerate(_EXP[1:]):
        lines.append(f"%p{n} = call double @llvm.fma.f64(double {value}, double %r, double 0x{number})")
        value = f"%p{n}"
    polynomial = "\n  ".join(lines)
    return f"""define internal double @wg_exp(double %x) alwaysinline {{
  %t = call double @llvm.fma.f64(double %x, double 0x3FF71547652B82FE, double 0x4338000000000000)
  %n = fsub double %t, 0x4338000000000000
  %h = call double @llvm.fma.f64(double %n, double 0xBFE62E42FEFA39EF, double %x)
  %r = call double @llvm.fma.f64(double %n, double 0xBC7ABC9E3B39803F, double %h)
  {polynomial}
  %t.bits = bitcast double %t to i64
  %k = trunc i64 %t.bits to i32
  %half = ashr i32 %k, 1
  %rest = sub i32 %k, %half
  %p.bits = bitcast double {value} to i64
  %half.wide = zext i32 %half to i64
  %up = shl i64 %half.wide, 52
  %first.bits = add i64 %p.bits, %up
  %first = bitcast i64 %first.bits to double
  %exponent = add i32 %rest, 1023
  %exponent.wide = zext i32 %exponent to i64
  %second.bits = shl i64 %exponent.wide, 52
  %second = bitcast i64 %second.bits to double
  %y = fmul double %first, %second
  %bits = bitcast double %x to i64
  %size = and i64 %bits, 9223372036854775807
  %far = icmp ugt i64 %size, {0x4095E00000000000}
  %nan = icmp ugt i64 %size, {0x7FF0000000000000}
  %negative = icmp slt i64 %bits, 0
  %limit = select i1 %negative, double 0.0, double 0x7FF0000000000000
  %other = select i1 %nan, double %x, double %limit
  %result = select i1 %far, double %other, double %y
  ret double %result
}}
"""


def reciprocal_root(small: bool) -> str:
    """`double @wg_rsqrt(double)`: the hardware's estimate y (of 20 bits at least) times 1 + e / 2 + 3 e**2 / 8, e = 1 - x y**2.
    The estimate itself is the result for 0, infinity, negative numbers and NaN. small: for arguments below the normal range too,
    which are scaled."""
    before = f"""
  %g.bits = bitcast double %g to i64
  %g.wide = lshr i64 %g.bits, 32
  %g.high = trunc i64 %g.wide to i32
  %small = icmp ult i32 %g.high, {1 << 20}
  %scale = select i1 %small, double {_hex(2.0**108)}, double 1.0
  %x = fmul double %g, %scale"""
    after = f"""
  %root.bits = bitcast double %root to i64
  %up = select i1 %small, i64 {54 << 52}, i64 0
  %scaled.bits = add i64 %root.bits, %up
  %scaled = bitcast i64 %scaled.bits to double"""
    name, x, root = ("wg_rsqrt", "g", "scaled") if small else ("wg_rsqrt_normal", "x", "root")
    return f"""define internal double @{name}(double %{x}) alwaysinline {{{before if small else ""}
  %y = call double @llvm.nvvm.rsqrt.approx.ftz.d(double %x)
  %square = fmul double %y, %y
  %less = fneg double %x
  %e = call double @llvm.fma.f64(double %less, double %square, double 1.0)
  %third = call double @llvm.fma.f64(double %e, double 0.375, double 0.5)
  %part = fmul double %y, %e
  %root = call double @llvm.fma.f64(double %third, double %part, double %y){after if small else ""}
  %x.bits = bitcast double %x to i64
  %x.wide = lshr i64 %x.bits, 32
  %x.high = trunc i64 %x.wide to i32
  %above = sub i32 %x.high, {1 << 20}
  %normal = icmp ult i32 %above, {0x7FE << 20}
  %result = select i1 %normal, double %{root}, double %y
  ret double %result
}}
"""


def _number(text: str) -> float:
    if text.startswith("0x"):
        return float(struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0])
    return float(text)


def _hex(number: float) -> str:
    return f"0x{struct.unpack('<Q', struct.pack('<d', number))[0]:016X}"


_SINCOS = """declare void @__nv_sincos{f}({t}, ptr, ptr)
define internal {{ {t}, {t} }} @wg_sincos{f}({t} %x) alwaysinline {{
entry:
  %s = alloca {t}
  %c = alloca {t}
  call void @__nv_sincos{f}({t} %x, ptr %s, ptr %c)
  %sine = load {t}, ptr %s
  %cosine = load {t}, ptr %c
  %one = insertvalue {{ {t}, {t} }} poison, {t} %sine, 0
  %both = insertvalue {{ {t}, {t} }} %one, {t} %cosine, 1
  ret {{ {t}, {t} }} %both
}}
"""


def _sines_and_cosines(function: str) -> str:
    """Both of one argument in one basic block are one call, where the first of them was."""
    lines = function.split("\n")
    block, places = 0, dict[tuple[int, str, str], dict[str, list[int]]]()
    for k, line in enumerate(lines):
        if line.endswith(":"):
            block = k
        elif "@__nv_" in line and (found := _TRIGONOMETRIC.match(line)):
            places.setdefault((block, found[3], found[5]), {}).setdefault(found[4], []).append(k)
    for (block, type_, argument), calls in places.items():
        if len(calls) < 2:
            continue
        pair, both = f"%sincos.{block}.{min(min(at) for at in calls.values())}", f"{{ {type_}, {type_} }}"
        end = "f" if type_ == "float" else ""
        call = f"  {pair} = call {both} @wg_sincos{end}({type_} {argument})\n"
        for number, name in enumerate(("sin", "cos")):
            for k in calls[name]:
                found = _TRIGONOMETRIC.match(lines[k])
                assert found is not None
                lines[k] = f"{call if pair.endswith(f'.{k}') else ''}{found[1]}{found[2]} = extractvalue {both} {pair}, {number}"
    return "\n".join(lines)


def _reciprocal_roots(function: str) -> str:
    if "@llvm.sqrt.f64" not in function:
        return function
    roots = dict(_ROOT.findall(function))
    uses = Counter(_NAME.findall(function))
    shifted = {name for name, number in _SHIFTED.findall(function) if abs(_number(number)) >= 2.0**-900}

    def put(found: re.Match[str]) -> str:
        root = found[1]
        if root not in roots or uses[root] != 2:  # where it is made, and here
            return found[0]
        name = "wg_rsqrt_normal" if roots[root] in shifted else "wg_rsqrt"
        return f"= call double @{name}(double {roots[root]})"

    return _RECIPROCAL.sub(put, function)
