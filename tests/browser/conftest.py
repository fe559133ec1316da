"""JupyterLab in a real browser: one server and one Chromium for the session, a fresh page for each test.

Fixtures: `lab` (a running server that writes and opens notebooks) and `page` (a Playwright page). Every
test fails when the browser console shows an error, unless it empties `page.console_errors` itself.

    def test_addition(lab, page):
        lab.open(page, lab.notebook("1 + 1"))
        lab.run_all(page)
        assert lab.errors(page) == []
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

try:
    import nbformat
    from playwright.sync_api import Browser, Page, expect, sync_playwright
except ImportError as error:
    MISSING_MODULE: str | None = error.name
else:
    MISSING_MODULE = None

REQUIRED = os.environ.get("WENGERT_REQUIRE_BROWSER") == "1"
FAILURES = Path(__file__).parent / "failures"  # git-ignored: screenshots and console output of failed tests
TOKEN = "browser-tests"
READY_TIMEOUT = 180_000  # milliseconds; a loaded machine of two cores needs a quarter of it
PATIENCE = 60_000  # milliseconds for what no test gives a time of its own: five seconds, as Playwright has it, are too few

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",  # proves that nothing is loaded from the net
]

LAB_SETTINGS = {
    "@jupyterlab/apputils-extension:notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    # With windowing, cells out of sight are not in the page and cannot be asserted on.
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none", "kernelStatus": {"showOnStatusBar": False}},
    "@jupyterlab/docmanager-extension:plugin": {"autosave": False},
}

NOTEBOOK_IS_READY = """() => {
    const widget = window.jupyterapp?.shell.currentWidget;
    return widget?.context?.isReady && widget.sessionContext?.session?.kernel?.status === 'idle';
}"""
ALL_CELLS_RAN = """() => {
    const notebook = window.jupyterapp.shell.currentWidget;
    return [...notebook.model.cells].every(cell => cell.type !== 'code' || cell.executionCount > 0)
        && notebook.sessionContext.session.kernel.status === 'idle';
}"""
ERROR_OUTPUTS = """() => [...window.jupyterapp.shell.currentWidget.model.cells].flatMap(
    cell => cell.type === 'code' ? cell.outputs.toJSON().filter(output => output.output_type === 'error') : [])"""


def find_chromium() -> str | None:
    if "CHROMIUM" in os.environ:
        return shutil.which(os.environ["CHROMIUM"])
    return next((path for name in CHROMIUM_NAMES if (path := shutil.which(name))), None)


def missing_requirement() -> str | None:
    """Why no browser test can run here, or None."""
    if MISSING_MODULE is not None:
        return f"the Python package {MISSING_MODULE} is not installed"
    if find_chromium() is None:
        return "Chromium is not installed (apt-get install chromium, or name it in CHROMIUM)"
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark this folder's tests `browser`, and keep them on one worker: they share one server."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session")
def browser_installed() -> None:
    reason = missing_requirement()
    if reason is None:
        return
    if REQUIRED:
        pytest.fail(f"WENGERT_REQUIRE_BROWSER=1, but {reason}")
    pytest.skip(reason)


class Lab:
    """A running JupyterLab: writes notebooks into its folder and drives them in a page."""

    def __init__(self, root: Path, address: str) -> None:
        self.root, self.address = root, address

    def notebook(self, *cells: str, name: str | None = None) -> str:
        """Write a notebook of code cells and return its name: a new one each time, else the kernel is reused."""
        name = name or f"notebook{time.time_ns()}.ipynb"
        document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
        document.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(document, self.root / name)
        return name

    def open(self, page: Page, name: str) -> None:
        """Open a notebook in a workspace of its own and wait for its kernel."""
        page.goto(f"{self.address}/lab/workspaces/auto-{time.time_ns()}/tree/{name}?token={TOKEN}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=READY_TIMEOUT)
        page.wait_for_function(NOTEBOOK_IS_READY, timeout=READY_TIMEOUT)

    def run_all(self, page: Page, timeout: float = READY_TIMEOUT) -> None:
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(ALL_CELLS_RAN, timeout=timeout)

    def save(self, page: Page) -> None:
        page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.model.dirty")

    def errors(self, page: Page) -> list[dict]:
        """The error outputs of the open notebook: ename, evalue, traceback."""
        return page.evaluate(ERROR_OUTPUTS)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def server_environment(folder: Path) -> dict[str, str]:
    """The environment with every Jupyter folder inside `folder`: the user's own settings stay out of it."""
    config = folder / "config"
    (config / "labconfig").mkdir(parents=True)
    (config / "labconfig/default_setting_overrides.json").write_text(json.dumps(LAB_SETTINGS))
    return {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_DATA_DIR": str(folder / "data"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "WENGERT_PROGRESS": str(folder / "progress.json"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }


def server_command(folder: Path, port: int) -> list[str]:
    return [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--allow-root",
        "--ip=127.0.0.1",
        f"--port={port}",
        "--ServerApp.port_retries=0",
        "--ServerApp.terminals_enabled=False",
        f"--ServerApp.root_dir={folder / 'root'}",
        f"--IdentityProvider.token={TOKEN}",
        f"--FileCheckpoints.checkpoint_dir={folder / 'checkpoints'}",
        "--LabApp.expose_app_in_browser=True",  # window.jupyterapp, which the tests wait on
        "--LabApp.extension_manager=readonly",
    ]


def wait_for_server(server: subprocess.Popen, address: str, log: Path, seconds: float = 180) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if server.poll() is not None:
            break
        try:
            opener.open(f"{address}/api/status?token={TOKEN}", timeout=2).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()}")


