"""What ``wg.check`` says of the exercises' solutions: ``python -m tests.detect.tutorials [part of a name ...]``.

Each notebook runs with its solutions in place; what they define is then checked at the arguments of its first call.
"""

import argparse
import json
import re

import nbformat
from nbclient import NotebookClient

from tests.tutorials.test_notebooks import EXERCISE, NOTEBOOKS, TUTORIALS, solutions

RECORD = """
import copy, json, os, re, tempfile
os.environ["WENGERT_PROGRESS"] = os.path.join(tempfile.mkdtemp(), "progress.json")
import wengert as wg
from wengert.compiler.detect.check import function_of
from wengert.compiler.transforms.compiled import Compiled
called = {}
def record(self, args, kwargs, run=Compiled._called):
    function = function_of(self)
    if hasattr(function, "__code__") and "atch" not in type(self).__name__ and not kwargs:  # a batch has arguments of many calls
        given = args[0] if self.argument_tuples and args else args
        called.setdefault(function.__name__, (function, copy.deepcopy(tuple(given))))
    return run(self, args, kwargs)
Compiled._called = record
"""
SAY = """
for name in NAMES:
    if name in called:
        function, given = called[name]
        try:
            report = wg.check(function, *given)
            found = [f"{f.kind}, line {f.line}: {f.message} | {f.code.strip()}" for f in report.warnings]
            print("SAID", json.dumps([name, round(report.seconds, 2), found]))
        except Exception as error:
            print("SAID", json.dumps([name, 0.0, [f"not checked: {type(error).__name__}: {error}"]]))
    else:
        print("SAID", json.dumps([name, 0.0, ["not called"]]))
"""


def said(path) -> list[tuple[str, float, list[str]]]:
    """Of each function that the solutions of a notebook define: its name, the seconds of the check, its warnings."""
    notebook = nbformat.read(path, as_version=4)
    solved = solutions(path)
    for cell in notebook.cells:
        for name in EXERCISE.findall(cell.source) if cell.cell_type == "code" else ():
            cell.source = solved[name]
    names = re.findall(r"^def (\w+)", "\n".join(solved.values()), re.MULTILINE)
    before, after = (nbformat.v4.new_code_cell(s) for s in (RECORD, SAY.replace("NAMES", repr(names))))
    notebook.cells = [before, *notebook.cells, after]
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(TUTORIALS)}}).execute()
    text = "".join(output.get("text", "") for output in after.outputs)
    return [tuple(json.loads(line[5:])) for line in text.splitlines() if line.startswith("SAID ")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    for path in NOTEBOOKS:
        if solutions(path) and (not options.names or any(n in path.stem for n in options.names)):
            for name, seconds, found in said(path):
                print(f"{path.stem}: {name}, {seconds} s: {found or 'nothing'}", flush=True)


if __name__ == "__main__":
    main()
