"""Responses of labels in an order: a linear predictor between cutpoints.

Of K levels, numbered 0 to K - 1, with cutpoints c_1 < ... < c_(K-1) and F the inverse of the link,

    P(y <= k - 1) = F(c_k - eta)
    p(y = k)      = F(a) - F(b), with a = c_(k+1) - eta, b = c_k - eta

where F(a) is 1 of the last level, and F(b) 0 of the first. With f = F', log p has in a and b the
slopes g = f(a) / p and h = -f(b) / p, and the second slopes

    g f'(a)/f(a) - g^2,  h f'(b)/f(b) - h^2,  -g h

Source: McCullagh (1980), Journal of the Royal Statistical Society B 42, 109-142.
"""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.record import (
    Array,
    Derivatives,
    Dispersion,
    Family,
    Mask,
    Spread,
    both_sides,
    row_sums,
)
from bayesglm.numerics.theta.transforms import ORDERED

PRIOR_SCALE = 2.5  # of cutpoints, on the link: as wide as that of the effect of a predictor's sd
LOG_2 = float(np.log(2.0))
LARGEST_ETA = 350.0  # up to which exponentials, and products of two, are floats


class Edge(NamedTuple):
    """One end of a level's interval: log F and log (1 - F), log f, and f'/f."""

    logs: tuple[Array, Array]
    log_f: Any = None
    bend: Any = None


def _edge(link: BinaryLink, x: Array, order: int) -> Edge:
    """Return what log p takes of one end; f comes from the smaller of F and 1 - F."""
    logs = link.logs(x, order)
    if order == 0:
        return Edge(logs[0])
    low = logs[0][0] < logs[0][1]
    slope = np.where(low, *logs[1])
    log_f = np.where(low, *logs[0]) + np.log(np.abs(slope))
    return Edge(logs[0], log_f, None if order == 1 else np.where(low, *logs[2]) / slope + slope)


def _log_between(upper: Edge, lower: Edge) -> Array:
    """Return log(F(a) - F(b)), from the nearer tail, in which neither is rounded to 1."""
    (log_a, rest_a), (log_b, rest_b) = upper.logs, lower.logs
    low = log_a < rest_b
    apart = np.where(low, log_a - log_b, rest_b - rest_a)
    with np.errstate(divide="ignore"):
        share = np.where(
            apart < LOG_2, np.log(-np.expm1(-np.minimum(apart, LOG_2))), np.log1p(-np.exp(-apart))
        )
    return np.where(low, log_a, rest_b) + share


def _kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, link: BinaryLink
) -> Derivatives:
    code = np.broadcast_to(np.asarray(y), eta.shape[1:]).astype(np.intp)
    cuts = _cuts(phi)
    first, last = code == 0, code == len(phi)
    upper = _edge(link, _at(cuts, np.minimum(code, len(phi) - 1)) - eta[0], order)
    lower = _edge(link, _at(cuts, np.maximum(code - 1, 0)) - eta[0], order)
    value = np.where(first, upper.logs[0], np.where(last, lower.logs[1], 0.0))
    inside = ~(first | last)
    value = np.where(inside, _log_between(upper, lower), value) if inside.any() else value
    if order == 0:
        return Derivatives(value)
    g = np.where(last, 0.0, np.exp(upper.log_f - value))
    h = np.where(first, 0.0, -np.exp(lower.log_f - value))
    ends = [(code == j, code == j + 1) for j in range(len(phi))]
    of_cuts = tuple(np.where(is_a, g, np.where(is_b, h, 0.0)) for is_a, is_b in ends)
    if order == 1:
        return Derivatives(value, -(g + h)[None], phi=of_cuts)
    gg, hh, gh = g * (upper.bend - g), h * (lower.bend - h), -g * h
    of_eta = tuple(
        -np.where(is_a, gg + gh, np.where(is_b, hh + gh, 0.0))[None] for is_a, is_b in ends
    )
    nothing = np.zeros_like(value)
    bends = [[nothing] * len(phi) for _ in phi]
    for j, (is_a, is_b) in enumerate(ends):
        bends[j][j] = np.where(is_a, gg, np.where(is_b, hh, 0.0))
        if j:
            bends[j][j - 1] = bends[j - 1][j] = np.where(is_a & inside, gh, 0.0)
    return Derivatives(
        value,
        -(g + h)[None],
        (gg + 2.0 * gh + hh)[None, None],
        of_cuts,
        of_eta,
        tuple(map(tuple, bends)),
    )


def _logit_fused(
    y: Array, eta: Array, phi: Sequence, trials: None, weights: Array | None
) -> Array | None:
    """Sum of weight * log p, with F(a) - F(b) = F(a) (1 - F(b)) (1 - exp(b - a)) of the logit.

    With u = exp(eta), A = exp(-c_(k+1)) and B = exp(c_k), which are zero beyond the ends,

        log p = log(1 - A B) - log(1 + A B + A u + B / u)
    """
    cuts = np.atleast_2d(_cuts(phi))
    furthest = max(np.abs(eta).max(initial=0.0), np.abs(cuts).max(initial=0.0))
    if not furthest < LARGEST_ETA:
        return None
    code = y.astype(np.intp)
    nothing = np.zeros((len(cuts), 1))
    A = np.concatenate([np.exp(-cuts), nothing], axis=1)
    B = np.concatenate([nothing, np.exp(cuts)], axis=1)
    counts = np.bincount(code, weights, minlength=A.shape[1])
    widths = -np.diff(cuts, axis=1)
    u = np.exp(eta[0], out=eta[0])
    spread = B[:, code]
    spread /= u
    u *= A[:, code]
    u += spread
    u += (A * B)[:, code]
    np.log1p(u, out=u)
    met = np.flatnonzero(counts[1:-1])  # a level that no response has may have no width
    with np.errstate(divide="ignore"):
        log_widths = np.log(-np.expm1(widths[:, met]))
    return log_widths @ counts[1:-1][met] - row_sums(u, weights)


