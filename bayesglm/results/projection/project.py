"""Projection-predictive selection by whole terms."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan
from bayesglm.design.plan import lay as lay_plan
from bayesglm.errors import ModelError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem, make_problem
from bayesglm.inference.tree.kept import evenly
from bayesglm.inference.tree.opened import kept_of, model_of, stored_data
from bayesglm.inference.tree.projected import (
    CANDIDATE,
    ELPD,
    KHAT,
    ROW,
    SIZE,
    path_dataset,
    projected_tree,
)
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.path import Path
from bayesglm.results.projection.reference import Reference, open_reference
from bayesglm.results.projection.scored import Scores, named, score_path, suggested, tell_of_weights
from bayesglm.results.projection.search import SEARCHES, path_along
from bayesglm.results.projection.units import named_terms, units_of
from bayesglm.results.projection.validated import Search, Validated, folds_asked, validated_search
from bayesglm.results.scores.loo import relative_efficiency
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def project(
    fit: xr.DataTree,
    terms: str | Iterable[str] | None = None,
    *,
    search: str = "forward",
    forced: str | Iterable[str] = (),
    validate_search: int | str | None = None,
    most: int | None = None,
    draws: int | None = None,
    seed: int = 0,
) -> xr.DataTree:
    """Select whole terms by projection: the smallest model that foretells what the whole one does.

    Each draw of the reference, ``fit``, says a distribution of every response. Its projection onto
    fewer terms is the model of these whose distributions are nearest in Kullback and Leibler's
    divergence, so that whatever the left-out terms had told is told by the others as far as they
    can (Goutis & Robert 1998; Piironen, Paasiniemi & Vehtari 2020, Electronic Journal of Statistics
    14:2155). Data are read once, by the reference: searching among many models fits none of them to
    noise. A kernel, a factor, a spline, an interaction, a group stays or goes as one; intercept,
    offset and dispersions stay.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior (of `fit`, `fit_mcmc` or `fit_laplace`) of a model with all terms, best one
        whose priors are believed. Of a population one selection is made for all its neurons.
    terms : str or sequence of str, optional
        Terms onto which to project, without a search. By default a search takes the smallest model
        whose elpd is within one standard error of the reference's.
    search : {"forward", "group_lasso"}
        By steps each of which takes the term with which the divergence is smallest, or in the order
        in which terms leave zero as a penalty on whole terms falls (Tran, Nott & Leng 2012).
    forced : str or sequence of str
        Terms that come first in every model. An interaction, and slopes of a group, are otherwise
        taken only after the terms of their parts.
    validate_search : int or str, optional
        Search again in so many folds, and score each model on rows that its search has not seen;
        or the name of what is left out together, as ``by`` of `kfold`. Without it rows are left out
        by weights after the search has seen them, which flatters the path where terms are many.
    most : int, optional
        How many terms the search takes at most: 20, or all of fewer.
    draws : int, optional
        How many draws of each chain are projected for the fit that comes back; all by default.
    seed : int
        Of the clusters of draws by which the search is made, and of folds.

    Returns
    -------
    xarray.DataTree
        A fit of the chosen model: ``posterior`` holds the projected draws, ``sample_stats`` the
        divergence of each (``kl``, in nats, of all rows). `predict`, `summary`, `kernels`,
        `plot_posterior`, `save` and `report` take it. It is no posterior of its own priors: `loo`
        gives the elpd of the path, by the reference's weights, and verbs that ask for priors or
        weights refuse it. The group ``projection`` holds the path, which `plot_project` draws:
        along ``size`` the ``term`` that comes in, ``kl`` (the mean of 20 clusters of draws),
        ``elpd`` with ``se``, and ``elpd_diff`` with ``diff_se`` against the reference; with
        ``validate_search`` the ``chosen_share`` of folds whose model of a size has the
        ``candidate``; its attributes say which size is suggested, which was taken, and why.

    Raises
    ------
    DataError
        A fit without a posterior, or of projected draws; as in `kfold` with ``validate_search``.
    ModelError
        An unknown term or search; ``terms`` beside ``forced``, ``most`` or ``validate_search``;
        terms whose coefficients have bounds.

    Warns
    -----
    BayesGLMWarning
        No model of the path comes within one standard error of the reference.

    Notes
    -----
    Of a gaussian response w minimises sum_i weight_i (x_i w* - x_i w)^2, and sigma^2 = sigma*^2 +
    the mean of these squares. Where log p is linear in y, dispersions being known (bernoulli,
    binomial, poisson, exponential, gamma, inverse_gaussian, negative_binomial, tweedie), it is the
    fit to the reference's means in place of responses; gamma's and inverse_gaussian's dispersion
    then takes up what the mean leaves out, and others stay as the draw has them. Other families
    are projected on the scale of their linear predictors, by least squares (Catalina, Bürkner &
    Vehtari 2021); their divergence is half the sum of these squares. A dispersion with a linear
    predictor of its own stays as it is, and censored and truncated responses are projected as if
    they were seen. Effects of the levels of a group are held where a draw has them, by the scale
    that it has for them: (b - b*)^2 / (2 scale^2) is added to the divergence, so that a level of
    few rows does not take up all that is left out. What no row tells stays as the draw has it.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> rng = np.random.default_rng(1)
    >>> data = {name: rng.normal(size=200) for name in ("age", "height", "income")}
    >>> data["y"] = data["age"] - 0.8 * data["income"] + rng.normal(size=200)
    >>> whole = bg.fit(bg.GLM("y", ["age", "height", "income"]), data)
    >>> small = bg.project(whole)
    >>> small["projection"]["term"].values.tolist(), small["projection"].attrs["taken_size"]
    (['', 'age', 'income', 'height'], 2)
    >>> bg.summary(small).index.tolist()
    ['intercept', 'age', 'income', 'sigma']
    """
    began, seed = time.perf_counter(), check_seed(seed)
    model = model_of(fit)
    _check_population(fit)
    asked = _asked(search, most, draws, validate_search)
    units = units_of(model, forced)
    if terms is not None:
        _refuse_search(forced, most, validate_search)
        order = _in_order(terms, named_terms(model, terms, "terms"))
    reference = open_reference(fit)
    if terms is not None:
        path = path_along(reference, order, seed)
    else:
        path = Search(units, search, asked.most, seed).on(reference)
    efficiency = relative_efficiency(fit["posterior"].to_dataset())
    scores = score_path(reference, path, relative_efficiency=efficiency)
    validated = None
    if validate_search is None:
        tell_of_weights(scores, reference)
    else:
        again = Search(units, search, len(path.terms), seed)
        validated = validated_search(fit, reference, again, validate_search)
    told = scores if validated is None else validated.scores
    found = suggested(told, path.n_forced) if terms is None else named(scores)
    if terms is None and not found.within:
        tell(found.why)
    taken = found.size if terms is None else len(path.terms)
    group = _group(reference, path, scores, validated, taken).assign_attrs(
        suggested_size=found.size,
        taken_size=taken,
        why=found.why,
        n_forced=path.n_forced,
        search=search if terms is None else "",
    )
    attrs = {
        "method": "projection",
        "why": f"projected from draws of the model of {_counted(model.terms)} "
        f"({fit.attrs.get('method', '')}) onto {_counted(path.at(taken))}",
        "seed": seed,
    }
    return _tree(fit, reference, path.at(taken), asked.draws, group, attrs, began)


def _check_population(fit: xr.DataTree) -> None:
    """Raise ModelError where a population's dim has a name that the path needs for itself."""
    name = fit.attrs.get("population", "")
    if name in (SIZE, CANDIDATE, ROW):
        raise ModelError(
            f"the dim {name!r} of the data has a name that a projection needs for itself; rename "
            f"it, data.rename({{{name!r}: 'neuron'}}), and fit."
        )


