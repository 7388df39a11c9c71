"""The numbers with which a prior holds a belief: that a number lies between two ends, or on a side.

Both ends leave the same on either side, as the intervals of posteriors do. Where a belief leaves a
number open, that of maximum entropy is taken (Jaynes 1957), for it adds least to what was said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

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
    CAUCHY,
    ELASTIC_NET,
    FINE,
    LAPLACE,
    NORMAL,
    STUDENT_T,
    Symmetric,
    root,
)
from bayesglm.spec.priors import Gamma, InverseGamma

MET = 1e-9  # relative, of a chance: a second end that the numbers of the first meet by themselves
SHAPES = (1e-2, 1e10)  # of gamma densities, between which floats tell their quantiles apart
MOST_APART = 1e4  # of logarithms of quantiles, whose smaller one may underflow
LOG_SHAPES = np.array(
    [-4.0, 8.0]
)  # logarithms, among which a shape of maximum entropy is looked for


class End(NamedTuple):
    """One end of a belief, the words in which it was said, and what the other end is called."""

    value: float
    words: str
    other: str


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


type Numbers = dict[str, Any]


@dataclass(frozen=True)
class Holding:
    """How a kind of prior holds beliefs.

    `solve(kind, belief, example, tails)` returns its numbers named ``free``, which the belief
    decides; the ``example`` has all that it says of itself, of which the others stand. ``tails``
    are those of ``symmetric`` kinds, or of halves of these, with the example's shape. ``positive``
    kinds have nothing below zero; ``unit`` is the number in which all else being equal they
    stretch, and to which power.
    """

    free: tuple[str, ...]
    solve: Callable[[str, Belief, Numbers, Any], dict[str, Any]]
    symmetric: Symmetric | None = None
    positive: bool = False
    unit: tuple[str, float] | None = None


def _around_centre(
    kind: str, belief: Belief, example: Numbers, tails: Symmetric
) -> dict[str, float]:
    """Two ends say where the centre is; one leaves it where it stands."""
    z = tails.far(belief.beside)
    if belief.lower and belief.upper:
        if not z > 0.0:
            raise ModelError("quantiles of so small a probability are not told from each other.")
        low, high = 0.5 * belief.lower.value, 0.5 * belief.upper.value  # whose sum is finite
        # Ends that were meant to be as far from zero on either side are so but for rounding.
        loc = low + high if abs(low + high) > FINE * (high - low) else 0.0
        return {"scale": (high - low) / z, "loc": loc}
    end, below = belief.side
    loc = example.get("loc", 0.0)
    reach = end.value - loc if belief.upper else loc - end.value
    if not reach * z > 0.0:
        half = "half" if below == 0.5 else f"{below:.3g}"
        own = f", or a centre: prior={kind}(1.0, loc=...)" if "loc" in example else ""
        raise ModelError(
            f"a {kind} prior around {loc:g} has half of its probability on either side, so "
            f"that no scale puts {half} below {end.words}; give both ends{own}."
        )
    return {"scale": reach / z, "loc": loc}


def _of_steps(kind: str, belief: Belief, example: Numbers, tails: Symmetric) -> dict[str, float]:
    """Differences of neighbours are normal around zero."""
    numbers = _around_centre(kind, belief, example, tails)
    if numbers.pop("loc"):
        raise ModelError(
            f"{kind} priors lie around zero, and the middle of the ends does not; "
            "give upper= and as much below it, 1/upper of ratios."
        )
    return numbers


def _from_zero(kind: str, belief: Belief, example: Numbers, tails: Symmetric) -> dict[str, float]:
    """The half of a symmetric prior has nothing but its scale to say."""
    belief = _inside(kind, belief, 0.0)
    if belief.upper is None:
        end, below = belief.side
        return {"scale": end.value / tails.far(0.5 * (1.0 - below))}
    scale = belief.upper.value / tails.far(0.5 * belief.beside)
    if belief.lower is not None:
        below = 1.0 - 2.0 * float(tails.tail(belief.lower.value / scale))
        if abs(below - belief.beside) > MET * belief.beside:
            raise ModelError(
                f"{kind} has one number to say, its scale: with {belief.beside:.3g} above "
                f"{belief.upper.words} that is {scale:.4g}, which leaves {below:.3g} below "
                f"{belief.lower.words}, and not {belief.beside:.3g}. Give upper= alone, or a "
                "prior with a shape of its own: prior=Gamma."
            )
    return {"scale": scale}


def _inside(kind: str, belief: Belief, low: float, high: float = np.inf) -> Belief:
    """Return a belief without ends at which a prior's own range ends; ModelError beyond these."""
    for end, beyond in ((belief.lower, low), (belief.upper, high)):
        if end is not None and not low <= end.value <= high:
            where = f"below {low:g}" if end.value < low else f"above {beyond:g}"
            raise ModelError(
                f"{end.words} is a number {where}, where {kind} priors have none; take a prior "
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


def _gamma(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
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


def _inverse_gamma(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
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
        end = belief.side[0]
        raise ModelError(
            f"{end.words} alone leaves open how far a {kind} prior reaches: there is none of "
            f"maximum entropy, but ever longer tails. Give {end.other}= as well."
        )
    return float(np.exp(best.x))


def _beta(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
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


def _uniform(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
    """One end leaves the other side where an example ends."""
    if belief.lower and belief.upper:
        low, high = belief.lower.value, belief.upper.value
        more = belief.beside * (high - low) / belief.probability
        return {"lower": low - more, "upper": high + more}
    end, below = belief.side
    low, high = example.get("lower", np.inf), example.get("upper", -np.inf)
    if belief.upper is not None and end.value > low:
        return {"lower": low, "upper": low + (end.value - low) / below}
    if belief.lower is not None and end.value < high:
        return {"lower": high - (high - end.value) / (1.0 - below), "upper": high}
    raise ModelError(
        f"{end.words} alone leaves open where a {kind} prior ends on the other side; give both "
        f"ends, or the other end of an example: prior={kind}(0.0, 1.0)."
    )


def _lkj(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
    """Of two effects: the correlation is 2 x - 1, x being Beta(eta, eta)."""
    belief = _inside(kind, belief, -1.0, 1.0)
    if belief.lower and belief.upper:
        far, beside = belief.upper.value, belief.beside
        lopsided = not abs(belief.lower.value + far) <= FINE * abs(far)
    else:
        end, below = belief.side
        far, beside = abs(end.value), min(below, 1.0 - below)
        lopsided = not (below - 0.5) * end.value > 0.0
    if lopsided:
        raise ModelError(
            f"correlations under {kind} priors lie around zero, half of them on either side; give "
            "both ends, as far from zero the one as the other."
        )

    def more_beside(eta: float) -> float:
        return float(np.log(betainc(eta, eta, 0.5 * (1.0 - far))) - np.log(beside))

    return {"eta": root(more_beside)}


def _of_root(power: float, usual: type) -> Holding:
    """Return how s does of whose power a gamma is said: its ends are those of s, to the power."""

    def solve(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, Any]:
        belief = _inside(kind, belief, 0.0)
        inner = type(example["of"]) if "of" in example else usual
        with np.errstate(over="ignore", under="ignore"):
            lower, upper = (
                end and end._replace(value=float(np.float_power(end.value, power)))
                for end in (belief.lower, belief.upper)
            )
        if any(end and not 0.0 < end.value < np.inf for end in (lower, upper)):
            raise ModelError("floating point does not hold the square of an end; rescale it.")
        lower, upper = (upper, lower) if power < 0.0 else (lower, upper)
        of_power = replace(belief, lower=lower, upper=upper)
        holding = HOLDINGS[inner.__name__]
        return {"of": inner(**holding.solve(inner.__name__, of_power, {}, None))}

    return Holding(("of",), solve, positive=True)


def _of_slab(kind: str, belief: Belief, example: Numbers, tails: None) -> dict[str, float]:
    """The spike stands, and its probability; the slab reaches as far as the belief."""
    if "spike" not in example:
        raise ModelError(f"say what is as good as zero: prior={kind}(1.0, spike=0.05), say.")
    spike, slab = example["spike"], example["probability"]
    beside = min(belief.beside, 1.0 - belief.beside)
    far = _of_steps(kind, belief, example, NORMAL)["scale"] * NORMAL.far(beside)
    of_slab = (beside - (1.0 - slab) * NORMAL.tail(far / spike)) / slab
    if not 0.0 < of_slab < 0.5:
        raise ModelError(
            f"{kind} priors with a spike of {spike:g}, and a slab of probability {slab:g}, leave "
            f"from {(1.0 - slab) * NORMAL.tail(far / spike):.3g} to that and half of the slab's "
            f"beyond an end, and not {beside:.3g}; give another spike, or probability, of the "
            "example."
        )
    return {"scale": far / NORMAL.far(of_slab)}


def _halved(tails: Symmetric) -> Holding:
    return Holding(("scale",), _from_zero, tails, positive=True, unit=("scale", 1.0))


HOLDINGS: dict[str, Holding] = {
    "Normal": Holding(("scale", "loc"), _around_centre, NORMAL),
    "Laplace": Holding(("scale", "loc"), _around_centre, LAPLACE),
    "StudentT": Holding(("scale", "loc"), _around_centre, STUDENT_T),
    "Cauchy": Holding(("scale", "loc"), _around_centre, CAUCHY),
    "ElasticNet": Holding(("scale", "loc"), _around_centre, ELASTIC_NET),
    "SpikeSlab": Holding(("scale",), _of_slab),
    "RandomWalk": Holding(("scale",), _of_steps, NORMAL),
    "HalfNormal": _halved(NORMAL),
    "HalfStudentT": _halved(STUDENT_T),
    "HalfCauchy": _halved(CAUCHY),
    "Exponential": _halved(LAPLACE),
    "Gamma": Holding(("shape", "rate"), _gamma, positive=True, unit=("rate", -1.0)),
    "InverseGamma": Holding(("shape", "scale"), _inverse_gamma, positive=True, unit=("scale", 1.0)),
    "Precision": _of_root(-2.0, Gamma),
    "Variance": _of_root(2.0, InverseGamma),
    "Beta": Holding(("alpha", "beta"), _beta),
    "Uniform": Holding(("lower", "upper"), _uniform),
    "LKJ": Holding(("eta",), _lkj),
}
