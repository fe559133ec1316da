"""One element: the instruction or call of an element-wise row on scalar operands.

What the rows cannot say by an LLVM instruction alone is here, keyed by that instruction: complex operands (componentwise
or by the textbook formulas NumPy uses), integer operations whose LLVM form is undefined for some operands, casts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wengert.compiler.backend.emit.text import Text, constant_text, part_type, register_type
from wengert.compiler.ir.core import Op
from wengert.compiler.ir.opdef import REGISTRY
from wengert.compiler.ir.types import DType

INTRINSICS = {"sqrt", "fabs", "floor", "ceil", "trunc", "rint", "copysign"}
"""Functions that are instructions on every target."""

PURE = "nounwind willreturn memory(none)"


class Dialect:
    """How a target spells what differs between targets. This one is the host CPU's; GPUs override it.

    fused: whether it has fused multiply-adds and no instruction for fmod.
    vector_variants(name, arity, bits) -> the LLVM vector function ABI strings of a libm function, e.g.
    "_ZGV_LLVM_N8v_exp(_ZGVeN8v_exp)", with lanes: what the loop vectoriser may call instead.
    """

    pointer = "ptr"
    contracts = False
    """Whether a product and the sum it goes into may be rounded once."""

    def __init__(
        self,
        vector_variants: Callable[[str, int, int], Sequence[tuple[str, str, int]]] = lambda *_: (),
        fused: bool = False,
    ):
        self.vector_variants, self.fused = vector_variants, fused

    def call(self, text: Text, names: tuple[str, str], dtype: DType, operands: Sequence[str]) -> str:
        """The math function of a row: names are (libm's, libdevice's) for f64."""
        type_ = register_type(dtype)
        arguments = ", ".join(f"{type_} {o}" for o in operands)
        types = ", ".join([type_] * len(operands))
        if names[0] in INTRINSICS:
            name = f"llvm.{names[0]}.f{dtype.bits}"
            text.module.declare(name, f"declare {type_} @{name}({types})")
            return text.value(f"call {type_} @{name}({arguments})")
        name = names[0] + ("f" if dtype.bits == 32 else "")
        text.module.declare(name, f"declare {type_} @{name}({types}) {PURE}")
        variants = self.vector_variants(name, len(operands), dtype.bits)
        for _, vector_name, lanes in variants:
            vector = f"<{lanes} x {type_}>"
            text.module.declare(vector_name, f"declare {vector} @{vector_name}({', '.join([vector] * len(operands))}) {PURE}")
            text.module.keep(vector_name)
        attributes = f' "vector-function-abi-variant"="{",".join(v for v, _, _ in variants)}"' if variants else ""
        return text.value(f"call {type_} @{name}({arguments}) {PURE}{attributes}")

    def atomic_add(self, text: Text, dtype: DType, base: str, pointer: str, value: str) -> bool:
        """Add to memory that other threads add to at once; False where plain loads and stores do.

        base: the pointer of the buffer, pointer: that of the element.
        """
        return False


def emit_row(text: Text, dialect: Dialect, op: Op, operands: Sequence[str]) -> str:
    """The LLVM operand for the result of an element-wise op on scalar operands (i1 for bools)."""
    row = REGISTRY[op.name]
    dtypes = [v.type.dtype for v in op.operands]
    if op.name == "cast":
        return cast(text, operands[0], dtypes[0], op.result.type.dtype)
    kind = dtypes[-1].kind
    if row.instruction is not None and (kind in row.instruction or kind == "c"):
        instruction = row.instruction.get(kind) or row.instruction["f"]
        if instruction == "frem" and dialect.fused:
            return _fmod(text, dtypes[-1], operands)
        if dialect.contracts and kind == "f" and instruction in ("fadd", "fsub", "fmul"):
            instruction += " contract"
        return apply_instruction(text, instruction, dtypes[-1], operands)
    assert row.call is not None and kind == "f", f"{op!r} has neither instruction nor call: it must be expanded"
    return dialect.call(text, row.call, dtypes[-1], operands)


def apply_instruction(text: Text, instruction: str, dtype: DType, operands: Sequence[str]) -> str:
    """`instruction` of operands of `dtype`."""
    type_ = register_type(dtype)
    if instruction == "select":
        condition, yes, no = operands
        return text.value(f"select i1 {condition}, {type_} {yes}, {type_} {no}")
    if dtype.kind == "c":
        return _COMPLEX[instruction](text, dtype, *operands)
    if instruction == "complex":
        return join(text, DType("", "c", 2 * dtype.bits), *operands)
    if instruction in _GUARDED and dtype.is_integer:
        return _GUARDED[instruction](text, dtype, *operands)
    return text.value(f"{instruction} {type_} {', '.join(operands)}")


def _fmod(text: Text, dtype: DType, operands: Sequence[str]) -> str:
    """fmod without a call where the quotient is small, exactly.

    With q = trunc(|x| / |y|), rounded, r = |x| - q |y| lies between -|y| and |y| and is a multiple of the smaller of their last
    places, so that one fused multiply-add gives it without an error; q may be one too large, never too small.
    """
    type_, bits, module = register_type(dtype), dtype.bits, text.module
    name = f"wg_fmod{bits}"
    if name not in module.shared:
        module.shared[name] = name
        for one in ("fabs", "trunc"):
            module.declare(f"llvm.{one}.f{bits}", f"declare {type_} @llvm.{one}.f{bits}({type_})")
        module.declare(f"llvm.copysign.f{bits}", f"declare {type_} @llvm.copysign.f{bits}({type_}, {type_})")
        module.declare(f"llvm.fma.f{bits}", f"declare {type_} @llvm.fma.f{bits}({type_}, {type_}, {type_})")
        exact = constant_text(2.0 ** (52 if bits == 64 else 23), dtype)
        zero, infinite = constant_text(0.0, dtype), constant_text(float("inf"), dtype)
        made = _FMOD.replace("TYPE", type_).replace("BITS", str(bits)).replace("EXACT", exact)
        module.functions.append(made.replace("ZERO", zero).replace("INFINITE", infinite))
    x, y = operands
    return text.value(f"call {type_} @{name}({type_} {x}, {type_} {y})")


_FMOD = """define internal TYPE @wg_fmodBITS.slow(TYPE %x, TYPE %y) noinline cold nounwind {
  %r = frem TYPE %x, %y
  ret TYPE %r
}
define internal TYPE @wg_fmodBITS(TYPE %x, TYPE %y) alwaysinline nounwind {
  %ax = call TYPE @llvm.fabs.fBITS(TYPE %x)
  %ay = call TYPE @llvm.fabs.fBITS(TYPE %y)
  %t = fdiv TYPE %ax, %ay
  %small = fcmp olt TYPE %t, EXACT
  %finite = fcmp olt TYPE %ay, INFINITE
  %quick = and i1 %small, %finite
  br i1 %quick, label %fast, label %slow
fast:
  %q = call TYPE @llvm.trunc.fBITS(TYPE %t)
  %negative = fneg TYPE %q
  %r = call TYPE @llvm.fma.fBITS(TYPE %negative, TYPE %ay, TYPE %ax)
  %below = fcmp olt TYPE %r, ZERO
  %up = fadd TYPE %r, %ay
  %rest = select i1 %below, TYPE %up, TYPE %r
  %signed = call TYPE @llvm.copysign.fBITS(TYPE %rest, TYPE %x)
  ret TYPE %signed
slow:
  %far = call TYPE @wg_fmodBITS.slow(TYPE %x, TYPE %y)
  ret TYPE %far
}"""

# -- integers


def _is_literal(operand: str) -> bool:
    return operand.lstrip("-").isdigit()


def _divide(instruction: str) -> Callable[[Text, DType, str, str], str]:
    """Division by 0 gives 0, as the reference; the smallest number by -1 wraps around."""

    def emit(text: Text, dtype: DType, x: str, y: str) -> str:
        type_ = register_type(dtype)
        if _is_literal(y) and y not in ("0", "-1"):
            return text.value(f"{instruction} {type_} {x}, {y}")
        zero = text.value(f"icmp eq {type_} {y}, 0")
        unsafe = zero
        if dtype.kind == "i":
            minus = text.value(f"icmp eq {type_} {y}, -1")
            unsafe = text.value(f"or i1 {zero}, {minus}")
        safe = text.value(f"select i1 {unsafe}, {type_} 1, {type_} {y}")
        result = text.value(f"{instruction} {type_} {x}, {safe}")
        if instruction == "sdiv":
            negated = text.value(f"sub {type_} 0, {x}")
            result = text.value(f"select i1 {minus}, {type_} {negated}, {type_} {result}")
        return text.value(f"select i1 {zero}, {type_} 0, {type_} {result}")

    return emit


def _shift(instruction: str) -> Callable[[Text, DType, str, str], str]:
    """Shifts by the width or more push every bit out, as NumPy's."""

    def emit(text: Text, dtype: DType, x: str, y: str) -> str:
        type_ = register_type(dtype)
        inside = text.value(f"icmp ult {type_} {y}, {dtype.bits}")
        amount = text.value(f"select i1 {inside}, {type_} {y}, {type_} {dtype.bits - 1}")
        result = text.value(f"{instruction} {type_} {x}, {amount}")
        return result if instruction == "ashr" else text.value(f"select i1 {inside}, {type_} {result}, {type_} 0")

    return emit


