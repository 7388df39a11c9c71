"""The likelihood in PyMC of responses that are seen as intervals, or between bounds only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.twin.tails import MIXTURES, TAILS
from bayesglm.numerics.families.censored import ends
from bayesglm.numerics.families.nodes import range_of

type Tensor = Any
Array = np.ndarray


def likelihood(
    problems: list[Problem], stated: dict[str, Any], observed: Tensor, dims: tuple[str, ...]
) -> Tensor:
    """Add the observed variable under the response's name, and return it.

    ``stated`` names a distribution of PyMC, and holds its parameters; or is one that was made.
    """
    import pymc as pm

    model, bounds = problems[0].plan.model, _bounds(problems)
    given: dict[str, Any] = {"observed": observed, "dims": dims}
    if "made" in stated:
        _refuse_made(problems)
        return pm.modelcontext(None).register_rv(stated["made"], model.response, **given)
    kind = stated["distribution"]
    keywords = {name: value for name, value in stated.items() if name != "distribution"}
    distribution = getattr(pm, kind)
    if model.censored is None and bounds is None:
        return distribution(model.response, **keywords, **given)
    if model.censored is None and bounds is not None and kind not in (*TAILS, *MIXTURES):
        base = distribution.dist(**keywords)
        return pm.Truncated(model.response, base, lower=bounds.first, upper=bounds.upto, **given)

    def drawn(*asked: Any) -> Tensor:
        *parameters, size = asked
        base = distribution.dist(**dict(zip(keywords, parameters, strict=True)), size=size)
        if bounds is None:
            return base
        return pm.Truncated.dist(base, lower=bounds.first, upper=bounds.upto)

    def log_p(value: Tensor, *parameters: Tensor) -> Tensor:
        family = _Distribution(kind, dict(zip(keywords, parameters, strict=True)))
        total = _log_chance(family, value, _seen(problems))
        return total if bounds is None else total - _log_chance(family, value, bounds)

    if bounds is not None and kind in MIXTURES:
        given["dtype"] = observed.dtype
    else:
        given["dist"] = drawn
    return pm.CustomDist(model.response, *keywords.values(), logp=log_p, **given)


def _refuse_made(problems: list[Problem]) -> None:
    """Raise ModelError where intervals are asked of a distribution that only its maker knows."""
    model = problems[0].plan.model
    if model.censored is not None or model.truncated is not None:
        raise ModelError(
            f"the twin in PyMC of a {model.family} response that is censored or truncated is not "
            "available: of such a family PyMC is given the density alone. Every verb but "
            "to_pymc and engine='pymc' takes such a model."
        )


class _Distribution(NamedTuple):
    """A distribution of PyMC, and its parameters."""

    kind: str
    parameters: dict[str, Tensor]

    def log_density(self, y: Tensor) -> Tensor:
        """Return the log density."""
        import pymc as pm

        return pm.logp(getattr(pm, self.kind).dist(**self.parameters), y)

    def log_tails(self, y: Tensor) -> tuple[Tensor, Tensor]:
        """Return log P(Y <= y) and log P(Y > y)."""
        import pymc as pm
        import pytensor.tensor as pt

        if self.kind in TAILS:
            return TAILS[self.kind](pt.as_tensor(y), **self.parameters)
        base = getattr(pm, self.kind).dist(**self.parameters)
        return pm.logcdf(base, y), pm.logccdf(base, y)


class Intervals(NamedTuple):
    """Intervals below < y <= upto of all samples ``(sample[, neuron])``.

    ``exact`` says which are single responses; ``inside`` is a response of the family, and what
    they end at where nothing is asked of an end. ``step`` is 1 of counts, else 0.
    """

    below: Array
    upto: Array
    exact: Array
    least: Any
    most: Any
    inside: float
    step: float

    @property
    def first(self) -> Array:
        """The least response of each, itself included."""
        return self.below + self.step


def _stacked(problems: list[Problem], of: Callable[[Problem], Any]) -> Any:
    """Return an array of samples, of a population with a column for each neuron."""
    values = [of(problem)[problem.design.predictors.rows] for problem in problems]
    return values[0] if problems[0].plan.population is None else np.stack(values, axis=-1)


def _intervals(problems: list[Problem], records: Array, exact: Array) -> Intervals:
    family = plain_family_of(problems[0].plan.model)
    trials = None
    if family.words.needs_trials:
        trials = _stacked(problems, lambda one: one.design.predictors.trials)
    least, most = range_of(family, trials)
    y = np.concatenate([one.design.y for one in problems])
    places = np.array([0.5, *y[y < np.inf], 1.0])
    within = family.valid(places, None if trials is None else np.full(len(places), 1.0))
    step = 1.0 if family.words.discrete else 0.0
    inside = float(places[within][0])
    return Intervals(records["below"], records["upto"], exact, least, most, inside, step)


def _seen(problems: list[Problem]) -> Intervals:
    records = _stacked(
        problems,
        lambda one: (
            ends(one.design.y, one.design.y) if one.design.seen is None else one.design.seen
        ),
    )
    return _intervals(problems, records, records["below"] == records["upto"])


def _bounds(problems: list[Problem]) -> Intervals | None:
    if problems[0].plan.model.truncated is None:
        return None
    records = _stacked(problems, lambda one: one.design.predictors.bounds)
    return _intervals(problems, records, np.zeros(records.shape, dtype=bool))


def _log_chance(family: _Distribution, value: Tensor, of: Intervals) -> Tensor:
    """Return the log chance of each interval, the log density of what is exact.

    Each of the two ends is asked for only where it is one, so that no gradient is lost elsewhere.
    """
    import pytensor.tensor as pt
    from pymc.math import logdiffexp

    least = np.less(of.below, of.least) if of.step else np.less_equal(of.below, of.least)
    lowest, highest = ~of.exact & least, ~of.exact & np.greater_equal(of.upto, of.most)
    up_to, beyond = lowest & ~highest, highest & ~lowest
    between = ~(of.exact | lowest | highest)
    total = pt.zeros_like(value, dtype="float64")

    def at(ends: Array, where: Array) -> Array:
        places = np.where(where, ends, of.inside)
        return places.astype(np.int64) if of.step else places

    if of.exact.any():
        inside = at(of.below, np.zeros_like(of.exact))
        total = pt.switch(of.exact, family.log_density(pt.switch(of.exact, value, inside)), total)
    if up_to.any():
        total = pt.switch(up_to, family.log_tails(at(of.upto, up_to))[0], total)
    if beyond.any():
        total = pt.switch(beyond, family.log_tails(at(of.below, beyond))[1], total)
    if between.any():
        rows = np.nonzero(between)
        more, less = (family.log_tails(at(one, between))[0][rows] for one in (of.upto, of.below))
        total = pt.set_subtensor(total[rows], logdiffexp(more, less))
    return total
