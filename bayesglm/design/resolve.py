"""Default priors, scaled by the data once: the rule of rstanarm and Bambi.

A term without a prior gets Normal(2.5 s_y / s_x): s_x is the standard deviation of its predictor
(one per term for lagged and image predictors, one per column for several variables), s_y that of
a response with a unit whose link keeps it, or a power of it (`response_scale`), else 1. Terms of
other parameters than the mean get Normal(1 / s_x) on their link. Frequency weights count in both,
so that a row of weight 2 is the row twice; censored responses count as they are recorded, intervals
by their middles. Lagged predictors are measured over all samples. A dispersion gets what its
family's record says; that of cutpoints is said of predictors at their means, and carried
to where they are zero. A flat intercept of a direction is flat on the circle, Cauchy(0, 1)
on the tangent of half the angle. The effects of a factor's levels get
Normal(HalfNormal(2.5 s_y / s_x)), with s_x = 1 for intercepts: their scale is learned. The line of
a smooth curve gets Normal(2.5 s_y / s_x), its bends a learned scale of the same rule. Sources:
Gabry & Goodrich 2020, "Prior distributions for rstanarm models"; Capretto et al. 2022, section 3.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.design import Design, Plan, levels_of, plain_family_of
from bayesglm.design.spreads import check_varies, for_neurons, sd_of_predictor, sds_of
from bayesglm.design.variables import LARGEST
from bayesglm.design.variances import of_variance
from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.families.record import Spread
from bayesglm.numerics.rows.rows import span
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.priors import (
    CUTPOINT_PRIORS,
    DISPERSION_PRIORS,
    CoefficientPrior,
    DispersionPrior,
    Flat,
    HalfNormal,
    Normal,
    StudentT,
    learned_scale,
)
from bayesglm.spec.terms.term import settled

Array = np.ndarray
DEFAULT_SCALE = 2.5


def resolve(plan: Plan) -> Plan:
    """Return the plan with all that the data decide written into its model: priors, levels."""
    model, blocks = plan.model, plan.designs[0].predictors.blocks
    terms = [
        settled(term, _settled_prior(plan, place), {**block.settles, **_settled_pool(plan, place)})
        for place, (term, block) in enumerate(zip(model.every_term, blocks, strict=True))
    ]
    names = FAMILY_NAMES[model.family].dispersions
    dispersion = {name: _settled_dispersion(plan, name, terms) for name in names}
    intercept = model.intercept
    if isinstance(intercept, Flat) and LINK_NAMES[model.link_name].is_turn:
        intercept = StudentT(1.0, df=1.0)
    model = replace(model, dispersion=dispersion or None, intercept=intercept)
    return replace(plan, model=model.with_terms(terms, prior=None))


def _settled_prior(plan: Plan, place: int) -> CoefficientPrior:
    """Return the prior of a term: the default where it has none, of a curve's line as of others."""
    given = plan.model.prior_of(plan.model.every_term[place])
    if plan.model.every_term[place].pooled:
        return _prior_of_mean(plan, place, given)
    prior: Any = given or _default_prior(plan, place)
    block = plan.designs[0].predictors.blocks[place]
    if prior.traits.of_variance:
        prior = of_variance(plan, place, prior)
    if not block.n_straight or not prior.traits.has_free or prior.free is not None:
        return prior
    line = slice(0, block.n_straight)
    scales = _default_scales(plan, place, line)
    return replace(prior, free=Normal(for_neurons(plan, scales, block.shape)))


def has_default_prior(plan: Plan, place: int) -> bool:
    """Say whether a term of a resolved plan has the prior that it gets where none is given."""
    terms = list(plan.model.every_term)
    given = terms[place].prior
    terms[place] = replace(terms[place], prior=None)
    try:
        bare = replace(plan, model=plan.model.with_terms(terms))
        return bool(_settled_prior(bare, place) == given)
    except (DataError, ModelError):  # of what has no default
        return False


def _prior_of_mean(plan: Plan, place: int, given: CoefficientPrior | None) -> Normal:
    """Return the prior of the mean of a pooled term: by default of the typical neuron's scale."""
    term, population = plan.model.every_term[place], plan.population
    if population is None or levels_of(plan.model) is not None:
        raise ModelError(
            f"term {term.label!r}: pooled= holds the neurons of a population together, and "
            f"{plan.model.response!r} has one linear predictor; give it a second dim, or leave "
            "pooled= out."
        )
    if given is None:
        return Normal(data_scale(plan, place))
    if not isinstance(given, Normal) or learned_scale(given) is not None:
        raise ModelError(
            f"term {term.label!r}: with pooled= the prior is that of the mean over "
            f"{population!r}, and must be a Normal of a known scale; the model's prior= is a "
            f"{type(given).__name__}. Give the term a prior= of its own."
        )
    return given


def _settled_pool(plan: Plan, place: int) -> dict[str, Any]:
    """Return the prior of the scale of a pooled term, where the data are to tell it."""
    if plan.model.every_term[place].pooled is not True:
        return {}
    return {"pooled": HalfNormal(data_scale(plan, place))}


def _settled_dispersion(plan: Plan, name: str, terms: list[Any]) -> Any:
    """Return what is said of a dispersion, its own default prior where that says nothing.

    The terms are those of the model, with their priors.
    """
    stated = plan.model.dispersion_of(name)
    if stated is None:
        return _default_dispersion(plan, name, terms)
    if name in plan.model.predicted and stated.prior is None:
        return replace(stated, prior=_default_dispersion(plan, name, terms))
    return stated


