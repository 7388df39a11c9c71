"""What a prior is to the engine: functions of one number and of the prior's own parameters.

Densities: Johnson, Kotz & Balakrishnan (1994), Continuous Univariate Distributions.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

type Array = NDArray[np.float64]


class TwoNormals(NamedTuple):
    """Two normals around zero: their sds, and the prior log odds of the wide one."""

    narrow: Array
    wide: Array
    log_odds: Array

    @property
    def share(self) -> Array:
        """The prior probability of the wide one."""
        return expit(self.log_odds)

    def log_odds_at(self, x: Array) -> Array:
        """Return the log odds that x is from the wide one."""
        narrow, wide = self.narrow, self.wide
        with np.errstate(over="ignore"):
            rise = 0.5 * (x / narrow) ** 2 * ((wide - narrow) / wide) * ((wide + narrow) / wide)
        return self.log_odds + np.log(narrow / wide) + rise

    def inclusion(self, x: Array) -> Array:
        """Return the probability that x is from the wide one."""
        return expit(self.log_odds_at(x))


@dataclass(frozen=True)
class Prior:
    """One prior: functions of x and of its own parameters, which broadcast against x.

    - `support`: "real", "positive", "unit", from 0 to 1, or "interval", from ``lower`` to
      ``upper``; outside it the log density is -inf.
    - `log_density(x, **parameters)`: normalised; 0 for the improper `Flat`.
    - `gradient`, `curvature`: its first and second derivative in x. Of a kink the gradient is the
      slope -kink * sign(x - loc), 0 at the kink itself, and the curvature is never its.
    - `kink(**parameters)`: the weight of -|x - loc| in the log density, or None.
    - `marginal(x, **parameters)`: the log density of one coefficient, where `log_density` is that
      of the length of several; None where it is `log_density` itself.
    - `quadratic`: whether the smooth part, a slope at a bound apart, is a quadratic around `loc`,
      or zero.
    - `penalty(x, **parameters)`: minus the log density, zero where it is least; inf outside the
      support. `has_least(**parameters)` says whether there is a least, None that there always is.
    - `prox(x, step, **parameters)`: the z that makes step * penalty(z) + (z - x)^2 / 2 least; None
      where nothing gives it.
    - `draw(rng, shape, **parameters)`: exact draws; None of what is improper.
    - `middle(**parameters)`: about where a parameter under it lies, for solvers to start from.
    - `proper`: whether the density integrates to one.
    - `log_concave`: whether `log_density` is concave on the support.
    - `curved`: whether the curvature at a mode tells how wide the density is; not that of a kink,
      nor that of heavy tails.
    - `two_normals(**parameters)`: the normals of which it is a mixture, where it is one of two
      around zero, whose indicators are drawn with the coefficients; None elsewhere.
    - `has_mode`: whether coefficients have a mode under it, beside a likelihood; not those whose
      density grows without bound somewhere.

    All whose class takes a scale are scale families: log p(w | scale) = -r log(scale) + f(w/scale)
    around `loc`, with r the number of coefficients, or the rank of their structure.
    """

    support: str
    log_density: Callable[..., Array]
    gradient: Callable[..., Array]
    curvature: Callable[..., Array]
    kink: Callable[..., Array | float] | None = None
    marginal: Callable[..., Array] | None = None
    penalty: Callable[..., Array] | None = None
    has_least: Callable[..., Array | bool] | None = None
    prox: Callable[..., Array] | None = None
    draw: Callable[..., Array] | None = None
    middle: Callable[..., Array | float] = lambda scale, **others: scale
    proper: bool = True
    log_concave: bool = True
    quadratic: bool = False
    curved: bool = True
    has_mode: bool = True
    two_normals: Callable[..., TwoNormals] | None = None

    @property
    def holds(self) -> bool:
        """Whether the mode of a coefficient can be exactly at `loc`: at a kink, or at a bound."""
        return self.kink is not None or self.support == "positive"


def zeros(x: Array, **parameters: Array | float) -> Array:
    """Return zeros in the shape that x and the parameters broadcast to."""
    return np.zeros(np.broadcast_shapes(np.shape(x), *map(np.shape, parameters.values())))


def on_positive(x: Array, log_density: Array) -> Array:
    """Return a log density where x is not negative, and -inf elsewhere."""
    return np.where(np.less(x, 0.0), -np.inf, log_density)


def beyond_zero(x: Array, penalty: Array) -> Array:
    """Return a penalty where x is not negative, and inf elsewhere."""
    return np.where(np.less(x, 0.0), np.inf, penalty)


FLAT = Prior(
    support="real",
    log_density=zeros,
    gradient=zeros,
    curvature=zeros,
    penalty=zeros,
    prox=lambda x, step: np.asarray(x),
    proper=False,
    quadratic=True,
)


def _uniform(x: Array, lower: Array | float, upper: Array | float) -> Array:
    """-log(upper - lower) from one end to the other."""
    inside = np.greater_equal(x, lower) & np.less_equal(x, upper)
    return np.where(inside, -np.log(np.subtract(upper, lower)), -np.inf)


def _uniform_penalty(x: Array, lower: Array | float, upper: Array | float) -> Array:
    """0 from one end to the other."""
    return np.where(np.greater_equal(x, lower) & np.less_equal(x, upper), 0.0, np.inf)


UNIFORM = Prior(
    support="interval",
    log_density=_uniform,
    gradient=zeros,
    curvature=zeros,
    penalty=_uniform_penalty,
    prox=lambda x, step, lower, upper: np.clip(x, lower, upper),
    draw=lambda rng, shape, lower, upper: rng.uniform(lower, upper, shape),
    middle=lambda lower, upper: 0.5 * (lower + upper),
)
