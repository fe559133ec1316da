"""A real Jupyter kernel, driven without a front end: cells in, messages out."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.manager import start_new_kernel

SETUP = """
import numpy as np
import wengert as wg
from numpy.typing import NDArray
"""


@dataclass
class Answer:
    """What a cell gave. error: the traceback's text, "" where there was none; displays: mime bundles, results too."""

    status: str = ""
    printed: str = ""
    error_name: str = ""
    error: str = ""
    displays: list[dict[str, Any]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The plain text of all that was displayed."""
        return "\n".join(d.get("text/plain", "") for d in self.displays)


class Kernel:
    def __init__(self, manager: Any, client: Any):
        self.manager, self.client = manager, client

    def send(self, text: str) -> str:
        return self.client.execute(textwrap.dedent(text).strip())

    def run(self, text: str, timeout: float = 300) -> Answer:
        return self.wait(self.send(text), timeout)

    def wait(self, message: str, timeout: float = 300) -> Answer:
        """The answer to a cell that was sent."""
        answer = Answer()
        while True:
            got = self.client.get_iopub_msg(timeout=timeout)
            if got["parent_header"].get("msg_id") != message:
                continue
            kind, content = got["msg_type"], got["content"]
            if kind == "stream":
                answer.printed += content["text"]
            elif kind in ("display_data", "execute_result"):
                answer.displays.append(content["data"])
            elif kind == "error":
                answer.error_name, answer.error = content["ename"], "\n".join(content["traceback"])
            elif kind == "status" and content["execution_state"] == "idle":
                break
        while True:
            got = self.client.get_shell_msg(timeout=timeout)
            if got["parent_header"].get("msg_id") == message:
                answer.status = got["content"]["status"]
                return answer

    def interrupt(self) -> float:
        """Interrupt what runs; the time at which that was sent."""
        now = time.perf_counter()
        self.manager.interrupt_kernel()
        return now


@contextmanager
def started() -> Iterator[Kernel]:
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        kernel = Kernel(manager, client)
        assert kernel.run(SETUP).status == "ok"
        yield kernel
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
