"""`%wengert tour`: one small cell, run as the reader would run it, and what its panel shows."""

from __future__ import annotations

from wengert.magics import cells
from wengert.magics.session import Session

CELL = """def tour_decay(x: float) -> float:
    for _ in range(5):
        x = x - 0.1 * x * x
    return x
"""
BEFORE = "This cell is run now; it binds tour_decay and grad_tour_decay:\n\n%%autodiff\n"
AFTER = """
The panel has one line of status, and tabs that are built when they are opened:
  Graph       the function and its derivative side by side. A loop is closed until it is clicked; a click on a node shows
              its line, its IR and what it reads.
  Stages      what every stage of the compiler made of it, two side by side; a click on a line marks it in both.
  Placement   the devices, where arrays and kernels of an offloaded function live, and every copy that was made for it; drag a
              function to another device to see what it would cost there.
  Transfers   the copies and kernels of an offloaded call over time.
  Timings     where the compile time went, and buttons that measure calls over sizes, threads and batches, and the roofline;
              `%wengert bench grad_tour_decay(2.0)` measures one call.
  Memory      what the reverse sweep keeps, and what a limit would cost.
  Explore     sliders for the arguments of the last call: value and tangent at once.
  Findings    where the derivative may not be the one that is meant.
In a terminal there is the line of status alone; `%wengert graph grad_tour_decay` prints the graph.
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
