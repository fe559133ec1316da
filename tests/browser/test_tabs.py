"""The tabs of the panel below a cell: each is opened, its main interaction clicked, the kernel's answer seen."""

from __future__ import annotations

import pytest

pytest.importorskip("playwright")
from playwright.sync_api import Page, expect

PATIENCE = 60_000  # milliseconds, for a loaded machine
SETUP = "import numpy as np\nimport wengert as wg\n%load_ext wengert"
CELL = """%%autodiff --wrt a
def misfit(a: float, b: float, n: int) -> float:
    u = 1.0
    total = 0.0
    for k in range(n):
        u = u + 0.1 * np.sin(a * u) - 0.02 * b * u * u
        total += abs(u - 1.5)
    return total + abs(a - 1.0)

grad_misfit(1.0, 2.0, 200)"""


@pytest.fixture
def panel(lab, page: Page):
    page.set_viewport_size({"width": 1500, "height": 1050})
    lab.open(page, lab.notebook(SETUP, CELL))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []
    return page.locator(".wgt-panel")


def open_tab(panel, title: str, view: str):
    panel.get_by_role("tab", name=title).click()
    shown = panel.locator(f'[data-view="{view}"]')
    expect(shown).to_be_visible(timeout=PATIENCE)
    return shown


def test_stages_and_findings(panel, page, picture):
    stages = open_tab(panel, "Stages", "stages")
    expect(stages.get_by_role("radio")).to_have_count(7)
    chosen = stages.locator(".wgt-lines").last
    expect(chosen).to_contain_text("func @grad_misfit")
    chosen.evaluate("lines => { lines.scrollTop = lines.scrollHeight; }")
    expect(chosen).to_contain_text("#adjoint")
    stages.locator('.wgt-line[data-line="6"]').click()
    expect(chosen.locator('.wgt-lit:has-text("sin")').first).to_be_visible(timeout=PATIENCE)
    picture(stages, "stages")
    stages.get_by_role("radio", name="assembly").click()  # its text is in the kernel until now
    expect(chosen).to_contain_text("wg_grad_misfit", timeout=PATIENCE)
    stages.get_by_role("radio", name="typed").click()
    expect(chosen).to_contain_text("func @misfit", timeout=PATIENCE)
    chosen.locator('[data-place="7"]').first.click()
    expect(stages.locator('.wgt-line[data-line="7"]')).to_have_attribute("aria-current", "true", timeout=PATIENCE)

    findings = open_tab(panel, "Findings", "findings")
    expect(findings.locator('[data-kind="kink"]')).to_be_visible()
    findings.locator('[data-kind="kink"]').click()
    expect(findings.locator('.wgt-line[data-line="8"]')).to_have_attribute("aria-current", "true", timeout=PATIENCE)
    picture(findings, "findings")
    findings.get_by_role("button", name="Check again").click()
    expect(findings.locator(".wgt-hearing")).to_have_text("", timeout=PATIENCE)
    expect(findings.locator(".wgt-summary")).to_contain_text("checked in")
    expect(panel.locator(".wgt-status")).to_contain_text("1 finding")


OFFLOADED = """import os
os.environ["WENGERT_SIMULATE_GPU"] = "1"
%load_ext wengert"""
ON_DEVICE = """%%offload cuda:0
def smooth(u: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    v = u * 1.0
    for k in range(steps):
        v[1:-1] = v[1:-1] + 0.2 * (v[2:] - 2.0 * v[1:-1] + v[:-2])
    return v"""


def test_transfers_on_a_simulated_gpu(lab, page, picture):
    start = "import numpy as np\nfrom numpy.typing import NDArray\n" + OFFLOADED
    page.set_viewport_size({"width": 1500, "height": 1050})
    lab.open(page, lab.notebook(start, ON_DEVICE, "u = np.linspace(0, 1, 20_000)\nv = np.asarray(smooth_cuda0(u, 20))"))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []
    panel = page.locator(".wgt-panel")
    transfers = open_tab(panel, "Transfers", "transfers")
    expect(transfers.locator("tbody .wgt-code")).to_have_text(["u", "v"])
    transfers.get_by_role("button", name="Record a call").click()
    expect(transfers.locator(".wgt-event-compute").nth(30)).to_be_attached(timeout=PATIENCE)
    expect(transfers.get_by_test_id("diagnosis")).to_contain_text("of the busy time is copying")
    expect(transfers.locator(".wgt-cumulated")).to_be_visible()
    picture(transfers, "transfers")
    before = transfers.locator(".wgt-event").count()
    transfers.get_by_role("button", name="zoom in").click()
    transfers.get_by_role("button", name="zoom in").click()
    expect(transfers.locator(".wgt-event")).not_to_have_count(before)
    transfers.get_by_role("button", name="bytes", exact=True).click()
    expect(transfers.locator('th[data-column="bytes"]')).to_have_attribute("aria-sort", "descending", timeout=PATIENCE)


