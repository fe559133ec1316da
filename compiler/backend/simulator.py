"""Kernels for the simulated GPU: the kernel's LLVM text as plain functions of this processor, one call a thread.

    define void @k(ptr %params, i32 %block, i32 %thread, i32 %blocks, i32 %threads)

`launch` has the parameters of cuLaunchKernel, so that the host code is the same for both.
"""

from __future__ import annotations

DEVICE_BIT = 1 << 62
"""Set in every simulated device address; the kernels' entries and the copies clear it. With it set, an address cannot
be read on any 64-bit processor there is."""

# Kernels and launcher are compiled apart, as on a real GPU.
LAUNCHER = """
define i32 @launch(ptr %kernel, i32 %blocks, i32 %by, i32 %bz, i32 %threads, i32 %ty, i32 %tz, i32 %shared, ptr %stream,
                   ptr %params, ptr %extra) {
entry:
  br label %block
block:
  %b = phi i32 [ 0, %entry ], [ %b.next, %block.end ]
  %b.more = icmp ult i32 %b, %blocks
  br i1 %b.more, label %thread, label %done
thread:
  %t = phi i32 [ 0, %block ], [ %t.next, %thread.body ]
  %t.more = icmp ult i32 %t, %threads
  br i1 %t.more, label %thread.body, label %block.end
thread.body:
  call void %kernel(ptr %params, i32 %b, i32 %t, i32 %blocks, i32 %threads)
  %t.next = add i32 %t, 1
  br label %thread
block.end:
  %b.next = add i32 %b, 1
  br label %block
done:
  ret i32 0
}
"""
