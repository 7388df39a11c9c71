"""The log density of a PyMC model and its slope as graphs, with one gradient of all variables."""

from __future__ import annotations

from typing import Any

import pytensor
import pytensor.tensor as pt
from pymc.pytensorf import rewrite_pregrad
from pytensor.graph.replace import clone_replace


def density_and_slope(model: Any, jacobian: bool) -> tuple[list, Any]:
    """Return the addends of a model's log density, and the slope of their sum in all parameters.

    As `pymc.Model.logp` and `pymc.Model.dlogp` say them; the latter goes back through the whole
    graph once for every variable, here they share one way.
    """
    addends = model.logp(jacobian=jacobian, sum=False)
    total = pt.add(*(pt.sum(one) for one in addends), 0.0)
    total = rewrite_pregrad(clone_replace(total))  # a copy, since it rewrites in place
    slopes = pytensor.grad(total, model.continuous_value_vars, disconnected_inputs="warn")
    return addends, pt.concatenate([one.ravel() for one in slopes])
