"""A density is zero where a linear predictor lies outside the domain of its link.

Kernels here take eta ``(channels, ..., rows)``, of which the first channel is the mean's.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bayesglm.numerics.families.links import Array, Domain

type Push = Callable[..., Array]


def within(kernel: Callable[..., Any], domain: Domain) -> Callable[..., Any]:
    """Return a kernel of one channel that is -inf outside the domain, with no slopes.

    The kernel of a link that is defined everywhere is returned as it is.
    """
    if domain.is_real_line:
        return kernel

    def restricted(
        y: Array, eta: Array, phi: Sequence, trials: Any, order: int, **which: bool
    ) -> Any:
        holds = domain.holds(eta[0])
        if np.all(holds):
            return kernel(y, eta, phi, trials, order, **which)
        d = kernel(y, np.where(holds, eta, domain.inside), phi, trials, order, **which)

        def nothing(parts: Any) -> Any:
            if isinstance(parts, tuple):
                return tuple(map(nothing, parts))
            return None if parts is None else np.where(holds, parts, 0.0)

        return d._make([np.where(holds, d.value, -np.inf), *nothing(tuple(d[1:]))])

    return restricted


def with_barrier(kernel: Callable[..., Any], domain: Domain, strength: float) -> Callable[..., Any]:
    """Return a kernel plus ``strength`` times the logs of eta's distances from the domain's ends.

    Its maximum lies inside, and goes to that of the kernel on the closed domain as the strength
    goes to 0 (Boyd & Vandenberghe 2004, Convex Optimization, 11.2).
    """

    def repelled(y: Array, eta: Array, phi: Sequence, trials: Any, order: int) -> Any:
        d = kernel(y, eta, phi, trials, order)
        holds = domain.holds(eta[0])
        value, slope, bend = d.value, d.eta, d.eta_eta
        slope = None if slope is None else np.array(slope)
        bend = None if bend is None else np.array(bend)
        for end, side in ((domain.low, 1.0), (domain.high, -1.0)):
            if not np.isfinite(end):
                continue
            away = np.where(holds, side * (eta[0] - end), 1.0)
            value = value + strength * np.log(away)
            if slope is not None:
                slope[0] += strength * side * np.where(holds, 1.0 / away, 0.0)
            if bend is not None:
                bend[0, 0] -= strength * np.where(holds, 1.0 / away / away, 0.0)
        return d._replace(value=value, eta=slope, eta_eta=bend)

    return repelled


def up_to_the_ends(push: Push, domain: Domain) -> Push | None:
    """Return where responses push eta, an end of the domain being a finite place.

    None where both ends are finite.
    """
    if domain.is_real_line:
        return push
    is_low, is_high = np.isfinite(domain.low), np.isfinite(domain.high)
    if is_low and is_high:
        return None

    def bounded(y: Array, trials: Array | None) -> Array:
        pushed = push(y, trials)
        stopped = np.greater(pushed, 0.0) if is_high else np.less(pushed, 0.0)
        return np.where(stopped, 0.0, pushed)

    return bounded