_GUARDED = {name: _divide(name) for name in ("sdiv", "udiv", "srem", "urem")}
_GUARDED |= {name: _shift(name) for name in ("shl", "lshr", "ashr")}

# -- complex numbers


def parts(text: Text, dtype: DType, value: str) -> tuple[str, str]:
    """The real and imaginary part of a complex operand."""
    type_ = register_type(dtype)
    return text.value(f"extractvalue {type_} {value}, 0"), text.value(f"extractvalue {type_} {value}, 1")


def join(text: Text, dtype: DType, real: str, imaginary: str) -> str:
    type_, part = register_type(dtype), part_type(dtype)
    half = text.value(f"insertvalue {type_} poison, {part} {real}, 0")
    return text.value(f"insertvalue {type_} {half}, {part} {imaginary}, 1")


def _componentwise(instruction: str) -> Callable[..., str]:
    def emit(text: Text, dtype: DType, *operands: str) -> str:
        pairs = [parts(text, dtype, o) for o in operands]
        part = part_type(dtype)
        done = [text.value(f"{instruction} {part} {', '.join(p[k] for p in pairs)}") for k in (0, 1)]
        return join(text, dtype, *done)

    return emit


def _compare(instruction: str, combine: str) -> Callable[..., str]:
    def emit(text: Text, dtype: DType, x: str, y: str) -> str:
        (a, b), (c, d) = parts(text, dtype, x), parts(text, dtype, y)
        first = text.value(f"{instruction} {part_type(dtype)} {a}, {c}")
        second = text.value(f"{instruction} {part_type(dtype)} {b}, {d}")
        return text.value(f"{combine} i1 {first}, {second}")

    return emit


