"""The numbers with which a prior holds a belief: that a number lies between two ends, or on a side.

Both ends leave the same on either side, as the intervals of posteriors do. Where a belief leaves a
number open, that of maximum entropy is taken (Jaynes 1957), for it adds least to what was said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq, minimize_scalar
from scipy.special import (
    betainc,
    betaincc,
    betaln,
    digamma,
    gammainccinv,
    gammaincinv,
    gammaln,
)

from bayesglm.errors import ModelError
from bayesglm.numerics.priors.symmetric import (
    ELASTIC_NET,
    FINE,
    LAPLACE,
    NORMAL,
    STUDENT_T,
    Symmetric,
    root,
)

MET = 1e-9  # relative, of a chance: a second end that the numbers of the first meet by themselves
SHAPES = (1e-2, 1e10)  # of gamma densities, between which floats tell their quantiles apart
MOST_APART = 1e4  # of logarithms of quantiles, whose smaller one may underflow
LOG_SHAPES = np.array(
    [-4.0, 8.0]
)  # logarithms, among which a shape of maximum entropy is looked for


class End(NamedTuple):
    """One end of a belief, and the words in which it was said."""

    value: float
    words: str


@dataclass(frozen=True)
class Belief:
    """That a number lies between two ends, or on one side of one, with a probability."""

    lower: End | None
    upper: End | None
    probability: float

    @property
    def beside(self) -> float:
        """The chance on the far side of each end."""
        rest = 1.0 - self.probability
        return 0.5 * rest if self.lower and self.upper else rest

    @property
    def side(self) -> tuple[End, float]:
        """The only end there is, and the chance of what is below it."""
        if self.upper is not None:
            return self.upper, self.probability
        assert self.lower is not None
        return self.lower, self.beside


type Solve = Callable[..., dict[str, float]]


@dataclass(frozen=True)
class Holding:
    """How a kind of prior holds beliefs: `solve(kind, belief, **numbers)` returns its numbers.

    ``numbers`` are those of an example, of which a belief decides ``free``; the others stand.
    ``symmetric`` are the tails of those around a centre.
    """

    free: tuple[str, ...]
    solve: Solve
    symmetric: Symmetric | None = None


def around_centre(tails: Symmetric) -> Holding:
    """Return how a prior with a scale and a centre does: one end leaves the centre where it is."""

    def solve(kind: str, belief: Belief, loc: float = 0.0, **shape: float) -> dict[str, float]:
        z = tails.far(belief.beside, **shape)
        if belief.lower and belief.upper:
            low, high = 0.5 * belief.lower.value, 0.5 * belief.upper.value  # whose sum is finite
            # Ends that were meant to be as far from zero on either side are so but for rounding.
            loc = low + high if abs(low + high) > FINE * (high - low) else 0.0
            return {"scale": (high - low) / z, "loc": loc, **shape}
        end, below = belief.side
        reach = end.value - loc if belief.upper else loc - end.value
        if not reach * z > 0.0:
            half = "half" if below == 0.5 else f"{below:.3g}"
            raise ModelError(
                f"a {kind} prior around {loc:g} has half of its probability on either side, so "
                f"that no scale puts {half} below {end.words}; give both ends, or a centre of your "
                f"own: prior={kind}(1.0, loc=...)."
            )
        return {"scale": reach / z, "loc": loc, **shape}

    return Holding(("scale", "loc"), solve, tails)


def from_zero(tails: Symmetric) -> Holding:
    """Return how the half of a symmetric prior does, which has nothing but its scale to say."""

    def solve(kind: str, belief: Belief, **shape: float) -> dict[str, float]:
        belief = _inside(kind, belief, 0.0)
        if belief.upper is None:
            end, below = belief.side
            return {"scale": end.value / tails.far(0.5 * (1.0 - below), **shape), **shape}
        scale = belief.upper.value / tails.far(0.5 * belief.beside, **shape)
        if belief.lower is not None:
            below = 1.0 - 2.0 * float(tails.tail(belief.lower.value / scale, **shape))
            if abs(below - belief.beside) > MET * belief.beside:
                raise ModelError(
                    f"{kind} has one number to say, its scale: with {belief.beside:.3g} above "
                    f"{belief.upper.words} that is {scale:.4g}, which leaves {below:.3g} below "
                    f"{belief.lower.words}, and not {belief.beside:.3g}. Give upper= alone, or a "
                    "prior with a shape of its own: prior=Gamma."
                )
        return {"scale": scale, **shape}

    return Holding(("scale",), solve)


def _inside(kind: str, belief: Belief, low: float, high: float = np.inf) -> Belief:
    """Return a belief without ends at which a prior's own range ends; ModelError beyond these."""
    for end, beyond in ((belief.lower, low), (belief.upper, high)):
        if end is not None and not low <= end.value <= high:
            where = f"below {low:g}" if end.value < low else f"above {beyond:g}"
            raise ModelError(
                f"{end.words} is a number {where}, where a {kind} prior has none; take a prior "
                "that has, prior=Normal say."
            )
    lower = None if belief.lower and belief.lower.value == low else belief.lower
    upper = None if belief.upper and belief.upper.value == high else belief.upper
    told = replace(belief, lower=lower, upper=upper)
    if (lower is None and upper is None) or (upper is not None and upper.value == low):
        raise ModelError(
            f"every {kind} prior has all of its probability on one side of that end, whatever its "
            "numbers; give an end inside its range."
        )
    return told


