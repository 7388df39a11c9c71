"""Responses of any family that feed back: one sample after the other, all simulations at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bayesglm.numerics.simulation.events import Course

Array = np.ndarray


class Step(NamedTuple):
    """What makes the responses of a sample.

    ``draw(t, eta)`` are responses ``(draws, repeats, units)`` of linear predictors ``(channels,
    draws, repeats, units)``, and ``lost(eta)`` says of which there are none, outside the domain of
    the link. A unit whose ``expected(t, eta)`` is beyond ``limit`` has run away.
    """

    draw: Callable[[int, Array], Array]
    expected: Callable[[int, Array], Array]
    lost: Callable[[Array], Array]
    limit: Array  # of each unit


def simulate_steps(
    eta: Array, kernels: Array, step: Step, course: Course, repeats: int
) -> tuple[Array, Array]:
    """Return responses ``(draws, repeats, samples, units)``, and who ran away when.

    ``eta`` are linear predictors without what feeds back ``(channels, draws, samples, units)``, and
    ``kernels`` ``(draws, sources, lags, channels, units)`` what one unit of a source's response
    adds to them from the next sample on. The second are ``(draws, repeats, 2)``: the sample and the
    unit that ran away first, -1 where none did. From there on responses are zero until the next
    trial, but for those that are given.
    """
    channels, n_draws, n, units = eta.shape
    lags = kernels.shape[2]
    flat = kernels.reshape(n_draws, units, -1)
    responses = np.zeros((n_draws, repeats, n, units))
    future = np.zeros((lags + 1, channels, n_draws, repeats, units))
    gone = np.zeros((n_draws, repeats), dtype=bool)
    first = np.full((n_draws, repeats, 2), -1)
    for t in range(n):
        if course.begins[t]:
            future[:], gone[:] = 0.0, False
        place = t % (lags + 1)
        if course.given[t]:
            y = np.broadcast_to(course.recorded[t], (n_draws, repeats, units)).astype(np.float64)
        else:
            here = eta[:, :, None, t] + future[place]
            lost = step.lost(here)
            y = step.draw(t, here)
            away = (lost | ~(np.abs(step.expected(t, here)) <= step.limit)) & ~gone[..., None]
            if away.any():
                which = away.any(axis=-1)
                new = which & (first[..., 0] < 0)
                first[new] = np.stack([np.full(new.sum(), t), np.argmax(away[new], axis=-1)], -1)
                gone |= which
            if gone.any():
                y[gone] = 0.0
        responses[:, :, t] = y
        future[place] = 0.0
        if not y.any():
            continue
        added = (y @ flat).reshape(n_draws, repeats, lags, channels, units)
        added = added.transpose(2, 3, 0, 1, 4)
        ahead = place + 1
        fits = min(lags, lags + 1 - ahead)
        future[ahead : ahead + fits] += added[:fits]
        if fits < lags:
            future[: lags - fits] += added[fits:]
    return responses, first
