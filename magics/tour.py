"""`%wengert tour`: one small cell, run as the reader would run it, and what its panel shows."""

from __future__ import annotations

from wengert.magics import cells
from wengert.magics.session import Session

CELL = """def tour_decay(x: float) -> float:
    for _ in range(50):
        x = x - 0.1 * x * x
    return x
"""
BEFORE = "This cell is run now; it binds tour_decay and grad_tour_decay:\n\n%%autodiff\n"
AFTER = """
The panel has one line of status, and tabs that are built when they are opened:
  Graph       the function and its derivative side by side. Click the loop to open it, and an operation to see its line,
              its IR, and what the reverse sweep does about it. Show lights up how x reaches the result.
  Stages      the program after each step of the compiler, two side by side. A click on a line lights what belongs to it.
  Placement   the devices, and where functions, arrays and kernels are. Drag one to another device, or move it with the
              arrow keys, to predict what it would cost there; Measure says how far off that was.
  Transfers   every copy between host and device on a timeline; this cell runs on the CPU, and makes none.
  Timings     where the compile time went, and buttons that measure calls over sizes, threads and batches, and the roofline.
  Memory      what the reverse sweep keeps: the 50 values of x. The slider sets a limit, and says what it costs.
  Explore     drag x: the value, the tangent and the derivative follow, computed by the compiled function.
  Findings    what `wg.check` finds at the last call; here nothing.
In a terminal there is the line of status alone; `%wengert graph grad_tour_decay` prints the graph, and
`%wengert bench grad_tour_decay(2.0)` measures it.
"""


def tour(session: Session) -> None:
    """Run the cell and say what each tab is for."""
    print(BEFORE + CELL)
    cells.run(session, "autodiff", "", CELL)
    value, slope = (session.user[name](2.0) for name in ("tour_decay", "grad_tour_decay"))
    print(f"\ntour_decay(2.0) is {value:.6g}, and its derivative there, grad_tour_decay(2.0), is {slope:.6g}.")
    if not session.view:
        print("No panel is shown: `%wengert settings view on` brings it back.")
    print(AFTER.rstrip())
