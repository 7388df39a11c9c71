"""The regularisation path, read as a sequence of priors."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.path import path_points
from bayesglm.inference.problem.problem import make_problem
from bayesglm.inference.tree.estimates import path_tree
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
SMALLEST = 1e-100  # scale whose square, beside sums of squares of data, floats hold: chosen


@verb_of_models
def prior_path(
    model: GLM, data: Any, scales: Iterable[float], term: str | Sequence[str] | None = None
) -> xr.DataTree:
    """Follow the MAP estimate through a sequence of prior scales: the regularisation path.

    Every scale is a prior, from one that holds the coefficients at zero to one that says almost
    nothing; in the language of penalties, lam = 1/scale**2 of a `Normal` (`ridge`) or a
    `RandomWalk` (`smooth`), lam = 1/scale of a `Laplace` (`lasso`) or a `GroupLasso`. Under priors
    with a kink or a bound the estimates are exactly sparse; the posterior never is (see `fit`).

    Parameters
    ----------
    model, data
        As in `fit_map`.
    scales : sequence of float
        The scales to go through, in units of the coefficients; any order.
    term : str or sequence of str, optional
        The term whose prior takes these scales, or several, in place of one that is learned too; by
        default every term of the mean whose prior has one.

    Returns
    -------
    xarray.DataTree
        Along ``scale``, in the order given, with the coordinate ``penalty`` where there is one
        weight: group ``path`` with the estimates (``intercept``, one variable per term,
        ``sigma``); group ``statistics`` with ``log_posterior``, ``log_likelihood``, ``deviance``
        (twice what the log likelihood falls short of that of a model with a parameter for every
        sample, at the same dispersion), ``edf`` (effective number of parameters,
        tr(H (H + P)^-1), the intercept included; Hastie & Tibshirani 1990, 3.5), ``n_nonzero``
        (coefficients other than the intercept), ``gradient_norm`` (the KKT residual under kinks)
        and ``n_iter``; and, where no prior has a kink, group ``sd`` with posterior standard
        deviations given the dispersion, from the curvature at the mode.

    Raises
    ------
    DataError
        No scales, or scales that are not positive numbers; as in `fit_map`.
    ModelError
        An unknown term, a prior without a scale, or a term or dim named ``scale`` or ``penalty``;
        as in `fit_map`.
    ConvergenceError
        As in `fit_map`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 0, 1, 1, 0, 1], "x": [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]}
    >>> model = bg.GLM("y", "x", family="bernoulli", prior=bg.lasso(1.0))
    >>> path = bg.prior_path(model, data, [0.1, 0.5, 2.0])
    >>> path["path"]["x"].values.round(3).tolist()
    [0.0, 0.0, 0.63]
    >>> path["statistics"]["n_nonzero"].values.tolist()
    [0, 0, 1]
    """
    began = time.perf_counter()
    checked = checked_scales(scales)
    plan = resolve(plan_fit(model, data))
    chosen = terms_with_scale(plan.model, term)
    _check_names(plan)
    order = np.argsort(checked, kind="stable")
    plans = [with_scales(plan, dict.fromkeys(chosen, float(checked[k]))) for k in order]
    back = np.argsort(order)
    problems, points = [], []
    for neuron, design in enumerate(plan.designs):
        made = [make_problem(one, neuron, design) for one in plans]
        followed = path_points(made)
        problems.append(replace(made[0], plan=plan))  # whose scales may be learned
        points.append([followed[k] for k in back])
    attrs = {"method": "path", "terms": ", ".join(chosen)}
    coords = scale_coords(plan.model, chosen, checked)
    return path_tree(problems, points, coords, attrs, began)


def scale_coords(model: GLM, chosen: list[str], scales: Array) -> dict[str, Array]:
    """Return scales and, where the chosen terms' priors are penalties of one weight, that."""
    coords = {"scale": scales}
    powers = {one.prior.traits.power for one in model.every_term if one.label in chosen}
    power = powers.pop() if len(powers) == 1 else None
    if power is not None:
        coords["penalty"] = scales**-power
    return coords


def checked_scales(scales: Iterable[float], name: str = "scales") -> Array:
    """Return scales as an array; raises DataError unless they are positive numbers."""
    wrong = f"{name} must be a sequence of positive numbers, got {shown(scales)}."
    if isinstance(scales, (str, bytes, Mapping)):
        raise DataError(wrong)
    try:
        given = np.asarray(list(scales))
    except (TypeError, ValueError) as error:
        raise DataError(wrong) from error
    if given.ndim != 1 or not given.size:
        raise DataError(
            f"{name} must be a one-dimensional sequence of at least one positive number, got one "
            f"of shape {given.shape}."
        )
    if given.dtype.kind not in "iuf":
        raise DataError(wrong)
    values = given.astype(float)
    bad = ~((values > 0) & np.isfinite(values))
    if bad.any():
        raise DataError(
            f"{name} must be positive, finite numbers; {int(bad.sum())} are not, the first at "
            f"position {int(np.argmax(bad))} ({values[bad][0]:g})."
        )
    far = (values < SMALLEST) | (values > 1.0 / SMALLEST)
    if far.any():
        raise DataError(
            f"scales must lie between {SMALLEST:g} and {1.0 / SMALLEST:g}, whose squares floats "
            f"hold; {int(far.sum())} do not, the first at position {int(np.argmax(far))} "
            f"({values[far][0]:g})."
        )
    return values


def terms_with_scale(model: GLM, term: str | Sequence[str] | None) -> list[str]:
    """Return the terms named, or all of the mean's whose prior has a scale; ModelError if none."""
    labels = [one.label for one in model.every_term]
    if term is None:
        every = [one.label for one in model.terms if _has_scale(one.prior)]
        if not every:
            raise ModelError(
                "no term of the model has a prior with a scale to choose, as those of ridge and "
                "lasso are; give one prior=ridge(1.0)."
            )
        return every
    named = list(term) if isinstance(term, (tuple, list, set)) and term else [term]
    for one in named:
        if not is_among(one, labels):
            raise ModelError(
                f"the model has no term {shown(one)}; its terms are "
                f"{', '.join(labels) or 'none'}.{closest(one, labels)}"
            )
        if not _has_scale(model.every_term[labels.index(one)].prior):
            raise ModelError(
                f"the prior of term {one!r} has no scale; give it one, for example "
                "prior=ridge(1.0)."
            )
    # Each once, in the model's own order.
    return [label for label in labels if label in named]


def _has_scale(prior: Any) -> bool:
    return prior is not None and prior.traits.has_scale


def _check_names(plan: Plan) -> None:
    blocks = plan.designs[0].predictors.named
    dims = {dim for block in blocks for dim in block.dims} | {plan.population}
    for name in ("scale", "penalty"):
        if name in dims:
            raise ModelError(
                f"the dim {name!r} of the data has a name that a path needs for itself; rename it: "
                f"data.rename({{{name!r}: '...'}})."
            )
        if any(block.name == name for block in blocks):
            raise ModelError(
                f"term {name!r} has a name that a path needs for itself; give it another name=."
            )


def with_scales(plan: Plan, scales: Mapping[str, float]) -> Plan:
    """Return the plan with the scales of some terms' priors written into its model."""
    terms = tuple(
        replace(one, prior=replace(one.prior, scale=scales[one.label]))
        if one.label in scales
        else one
        for one in plan.model.every_term
    )
    return replace(plan, model=plan.model.with_terms(terms))