def _complex_multiply(text: Text, dtype: DType, x: str, y: str) -> str:
    (a, b), (c, d), part = parts(text, dtype, x), parts(text, dtype, y), part_type(dtype)
    ac, bd = text.value(f"fmul {part} {a}, {c}"), text.value(f"fmul {part} {b}, {d}")
    ad, bc = text.value(f"fmul {part} {a}, {d}"), text.value(f"fmul {part} {b}, {c}")
    return join(text, dtype, text.value(f"fsub {part} {ac}, {bd}"), text.value(f"fadd {part} {ad}, {bc}"))


def _complex_divide(text: Text, dtype: DType, x: str, y: str) -> str:
    """Smith's algorithm, as NumPy's loops (numpy/_core/src/umath/loops.c.src, CDOUBLE_divide)."""
    (a, b), (c, d), part = parts(text, dtype, x), parts(text, dtype, y), part_type(dtype)

    def do(instruction: str, p: str, q: str) -> str:
        return text.value(f"{instruction} {part} {p}, {q}")

    def pick(condition: str, p: str, q: str) -> str:
        return text.value(f"select i1 {condition}, {part} {p}, {part} {q}")

    size = dtype.bits // 2
    text.module.declare(f"llvm.fabs.f{size}", f"declare {part} @llvm.fabs.f{size}({part})")
    abs_c = text.value(f"call {part} @llvm.fabs.f{size}({part} {c})")
    abs_d = text.value(f"call {part} @llvm.fabs.f{size}({part} {d})")
    real_larger = text.value(f"fcmp oge {part} {abs_c}, {abs_d}")
    large, small = pick(real_larger, c, d), pick(real_larger, d, c)
    ratio = do("fdiv", small, large)
    scale = do("fdiv", "1.0", do("fadd", large, do("fmul", small, ratio)))
    a_ratio, b_ratio = do("fmul", a, ratio), do("fmul", b, ratio)
    real = pick(real_larger, do("fadd", a, b_ratio), do("fadd", a_ratio, b))
    imaginary = pick(real_larger, do("fsub", b, a_ratio), do("fsub", b_ratio, a))
    real, imaginary = do("fmul", real, scale), do("fmul", imaginary, scale)
    zero = text.value(f"fcmp oeq {part} {do('fadd', abs_c, abs_d)}, 0.0")
    return join(text, dtype, pick(zero, do("fdiv", a, abs_c), real), pick(zero, do("fdiv", b, abs_c), imaginary))


def _conjugate(text: Text, dtype: DType, z: str) -> str:
    x, y = parts(text, dtype, z)
    return join(text, dtype, x, text.value(f"fneg {part_type(dtype)} {y}"))


_COMPLEX: dict[str, Callable[..., str]] = {
    "real": lambda text, dtype, z: parts(text, dtype, z)[0],
    "imag": lambda text, dtype, z: parts(text, dtype, z)[1],
    "conjugate": _conjugate,
    "fadd": _componentwise("fadd"),
    "fsub": _componentwise("fsub"),
    "fneg": _componentwise("fneg"),
    "fmul": _complex_multiply,
    "fdiv": _complex_divide,
    "fcmp oeq": _compare("fcmp oeq", "and"),
    "fcmp une": _compare("fcmp une", "or"),
}

