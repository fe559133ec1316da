"""The limits of the views, measured in JupyterLab in Chromium: `python benchmarks/views.py [result.json]`.

- first paint: from the arrival of the panel of a 30-line function in the browser until its status line, and until its graph is
  painted (under 300 ms)
- large: the same for a graph of 5,000 operations, which opens collapsed (under 2 s)
- explore: updates of value, curve and tangent a second while a slider of a small function is dragged, with the round trip to the
  kernel, and answers the kernel gives in as many seconds alone (60)
- frames: zooming 200 drawn operations, frames a second (at least 30)
- saved: by how much five panels let a notebook file grow (under 1 MB)

Needs what the browser tests need; Chromium draws in software.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from statistics import median

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/widgets")]

from tests.browser import conftest as browser  # noqa: E402
from tests.magics.test_kernel import CELL_OF_THIRTY_LINES  # noqa: E402

SETUP = f"""import sys
sys.path.insert(0, {str(ROOT / 'tests/widgets')!r})
import samples, wengert.widgets as w
import numpy as np
%load_ext wengert"""
LARGE = "w.view(samples.long_graph(250, 20))"
REPEATS = 7
WATCH = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    window.paint = null;
    kernel.iopubMessage.connect(function arrived(_, message) {
        if (!message.content.data?.['application/vnd.jupyter.widget-view+json']) return;
        kernel.iopubMessage.disconnect(arrived);
        const start = performance.now();
        const seen = new Set(document.querySelectorAll('[data-view="graph"]'));
        const panels = document.querySelectorAll('.wgt-status').length;
        const first = () => {
            if (document.querySelectorAll('.wgt-status').length <= panels) return requestAnimationFrame(first);
            requestAnimationFrame(() => setTimeout(() => { window.firstLine = performance.now() - start; }));
        };
        window.firstLine = null;
        first();
        const look = () => {
            const fresh = [...document.querySelectorAll('[data-view="graph"]')].find(e => !seen.has(e));
            if (!fresh?.querySelector('[data-item]')) return requestAnimationFrame(look);
            requestAnimationFrame(() => setTimeout(() => { window.paint = performance.now() - start; }));
        };
        look();
    });
}"""
RUN = """n => {
    window.jupyterapp.shell.currentWidget.content.activeCellIndex = n;
    return window.jupyterapp.commands.execute('notebook:run-cell');
}"""
FRAMES = """() => new Promise(resolve => {
    const canvas = document.querySelector('.wgt-canvas');
    const box = canvas.getBoundingClientRect();
    const start = performance.now();
    let frames = 0;
    const step = () => {
        frames += 1;
        const deltaY = frames % 60 < 30 ? -40 : 40;
        const [clientX, clientY] = [box.x + 200, box.y + 150];
        const wheel = {ctrlKey: true, deltaY, clientX, clientY, bubbles: true, cancelable: true};
        canvas.dispatchEvent(new WheelEvent('wheel', wheel));
        const spent = performance.now() - start;
        if (spent < 3000) requestAnimationFrame(step); else resolve(1000 * frames / spent);
    };
    requestAnimationFrame(step);
})"""


SLIDE = """() => new Promise(resolve => {
    const input = document.querySelector('.wgt-explore input[type=range]');
    const value = document.querySelector('.wgt-explore .wgt-value');
    let updates = 0;
    const watcher = new MutationObserver(() => { updates += 1; });
    watcher.observe(value, {childList: true});
    const start = performance.now();
    const step = () => {
        const spent = performance.now() - start;
        input.value = String(500 + 400 * Math.sin(spent / 300));
        input.dispatchEvent(new Event('input', {bubbles: true}));
        if (spent < 4000) requestAnimationFrame(step); else resolve(1000 * updates / spent);
    };
    requestAnimationFrame(step);
})"""
BARE = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const times = [];
    for (let k = 0; k < 40; k++) {
        const start = performance.now();
        await kernel.requestExecute({code: '', silent: true, store_history: false}).done;
        times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[20];
}"""
SMALL = """%%autodiff
def small(x: float, k: float) -> float:
    return np.sin(k * x) * np.exp(-0.1 * x * x)

grad_small(1.0, 2.0)"""
ALONE = """import time
from ipywidgets.widgets.widget import _instances
view = [w for w in _instances.values() if type(w).__name__ == "ExploreView"][-1]
times = []
for k in range(200):
    start = time.perf_counter()
    view.question = {"values": {"x": 0.01 * k, "k": 2.0}, "across": ["x"], "serial": -k - 1}
    times.append(time.perf_counter() - start)
