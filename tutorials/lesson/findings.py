"""The findings panel of one function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython import get_ipython

import wengert as wg
from wengert.magics.present_tabs import findings_model
from wengert.widgets import FindingsModel, FindingsView


def findings(function: Callable[..., Any], *args: Any) -> FindingsView:
    """The findings of a notebook's function at `args`, beside its source; "Check again" takes the function as it then is."""
    name = function.__name__

    def checked() -> FindingsModel:
        compiled = wg.jit(get_ipython().user_ns[name])
        compiled(*args)
        return findings_model(compiled, wg.check(compiled, *args))

    return FindingsView(checked(), checked)
