"""Families: log p(y | eta, phi) with its derivatives, as elementwise functions of eta.

Each likelihood is written once, on top of the links: binomial (of which bernoulli is the case of
one trial), Poisson and Gaussian. Normalising constants are kept, so that the numbers equal those
of PyMC's Normal, Bernoulli, Binomial and Poisson. Source: McCullagh & Nelder (1989), Generalized
Linear Models, chapters 2, 4 and 6.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, xlogy

from bayesglm.numerics.families.binary_links import BINARY_LINKS, BinaryLink
from bayesglm.numerics.families.changes import LOG, LOGIT, Changes, weighted
from bayesglm.numerics.families.links import LOG_MEANS, MEANS, Curve
from bayesglm.numerics.special import log_choose
from bayesglm.spec.families import FAMILY_NAMES

type Array = NDArray[np.float64]
type Mask = NDArray[np.bool_]


class Derivatives(NamedTuple):
    """log p(y | eta, phi) and its first and second derivatives, each elementwise.

    Arrays have the shape to which y, eta, phi and trials broadcast. `eta_eta` is the observed
    second derivative, negative where the log-likelihood is concave. The tuples have one entry for
    each dispersion, on its natural scale, and are empty in families without one. What was not
    asked for is None, or empty.
    """

    value: Array
    eta: Any = None
    eta_eta: Any = None
    phi: tuple[Array, ...] = ()
    eta_phi: tuple[Array, ...] = ()
    phi_phi: tuple[tuple[Array, ...], ...] = ()


@dataclass(frozen=True)
class Family:
    """One family with one link: a record of elementwise functions of a finite eta.

    y, eta and trials broadcast against one another, each phi[k] against eta; `trials=None` means
    one trial.

    - `kernel(y, eta, phi, trials, order)`: the `Derivatives`, up to the given order, of log p less
      `constant(y, trials)`, which no parameter moves.
    - `log_likelihood(y, eta, phi, trials)`: log p(y | eta, phi), normalising constants kept.
    - `derivatives(y, eta, phi, trials)`: the same and all its `Derivatives`.
    - `saturated(y, phi, trials)`: the largest value of the kernel over all eta; twice what a model
      falls short of it, summed, is its deviance.
    - `mean(eta, phi, trials)`: E[y]; for binomial the expected count.
    - `draw(rng, eta, phi, trials)`: responses, as float64.
    - `valid(y, trials)`: mask of the admissible responses; `support` says the same in words.
    - `log_concave`: whether log p is concave in eta, phi being fixed.
    - `quadratic`: whether it is a quadratic of eta, so that moments of the data say all.
    - `fused(y, eta, trials, weights)`: `summed` in fewer passes over eta, which it overwrites; None
      where it has no short form, and as its answer where these data or this eta have none.
    - `changes`: of canonical links, how the cumulants change as eta moves away from some point.
    - `separable`: the responses that push eta to infinity: "binomial" (y = 0 to -inf, y = trials
      to +inf), "positive mean" (y <= 0 to -inf) or None.

    >>> family = FAMILIES["poisson", "log"]
    >>> family.log_likelihood(np.array([0.0, 2.0]), np.array([0.0, 0.0]), (), None).round(4)
    array([-1.    , -1.6931])
    """

    name: str
    link: str
    dispersions: tuple[str, ...]
    log_concave: bool
    kernel: Callable[..., Derivatives]
    constant: Callable[..., Array | float]
    saturated: Callable[..., Array | float]
    mean: Callable[..., Array]
    draw: Callable[..., Array]
    valid: Callable[..., Mask]
    support: str
    separable: str | None
    quadratic: bool = False
    fused: Callable[..., Array | None] | None = None
    changes: Changes | None = None

    def log_likelihood(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """log p(y | eta, phi), elementwise."""
        return self.kernel(y, eta, phi, trials, 0).value + self.constant(y, trials)

    def summed(
        self, y: Array, eta: Array, phi: Sequence, trials: Array | None, weights: Array | None
    ) -> Array:
        """Return the kernel times positive weights, summed over the last axis; overwrites eta."""
        found = None if self.fused is None else self.fused(y, eta, trials, weights)
        if found is None:
            found = _row_sums(self.kernel(y, eta, phi, trials, 0).value, weights)
        return found

    def derivatives(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Derivatives:
        """log p(y | eta, phi) and its derivatives, elementwise."""
        found = self.kernel(y, eta, phi, trials, 2)
        return found._replace(value=found.value + self.constant(y, trials))


def _counted(count: Array | float, term: Array) -> Array:
    """count * term, where what never happened counts nothing: 0 * -inf = 0."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = count * term
    if np.size(term) == 0 or np.isfinite(np.min(term)):
        return product
    return np.where(np.equal(count, 0.0), 0.0, product)


