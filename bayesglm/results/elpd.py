"""Expected log predictive density: streamed PSIS-LOO, and k-fold over rows, groups or time."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import BayesGLMError, DataError, tell
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.asked import check_counts, check_room, check_seed
from bayesglm.inference.problem.problem import Problem, open_posteriors
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree import (
    log_likelihood,
    parameter_group,
    reopen,
    thetas_from,
    thetas_of,
)
from bayesglm.inference.weights.psis import khat_limit, leave_one_out
from bayesglm.numerics.density.pointwise import each_pointwise
from bayesglm.results.folds import deal_folds
from bayesglm.spec.model import GLM

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray


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
        weights included.

    Raises
    ------
    DataError
        A fit without a posterior.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1, 4, 1], "x": [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.add_log_likelihood(fitted)["log_likelihood"]["y"].sizes["obs"]
    6
    """
    problems = _posterior_problems(fit)
    group = parameter_group(fit)
    shape = (group.sizes["chain"], group.sizes["draw"], -1)
    thetas = [theta.reshape(shape) for theta in thetas_from(group, problems)]
    return fit.assign({"log_likelihood": _as_node(log_likelihood(problems, thetas))})


def _as_node(dataset: xr.Dataset) -> xr.DataTree:
    import xarray as xr

    return xr.DataTree(dataset)


def loo(fit: xr.DataTree) -> ELPDData:
    """Estimate the elpd by leave-one-out cross-validation with Pareto-smoothed weights.

    Each sample's log likelihood is computed and smoothed in blocks, so that the ``draws x
    samples`` matrix is never held whole; the numbers are those of ``arviz.loo`` (Vehtari, Gelman
    & Gabry 2017). A row of frequency weight 2 is left out with both its copies.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.

    Returns
    -------
    arviz_stats ELPDData
        With pointwise values ``elpd_i`` and ``pareto_k``.

    Raises
    ------
    DataError
        A fit without a posterior.

    Warns
    -----
    BayesGLMWarning
        Samples that depend on one another: with a history term (leaving y_i out drops one
        conditional factor, while y_i stays a covariate of later samples), or with autocorrelated
        residuals; and k-hat above its limit. `kfold` with ``by="time"`` is the remedy.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.loo(fitted).n_data_points
    40
    """
    problems = _posterior_problems(fit)
    thetas = thetas_of(fit, problems)
    group = fit["posterior"].to_dataset()
    chains, draws = group.sizes["chain"], group.sizes["draw"]
    reff = relative_efficiency(group)
    elpd_i, pareto_k, p_loo_i = pointwise_loo(problems, thetas, reff)
    return _loo_data(problems, thetas, elpd_i, pareto_k, p_loo_i, chains * draws)


def pointwise_loo(
    problems: list[Problem], thetas: list[Array], reff: float
) -> tuple[Array, Array, Array]:
    """Return elpd_i, pareto_k and p_loo_i ``(row, neuron)`` from draws ``(draw, size)``."""
    every = []
    for problem, theta in zip(problems, thetas, strict=True):
        parts = each_pointwise(
            problem.natural,
            theta,
            lambda values: leave_one_out(np.ascontiguousarray(values.T), reff),
        )
        every.append([np.concatenate(column) for column in zip(*parts, strict=True)])
    elpd_i, pareto_k, p_loo_i = (np.stack([one[k] for one in every], axis=-1) for k in range(3))
    return elpd_i, pareto_k, p_loo_i