def test_what_if_it_ran_there(lab, page, picture):
    start = "import numpy as np\nfrom numpy.typing import NDArray\n" + OFFLOADED
    page.set_viewport_size({"width": 1500, "height": 1050})
    cell = ON_DEVICE.replace("%%offload cuda:0", "%%autodiff")
    lab.open(page, lab.notebook(start, cell, "v = smooth(np.linspace(0, 1, 20_000), 20)"))
    page.evaluate("() => window.jupyterapp.shell.collapseLeft()")
    lab.run_all(page)
    assert lab.errors(page) == []
    placement = open_tab(page.locator(".wgt-panel"), "Placement", "placement")
    gpu = placement.locator('[data-device="cuda:0"]')
    placement.locator('[data-move="function:smooth"]').drag_to(gpu)
    answer = gpu.locator('[data-estimate="function:smooth"]')
    expect(answer).to_contain_text("copying", timeout=PATIENCE)
    answer.get_by_role("button", name="measure").click()
    expect(answer).to_contain_text("measured", timeout=PATIENCE)
    array = placement.locator('[data-move="value:u"]')
    array.press("ArrowRight")
    expect(gpu.locator('[data-estimate="value:u"]')).to_contain_text("160 kB copied, once", timeout=PATIENCE)
    expect(array).to_be_focused()
    picture(placement, "placement_what_if")


SLIDE = """async () => {
    const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
    const send = kernel.sendShellMessage;
    let questions = 0;
    kernel.sendShellMessage = function(message, ...rest) {
        if (message.header.msg_type === 'comm_msg' && 'steps' in (message.content.data.content ?? {})) questions += 1;
        return send.call(this, message, ...rest);
    };
    const input = document.querySelector('.wgt-explore input[data-control="a"]');
    const text = () => document.querySelector('.wgt-explore [data-testid="value"]').textContent;
    const texts = [];
    for (let position = 900; position > 860; position -= 1) {
        const before = text();
        input.value = String(position);
        input.dispatchEvent(new Event('input', {bubbles: true}));
        for (let frame = 0; frame < 2000 && text() === before; frame += 1)
            await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
        texts.push(text());
    }
    kernel.sendShellMessage = send;
    return [texts, questions];
}"""


def test_memory_and_explore(panel, page, picture):
    memory = open_tab(panel, "Memory", "memory")
    before = memory.locator(".wgt-summary").inner_text()
    assert "keeps" in before
    memory.get_by_label("memory limit").fill("3")
    expect(memory.locator(".wgt-summary")).to_contain_text("under a limit of", timeout=PATIENCE)
    memory.get_by_role("button", name="Measure one call").click()
    expect(memory.get_by_test_id("cost")).to_contain_text("a call, measured", timeout=PATIENCE)
    picture(memory, "memory")

    explore = open_tab(panel, "Explore", "explore")
    value = explore.get_by_test_id("value")
    texts, questions = page.evaluate(SLIDE)  # what the slider comes to is known before it is there
    assert len(set(texts)) == 40 and 1 <= questions <= 10, (questions, texts)
    expect(value).to_have_text(texts[-1])
    page.wait_for_timeout(500)  # at rest the whole picture is asked for; it says the same
    assert value.inner_text() == texts[-1]
    picture(explore, "explore")
    explore.get_by_role("button", name="a and b").click()
    expect(explore.locator("canvas")).to_be_visible(timeout=PATIENCE)
    picture(explore, "explore_map")


def test_timings_over_sizes(panel, page, picture):
    timing = open_tab(panel, "Timings", "timing")
    timing.get_by_label("what to vary").select_option("n")
    timing.get_by_role("button", name="Measure", exact=True).click()
    expect(timing.get_by_role("button", name="Stop")).to_be_visible(timeout=PATIENCE)
    expect(timing.locator(".wgt-sweep-curve")).to_have_count(3, timeout=PATIENCE)  # Python, compiled, gradient
    expect(timing.get_by_role("button", name="Measure", exact=True)).to_be_visible(timeout=2 * PATIENCE)
    expect(timing.locator(".wgt-sweep-curve circle")).to_have_count(15)
    expect(timing.locator(".wgt-said").first).to_contain_text("misfit · cpu")
    picture(timing, "timings")
    with page.expect_download() as waiting:
        timing.get_by_role("button", name="Save").click()
    timing.get_by_label("recorded run").set_input_files(waiting.value.path())
    expect(timing.locator(".wgt-sweep-curve")).to_have_count(6, timeout=PATIENCE)
    picture(timing, "timings_recorded")
    timing.get_by_label("what to vary").select_option("threads")
    timing.get_by_role("button", name="Measure", exact=True).click()
    expect(timing.locator(".wgt-said").first).to_contain_text("threads than with 1", timeout=2 * PATIENCE)
    timing.get_by_role("button", name="Measure the roofline").click()
    roof = timing.get_by_test_id("roofline")
    expect(roof.locator(".wgt-roofline circle")).to_have_count(2, timeout=2 * PATIENCE)
    expect(roof.locator(".wgt-said").first).to_contain_text("operations a byte")
    picture(roof, "roofline")
