"""A density is zero where a linear predictor lies outside the domain of its link."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bayesglm.numerics.families.links import Array, Domain


def within(kernel: Callable[..., Any], domain: Domain) -> Callable[..., Any]:
    """Return a kernel of one linear predictor that is -inf outside the domain, with no slopes.

    The kernel of a link that is defined everywhere is returned as it is.
    """
    if domain.is_real_line:
        return kernel

    def restricted(
        y: Array, eta: Array, phi: Sequence, trials: Any, order: int, **which: bool
    ) -> Any:
        holds = domain.holds(eta)
        if np.all(holds):
            return kernel(y, eta, phi, trials, order, **which)
        d = kernel(y, np.where(holds, eta, domain.inside), phi, trials, order, **which)

        def nothing(parts: Any) -> Any:
            if isinstance(parts, tuple):
                return tuple(map(nothing, parts))
            return None if parts is None else np.where(holds, parts, 0.0)

        return d._make([np.where(holds, d.value, -np.inf), *nothing(tuple(d[1:]))])

    return restricted
