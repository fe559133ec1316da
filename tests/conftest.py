"""Nothing a test compiles comes from an earlier run; the tests of the cache turn it on for themselves."""

import gc
import os

os.environ.setdefault("WENGERT_CACHE", "off")


def pytest_collection_finish() -> None:
    """What is imported by now stays; looking through it again and again is a tenth of the suite's time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)
