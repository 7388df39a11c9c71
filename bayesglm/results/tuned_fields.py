"""Scales and lengthscales of fields, chosen by their evidence together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.resolve import data_scale
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.arrangements import field_of
from bayesglm.inference.problem.of_fields import along, lengths_of, localities, places_of
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.weights.fields import NEAREST, Around, Field, climbed
from bayesglm.numerics.priors.covariances import Processes, extent_of
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.numerics.priors.kernels import KERNELS
from bayesglm.results.criteria import EVIDENCE_TIE, Score
from bayesglm.results.located import located, spectrum_of
from bayesglm.results.tuning_warnings import Curve, as_good
from bayesglm.spec.prior.fields import LOCAL
from bayesglm.spec.priors import (
    GaussianProcess,
    HalfNormal,
    InverseGamma,
    learned_scale,
    prior_of,
)

Array = np.ndarray


class Chosen(NamedTuple):
    """The curve along a scale, the scale that was chosen, and the best; how many are as good.

    ``beside`` are other numbers that were chosen with it.
    """

    curve: Curve
    chosen: float
    best: float
    n_tied: int
    beside: Mapping[str, Any] = MappingProxyType({})


# By how much, of logarithms, lengthscales may become longer in a round, and shorter where its waves
# do not reach so far, so that their evidence is a little low there: chosen.
LONGER, BEYOND = 1.5, 0.2
FURTHER = 5.0  # by how much, of its logarithm, the scale may change in a round: chosen
LEAST, MOST = 0.3, 4.0  # lengthscales, in steps between neighbours and in extents of the field
BEGIN = 4.0  # of these in the field's extent, where one that is to be learned begins: chosen
LITTLE = 0.1  # nats by which an evidence has to be higher with a field than without: chosen
# Decades around the chosen scale that a curve shows.
SHOWN = np.linspace(-1.0, 1.0, 9)


def is_field(plan: Plan, label: str) -> bool:
    """Say whether a term's prior is one of places."""
    prior = next(one.prior for one in plan.model.every_term if one.label == label)
    return bool(prior.traits.of_field)


def tune_fields(plan: Plan, labels: list[str]) -> tuple[Plan, dict[str, Chosen]]:
    """Return a plan with the fields' numbers of some terms chosen, and curves along their scales.

    Raises as `climbed`.
    """
    if not labels:
        return plan, {}
    priors = {one.label: one.prior for one in plan.model.every_term}
    fields = [FIELDS[type(priors[label]).__name__](plan, label) for label in labels]
    psis, around = climbed(fields, lambda at: problems_under(plan, at))
    _tell_of_nothing(labels, around, np.concatenate(psis))
    written = {one.label: one.written(psi) for one, psi in zip(fields, psis, strict=True)}
    return with_priors(plan, written), {
        one.label: _chosen(one, written[one.label], _curve(around, psis, k))
        for k, one in enumerate(fields)
    }


def _tell_of_nothing(labels: list[str], around: Around, every: Array) -> None:
    """Warn of fields whose evidence is as high where they are zero."""
    without = sum(expansion.constant for expansion in around.expansions)
    if around.value(every) - without < LITTLE:
        tell(
            f"the evidence of {', '.join(map(repr, labels))} is no higher than without: the data "
            "may want a scale of 0, that is no such term. Leave it out, or give its prior numbers."
        )


def _chosen(field: Field, prior: Any, curve: Curve) -> Chosen:
    beside = {name: np.atleast_1d(getattr(prior, name)).tolist() for name in field.told}
    return Chosen(curve, prior.scale, prior.scale, len(as_good(curve, 0.0)), beside)


def problems_under(plan: Plan, priors: Mapping[str, Any]) -> list[Problem]:
    """Return the problems, one a neuron, under priors of some terms."""
    new = with_priors(plan, priors)
    return [make_problem(new, k, design) for k, design in enumerate(new.designs)]


def with_priors(plan: Plan, priors: Mapping[str, Any]) -> Plan:
    """Return the plan with the priors of some terms replaced."""
    terms = [
        replace(one, prior=priors[one.label]) if one.label in priors else one
        for one in plan.model.every_term
    ]
    return replace(plan, model=plan.model.with_terms(terms))


def _written(prior: Any, psi: Array) -> Any:
    """Return a prior with its numbers."""
    numbers = np.exp(psi)
    lengths = numbers[1:].tolist()
    several = isinstance(prior.lengthscale, tuple) or len(lengths) > 1
    return replace(
        prior, scale=float(numbers[0]), lengthscale=tuple(lengths) if several else lengths[0]
    )


