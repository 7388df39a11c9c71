"""Values with their derivatives in all parameters alike, for rules that hold for any of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.families.record import Array, Derivatives

type Members = NDArray[np.intp]  # the numbers of some rows


class Expansion(NamedTuple):
    """A value ``(..., rows)``, and its derivatives in m parameters.

    They are ``(m, ..., rows)`` and ``(m, m, ..., rows)``. The parameters are the linear predictors,
    then the dispersions. None is what was not asked for.
    """

    value: Array
    first: Any = None
    second: Any = None

    def at(self, members: Members) -> "Expansion":
        """Return those of some rows."""
        return self.each(lambda one: one[..., members])

    def each(self, of: Callable[..., Array], *others: "Expansion") -> "Expansion":
        """Return a function of what is there of this and of others, one by one."""
        fields = zip(self, *others, strict=True)
        return Expansion._make(None if every[0] is None else of(*every) for every in fields)


def expansion_of(d: Derivatives) -> Expansion:
    """Return derivatives as those of one list of parameters."""
    if d.eta is None:
        return Expansion(d.value)
    shape = np.shape(d.value)
    m, c = len(d.eta) + len(d.phi), len(d.eta)
    first = np.empty((m, *shape))
    first[:c] = d.eta
    for k, one in enumerate(d.phi, start=c):
        first[k] = one
    if d.eta_eta is None:
        return Expansion(d.value, first)
    second = np.empty((m, m, *shape))
    second[:c, :c] = d.eta_eta
    for k, (crossed, line) in enumerate(zip(d.eta_phi, d.phi_phi, strict=True), start=c):
        second[k, :c] = second[:c, k] = crossed
        for j, one in enumerate(line, start=c):
            second[k, j] = one
    return Expansion(d.value, first, second)


def derivatives_of(expansion: Expansion, c: int) -> Derivatives:
    """Return derivatives in c linear predictors, and in dispersions apart.

    >>> d = derivatives_of(Expansion(np.zeros(1), np.ones((2, 1))), 1)
    >>> d.eta.tolist(), d.phi[0].tolist()
    ([[1.0]], [1.0])
    """
    if expansion.first is None:
        return Derivatives(expansion.value)
    phi = tuple(expansion.first[c:])
    if expansion.second is None:
        return Derivatives(expansion.value, expansion.first[:c], None, phi)
    lines = expansion.second[c:]
    return Derivatives(
        expansion.value,
        expansion.first[:c],
        expansion.second[:c, :c],
        phi,
        tuple(line[:c] for line in lines),
        tuple(tuple(line[c:]) for line in lines),
    )


def summed_of(
    share: Array, expansion: Expansion, other_share: Array, other: Expansion, log_sum: Array
) -> Expansion:
    """Return the log of a sum of two chances, of which they have these shares of the sum.

    A difference has one share below zero. With p the shares and f the logs of the chances, the
    first derivatives are the sum of p f', the second that of p (f'' + f' f') less their product.
    """
    if expansion.first is None:
        return Expansion(log_sum)
    first = _times(share, expansion.first) + _times(other_share, other.first)
    if expansion.second is None:
        return Expansion(log_sum, first)
    bend, other_bend = (one.second + squared(one.first) for one in (expansion, other))
    second = _times(share, bend) + _times(other_share, other_bend)
    return Expansion(log_sum, first, second - squared(first))


def squared(first: Array) -> Array:
    """Return the products of all pairs of first derivatives."""
    return first[:, None] * first[None]


def scattered(parts: list[tuple[Members, Expansion]], n: int) -> Expansion:
    """Put what belongs to some rows each together to what belongs to n rows."""
    if len(parts) == 1:
        return parts[0][1]

    def whole(*every: Array) -> Array:
        joined = np.empty((*every[0].shape[:-1], n))
        for (members, _), one in zip(parts, every, strict=True):
            joined[..., members] = one
        return joined

    first, *rest = (expansion for _, expansion in parts)
    return first.each(whole, *rest)


def _times(share: Array, derivatives: Array) -> Array:
    """share times derivatives, where what has no share counts nothing, however infinite."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.where(share != 0.0, share * derivatives, 0.0)
