"""Predictions on the data of a fit, or on new data, from the fit alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.design import Predictors
from bayesglm.design.labels import coords_over, same_labels
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.readings import OfGroups
from bayesglm.design.response_levels import as_labels
from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.asked import check_seed
from bayesglm.inference.problem.fields import over_same_waves
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import (
    kept_of,
    model_of,
    parameter_group,
    reopen,
    stored_data,
)
from bayesglm.numerics.memory import free_memory
from bayesglm.numerics.summaries import quantiles_of
from bayesglm.results.populations import effects_asked
from bayesglm.results.predicted_rows import TOGETHER, predicted_rows
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, is_among, shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
KINDS = ("mean", "response", "linear")
GROUPS = ("own", "average", "zero")
NEW_LEVELS = ("raise", "sample", "zero")


def predict(
    fit: xr.DataTree,
    data: Any = None,
    kind: str = "mean",
    seed: int = 0,
    quantiles: Iterable[float] | None = None,
    new_levels: str = "raise",
    groups: str = "own",
) -> xr.Dataset:
    """Predict the response for every posterior draw (or at the MAP), on the data's own samples.

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit of this package.
    data : Dataset, DataFrame or mapping, optional
        New data with the predictors, offset, exposure and trials (weights and, without a history
        term, the response are not needed); the data of the fit by default.
    kind : {"mean", "response", "linear"} or a dispersion's name
        ``"mean"`` is E[y], the binomial's expected count, of labels the probability of
        each level along ``<response>_level``, of counts of levels the expected count of each;
        ``"response"`` draws new responses; ``"linear"`` is eta of the mean; ``"sigma"`` is
        gaussian's sigma of each sample, and so for other dispersions, with or without a linear
        predictor of their own. With a history term the predictions are one step ahead, given the
        recorded past.
    seed : int
        Seed of ``"response"``.
    quantiles : sequence of float, optional
        Quantiles of the posterior predictions in place of all draws, along a dim ``quantile``: a
        few numbers for each sample, where the draws of many samples do not fit the memory.
    new_levels : {"raise", "sample", "zero"}
        A level of a `Group` that the fit has not seen: ``"raise"`` a DataError; ``"sample"`` gives
        it effects drawn anew from what the levels share, given the scales and correlation of each
        draw: one draw of effects for all rows of the level (brms: ``allow_new_levels=TRUE,
        sample_new_levels="gaussian"``); ``"zero"`` gives it none.
    groups : {"own", "average", "zero"}
        ``"own"`` are the effects of each row's level. ``"average"`` integrates them out: the mean
        over all levels that there might be; the factors need not be in the data.
        ``"zero"`` leaves effects out, and the data need neither factors nor slopes (brms:
        ``re_formula=NA``; lme4: ``re.form=NA``): a level in the middle, whose mean on a curved link
        is not the average of levels.

    Returns
    -------
    xarray.Dataset
        One variable under the response's name: ``([chain, draw,] sample[, neuron])``, with
        ``quantiles`` ``(quantile, sample[, neuron])``; NaN where a full past is missing, and where
        a linear predictor leaves the domain of its link. The samples keep their labels: the index
        of a frame, or the coordinates of the samples.

    Raises
    ------
    DataError
        New data that lack a variable, whose labels differ from those of the fit, or with a level
        of a factor that the fit has not seen; predictions beyond the largest float, or more of
        them than the memory holds; quantiles outside [0, 1], or of a MAP.
    ModelError
        An unknown ``kind``, ``new_levels`` or ``groups``; a new level, or an average, of a group
        whose prior does not hold all levels alike; an average of effects that are not normal.

    Warns
    -----
    BayesGLMWarning
        Linear predictors outside the domain of the link, such as a probability above 1 under the
        identity link: there the response has no mean.

    Notes
    -----
    Effects of a level are b ~ Normal(loc, S) given a draw, with S = diag(scale) R diag(scale); a
    row with the multipliers z (ones and slopes) has eta = eta_0 + z'b. The average is, draw by
    draw,

        E[y] = integral of mean(eta_0 + z'loc + sqrt(z'Sz) u) Normal(u) du

    over all groups together, by a trapezoidal rule that is right to 1e-8 (Trefethen & Weideman
    2014, SIAM Review 56:385); where several linear predictors have effects, by Gauss and Hermite's
    rule of 20 x 20 or 10 x 10 x 10 places, and of more by 1,024 points of Sobol's sequence. Under
    the log link it is exp(eta_0 + z'loc + z'Sz/2). ``kind="linear"`` gives eta_0 + z'loc, and
    ``kind="response"`` draws each row from a level of its own.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> found = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.predict(found, {"x": [0.0, 1.0]})["y"].round(2).values
    array([1.34, 3.1 ])
    >>> pupils = {"y": [2, 0, 3, 1, 4, 1], "school": ["a", "a", "b", "b", "c", "c"]}
    >>> model = bg.GLM("y", bg.Group("school", prior=bg.Normal(0.8)), family="poisson")
    >>> found = bg.fit_map(model, pupils)
    >>> middle, average = (
    ...     float(bg.predict(found, {"pupil": [0]}, groups=groups)["y"][0])
    ...     for groups in ("zero", "average")
    ... )
    >>> round(average / middle, 4) == round(float(np.exp(0.8**2 / 2)), 4)
    True
    """
    kinds = (*KINDS, *FAMILY_NAMES[model_of(fit).family].dispersions)
    if not is_among(kind, kinds):
        raise ModelError(
            f"unknown kind {shown(kind)}; predict knows {', '.join(kinds)}.{closest(kind, kinds)}"
        )
    seed, of_groups = check_seed(seed), asked_of_groups(groups, new_levels)
    problems = reopen(fit)
    plan = problems[0].plan
    given = stored_data(fit) if data is None else data
    dataset, dim, every = plan_prediction(
        plan.model, given, plan.population, len(problems), of_groups, plan.own_labels
    )
    every = as_fitted(problems, dataset, every, kind)
    group = parameter_group(fit)
    wanted = _wanted(quantiles, group)
    coords: dict[str, Any] = {d: group[d] for d in ("chain", "draw") if d in group.dims}
    if wanted is not None:
        coords = {"quantile": wanted}
    levels = levels_of(problems[0], kind)
    shape = (len(problems), dataset.sizes[dim], *map(len, levels.values()))
    values = _room(tuple(map(len, coords.values())), shape, wanted)
    flat = values.reshape(-1, *shape)
    streams = np.random.default_rng(seed).spawn(len(problems))
    for k, kept in enumerate(kept_of(fit, problems)):
        (draws, kept), outside = kept.finished, np.zeros(len(every[k].rows), dtype=np.intp)
        if not len(draws):
            continue
        places = draws if wanted is None else np.arange(len(wanted))
        one, theta = kept.first()
        effects = effects_asked(one, every[k], theta, of_groups, (seed, k))
        for own, predictors, thetas, rows in kept.on(every[k]):
            made = predicted_rows(own, predictors, thetas, kind, streams[k], effects)
            for part, block in made:
                lost = np.isnan(block).reshape(*block.shape[:2], -1).any(axis=2)
                outside[rows[part]] = lost.sum(axis=0)
                told = block if wanted is None else quantiles_of(block, wanted)
                flat[:, k][np.ix_(places, predictors.rows[part])] = told
        _tell_outside(problems[k], every[k].rows, outside, len(draws))
    if kind == "response" and wanted is None:
        values = as_labels(plan.model, values)
    return on_samples(values, problems, dataset, dim, coords, levels)


def asked_of_groups(groups: Any, new_levels: Any) -> OfGroups:
    """Return what is asked of the effects of groups; ModelError where it is none of the words."""
    for name, value, known in (
        ("groups", groups, GROUPS),
        ("new_levels", new_levels, NEW_LEVELS),
    ):
        if not is_among(value, known):
            raise ModelError(
                f"unknown {name}={shown(value)}; known are {', '.join(known)}."
                f"{closest(value, known)}"
            )
    return OfGroups(groups, new_levels)


def _wanted(quantiles: Iterable[float] | None, group: xr.Dataset) -> Array | None:
    """Return the quantiles as an array; raises DataError unless they are probabilities."""
    if quantiles is None:
        return None
    try:
        given = np.array(list(quantiles))
    except (TypeError, ValueError):
        given = np.array([])
    if given.ndim != 1 or not given.size or given.dtype.kind not in "iuf":
        raise DataError(
            f"quantiles must be a sequence of numbers between 0 and 1, got {shown(quantiles)}."
        )
    values = given.astype(float)
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise DataError(f"quantiles must lie between 0 and 1, got {values.tolist()}.")
    if "draw" not in group.dims:
        raise DataError(
            "a MAP predicts one number for each sample, which has no quantiles; give a posterior "
            "(of fit or fit_mcmc), or leave quantiles out."
        )
    return values


def levels_of(problem: Problem, kind: str) -> dict[str, Array]:
    """Return the dim and labels along which a prediction has a number for each level, if any."""
    plan, channels = problem.plan, problem.design.predictors.levels
    if kind == "linear" and channels is not None:
        return {channels.dim: channels.labels}
    counted = kind == "response" and problem.natural.family.words.counts_levels
    if counted or (kind == "mean" and problem.natural.family.n_levels):
        return {f"{plan.model.response}_level": np.array(plan.model.levels)}
    return {}


def _room(lead: tuple[int, ...], own: tuple[int, ...], quantiles: Array | None) -> Array:
    """Return the array of the predictions, not yet made; raises DataError if it is too large.

    ``own`` are the numbers of neurons, of samples, and of levels where each has its own.
    """
    shape = (*lead, *own)
    size = float(np.prod(shape, dtype=float))
    if 8.0 * (size + 4 * TOGETHER) <= free_memory():
        try:
            return np.full(shape, np.nan)
        except MemoryError:
            pass
    remedy = (
        "Predict for a part of the samples at a time."
        if quantiles is not None or not lead
        else "Ask for quantiles=(0.03, 0.5, 0.97), which are made in blocks, predict for a part of "
        "the samples at a time, or fit with fewer draws."
    )
    numbers = " x ".join(f"{n:,}" for n in (*lead, *own[own[0] == 1 :]))
    raise DataError(
        f"the predictions are {numbers} numbers, {8e-9 * size:.3g} GB, more than the memory that "
        f"is free. {remedy}"
    )


def on_samples(
    values: Array,
    problems: list[Problem],
    dataset: xr.Dataset,
    dim: str,
    coords: dict[str, Any],
    levels: dict[str, Array],
) -> xr.Dataset:
    """Return values ``(*coords, neuron, sample, *levels)`` under the response's name, labelled."""
    import xarray as xr

    plan, lead = problems[0].plan, tuple(coords)
    coords |= coords_over(dataset, dim) | levels
    if plan.population is None:
        values, dims = values.squeeze(axis=len(lead)), (*lead, dim, *levels)
    else:
        values = values.swapaxes(len(lead), len(lead) + 1)
        dims = (*lead, dim, plan.population, *levels)
        coords[plan.population] = plan.labels
    return xr.Dataset({plan.model.response: (dims, values)}, coords=coords)