print(sorted(times)[100])"""


def explore(lab: browser.Lab, page: Page) -> dict[str, float]:
    """Updates a second while a slider moves; the kernel's own share of one, in milliseconds."""
    lab.open(page, lab.notebook("import numpy as np\n%load_ext wengert", SMALL, ALONE))
    for cell in (0, 1):
        page.evaluate(RUN, cell)
    page.get_by_role("tab", name="Explore").click()
    page.wait_for_selector('[data-view="explore"] svg')
    page.evaluate(SLIDE)  # the first call of each kind compiles
    rates = [page.evaluate(SLIDE) for _ in range(3)]
    page.evaluate(RUN, 2)
    page.wait_for_timeout(3000)
    alone = float(page.locator(".jp-OutputArea-output").last.inner_text())
    bare = page.evaluate(BARE)  # Jupyter's own round trip, with nothing to compute or to draw
    rate = {"updates a second": max(rates), "median of runs": median(rates)}
    return {**rate, "kernel alone, ms": 1e3 * alone, "empty request, ms": bare}


def paints(page: Page, cell: int) -> list[tuple[float, float]]:
    """Milliseconds until the status line (0 without one) and the graph of cell `cell` are painted, run after run; the first
    brings the engine, too."""
    found = []
    for _ in range(REPEATS):
        page.evaluate(WATCH)
        page.evaluate(RUN, cell)
        page.wait_for_function("() => window.paint !== null", timeout=60_000)
        found.append(tuple(page.evaluate("() => [window.firstLine ?? 0, window.paint]")))
    return found


def frames(page: Page) -> tuple[int, float]:
    for name in range(12):
        page.locator(f'[data-region="r{name}"]').dispatch_event("click")
        page.wait_for_selector(f'[data-region="r{name}"][aria-expanded="true"]', state="attached")
        if page.locator("[data-item]").count() >= 180:
            break
    return page.locator("[data-item]").count(), page.evaluate(FRAMES)


def spread(found: list[tuple[float, float]]) -> dict[str, float]:
    lines, graphs = zip(*found[1:], strict=True)
    kinds = {"first": found[0][1], "median of later": median(graphs), "best": min(graphs)}
    return {**kinds, "status line, median": median(lines)} if any(lines) else kinds


def measure(lab: browser.Lab, page: Page) -> dict[str, object]:
    start = lambda *cells: (lab.open(page, lab.notebook(SETUP, *cells)), page.evaluate(RUN, 0), page.wait_for_timeout(4000))  # noqa: E731
    thirty = CELL_OF_THIRTY_LINES.strip()
    start(thirty)
    first = paints(page, 1)
    start(LARGE)
    large = paints(page, 1)
    sliding = explore(lab, page)
    start("w.view(samples.long_graph(40, 20))")
    paints(page, 1)
    drawn, rate = frames(page)
    name = lab.notebook(SETUP, *[thirty.replace("def misfit", f"def misfit{k}") for k in range(5)], name="five.ipynb")
    before = (lab.root / name).stat().st_size
    lab.open(page, name)
    lab.run_all(page)
    page.wait_for_timeout(3000)
    lab.save(page)
    page.wait_for_timeout(1000)
    grown = (lab.root / name).stat().st_size - before
    return {
        "first paint, ms": spread(first),
        "5000 operations, ms": spread(large),
        "explore": sliding,
        "frames a second": {"drawn": drawn, "rate": rate},
        "five panels, bytes": grown,
    }


def main(path: str | None) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / "root").mkdir()
        port = browser.free_port()
        log = folder / "server.log"
        with log.open("w") as output:
            server = subprocess.Popen(
                browser.server_command(folder, port), env=browser.server_environment(folder), stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
            try:
                address = f"http://127.0.0.1:{port}"
                browser.wait_for_server(server, address, log)
                with sync_playwright() as playwright:
                    chromium = playwright.chromium.launch(executable_path=browser.find_chromium(), args=browser.CHROMIUM_FLAGS)
                    page = chromium.new_page(viewport={"width": 1500, "height": 1050})
                    found = measure(browser.Lab(folder / "root", address), page)
                    chromium.close()
            finally:
                browser.stop_server(server)
    record = {"date": date.today().isoformat(), "cores": os.cpu_count(), "load": os.getloadavg()[0], **found}
    text = json.dumps(record, indent=1)
    print(text)
    if path is not None:
        Path(path).write_text(text + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
