"""Choices told from what neurons do: how often rightly, how surely, and with what error."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.problem.asked import (
    check_counts,
    check_room,
    check_seed,
    whole_number,
)
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import sample_coords
from bayesglm.results.scores.estimates import by_posteriors_of_others, few_of
from bayesglm.results.scores.folds import deal_folds, sets_by
from bayesglm.results.scores.judged import judge
from bayesglm.results.scores.pools import averaged
from bayesglm.results.scores.sampling import as_fit
from bayesglm.results.scores.scoring import SCORINGS
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
SCORES = ("accuracy", "brier")  # scorings of which the means are told


@verb_of_models
def decode_choices(
    model: GLM,
    data: Any,
    by: str | None = None,
    folds: int = 10,
    bins: int = 5,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
) -> xr.Dataset:
    """Tell labels that were left out, and how well: accuracy, log score, calibration, with errors.

    For each fold the model is fitted (as `fit` does) to the rows outside it; each row of the fold
    gets the probability of every label, averaged over the posterior.

    Parameters
    ----------
    model : GLM
        With a response of labels, a choice say: bernoulli, categorical or ordinal.
    data, draws, chains, seed
        As in `fit`.
    by, folds
        As in `kfold`: what is left out together.
    bins : int
        Bins of equally many rows, by the probability of a label, in which its share is compared.

    Returns
    -------
    xarray.Dataset
        For each sample in use ``probability (sample, level)``, ``observed`` (the label), ``told``
        (the likeliest), and ``log_score``, the log probability of what was observed, in nats. In
        all, with standard errors ``*_se``: ``accuracy``; ``mean_log_score``; ``brier``, the squared
        error of probabilities, of two labels that of yes; and ``chance``, the accuracy of always
        telling what is most frequent in the data. Along ``(level, bin)``: ``expected``, the mean
        probability of a label, ``share``, how often it was observed, ``share_se``, and ``n``.

    Raises
    ------
    ModelError
        A response that has no labels, or several of them (a population).
    DataError
        As in `kfold`.

    Notes
    -----
    log_score[i] = log mean_draws p(y_i | draw of the other folds), the ``elpd_i`` of `kfold`.
    Errors are those of means over rows, or over the labels of ``by``, whose rows count together:
    sqrt(sum_g (sum_{i in g} (s_i - mean))^2) / n. That folds share the rows from which they learn
    is left aside (Bengio & Grandvalet 2004, JMLR 5:1089). That of a share is the larger of what
    its residuals y - probability show and what the probabilities imply. ``brier`` is that of Brier
    (1950), Mon Weather Rev 78:1.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_choices(200, 5)
    >>> model = bg.GLM("choice", bg.Linear("spikes", prior=bg.ridge(1.0)), family="bernoulli")
    >>> found = bg.decode_choices(model, ds, folds=4, draws=250)
    >>> float(found["accuracy"] - 2 * found["accuracy_se"]) > float(found["chance"])
    True
    """
    draws, chains = check_counts(draws, chains)
    bins, seed = whole_number("bins", bins, 1), check_seed(seed)
    problems = open_posteriors(model, data)
    problem = _of_labels(problems)
    check_room(problems, draws, chains)
    fold_of = deal_folds(problem, data, by, folds, seed)
    sets = sets_by(problem, data, by)
    sampling = as_fit(draws, chains, seed, few_of(problems, fold_of, draws * chains))
    every = list(by_posteriors_of_others(problems, fold_of, sampling, None))
    probability = np.empty((len(fold_of), problem.natural.family.n_levels or 2))
    for part in every:
        probability[part.held] = part.predicted.chances.T
    records = [SCORINGS[name] for name in SCORES]
    (judged,) = judge(every, records, problems, fold_of)
    scores = {name: one.values[:, 0] for name, one in zip(SCORES, judged, strict=True)}
    together = np.arange(len(fold_of)) if sets is None else sets.codes
    return _named(problem, probability, scores, together, bins)


def _of_labels(problems: list[Problem]) -> Problem:
    """Return the one problem; ModelError where its responses have no labels."""
    problem = problems[0]
    labels, name = problem.natural.family.words.labels, problem.plan.model.response
    if labels is None or labels.counted:
        raise ModelError(
            f"decode_choices tells labels, and {problem.natural.family.name} responses {name!r} "
            "are none; take family='bernoulli' (of two) or 'categorical', or kfold for its score."
        )
    if len(problems) > 1:
        raise ModelError(
            f"response {name!r} has {len(problems)} members along {problem.plan.population!r}; "
            "tell the choices of one at a time: the neurons belong into a predictor."
        )
    return problem


def _named(
    problem: Problem,
    probability: Array,
    scores: dict[str, Array],
    together: Array,
    bins: int,
) -> xr.Dataset:
    """Name probabilities, the scores made of them, and their means with errors."""
    import xarray as xr

    plan, rows = problem.plan, problem.design.predictors.rows
    y = problem.design.y[rows].astype(int)
    weights = np.ones(len(y)) if problem.design.weights is None else problem.design.weights[rows]
    levels = np.array(plan.model.levels if plan.model.levels is not None else (0, 1))
    level = f"{plan.model.response}_level"
    number = np.arange(probability.shape[1])
    likeliest = probability.argmax(axis=1)
    most = np.bincount(y, weights, len(number)).argmax()
    with np.errstate(divide="ignore"):
        log_score = np.log(probability[np.arange(len(y)), y])
    scores = scores | {"mean_log_score": log_score, "chance": (y == most).astype(float)}
    dim = plan.sample_dim
    named: dict[str, Any] = {
        "probability": ((dim, level), probability),
        "observed": (dim, levels[y]),
        "told": (dim, levels[likeliest]),
        "log_score": (dim, log_score),
    }
    for name, values in scores.items():
        pooled = averaged(values, weights, together)
        named[name], named[f"{name}_se"] = pooled.value, pooled.error
    calibrated = [_calibrated(probability[:, k], y == k, weights, together, bins) for k in number]
    for name in calibrated[0]:
        named[name] = ((level, "bin"), np.stack([one[name] for one in calibrated]))
    coords = {**sample_coords([problem]), level: levels}
    return xr.Dataset(named, coords=coords)


def _calibrated(
    chance: Array, seen: Array, weights: Array, together: Array, bins: int
) -> dict[str, Array]:
    """Return mean probability, share observed and its error in bins of equally many rows."""
    told = {name: np.full(bins, np.nan) for name in ("expected", "share", "share_se")}
    told["n"] = np.zeros(bins)
    for k, part in enumerate(np.array_split(np.argsort(chance, kind="stable"), bins)):
        own = weights[part]
        if not own.sum():
            continue
        told["n"][k] = own.sum()
        told["expected"][k] = np.sum(own * chance[part]) / own.sum()
        told["share"][k] = np.sum(own * seen[part]) / own.sum()
        # Few rows may hold none of a rare label, and residuals then say less than probabilities do.
        sums = np.bincount(together[part], own * (seen[part] - chance[part]))
        implied = np.sum(own**2 * chance[part] * (1.0 - chance[part]))
        told["share_se"][k] = np.sqrt(max(np.sum(sums**2), implied)) / own.sum()
    return told