def _tell_outside(problem: Problem, rows: Array, counts: Array, n_draws: int) -> None:
    """Warn of linear predictors outside the domain of their link, by their number in each row."""
    if not counts.any():
        return
    plan, family = problem.plan, problem.natural.family
    tell(
        f"{int(counts.sum())} of {n_draws * len(rows)} linear predictors of "
        f"{plan.model.response!r}{problem.where} (samples times draws) do not lie "
        f"{family.domain.words}, where the {plan.model.link_name} link of a {family.name} response "
        f"is defined, the first at {plan.sample_dim}={int(rows[np.argmax(counts > 0)])}: "
        "predictions there are NaN. Predict nearer to the data of the fit, or take kind='linear'."
    )


def as_fitted(
    problems: list[Problem], dataset: xr.Dataset, every: tuple[Predictors, ...], kind: str
) -> tuple[Predictors, ...]:
    """Return the predictors of new data as the fit has them; DataError if they are others."""
    _check_same_neurons(problems, dataset)
    _check_same_coefficients(problems, every)
    every = over_same_waves([problem.design.predictors for problem in problems], every)
    _check_trials(problems[0], every[0], kind)
    return every


def _check_trials(problem: Problem, predictors: Predictors, kind: str) -> None:
    """Raise DataError where counts are to be expected of no one knows how many trials."""
    model = problem.plan.model
    counted = FAMILY_NAMES[model.family].counts_levels and kind in ("mean", "response")
    if counted and predictors.trials is None:
        raise DataError(
            f"the new data lack the counts {model.response!r}, whose sums are the numbers of "
            "trials, and without these no count is expected; give counts that add up to them (of "
            f"one trial each for shares), name their number in the model, trials='n', or take "
            "kind='linear'."
        )


