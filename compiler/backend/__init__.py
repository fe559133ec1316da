"""IR to machine code, for the CPU and (with `device*.py`) for GPUs.

    lower       Function -> Function       composite rows expanded: what is left has an instruction or a call
    fuse        Function -> stored values  which arrays are kept in buffers; all others are *virtual*: their elements
                                           are computed where they are read, so chains of array expressions are one loop
    bufferise   -> Plan                    which buffer each stored value is in: in place where the operand dies,
                                           moved, or copied (disjoint.py: which regions cannot overlap)
    memory      Plan -> Plan               what is freed where; what is allocated before a loop; buffers that take turns
    emit/       Plan -> LLVM text          one `HostEmitter` per function
    target      LLVM text -> addresses     the passes and the JIT of this CPU

The seam between host and device
--------------------------------
`emit.host.HostEmitter(plan, module, target)` walks the function in order. Scalars, control flow, checks and memory are
host code on every target. All work over array elements reaches `target.run(host, nest)` as a `Nest` (emit/nest.py):

    Nest.extents     the iteration domain, one LLVM i64 operand per axis (outermost first), as host operands
    Nest.body(scope, index)    writes the LLVM text of one element to `scope.text`, given the index operands
    Nest.reduction   None, or how the values returned by `body` are combined over the trailing axes
    Nest.weight      estimated cost of an element

Everything a body needs from outside it asks of `scope` (emit/scope.py): `scope.scalar(value)`, `scope.buffer(value)`
(pointer, extents, strides of a stored array), `scope.extent(value, axis)`, `scope.outer(operand, type)` for any other
host operand. What differs in instructions is in `scope.dialect` (emit/scalars.py): math functions, atomics.

GPUs
----
A GPU program is split before any text is written, IR to IR (device_outline.py): a host part that launches, and kernels,
each an ordinary function (i, outputs..., inputs...) -> outputs for one iteration. The emitter here writes it as it would
for the CPU, with `ThreadTarget` (device_thread.py) for loops and memory within a thread; device_text.py puts a loop over
the thread's iterations around it, for NVPTX or for the simulated GPU. The host part is written by device_host*.py:
arrays there are counted references to device memory, so what is in place is decided as the program runs.

`for` ops with `parallel = True` reach `target.run_parallel(host, op)`; the CPU runs
them as tasks of its threads (threads.py, emit/tasks.py), or as loops where threads do not pay.
Memory goes through `target.allocate(host, bytes)`, `target.free(host, pointer)`, `target.copy(host, ...)`.
"""
