"""Whether conclusions hang on a prior, or on data that a prior contradicts: power scaling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import group_redrawn, kept_of, model_of, parameter_group
from bayesglm.inference.tree.words import Entries, entries_of
from bayesglm.results.power_scaling import FEWEST, THRESHOLD, log_prior_of_top, power_scaling
from bayesglm.results.scores.log_likelihood import posterior_problems

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = np.ndarray
FINE, CONFLICT, STRONG, CONSTANT = (
    "fine",
    "prior-data conflict",
    "strong prior, weak data",
    "the same in all draws",
)
MOST_NAMED = 5  # coefficients that a sentence names: chosen


def sensitivity(fit: xr.DataTree, threshold: float = THRESHOLD) -> pd.DataFrame:
    """Say of each parameter whether its posterior moves with the prior, and with the data.

    The prior, or the likelihood, is raised to a power near one, which makes it a little weaker or
    stronger, and the draws are weighted accordingly: nothing is fitted again.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    threshold : float
        Above it a posterior is said to move; 0.05 is as if a mean moved by 0.3 sds where the power
        is doubled.

    Returns
    -------
    pandas.DataFrame
        A row for each parameter, as `summary` names them: ``prior`` and ``likelihood``, how far it
        moves with either, and ``diagnosis``: ``"fine"``; ``"prior-data conflict"``, it moves with
        both; ``"strong prior, weak data"``, it moves with the prior alone. Its attribute
        ``sentences`` says so in words, which stand below the table, and ``scaled`` lists the priors
        that were scaled. They are those of all parameters with nothing learned above them: fixed
        priors of coefficients, and those of scales, correlations and dispersions. Levels given
        their scale are a part of the model.

    Raises
    ------
    DataError
        A fit without a posterior or with fewer than 50 draws, a threshold outside (0, 1).

    Notes
    -----
    The numbers are those of ``arviz_stats.psense_summary`` of ``add_groups(fit, "log_prior",
    "log_likelihood")`` with ``prior_var_names=`` as ``scaled`` says, but no log likelihoods are
    held: they are summed in blocks of samples. Neurons of a population are scaled each by itself,
    unless they share parameters. A strong prior that is meant is no fault; a conflict is worth a
    look at both. Effects that the fit keeps as marginals are left out.

    References
    ----------
    Kallioinen, Paananen, Buerkner & Vehtari (2024), Detecting and diagnosing prior and likelihood
    sensitivity with power-scaling, Statistics and Computing 34:57.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [9.1, 8.7, 9.9, 9.3, 8.9, 9.2], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> model = bg.GLM("y", "x", intercept=bg.Normal(1.0), prior=bg.Normal(1.0))
    >>> table = bg.sensitivity(bg.fit(model, data))
    >>> table.loc["intercept", "diagnosis"]
    'prior-data conflict'
    """
    from bayesglm.inference.tree.shown import SENTENCES, Sentenced

    threshold = check_between_0_and_1("threshold", threshold, f"{THRESHOLD:g} is usual")
    problems = posterior_problems(fit)
    kept, group = kept_of(fit, problems), parameter_group(fit)
    fewest = min(len(one.finished[0]) for one in kept)
    if fewest < FEWEST:
        raise DataError(f"{fewest} draws are too few to be weighted; fit with {FEWEST} at least.")
    priors, likelihoods = _scaled(kept)
    words, rows = list[str](), list[Array]()
    for entries in entries_of(model_of(fit), group):
        words += entries.words
        rows.append(_moved(group[entries.name], entries, kept, priors, likelihoods))
    moved = np.concatenate(rows) if rows else np.zeros((0, 2))
    told = [_diagnosis(prior, likelihood, threshold) for prior, likelihood in moved]
    columns = {"prior": moved[:, 0], "likelihood": moved[:, 1], "diagnosis": told}
    table = Sentenced(columns, index=words)
    table.index.name = "coefficient"
    redrawn = group_redrawn(fit)
    top = [name for name in problems[0].natural.top if name != redrawn]
    below = problems[0].natural.below
    table.attrs = {"scaled": top, SENTENCES: _sentences(table, top, below, threshold)}
    return table


def _scaled(kept: Sequence[Kept]) -> tuple[list[Array], list[Array]]:
    """Return log priors of the top, and log likelihoods ``(draws,)``, of each neuron.

    Of draws that are finished; of all neurons together where they share parameters.
    """
    priors, likelihoods = list[Array](), list[Array]()
    shared = {own.name for own in kept[0].problem.natural.registry.free if own.common}
    for one in kept:
        done = one.finished[1]
        priors.append(log_prior_of_top(done, shared if priors else ()))
        likelihoods.append(done.log_likelihood_of_all())
    if kept[0].problem.pooled:
        n = len(kept)
        return [np.sum(priors, axis=0)] * n, [np.sum(likelihoods, axis=0)] * n
    return priors, likelihoods


def _moved(
    variable: xr.DataArray,
    entries: Entries,
    kept: Sequence[Kept],
    priors: Sequence[Array],
    likelihoods: Sequence[Array],
) -> Array:
    """Return how far entries of a variable move with priors and likelihoods ``(entries, 2)``."""
    ordered = variable.transpose("chain", "draw", ...)
    values = ordered.values.reshape(ordered.sizes["chain"] * ordered.sizes["draw"], -1)
    population = kept[0].problem.plan.population
    neurons = np.zeros(len(entries.places), dtype=np.intp)
    if population in ordered.dims:
        axis = ordered.dims.index(population) - 2
        neurons = np.unravel_index(entries.places, entries.shape)[axis]
    moved = np.full((len(entries.places), 2), np.nan)
    for k in np.unique(neurons):
        own = np.flatnonzero(neurons == k)
        some = values[np.ix_(kept[k].finished[0], entries.places[own])]
        moved[own, 0] = power_scaling(priors[k], some)
        moved[own, 1] = power_scaling(likelihoods[k], some)
    return moved


def _diagnosis(prior: float, likelihood: float, threshold: float) -> str:
    """Say what the two sensitivities of a parameter tell (Kallioinen et al. 2024, table 1).

    >>> _diagnosis(0.01, 0.2, 0.05), _diagnosis(0.1, 0.2, 0.05), _diagnosis(0.1, 0.01, 0.05)
    ('fine', 'prior-data conflict', 'strong prior, weak data')
    """
    if np.isnan(prior) or np.isnan(likelihood):
        return CONSTANT
    if prior < threshold:
        return FINE
    return CONFLICT if likelihood >= threshold else STRONG


def _sentences(
    table: pd.DataFrame, top: Sequence[str], below: Sequence[str], threshold: float
) -> list[str]:
    """Say what a table tells, and which priors were scaled."""
    told = []
    for diagnosis, words in (
        (
            CONFLICT,
            "moves with the prior and with the data: the two pull apart, or the prior is as strong "
            "as the data. Look at the scale of the prior, and at the data",
        ),
        (
            STRONG,
            "moves with the prior, and hardly with the data, which tell little: what is concluded "
            "is the prior's. Say so, or take a wider one",
        ),
    ):
        names = list(table.index[table["diagnosis"] == diagnosis])
        if names:
            told.append(f"The posterior of {_listed(names)} {words}.")
    if not told:
        told.append(f"No parameter moves with the prior by {threshold:g} or more.")
    scaled = f"Priors that were scaled: {_listed(list(top)) or 'none, all are flat'}"
    beside = (
        f"; not those of {_listed(list(below))}, which have a scale above them" if below else ""
    )
    return [*told, f"{scaled}{beside}."]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(names[:MOST_NAMED])}{more}"