def _loo_data(
    problems: list[Problem],
    thetas: list[Array],
    elpd_i: Array,
    pareto_k: Array,
    p_loo_i: Array,
    n_draws: int,
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOO

    good_k = khat_limit(n_draws)
    n_bad = int((pareto_k > good_k).sum())
    if n_bad:
        tell(
            f"k-hat is above {good_k:.2f} for {n_bad} of {pareto_k.size} samples (the largest is "
            f"{np.nanmax(pareto_k):.2f}), so their leave-one-out densities are not to be trusted; "
            "use kfold."
        )
    dependence = describe_dependence(problems, thetas)
    if dependence:
        tell(
            f"pointwise leave-one-out is optimistic here: {dependence}. Use "
            "kfold(model, data, by='time') or by='trial'."
        )
    elpd, se, p = summed(elpd_i, p_loo_i)
    return ELPDDataLOO(
        elpd=elpd,
        se=se,
        p=p,
        n_samples=n_draws,
        n_data_points=elpd_i.size,
        scale="log",
        warning=bool(n_bad),
        good_k=good_k,
        elpd_i=labelled(problems, elpd_i, "elpd_i"),
        pareto_k=labelled(problems, pareto_k, "pareto_k"),
    )


def summed(elpd_i: Array, p_i: Array) -> tuple[float, float, float]:
    """Return elpd, its standard error and the effective number of parameters, as ArviZ sums."""
    from arviz_stats.base import array_stats

    elpd, se, p, _ = array_stats.loo_summary(elpd_i.ravel(), p_i.ravel())
    return float(elpd), float(se), float(p)


def describe_dependence(problems: list[Problem], thetas: list[Array]) -> str:
    """Say why samples are not exchangeable, or return an empty string."""
    plan = problems[0].plan
    if plan.model.has_history:
        return (
            "with a history term each response is also a covariate of later samples, so leaving "
            "it out leaves its trace in"
        )
    if plan.step is None:
        return ""
    for problem, theta in zip(problems, thetas, strict=True):
        correlation, n = _residual_autocorrelation(problem, theta)
        if abs(correlation) > max(4.0 / np.sqrt(n), 0.02):
            return (
                f"residuals of neighbouring samples{problem.where} are correlated "
                f"({correlation:.2f} at lag 1)"
            )
    return ""


def _residual_autocorrelation(problem: Problem, theta: Array) -> tuple[float, int]:
    mean_theta = theta.mean(axis=0)
    objective, predictors = problem.natural, problem.design.predictors
    residuals = []
    for rows in problem.design.blocks(4096):
        eta = rows.times(mean_theta[None, : objective.n_coefficients])[0] + rows.offset
        residuals.append(
            rows.y - objective.family.mean(eta, objective.phi(mean_theta), rows.trials)
        )
    residual = np.concatenate(residuals)
    residual = residual - residual.mean()
    adjacent = np.diff(predictors.rows) == 1
    products = (residual[1:] * residual[:-1])[adjacent]
    variance = float((residual**2).mean())
    n = max(int(adjacent.sum()), 1)
    return (float(products.mean()) / variance if variance > 0 and len(products) else 0.0), n


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
        return [one.theta for one in sample(of, draws, chains, seed)]

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
            raise DataError(
                f"fold {fold + 1} of {n_folds} cannot be fitted: {error} Use fewer folds, or "
                "proper priors."
            ) from error
        elpd_i[held] = _log_mean(thetas, problems, held)
    _check_possible(elpd_i, problems[0])
    return elpd_i


def _check_possible(elpd_i: Array, problem: Problem) -> None:
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


def _posterior_problems(fit: xr.DataTree) -> list[Problem]:
    problems = reopen(fit)
    if "posterior" not in fit.children:
        raise DataError(
            "a posterior is needed (fit, fit_laplace or fit_mcmc); this fit has only a MAP."
        )
    return problems


def relative_efficiency(group: xr.Dataset) -> float:
    """Return effective draws per draw, averaged over a posterior's parameters."""
    import arviz_stats  # noqa: F401  (registers the accessor)

    if group.sizes["chain"] == 1:
        return 1.0
    ess = group.azstats.ess(method="mean")
    values = np.hstack([ess[name].values.ravel() for name in ess.data_vars])
    return float(values.mean() / (group.sizes["chain"] * group.sizes["draw"]))
