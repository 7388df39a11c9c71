"""Priors that say what one believes: that a number lies between two ends with a probability."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.door import as_dataset, sample_dim_of
from bayesglm.design.variables import numbers, require
from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.families.link_functions import LINK_FUNCTIONS
from bayesglm.numerics.priors.beliefs import HOLDINGS, Belief, End
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.numerics.priors.symmetric import with_learned_scale
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.hints import meant, prior_hint, shown
from bayesglm.spec.numbers import number_text
from bayesglm.spec.priors import Normal, learned_scale

FURTHEST = sys.float_info.max
TWO_LEVELS = "two levels"  # the `per` of a difference between effects of two levels of a group


class Said(NamedTuple):
    """A scale on which beliefs are said: how its numbers become those of a link.

    ``is_mean`` says that they are means, of which the intercept is the link; others are what a
    coefficient does.
    """

    inner: Callable[[float], float]
    low: float = -np.inf
    high: float = np.inf
    falls: bool = False
    is_mean: bool = False
    also: tuple[str, ...] = ()


def _ratios() -> dict[str, Said]:
    """Return the words for exp of a coefficient: those of `summary`, and their short ones."""
    words = [link.ratio for link in LINK_NAMES.values()]
    words += [family.log_ratio for family in FAMILY_NAMES.values()]
    also = {"odds ratio": ("or",), "rate ratio": ("irr", "rr", "factor"), "hazard ratio": ("hr",)}
    every = [*filter(None, dict.fromkeys(words)), "mean ratio"]
    return {word: Said(np.log, 0.0, also=also.get(word, ())) for word in every}


def _mean(link: str, also: tuple[str, ...] = ()) -> Said:
    function = LINK_FUNCTIONS[link]
    return Said(function.eta, function.low, function.high, function.falls, True, also)


SCALES: dict[str, Said] = {
    "coefficient": Said(float, also=("link", "parameter", "difference", "raw", "none")),
    **_ratios(),
    "probability": _mean("logit", ("risk", "chance", "share", "proportion")),
    "odds": _mean("log"),
    "rate": _mean("log", ("count", "mean", "response")),
    **{link: _mean(link) for link in LINK_FUNCTIONS},
}


def elicit(
    of: str,
    lower: float | None = None,
    upper: float | None = None,
    probability: float = 0.94,
    scale: str = "coefficient",
    prior: Any = Normal,
    per: float | str | None = None,
    data: Any = None,
) -> Any:
    """Return the prior that says what one believes: P(lower < number < upper) = probability.

    What is left, 1 - probability, lies in equal parts below and above, as it does in the intervals
    of `summary`; of one end alone, all beyond it. Quantiles of the prior are the ends to 1e-10
    relative. A prior with a centre (`Normal`, `Laplace`, `StudentT`, `Cauchy`, `ElasticNet`) moves
    to the middle of two ends, and stays where it is under one. `HalfNormal`, `HalfStudentT`,
    `HalfCauchy` and `Exponential` have nothing to say but a scale, which one end decides. Of
    `Gamma`, `InverseGamma`, `Precision`, `Variance` and `Beta` two ends decide both numbers; where
    one end leaves a number open, the prior of maximum entropy is taken, which adds least to what
    was said (Jaynes 1957; Icazatti et al. 2023 take it with both ends too, and ask nothing of
    either side: for symmetric priors that is the same). Under a `RandomWalk` along one dim a belief
    is of the difference of neighbours (of the order of the walk), under `LKJ` of the correlation of
    two effects.

    Parameters
    ----------
    of : str
        What is believed of: a predictor, ``"intercept"``, a group, ``"sigma"``; for messages, and
        with ``data`` the variable whose standard deviation is taken.
    lower, upper : float, optional
        The ends, on the scale; one of them at least.
    probability : float
        Between 0 and 1.
    scale : str
        What the ends are. ``"coefficient"``: the parameter itself (a coefficient in units of the
        link, a dispersion, a scale). Factors, of which the coefficient is the logarithm:
        ``"odds ratio"`` (logit link), ``"rate ratio"``, ``"risk ratio"``, ``"mean ratio"`` (log
        link), ``"hazard ratio"`` (cloglog link). Means, of which an intercept is the link:
        ``"probability"`` (logit), ``"odds"``, ``"rate"`` (log), or the name of another link,
        ``"probit"`` say.
    prior : kind of prior, or an example of one
        `Normal` by default. Of an example the numbers stand that the belief leaves alone:
        ``StudentT(1.0, df=3)``, ``SpikeSlab(1.0, spike=0.05)``. Of one whose scale is learned,
        ``Normal(HalfNormal(1.0))``, the belief is of a coefficient with its scale integrated out,
        and decides the scale of that scale's prior.
    per : float or "two levels", optional
        How many units of the predictor the ends are of: ``per=10`` for ten years. By default one
        unit, and with ``data`` one standard deviation. ``"two levels"``: of a `Group`, the
        difference between two of its levels, the higher against the lower, so that ``upper`` is all
        there is to say.
    data : Dataset, DataFrame or mapping, optional
        Where the predictor is found.

    Returns
    -------
    prior
        Of the kind that was asked for.

    Raises
    ------
    ModelError
        Ends that are no numbers, not in their order or not on that scale; a probability that is
        none; a belief that no prior of that kind can hold, with what it would hold instead; a kind
        without quantiles (`Flat`, `Horseshoe`, `GroupLasso`).
    DataError
        A predictor that is not in the data, is no number, or does not vary.

    Examples
    --------
    Ten years of age multiply the odds by 0.5 to 2, with 94% (`explain` tells it back):

    >>> import bayesglm as bg
    >>> prior = bg.elicit("age", 0.5, 2.0, scale="odds ratio", per=10)
    >>> round(prior.scale, 5), prior.loc
    (0.03685, 0.0)
    >>> model = bg.GLM("churn", bg.Linear("age", prior=prior), family="bernoulli")

    One in twenty to one in five churn; two regions differ by a factor of up to 3:

    >>> bg.elicit("intercept", 0.05, 0.2, scale="probability", prior=bg.StudentT)
    StudentT(0.299..., loc=-2.165...)
    >>> learned = bg.Normal(bg.HalfNormal(1.0))
    >>> bg.elicit("region", upper=3.0, scale="odds ratio", prior=learned, per="two levels")
    Normal(HalfNormal(0.383...))

    Noise of half a second to two:

    >>> bg.elicit("sigma", 0.5, 2.0, prior=bg.InverseGamma)
    InverseGamma(..., ...)
    """
    name, said = _checked_name(of), _checked_scale(scale)
    kind, example = _checked_prior(prior)
    above = None if isinstance(prior, type) else learned_scale(prior)
    is_difference = isinstance(per, str) and per == TWO_LEVELS
    units = _units(name, per, data, said, is_difference)
    ends = _end(name, "lower", lower, scale, units), _end(name, "upper", upper, scale, units)
    if is_difference:
        ends = _between_levels(name, *ends, kind)
    belief = _belief(name, *ends, probability, said.falls)
    try:
        with np.errstate(all="ignore"):
            found = _numbers(kind.__name__, above, belief, example)
            return kind(**found)
    except ModelError as error:
        raise ModelError(f"{name!r}: {error}") from None


def _checked_name(of: Any) -> str:
    if not isinstance(of, str) or not of:
        raise ModelError(
            "elicit takes first what is believed of, a predictor's name say: "
            f"elicit('age', lower=0.5, upper=2.0, scale='odds ratio'); got {shown(of)}."
        )
    return of


def _checked_scale(scale: Any) -> Said:
    if not isinstance(scale, str) or scale not in SCALES:
        hint = meant("scale", scale, {word: said.also for word, said in SCALES.items()})
        raise ModelError(
            f"unknown scale {shown(scale)}; beliefs are said as {', '.join(SCALES)}.{hint}"
        )
    return SCALES[scale]


def _checked_prior(prior: Any) -> tuple[Any, dict[str, Any]]:
    """Return the kind of a prior, and the numbers that an example of it or its defaults give."""
    is_kind = isinstance(prior, type)
    kind = prior if is_kind else type(prior)
    if not hasattr(kind, "traits") or kind.__name__ not in HOLDINGS:
        hint = "" if hasattr(kind, "traits") else prior_hint(prior)
        raise ModelError(
            f"prior={getattr(prior, '__name__', shown(prior))} is no kind of prior whose single "
            f"numbers have quantiles: these are {', '.join(HOLDINGS)}, or an example of one{hint}."
        )
    example = {
        field.name: field.default if is_kind else getattr(prior, field.name)
        for field in dataclasses.fields(kind)
        if field.name != "scale" and not (is_kind and field.default is dataclasses.MISSING)
    }
    for field, value in example.items():
        if isinstance(value, tuple):
            raise ModelError(
                f"prior={shown(prior)} has an array of {field}; a belief is of one number."
            )
    return kind, example


def _units(name: str, per: Any, data: Any, said: Said, is_difference: bool) -> float:
    """Return how many of what the coefficient is of the ends are of."""
    if said.is_mean and not (per is None and data is None):
        raise ModelError(
            f"{name!r}: the ends are means, which are of no unit of a predictor; leave per= and "
            "data= out, or say the ends as a ratio or a coefficient."
        )
    if per is not None and data is not None:
        raise ModelError(
            f"{name!r}: per={shown(per)} says what the ends are of, and data= that they are of one "
            "standard deviation; give one of the two."
        )
    if is_difference:
        return float(np.sqrt(2.0))
    if data is not None:
        return _sd(name, data)
    if per is None:
        return 1.0
    if not _is_number(per) or not per > 0.0:
        raise ModelError(
            f"{name!r}: per must be a positive number of units (10 for ten years), or "
            f"{TWO_LEVELS!r}, got {shown(per)}."
        )
    return float(per)


def _sd(name: str, data: Any) -> float:
    """Return the standard deviation of a predictor, over all its dims."""
    dataset = as_dataset(data)
    variable = require(dataset, name, "predictor")
    values = numbers(variable, sample_dim_of(dataset, name), "predictor", dataset)
    sd = float(np.std(values, dtype=float)) if np.ptp(values) > 0.0 else 0.0
    if not 0.0 < sd < np.inf:
        raise DataError(
            f"predictor {name!r} is constant, so there is no standard deviation to say a belief "
            "by; leave data= out, or give per=."
        )
    return sd


def _is_number(value: Any) -> bool:
    """Say whether a value is a number that floating point holds."""
    is_real = isinstance(value, Real) and not isinstance(value, bool)
    return is_real and bool(abs(value) <= FURTHEST)


def _end(name: str, which: str, value: Any, scale: str, units: float) -> End | None:
    """Return one end as a number of the prior; ModelError where it is none on its scale."""
    if value is None:
        return None
    said = SCALES[scale]
    if not _is_number(value):
        raise ModelError(
            f"{name!r}: {which} must be a finite number, got {shown(value)}; leave it out where "
            "there is no such end."
        )
    if not said.low < value < said.high:
        where = f"above {said.low:g}"
        where = where if said.high == np.inf else f"between {said.low:g} and {said.high:g}"
        raise ModelError(
            f"{name!r}: {which}={value:g} is none on the scale {scale!r}, whose numbers lie "
            f"{where}; leave it out where there is no such end."
        )
    with np.errstate(all="ignore"):
        inner = float(said.inner(float(value))) / units
    other = "upper" if which == "lower" else "lower"
    return End(inner, f"{which}={number_text(float(value))}", other)


def _belief(
    name: str, lower: End | None, upper: End | None, probability: Any, falls: bool
) -> Belief:
    """Return a belief of the prior's own number; ModelError where its ends leave no room."""
    if not _is_number(probability) or not 0.0 < probability < 1.0:
        raise ModelError(
            f"{name!r}: probability must be a number between 0 and 1, got {shown(probability)}; "
            "0.94 is that of the intervals of summary."
        )
    if lower is None and upper is None:
        raise ModelError(f"{name!r}: a belief needs an end; give lower=, upper=, or both.")
    low, high = (upper, lower) if falls else (lower, upper)
    if lower and upper and low and high and not low.value < high.value:
        raise ModelError(
            f"{name!r}: lower must be below upper, got {lower.words} and {upper.words}."
        )
    return Belief(low, high, float(probability))