def _default_dispersion(plan: Plan, name: str, terms: list[Any]) -> DispersionPrior:
    """Return the default prior of one of the family's dispersions."""
    record = plain_family_of(plan.model).dispersion_named(name)
    numbers: list[dict[str, float]] = []
    for neuron, design in enumerate(plan.designs):
        mean, sd = _mean_of_response(design), _sd_of_response(design)
        fixed = FAMILY_NAMES[plan.model.family].option_of(name, "1.0")
        if record.needs_spread and sd < 1 / LARGEST:
            raise DataError(
                f"response {plan.model.response!r}{plan.name_of(neuron)} varies by too little (sd "
                f"{sd:.3g}) over the samples in use for {name} to be learnt; rescale the response "
                f"or fix the noise ({fixed}, say)."
            )
        kind, of_neuron = record.default(Spread(mean, sd))
        if name in FAMILY_NAMES[plan.model.family].increasing:
            of_neuron = _carried_from_means(design, of_neuron, terms)
        numbers.append(of_neuron)
    noun = next(noun for noun in (*DISPERSION_PRIORS, *CUTPOINT_PRIORS) if noun.__name__ == kind)
    return noun(**{key: for_neurons(plan, [one[key] for one in numbers]) for key in numbers[0]})


def _carried_from_means(design: Design, numbers: dict[str, Any], terms: list[Any]) -> dict:
    """Return numbers of a prior of cutpoints, said of predictors at their means.

    From there to where predictors are zero cutpoints move by mean(o) + mean(x)'w, o being the
    offset: their centres go along with the one, and the scales grow by the other's.
    """
    predictors, moved = design.predictors, 0.0
    weights = None if design.weights is None else design.weights[predictors.rows]
    if predictors.offset is not None:
        moved = float(np.average(predictors.offset[predictors.rows], weights=weights))
    variance = numbers["scale"] ** 2
    for term, block in zip(terms, predictors.of_mean, strict=False):
        if block.codes is not None:  # effects of levels lie around zero
            continue
        means = np.average(block.signal[span(predictors.rows)], axis=0, weights=weights)
        sds = sd_of_predictor(block, design)
        own = DEFAULT_SCALE / np.where(sds > 0.0, sds, np.inf)
        stated = vars(term.prior).get("scale")
        if stated is not None and learned_scale(term.prior) is None:
            own = np.maximum(own, np.max(stated))
        moved_by = means * own
        variance += float(np.sum(np.square(moved_by if block.steps else block.moves(moved_by))))
    return {**numbers, "loc": numbers["loc"] + moved, "scale": float(np.sqrt(variance))}


def data_scale(plan: Plan, place: int) -> float:
    """Return the scale of a term's default prior, the geometric mean of several.

    Raises DataError where the predictor does not vary.
    """
    scales = [np.log(scale).mean() for scale in _default_scales(plan, place)]
    return float(np.exp(np.mean(scales)))


def _default_prior(plan: Plan, place: int) -> CoefficientPrior:
    scales = _default_scales(plan, place)
    block, term = plan.designs[0].predictors.blocks[place], plan.model.every_term[place]
    shape = block.unit_shape
    if learned_scale(term.default_prior(1.0)) is None:
        shape += (1,) * (len(block.shape) - len(shape))
    return term.default_prior(for_neurons(plan, scales, shape))


def _default_scales(plan: Plan, place: int, columns: slice | None = None) -> list[Array]:
    """Return 2.5 s_y / s_x of every neuron, one number or one per column.

    On the link of another parameter than the mean, 1 / s_x. Of a smooth curve ``columns`` are its
    bends, unless those of its line are asked for.
    """
    scales = []
    for neuron, design in enumerate(plan.designs):
        block = design.predictors.blocks[place]
        if block.n_straight is not None:
            some = slice(block.n_straight, None) if columns is None else columns
            block = replace(block, signal=block.signal[:, some])
        sds = sd_of_predictor(block, design)
        check_varies(plan, neuron, block.name, sds, block.signal_label)
        with np.errstate(over="ignore"):
            of_mean = place < len(plan.model.terms)
            unit = DEFAULT_SCALE * response_scale(plan, design) if of_mean else 1.0
            scale = unit / sds
        if not np.all((scale > 0) & np.isfinite(scale)):
            raise DataError(
                f"predictor {block.name!r}{plan.name_of(neuron)} varies by too little or too much "
                f"(sd {sds.min():.3g}) for a prior to be scaled by it; rescale the predictor or "
                "give the term a prior=."
            )
        scales.append(scale)
    return scales


def _sd_of_response(design: Design) -> float:
    return float(sds_of(design.typical[:, None], design.predictors.rows, design.weights, False)[0])


def _mean_of_response(design: Design) -> float:
    rows = design.predictors.rows
    weights = None if design.weights is None else design.weights[rows]
    return float(np.average(design.typical[rows], weights=weights))


def response_scale(plan: Plan, design: Design) -> float:
    """Return the sd of eta that goes with that of the response: of eta = y^a, |a| mean^(a - 1) sd.

    That is so for responses with a unit. Counts have none, but under a link that is their power
    eta is as large as they are; of softplus that holds for large ones only.
    """
    words, power = FAMILY_NAMES[plan.model.family], LINK_NAMES[plan.model.link_name].power
    has_unit = words.has_unit or (
        words.counts and not plain_family_of(plan.model).domain.is_real_line
    )
    sd = _sd_of_response(design) if has_unit and power else 0.0
    if not sd:
        return 1.0
    return (
        sd
        if power == 1.0
        else abs(power) * max(_mean_of_response(design), sd) ** (power - 1.0) * sd
    )