class _Asked(NamedTuple):
    most: int | None
    draws: int | None


def _asked(search: Any, most: Any, draws: Any, folds: Any) -> _Asked:
    """Return what is asked of a search, checked."""
    if not is_among(search, SEARCHES):
        raise ModelError(
            f"unknown search {shown(search)}; project knows {', '.join(SEARCHES)}."
            f"{closest(search, SEARCHES)}"
        )
    if folds is not None:
        folds_asked(folds)
    return _Asked(
        None if most is None else whole_number("most", most, 1),
        None if draws is None else whole_number("draws", draws, 1),
    )


def _refuse_search(forced: Any, most: Any, folds: Any) -> None:
    """Raise ModelError where a search is spoken of beside the terms that are wanted."""
    for name, is_given in (
        ("forced", forced != ()),
        ("most", most is not None),
        ("validate_search", folds is not None),
    ):
        if is_given:
            raise ModelError(f"terms= name the model, and {name}= is of a search; leave one out.")


def _in_order(terms: str | Iterable[str], named: Sequence[str]) -> tuple[str, ...]:
    """Return named terms as they were given, each once."""
    return tuple(named) if isinstance(terms, str) else tuple(dict.fromkeys(map(str, terms)))


def _counted(terms: Sequence[Any]) -> str:
    """Write how many terms there are.

    >>> _counted(["x"]), _counted([])
    ('1 term', 'no terms')
    """
    n = len(terms)
    return "no terms" if n == 0 else f"{n} term{'s' if n > 1 else ''}"


