"""`python -m wengert doctor`, also the command `wengert doctor`."""

from __future__ import annotations

import sys

from wengert.compiler.api import doctor

if __name__ == "__main__":
    sys.exit(doctor())
