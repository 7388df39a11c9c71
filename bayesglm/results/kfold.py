"""Cross-validation over folds: a posterior of the other rows scores each fold."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import BayesGLMError, DataError
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.posteriors import open_posteriors
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labelled
from bayesglm.numerics.density.pointwise import each_pointwise
from bayesglm.results.elpd import summed
from bayesglm.results.folds import deal_folds
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
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
    are scored by log mean_draws p(y_i | theta). The design is laid once on all the data, so the
    first rows of a held-out block keep their full past. Default priors are resolved once, on all
    the data, and shared by the folds.

    Parameters
    ----------
    model, data, draws, chains, seed
        As in `fit`.
    by : str, optional
        None: rows at random. ``"time"``: ``folds`` contiguous blocks of time, in whatever order
        the rows stand (trial by trial, where time starts anew in each). The sample dim: blocks of
        rows in their order; so too ``"time"`` of data that have none. The name of a coordinate or
        variable over the samples, ``"trial"`` say: its values are left out together, dealt at
        random to at most ``folds`` folds.
    folds : int
        Number of folds, at least 2.

    Returns
    -------
    arviz_stats ELPDData
        Kind ``loo_kfold``, with pointwise values ``elpd_i``; ``p`` is the in-sample log density
        minus the elpd.

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
    fold_of = deal_folds(problems[0], data, by, folds, seed)

    def posterior(of: list[Problem]) -> list[Array]:
        made = sample(of, draws, chains, seed)
        return [one.natural_thetas(own.theta) for one, own in zip(of, made, strict=True)]

    elpd_i = held_out(problems, fold_of, posterior)
    everything = np.ones(len(fold_of), dtype=bool)
    in_sample = _log_mean(posterior(problems), problems, everything)
    return _kfold_data(problems, elpd_i, in_sample, int(fold_of.max()) + 1, draws * chains)


def held_out(
    problems: list[Problem],
    fold_of: Array,
    posterior: Callable[[list[Problem]], list[Array]],
) -> Array:
    """Return log densities ``(row, neuron)`` of every row by the posterior of the other folds.

    ``posterior`` gives draws ``(chain, draw, size)`` of some problems.
    """
    n_folds = int(fold_of.max()) + 1
    elpd_i = np.empty((len(fold_of), len(problems)))
    for fold in range(n_folds):
        held = fold_of == fold
        try:
            thetas = posterior([problem.restrict(~held) for problem in problems])
        except BayesGLMError as error:
            raise unfitted(fold, n_folds, error) from error
        elpd_i[held] = _log_mean(thetas, problems, held)
    check_possible(elpd_i, problems[0])
    return elpd_i


def unfitted(fold: int, n_folds: int, error: BayesGLMError) -> DataError:
    """Return what to raise where the rows outside a fold cannot be fitted."""
    return DataError(
        f"fold {fold + 1} of {n_folds} cannot be fitted: {error} Use fewer folds, or proper priors."
    )


def check_possible(elpd_i: Array, problem: Problem) -> None:
    """Raise DataError where held-out responses have no probability at all."""
    plan, lost = problem.plan, ~np.isfinite(elpd_i).all(axis=1)
    if lost.any():
        first = int(problem.design.predictors.rows[np.argmax(lost)])
        raise DataError(
            f"{int(lost.sum())} held-out responses of {plan.model.response!r} have a predictive "
            f"density of zero, the first at {plan.sample_dim}={first}: the folds they were left "
            "out of predict something else altogether. Look at the scales of the predictors and "
            "of the offset, and give proper priors."
        )


def _log_mean(thetas: list[Array], problems: list[Problem], rows: Array) -> Array:
    """Return log mean over draws of p(y_i | theta) for some rows ``(row, neuron)``."""
    columns = [_log_mean_of(*pair, rows) for pair in zip(thetas, problems, strict=True)]
    return np.stack(columns, axis=-1)


def _log_mean_of(theta: Array, problem: Problem, rows: Array) -> Array:
    flat = theta.reshape(-1, theta.shape[-1])
    tested = problem.restrict(rows).natural

    def log_mean(values: Array) -> Array:
        most = values.max(axis=0)
        # Densities that all draws say are zero have no largest to be told from.
        anchor = np.where(np.isneginf(most), 0.0, most)
        with np.errstate(divide="ignore"):
            return anchor + np.log(np.exp(values - anchor).mean(axis=0))

    return np.concatenate(each_pointwise(tested, flat, log_mean))


def _kfold_data(
    problems: list[Problem], elpd_i: Array, in_sample: Array, n_folds: int, n_draws: int
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOOKFold

    elpd, se, p = summed(elpd_i, in_sample - elpd_i)
    return ELPDDataLOOKFold(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=n_draws,
        n_data_points=elpd_i.size,
        scale="log",
        warning=False,
        good_k=None,
        elpd_i=labelled(problems, elpd_i, "elpd_i"),
        n_folds=n_folds,
        p_kfold_i=labelled(problems, in_sample - elpd_i, "p_kfold_i"),
    )