# -- casts


def cast(text: Text, value: str, source: DType, target: DType) -> str:
    """Conversion as NumPy's `astype` on x86: floats truncate towards zero; what does not fit is the smallest integer."""
    if source == target:
        return value
    if source.kind == "c":
        real, imaginary = parts(text, source, value)
        part = part_type(source)
        if target.kind == "b":
            first, second = (text.value(f"fcmp une {part} {p}, 0.0") for p in (real, imaginary))
            return text.value(f"or i1 {first}, {second}")
        half = DType("", "f", source.bits // 2)
        if target.kind == "c":
            other = DType("", "f", target.bits // 2)
            return join(text, target, _float(text, real, half, other), _float(text, imaginary, half, other))
        return cast(text, real, half, target)
    if target.kind == "c":
        half = DType("", "f", target.bits // 2)
        return join(text, target, cast(text, value, source, half), "0.0")
    return _CASTS[source.kind, target.kind](text, value, source, target)


def _float(text: Text, value: str, source: DType, target: DType) -> str:
    if source.bits == target.bits:
        return value
    instruction = "fpext" if source.bits < target.bits else "fptrunc"
    return text.value(f"{instruction} {register_type(source)} {value} to {register_type(target)}")


def _integer(text: Text, value: str, source: DType, target: DType) -> str:
    if source.bits == target.bits and source.kind != "b":
        return value
    if source.kind == "b":
        return text.value(f"zext i1 {value} to {register_type(target)}")
    extend = "sext" if source.kind == "i" else "zext"
    instruction = extend if source.bits < target.bits else "trunc"
    return text.value(f"{instruction} {register_type(source)} {value} to {register_type(target)}")


def _float_to_integer(text: Text, value: str, source: DType, target: DType) -> str:
    """By way of the integer types the CPU converts to: i32 for the narrow ones, i64 for u32, halves for u64."""
    if target.name == "u64":
        return _float_to_u64(text, value, source)
    via = 64 if target.bits == 64 or target.name == "u32" else 32
    wide = _float_to_signed(text, value, source, via)
    return wide if via == target.bits else text.value(f"trunc i{via} {wide} to i{target.bits}")


def _float_to_signed(text: Text, value: str, source: DType, bits: int) -> str:
    type_ = register_type(source)
    bound = 2.0 ** (bits - 1)
    low, high = constant_text(-bound, source), constant_text(bound, source)
    below = text.value(f"fcmp olt {type_} {value}, {high}")
    # for i32 from f64 also values between -2**31 - 1 and -2**31 truncate to something that fits
    least = constant_text(-bound - 1.0, source) if bits < 53 and source.bits == 64 else low
    above = text.value(f"fcmp {'ogt' if least != low else 'oge'} {type_} {value}, {least}")
    inside = text.value(f"and i1 {below}, {above}")
    safe = text.value(f"select i1 {inside}, {type_} {value}, {type_} {low}")
    return text.value(f"fptosi {type_} {safe} to i{bits}")


def _float_to_u64(text: Text, value: str, source: DType) -> str:
    type_, half = register_type(source), constant_text(2.0**63, source)
    large = text.value(f"fcmp oge {type_} {value}, {half}")
    shifted = text.value(f"fsub {type_} {value}, {half}")
    picked = text.value(f"select i1 {large}, {type_} {shifted}, {type_} {value}")
    signed = _float_to_signed(text, picked, source, 64)
    flipped = text.value(f"xor i64 {signed}, {-(2**63)}")
    return text.value(f"select i1 {large}, i64 {flipped}, i64 {signed}")


def _to_bool(text: Text, value: str, source: DType, target: DType) -> str:
    if source.kind == "f":
        return text.value(f"fcmp une {register_type(source)} {value}, 0.0")
    return text.value(f"icmp ne {register_type(source)} {value}, 0")


def _to_float(instruction: str) -> Callable[[Text, str, DType, DType], str]:
    return lambda text, value, source, target: text.value(
        f"{instruction} {register_type(source)} {value} to {register_type(target)}"
    )


_CASTS: dict[tuple[str, str], Callable[[Text, str, DType, DType], str]] = {
    ("f", "f"): _float,
    ("f", "b"): _to_bool,
    ("i", "b"): _to_bool,
    ("u", "b"): _to_bool,
    ("i", "f"): _to_float("sitofp"),
    ("u", "f"): _to_float("uitofp"),
    ("b", "f"): _to_float("uitofp"),
    **{("f", k): _float_to_integer for k in "iu"},
    **{(s, t): _integer for s in "biu" for t in "iu"},
}