def stop_server(server: subprocess.Popen) -> None:
    """End the server with its kernels, which are in its process group."""
    if server.poll() is not None:
        return
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def lab(browser_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    folder = tmp_path_factory.mktemp("lab")
    (folder / "root").mkdir()
    log, port = folder / "server.log", free_port()
    address = f"http://127.0.0.1:{port}"
    with log.open("w") as output:
        server = subprocess.Popen(
            server_command(folder, port),
            env=server_environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            wait_for_server(server, address, log)
            yield Lab(folder / "root", address)
        finally:
            stop_server(server)


@pytest.fixture(scope="session")
def browser(browser_installed: None) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_chromium(), headless=True, args=CHROMIUM_FLAGS)
        yield chromium
        chromium.close()


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let the `page` fixture see at teardown whether its test failed."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.stash[CALL_FAILED] = report.failed


CALL_FAILED = pytest.StashKey[bool]()


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    expect.set_options(timeout=PATIENCE)
    console_errors: list[str] = []
    page.console_errors = console_errors
    page.on("console", lambda message: console_errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: console_errors.append(f"pageerror: {error}"))
    yield page
    failed = request.node.stash.get(CALL_FAILED, True)
    if failed or console_errors:
        record_failure(page, request.node.name, console_errors)
    context.close()
    assert failed or not console_errors, console_errors


def record_failure(page: Page, test_name: str, console_errors: list[str]) -> None:
    FAILURES.mkdir(exist_ok=True)
    stem = re.sub(r"[^\w.-]+", "_", test_name)
    (FAILURES / f"{stem}.console.txt").write_text("\n".join(console_errors))
    page.screenshot(path=FAILURES / f"{stem}.png", full_page=True)


AXE = Path(__file__).parents[2] / "widgets/js/node_modules/axe-core/axe.min.js"
VIOLATIONS = """async element => {
    const roots = element.matches('.wgt, .wgt *') ? [element] : [...element.querySelectorAll('.wgt')];
    const found = await axe.run(roots, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa'], resultTypes: ['violations']});
    const serious = found.violations.filter(v => ['serious', 'critical'].includes(v.impact))
        .flatMap(v => v.nodes.slice(0, 3).map(n => `${v.id}: ${n.html.slice(0, 160)} ${n.any[0]?.message ?? n.failureSummary}`));
    const small = roots.flatMap(root => [...root.querySelectorAll('*')])
        .filter(e => e.tagName !== 'title' && [...e.childNodes].some(c => c.nodeType === 3 && c.textContent.trim()))
        .filter(e => parseFloat(getComputedStyle(e).fontSize) < 12).map(e => `smaller than 12 px: ${e.outerHTML.slice(0, 120)}`);
    return [...serious, ...small.slice(0, 3), ...(found.passes.length > 0 ? [] : ['axe found nothing to check'])];
}"""
IN_COLOUR = """async theme => {
    const [red, green, blue] = getComputedStyle(document.querySelector('#jp-main-dock-panel')).backgroundColor.match(/[\\d.]+/g);
    if ((+red + +green + +blue > 384) !== (theme === 'light')) return false;
    await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    return true;
}"""
SET_THEME = "theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"


@pytest.fixture
def picture(page: Page):
    """`picture(locator, name)`: the view in the light and the dark theme, whose colours must differ.

    In each the accessibility check (axe-core, WCAG 2 A and AA) must find nothing serious, and no text may be smaller
    than 12 px. The pictures go to the folder named in WENGERT_SCREENSHOTS, where it is set, as <name>_light.png and
    <name>_dark.png: those of docs/views.md are made with WENGERT_SCREENSHOTS=docs/images/views.
    """
    assert AXE.is_file(), f"{AXE} is missing: run `npm ci` in widgets/js"
    problems: list[str] = []

    def take(view, name: str) -> None:
        shades = []
        page.evaluate(AXE.read_text(encoding="utf-8"))
        for theme, short in (("JupyterLab Light", "light"), ("JupyterLab Dark", "dark")):
            page.evaluate(SET_THEME, theme)
            page.wait_for_selector(f'body[data-jp-theme-name="{theme}"]', state="attached")
            page.wait_for_function(IN_COLOUR, arg=short)  # the style sheet of the theme comes after its name
            shades.append(view.evaluate("element => getComputedStyle(element.querySelector('.wgt') ?? element).color"))
            view.evaluate("element => element.scrollIntoView()")  # what is out of sight has no colours to compare
            problems.extend(f"{name}, {short}: {problem}" for problem in view.evaluate(VIOLATIONS))
            if folder := os.environ.get("WENGERT_SCREENSHOTS"):
                Path(folder).mkdir(parents=True, exist_ok=True)
                save_small(view.screenshot(), Path(folder) / f"{name}_{short}.png")
        page.evaluate(SET_THEME, "JupyterLab Light")
        assert shades[0] != shades[1]

    yield take
    assert not problems, "\n".join(dict.fromkeys(problems))


def save_small(content: bytes, path: Path) -> None:
    """A screenshot with a palette, a third of the size."""
    from PIL import Image

    picture = Image.open(io.BytesIO(content)).convert("RGB")
    picture.quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
