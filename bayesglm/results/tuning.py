"""The scales of priors, chosen by evidence, by k-fold cross-validation or by PSIS-LOO."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from bayesglm.design.design import Plan
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import data_scale, resolve
from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.weights.evidence import MORE
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.criteria import (
    Posterior,
    Score,
    by_evidence,
    by_folds,
    by_leaving_one_out,
    posterior_of,
    sum_error,
)
from bayesglm.results.dependence import describe_dependence
from bayesglm.results.folds import check_folds, deal_folds
from bayesglm.results.path import checked_scales, scale_coords, terms_with_scale, with_scales
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.hints import closest, is_among, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import learned_scale

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
METHODS = {"evidence": "evidence", "kfold": "k-fold elpd", "loo": "PSIS-LOO elpd"}
DECADES = np.linspace(-3.0, 1.0, 17)  # of an automatic range, around the default prior's scale
FURTHER = np.linspace(0.25, 2.0, 8)  # decades by which it grows, once, where its end is best
CLOSER = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])  # decades around what evidence has chosen
FINE = 2e-4  # of the logarithm of a scale that evidence chooses
SETTLED = 1e-3  # the same, where the scales of several terms are chosen in turn
MOST_ROUNDS = 20  # of scales of several terms chosen in turn: a bound
EVIDENCE_TIE = 1e-3  # nats: of what is that near the best the smallest scale is taken
ELPD_TIE = 0.1  # the same of elpds, whose Monte-Carlo errors are larger
CLOSE = 10.0  # nats below the best within which an evidence has to be trusted


class Tuned(NamedTuple):
    """A model with its scales chosen, and the curves that chose them."""

    model: GLM
    curve: xr.DataTree


@verb_of_models
def tune_prior(
    model: GLM,
    data: Any,
    term: str | None = None,
    method: str = "evidence",
    scales: Iterable[float] | None = None,
    by: str | None = None,
    folds: int = 10,
    draws: int = 1000,
    seed: int = 0,
) -> Tuned:
    """Choose the scales of priors, and show the curves that chose them.

    - ``"evidence"``: log p(y | scale), everything else integrated out (empirical Bayes, type II
      maximum likelihood: MacKay 1992). Exact for gaussian responses with the identity link under
      `Normal` and `RandomWalk` priors, sigma fixed or learned (dispersions are integrated too);
      elsewhere by Pareto-smoothed importance draws around the mode, under kinks and bounds
      (`Laplace`, `ElasticNet`, `HalfNormal`, `Exponential`) around a Gaussian into which these are
      put back one by one. Not for kinks of groups (`GroupLasso`). The same random numbers serve
      every scale.
    - ``"kfold"``: the expected log predictive density of held-out folds, as `kfold` has it; one set
      of folds serves every scale.
    - ``"loo"``: the same by leave-one-out with smoothed weights, as `loo` has it.

    Priors that are not proper (a flat intercept, another `Flat` term, the polynomials that a random
    walk leaves free) are the same at every scale: they leave out a constant of the evidence, which
    moves no maximum. Evidences of different models compare only if these parts are the same.

    Parameters
    ----------
    model, data
        As in `fit`. Default priors are resolved, and stand in the model that is returned.
    term : str, optional
        The term to tune; by default every term whose prior has a scale, each with a scale of its
        own: they are chosen in turn, until none of them moves.
    method : {"evidence", "kfold", "loo"}
    scales : sequence of float, optional
        The scales to choose from, in units of the coefficients. By default 17 of them, from a
        thousandth of the default prior's scale (see `GLM`) to ten times that, and two decades more
        on a side where the best is the last; evidence is then maximised between them, to 1e-3
        relative. The elpds, less sure than that by far, choose one of them.
    by, folds
        As in `kfold`.
    draws : int
        Posterior draws of each fit, in four chains together; importance draws of each evidence.
    seed : int
        The same seed gives the same numbers.

    Returns
    -------
    named tuple
        ``model``, with one scale for all coefficients of a term (and all neurons of a population,
        whose evidences or elpds are added up); and ``curve``, a DataTree with a node per tuned
        term, along ``scale`` with the coordinate ``penalty`` where there is one weight, the other
        terms at their chosen scales. Evidence: ``log_evidence``, its Monte-Carlo standard error
        ``log_evidence_se``, ``log_evidence_laplace`` (Laplace's approximation; NaN under kinks,
        where the Hessian says nothing), ``khat``. Else ``elpd``, ``elpd_se``, ``elpd_diff_se`` (of
        the difference to the chosen scale); with ``"loo"`` also ``khat``, the largest over the
        samples, and ``n_high_khat``. The node's attribute ``chosen`` is the chosen scale.

    Raises
    ------
    ModelError
        A term that is not there, or whose prior has no scale (`Flat`); no such method; ``by=``
        without folds; more coefficients than a matrix of their curvature can hold.
    DataError, ConvergenceError
        As in `fit`; scales that are not positive numbers.

    Warns
    -----
    BayesGLMWarning
        The best scale is the smallest or the largest; evidences whose k-hat is too high; and what
        `loo` warns of, once.

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
    """
    began = time.perf_counter()
    folds = check_folds(by, folds)
    _check_method(method, by)
    draws, _ = check_counts(draws, 1)
    seed = check_seed(seed)
    plan = resolve(plan_fit(model, data))
    labels = terms_with_scale(plan.model, term)
    given = None if scales is None else np.unique(checked_scales(scales))
    grids = [_automatic(plan, label) if given is None else given for label in labels]
    first = _problems(
        with_scales(plan, {k: float(g[0]) for k, g in zip(labels, grids, strict=True)})
    )
    check_room(first, draws, 1)
    posterior = posterior_of(draws, seed)
    if method == "evidence":
        criterion = by_evidence(first, draws, seed)
    elif method == "kfold":
        criterion = by_folds(deal_folds(first[0], data, by, folds, seed), posterior)
    else:
        criterion = by_leaving_one_out(posterior)

    def at_scales(at: Sequence[float]) -> Plan:
        return with_scales(plan, dict(zip(labels, at, strict=True)))

    @cache
    def score(at: tuple[float, ...]) -> Score:
        return criterion(_problems(at_scales(at)))

    tie = EVIDENCE_TIE if method == "evidence" else ELPD_TIE
    refine = scales is None and method == "evidence"
    chosen = _ascend(score, grids, tie, refine, grow=scales is None)
    scored = [_along(score, chosen, k, grid, refine) for k, grid in enumerate(grids)]
    _warn_of_ends(METHODS[method], labels, chosen, grids)
    if method == "evidence":
        _warn_of_khat(scored, khat_limit(MORE * draws))
    if method == "loo":
        _warn_of_loo(_problems(at_scales(chosen)), posterior, score(chosen))
    tuned = at_scales(chosen).model
    attrs = {
        "model": tuned.to_json(),
        "method": "tuning",
        "criterion": method,
        "terms": ", ".join(labels),
        "improper": ", ".join(_improper(first[0])),
        "draws": draws,
        "seed": seed,
        "wall_time_s": time.perf_counter() - began,
    }
    return Tuned(tuned, _tree(plan.model, labels, chosen, scored, score(chosen), attrs))


def _check_method(method: str, by: str | None) -> None:
    if not is_among(method, METHODS):
        raise ModelError(
            f"unknown method {shown(method)}; the methods are {', '.join(METHODS)}."
            f"{closest(method, METHODS)}"
        )
    if by is not None and method != "kfold":
        raise ModelError(f"by={by!r} deals samples to folds; use it with method='kfold'.")


def _automatic(plan: Plan, label: str) -> Array:
    """Return the scales to look at first, in order."""
    place = [one.label for one in plan.model.every_term].index(label)
    try:
        centre = data_scale(plan, place)
    except DataError:  # a predictor that does not vary: its prior's own scale is all there is
        prior = plan.model.every_term[place].prior
        centre = float(np.exp(np.mean(np.log((learned_scale(prior) or prior).scale))))
    return centre * 10.0**DECADES


def _problems(plan: Plan) -> list[Problem]:
    return [make_problem(plan, neuron, design) for neuron, design in enumerate(plan.designs)]


type ScoreAt = Callable[[tuple[float, ...]], Score]


def _ascend(
    score: ScoreAt, grids: list[Array], tie: float, refine: bool, grow: bool
) -> tuple[float, ...]:
    """Return the best scales, each term's in turn until none moves; ``grids`` may grow."""
    at = [float(grid[len(grid) // 2]) for grid in grids]
    for turn in range(MOST_ROUNDS):
        before = np.array(at)
        for k in range(len(grids)):

            def value(scale: float, k: int = k) -> float:
                return score((*at[:k], float(scale), *at[k + 1 :])).value

            if grow and turn == 0:
                grids[k] = _grown(value, grids[k], tie)
            at[k] = _best(value, grids[k], tie, at[k] if refine else None)
        if len(grids) == 1 or np.max(np.abs(np.log(at / before))) < SETTLED:
            break
    return tuple(at)


def _grown(value: Callable[[float], float], grid: Array, tie: float) -> Array:
    """Return the grid, and two decades more where its end is the best of it."""
    place = _first_of_best(value, grid, tie)
    if place == 0:
        return np.r_[grid[0] * 10.0 ** -FURTHER[::-1], grid]
    return np.r_[grid, grid[-1] * 10.0**FURTHER] if place == len(grid) - 1 else grid


def _first_of_best(value: Callable[[float], float], scales: Array, tie: float) -> int:
    values = np.array([value(scale) for scale in scales])
    return int(np.argmax(values >= values.max() - tie))


def _best(value: Callable[[float], float], grid: Array, tie: float, current: float | None) -> float:
    """Return the best scale of a grid; or, if there is a current one, around the best of all."""
    every = grid if current is None else np.unique(np.r_[grid, current])
    place = _first_of_best(value, every, tie)
    best = float(every[place])
    if current is None or place == 0:
        return best
    found = minimize_scalar(
        lambda log_scale: -value(np.exp(log_scale)),
        bounds=np.log([every[place - 1], every[min(place + 1, len(every) - 1)]]),
        method="bounded",
        options={"xatol": FINE},
    )
    return float(np.exp(found.x)) if -found.fun > value(best) else best


def _along(
    score: ScoreAt, chosen: tuple[float, ...], k: int, grid: Array, refined: bool
) -> dict[float, Score]:
    """Return the scores along one term's scales, the others at their best."""
    if refined:
        closer = np.clip(chosen[k] * 10.0**CLOSER, grid[0], grid[-1])
        grid = np.unique(np.r_[grid, closer])
    return {scale: score((*chosen[:k], scale, *chosen[k + 1 :])) for scale in grid.tolist()}


def _warn_of_ends(
    what: str, labels: list[str], chosen: tuple[float, ...], grids: list[Array]
) -> None:
    remedies = {
        0: ("smallest", "a scale of 0, that is no such term. Leave it out, or give smaller"),
        -1: ("largest", "no penalty at all. Use prior=Flat(), or give larger"),
    }
    for label, best, grid in zip(labels, chosen, grids, strict=True):
        for place, (which, remedy) in remedies.items():
            if len(grid) > 2 and best == grid[place]:
                tell(
                    f"the {what} of term {label!r} is best at the {which} scale, {best:.3g}: the "
                    f"data may want {remedy} scales=."
                )


def _warn_of_khat(scored: list[dict[float, Score]], limit: float) -> None:
    every = [one for scores in scored for one in scores.values()]
    best = max(one.value for one in every)
    bad = [
        one.statistics["khat"]
        for one in every
        if not one.statistics["khat"] < limit
        and np.fmax(one.value, one.statistics["log_evidence_laplace"]) > best - CLOSE
    ]
    if bad:
        tell(
            f"the evidence cannot be trusted at {len(bad)} of {len(every)} scales, within "
            f"{CLOSE:g} of the best: k-hat is up to {np.max(bad):.2f}, and its limit {limit:.2f}. "
            "Use more draws=, or method='kfold'."
        )


def _warn_of_loo(problems: list[Problem], posterior: Posterior, best: Score) -> None:
    thetas = [theta.reshape(-1, theta.shape[-1]) for theta in posterior(problems)]
    n_bad = int(best.statistics["n_high_khat"])
    dependence = describe_dependence(problems, thetas)
    if n_bad:
        tell(
            f"k-hat is too high for {n_bad} samples at the chosen scale (the largest is "
            f"{best.statistics['khat']:.2f}), so their leave-one-out densities are not to be "
            "trusted; use method='kfold'."
        )
    if dependence:
        tell(
            f"pointwise leave-one-out is optimistic here: {dependence}. Use method='kfold' with "
            "by='time' or by='trial'."
        )


def _improper(problem: Problem) -> list[str]:
    """Name what no proper prior holds."""
    natural = problem.natural
    flat = [part.where for part in natural.coefficients if not part.prior.proper]
    flat += [one.place for one in natural.free if one.prior is None or not one.prior.proper]
    return [name for name, where in problem.places.items() if where in flat]


def _tree(
    model: GLM,
    labels: list[str],
    chosen: tuple[float, ...],
    scored: list[dict[float, Score]],
    best: Score,
    attrs: dict[str, Any],
) -> xr.DataTree:
    import xarray as xr

    nodes = {}
    for label, scale, scores in zip(labels, chosen, scored, strict=True):
        columns = [_statistics(one, best) for one in scores.values()]
        coords = scale_coords(model, [label], np.array(list(scores)))
        nodes[f"/{label}"] = xr.Dataset(
            {name: ("scale", np.array([one[name] for one in columns])) for name in columns[0]},
            coords={name: ("scale", values) for name, values in coords.items()},
            attrs={"chosen": scale},
        )
    tree = xr.DataTree.from_dict(nodes)
    tree.attrs = attrs
    return tree


def _statistics(one: Score, best: Score) -> dict[str, float]:
    if one.pointwise is None or best.pointwise is None:
        return one.statistics
    return one.statistics | {"elpd_diff_se": sum_error(one.pointwise - best.pointwise)}
