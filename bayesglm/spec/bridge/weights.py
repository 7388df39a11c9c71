"""Priors as weights of penalties on the sum of log-likelihoods, and the way back."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.numbers import Number, entries
from bayesglm.spec.penalties import elastic_net
from bayesglm.spec.prior.apart import ElasticNet, Flat, Laplace, Normal, StudentT
from bayesglm.spec.prior.positive import Exponential, Gamma, HalfNormal, Precision
from bayesglm.spec.prior.together import GroupLasso, RandomWalk
from bayesglm.spec.priors import learned_scale

EACH, POSITIVE, GROUP, WALK = "each", "positive", "group", "walk"
LEARNED, APART = "learned together", "learned apart"


class Weights(NamedTuple):
    """What a prior adds to minus the sum of log-likelihoods: one·Σ|w| + two/2·Σ w².

    ``kind`` says of what: of each coefficient; of each, none of which is negative; of the lengths
    of groups, √size·‖w_g‖ in the place of |w|; or of differences along a walk in the place of w.
    ``fields`` are those of the prior that say which groups or differences.
    """

    one: Number = 0.0
    two: Number = 0.0
    kind: str = EACH
    fields: tuple[tuple[str, Any], ...] = ()

    @property
    def has_one(self) -> bool:
        """Whether any coefficient has a penalty with a kink."""
        return any(entries(self.one))

    @property
    def has_two(self) -> bool:
        """Whether any coefficient has a penalty on its square."""
        return any(entries(self.two))

    @property
    def is_any(self) -> bool:
        """Whether there is a penalty at all."""
        return self.has_one or self.has_two

    def over(self, unit: float) -> Weights:
        """Return the weights in another unit."""
        return self.times(within_floats(1.0 / unit), within_floats(1.0 / unit))

    def times(self, one: Number, two: Number) -> Weights:
        """Return the weights multiplied by numbers, or by one for each column."""
        return self._replace(
            one=combined(_times, self.one, one), two=combined(_times, self.two, two)
        )


def combined(function: Callable[..., float], *values: Number) -> Number:
    """Apply a function to numbers, or to each in turn of several arrays of one length.

    >>> combined(lambda a, b: a + b, 1.0, (1.0, 2.0))
    (2.0, 3.0)
    """
    lengths = [len(value) for value in values if isinstance(value, tuple)]
    if not lengths:
        return function(*values)
    if len(set(lengths)) > 1:
        raise ModelError(
            f"arrays of {' and '.join(map(str, dict.fromkeys(lengths)))} numbers do not fit one "
            "another; give one number for each column in all of them."
        )
    parts = [value if isinstance(value, tuple) else (value,) * lengths[0] for value in values]
    return tuple(combined(function, *one) for one in zip(*parts, strict=True))


def weights_of(prior: Any) -> Weights:
    """Return the weights of the penalty that a prior is.

    Raises ModelError where it is a penalty of another form, or one around another centre.

    >>> weights_of(Normal(0.5)).two
    4.0
    """
    read = READERS.get(type(prior))
    if read is None:
        raise ModelError(
            f"{prior!r} has no equivalent in another library: its penalty is not of the form "
            "lam1·Σ|w| + lam2/2·Σ w², of groups, or of differences; Normal, Laplace, ElasticNet, "
            "HalfNormal, Exponential, GroupLasso, RandomWalk and Flat have one."
        )
    weights = read(prior) if learned_scale(prior) is None else _read_learned(prior)
    if any(entries(getattr(prior, "loc", 0.0))):
        raise ModelError(
            f"{prior!r} is a penalty around loc={prior.loc!r}, and other libraries penalise "
            "distances from zero; leave loc out, or move what it says into an offset."
        )
    return weights


def prior_of_weights(weights: Weights) -> Any:
    """Return the prior whose penalty has these weights.

    Raises ModelError where some columns have no penalty and others do, or no prior says it.

    >>> prior_of_weights(Weights(one=2.0))
    Laplace(0.5)
    """
    _check_alike(weights)
    return WRITERS[weights.kind](weights)


def _times(one: float, other: float) -> float:
    return within_floats(one * other) if one and other else 0.0


def within_floats(weight: float) -> float:
    """Return a weight; ModelError where it is beyond floats, and would be none or infinite."""
    if not 0.0 < weight < math.inf:
        raise ModelError(
            "the weight of the penalty is beyond the numbers that floats hold; give the columns or "
            "the response another unit."
        )
    return weight


def _inverse(scale: float) -> float:
    return within_floats(1.0 / scale)


def _root(weight: float) -> float:
    return weight**-0.5


def _square(scale: float) -> float:
    return within_floats(1.0 / scale / scale)


def _check_alike(weights: Weights) -> None:
    """Raise ModelError where some entries are zero and others are not: no prior says both."""
    for weight in (weights.one, weights.two):
        zeros = [not entry for entry in entries(weight)]
        if any(zeros) and not all(zeros):
            raise ModelError(
                f"column {zeros.index(True)} has no penalty of a kind that other columns have, "
                "and a term has one prior; make a term of its own of the columns without, under "
                "Flat(), and give the settings of the others."
            )


def _each(weights: Weights) -> Any:
    if not weights.has_one:
        return Normal(combined(_root, weights.two)) if weights.has_two else Flat()
    if not weights.has_two:
        return Laplace(combined(_inverse, weights.one))
    return ElasticNet(*(combined(part, weights.one, weights.two) for part in (_scale, _ratio)))


def _scale(one: float, two: float) -> float:
    said: Any = elastic_net(one, two)
    return float(said.scale)


def _ratio(one: float, two: float) -> float:
    """Return the share of the L1 penalty; 0 or 1 where floats do not say what is left."""
    said: Any = elastic_net(one, two)
    return float(getattr(said, "ratio", one * one > two))


def _positive(weights: Weights) -> Any:
    if weights.has_one and weights.has_two:
        raise ModelError(
            "no prior here is an elastic net of coefficients that are not negative; with an L1 "
            "penalty alone it is Exponential, with an L2 penalty alone HalfNormal."
        )
    if weights.has_two:
        return HalfNormal(combined(_root, weights.two))
    if weights.has_one:
        return Exponential(combined(_inverse, weights.one))
    raise ModelError(
        "no prior here is flat on numbers that are not negative; give a small penalty: HalfNormal "
        "with a large scale."
    )


def _group(weights: Weights) -> Any:
    fields = dict(weights.fields)
    return GroupLasso(combined(_inverse, weights.one), **fields) if weights.has_one else Flat()


def _walk(weights: Weights) -> Any:
    fields = dict(weights.fields)
    return RandomWalk(combined(_root, weights.two), **fields) if weights.has_two else Flat()


def _read_learned(prior: Any) -> Weights:
    """Return the weights of a prior whose precision has a gamma prior."""
    scale = prior.scale
    if isinstance(prior, Normal) and isinstance(scale, Precision) and isinstance(scale.of, Gamma):
        fields = (("shape", scale.of.shape), ("rate", scale.of.rate))
        return Weights(two=1.0, kind=LEARNED, fields=fields)
    raise ModelError(
        f"{prior!r} has a scale that is learned, and penalties are numbers; choose one by "
        "tune_prior, which returns the model with numbers for its scales."
    )


def _learned(weights: Weights) -> Normal:
    return Normal(Precision(_gamma(weights)))


def _gamma(weights: Weights) -> Gamma:
    """Return the prior of a precision that is ``two`` times one of a gamma prior."""
    if isinstance(weights.two, tuple):
        raise ModelError(
            "a precision that is learned is one for all columns, and these have sds of their own; "
            "give the model the columns over their sds."
        )
    fields = dict(weights.fields)
    return Gamma(fields["shape"], fields["rate"] / weights.two)


def _apart(weights: Weights) -> StudentT:
    """Return the prior of a coefficient whose own precision is integrated out."""
    gamma: Any = _gamma(weights)
    return StudentT((gamma.rate / gamma.shape) ** 0.5, df=2.0 * gamma.shape)


def _read_apart(prior: StudentT) -> Weights:
    fields = (
        ("shape", combined(lambda df: df / 2.0, prior.df)),
        ("rate", combined(lambda scale, df: scale * scale * df / 2.0, prior.scale, prior.df)),  # type: ignore[arg-type]
    )
    return Weights(two=1.0, kind=APART, fields=fields)


def _read_walk(prior: RandomWalk) -> Weights:
    if prior.free is not None:
        raise ModelError(
            f"{prior!r} has a penalty on what its differences leave free as well, which is two "
            "penalties; leave free out."
        )
    fields = (("order", prior.order), ("dims", prior.dims))
    return Weights(two=combined(_square, prior.scale), kind=WALK, fields=fields)  # type: ignore[arg-type]


READERS: dict[type, Callable[[Any], Weights]] = {
    Flat: lambda prior: Weights(),
    Normal: lambda prior: Weights(two=combined(_square, prior.scale)),
    Laplace: lambda prior: Weights(one=combined(_inverse, prior.scale)),
    ElasticNet: lambda prior: Weights(
        one=combined(lambda scale, ratio: ratio * _inverse(scale), prior.scale, prior.ratio),
        two=combined(lambda scale, ratio: (1.0 - ratio) * _square(scale), prior.scale, prior.ratio),
    ),
    HalfNormal: lambda prior: Weights(two=combined(_square, prior.scale), kind=POSITIVE),
    Exponential: lambda prior: Weights(one=combined(_inverse, prior.scale), kind=POSITIVE),
    GroupLasso: lambda prior: Weights(
        one=combined(_inverse, prior.scale), kind=GROUP, fields=(("by", prior.by),)
    ),
    RandomWalk: _read_walk,
    StudentT: _read_apart,
}
WRITERS: dict[str, Callable[[Weights], Any]] = {
    EACH: _each,
    POSITIVE: _positive,
    GROUP: _group,
    WALK: _walk,
    LEARNED: _learned,
    APART: _apart,
}
