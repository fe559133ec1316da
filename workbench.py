#!/usr/bin/env python3
"""The two commands of the README, for a machine that has Python and nothing else:

python3 workbench.py lab [JupyterLab's arguments]    open the first tutorial
python3 workbench.py test [pytest's arguments]       check and test everything

Both make `.venv` beside this file and install wengert into it, editable; the JavaScript bundle is built on
the way with a Node.js that comes as a wheel. Nothing is installed again until a file that matters changes.
"""

import sys

if sys.version_info < (3, 11):
    sys.exit(f"wengert needs Python 3.11 or newer, and this is Python {sys.version_info[0]}.{sys.version_info[1]}.")

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
TOOLS = ENVIRONMENT / "bin"
STAMP = ENVIRONMENT / "wengert-installed.json"
FIRST_TUTORIAL = "tutorials/00_lotka_volterra.ipynb"

CHECKS = {
    "ruff, for style and likely bugs": ["ruff", "check"],
    "mypy, for types": ["mypy"],
    "import-linter, for imports that go one way": ["lint-imports", "--no-logo"],
}


def main(arguments: list[str]) -> int:
    commands = {"lab": lab, "test": test}
    if not arguments or arguments[0] not in commands:
        print(__doc__)
        return 0 if arguments in (["--help"], ["-h"]) else 2
    return commands[arguments[0]](arguments[1:])


def lab(arguments: list[str]) -> int:
    prepare({"lab"})
    start = FIRST_TUTORIAL if (ROOT / FIRST_TUTORIAL).is_file() else "."
    announce(f"opening JupyterLab on {start} (Ctrl-C ends it)")
    # JupyterLab refuses to run as root unless told; in a container there is often no other user.
    as_root = ["--allow-root"] if os.geteuid() == 0 else []
    try:
        return run(["jupyter-lab", start, *as_root, *arguments])
    except KeyboardInterrupt:
        return 0


def test(arguments: list[str]) -> int:
    variables = dict(os.environ)
    if "--require-browser" in arguments or variables.get("CI") == "true":
        variables["WENGERT_REQUIRE_BROWSER"] = "1"
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # some sixty processes are started, and each would compile all sources
    arguments = [argument for argument in arguments if argument != "--require-browser"]

    prepare({"lab", "test"})
    run(["python", "hatch_build.py"])  # the links that type checkers follow, for modules added since the install
    failed = [name for name, command in CHECKS.items() if check(name, command) != 0]

    announce("pytest")
    status = run(["pytest", *(arguments or parallel())], variables)
    if failed:  # said last, and only then: a good run ends with pytest's own closing line
        announce(f"failed before the tests: {', '.join(failed)}")
    return status or int(bool(failed))


def check(name: str, command: list[str]) -> int:
    announce(name)
    return run(command)


def parallel() -> list[str]:
    """pytest's arguments for the whole suite: browser tests share a server, and so a worker."""
    return ["-n", str(min(4, os.cpu_count() or 1)), "--dist", "loadgroup"]


def prepare(extras: set[str]) -> None:
    """Bring the environment up to date with the extras of pyproject.toml asked for."""
    make_environment()
    digest, installed = digest_of_inputs(), read_stamp()
    bundled = any((ROOT / "widgets/static").glob("*.js"))
    if bundled and installed["digest"] == digest and extras <= set(installed["extras"]):
        announce("the environment is up to date")
        return
    extras |= set(installed["extras"])  # what was installed once stays in step
    target = f".[{','.join(sorted(extras))}]"
    announce(f"installing {target} into .venv, with the JavaScript bundle (a few minutes the first time)")
    if run(["python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--editable", target]) != 0:
        sys.exit("The install failed; pip says why above.")
    STAMP.write_text(json.dumps({"digest": digest, "extras": sorted(extras)}))


def make_environment() -> None:
    if ENVIRONMENT.exists():
        if run(["python", "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]) != 0:
            sys.exit("The Python in .venv is older than 3.11 or does not start; delete .venv and run this again.")
        return
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        sys.exit("This Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv")
    announce("making the virtual environment .venv")
    if subprocess.run([sys.executable, "-m", "venv", ENVIRONMENT]).returncode != 0:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)  # half an environment would be taken for a whole one
        sys.exit("The virtual environment could not be made; venv says why above.")


def digest_of_inputs() -> str:
    """A digest of the files that an install depends on."""
    scripts = ROOT / "widgets/js"
    files = [ROOT / "pyproject.toml", ROOT / "hatch_build.py", *scripts.glob("*"), *scripts.glob("src/**/*")]
    digest = hashlib.sha256(str(ROOT).encode())  # an editable install holds for one place
    for file in sorted(file for file in files if file.is_file()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def read_stamp() -> dict:
    try:
        return json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {"digest": None, "extras": []}


def run(command: list[str], variables: dict[str, str] | None = None) -> int:
    """Run a tool of the environment in the repository, with what it prints going straight through."""
    tool = TOOLS / command[0]
    if not tool.exists():
        print(f"{tool} is missing", file=sys.stderr)
        return 127
    return subprocess.run([tool, *command[1:]], cwd=ROOT, env=variables).returncode


def announce(step: str) -> None:
    print(f"workbench: {step}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
