"""The record of a family with one link: log p(y | eta, phi), its derivatives, and its traits.

eta has an axis of linear predictors in front, the family's channels: ``(channels, ..., rows)``.
Derivatives in eta are ``(c, ..., rows)`` and ``(c, c, ..., rows)``. Normalising constants are kept,
so that the numbers equal those of PyMC's distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bayesglm.numerics.families.changes import Changes
from bayesglm.numerics.families.domains import within
from bayesglm.numerics.families.links import REAL_LINE, Domain
from bayesglm.numerics.theta.transforms import LOG, Transform
from bayesglm.spec.families import FAMILY_NAMES, FamilyName

type Array = NDArray[np.float64]
type Mask = NDArray[np.bool_]


class Derivatives(NamedTuple):
    """log p(y | eta, phi) and its first and second derivatives, each elementwise.

    Beside the channels, arrays have the shape to which y, eta, phi and trials broadcast. `eta_eta`
    is the observed second derivative, negative where the log-likelihood is concave. The tuples have
    one entry for each number that dispersions are, on the natural scale, and are empty in families
    without one; of these `eta_phi` has channels. What was not asked for is None, or empty.
    """

    value: Array
    eta: Any = None
    eta_eta: Any = None
    phi: tuple[Array, ...] = ()
    eta_phi: tuple[Array, ...] = ()
    phi_phi: tuple[tuple[Array, ...], ...] = ()


class Spread(NamedTuple):
    """What a default prior is scaled by: mean and standard deviation of a response."""

    mean: float
    sd: float


class Collapse(NamedTuple):
    """How the noise vanishes as a dispersion goes to an end of its range, and the density grows.

    At its mean a response's density goes there like the dispersion to the ``power``, and one over
    its standard deviation alike: ``width(mean)`` is that of a dispersion of 1.
    """

    power: float
    width: Callable[[float], float]

    @property
    def end(self) -> float:
        """The end of the range at which there is no noise.

        >>> Collapse(-1.0, lambda mean: 1.0).end
        0.0
        """
        return np.inf if self.power > 0.0 else 0.0

    def sd(self, value: Array, mean: float) -> Array:
        """Return the standard deviation about a mean at values of the dispersion.

        >>> Collapse(0.5, lambda mean: mean).sd(np.array([4.0, 100.0]), 2.0).tolist()
        [1.0, 0.2]
        """
        with np.errstate(over="ignore", divide="ignore"):
            return self.width(mean) * np.asarray(value) ** -self.power


@dataclass(frozen=True)
class Dispersion:
    """One parameter of a family beside its linear predictors; its name stands in the vocabulary.

    - `default(spread)`: its default prior, the name of a noun and its numbers.
    - `start(y)`: the natural value from which solvers start.
    - `transform`: how it stands in theta.
    - `needs_spread`: whether the default says nothing of a response that does not vary.
    - `collapse`: how the likelihood grows without bound as it goes to an end of its range, where
      the mean passes through every response; None where it does not.
    - `limits`: the ends of its range at which the likelihood keeps a positive limit, so that under
      a flat prior the posterior is improper.
    - `n_entries`: how many numbers it is, in a row; None where it is a single one.
    """

    default: Callable[[Spread], tuple[str, dict[str, Any]]]
    start: Callable[[Array], Any]
    transform: Transform = LOG
    needs_spread: bool = False
    collapse: Collapse | None = None
    limits: tuple[float, ...] = ()
    n_entries: int | None = None


@dataclass(frozen=True)
class Family:
    """One family with one link: a record of elementwise functions of finite linear predictors.

    y, trials and each channel of eta broadcast against one another, each phi[k] against a channel;
    `trials=None` means one trial. phi holds every number that dispersions are.

    - `kernel(y, eta, phi, trials, order)`: the `Derivatives`, up to the given order, of log p less
      `constant(y, trials)`, which no parameter moves.
    - `saturated(y, phi, trials)`: the largest value of the kernel over the mean's eta, every phi
      known; twice what a model falls short of it, summed, is its deviance.
    - `mean(eta, phi, trials)`: E[y]; for binomial the expected count. Of a response with `n_levels`
      that of each level, ``(levels, ..., rows)``: the level's share, or its expected count.
    - `variance(eta, phi, trials)`: Var[y]; None where it has no closed form, and is summed over the
      density, and of responses that are levels or angles.
    - `draw(rng, eta, phi, trials)`: responses, as float64.
    - `cdf(y, eta, phi, trials)`, `survival(...)`: P(Y <= y) and P(Y > y), each to its own digits;
      of levels without an order, by their numbers.
    - `panjer(phi)`: of counts whose chances follow on one another as P(k + 1) / P(k) =
      (a + k) / (k + 1) mu / (a + mu) (Panjer 1981, ASTIN Bulletin 12:22): their a, infinite of
      Poisson's, -1 of yes and no; None of all others.
    - `survival_rounds`: whether `survival` is one less `cdf`, so that small chances lose digits.
    - `valid(y, trials)`: mask of the admissible responses; `support` says the same in words.
    - `dispersions`: their records, in the order of the vocabulary.
    - `n_levels`: how many levels the response has; 0 of one that is a number. Counts of levels are
      ``(levels, ..., rows)``.
    - `shares_columns`: whether all channels have the columns of the first, each its coefficients.
    - `starts(y)`: the linear predictors ``(channels,)`` from which solvers start, where channels
      share their columns; None elsewhere.
    - `channels`: what each linear predictor is that of; the first is the mean's.
    - `domain`: the linear predictors of the mean at which its link is defined; elsewhere the
      density is zero.
    - `log_concave`: whether log p is concave in eta, phi being fixed.
    - `quadratic`: whether it is a quadratic of eta, so that moments of the data say all.
    - `exponential_rate`: the r of a log p that is a + c eta + d exp(r eta), so that sums over rows
      whose eta move alike are of the same form; None where it is not.
    - `push(y, trials)`: where the likelihood of each response pushes the mean's eta: +1 or -1
      without end, 0 to a finite place, nan nowhere; None where it is a finite place for all.
    - `plateau(y, weights)`: of links on which the mean may be infinitely far while the likelihood
      keeps a positive limit there: by how many nats a finite mean beats it, dispersions being best
      for each.
    - `rises(y, moved, of_phi)`: of responses with levels, changes ``(m, k)`` none of which may fall
      if the likelihood never falls along k directions, which change the linear predictors by
      ``moved (channels, rows, k)`` and the dispersions by ``of_phi (n_phi, k)``.
    - `fused(y, eta, phi, trials, weights)`: `summed` in fewer passes over eta, which it overwrites;
      None where it has no short form, and as its answer, eta untouched, where these data have none.
    - `changes`: of canonical links, how the cumulants change as eta moves away from some point.
    - `tails(y, eta, phi, trials, order, above=)`: the `Derivatives` of log P(Y <= y), or with
      ``above`` of log P(Y > y), inside the range of the responses; None where there is no closed
      form of them, and they are sums over the density.
    - `concave_mass`: whether log P(a < Y <= b) is concave in eta, phi being fixed.
    - `filled(y, eta, phi, trials)`: of responses seen as intervals (`censored`) E[y] given these;
      None where y are numbers.
    - `split(eta, phi)`: where channels stand for dispersions (`predicted`), all of these.
    - `averaged(mean, eta, phi, trials, order)`: where log p is linear in y, phi being known, but
      for what no eta moves: the kernel averaged over responses of that `mean (draws, rows)`; None
      elsewhere.
    - `absorbed(mean, mu, phi, shares)`: the dispersions ``(draws, 1)`` with which responses about
      mu ``(draws, rows)`` are nearest, in Kullback and Leibler's divergence, to those about `mean`
      with phi, and that divergence ``(draws,)`` for each row; rows count by their ``shares``, which
      sum to one. None where it has no closed form.

    >>> from bayesglm.numerics.families.table import FAMILIES
    >>> family = FAMILIES["poisson", "log"]
    >>> family.log_likelihood(np.array([0.0, 2.0]), np.zeros((1, 2)), (), None).round(4)
    array([-1.    , -1.6931])
    """

    name: str
    link: str
    kernel: Callable[..., Derivatives]
    constant: Callable[..., Array | float]
    saturated: Callable[..., Array | float]
    mean: Callable[..., Array]
    draw: Callable[..., Array]
    cdf: Callable[..., Array] | None
    survival: Callable[..., Array] | None
    valid: Callable[..., Mask]
    support: str
    dispersions: tuple[Dispersion, ...] = ()
    n_levels: int = 0
    shares_columns: bool = False
    starts: Callable[[Array], Array] | None = None
    channels: tuple[str, ...] = ("mu",)
    domain: Domain = REAL_LINE
    log_concave: bool = False
    quadratic: bool = False
    exponential_rate: float | None = None
    push: Callable[..., Array] | None = None
    plateau: Callable[[Array, Array], float] | None = None
    rises: Callable[..., Array] | None = None
    fused: Callable[..., Array | None] | None = None
    changes: Changes | None = None
    split: Callable[..., Sequence[Any]] | None = None
    tails: Callable[..., Derivatives] | None = None
    concave_mass: bool = False
    filled: Callable[..., Array] | None = None
    survival_rounds: bool = False
    panjer: Callable[[Sequence], Any] | None = None
    variance: Callable[..., Array] | None = None
    averaged: Callable[..., Derivatives] | None = None
    absorbed: Callable[..., tuple[tuple[Array, ...], Array]] | None = None

    @property
    def words(self) -> FamilyName:
        """The family's entry in the vocabulary of models."""
        return FAMILY_NAMES[self.name]

    @property
    def dispersion_names(self) -> tuple[str, ...]:
        """The names of its dispersions, those that are channels apart."""
        return tuple(name for name in self.words.dispersions if name not in self.channels)

    def dispersion_named(self, name: str) -> Dispersion:
        """Return the record of one of its dispersions."""
        return self.dispersions[self.dispersion_names.index(name)]

    def every_phi(self, eta: Array, phi: Sequence) -> Sequence[Any]:
        """Return all dispersions of the vocabulary, those that are channels among them."""
        return phi if self.split is None else self.split(eta, phi)

    def log_likelihood(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """log p(y | eta, phi), elementwise."""
        return self.kernel(y, eta, phi, trials, 0).value + self.constant(y, trials)

    def summed(
        self, y: Array, eta: Array, phi: Sequence, trials: Array | None, weights: Array | None
    ) -> Array:
        """Return the kernel times positive weights, summed over the last axis; overwrites eta."""
        total = None if self.fused is None else self.fused(y, eta, phi, trials, weights)
        if total is None:
            total = row_sums(self.kernel(y, eta, phi, trials, 0).value, weights)
        return total

    def derivatives(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Derivatives:
        """log p(y | eta, phi) and its derivatives, elementwise."""
        kernel = self.kernel(y, eta, phi, trials, 2)
        return kernel._replace(value=kernel.value + self.constant(y, trials))

    def numbered(self, y: Array) -> Array:
        """Return responses as the numbers ``(..., rows)`` of which `expected` is the mean."""
        return np.tensordot(np.arange(self.n_levels), y, 1) if self.words.counts_levels else y

    def tally(self, y: Array) -> Array:
        """Return how often each level occurs in responses ``(..., rows)`` with levels."""
        if self.words.counts_levels:
            return y.sum(axis=-1)
        return np.bincount(y.astype(np.intp), minlength=self.n_levels).astype(np.float64)

    def expected(self, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """E[y] ``(..., rows)``, of a response with levels that of their numbers."""
        mean = self.mean(eta, phi, trials)
        return np.tensordot(np.arange(self.n_levels), mean, 1) if self.n_levels else mean

    def numbers(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """The responses as numbers; of intervals what is expected of each given these."""
        if self.filled is not None:
            return self.filled(y, eta, phi, trials)
        return self.numbered(y)

    def below(self, y: Array, eta: Array, phi: Sequence, trials: Array | None) -> Array:
        """P(Y < y): of counted responses the cumulative distribution before its step at y."""
        assert self.cdf is not None
        return self.cdf(y - 1.0 if self.words.discrete else y, eta, phi, trials)


def both_sides(share: Callable[..., Array]) -> dict[str, Any]:
    """Return the fields `cdf` and `survival` of a record, of one function that takes ``above``."""
    return {"cdf": partial(share, above=False), "survival": partial(share, above=True)}


def of_one_channel(
    kernel: Callable[..., Derivatives], mean: Callable[..., Array], **others: Any
) -> Family:
    """Return the record of a family with one linear predictor, of functions of that alone.

    They take and give arrays without an axis of channels, of which the record's are views; the
    ``variance`` is a function of the mean, in place of eta (McCullagh & Nelder 1989, 2.2.2).
    """
    domain = others.get("domain", REAL_LINE)

    def of_mean(eta: Array, phi: Sequence, trials: Array | None) -> Array:
        return mean(eta[0], phi, trials)

    def of_response(function: Callable[..., Array] | None) -> Callable[..., Array] | None:
        if function is None:
            return None
        return lambda y, eta, phi, trials: function(y, eta[0], phi, trials)

    variance = others.pop("variance", None)

    def of_eta(eta: Array, phi: Sequence, trials: Array | None) -> Array:
        return variance(of_mean(eta, phi, trials), phi, trials)

    draw, cdf, survival = (others.pop(name) for name in ("draw", "cdf", "survival"))
    fused = others.pop("fused", None)
    for name in ("tails", "averaged"):
        if others.get(name) is not None:
            others[name] = within(_over_channels(others[name]), domain)
    return Family(
        kernel=within(_over_channels(kernel), domain),
        mean=of_mean,
        draw=lambda rng, eta, phi, trials: draw(rng, eta[0], phi, trials),
        cdf=of_response(cdf),
        survival=of_response(survival),
        variance=variance and of_eta,
        fused=fused and (lambda y, eta, phi, trials, weights: fused(y, eta[0], trials, weights)),
        **others,
    )


def _over_channels(function: Callable[..., Derivatives]) -> Callable[..., Derivatives]:
    """Return derivatives in one linear predictor as those in an axis of one channel."""

    def over_channels(
        y: Array, eta: Array, phi: Sequence, trials: Array | None, order: int, **which: bool
    ) -> Derivatives:
        d = function(y, eta[0], phi, trials, order, **which)
        if order == 0:
            return d
        bends = None if order == 1 else d.eta_eta[None, None]
        crossed = tuple(one[None] for one in d.eta_phi)
        return Derivatives(d.value, d.eta[None], bends, d.phi, crossed, d.phi_phi)

    return over_channels


def in_eta(slopes: Sequence[Array]) -> Derivatives:
    """Return value and derivatives in one linear predictor, as many as are given."""
    value, slope, bend = (*slopes, None, None)[:3]
    return Derivatives(value, slope, bend)  # type: ignore[arg-type]


def row_sums(values: Array, weights: Array | None) -> Array:
    """Return the sums over the last axis, each entry times its weight."""
    return values.sum(axis=-1) if weights is None else values @ weights