def _gamma(kind: str, belief: Belief, **numbers: float) -> dict[str, float]:
    """Gamma: of one shape all have the same quantiles, in units of 1/rate."""
    belief = _inside(kind, belief, 0.0)
    if belief.lower and belief.upper:
        beside = belief.beside
        shape = _shape_of_ratio(belief)
        return {"shape": shape, "rate": float(gammainccinv(shape, beside)) / belief.upper.value}
    end, below = belief.side

    def rate(a: float) -> float:
        return float(gammaincinv(a, below)) / end.value

    def entropy(a: float) -> float:
        return a - np.log(rate(a)) + gammaln(a) + (1.0 - a) * digamma(a)

    shape = _widest(kind, belief, entropy, below > np.exp(-1.0))
    return {"shape": shape, "rate": rate(shape)}


def _inverse_gamma(kind: str, belief: Belief, **numbers: float) -> dict[str, float]:
    """Of one shape all have the same quantiles, in units of the scale: those of 1/gamma."""
    belief = _inside(kind, belief, 0.0)
    if belief.lower and belief.upper:
        beside = belief.beside
        shape = _shape_of_ratio(belief)
        return {"shape": shape, "scale": belief.upper.value * float(gammaincinv(shape, beside))}
    end, below = belief.side

    def scale(a: float) -> float:
        return end.value * float(gammainccinv(a, below))

    def entropy(a: float) -> float:
        return a + np.log(scale(a)) + gammaln(a) - (1.0 + a) * digamma(a)

    shape = _widest(kind, belief, entropy, 1.0 - below < np.exp(-1.0))
    return {"shape": shape, "scale": scale(shape)}


def _shape_of_ratio(belief: Belief) -> float:
    """Return the shape at which the ratio of gamma's quantiles, which falls with it, is the ends'.

    It is that of inverse gamma's too, since these are one over the others.
    """
    assert belief.lower is not None
    assert belief.upper is not None

    def log_ratio(a: float) -> float:
        above, below = gammainccinv(a, belief.beside), gammaincinv(a, belief.beside)
        return min(float(np.log(above) - np.log(below)), MOST_APART)

    wanted = np.log(belief.upper.value) - np.log(belief.lower.value)
    narrowest, widest = log_ratio(SHAPES[1]), log_ratio(SHAPES[0])
    if not narrowest < wanted < widest:
        raise ModelError(
            f"{belief.lower.words} and {belief.upper.words} lie closer together, or further apart, "
            "than its quantiles can be told in floating point; give a Normal of their logarithms, "
            "or a number."
        )
    low, high = np.log(SHAPES)
    log_shape = brentq(lambda log: log_ratio(np.exp(log)) - wanted, low, high, xtol=FINE)
    return float(np.exp(log_shape))