def _cuts(phi: Sequence) -> Array:
    """Return the cutpoints ``(..., K - 1)``, of which each row has those of its line."""
    cuts = np.stack(np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in phi)), -1)
    return cuts[..., 0, :] if cuts.ndim > 1 else cuts


def _at(cuts: Array, places: NDArray[np.intp]) -> Array:
    """Return the cutpoint of each response's level."""
    if cuts.ndim == 1:
        return cuts[places]
    return np.take_along_axis(cuts, places, axis=-1)


def _below(code: Array, eta: Array, phi: Sequence, link: BinaryLink) -> tuple[Array, Array]:
    """Return P(y <= code) and P(y > code) at linear predictors."""
    cuts = _cuts(phi)
    code = np.broadcast_to(code, eta.shape[1:])
    inside = np.clip(code, 0, len(phi) - 1).astype(np.intp)
    logs = link.logs(_at(cuts, inside) - eta[0], 0)[0]
    below, above = np.exp(logs[0]), np.exp(logs[1])
    low, high = code < 0, code >= len(phi)
    return (
        np.where(low, 0.0, np.where(high, 1.0, below)),
        np.where(low, 1.0, np.where(high, 0.0, above)),
    )


def _mean(eta: Array, phi: Sequence, trials: None, *, link: BinaryLink) -> Array:
    shape = eta.shape[1:]
    levels = range(len(phi) + 1)
    return np.exp(
        [_kernel(np.full(shape, float(k)), eta, phi, None, 0, link=link).value for k in levels]
    )


def _draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, link: BinaryLink
) -> Array:
    uniform = rng.random(eta.shape[1:])
    below = (_below(np.asarray(k), eta, phi, link)[0] for k in range(len(phi)))
    return np.sum([uniform > one for one in below], axis=0, dtype=np.float64)


def _cdf(
    y: Array, eta: Array, phi: Sequence, trials: None, *, link: BinaryLink, above: bool
) -> Array:
    """P(Y <= y), or P(Y > y)."""
    return _below(np.floor(y), eta, phi, link)[int(above)]


def _valid(y: Array, trials: None, *, n_levels: int) -> Mask:
    return np.greater_equal(y, 0.0) & np.less(y, n_levels) & np.equal(y, np.floor(y))


def at_share(link: BinaryLink, share: Array) -> Array:
    """Return the x at which F(x) is a share, found by halving an interval.

    >>> at_share(BINARY_LINKS["logit"], np.array([0.25, 0.75])).round(4).tolist()
    [-1.0986, 1.0986]
    """
    low, high = np.full(np.shape(share), -1e6), np.full(np.shape(share), 1e6)
    for _ in range(90):  # to the last digit of a float
        middle = 0.5 * (low + high)
        below = link.probability(middle) < share
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return 0.5 * (low + high)


def _start(y: Array, *, n_levels: int, link: BinaryLink) -> Array:
    """Return the cutpoints of the levels' own shares, each counted half a time more than it is."""
    counts = np.bincount(y.astype(np.intp), minlength=n_levels) + 0.5
    return at_share(link, np.cumsum(counts)[:-1] / counts.sum())


def _default(spread: Spread, *, n_levels: int, link: BinaryLink) -> tuple[str, dict[str, Any]]:
    # To what is told of them: the middle one is 0, and no remainder of a search for it.
    equal = np.round(at_share(link, np.arange(1, n_levels) / n_levels), 12) + 0.0
    return "Normal", {"loc": equal, "scale": PRIOR_SCALE}


def _rises(y: Array, moved: Array, of_phi: Array) -> Array:
    """Return by how much each response's interval grows above its place, and below it."""
    code, eta = y.astype(np.intp), moved[0]
    has_upper, has_lower = code < len(of_phi), code > 0
    above = of_phi[code[has_upper]] - eta[has_upper]
    return np.concatenate([above, eta[has_lower] - of_phi[code[has_lower] - 1]])


@cache
def ordinal(link: str, n_levels: int, reference: int | None = None) -> Family:
    """Return the record of one label out of so many in an order, whose numbers are the responses.

    None is a reference.

    >>> family = ordinal("logit", 3)
    >>> family.log_likelihood(np.ones(1), np.zeros((1, 1)), (-1.0, 1.0), None).round(4).tolist()
    [-0.7719]
    """
    functions = BINARY_LINKS[link]
    cutpoint = Dispersion(
        default=partial(_default, n_levels=n_levels, link=functions),
        start=partial(_start, n_levels=n_levels, link=functions),
        transform=ORDERED,
        n_entries=n_levels - 1,
    )
    return Family(
        name="ordinal",
        link=link,
        kernel=partial(_kernel, link=functions),
        constant=lambda y, trials: 0.0,
        saturated=lambda y, phi, trials: np.zeros_like(y),
        mean=partial(_mean, link=functions),
        draw=partial(_draw, link=functions),
        **both_sides(partial(_cdf, link=functions)),
        valid=partial(_valid, n_levels=n_levels),
        support=f"one of {n_levels} levels",
        dispersions=(cutpoint,),
        n_levels=n_levels,
        rises=_rises,
        log_concave=functions.log_concave,
        fused=_logit_fused if link == "logit" else None,
    )
