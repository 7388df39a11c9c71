"""Leave-future-out cross-validation: what comes next, by the posterior of what came before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.design.clock import ask_for_time
from bayesglm.design.door import as_dataset
from bayesglm.design.labels import coords_over
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed, whole_number
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import joint_samples, labelled
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.scores.ahead import Ahead, Moments, ahead, in_sample
from bayesglm.results.scores.constant_rate import beside_rate_before
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.folds import moments_of_rows
from bayesglm.results.scores.log_likelihood import check_enough
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.sampling import Sampling, as_fit
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    from arviz_stats.utils import ELPDData

Array = np.ndarray


@verb_of_models
def lfo(
    model: GLM,
    data: Any,
    horizon: int = 1,
    start: int | None = None,
    draws: int = 1000,
    chains: int = 4,
    seed: int = 0,
) -> ELPDData:
    """Estimate the elpd of the future by leave-future-out cross-validation.

    From each moment t on, the next ``horizon`` moments of time are scored jointly by the posterior
    of all that came before t, and of nothing later:

        elpd_t = log mean_draws p(y_t, ..., y_{t + horizon - 1} | theta),  theta from p(. | y_<t).

    The draws of one posterior, weighted by what has come since, serve the moments after it for as
    long as the k-hat of their weights stands (below min(1 - 1/log10(S), 0.7)); then the model is
    fitted anew, as `fit` does (Buerkner, Gabry & Vehtari 2020, arXiv:1902.06281). All samples of
    one moment are scored together. Where time starts anew in each trial, trials come one after the
    other, in the order of their first times; no horizon reaches into the next trial. What the model
    reads, covariates and the past of the responses (`History`, `Coupling`), is the true one: a
    joint density is the product of those of each response given all before it, those inside the
    horizon among them. The design is laid, and default priors are resolved, once, on all the data.

    Parameters
    ----------
    model, data, draws, chains, seed
        As in `fit`.
    horizon : int
        How many moments ahead are scored together. Blocks of several overlap: ``elpd`` and ``p``
        count a moment up to ``horizon`` times, and ``se`` is that of such a sum.
    start : int, optional
        How many moments come before the first that is foretold; a quarter of all by default.

    Returns
    -------
    arviz_stats ELPDData
        Kind ``lfo_cv``, with pointwise values ``elpd_i`` for each moment t, labelled as its first
        sample, and ``pareto_k``, NaN where the model was fitted; ``refits`` are the numbers of the
        moments at which that was so, but for the first. ``p`` is the log density by the posterior
        of all the data minus the elpd.

    Raises
    ------
    DataError
        As in `fit`; a ``start`` or a ``horizon`` for which there is not enough time, or trials that
        are shorter than the horizon; a past that cannot be fitted, or to which the future is
        impossible.

    Warns
    -----
    BayesGLMWarning
        Data without time: samples are taken in their order; as in `fit`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x, "time": range(40)}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> bg.lfo(model, data, start=30).n_data_points
    10
    """
    draws, chains = check_counts(draws, chains)
    check_enough(draws * chains)
    seed, horizon = check_seed(seed), whole_number("horizon", horizon, 1)
    start = None if start is None else whole_number("start", start, 1)
    problems = open_posteriors(model, data)
    check_room(problems, draws, chains)
    moments, sampling = moments_of(problems[0], data), as_fit(draws, chains, seed)
    return foretell(problems, moments, sampling, horizon, start)


def foretell(
    problems: list[Problem],
    moments: Moments,
    sampling: Sampling,
    horizon: int = 1,
    start: int | None = None,
    whole: Sequence[Kept] | None = None,
) -> ELPDData:
    """Return the scores of `lfo`; ``whole`` are draws of the posterior of all rows, if known."""
    start = -(-len(moments) // 4) if start is None else start
    origins = _origins(moments, start, horizon)
    with progress("lfo", len(origins) * len(problems), "moments") as advance:
        scores = ahead(problems, moments, origins, horizon, sampling, advance)
        _check_possible(scores, moments, origins, problems[0])
        whole = sampling(problems) if whole is None else whole
        gain = in_sample(problems, whole, moments, origins, horizon) - scores.elpd
    n_draws = sampling.draws * sampling.chains
    return _lfo_data(problems, moments, origins, scores, gain, (start, horizon, n_draws))


def moments_of(problem: Problem, data: Any) -> Moments:
    """Return the moments of the kept rows: their times, or their order where they have none."""
    rows, dim = problem.design.predictors.rows, problem.plan.sample_dim
    coords = coords_over(problem.plan.dataset, dim)
    trial = coords.get("trial")
    if "time" in coords:
        of_row = moments_of_rows(coords["time"], trial, rows, "lfo")
    else:
        ask_for_time(as_dataset(data), dim, "lfo")
        tell(
            "the data have no 'time', so lfo takes the samples in their order; give the data "
            "their time, or sort them by it."
        )
        of_row = np.arange(len(rows))
    codes = np.zeros(len(rows)) if trial is None else pd.factorize(trial.values[rows])[0]
    return Moments(of_row, codes[np.unique(of_row, return_index=True)[1]])


def _origins(moments: Moments, start: int, horizon: int) -> Array:
    """Return the moments from which is foretold; DataError where there are none."""
    if start + horizon > len(moments):
        raise DataError(
            f"start={start:,} and horizon={horizon:,} need {start + horizon:,} moments of time, "
            f"and the model has {len(moments):,}; begin earlier, or look less far ahead."
        )
    origins = moments.origins(start, horizon)
    if not len(origins):
        raise DataError(
            f"no trial after the first {start:,} moments is as long as horizon={horizon:,}; begin "
            "earlier, or look less far ahead."
        )
    return origins


def _check_possible(scores: Ahead, moments: Moments, origins: Array, problem: Problem) -> None:
    """Raise DataError where what came had no probability at all."""
    lost = ~np.isfinite(scores.elpd).all(axis=1)
    if lost.any():
        dim, first = problem.plan.sample_dim, origins[np.argmax(lost)]
        row = problem.design.predictors.rows[moments.first_rows[first]]
        raise DataError(
            f"{int(lost.sum())} moments have responses {problem.plan.model.response!r} with a "
            f"predictive density of zero, the first at {dim}={row}: what came before them predicts "
            "something else altogether. Begin later (start=), look at the scales of the "
            "predictors, and give proper priors."
        )


def _lfo_data(
    problems: list[Problem],
    moments: Moments,
    origins: Array,
    scores: Ahead,
    gain: Array,
    asked: tuple[int, int, int],
) -> ELPDData:
    from bayesglm.results.scores.lfo_data import LFO

    first, (start, horizon, n_draws) = moments.first_rows, asked
    n_rows, dim = problems[0].design.n_rows, problems[0].plan.sample_dim

    def named(values: Array, name: str) -> Any:
        every = np.full((n_rows, len(problems)), np.nan)
        every[first[origins]] = values
        return labelled(problems, every, name).isel({dim: first[origins]})

    elpd_i = beside_rate_before(
        problems, named(scores.elpd, "elpd_i"), moments.of_row, origins, horizon
    )
    every, told = joint_samples(problems[0], moments.of_row, origins, horizon)
    carried = {name: (dim, values) for name, values in every.items()}
    elpd, se, p = summed(scores.elpd, gain, horizon)
    refits = np.array(sorted(scores.refits), dtype=np.intp)
    return LFO(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=n_draws,
        n_data_points=scores.elpd.size,
        scale="log",
        warning=2 * len(refits) > scores.elpd.size,
        good_k=khat_limit(n_draws),
        elpd_i=elpd_i.assign_coords(carried).assign_attrs(told),
        pareto_k=named(scores.khat, "pareto_k"),
        forecast_horizon=horizon,
        min_observations=start,
        refits=refits,
        n_refits=len(refits),
        p_lfo_i=named(gain, "p_lfo_i"),
    )
