"""Sample view models: a heat-equation misfit and its adjoint, its placement on a GPU, its timings."""

from __future__ import annotations

from wengert.widgets import (
    ArrayPlace,
    CompileStage,
    Device,
    Edge,
    GraphModel,
    KernelPlace,
    Node,
    PlacementModel,
    Region,
    TimingModel,
    TimingRow,
    Transfer,
    Unavailable,
)

SOURCE = '''\
def misfit(u: NDArray[np.float64], k: float, steps: int):
    """Squared distance from the target after `steps` of diffusion."""
    v = u * 1.0
    for step in range(steps):
        flux = k * (v[2:] - 2.0 * v[1:-1] + v[:-2])
        v[1:-1] += flux
        if np.max(np.abs(flux)) < 1e-9:
            break
    d = v - target(k)
    return np.sum(d * d)'''


def graph(has_adjoint: bool = True) -> GraphModel:
    """A loop with a branch inside, a call, stored values, and adjoint nodes with and without a mirror."""
    vector, field = "f64[n]", "f64[n - 2]"
    primal = [
        Node("u", "u", line=1, column=12, ir="u = parameter 0", type=vector, active=True),
        Node("k", "k", line=1, column=37, ir="k = parameter 1", type="f64", active=True),
        Node("steps", "steps", line=1, column=47, ir="steps = parameter 2", type="i64"),
        Node("v0", "v₀ = u·1", line=3, column=9, ir="v0 = multiply u, 1.0", type=vector, active=True),
        Node(
            "lap",
            "laplacian",
            parent="loop",
            line=5,
            column=21,
            ir="lap = stencil v, [1.0, -2.0, 1.0]",
            type=field,
            active=True,
            note="Fused: three shifted reads in one pass over v.",
        ),
        Node(
            "flux",
            "flux = k·lap",
            parent="loop",
            line=5,
            column=16,
            ir="flux = multiply k, lap",
            type=field,
            active=True,
            stored=True,
        ),
        Node(
            "upd",
            "update v",
            parent="loop",
            line=6,
            column=9,
            ir="v1 = update v, slice(1, -1), add(v, flux)",
            type=vector,
            active=True,
            note="In place: v has no other reader.",
        ),
        Node("max", "max|flux|", parent="loop", line=7, column=12, ir="m = reduce max, abs(flux)", type="f64"),
        Node("stop", "m < 1e-9", parent="exit", line=7, column=12, ir="c = less m, 1e-9", type="bool"),
        Node("brk", "break", parent="exit", line=8, column=13, ir="break_if c", type="token"),
        Node(
            "t0", "centre·k", parent="call", line=9, column=13, ir="t0 = multiply centre, k", type=vector, active=True
        ),
        Node("t1", "exp", parent="call", line=9, column=13, ir="t1 = exp t0", type=vector, active=True, stored=True),
        Node("d", "d = v − t", line=9, column=9, ir="d = subtract v_end, t1", type=vector, active=True, stored=True),
        Node("dd", "d·d", line=10, column=19, ir="dd = multiply d, d", type=vector, active=True),
        Node("sum", "sum", line=10, column=12, ir="result = reduce add, dd", type="f64", active=True),
    ]
    regions = [
        Region("loop", "for", "step in range(steps)", line=4),
        Region("exit", "if", "max|flux| < 1e-9", parent="loop", line=7),
        Region("call", "call", "target(k)", line=9),
    ]
    links = "u>v0 v0>lap v0>upd k>flux lap>flux flux>upd flux>max max>stop stop>brk steps>stop upd>d k>t0 t0>t1 t1>d d>dd dd>sum"
    adjoint: list[Node] = []
    if has_adjoint:
        adjoint = [
            Node(
                "seed",
                "seed = 1",
                half="adjoint",
                ir="seed = constant 1.0",
                type="f64",
                active=True,
                note="The cotangent of the result.",
            ),
            Node(
                "a_sum",
                "broadcast",
                half="adjoint",
                mirror="sum",
                line=10,
                ir="a_dd = broadcast seed, n",
                type=vector,
                active=True,
            ),
            Node(
                "a_dd",
                "2·d·ā",
                half="adjoint",
                mirror="dd",
                line=10,
                ir="a_d = multiply (multiply 2.0, d), a_dd",
                type=vector,
                active=True,
            ),
            Node("a_d", "−ā", half="adjoint", mirror="d", line=9, ir="a_t1 = negate a_d", type=vector, active=True),
            Node(
                "a_t1",
                "ā·exp",
                half="adjoint",
                parent="a_call",
                mirror="t1",
                line=9,
                ir="a_t0 = multiply a_t1, t1",
                type=vector,
                active=True,
            ),
            Node(
                "a_t0",
                "dot",
                half="adjoint",
                parent="a_call",
                mirror="t0",
                line=9,
                ir="a_k0 = dot centre, a_t0",
                type="f64",
                active=True,
            ),
            Node(
                "a_upd",
                "read ā[1:-1]",
                half="adjoint",
                parent="a_loop",
                mirror="upd",
                line=6,
                ir="a_flux = slice a_v, 1, -1",
                type=field,
                active=True,
            ),
            Node(
                "a_flux1",
                "k·ā",
                half="adjoint",
                parent="a_loop",
                mirror="flux",
                line=5,
                ir="a_lap = multiply k, a_flux",
                type=field,
                active=True,
            ),
            Node(
                "a_flux2",
                "Σ flux·ā/k",
                half="adjoint",
                parent="a_loop",
                mirror="flux",
                line=5,
                ir="a_k1 = divide (dot flux, a_flux), k",
                type="f64",
                active=True,
            ),
            Node(
                "a_lap",
                "laplacianᵀ",
                half="adjoint",
                parent="a_loop",
                mirror="lap",
                line=5,
                ir="a_v = stencil_transpose a_lap, [1.0, -2.0, 1.0]",
                type=vector,
                active=True,
            ),
            Node(
                "acc",
                "ā += ",
                half="adjoint",
                parent="a_loop",
                line=6,
                ir="a_v = add a_v, a_stencil",
                type=vector,
                active=True,
            ),
            Node(
                "a_v0",
                "ā·1",
                half="adjoint",
                mirror="v0",
                line=3,
                ir="a_u0 = multiply a_v, 1.0",
                type=vector,
                active=True,
            ),
            Node("a_u", "∂u", half="adjoint", mirror="u", line=1, ir="grad_u = a_u0", type=vector, active=True),
            Node(
                "a_k", "∂k", half="adjoint", mirror="k", line=1, ir="grad_k = add a_k0, a_k1", type="f64", active=True
            ),
        ]
        regions += [
            Region("a_loop", "for", "step reversed", half="adjoint", line=4),
            Region("a_call", "call", "target(k) reversed", half="adjoint", line=9),
        ]
        links += (
            " seed>a_sum a_sum>a_dd d>a_dd a_dd>a_d a_d>a_t1 t1>a_t1 a_t1>a_t0 a_t0>a_k a_dd>a_upd a_upd>a_flux1 a_upd>a_flux2"
            " flux>a_flux2 a_flux1>a_lap a_lap>acc a_upd>acc a_flux2>a_k acc>a_v0 a_v0>a_u"
        )
    edges = [Edge(*link.split(">")) for link in links.split()]
    return GraphModel(
        "misfit and its gradient",
        tuple(SOURCE.split("\n")),
        1,
        (*primal, *adjoint),
        tuple(regions),
        tuple(edges),
        has_adjoint,
    )


