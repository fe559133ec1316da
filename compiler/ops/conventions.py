"""The conventions at points without a derivative, as a table made from the rows: `python -m wengert.compiler.ops.conventions`."""

from __future__ import annotations

from wengert.compiler import ops as rows
from wengert.compiler.ir.opdef import REGISTRY

assert rows  # importing it fills the registry


def table() -> str:
    """A Markdown table: NumPy's name, what the derivative is at the row's kinks, whether a zero seed stays zero there."""
    lines = ["| function | at points without a derivative | strong zero |", "|---|---|---|"]
    for name, row in sorted(REGISTRY.items()):
        if row.kinks or row.singular:
            called = f"`np.{row.numpy[0]}`" if row.numpy else f"`{name}`"
            lines.append(f"| {called} | {row.kinks} | {'yes' if row.singular else ''} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(table(), end="")
