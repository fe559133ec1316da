"""What `import wengert` costs and brings in, and that imports go one way."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPTIONAL = ["IPython", "anywidget", "cupy", "ipywidgets"]  # a script on a cluster node has none of them
LATER = ["llvmlite", "wengert.compiler.frontend"]  # what takes long is imported when it is first used

LIST_LOADED = f"import sys; print([name for name in {OPTIONAL!r} if name in sys.modules])"

IMPORT_ALL_OF_THE_COMPILER = """
import importlib, pkgutil
import wengert.compiler
for module in pkgutil.walk_packages(wengert.compiler.__path__, "wengert.compiler."):
    importlib.import_module(module.name)
"""


def run_python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("program", ["import wengert", IMPORT_ALL_OF_THE_COMPILER], ids=["wengert", "compiler"])
def test_optional_packages_are_not_imported(program):
    assert run_python(f"{program}\n{LIST_LOADED}") == "[]"


def test_what_takes_long_is_imported_later():
    assert run_python(f"import wengert, sys; print([name for name in {LATER!r} if name in sys.modules])") == "[]"


def test_imports_go_one_way():
    linter = Path(sys.executable).with_name("lint-imports")
    if not linter.exists():
        pytest.skip("import-linter is not installed")
    done = subprocess.run([linter, "--no-cache", "--no-logo"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
