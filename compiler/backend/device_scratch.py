"""Memory for arrays that a thread makes for itself: slots of one size in a buffer that the host allocates per launch.

A thread has as many slots as it can hold arrays at once, each as large as the largest of them. Slots of all threads lie
within each other where that is possible, so that neighbours' elements of one index are neighbours, and a warp reads them at
once. That needs every array's
extents to be known at the launch; where one depends on the iteration, threads ask CUDA's own `malloc` instead, which is
slower by far and takes from a heap of fixed size.
"""

from __future__ import annotations

from dataclasses import dataclass

from wengert.compiler.backend.bufferise import Plan

Factor = int | tuple[int, int | None]
"""A number, or operand k of the launch: a scalar's value (k, None), an array's extent (k, axis)."""

MOST_BYTES = 1 << 30
"""Of scratch memory for one launch, if a single block of threads needs no more: fewer threads run at once then."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """slots: of each thread. sizes: of the arrays, each a product of factors, in bytes. interleaved: element k of thread t of T
    is element k T + t."""

    slots: int
    sizes: tuple[tuple[Factor, ...], ...]
    interleaved: bool = False


def can_interleave(plan: Plan) -> bool:
    """Whether every array keeps to one buffer: then each is known to be made here when it is read and written."""
    moves = any(slot.kind == "moving" for slot in plan.slots.values()) or bool(plan.rotations)
    return not moves and not any(op.name == "grow" for op in plan.function.body.walk())


def scratch_sizes(plan: Plan, indices: int) -> tuple[tuple[Factor, ...], ...] | None:
    """The sizes of the arrays that one iteration may allocate; None where they are not known at the launch.

    indices: how many of the function's first parameters number the iteration.
    """
    number = {p: max(0, k + 1 - indices) for k, p in enumerate(plan.function.params)}
    sizes: dict[tuple[Factor, ...], None] = {}
    for value, storage in plan.storage.items():
        own = storage.find()
        if own.kind in ("parameter", "stack"):
            continue
        factors: list[Factor] = [value.type.dtype.bits // 8]
        for place in plan.places.shape(value):
            source = place[0] if isinstance(place, tuple) else place
            if isinstance(source, int):
                factors.append(source)
            elif number.get(source, 0) == 0:  # 0 is the iteration
                return None
            else:
                factors.append((number[source], place[1] if isinstance(place, tuple) else None))
        sizes[tuple(factors)] = None
    return tuple(sizes)


ALLOCATION = """define internal ptr @wg_scratch_allocate(ptr %live, ptr %base, i64 %size, i64 %own) {
entry:
  br label %look
look:
  %k = phi i64 [ 1, %entry ], [ %next, %look ]
  %slot = getelementptr ptr, ptr %live, i64 %k
  %there = load ptr, ptr %slot
  %next = add i64 %k, 1
  %empty = icmp eq ptr %there, null
  br i1 %empty, label %keep, label %look
keep:
  %before = sub i64 %k, 1
  %whole = mul i64 %before, %size
  %offset = add i64 %whole, %own
  %made = getelementptr i8, ptr %base, i64 %offset
  store ptr %made, ptr %slot
  ret ptr %made
}
define internal void @wg_scratch_free(ptr %live, ptr %p) {
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
  ret void
other:
  %next = add i64 %k, 1
  %more = icmp ule i64 %next, %slots
  br i1 %more, label %look, label %done
done:
  ret void
}"""