def _check_same_neurons(problems: list[Problem], dataset: xr.Dataset) -> None:
    plan = problems[0].plan
    if plan.labels is None or plan.population not in dataset.coords:
        return
    if not same_labels(dataset[plan.population].values, plan.labels):
        raise DataError(
            f"the labels of dim {plan.population!r} of the new data differ from those of the fit; "
            "bring the new data into the same order."
        )


def _check_same_coefficients(problems: list[Problem], every: tuple[Predictors, ...]) -> None:
    for problem, predictors in zip(problems, every, strict=True):
        for old, new in zip(problem.design.predictors.named, predictors.named, strict=True):
            if old.shape != new.shape:
                raise DataError(
                    f"predictor {old.name!r} of the new data has coefficients of shape "
                    f"{new.shape}, but the fit's have {old.shape} over {old.dims}; give new data "
                    "of the same features and sampling rate."
                )
            if old.dims != new.dims:
                raise DataError(
                    f"predictor {old.name!r} of the new data has coefficients over {new.dims}, "
                    f"but the fit's lie over {old.dims}; name the dims of the new data as those of "
                    "the fit were named."
                )
            for dim in old.dims:
                if not same_labels(old.coords[dim], new.coords[dim]):
                    raise DataError(
                        f"the labels of dim {dim!r} of predictor {old.name!r} differ from those "
                        "of the fit; bring the new data into the same order."
                    )
            if old.step and new.step and abs(old.step - new.step) > 1e-6 * old.step:
                raise DataError(
                    f"the new data are sampled every {new.step:.6g} s and the fit's every "
                    f"{old.step:.6g} s, so lags of {old.name!r} mean another time; resample."
                )