def _widest(kind: str, belief: Belief, entropy: Callable[[float], float], bounded: bool) -> float:
    """Return the shape of maximum entropy; ModelError where entropies have no bound."""
    best = minimize_scalar(
        lambda log: -entropy(np.exp(log)),
        bounds=LOG_SHAPES,
        method="bounded",
        options={"xatol": 1e-9},
    )
    if not bounded or min(np.abs(best.x - LOG_SHAPES)) < 1e-3:
        which = "upper" if belief.upper is None else "lower"
        raise ModelError(
            f"{belief.side[0].words} alone leaves open how far a {kind} prior reaches: there is "
            f"none of maximum entropy, but ever longer tails. Give {which}= as well."
        )
    return float(np.exp(best.x))


def _beta(kind: str, belief: Belief, **numbers: float) -> dict[str, float]:
    belief = _inside(kind, belief, 0.0, 1.0)
    if belief.lower and belief.upper:
        low, high, beside = belief.lower.value, belief.upper.value, belief.beside

        def too_little_below(a: float) -> float:
            b = _second_of_beta(a, high, belief.probability + beside)
            return float(np.log(betainc(a, b, low)) - np.log(beside))

        alpha = root(too_little_below)
        return {"alpha": alpha, "beta": _second_of_beta(alpha, high, belief.probability + beside)}
    end, below = belief.side

    def entropy(a: float) -> float:
        b = _second_of_beta(a, end.value, below)
        both = (a - 1.0) * digamma(a) + (b - 1.0) * digamma(b)
        return float(betaln(a, b) - both + (a + b - 2.0) * digamma(a + b))

    alpha = _widest(kind, belief, entropy, bounded=True)
    return {"alpha": alpha, "beta": _second_of_beta(alpha, end.value, below)}


def _second_of_beta(alpha: float, x: float, below: float) -> float:
    """Return the beta with which P(X < x) is a chance, told by its smaller side."""
    if below > 0.5:
        return root(lambda b: float(np.log(betaincc(alpha, b, x)) - np.log1p(-below)))
    return root(lambda b: float(np.log(below) - np.log(betainc(alpha, b, x))))


def _uniform(
    kind: str, belief: Belief, lower: float | None = None, upper: float | None = None
) -> dict[str, float]:
    if belief.lower and belief.upper:
        low, high = belief.lower.value, belief.upper.value
        more = belief.beside * (high - low) / belief.probability
        return {"lower": low - more, "upper": high + more}
    end, below = belief.side
    if belief.upper is not None and lower is not None and end.value > lower:
        return {"lower": lower, "upper": lower + (end.value - lower) / below}
    if belief.lower is not None and upper is not None and end.value < upper:
        return {"lower": upper - (upper - end.value) / (1.0 - below), "upper": upper}
    raise ModelError(
        f"{end.words} alone leaves open where a {kind} prior ends on the other side; give both "
        f"ends, or the other end of an example: prior={kind}(0.0, 1.0)."
    )


HOLDINGS: dict[str, Holding] = {
    "Normal": around_centre(NORMAL),
    "Laplace": around_centre(LAPLACE),
    "StudentT": around_centre(STUDENT_T),
    "ElasticNet": around_centre(ELASTIC_NET),
    "HalfNormal": from_zero(NORMAL),
    "HalfStudentT": from_zero(STUDENT_T),
    "Exponential": from_zero(LAPLACE),
    "Gamma": Holding(("shape", "rate"), _gamma),
    "InverseGamma": Holding(("shape", "scale"), _inverse_gamma),
    "Beta": Holding(("alpha", "beta"), _beta),
    "Uniform": Holding(("lower", "upper"), _uniform),
}
