"""Ops of the host part without regions: scalars, checks, memory, launches, a library's products."""

from __future__ import annotations

from collections.abc import Sequence

from wengert.compiler.backend.device_host import WRITE, DeviceBuffer, HostWriter
from wengert.compiler.backend.device_memory import BLOCK, CHUNK, Table
from wengert.compiler.backend.device_scratch import MOST_BYTES, Scratch
from wengert.compiler.backend.emit.scalars import emit_row
from wengert.compiler.backend.emit.text import constant_text, memory_type, part_type, register_type
from wengert.compiler.ir.core import Op, Value

THREADS = {"few": 64, "many": BLOCK}
"""Threads of a block, by the `threads` of a launch: small blocks spread over more of the GPU."""
PER_BLOCK = {"group": BLOCK, "chunk": CHUNK}
"""Iterations of a block where a launch has as many blocks as it takes."""
MOST_THREADS = 1 << 20
"""Of a launch; each then takes several iterations."""


def _scalar(host: HostWriter, op: Op) -> None:
    assert op.result.type.is_scalar, f"{op!r} is no host op"
    host.scalars[op.result] = emit_row(host.text, host.dialect, op, [host.scalars[v] for v in op.operands])


def _constant(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = constant_text(op.attrs["value"], op.result.type.dtype)


def _dim(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = host.arrays[op.operands[0]].extents[op.attrs["axis"]]


def _index(host: HostWriter, op: Op) -> None:
    i, n = (host.scalars[v] for v in op.operands)
    wrapped = _wrapped(host, i, n)
    host.check(host.text.value(f"icmp ult i64 {wrapped}, {n}"), "index", op, i, n)
    host.scalars[op.result] = wrapped


def _wrap_index(host: HostWriter, op: Op) -> None:
    host.scalars[op.result] = _wrapped(host, *(host.scalars[v] for v in op.operands))


def _wrapped(host: HostWriter, i: str, n: str) -> str:
    negative = host.text.value(f"icmp slt i64 {i}, 0")
    return host.text.value(f"select i1 {negative}, i64 {host.text.value(f'add i64 {i}, {n}')}, i64 {i}")


def _same_extent(host: HostWriter, op: Op) -> None:
    n, m = (host.scalars[v] for v in op.operands)
    host.check(host.text.value(f"icmp eq i64 {n}, {m}"), "shape", op, n, m)
    host.scalars[op.result] = n


def _check(host: HostWriter, op: Op) -> None:
    host.check(host.scalars[op.operands[0]], op.attrs["fault"], op)


def _empty(host: HostWriter, op: Op) -> None:
    known = [host.scalars[v] for v in op.operands]
    extents = [known[k] if n is None else str(n) for k, n in enumerate(op.result.type.shape)]
    host.arrays[op.result] = host.acquire(extents, op.result.type.dtype, op)


def _reshape(host: HostWriter, op: Op) -> None:
    buffer = host.take(op.operands[0], op)
    extents = tuple(host.scalars[v] for v in op.operands[1:])
    host.arrays[op.result] = DeviceBuffer(buffer.dtype, buffer.handle, extents)


def _load(host: HostWriter, op: Op) -> None:
    """One element, read from the device: waits for it."""
    array, *index = op.operands
    buffer, dtype = host.arrays[array], op.result.type.dtype
    position = "0"
    for i, n in zip(index, buffer.extents, strict=True):
        scaled = host.text.value(f"mul i64 {position}, {n}") if position != "0" else "0"
        position = host.text.value(f"add i64 {scaled}, {host.scalars[i]}")
    where = host.text.value(f"getelementptr {memory_type(dtype)}, ptr {host.address(buffer)}, i64 {position}")
    slot = host.text.alloca(memory_type(dtype))
    status = host.text.value(f"call i32 @wg_read(ptr {host.table}, ptr {slot}, ptr {where}, i64 {dtype.bits // 8})")
    host.check(host.text.value(f"icmp eq i32 {status}, 0"), "device", op, host.text.value(f"zext i32 {status} to i64"))
    value = host.text.value(f"load {memory_type(dtype)}, ptr {slot}")
    host.scalars[op.result] = host.text.value(f"icmp ne i8 {value}, 0") if dtype.kind == "b" else value


def _launch(host: HostWriter, op: Op) -> None:
    """Arguments by their addresses, as cuLaunchKernel wants them; nothing is launched for no iterations."""
    text, outputs = host.text, op.attrs["outputs"]
    buffers = [host.take(v, op) for v in op.operands[1 : 1 + outputs]]
    buffers = [host.writable(b, op) for b in buffers]
    count, kernel = host.scalars[op.operands[0]], host.kernels[op.attrs["kernel"].name]
    go, after = text.fresh("launch"), text.fresh("after")
    text.branch_if(text.value(f"icmp sgt i64 {count}, 0"), go, after)
    text.label(go)
    rows, depth, more = "1", "1", "1"
    scratch, held = host.scratch[kernel], ""
    if op.attrs["threads"] == "plane":
        columns = op.attrs["columns"]
        width = host.scalars[op.operands[columns]] if columns > 0 else str(-columns)
        blocks, threads, rows, depth, more = _plane(host, count, width, op.attrs["rows"])
    elif op.attrs["threads"] in PER_BLOCK:
        per = PER_BLOCK[op.attrs["threads"]]
        blocks, threads = text.value(f"udiv i64 {text.value(f'add i64 {count}, {per - 1}')}, {per}"), str(BLOCK)
    else:
        one = op.attrs["threads"] == "one"
        each = THREADS.get(op.attrs["threads"], 1)
        blocks, threads = text.value(f"udiv i64 {text.value(f'add i64 {count}, {each - 1}')}, {each}"), str(each)
        if one:
            blocks, threads = "1", "1"
        elif scratch is not None:
            blocks = _smaller(host, blocks, str(MOST_THREADS // each))
    arguments = [("i64", count), ("ptr", host.table_word(Table.ERRORS))]
    for v, buffer in zip(op.operands[1 : 1 + outputs], buffers, strict=True):
        arguments += _argument(host, v, buffer)
    for v in op.operands[1 + outputs :]:
        arguments += _argument(host, v, host.arrays[v] if v.type.is_array else None)
    if scratch is not None:
        assert rows == "1", "a kernel over columns makes no arrays"
        held, size, blocks = _scratch(host, op, scratch, buffers, count, blocks, threads)
        arguments += [("ptr", text.value(f"load ptr, ptr {held}")), ("i64", size)]
    slots = text.alloca(f"[{len(arguments)} x [2 x i64]]", "args", 16)
    pointers = text.alloca(f"[{len(arguments) + 1} x ptr]", "params", 16)
    for k, (type_, operand) in enumerate(arguments):
        slot = text.value(f"getelementptr [2 x i64], ptr {slots}, i64 {k}")
        text.do(f"store {type_} {operand}, ptr {slot}")
        text.do(f"store ptr {slot}, ptr {text.value(f'getelementptr ptr, ptr {pointers}, i64 {k}')}")
    text.do(f"store ptr null, ptr {text.value(f'getelementptr ptr, ptr {pointers}, i64 {len(arguments)}')}")  # for the simulator
    launch, stream = host.table_word(Table.LAUNCH), host.table_word(Table.STREAM)
    grid = text.value(f"trunc i64 {blocks} to i32")
    code = host.table_word(Table.LAUNCHES + len(host.kernels) + kernel)
    status = text.value(
        f"call i32 {launch}(ptr {code}, i32 {grid}, i32 {rows}, i32 {more}, i32 {threads}, "
        f"i32 {depth}, i32 1, i32 0, ptr {stream}, ptr {pointers}, ptr null)"
    )
    text.do(f"call void @wg_add(ptr {host.table}, i64 {Table.LAUNCHES + kernel}, i64 1)")
    host.check(text.value(f"icmp eq i32 {status}, 0"), "device", op, text.value(f"zext i32 {status} to i64"))
    if held:
        text.do(f"call void @wg_drop(ptr {host.table}, ptr {held})")
    text.branch(after)
    text.label(after)
    for v, buffer in zip(op.results, buffers, strict=True):
        host.arrays[v] = buffer


MOST_DOWN = 65535
"""Blocks of a grid along y, and along z."""


def _plane(host: HostWriter, rows: str, columns: str, each: int) -> tuple[str, str, str, str, str]:
    """(blocks, threads of a block) along the columns, as i64 and i32, then along the rows, as i32; layers of blocks, where one
    has not enough rows. Each thread does `each` of these.

    A block is as wide as the columns, rounded up to a power of two, at most a warp of threads; the rest of it spreads over
    rows, so that what neighbouring rows read of each other comes from its cache.
    """
    text = host.text
    text.module.declare("llvm.ctlz.i64", "declare i64 @llvm.ctlz.i64(i64, i1)")
    below = _smaller(host, text.value(f"sub i64 {columns}, 1"), "31")  # no columns: anything, nothing runs
    leading = text.value(f"call i64 @llvm.ctlz.i64(i64 {below}, i1 false)")
    bits = text.value(f"sub i64 64, {leading}")
    width, height = text.value(f"shl i64 1, {bits}"), text.value(f"lshr i64 {BLOCK}, {bits}")

    def blocks(count: str, size: str) -> str:
        most = text.value(f"sub i64 {size}, 1")
        return text.value(f"udiv i64 {text.value(f'add i64 {count}, {most}')}, {size}")

    across = blocks(columns, width)
    across = text.value(f"select i1 {text.value(f'icmp eq i64 {across}, 0')}, i64 1, i64 {across}")
    down = blocks(rows, text.value(f"mul i64 {height}, {each}"))
    layers = blocks(down, str(MOST_DOWN))
    narrow = [text.value(f"trunc i64 {n} to i32") for n in (width, _smaller(host, down, str(MOST_DOWN)), height, layers)]
    return across, narrow[0], narrow[1], narrow[2], narrow[3]


def _smaller(host: HostWriter, a: str, b: str) -> str:
    return host.text.value(f"select i1 {host.text.value(f'icmp ult i64 {a}, {b}')}, i64 {a}, i64 {b}")


def _scratch(
    host: HostWriter, op: Op, scratch: Scratch, outputs: Sequence[DeviceBuffer], count: str, blocks: str, threads: str
) -> tuple[str, str, str]:
    """(handle of the scratch memory, bytes of a slot, blocks): as many blocks as there is room for, at least one."""
    text, largest = host.text, "16"
    buffers = [None, *outputs, *(host.arrays.get(v) for v in op.operands[1 + len(outputs) :])]
    for factors in scratch.sizes:
        size = "1"
        for factor in factors:
            operand = str(factor)
            if isinstance(factor, tuple):
                number, axis = factor
                buffer = buffers[number]
                operand = host.scalars[op.operands[number]] if axis is None or buffer is None else buffer.extents[axis]
            size = text.value(f"mul i64 {size}, {operand}")
        largest = text.value(f"select i1 {text.value(f'icmp ugt i64 {size}, {largest}')}, i64 {size}, i64 {largest}")
    slot = text.value(f"and i64 {text.value(f'add i64 {largest}, 15')}, -16")
    block = text.value(f"mul i64 {slot}, {scratch.slots * int(threads)}")
    room = text.value(f"udiv i64 {MOST_BYTES}, {block}")
    room = text.value(f"select i1 {text.value(f'icmp eq i64 {room}, 0')}, i64 1, i64 {room}")
    blocks = _smaller(host, blocks, room)
    handle = text.value(f"call ptr @wg_acquire(ptr {host.table}, i64 {text.value(f'mul i64 {block}, {blocks}')})", "h")
    host.check(text.value(f"icmp ne ptr {handle}, null"), "memory", op)
    return handle, slot, blocks


def _library_dot(host: HostWriter, op: Op) -> None:
    """The runtime is told which product (by number), the addresses, and the extents of both operands."""
    text, (target, a, b) = host.text, op.operands
    out = host.writable(host.take(target, op), op)
    x, y = host.arrays[a], host.arrays[b]
    known = [*x.extents, *y.extents]
    extents = text.alloca(f"[{len(known)} x i64]", "extents")
    for k, n in enumerate(known):
        text.do(f"store i64 {n}, ptr {text.value(f'getelementptr i64, ptr {extents}, i64 {k}')}")
    host.dots.append(op)
    pointers = ", ".join(f"ptr {host.address(buffer)}" for buffer in (out, x, y))
    status = text.value(f"call i32 {host.table_word(Table.DOT)}(i64 {len(host.dots) - 1}, {pointers}, ptr {extents})")
    host.check(text.value(f"icmp eq i32 {status}, 0"), "device", op, text.value(f"zext i32 {status} to i64"))
    host.arrays[op.result] = out


def _library_call(host: HostWriter, op: Op) -> None:
    """The runtime is told which call (by number), the addresses and extents of all arrays, outputs first, and the numbers."""
    text, count = host.text, op.attrs["outputs"]
    outputs = [host.writable(host.take(v, op), op) for v in op.operands[:count]]
    arrays = [*outputs, *(host.arrays[v] for v in op.operands[count:] if v.type.is_array)]
    numbers = [v for v in op.operands[count:] if v.type.is_scalar]
    pointers = _in_a_row(host, [f"ptr {host.address(b)}" for b in arrays])
    extents = _in_a_row(host, [f"i64 {n}" for b in arrays for n in b.extents])
    values = _in_a_row(host, [f"{register_type(v.type.dtype)} {host.scalars[v]}" for v in numbers])
    host.calls.append(op)
    status = text.value(
        f"call i32 {host.table_word(Table.LIBRARY)}(i64 {len(host.calls) - 1}, ptr {pointers}, ptr {extents}, ptr {values})"
    )
    host.check(text.value(f"icmp ult i32 {status}, 2"), "device", op, text.value(f"zext i32 {status} to i64"))
    for v, buffer in zip(op.results, outputs, strict=False):
        host.arrays[v] = buffer
    host.scalars[op.results[-1]] = text.value(f"icmp eq i32 {status}, 0")


def _in_a_row(host: HostWriter, operands: Sequence[str]) -> str:
    """Words in memory, eight bytes each."""
    place = host.text.alloca(f"[{max(1, len(operands))} x i64]", "row")
    for k, operand in enumerate(operands):
        host.text.do(f"store {operand}, ptr {host.text.value(f'getelementptr i64, ptr {place}, i64 {k}')}")
    return place


def _argument(host: HostWriter, v: Value, buffer: DeviceBuffer | None) -> list[tuple[str, str]]:
    """What a kernel takes for a value: see device_entry.parameters."""
    if buffer is not None:
        return [("ptr", host.address(buffer)), *(("i64", n) for n in buffer.extents)]
    dtype, operand = v.type.dtype, host.scalars[v]
    if dtype.kind == "c":
        halves = [host.text.value(f"extractvalue {register_type(dtype)} {operand}, {k}") for k in (0, 1)]
        return [(part_type(dtype), half) for half in halves]
    type_, operand = host._in_memory(operand, dtype).split(" ", 1)
    return [(type_, operand)]


WRITE.update(
    {
        "elementwise": _scalar,
        "constant": _constant,
        "dim": _dim,
        "index": _index,
        "wrap_index": _wrap_index,
        "same_extent": _same_extent,
        "check": _check,
        "empty": _empty,
        "reshape": _reshape,
        "load": _load,
        "launch": _launch,
        "library_dot": _library_dot,
        "library_call": _library_call,
    }
)
