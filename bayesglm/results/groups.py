"""Groups that ArviZ asks for, added to a fit: what it predicts, its priors, and their densities."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    in_their_kind,
    in_whole_numbers,
    labels_of,
    responses_of,
    sample_coords,
)
from bayesglm.inference.tree.groups import log_likelihood
from bayesglm.inference.tree.kept import Kept, evenly
from bayesglm.inference.tree.named import named_dataset, parameters
from bayesglm.inference.tree.opened import group_redrawn, kept_of, parameter_group
from bayesglm.numerics.memory import free_memory
from bayesglm.results.predict import predict
from bayesglm.results.prior_predictive import draw_before, draw_thetas_before
from bayesglm.results.scores.log_likelihood import drawn_problems, refuse_projected
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
NUMBER = 8  # bytes of a float
LEAD = ("chain", "draw")
STACKED = "sample"  # the dim on which ArviZ lays all draws


def add_groups(
    fit: xr.DataTree, *names: str, draws: int | None = None, seed: int = 0
) -> xr.DataTree:
    """Return the fit with groups that ArviZ's functions ask for, in its schema.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    *names : str
        - ``"posterior_predictive"``: a new response for every draw and sample, as
          ``predict(fit, kind="response")`` draws it, with a history term one step ahead; what
          ``plot_ppc_dist``, ``loo_pit`` and their like read.
        - ``"log_likelihood"``: of every draw and sample, frequency weights included, effects of
          levels of a single row each integrated out. Fits store it up to 2e7 values.
        - ``"log_prior"``: the log density of each parameter's prior at every draw, given the
          parameters above it, of its natural values (sigma, not log sigma), without Jacobian, as
          ``psense`` asks for it; effects that the fit keeps as marginals are left out. Where a
          scale is learned, tell ``psense`` which priors to scale (see the notes).
        - ``"prior"``, ``"prior_predictive"``: parameters and responses drawn before the data speak,
          as `prior_predictive` draws them; the two belong together.
    draws : int, optional
        How many draws of each chain the new groups have, evenly spaced among those of the
        posterior, whose labels they keep; all by default. Where ArviZ reads several groups
        together, they must have the same draws: ``more.sel(draw=more["log_prior"]["draw"])`` has
        every group on those of one.
    seed : int
        Of responses, and of draws from priors.

    Returns
    -------
    xarray.DataTree
        The same groups and the new ones, which take the place of any that are there already:
        variables under the response's name, ``(chain, draw, sample[, neuron])``, on the samples of
        ``observed_data``; ``prior`` like the posterior; ``log_prior`` ``(chain, draw[, neuron])``
        under each parameter's name. A flat intercept before the data is replaced as in
        `prior_predictive`, and the attribute ``intercept`` of the groups says so.

    Raises
    ------
    ModelError
        An unknown group, or none; an improper prior, of which ``prior`` cannot draw.
    DataError
        A fit without a posterior; a group that is more than the memory holds: how large it is is
        told before anything is made.

    Warns
    -----
    BayesGLMWarning
        As `predict` and `prior_predictive` do; samples along a dim ``sample``.

    Notes
    -----
    ArviZ's functions of responses take numbers, and most of them one response. Labels are drawn as
    labels: code the two of a bernoulli response by 0 and 1 before it is fitted. Of a population
    choose a unit, ``fit.sel(neuron=3, drop=True)``. An effect's correlation with itself is one in
    every draw, of which ArviZ warns: leave it out, ``var_names=["~g_correlation"]``.

    ``psense_summary`` and its like scale all priors that they find, those too that are given a
    learned scale and are a part of the model rather than what is believed of it: they then find
    conflicts where `sensitivity` finds none. ``prior_var_names=`` the attribute ``scaled`` of its
    table makes them agree (Kallioinen et al. 2024).

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> more = bg.add_groups(fitted, "posterior_predictive", "log_prior", draws=250)
    >>> dict(more["posterior_predictive"]["y"].sizes), list(more["log_prior"])
    ({'chain': 4, 'draw': 250, 'obs': 6}, ['intercept', 'x'])

    The sensitivity to priors of a model that learns a scale:

    >>> from arviz_stats import psense
    >>> prior = bg.Normal(bg.HalfNormal(1.0))
    >>> learned = bg.fit(bg.GLM("y", "x", family="poisson", prior=prior), data)
    >>> table = bg.sensitivity(learned)
    >>> more = bg.add_groups(learned, "log_prior")
    >>> own = psense(more, var_names=["x"], group_var_names=table.attrs["scaled"])
    >>> bool(abs(own["x"] - table.loc["x", "prior"]) < 1e-9)
    True
    >>> bool(abs(psense(more, var_names=["x"])["x"] - table.loc["x", "prior"]) < 0.05)
    False
    """
    import xarray as xr

    if not names:
        raise ModelError(f"name the groups that are wanted: {', '.join(GROUPS)}.")
    for name in names:
        if not is_among(name, tuple(GROUPS)):
            raise ModelError(
                f"unknown group {shown(name)}; add_groups knows {', '.join(GROUPS)}."
                f"{closest(name, tuple(GROUPS))}"
            )
    seed = check_seed(seed)
    some = None if draws is None else whole_number("draws", draws, 1)
    wanted = dict.fromkeys(names)
    source = _source(fit, some, seed)
    if any(GROUPS[name].is_of_model for name in wanted):
        refuse_projected(fit)
    if source.problems[0].plan.sample_dim == STACKED:
        tell(
            f"ArviZ lays draws along a dim {STACKED!r} of its own, and its plots fail where "
            f"samples have it; rename that of the data, data.rename({STACKED}='obs'), and fit."
        )
    for name in wanted:
        _check_room(source, name)
    return fit.assign({name: xr.DataTree(GROUPS[name].make(source)) for name in wanted})


def add_log_likelihood(fit: xr.DataTree) -> xr.DataTree:
    """Return the fit with the group ``log_likelihood``, however large it is.

    Fits store it up to 2e7 values; `loo` needs it at no size, ArviZ's own functions do.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.

    Returns
    -------
    xarray.DataTree
        The same groups and ``log_likelihood``, ``(chain, draw, sample[, neuron])``, frequency
        weights included, effects of levels of a single row each integrated out.

    Raises
    ------
    DataError
        A fit without a posterior, or more values than the memory holds.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.add_log_likelihood(fitted)["log_likelihood"]["y"].sizes["obs"]
    6
    """
    return add_groups(fit, "log_likelihood")


@dataclass(frozen=True)
class Source:
    """What groups are made of: a fit, its problems, and which of its draws they have.

    ``labels`` are those of chains and draws.
    """

    fit: xr.DataTree
    problems: list[Problem]
    labels: dict[str, Array]
    seed: int

    @property
    def lead(self) -> tuple[int, int]:
        """Numbers of chains and of draws."""
        chains, draws = (len(self.labels[dim]) for dim in LEAD)
        return chains, draws

    @property
    def n_draws(self) -> int:
        """Number of draws of all chains."""
        return int(np.prod(self.lead))

    @cached_property
    def kept(self) -> list[Kept]:
        """The draws of each neuron."""
        return kept_of(self.fit, self.problems)

    def of_samples(self, values: Array, **attrs: str) -> xr.Dataset:
        """Return the group of responses ``(chain, draw, sample[, neuron or level])``."""
        dims, _, levels = responses_of(self.problems)
        coords = self.labels | sample_coords(self.problems) | levels
        response = self.problems[0].plan.model.response
        return named_dataset({response: ((*LEAD, *dims), values)}, coords).assign_attrs(attrs)

    def labelled(self, own: xr.Dataset) -> xr.Dataset:
        """Return a group with the labels of the draws."""
        return own.assign_coords(self.labels)


class Made(NamedTuple):
    """How a group is made, and how many numbers it holds of each draw.

    ``is_of_model`` says whether it tells of priors, or weighs draws, of the fit's own model.
    """

    make: Callable[[Source], xr.Dataset]
    numbers: Callable[[Sequence[Problem]], int]
    is_of_model: bool = True


def _source(fit: xr.DataTree, draws: int | None, seed: int) -> Source:
    """Open a fit, with some draws of each chain."""
    import xarray as xr

    problems = drawn_problems(fit)
    group = parameter_group(fit)
    n = group.sizes["draw"]
    if draws is not None and draws < n:
        group = group.isel(draw=evenly(np.arange(n), draws))
        fit = fit.assign({"posterior": xr.DataTree(group)})
    return Source(fit, problems, {dim: group[dim].values for dim in LEAD}, seed)


def _check_room(source: Source, name: str) -> None:
    """Raise DataError where the memory does not hold a group."""
    n, (chains, draws) = GROUPS[name].numbers(source.problems), source.lead
    needed, free = 2.0 * NUMBER * n * source.n_draws, free_memory()
    if needed <= free:
        return
    fitting = int(free / (2.0 * NUMBER * n * chains))
    remedy = (
        f"ask for some of the draws, add_groups(fit, {name!r}, draws={fitting})"
        if fitting
        else "fit a part of the samples"
    )
    raise DataError(
        f"the group {name!r} would hold {chains} x {draws:,} draws of {n:,} numbers, and needs "
        f"{1e-9 * needed:.3g} GB of memory while it is made, more than is free; {remedy}."
    )


def _posterior_predictive(source: Source) -> xr.Dataset:
    response, dim = source.problems[0].plan.model.response, source.problems[0].plan.sample_dim
    dims, _, _ = responses_of(source.problems)
    own = predict(source.fit, kind="response", seed=source.seed)[response].variable
    own = own.isel({dim: source.problems[0].design.predictors.rows})
    values = own.transpose(*LEAD, *dims).values
    return source.of_samples(in_whole_numbers(source.problems[0].plan.model, values))


def _log_likelihood(source: Source) -> xr.Dataset:
    return source.labelled(log_likelihood(source.problems, source.kept, source.lead))


def _log_prior(source: Source) -> xr.Dataset:
    own = log_priors(source.kept, source.lead, group_redrawn(source.fit))
    return source.labelled(own)


def _prior(source: Source) -> xr.Dataset:
    every, instead = draw_thetas_before(source.problems, source.n_draws, source.seed)
    thetas = [one.theta.reshape(*source.lead, -1) for one in every]
    own = source.labelled(parameters(source.problems, thetas, LEAD))
    return own if instead is None else own.assign_attrs(intercept=str(instead))


def _prior_predictive(source: Source) -> xr.Dataset:
    before = draw_before(source.problems, source.n_draws, source.seed)
    values = before.of_samples(source.problems)
    told = in_their_kind(source.problems[0].plan.model, values)
    told = told.reshape(*source.lead, *values.shape[1:])
    return source.of_samples(told, **({"intercept": before.instead} if before.instead else {}))


def log_priors(kept: Sequence[Kept], lead: tuple[int, int], redrawn: str | None) -> xr.Dataset:
    """Return the log prior density of each parameter ``(chain, draw[, neuron])``.

    But of effects that are redrawn. What neurons share has one.
    """
    problems, every = [one.problem for one in kept], list[dict[str, Array]]()
    for one in kept:
        problem, theta = one.first()
        every.append(problem.natural.log_priors_by_name(theta))
    population, variables = problems[0].plan.population, dict[str, Any]()
    for own in problems[0].natural.registry.free:
        if own.name == redrawn or own.name not in every[0]:
            continue
        if population is None or own.common:
            variables[own.name] = (LEAD, every[0][own.name].reshape(lead))
            continue
        values = np.stack([of[own.name].reshape(lead) for of in every], axis=-1)
        variables[own.name] = ((*LEAD, population), values)
    coords: dict[str, Any] = {} if population is None else {population: labels_of(problems)}
    coords |= {dim: np.arange(size) for dim, size in zip(LEAD, lead, strict=True)}
    return named_dataset(variables, coords)


def _of_responses(problems: Sequence[Problem]) -> int:
    dims, values, _ = responses_of(list(problems))
    return int(values.size) if dims else 0


def _of_rows(problems: Sequence[Problem]) -> int:
    return problems[0].design.n_rows * len(problems)


def _of_parameters(problems: Sequence[Problem]) -> int:
    return sum(one.natural.size for one in problems)


GROUPS = {
    "posterior_predictive": Made(_posterior_predictive, _of_responses, False),
    "log_likelihood": Made(_log_likelihood, _of_rows),
    "log_prior": Made(_log_prior, _of_parameters),
    "prior": Made(_prior, _of_parameters),
    "prior_predictive": Made(_prior_predictive, _of_responses),
}
