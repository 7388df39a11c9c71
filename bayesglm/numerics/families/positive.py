"""Positive means: a log-likelihood that is linear in log mu and in powers of mu."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.families.links import LOG_MEANS
from bayesglm.numerics.families.record import Family, both_sides, of_one_channel

type Array = NDArray[np.float64]


def is_positive(y: Array, trials: None) -> NDArray[np.bool_]:
    """Say which numbers are positive and finite."""
    return np.greater(y, 0.0) & np.isfinite(y)


def mean_of(log_mean: Any) -> Array:
    """Return mu, infinite where it overflows."""
    with np.errstate(over="ignore"):
        return np.exp(log_mean)


def in_mean(
    slopes: Sequence[Any], linear: Array | float, powers: Sequence[tuple[Array, Any]]
) -> list[Array]:
    """Return the derivatives in eta of linear * log mu + the sum of terms, as many as the slopes.

    `slopes` are the derivatives of log mu in eta; each of `powers` is a term c * mu^a and its a.
    None of a term's own derivatives cancels, be the link what it may.

    >>> in_mean([1.0, 0.0], -2.0, [(np.array([3.0]), -1.0)])
    [array([-5.]), array([3.])]
    """
    if not slopes:
        return []
    with np.errstate(over="ignore", invalid="ignore"):
        first = linear * slopes[0]
        for term, a in powers:
            first = first + (a * term) * slopes[0]
        if len(slopes) == 1:
            return [first]
        square = slopes[0] * slopes[0]
        second = linear * slopes[1]
        for term, a in powers:
            second = second + (a * term) * (a * square + slopes[1])
    return [first, second]


def positive_family(
    name: str,
    link: str,
    kernel: Callable[..., Any],
    draw: Callable[..., Array],
    share: Callable[..., Array],
    is_linear: bool = True,
    **facts: Any,
) -> Family:
    """Make the record of a family of positive responses, whose functions take ``log_mean``.

    ``share`` is P(Y <= y), or with ``above`` P(Y > y); ``facts`` are further fields of the record.
    With ``is_linear`` the log density is linear in y, but for what no eta moves.
    """
    log_mean = LOG_MEANS[link]
    return of_one_channel(
        partial(kernel, log_mean=log_mean),
        lambda eta, phi, trials: mean_of(log_mean.value(eta)),
        name=name,
        link=link,
        domain=log_mean.domain,
        draw=partial(draw, log_mean=log_mean),
        **both_sides(partial(share, log_mean=log_mean)),
        valid=is_positive,
        support="positive numbers",
        averaged=partial(kernel, log_mean=log_mean) if is_linear else None,
        **facts,
    )