def _between_levels(name: str, lower: End | None, upper: End | None, kind: Any) -> Any:
    """Return the ends of the difference of two effects, of which either may be the higher."""
    if lower is not None or upper is None or not upper.value > 0.0:
        raise ModelError(
            f"{name!r}: of {TWO_LEVELS} the higher stands against the lower, so a belief has an "
            "upper end alone, above that of no difference (1 of ratios, 0 of coefficients)."
        )
    if HOLDINGS[kind.__name__].positive:
        return None, upper  # of the standard deviation of the difference
    if not kind.traits.correlates:
        raise ModelError(
            f"{name!r}: the difference of two effects under {kind.__name__} priors is not under "
            "one itself; take prior=Normal(HalfNormal(1.0)), or HalfNormal for their standard "
            "deviation."
        )
    return upper._replace(value=-upper.value), upper


def _numbers(kind: str, above: Any, belief: Belief, example: dict[str, Any]) -> dict[str, Any]:
    """Return the numbers with which a prior holds a belief; of a learned scale, that prior's."""
    holding = HOLDINGS[kind]
    tails = None if holding.symmetric is None else holding.symmetric.given(example)
    if above is None:
        return example | _checked(holding.solve(kind, belief, example, tails))
    of_scale = HOLDINGS.get(type(above).__name__)
    if of_scale is None or of_scale.unit is None or any(map(np.ndim, vars(above).values())):
        raise ModelError(
            f"the prior of the scale, {above!r}, must have one number that stretches it: take "
            "HalfNormal(1.0), say."
        )
    assert tails is not None
    number, power = of_scale.unit
    unit = distribution_of(dataclasses.replace(above, **{number: 1.0}))
    mixed = with_learned_scale(tails, lambda s: unit.prior.log_density(s, **unit.parameters))
    numbers = _checked(holding.solve(kind, belief, example, mixed))
    scale = dataclasses.replace(above, **{number: numbers["scale"] ** power})
    return example | numbers | {"scale": scale}


def _checked(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return numbers, and priors that are numbers of others; ModelError where one is no number."""
    plain = {name: float(one) for name, one in numbers.items() if isinstance(one, Real)}
    if not np.isfinite(list(plain.values())).all():
        raise ModelError("no numbers of floating point hold this belief; rescale what it is of.")
    return numbers | plain
