"""What one thread of a kernel does by itself: loops over elements in order, and memory of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wengert.compiler.backend.device_scratch import ALLOCATION
from wengert.compiler.backend.emit.host import Fault, HostEmitter
from wengert.compiler.backend.emit.loops import counted_loop
from wengert.compiler.backend.emit.nest import Nest, address, combine_elements, identity_of, store
from wengert.compiler.backend.emit.scalars import Dialect
from wengert.compiler.backend.emit.scope import Buffer
from wengert.compiler.backend.emit.text import Module, register_type
from wengert.compiler.ir.core import Op

ON_STACK = 8192
"""Bytes of an array of static extents that lies on the thread's stack (local memory)."""


UNROLLED, SHORT, LONG = 4, 8, 64
"""Trips of an innermost loop that are written out, twice as many of one that costs at most SHORT, none above LONG."""


class ThreadTarget:
    """The target of code inside a kernel."""

    splits_loops = False
    lanes = 1

    def __init__(self, dialect: Dialect, has_scratch: bool = False, interleaved: bool = False):
        self.dialect, self.has_scratch, self.interleaved = dialect, has_scratch, interleaved
        self.allocates = False

    def latch(self, host: HostEmitter, weight: int) -> str:
        """Several trips of a short innermost loop at a time: their loads are then under way together."""
        if weight > LONG or getattr(self.dialect, "shared", False):
            return ""  # LLVM does not unroll what a warp does together, and says so
        times = UNROLLED if weight > SHORT else 2 * UNROLLED
        count = host.module.node(f'!{{!"llvm.loop.unroll.count", i32 {times}}}')
        return f"!llvm.loop {host.module.node(f'!{{self, {count}}}')}"

    def run(self, host: HostEmitter, nest: Nest) -> str | None:
        if not nest.reduced:

            def each(index: list[str], _: list[str]) -> list[str]:
                nest.body(host.scope, index)
                return []

            _loops(host, nest.extents, [], each)
            return None
        if nest.into is None:
            return _reduction(host, nest, {})
        into = nest.into

        def kept(index: list[str], _: list[str]) -> list[str]:
            at = dict(zip(nest.kept, index, strict=True))
            total = _reduction(host, nest, at)
            store(host.scope, into, address(host.scope, into, index), total)
            return []

        _loops(host, [nest.extents[k] for k in nest.kept], [], kept)
        return None

    def run_parallel(self, host: HostEmitter, op: Op) -> bool:
        return False

    def contract(self, host: HostEmitter, op: Op) -> bool:
        return False

    def allocate(self, host: HostEmitter, count: str, item_bytes: int) -> str:
        small = count.isdigit() and int(count) * item_bytes <= ON_STACK
        if small and host.depth == 0 and not self.interleaved:  # `strides` holds for all that is allocated
            return host.text.alloca(f"[{int(count) * item_bytes} x i8]", "local", 16)
        self.allocates = True
        if self.has_scratch:
            base, size = self._frame_end(host, 0, "ptr"), self._frame_end(host, 1, "i64")
            own = "0"
            if self.interleaved:
                own = host.scope.index.multiply(self._frame_end(host, 3, "i64"), str(item_bytes))
            return host.text.value(f"call ptr @wg_scratch_allocate(ptr %live, ptr {base}, i64 {size}, i64 {own})")
        size = host.scope.index.multiply(count, str(item_bytes))
        pointer = host.text.value(f"call ptr @wg_thread_allocate(ptr %live, i64 {size})")
        host.check(host.text.value(f"icmp ne ptr {pointer}, null"), Fault("memory", host.op), count, str(item_bytes))
        return pointer

    def strides(self, host: HostEmitter, extents: Sequence[str]) -> tuple[str, ...] | None:
        if not self.interleaved:
            return None
        stride, found = self._frame_end(host, 2, "i64"), list[str]()
        for n in reversed(extents):
            found.insert(0, stride)
            stride = host.scope.index.multiply(stride, n)
        return tuple(found)

    def _frame_end(self, host: HostEmitter, word: int, type_: str) -> str:
        """A word that the kernel's entry puts behind the frame: scratch memory, bytes of a slot, how many threads there are,
        which one this is."""
        return host.text.value(f"load {type_}, ptr {host.frame_pointer(host.layout.words + word)}")

    def free(self, host: HostEmitter, pointer: str) -> None:
        self.allocates = True
        name = "wg_scratch_free" if self.has_scratch else "wg_thread_free"
        host.text.do(f"call void @{name}(ptr %live, ptr {pointer})")

    def copy(self, host: HostEmitter, source: Buffer, target: Buffer) -> None:
        size = host.scope.index.multiply(host.scope.index.product(source.extents), str(source.dtype.bits // 8))
        host.module.declare("llvm.memcpy", "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)")
        host.text.do(
            f"call void @llvm.memcpy.p0.p0.i64(ptr {target.pointer}, ptr {source.pointer}, i64 {size}, i1 false)"
        )

    def poll(self, host: HostEmitter, work: str) -> None:
        pass

    def finish(self, module: Module) -> None:
        """Define what the emitter only declares."""
        if self.has_scratch:  # what is left in the slots when the iteration ends needs no giving back
            module.functions[-1] = module.functions[-1].replace("call void @wg_free_all(ptr %live)", "; done")
            module.declarations["wg_scratch_allocate"] = ALLOCATION
            if "@wg_free_all" not in "".join(module.functions):
                module.declarations.pop("wg_free_all", None)
        elif "wg_free_all" in module.declarations or self.allocates:
            module.declarations["wg_free_all"] = MEMORY


def _loops(
    host: HostEmitter,
    extents: Sequence[str],
    carried: list[tuple[str, str]],
    body: Callable[[list[str], list[str]], list[str]],
) -> list[str]:
    """Nested loops over `extents`, the first axis outermost."""

    def nest(index: list[str], operands: list[str]) -> list[str]:
        if len(index) == len(extents):
            return body(index, operands)
        types = [t for t, _ in carried]
        inner = list(zip(types, operands, strict=True))
        return counted_loop(host.text, "0", extents[len(index)], inner, lambda k, o: nest([*index, k], o))

    return nest([], [operand for _, operand in carried])


def _reduction(host: HostEmitter, nest: Nest, at: dict[int, str]) -> str:
    """The elements over the reduced axes combined in order; `at` holds the indices of the kept axes."""
    assert nest.dtype is not None
    dtype = nest.dtype
    start = [(register_type(dtype), identity_of(nest.combine, dtype))]

    def body(reduced: list[str], operands: list[str]) -> list[str]:
        index = at | dict(zip(nest.reduced, reduced, strict=True))
        element = nest.body(host.scope, [index[k] for k in range(len(nest.extents))])
        assert element is not None
        flags = "contract" if host.scope.dialect.contracts else ""
        return [combine_elements(host.scope, nest.combine, dtype, operands[0], element, flags)]

    return _loops(host, [nest.extents[k] for k in nest.reduced], start, body)[0]


MEMORY = """declare noalias ptr @malloc(i64)
declare void @free(ptr)
define internal ptr @wg_thread_allocate(ptr %live, i64 %size) {
entry:
  %made = call ptr @malloc(i64 %size)
  br label %look
look:
  %k = phi i64 [ 1, %entry ], [ %next, %look ]
  %slot = getelementptr ptr, ptr %live, i64 %k
  %there = load ptr, ptr %slot
  %next = add i64 %k, 1
  %empty = icmp eq ptr %there, null
  br i1 %empty, label %keep, label %look
keep:
  store ptr %made, ptr %slot
  ret ptr %made
}
define internal void @wg_thread_free(ptr %live, ptr %p) {
entry:
  %slots = load i64, ptr %live
  br label %look
look:
  %k = phi i64 [ 1, %entry ], [ %next, %other ]
  %slot = getelementptr ptr, ptr %live, i64 %k
  %there = load ptr, ptr %slot
  %mine = icmp eq ptr %there, %p
  br i1 %mine, label %found, label %other
found:
  store ptr null, ptr %slot
  call void @free(ptr %p)
  ret void
other:
  %next = add i64 %k, 1
  %more = icmp ule i64 %next, %slots
  br i1 %more, label %look, label %done
done:
  ret void
}
define internal void @wg_free_all(ptr %live) {
entry:
  %slots = load i64, ptr %live
  br label %look
look:
  %k = phi i64 [ 1, %entry ], [ %next, %look ]
  %slot = getelementptr ptr, ptr %live, i64 %k
  %there = load ptr, ptr %slot
  call void @free(ptr %there)
  %next = add i64 %k, 1
  %more = icmp ule i64 %next, %slots
  br i1 %more, label %look, label %done
done:
  ret void
}"""