def _derivatives(in_eta: Sequence[Array]) -> Derivatives:
    value, slope, bend = (*in_eta, None, None)[:3]
    return Derivatives(value, slope, bend)  # type: ignore[arg-type]


def _row_sums(values: Array, weights: Array | None) -> Array:
    return values.sum(axis=-1) if weights is None else values @ weights


# Counts beyond which the parts of log p(y) are so large that their sum would lose digits.
_LARGE_COUNT = 1e4


def _binomial_kernel(
    y: Array, eta: Array, phi: Sequence, trials: Array | None, order: int, *, link: BinaryLink
) -> Derivatives:
    """log p(y) = log C(n, y) + y log p + (n - y) log q, with p = g^-1(eta) and q = 1 - p.

    Of one trial with a symmetric link it is log p(z), z being eta or -eta. In large counts the
    three cancel, and the last two are taken from their maximum at p = y / n.
    """
    if trials is None and link.log_p is not None:
        sign = 2.0 * y - 1.0
        value, *slopes = link.log_p(sign * eta, order)
        slopes[:1] = [sign * one for one in slopes[:1]]
        return _derivatives([value, *slopes])
    failures = (1.0 if trials is None else trials) - y
    logs = link.logs(eta, order)
    value, *slopes = (_counted(y, of_p) + _counted(failures, of_q) for of_p, of_q in logs)
    if trials is not None and np.max(trials, initial=0.0) > 2.0 * _LARGE_COUNT:
        large, few, many = _large_sides(y, failures)
        rare = np.where(y <= failures, logs[0][0], logs[0][1])
        common = np.where(y <= failures, logs[0][1], logs[0][0])
        away = rare - np.log(few / (few + many))
        odds = few / many
        near = few * away + many * np.log1p(-odds * np.expm1(np.clip(away, -0.5, 0.5)))
        far = few * away + many * (common + np.log1p(odds))
        value = np.where(large, np.where(np.abs(away) < 0.5, near, far), value)
    return _derivatives([value, *slopes])


_LARGEST_EXP = 700.0  # of which exp is finite


def _logit_fused(y: Array, eta: Array, trials: Array | None, weights: Array | None) -> Array | None:
    """Sum of weight * (y eta - n log(1 + exp(eta)))."""
    if np.max(eta, initial=0.0) > _LARGEST_EXP:
        return None
    if trials is not None and np.max(trials, initial=0.0) > 2.0 * _LARGE_COUNT:
        return None
    found = eta @ (y if weights is None else weights * y)
    np.exp(eta, out=eta)
    np.log1p(eta, out=eta)
    found -= _row_sums(eta, weighted(weights, trials))
    return found


def _large_sides(y: Array, failures: Array) -> tuple[Mask, Array, Array]:
    """Where both counts are large; the smaller of them there, and the larger; elsewhere ones."""
    large = np.minimum(y, failures) > _LARGE_COUNT
    few, many = np.minimum(y, failures), np.maximum(y, failures)
    return large, np.where(large, few, 1.0), np.where(large, many, 1.0)


def _binomial_constant(y: Array, trials: Array | None) -> Array | float:
    """log C(n, y), and in large counts y log(y / n) + (n - y) log(1 - y / n) more.

    That is what `_binomial_kernel` leaves out of their share; by Stirling's series (Abramowitz &
    Stegun 1964, 6.1.41).
    """
    if trials is None:
        return 0.0
    large, few, many = _large_sides(y, trials - y)
    n = few + many
    rest = 0.5 * np.log(n / (2.0 * np.pi * few * many))
    rest = rest + (1.0 / n - 1.0 / few - 1.0 / many) / 12.0
    return np.where(large, rest, log_choose(trials, y))


