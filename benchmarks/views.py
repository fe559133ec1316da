"""The limits of the views, measured in JupyterLab in Chromium: `python benchmarks/views.py [result.json]`.

- first paint: from the moment at which a 30-line function is compiled, and its panel is about to be made, until its status line
  and its graph are painted in the browser (under 300 ms); the same from the request of the cell, compiling included, and from
  the arrival of the panel's message in the browser; and the processor time that the kernel and the page's main thread take for
  it, which other programs on the machine change little
- large: the same for a graph of 5,000 operations, which opens collapsed (under 2 s)
- explore: how often a second value and tangent (x), and the curve, too (k), change while a slider of a small function is dragged
  back and forth, beside the frames that the browser could draw meanwhile; the time of one answer in the kernel, and that of a
  request through Jupyter that does nothing (60)
- frames: zooming 200 drawn operations, frames a second (at least 30)
- stages: texts of 2,000 lines and more, aligned with their neighbours: milliseconds from the choice of a stage until its text
  stands there, the kernel's part included, and frames a second while a text is scrolled through
- saved: by how much five panels let a notebook file grow (under 1 MB)

Needs what the browser tests need; Chromium draws in software.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
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
%load_ext wengert
import time, wengert.magics.cells as cells
compiled, spent, show_panel = time.time(), 0.0, cells.show_panel
def timed(*what):
    global compiled, spent
    compiled, start = time.time(), time.process_time()
    show_panel(*what)
    spent = time.process_time() - start
cells.show_panel = timed"""
COMPILED = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const reply = await kernel.requestExecute({code: '', silent: true, user_expressions: {at: 'compiled', spent: 'spent'}}).done;
    return ['at', 'spent'].map(name => 1000 * Number(reply.content.user_expressions[name].data['text/plain']));
}"""
LARGE = "w.view(samples.long_graph(250, 20))"
LONG_STAGES = """from wengert.widgets import Stage, StagesModel, StagesView, StageText
def text(stage):
    rows = range(2000 + 100 * stage)
    lines = "\\n".join(f"    %{k} = multiply %{k + (k % 13 == stage)}, %{k % 7} : f64" for k in rows)
    return StageText(lines, tuple(k // 6 + 1 for k in rows))
StagesView(StagesModel("f", [f"x = x * {k}" for k in range(400)], 1, [Stage(f"s{k}", 1.0, 2000) for k in range(7)]), text)"""
REPEATS = 7
WATCH = """() => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const now = () => performance.timeOrigin + performance.now();
    window.seen = {arrived: null, line: null, graph: null};
    kernel.iopubMessage.connect(function arrived(_, message) {
        if (!message.content.data?.['application/vnd.jupyter.widget-view+json']) return;
        kernel.iopubMessage.disconnect(arrived);
        window.seen.arrived = now();
        const seen = new Set(document.querySelectorAll('[data-view="graph"]'));
        const panels = document.querySelectorAll('.wgt-status').length;
        const painted = (there, name) => {
            if (!there()) return requestAnimationFrame(() => painted(there, name));
            requestAnimationFrame(() => setTimeout(() => { window.seen[name] = now(); }));
        };
        painted(() => document.querySelectorAll('.wgt-status').length > panels, 'line');
        const graphs = () => [...document.querySelectorAll('[data-view="graph"]')];
        painted(() => graphs().some(e => !seen.has(e) && e.querySelector('[data-item]')), 'graph');
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


SLIDE = """name => new Promise(resolve => {
    const input = document.querySelector(`.wgt-explore input[data-control="${name}"]`);
    const value = document.querySelector('.wgt-explore .wgt-value');
    let updates = 0;
    let frames = 0;
    const watcher = new MutationObserver(() => { updates += 1; });
    watcher.observe(value, {childList: true});
    const start = performance.now();
    const step = () => {
        const spent = performance.now() - start;
        frames += 1;
        input.value = String(500 + 400 * Math.sin(spent / 300));
        input.dispatchEvent(new Event('input', {bubbles: true}));
        if (spent < 4000) requestAnimationFrame(step); else resolve([1000 * updates / spent, 1000 * frames / spent]);
    };
    requestAnimationFrame(step);
})"""
SWITCH = """async stage => {
    const start = performance.now();
    document.querySelectorAll('.wgt-stages [role=radio]')[stage].click();
    const shown = () => [...document.querySelectorAll('.wgt-stages .wgt-muted')].map(e => e.textContent.replace(/[^0-9]/g, ''));
    const there = () => shown().includes(String(2000 + 100 * stage));
    while (!there()) await new Promise(requestAnimationFrame);
    await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - start;
}"""
SCROLL = """() => new Promise(resolve => {
    const lines = [...document.querySelectorAll('.wgt-stages .wgt-lines')].at(-1);
    const start = performance.now();
    let frames = 0;
    const step = () => {
        frames += 1;
        lines.scrollTop = (frames * 160) % 30000;
        const spent = performance.now() - start;
        if (spent < 3000) requestAnimationFrame(step); else resolve(1000 * frames / spent);
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


def explore(lab: browser.Lab, page: Page) -> dict[str, object]:
    """Updates a second while a slider moves; the kernel's own share of one, in milliseconds."""
    lab.open(page, lab.notebook("import numpy as np\n%load_ext wengert", SMALL, ALONE))
    for cell in (0, 1):
        page.evaluate(RUN, cell)
    page.get_by_role("tab", name="Explore").click()
    page.wait_for_selector('[data-view="explore"] svg')
    rates: dict[str, object] = {}
    for name in ("x", "k"):  # along x the curve stays; with k it is another one for every update
        page.evaluate(SLIDE, name)  # the first call of each kind compiles
        runs = sorted(page.evaluate(SLIDE, name) for _ in range(3))
        rates[name] = {"updates a second": [updates for updates, _ in runs], "frames a second": [frames for _, frames in runs]}
    page.evaluate(RUN, 2)
    page.wait_for_timeout(3000)
    alone = float(page.locator(".jp-OutputArea-output").last.inner_text())
    bare = page.evaluate(BARE)  # Jupyter's own round trip, with nothing to compute or to draw
    return {**rates, "kernel alone, ms": 1e3 * alone, "empty request, ms": bare}


def paints(page: Page, cell: int) -> list[dict[str, float]]:
    """Milliseconds of cell `cell`, run after run: from its request and, under a magic, from the end of compiling until the
    status line and the graph are painted, and those from the arrival of the display message in the browser."""
    found = []
    chromium = page.context.new_cdp_session(page)
    chromium.send("Performance.enable", {"timeDomain": "threadTicks"})
    metrics = lambda: {m["name"]: m["value"] for m in chromium.send("Performance.getMetrics")["metrics"]}  # noqa: E731
    for _ in range(REPEATS):
        page.evaluate(WATCH)
        asked, used = 1000 * time.time(), metrics()["TaskDuration"]
        page.evaluate(RUN, cell)
        page.wait_for_function("() => window.seen.graph !== null", timeout=60_000)
        used = metrics()["TaskDuration"] - used
        page.wait_for_timeout(300)
        seen, (compiled, spent) = page.evaluate("() => window.seen"), page.evaluate(COMPILED)
        times = {"from request": seen["graph"] - asked, "from arrival": seen["graph"] - seen["arrived"]}
        times["processor time of the page's thread"] = 1000 * used
        if compiled > asked:
            times |= {"from compiled": seen["graph"] - compiled, "status line from compiled": seen["line"] - compiled}
            times["processor time of the kernel from compiled"] = spent
        found.append(times)
    return found


def frames(page: Page) -> tuple[int, float]:
    for name in range(12):
        page.locator(f'[data-region="r{name}"]').dispatch_event("click")
        page.wait_for_selector(f'[data-region="r{name}"][aria-expanded="true"]', state="attached")
        if page.locator("[data-item]").count() >= 180:
            break
    return page.locator("[data-item]").count(), page.evaluate(FRAMES)


def spread(found: list[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        key: {"first": found[0][key], "median of later": median(f[key] for f in found[1:]), "best": min(f[key] for f in found)}
        for key in found[0]
    }


def stages(page: Page) -> dict[str, float]:
    page.evaluate(RUN, 1)
    page.wait_for_selector(".wgt-stages .wgt-lines")
    page.wait_for_timeout(1000)
    times = [page.evaluate(SWITCH, stage) for stage in (1, 2, 3, 4, 5)]
    return {"a stage of 2,000 lines, ms": median(times), "frames a second": page.evaluate(SCROLL)}


def measure(lab: browser.Lab, page: Page) -> dict[str, object]:
    start = lambda *cells: (lab.open(page, lab.notebook(SETUP, *cells)), page.evaluate(RUN, 0), page.wait_for_timeout(4000))  # noqa: E731
    thirty = CELL_OF_THIRTY_LINES.strip()
    start(thirty)
    first = paints(page, 1)
    start(LARGE)
    large = paints(page, 1)
    sliding = explore(lab, page)
    start(LONG_STAGES)
    long = stages(page)
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
        "stages": long,
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
