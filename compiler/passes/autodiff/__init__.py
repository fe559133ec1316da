"""Derivatives: passes that turn a function into one that computes its Jacobian-vector or vector-Jacobian product.

forward.py        tangents beside the values, of one direction or of several in one sweep
reverse.py        the four steps of reverse mode; reverse_loops.py: loops and branches; cotangents.py: what has arrived
store.py, tape.py, restore.py   what is saved for the reverse sweep, how it is written, how it is read
activity.py, structure.py       what carries derivatives; where values are at home and extents come from
rules.py, parallel.py, plan.py  partials times seeds; what a parallel loop may carry; the plan as data

The results of both are functions like any other, and valid input of both again: that is higher order.
"""

from wengert.compiler.passes.autodiff.activity import activity
from wengert.compiler.passes.autodiff.forward import forward, vector_forward
from wengert.compiler.passes.autodiff.plan import Checkpointed, Kept, Plan, Recomputed
from wengert.compiler.passes.autodiff.reverse import reverse, reverse_with_plan

__all__ = ["Checkpointed", "Kept", "Plan", "Recomputed", "activity", "forward", "reverse", "reverse_with_plan", "vector_forward"]
