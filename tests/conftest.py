"""Nothing a test compiles comes from an earlier run; the tests of the cache turn it on for themselves."""

import gc
import os
import signal

os.environ.setdefault("WENGERT_CACHE", "off")


def pytest_configure() -> None:
    """A shell starts its background jobs with Ctrl-C ignored; tests of interrupts would wait for ever there."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """What is imported by now stays; looking through it again and again is a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
