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
from bayesglm.design.resolve import resolve
from bayesglm.errors import ModelError
from bayesglm.inference.problem.asked import check_counts, check_seed
from bayesglm.inference.problem.problem import Problem
from bayesglm.results.criteria import Score, sum_error
from bayesglm.results.path import checked_scales, scale_coords, terms_with_scale
from bayesglm.results.schema import TOGETHER
from bayesglm.results.scores.folds import check_folds
from bayesglm.results.scores.scoring import LOG_SCORE, SCORINGS, check_scoring
from bayesglm.results.searching import METHODS, Asked, plan_at, problems_of, searched
from bayesglm.results.tuned_fields import Chosen, is_field, tune_fields
from bayesglm.results.tuning_warnings import Groups
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


class Tuned(NamedTuple):
    """A model with its scales chosen, and the curves that chose them."""

    model: GLM
    curve: xr.DataTree


class Tuning(NamedTuple):
    """What is asked of tuning, as `tune_prior` has it."""

    term: str | Sequence[str] | None = None
    method: str = "evidence"
    scales: Iterable[float] | None = None
    by: str | None = None
    folds: int = 10
    draws: int = 1000
    seed: int = 0
    together: bool = False
    scoring: str = LOG_SCORE
    within: float = 0.0


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
      (`GroupLasso`). The same random numbers serve every scale. Fields (`GaussianProcess`) have
      scale and lengthscales chosen together, by Laplace's approximation.
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
        ``"squared_error"`` and ``"rmse"`` of numbers; and the others of `cross_validate`. Each fold
        follows the scales as one path.
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
    tuning = checked_tuning(
        Tuning(term, method, scales, by, folds, draws, seed, together, scoring, within)
    )
    plan = resolve(plan_fit(model, data))
    plan, found, groups = tuned_plan(plan, data, tuning)
    attrs = {
        "model": plan.model.to_json(),
        "method": "tuning",
        "criterion": method,
        "scoring": tuning.scoring,
        "within": float(tuning.within),
        "terms": ", ".join(label for labels in groups.values() for label in labels),
        "improper": ", ".join(_improper(problems_of(plan)[0])),
        "draws": tuning.draws,
        "seed": tuning.seed,
        "wall_time_s": time.perf_counter() - began,
    }
    nodes = {
        name: _node(scale_coords(plan.model, groups[name], np.array(list(one.curve))), one)
        for name, one in found.items()
    }
    return Tuned(plan.model, _tree(nodes, attrs))


def checked_tuning(tuning: Tuning) -> Tuning:
    """Return what is asked of tuning, checked as far as no model is needed."""
    folds = check_folds(tuning.by, tuning.folds)
    _check_method(tuning.method, tuning.by)
    scoring = check_scoring(tuning.scoring, tuning.method)
    if not isinstance(tuning.together, bool):
        raise ModelError(f"together must be True or False, got {shown(tuning.together)}.")
    draws, _ = check_counts(tuning.draws, 1)
    seed = check_seed(tuning.seed)
    return tuning._replace(folds=folds, scoring=scoring, draws=draws, seed=seed)


def check_tunable(plan: Plan, tuning: Tuning) -> None:
    """Raise an error where tuning asks for what the model of a plan has not, before any fold."""
    if tuning.scales is not None:
        checked_scales(tuning.scales)
    labels = terms_with_scale(plan.model, tuning.term)
    _check_within(tuning.within, tuning.method, _groups(plan.model, labels, tuning.together))


def tuned_plan(plan: Plan, data: Any, tuning: Tuning) -> tuple[Plan, dict[str, Chosen], Groups]:
    """Return a plan with its scales chosen, what chose each, and the terms that each is of."""
    method, scales, together = tuning.method, tuning.scales, tuning.together
    labels = terms_with_scale(plan.model, tuning.term)
    alone = method == "evidence" and scales is None and not together
    fields = [label for label in labels if alone and is_field(plan, label)]
    groups = _groups(plan.model, [one for one in labels if one not in fields], together)
    asked = Asked(
        method,
        scales,
        tuning.by,
        tuning.folds,
        tuning.draws,
        tuning.seed,
        tuning.scoring,
        _check_within(tuning.within, method, groups),
    )
    plan, of_fields = tune_fields(plan, fields)
    found = searched(plan, data, groups, asked) if groups else {}
    if found:
        plan = plan_at(plan, groups, [one.chosen for one in found.values()])
    if found and fields:
        plan, of_fields = tune_fields(plan, fields)
    found |= of_fields
    groups |= {name: [name] for name in of_fields}
    return plan, found, groups


def _groups(model: GLM, labels: list[str], together: bool) -> Groups:
    """Return the terms of each scale: one of each term, or one of all."""
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


def _check_method(method: str, by: str | None) -> None:
    if not is_among(method, METHODS):
        meant = f" Write method='kfold', scoring={method!r}."
        raise ModelError(
            f"unknown method {shown(method)}; the methods are {', '.join(METHODS)}."
            f"{meant if is_among(method, SCORINGS) else closest(method, METHODS)}"
        )
    if by is not None and method != "kfold":
        raise ModelError(f"by={by!r} deals samples to folds; use it with method='kfold'.")


def _improper(problem: Problem) -> list[str]:
    """Name what no proper prior holds."""
    natural = problem.natural
    flat = [part.where for part in natural.coefficients if not part.prior.proper]
    flat += [one.place for one in natural.free if one.prior is None or not one.prior.proper]
    return [name for name, where in problem.places.items() if where in flat]


def _node(coords: dict[str, Array], one: Chosen) -> xr.Dataset:
    import xarray as xr

    columns = [_statistics(score, one.curve[one.best]) for score in one.curve.values()]
    return xr.Dataset(
        {name: ("scale", np.array([each[name] for each in columns])) for name in columns[0]},
        coords={name: ("scale", values) for name, values in coords.items()},
        attrs={"chosen": one.chosen, "best": one.best, "n_tied": one.n_tied, **one.beside},
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
