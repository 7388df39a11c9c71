"""Cross-validation over folds: a posterior of the other rows scores each fold."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import (
    joint_samples,
    labelled,
    labels_of,
    pairing_attrs,
    sample_coords,
)
from bayesglm.inference.tree.kept import Kept, evenly
from bayesglm.results.predict import levels_of
from bayesglm.results.scores.constant_rate import Events, beside_constant_rate
from bayesglm.results.scores.cross_scores import cross_scores
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.fold_scores import CrossScores
from bayesglm.results.scores.folds import Sets, deal_folds, sets_by
from bayesglm.results.scores.held_out import every_log_density
from bayesglm.results.scores.pairing import TOGETHER
from bayesglm.results.scores.predicted import as_scored, by_draws
from bayesglm.results.scores.sampling import Sampling, as_fit
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM
from bayesglm.spec.names import OBSERVED

if TYPE_CHECKING:
    import xarray as xr

    from bayesglm.results.scores.kfold_data import KFold

Array = np.ndarray
# Draws that tell what is expected of a row: so many at least, or as many as all rows' expected
# responses (8 bytes each) are no more than that number: chosen, a twentieth of a score's work.
LEAST, PREDICTED = 50, 1_000_000


@verb_of_models
def kfold(
    model: GLM,
    data: Any,
    by: str | None = None,
    folds: int = 10,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
) -> KFold:
    """Estimate the elpd by k-fold cross-validation with a posterior per fold.

    The rows of each fold are scored by the posterior of the rows outside it, by log mean_draws
    p(y_i | theta). That posterior is the one of all rows without what the fold says, so that
    draws of one pool, near all posteriors at once, or those of a fit to all rows, serve it under
    Pareto-smoothed importance weights; where these do not stand, it is sampled anew as `fit` does.
    A mean that hangs on few of these draws, of a row that the others do not expect, is told by the
    ratio of evidences with and without the row, a bridge between two posteriors (Meng & Wong 1996).
    Of gaussian responses with the identity link and normal priors the densities are exact.

    Rows that are left out by their label are scored jointly, log mean_draws p(y_label | theta): the
    density of a level anew. Effects of levels of a `Group` of which no other row is left are
    integrated out, draw by draw,

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
    arviz_stats ELPDDataLOOKFold
        Kind ``loo_kfold``, with pointwise values ``elpd_i``: one for each sample, or along ``by``
        one for each label, of which standard errors are then made. ``p`` is the in-sample log
        density minus the elpd. ``predictions`` are the expected responses of the samples by the
        posterior of the other folds, from which any other score follows. Attributes of ``elpd_i``
        say how many posteriors of folds were ``n_exact``, ``n_corrected``, ``n_weighted`` and
        ``n_refitted``, and the largest ``khat`` of weights that were taken.

    Raises
    ------
    DataError
        As in `fit`; fewer than two folds, or fewer rows or groups than folds; a fold that cannot
        be fitted; times, trials or labels that are missing or of several kinds.

    Warns
    -----
    BayesGLMWarning
        ``by="time"`` of data without time: blocks are of rows in their order; rows or labels whose
        log density hangs on few draws, and that no bridge told; as in `fit`.

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
) -> KFold:
    """Return the scores of folds; ``whole`` are draws of the posterior of all rows, if known."""
    fold_of = deal_folds(problems[0], data, by, folds, sampling.seed)
    sets = sets_by(problems[0], data, by)
    scores = cross_scores(problems, fold_of, sampling, sets, whole)
    scored = labelled_sets(problems, sets, str(by))
    in_sample = _in_sample(scores, problems, sampling, sets)
    predictions = _predictions(scores, problems, fold_of, sets, sampling.seed)
    elpd_i = scored(scores.elpd, "elpd_i").assign_attrs(scores.told())
    rate = partial(Events.rate_of_others, sets=fold_of)
    codes = None if sets is None else sets.codes
    elpd_i = beside_constant_rate(problems, elpd_i, rate, codes)
    gain_i = scored(in_sample - scores.elpd, "p_kfold_i")
    n_draws = sampling.draws * sampling.chains
    return _kfold_data(elpd_i, gain_i, predictions, len(scores.ways), n_draws)


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


def _predictions(
    scores: CrossScores, problems: list[Problem], fold_of: Array, sets: Sets | None, seed: int
) -> xr.DataArray:
    """Return the expected responses of every row by the posterior of the other folds."""
    import xarray as xr

    plan, levels = problems[0].plan, levels_of(problems[0], "mean")
    values = np.full((len(fold_of), len(problems), *map(len, levels.values())), np.nan)
    most = max(LEAST, PREDICTED // len(fold_of))
    for (fold, neuron), kept in scores.drawn.items():
        held = fold_of == fold
        some = kept.some(evenly(np.arange(kept.n_draws), most))
        density = np.full(held.sum(), np.nan) if sets is not None else scores.elpd[held, neuron]
        with suppress(DataError):  # beyond the floats
            predicted = by_draws(some, problems[neuron].restrict(held), density, seed)
            predicted = as_scored(predicted) if sets is None else predicted
            values[held, neuron] = np.moveaxis(predicted.mean, -1, 0)
    coords, dims = sample_coords(problems) | levels, [plan.sample_dim]
    if plan.population is None:
        values = values[:, 0]
    else:
        dims.append(plan.population)
    return xr.DataArray(values, dims=(*dims, *levels), coords=coords, name=plan.model.response)


def labelled_sets(
    problems: list[Problem], sets: Sets | None, by: str
) -> Callable[[Array, str], xr.DataArray]:
    """Return what labels pointwise values: by their samples, or by their sets along ``by``.

    Sets carry the sums of their responses, and which samples they hold, by which it is seen that
    others score the same.
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
    carried, told = joint_samples(problems[0], sets.codes, np.arange(len(sets.labels)))
    coords |= {name: (by, values) for name, values in carried.items()}
    attrs = {**pairing_attrs(problems), "labelled": 1, TOGETHER: by, **told}

    def of_sets(values: Array, name: str) -> xr.DataArray:
        import xarray as xr

        dims = (by, *population)
        observed = np.stack(sums, axis=-1)
        own, seen = (values, observed) if population else (values[:, 0], observed[:, 0])
        known = coords | {OBSERVED: (dims, seen)}
        return xr.DataArray(own, dims=dims, coords=known, name=name, attrs=attrs)

    return of_sets


def _kfold_data(
    elpd_i: xr.DataArray,
    gain_i: xr.DataArray,
    predictions: xr.DataArray,
    n_folds: int,
    n_draws: int,
) -> KFold:
    from bayesglm.results.scores.kfold_data import KFold

    elpd, se, p = summed(elpd_i.values, gain_i.values)
    return KFold(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=n_draws,
        n_data_points=elpd_i.size,
        scale="log",
        warning=False,
        good_k=None,
        elpd_i=elpd_i,
        n_folds=n_folds,
        p_kfold_i=gain_i,
        predictions=predictions,
    )