def long_graph(loops: int = 40, inside: int = 20) -> GraphModel:
    """A chain of `loops` loops with `inside` operations each: more than a view draws at once."""
    nodes, regions, edges = [], [], []
    for loop in range(loops):
        regions.append(Region(f"r{loop}", "for", f"i{loop}", line=loop + 1))
        for step in range(inside):
            nodes.append(Node(f"n{loop}_{step}", f"add{loop}_{step}", parent=f"r{loop}", line=loop + 1, active=True))
    for before, after in zip(nodes, nodes[1:], strict=False):
        edges.append(Edge(before.id, after.id))
    source = tuple(f"x = x + {line}" for line in range(loops))
    return GraphModel("a long program", source, 1, tuple(nodes), tuple(regions), tuple(edges))


def placement() -> PlacementModel:
    """A host, a GPU that works and one that does not."""
    megabyte = 1_000_000
    return PlacementModel(
        "misfit on cuda:0",
        (
            Device("cpu", "16 cores, AVX-512", "cpu", 128_000 * megabyte, 4_200 * megabyte),
            Device("cuda:0", "NVIDIA H200", "cuda", 150_000 * megabyte, 61_000 * megabyte),
            Device(
                "cuda:1", "", "cuda", available=False, reason="the driver lists one GPU, this machine has no second one"
            ),
        ),
        (
            ArrayPlace("u", 134_217_728, (4096, 4096), "float64", "cuda:0"),
            ArrayPlace("v", 134_217_728, (4096, 4096), "float64", "cuda:0"),
            ArrayPlace("grad_u", 134_217_728, (4096, 4096), "float64", "cuda:0"),
            ArrayPlace("target", 32_768, (4096,), "float64", "cuda:0"),
            ArrayPlace("history", 8_000, (1000,), "float64", "cpu"),
        ),
        (
            KernelPlace("stencil_update", "cuda:0", 1000, 5),
            KernelPlace("stencil_transpose", "cuda:0", 1000, 5),
            KernelPlace("reduce_misfit", "cuda:0", 1, 10),
        ),
        (
            Transfer("u", 134_217_728, "to device", 2.61, "argument of misfit, first used on cuda:0", 1),
            Transfer("target", 32_768, "to device", 0.02, "read by reduce_misfit", 2),
            Transfer("result", 8, "to host", 0.009, "returned as a float", 3),
            Transfer("grad_u", 134_217_728, "to host", 2.48, "np.asarray(grad_u) in In[7]", 4),
        ),
    )


def timing() -> TimingModel:
    """Two sizes on two devices, a third device that is missing, and the compile time by stage."""
    return TimingModel(
        "misfit: gradient",
        (
            TimingRow("cpu", "grad(misfit)", 65_536, 1.84e-3, 1.80e-3, 1.95e-3),
            TimingRow("cpu", "grad(misfit)", 16_777_216, 612e-3, 604e-3, 631e-3, note="16 threads"),
            TimingRow("cuda:0", "grad(misfit)", 65_536, 0.93e-3, 0.90e-3, 1.02e-3, 0.61e-3, 0.32e-3),
            TimingRow("cuda:0", "grad(misfit)", 16_777_216, 17.2e-3, 17.0e-3, 17.9e-3, 12.1e-3, 5.1e-3),
        ),
        (Unavailable("cuda:1", "the driver lists one GPU, this machine has no second one"),),
        (
            CompileStage("parse", 1.2, 48),
            CompileStage("optimise", 6.4, 31),
            CompileStage("differentiate", 4.9, 74),
            CompileStage("optimise again", 7.7, 52),
            CompileStage("bufferise", 3.1, 58),
            CompileStage("LLVM", 61.5, 0),
            CompileStage("load", 9.3, 0),
        ),
        "Intel Xeon 8488C, 16 cores; NVIDIA H200",
        "2026-11-22 16:03",
        {"wengert": "0.1.0", "NumPy": "2.4.6", "LLVM": "22.1", "CuPy": "14.2"},
    )
