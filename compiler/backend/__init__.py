"""IR to machine code, for the CPU and (with `device*.py`) for GPUs.

    lower       Function -> Function       composite rows expanded: what is left has an instruction or a call
    fuse        Function -> stored values  which arrays are kept in buffers; all others are *virtual*: their elements
                                           are computed where they are read, so chains of array expressions are one loop
    bufferise   -> Plan                    which buffer each stored value is in: in place where the operand dies,
                                           moved, or copied; what is freed where; what is allocated before a loop
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
host operand. On the CPU the scope of the body is the host's own. A GPU target makes a `CapturingScope` over the text of a new kernel:
each host operand that is asked for becomes a kernel parameter (`scope.captured`: host operand, LLVM type, kernel name),
and the index operands are thread ids instead of loop counters. What differs in instructions is in
`scope.dialect` (emit/scalars.py): the names of math functions, the address space of pointers, atomics.

`for` ops with `parallel = True` reach `target.run_parallel(host, op)`; the CPU runs them as loops.
Memory goes through `target.allocate(host, bytes)`, `target.free(host, pointer)`, `target.copy(host, ...)`.
"""