def _binomial_saturated(y: Array, phi: Sequence, trials: Array | None) -> Array:
    n = np.float64(1.0) if trials is None else trials
    share = y / np.maximum(n, 1.0)
    full = xlogy(y, share) + xlogy(n - y, (n - y) / np.maximum(n, 1.0))
    return full if trials is None else np.where(_large_sides(y, n - y)[0], 0.0, full)


def _binomial_mean(eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink) -> Array:
    p = link.probability(eta)
    return p if trials is None else trials * p


def _binomial_draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: Array | None, *, link: BinaryLink
) -> Array:
    n = 1 if trials is None else np.asarray(trials).astype(np.int64)
    return np.asarray(rng.binomial(n, link.probability(eta)), dtype=np.float64)


def _binomial_valid(y: Array, trials: Array | None) -> Mask:
    n = 1.0 if trials is None else trials
    return np.greater_equal(y, 0.0) & np.less_equal(y, n) & np.equal(y, np.floor(y))


def _poisson_kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve, log_mean: Curve
) -> Derivatives:
    """log p(y) = y log mu - mu - log y!, with mu = g^-1(eta).

    In large counts the three cancel, and the first two are taken from their maximum at mu = y.
    """
    logs, means = log_mean.derivatives(eta, order), mean.derivatives(eta, order)
    value, *slopes = (y * of_log - of_mean for of_log, of_mean in zip(logs, means, strict=True))
    if np.max(y, initial=0.0) > _LARGE_COUNT:
        large = np.greater(y, _LARGE_COUNT)
        count = np.where(large, y, 1.0)
        away = logs[0] - np.log(count)
        near = count * (away - np.expm1(np.minimum(away, 1.0)))
        far = count * away - (means[0] - count)
        value = np.where(large, np.where(np.abs(away) < 0.5, near, far), value)
    return _derivatives([value, *slopes])


def _log_fused(y: Array, eta: Array, trials: None, weights: Array | None) -> Array | None:
    """Sum of weight * (y eta - exp(eta))."""
    if np.max(y, initial=0.0) > _LARGE_COUNT:
        return None
    found = eta @ (y if weights is None else weights * y)
    with np.errstate(over="ignore"):
        np.exp(eta, out=eta)
        found -= _row_sums(eta, weights)
    return found


def _poisson_constant(y: Array, trials: None) -> Array:
    """-log y!; of large counts less y log y - y, by Stirling's series (Abramowitz & Stegun 1964,
    6.1.41).

    That is what `_poisson_kernel` leaves out of their share.
    """
    y = np.asarray(y)
    largest = np.max(y, initial=0.0)
    if largest < min(y.size, _LARGE_COUNT):  # counts repeat: a table is shorter than the data
        return -gammaln(np.arange(largest + 1.0) + 1.0)[y.astype(np.intp)]
    large = np.greater(y, _LARGE_COUNT)
    count = np.where(large, y, 1.0)
    rest = -0.5 * np.log(2.0 * np.pi * count) - 1.0 / (12.0 * count)
    return np.where(large, rest, -gammaln(y + 1.0))


def _poisson_saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.where(np.greater(y, _LARGE_COUNT), 0.0, xlogy(y, y) - y)


def _mean(eta: Array, phi: Sequence, trials: Array | None, *, mean: Curve) -> Array:
    return mean.value(eta)


def _poisson_draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    mu = np.asarray(mean.value(eta))
    # numpy refuses means beyond 9.2e18; from 1e15 on the normal limit is exact to 1e-8.
    counts = np.asarray(rng.poisson(np.minimum(mu, 1e15)), dtype=np.float64)
    large = mu > 1e15
    if np.any(large):
        noise = np.sqrt(mu[large]) * rng.standard_normal(np.count_nonzero(large))
        counts[large] = np.rint(mu[large] + noise)
    return counts


