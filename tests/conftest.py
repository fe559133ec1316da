"""Nothing a test compiles comes from an earlier run; the tests of the cache turn it on for themselves."""

import os

os.environ.setdefault("WENGERT_CACHE", "off")
