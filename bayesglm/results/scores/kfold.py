"""Cross-validation over folds: a posterior of the other rows scores each fold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labelled, labels_of, pairing_attrs
from bayesglm.inference.tree.kept import Kept
from bayesglm.results.scores.constant_rate import Events, beside_constant_rate
from bayesglm.results.scores.crossing import CrossScores, Sampling, as_fit, cross_scores
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.folds import Sets, deal_folds, sets_by
from bayesglm.results.scores.held_out import every_log_density
from bayesglm.results.scores.pairing import TOGETHER
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM
from bayesglm.spec.names import OBSERVED

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray


@verb_of_models
def kfold(
    model: GLM,
    data: Any,
    by: str | None = None,
    folds: int = 10,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
) -> ELPDData:
    """Estimate the elpd by k-fold cross-validation with a posterior per fold.

    For each fold the model is fitted (as `fit` does) to the rows outside it, and the fold's rows
    are scored by log mean_draws p(y_i | theta). Rows that are left out by their label are scored
    jointly, log mean_draws p(y_label | theta): the density of a level anew. Effects of levels of a
    `Group` of which no other row is left are integrated out, draw by draw,

        p(y_label | t) = integral p(y_label | t, b) Normal(b | 0, S(t)) db,

    by quadrature; others have their own. (Where levels of several groups are new, those of the
    group with the most; the others' are drawn, each from its population.) The design is laid once
    on all the data, so the first rows of a held-out block keep their full past. Default priors are
    resolved once, on all the data, and shared by the folds.

    Parameters
    ----------
    model, data, draws, chains, seed
        As in `fit`.
    by : str, optional
        None: rows at random. ``"time"``: ``folds`` contiguous blocks of time, in whatever order
        the rows stand (trial by trial, where time starts anew in each). The sample dim: blocks of
        rows in their order; so too ``"time"`` of data that have none. The name of a coordinate or
        variable over the samples, ``"trial"`` say: its values are left out together, dealt at
        random to at most ``folds`` folds, and the rows of each are scored together.
    folds : int
        Number of folds, at least 2.

    Returns
    -------
    arviz_stats ELPDData
        Kind ``loo_kfold``, with pointwise values ``elpd_i``: one for each sample, or along ``by``
        one for each label, of which standard errors are then made. ``p`` is the in-sample log
        density minus the elpd.

    Raises
    ------
    DataError
        As in `fit`; fewer than two folds, or fewer rows or groups than folds; a fold that cannot
        be fitted; times, trials or labels that are missing or of several kinds.

    Warns
    -----
    BayesGLMWarning
        ``by="time"`` of data without time: blocks are of rows in their order; as in `fit`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> bg.kfold(model, data, folds=4).n_folds
    4
    """
    draws, chains = check_counts(draws, chains)
    seed = check_seed(seed)
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains)
    return folds_scored(problems, data, by, folds, as_fit(draws, chains, seed))


def folds_scored(
    problems: list[Problem],
    data: Any,
    by: str | None,
    folds: int,
    sampling: Sampling,
    whole: list[Kept] | None = None,
) -> ELPDData:
    """Return the scores of folds; ``whole`` are draws of the posterior of all rows, if known."""
    fold_of = deal_folds(problems[0], data, by, folds, sampling.seed)
    sets = sets_by(problems[0], data, by)
    scores = cross_scores(problems, fold_of, sampling, sets, whole)
    scored = labelled_sets(problems, sets, str(by))
    of_kfold = _kfold_data(scored, scores, _in_sample(scores, problems, sampling, sets), sampling)
    rate = partial(Events.rate_of_others, sets=fold_of)
    codes = None if sets is None else sets.codes
    beside = beside_constant_rate(problems, of_kfold.elpd_i, rate, codes)
    return replace(of_kfold, elpd_i=beside)


def held_out(
    problems: list[Problem], fold_of: Array, sampling: Sampling, sets: Sets | None = None
) -> Array:
    """Return log densities ``(row, neuron)`` of every row by the posterior of the other folds.

    Where rows are left out in sets, each of which is in one fold, those are of sets
    ``(set, neuron)``, their rows scored jointly.
    """
    return cross_scores(problems, fold_of, sampling, sets).elpd


def _in_sample(
    scores: CrossScores, problems: list[Problem], sampling: Sampling, sets: Sets | None
) -> Array:
    """Return the log densities by the posterior of all rows, ``(row or set, neuron)``."""
    if not np.isnan(scores.in_sample).any():
        return scores.in_sample
    whole = scores.whole or sampling(problems)
    every, codes = np.arange(problems[0].design.n_rows), None if sets is None else sets.codes
    known = every_log_density(whole, problems, every, codes)
    return np.where(np.isnan(scores.in_sample), known, scores.in_sample)


def labelled_sets(
    problems: list[Problem], sets: Sets | None, by: str
) -> Callable[[Array, str], xr.DataArray]:
    """Return what labels pointwise values: by their samples, or by their sets along ``by``.

    Sets carry the sums of their responses, by which it is seen that others score the same.
    """
    if sets is None:
        return lambda values, name: labelled(problems, values, name)
    plan, rows = problems[0].plan, problems[0].design.predictors.rows
    population = () if plan.population is None else (plan.population,)
    sums = [
        np.bincount(sets.codes, weights=one.design.typical[..., rows].reshape(-1, len(rows))[-1])
        for one in problems
    ]
    coords: dict[str, Any] = {by: sets.labels}
    if population:
        coords[population[0]] = labels_of(problems)
    attrs = {**pairing_attrs(problems), "labelled": 1, TOGETHER: by}

    def of_sets(values: Array, name: str) -> xr.DataArray:
        import xarray as xr

        dims = (by, *population)
        observed = np.stack(sums, axis=-1)
        own, seen = (values, observed) if population else (values[:, 0], observed[:, 0])
        known = coords | {OBSERVED: (dims, seen)}
        return xr.DataArray(own, dims=dims, coords=known, name=name, attrs=attrs)

    return of_sets


def _kfold_data(
    scored: Callable[[Array, str], xr.DataArray],
    scores: CrossScores,
    in_sample: Array,
    sampling: Sampling,
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOOKFold

    gain = in_sample - scores.elpd
    elpd, se, p = summed(scores.elpd, gain)
    return ELPDDataLOOKFold(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=sampling.draws * sampling.chains,
        n_data_points=scores.elpd.size,
        scale="log",
        warning=False,
        good_k=None,
        elpd_i=scored(scores.elpd, "elpd_i").assign_attrs(scores.told()),
        n_folds=len(scores.ways),
        p_kfold_i=scored(gain, "p_kfold_i"),
    )