def _poisson_valid(y: Array, trials: None) -> Mask:
    return np.greater_equal(y, 0.0) & np.isfinite(y) & np.equal(y, np.floor(y))


def _gaussian_kernel(
    y: Array, eta: Array, phi: Sequence, trials: None, order: int, *, mean: Curve
) -> Derivatives:
    """log p(y) = -r^2 / 2 - log sigma - log(2 pi) / 2, with r = (y - g^-1(eta)) / sigma."""
    sigma = phi[0]
    mu, *slopes = mean.derivatives(eta, order)
    with np.errstate(over="ignore"):
        r = (y - mu) / sigma
        square = r * r
        value = -0.5 * square - np.log(sigma)
        if order == 0:
            return Derivatives(value)
        slope = slopes[0] / sigma
        of_phi = ((square - 1.0) / sigma,)
        if order == 1:
            return Derivatives(value, r * slope, phi=of_phi)
        return Derivatives(
            value=value,
            eta=r * slope,
            eta_eta=r * (slopes[1] / sigma) - slope * slope,
            phi=of_phi,
            eta_phi=(-2.0 * r * slope / sigma,),
            phi_phi=(((1.0 - 3.0 * square) / sigma / sigma,),),
        )


def _gaussian_constant(y: Array, trials: None) -> float:
    return -0.5 * float(np.log(2.0 * np.pi))


def _gaussian_saturated(y: Array, phi: Sequence, trials: None) -> Array:
    return np.zeros_like(y) - np.log(phi[0])


def _gaussian_draw(
    rng: np.random.Generator, eta: Array, phi: Sequence, trials: None, *, mean: Curve
) -> Array:
    mu, sigma = np.broadcast_arrays(mean.value(eta), phi[0])
    return mu + sigma * rng.standard_normal(mu.shape)


def _gaussian_valid(y: Array, trials: None) -> Mask:
    return np.isfinite(y)


def _binomial(name: str, link: str) -> Family:
    functions = BINARY_LINKS[link]
    return Family(
        name=name,
        link=link,
        dispersions=(),
        log_concave=True,
        kernel=partial(_binomial_kernel, link=functions),
        constant=_binomial_constant,
        saturated=_binomial_saturated,
        mean=partial(_binomial_mean, link=functions),
        draw=partial(_binomial_draw, link=functions),
        valid=_binomial_valid,
        support="0 or 1" if name == "bernoulli" else "integers from 0 to trials",
        separable="binomial",
        fused=_logit_fused if link == "logit" else None,
        changes=LOGIT if link == "logit" else None,
    )


def _poisson(link: str) -> Family:
    mean = MEANS[link]
    return Family(
        name="poisson",
        link=link,
        dispersions=(),
        log_concave=True,
        kernel=partial(_poisson_kernel, mean=mean, log_mean=LOG_MEANS[link]),
        constant=_poisson_constant,
        saturated=_poisson_saturated,
        mean=partial(_mean, mean=mean),
        draw=partial(_poisson_draw, mean=mean),
        valid=_poisson_valid,
        support="non-negative integers",
        separable="positive mean",
        fused=_log_fused if link == "log" else None,
        changes=LOG if link == "log" else None,
    )


def _gaussian(link: str) -> Family:
    mean = MEANS[link]
    return Family(
        name="gaussian",
        link=link,
        dispersions=("sigma",),
        log_concave=link == "identity",
        kernel=partial(_gaussian_kernel, mean=mean),
        constant=_gaussian_constant,
        saturated=_gaussian_saturated,
        mean=partial(_mean, mean=mean),
        draw=partial(_gaussian_draw, mean=mean),
        valid=_gaussian_valid,
        support="real numbers",
        separable=None if link == "identity" else "positive mean",
        quadratic=link == "identity",
    )


_RECORDS = (
    *(_gaussian(link) for link in FAMILY_NAMES["gaussian"].links),
    *(
        _binomial(name, link)
        for name in ("bernoulli", "binomial")
        for link in FAMILY_NAMES[name].links
    ),
    *(_poisson(link) for link in FAMILY_NAMES["poisson"].links),
)

FAMILIES: dict[tuple[str, str], Family] = {
    (family.name, family.link): family for family in _RECORDS
}
