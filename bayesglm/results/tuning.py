"""The scales of priors, chosen by evidence, by k-fold cross-validation or by PSIS-LOO."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import data_scale, resolve
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.modes.optimum import check_existence
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.weights.evidence import MORE
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.numerics.priors.distribution import distribution_of
from bayesglm.results.choosing import (
    TOGETHER,
    along,
    ascend,
    automatic_grid,
    curve_along,
    remembered,
    tied,
)
from bayesglm.results.criteria import (
    Criterion,
    Posterior,
    Score,
    by_estimates,
    by_evidence,
    by_folds,
    by_leaving_one_out,
    posterior_of,
    sum_error,
)
from bayesglm.results.folds import check_folds, deal_folds
from bayesglm.results.path import checked_scales, scale_coords, terms_with_scale, with_scales
from bayesglm.results.scoring import LOG_SCORE, SCORINGS, check_scored, check_scoring
from bayesglm.results.tuning_warnings import (
    Curve,
    Groups,
    as_good,
    warn_of_ends,
    warn_of_khat,
    warn_of_loo,
    warn_of_ties,
)
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import learned_scale

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
METHODS = {"evidence": "evidence", "kfold": "k-fold elpd", "loo": "PSIS-LOO elpd"}


class Tuned(NamedTuple):
    """A model with its scales chosen, and the curves that chose them."""

    model: GLM
    curve: xr.DataTree


@verb_of_models
def tune_prior(
    model: GLM,
    data: Any,
    term: str | Sequence[str] | None = None,
    method: str = "evidence",
    scales: Iterable[float] | None = None,
    by: str | None = None,
    folds: int = 10,
    draws: int = 1000,
    seed: int = 0,
    *,
    together: bool = False,
    scoring: str = LOG_SCORE,
    within: float = 0.0,
) -> Tuned:
    """Choose the scales of priors, and show the curves that chose them.

    - ``"evidence"``: log p(y | scale), everything else integrated out (empirical Bayes, type II
      maximum likelihood: MacKay 1992). Exact for gaussian responses with the identity link under
      `Normal` and `RandomWalk` priors, sigma fixed or learned (dispersions are integrated too);
      elsewhere by Pareto-smoothed importance draws around the mode, under kinks and bounds
      (`Laplace`, `ElasticNet`, `HalfNormal`, `Exponential`) around a Gaussian into which these are
      put back one by one. Of many coefficients for each row under Normal priors they are drawn by
      expectation propagation, into which rows are put one by one. Not for kinks of groups
      (`GroupLasso`). The same random numbers serve every scale.
    - ``"kfold"``: what is foretold of held-out folds; one set of folds serves every scale.
      ``scoring`` says how that is judged.
    - ``"loo"``: the expected log predictive density by leave-one-out with smoothed weights, as
      `loo` has it.

    Priors that are not proper (a flat intercept, another `Flat` term, the polynomials that a random
    walk leaves free) are the same at every scale: they leave out a constant of the evidence, which
    moves no maximum. Evidences of different models compare only if these parts are the same.

    Parameters
    ----------
    model, data
        As in `fit`. Default priors are resolved, and stand in the model that is returned.
    term : str or sequence of str, optional
        The term to tune, or several; by default every term whose prior has a scale, each with a
        scale of its own: they are chosen in turn, until none of them moves.
    method : {"evidence", "kfold", "loo"}
    scales : sequence of float, optional
        The scales to choose from, in units of the coefficients, in any order. By default 17 of
        them, from a thousandth of the default prior's scale (see `GLM`) to ten times that, and two
        decades more on a side where the best is the last; evidence is then maximised between them,
        to 1e-3 relative. The scores of held-out samples, less sure than that by far, choose one of
        them.
    by, folds
        As in `kfold`.
    draws : int
        Posterior draws of each fit, in four chains together; importance draws of each evidence.
        The scores of estimates need none.
    seed : int
        The same seed gives the same numbers.
    together : bool
        Whether the terms have one scale in common: one lambda for all of them. Their priors must be
        penalties in the same power of it.
    scoring : str
        Of ``"kfold"``. ``"log_score"``: the expected log predictive density of the posterior of the
        other folds, as `kfold` has it. The others judge the MAP estimate of the other folds, as
        scikit-learn's `GridSearchCV` and glmnet do, by a mean over all held-out samples:
        ``"deviance"`` (without the dispersion, as scikit-learn's ``mean_poisson_deviance``; for
        labels twice its ``log_loss``), ``"accuracy"`` and ``"brier"`` of labels,
        ``"squared_error"`` of numbers. Each fold follows the scales as one path.
    within : float
        Of held-out scores and one scale: how many standard errors, of the difference to the best
        sample by sample, the score may fall short of the best; the smallest such scale, which is
        the strongest penalty, is taken. 1 is the one-standard-error rule (Breiman et al. 1984,
        3.4.3). Scales of equal scores are decided for the smallest in any case.

    Returns
    -------
    named tuple
        ``model``, with one scale for all coefficients of a term (and all neurons of a population,
        whose evidences or scores are added up); and ``curve``, a DataTree with a node per tuned
        term (``together`` where they have one scale), along ``scale`` with the coordinate
        ``penalty`` where there is one weight, the other terms at their chosen scales. Evidence:
        ``log_evidence``, its Monte-Carlo standard error ``log_evidence_se``,
        ``log_evidence_laplace`` (Laplace's approximation; NaN under kinks, where the Hessian says
        nothing), ``khat``. Else ``elpd``, ``elpd_se``, ``elpd_diff_se`` (of the difference to the
        best scale), or the same under the scoring's name; with ``"loo"`` also ``khat``, the
        largest over the samples, and ``n_high_khat``. The node's attributes: ``chosen``, the chosen
        scale, ``best``, another only by ``within``, and ``n_tied``, how many scales were as good.

    Raises
    ------
    ModelError
        A term that is not there, or whose prior has no scale (`Flat`); terms together whose
        penalties are of different kinds; no such method or scoring, or one that says nothing of
        these responses (accuracy of counts); ``by=`` without folds; ``within=`` of an evidence or
        of several scales; more coefficients than a matrix of their curvature can hold.
    DataError, ConvergenceError
        As in `fit`, by estimates as in `fit_map`; scales that are not positive numbers.

    Warns
    -----
    BayesGLMWarning
        The best scale is the smallest or the largest; scores of estimates that are the same over a
        decade of scales or more; evidences whose k-hat is too high; and what `loo` warns of, once.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 8))
    >>> data = {"y": X @ rng.normal(0.0, 0.5, 8) + rng.normal(size=60), "X": X}
    >>> model = bg.GLM("y", bg.Linear("X", prior=bg.ridge(1.0)), dispersion=1.0)
    >>> tuned = bg.tune_prior(model, data)
    >>> tuned.model.terms[0].prior
    Normal(...)
    >>> best = tuned.curve["X"]["log_evidence"].idxmax().item()
    >>> best == tuned.curve["X"].attrs["chosen"]
    True

    By what scikit-learn would minimise, and the strongest penalty that is as good as the best:

    >>> tuned = bg.tune_prior(model, data, method="kfold", scoring="squared_error", within=1.0)
    >>> bool(tuned.curve["X"]["squared_error"].min() < 1.5)
    True
    """
    began = time.perf_counter()
    folds = check_folds(by, folds)
    _check_method(method, by)
    check_scoring(scoring, method)
    draws, _ = check_counts(draws, 1)
    seed = check_seed(seed)
    plan = resolve(plan_fit(model, data))
    groups = _groups(plan.model, terms_with_scale(plan.model, term), together)
    within = _check_within(within, method, groups)
    given = None if scales is None else np.unique(checked_scales(scales))
    grids = [_automatic(plan, labels) if given is None else given for labels in groups.values()]

    def problems_at(at: Sequence[float]) -> list[Problem]:
        return _problems(_at(plan, groups, at))

    first = problems_at([float(grid[0]) for grid in grids])
    if scoring == LOG_SCORE:
        check_room(first, draws, 1)
    posterior = posterior_of(draws, seed)
    if method == "evidence":
        criterion = by_evidence(first, draws, seed)
    elif method == "loo":
        criterion = by_leaving_one_out(posterior)
    else:
        fold_of = deal_folds(first[0], data, by, folds, seed)
        criterion = _by_held_out(first, fold_of, posterior, scoring)
    scores = remembered(lambda settings: criterion([problems_at(at) for at in settings]))
    what = METHODS[method] if scoring == LOG_SCORE else f"k-fold {scoring.replace('_', ' ')}"
    refine = scales is None and method == "evidence"
    best = ascend(scores, grids, refine, grow=scales is None)
    warn_of_ends(what, groups, best, grids)
    chosen = best
    if within:
        place = np.argmax(tied(along(scores, best, 0)(grids[0]), within))
        chosen = (float(grids[0][place]),)
    curves = {
        name: curve_along(along(scores, chosen, k), chosen[k], grid, refine)
        for k, (name, grid) in enumerate(zip(groups, grids, strict=True))
    }
    if method == "evidence":
        warn_of_khat(list(curves.values()), khat_limit(MORE * draws))
    if method == "loo":
        warn_of_loo(problems_at(chosen), posterior, scores([chosen])[0])
    alike = {name: as_good(curve, within) for name, curve in curves.items()}
    if scoring != LOG_SCORE and not within:
        warn_of_ties(what, groups, alike)
    tuned = _at(plan, groups, chosen).model
    attrs = {
        "model": tuned.to_json(),
        "method": "tuning",
        "criterion": method,
        "scoring": scoring,
        "within": within,
        "terms": ", ".join(label for labels in groups.values() for label in labels),
        "improper": ", ".join(_improper(first[0])),
        "draws": draws,
        "seed": seed,
        "wall_time_s": time.perf_counter() - began,
    }
    nodes = {
        name: _node(
            scale_coords(plan.model, groups[name], np.array(list(curve))),
            curve,
            {"chosen": chosen[k], "best": best[k], "n_tied": len(alike[name])},
        )
        for k, (name, curve) in enumerate(curves.items())
    }
    return Tuned(tuned, _tree(nodes, attrs))


def _groups(model: GLM, labels: list[str], together: bool) -> Groups:
    """Return the terms of each scale: one of each term, or one of all."""
    if not isinstance(together, bool):
        raise ModelError(f"together must be True or False, got {shown(together)}.")
    if not together:
        return {label: [label] for label in labels}
    priors = {one.label: one.prior for one in model.every_term if one.label in labels}
    powers = {label: _penalty_of(prior) for label, prior in priors.items()}
    first = labels[0]
    other = next((label for label in labels if powers[label] != powers[first]), None)
    if other is not None:
        raise ModelError(
            f"terms {first!r} and {other!r} cannot have one penalty together: "
            f"{shown(priors[first])} and {shown(priors[other])} are penalties of different "
            "kinds. Give them priors of one kind, or name those that "
            "belong together: term=(...)."
        )
    return {TOGETHER: labels}


def _penalty_of(prior: Any) -> Any:
    """Return what priors that are one penalty have in common: its power, or all but the scale."""
    power = prior.traits.power
    return replace(prior, scale=1.0) if power is None else power


def _check_within(within: Any, method: str, groups: Groups) -> float:
    real = isinstance(within, Real) and not isinstance(within, bool)
    if not real or not 0.0 <= within < np.inf:
        raise ModelError(
            "within is a number of standard errors, at least 0 (1.0 is the one-standard-error "
            f"rule), got {shown(within)}."
        )
    if within and method == "evidence":
        raise ModelError(
            "an evidence has no standard error over samples, so within= says nothing of it; use "
            "method='kfold' or 'loo'."
        )
    if within and len(groups) > 1:
        raise ModelError(
            f"within= takes the strongest of one penalty, and {len(groups)} terms "
            f"({', '.join(groups)}) have one each; name one term=, or tune them together=True."
        )
    return float(within)


def _by_held_out(
    first: list[Problem], fold_of: Array, posterior: Posterior, scoring: str
) -> Criterion:
    check_scored(scoring, first[0])
    if scoring == LOG_SCORE:
        return by_folds(fold_of, posterior)
    try:
        for problem in first:
            check_existence(problem)
    except ModelError as error:
        raise ModelError(
            f"scoring={scoring!r} judges MAP estimates: {error} scoring={LOG_SCORE!r} needs none."
        ) from error
    return by_estimates(fold_of, scoring)


def _check_method(method: str, by: str | None) -> None:
    if not is_among(method, METHODS):
        meant = f" Write method='kfold', scoring={method!r}."
        raise ModelError(
            f"unknown method {shown(method)}; the methods are {', '.join(METHODS)}."
            f"{meant if is_among(method, SCORINGS) else closest(method, METHODS)}"
        )
    if by is not None and method != "kfold":
        raise ModelError(f"by={by!r} deals samples to folds; use it with method='kfold'.")


def _automatic(plan: Plan, labels: list[str]) -> Array:
    """Return the scales to look at first, in order."""
    places = [k for k, one in enumerate(plan.model.every_term) if one.label in labels]
    return automatic_grid([_centre(plan, place) for place in places])


def _centre(plan: Plan, place: int) -> float:
    try:
        return data_scale(plan, place)
    except DataError:  # a predictor that does not vary: its prior's own scale is all there is
        prior = plan.model.every_term[place].prior
        above = learned_scale(prior)
        scale = prior.scale if above is None else distribution_of(above).middle
        return float(np.exp(np.mean(np.log(scale))))


def _at(plan: Plan, groups: Groups, at: Sequence[float]) -> Plan:
    """Return the plan with a scale written into the terms of each group."""
    pairs = zip(groups.values(), at, strict=True)
    return with_scales(plan, {label: scale for labels, scale in pairs for label in labels})


def _problems(plan: Plan) -> list[Problem]:
    return [make_problem(plan, neuron, design) for neuron, design in enumerate(plan.designs)]


def _improper(problem: Problem) -> list[str]:
    """Name what no proper prior holds."""
    natural = problem.natural
    flat = [part.where for part in natural.coefficients if not part.prior.proper]
    flat += [one.place for one in natural.free if one.prior is None or not one.prior.proper]
    return [name for name, where in problem.places.items() if where in flat]


def _node(coords: dict[str, Array], curve: Curve, attrs: dict[str, Any]) -> xr.Dataset:
    import xarray as xr

    columns = [_statistics(one, curve[attrs["best"]]) for one in curve.values()]
    return xr.Dataset(
        {name: ("scale", np.array([one[name] for one in columns])) for name in columns[0]},
        coords={name: ("scale", values) for name, values in coords.items()},
        attrs=attrs,
    )


def _statistics(one: Score, best: Score) -> dict[str, float]:
    if one.pointwise is None or best.pointwise is None:
        return one.statistics
    name = next(iter(one.statistics))
    return one.statistics | {f"{name}_diff_se": sum_error(one.pointwise - best.pointwise)}


def _tree(nodes: dict[str, xr.Dataset], attrs: dict[str, Any]) -> xr.DataTree:
    import xarray as xr

    tree = xr.DataTree.from_dict({f"/{name}": node for name, node in nodes.items()})
    tree.attrs = attrs
    return tree