def _group(
    reference: Reference, path: Path, scores: Scores, validated: Validated | None, taken: int
) -> xr.Dataset:
    """Return the group of the path, and the rows' scores of the model that was taken."""
    problems, told = reference.problems, scores if validated is None else validated.scores
    labels = [term.label for term in problems[0].plan.model.terms]
    candidates = (*path.terms, *(one for one in labels if one not in path.terms))
    of_sizes = {
        "term": np.array(["", *path.terms], dtype=str),
        "kl": path.kl,
        "elpd": told.elpd,
        "se": told.se,
        "elpd_diff": told.elpd_diff,
        "diff_se": told.diff_se,
    }
    of_rows = {ELPD: scores.elpd_i[taken], KHAT: scores.khat}
    shares = None if validated is None else validated.shares(candidates)
    return path_dataset(problems, of_sizes, of_rows, shares, candidates).assign_attrs(
        reference_elpd=told.reference_elpd,
        reference_se=told.reference_se,
        validated="" if validated is None else validated.told,
    )


def _tree(
    fit: xr.DataTree,
    reference: Reference,
    terms: Sequence[str],
    draws: int | None,
    group: xr.Dataset,
    attrs: dict[str, Any],
    began: float,
) -> xr.DataTree:
    """Return the fit of some terms, of draws of each chain that are projected onto them."""
    sizes = fit["posterior"].sizes
    chains, n = sizes["chain"], sizes["draw"]
    every = kept_of(fit, list(reference.problems))
    kept = np.arange(n) if draws is None else evenly(np.arange(n), draws)
    numbers = (np.arange(chains)[:, None] * n + kept).ravel()
    is_whole = np.isin(numbers, every[0].finished[0])
    some = replace(reference, thetas=tuple(one.theta for one in every)).some(numbers[is_whole])
    projected = project_onto(some, terms)
    problems = _problems(fit, reference, terms)
    thetas = []
    for problem, whole, theta in zip(problems, some.problems, projected.thetas, strict=True):
        own = np.full((len(numbers), problem.natural.size), np.nan)
        own[is_whole] = _of_part(problem, whole, theta)
        thetas.append(own.reshape(chains, len(kept), -1))
    kl = np.full(len(numbers), np.nan)
    kl[is_whole] = projected.kl
    attrs["wall_time_s"] = time.perf_counter() - began
    return projected_tree(problems, thetas, kl.reshape(chains, -1), group, attrs)


def _problems(fit: xr.DataTree, reference: Reference, terms: Sequence[str]) -> list[Problem]:
    """Return the problems of the model of some terms, priors as the reference has them."""
    model = model_of(fit)
    mean = tuple(term for term in model.terms if term.label in terms)
    plan: Plan = lay_plan(replace(model, terms=mean), stored_data(fit))
    return [make_problem(plan, k, design) for k, design in enumerate(plan.designs)]


def _of_part(problem: Problem, whole: Problem, theta: Array) -> Array:
    """Return thetas of the whole model as those of a part of its terms, by name."""
    own = np.empty((len(theta), problem.natural.size))
    for one in problem.natural.registry.free:
        place = whole.natural.registry.named(one.name).place
        if place.stop - place.start != one.place.stop - one.place.start:
            raise ModelError(
                f"term {one.name!r} is coded otherwise where terms beside it are left out; keep "
                "the terms of its parts, by forced= or in terms=."
            )
        own[:, one.place] = theta[:, place]
    return own
