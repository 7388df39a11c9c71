"""Default priors, scaled by the data once: the rule of rstanarm and Bambi.

A term without a prior gets Normal(2.5 s_y / s_x): s_x is the standard deviation of its predictor
(one per term for lagged and image predictors, one per column for several variables), s_y that of
a gaussian response whose link keeps its units, else 1 (Gabry & Goodrich 2020, "Prior
distributions for rstanarm models"; Capretto et al. 2022, section 3). A gaussian sigma gets
HalfStudentT(s_y, df=4), Bambi's default.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Plan, family_of
from bayesglm.errors import DataError
from bayesglm.spec.priors import HalfStudentT, Normal

Array = np.ndarray
DEFAULT_SCALE = 2.5
LINKS_IN_RESPONSE_UNITS = ("identity", "softplus")


def resolve(plan: Plan) -> Plan:
    """Return the plan with every prior that the data decide written into its model."""
    model = plan.model
    terms = tuple(
        replace(term, prior=_default_prior(plan, place))
        if model.prior_of(term) is None
        else replace(term, prior=model.prior_of(term))
        for place, term in enumerate(model.terms)
    )
    dispersion: Any = model.dispersion
    if dispersion is None and family_of(model).dispersions:
        dispersion = HalfStudentT(_for_neurons(plan, [_sd_of_response(d) for d in plan.designs]))
    return replace(plan, model=replace(model, terms=terms, prior=None, dispersion=dispersion))


def _default_prior(plan: Plan, place: int) -> Normal:
    scales = []
    for neuron, design in enumerate(plan.designs):
        block = design.predictors.blocks[place]
        sds = _sd_of_predictor(block, design)
        if not np.all(sds > 0):
            at = "" if sds.size == 1 else f" (column {block.label(int(np.argmin(sds)))!r})"
            raise DataError(
                f"predictor {block.name!r}{at}{plan.name_of(neuron)} is constant over the samples "
                "in use, so no prior can be scaled by it; remove the term or give it a prior=."
            )
        scales.append(DEFAULT_SCALE * _response_scale(plan, design) / sds)
    return Normal(_for_neurons(plan, scales, plan.designs[0].predictors.blocks[place].shape))


def _for_neurons(plan: Plan, values: list[Any], shape: tuple[int, ...] = ()) -> Any:
    """Return one number where all agree, else an array that broadcasts to (neuron, *shape)."""
    array = np.array([np.asarray(value, dtype=float).reshape(-1) for value in values])
    if array.shape[1] == 1:
        array = array[:, 0].reshape(-1, *(1 for _ in shape))
    if np.all(array == array.flat[0]):
        return float(array.flat[0])
    return array if plan.population is not None else array[0]


def _sd_of_predictor(block: Block, design: Design) -> Array:
    rows = design.predictors.rows
    if block.lags is not None:
        rows = np.arange(len(block.signal))
    signal = block.signal[rows]
    return signal.std(axis=0) if block.per_column else np.atleast_1d(signal.std())


def _sd_of_response(design: Design) -> float:
    return float(design.y[design.predictors.rows].std())


def _response_scale(plan: Plan, design: Design) -> float:
    in_units = plan.model.link_name in LINKS_IN_RESPONSE_UNITS
    if family_of(plan.model).dispersions and in_units:
        return _sd_of_response(design) or 1.0
    return 1.0