def process(plan: Plan, label: str) -> Field:
    """Return a term's field, where its prior is, or in the middle of what is to be learned."""
    place = [one.label for one in plan.model.every_term].index(label)
    prior: Any = plan.model.every_term[place].prior
    block = plan.designs[0].predictors.blocks[place]
    axes = along(prior, block)
    places = [places_of(block, axis) for axis in axes]
    extents = np.array([extent_of(x) for x in places])
    steps = np.array([np.diff(np.sort(x)).min() if len(x) > 1 else 1.0 for x in places])
    low, high = np.log(LEAST * steps), np.log(MOST * extents)
    begin = np.log(np.maximum(extents / BEGIN, steps))
    for k, length in enumerate(lengths_of(prior, block, axes)):
        if prior_of(length) is None:
            begin[k] = np.log(length)
    psi = np.concatenate([[_log_scale(plan, place, prior)], np.clip(begin, low, high)])

    def base(psi: Array, far: float) -> Any:
        shorter = np.maximum(psi[1:] - far, low)
        return _written(prior, np.concatenate([psi[:1], shorter]))

    def reach(psi: Array, far: float) -> Array:
        shortest = np.maximum(psi[1:] - max(far, BEYOND), low)
        lower = np.concatenate([[psi[0] - FURTHER], shortest])
        upper = np.concatenate([[psi[0] + FURTHER], np.minimum(psi[1:] + LONGER, high)])
        return np.stack([lower, upper], axis=1)

    def n_waves(psi: Array, far: float) -> int:
        return int(field_of(base(psi, far), block).waves.size)

    family, written = Processes(KERNELS[prior.kernel], places), partial(_written, prior)
    return Field(label, family, psi, base, reach, written, ("lengthscale",), n_waves)


def _log_scale(plan: Plan, place: int, prior: Any) -> float:
    """Return where the search of a scale begins: at a number that is given, or at the default's."""
    above = learned_scale(prior)
    if above is None:
        return float(np.log(prior.scale))
    try:
        n = plan.designs[0].predictors.blocks[place].size
        return float(np.log(data_scale(plan, place)) - 0.5 * np.log(n))
    except DataError:  # a predictor that does not vary
        return float(np.log(distribution_of(above).middle))


def _curve(around: Around, psis: list[Array], k: int) -> Curve:
    """Return the log evidence along the scale of one field, all else as it was chosen."""
    first = sum(len(psi) for psi in psis[:k])
    every = np.concatenate(psis)
    curve = {}
    for decades in SHOWN:
        at = every.copy()
        at[first] += decades * np.log(10.0)
        value = around.value(at)
        told = {
            "log_evidence": value,
            "log_evidence_se": np.nan,
            "log_evidence_laplace": value,
            "khat": np.nan,
        }
        scale = float(np.exp(at[first])) if decades else float(np.exp(every[first]))
        curve[scale] = Score(value, told, EVIDENCE_TIE)
    return curve


def locality(plan: Plan, label: str) -> Field:
    """Return a term's field that is local, begun where a Gaussian process finds it.

    Its waves are those of that process.
    """
    place = [one.label for one in plan.model.every_term].index(label)
    prior: Any = plan.model.every_term[place].prior
    block = plan.designs[0].predictors.blocks[place]
    axes = along(prior, block)
    learned = GaussianProcess(HalfNormal(1.0), InverseGamma(3.0, 1.0), prior.dims)
    smooth = replace(learned, tolerance=prior.tolerance)
    under = with_priors(plan, {label: smooth})
    own = process(under, label)
    (psi,), around = climbed([own], lambda at: problems_under(plan, at))
    family = localities(block, axes)
    fields = [mean.reshape(block.shape) for mean in around.means(psi)]
    power = np.sum(np.square(fields), axis=0)
    numbers = located(family, axes, power, spectrum_of(family, axes, fields))
    begin = family.psi(1.0, numbers)
    variance = np.prod([np.trace(family.of_axis(d, begin).real) for d in range(len(axes))])
    others = block.size / np.prod([block.shape[axis] for axis in axes])
    begin[0] = 0.5 * np.log(power.sum() / len(fields) / (variance * others))
    waves = own.base(psi, NEAREST)

    def written(at: Array) -> Any:
        scale, chosen = family.numbers(at)
        several = {name: tuple(of.tolist()) for name, of in zip(LOCAL, chosen, strict=True)}
        return replace(prior, scale=scale, **several)

    def reach(at: Array, far: float) -> Array:
        return family.reach(at[0], FURTHER)

    size = around.waves[0].size
    return Field(
        label,
        family,
        begin,
        base=lambda at, far: waves,
        reach=reach,
        written=written,
        told=LOCAL,
        n_waves=lambda at, far: size,
    )


# How the fields of kinds of priors are begun, and where a climb may lead.
FIELDS: dict[str, Callable[[Plan, str], Field]] = {"GaussianProcess": process, "ALD": locality}
