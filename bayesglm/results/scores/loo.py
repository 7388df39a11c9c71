"""Leave-one-out cross-validation by Pareto-smoothed importance weights, streamed over rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_seed
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import PROJECTION, is_projected
from bayesglm.inference.tree.projected import ELPD, KHAT, ROW
from bayesglm.inference.weights.psis import FEWEST_DRAWS, LeftOut, khat_limit, leave_one_out
from bayesglm.results.scores.constant_rate import Events, beside_constant_rate
from bayesglm.results.scores.dependence import describe_dependence
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.held_out import log_mean
from bayesglm.results.scores.log_likelihood import (
    drawn_problems,
    finished_draws,
    posterior_problems,
)
from bayesglm.results.scores.progress import progress
from bayesglm.results.scores.subsample import drawn_samples, surrogate

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray


def loo(fit: xr.DataTree, subsample: int | None = None, seed: int = 0) -> ELPDData:
    """Estimate the elpd by leave-one-out cross-validation with Pareto-smoothed weights.

    Each sample's log likelihood is computed and smoothed in blocks, so that the ``draws x
    samples`` matrix is never held whole; the numbers are those of ``arviz.loo`` (Vehtari, Gelman
    & Gabry 2017). A row of frequency weight 2 is left out with both its copies. Effects of levels
    of a single row each (`Group` of a label for every sample) are integrated out, draw by draw: a
    row that is left out says nothing of its own effect.

    Of very many samples a ``subsample`` is enough: with a_i an approximation of the log density of
    each sample without itself, which costs one pass over all, and s the m of N samples that are
    drawn without replacement,

        elpd = sum_i a_i + N / m sum_{i in s} (elpd_i - a_i)

    (the difference estimator of Magnusson et al. 2020, AISTATS, PMLR 108:341). a_i is Laplace's
    approximation, exact where the posterior is Gaussian and the log likelihood quadratic in what a
    sample reads of it; where effects are integrated out, or redrawn, the log density at the
    posterior mean. Fits of the same data have the same samples drawn, as far as they have them.

    Projected draws (of `project`) have the scores of their path: each row left out by the weights
    of the reference.

    Parameters
    ----------
    fit : xarray.DataTree
        A posterior fit.
    subsample : int, optional
        How many samples (of a population: of all neurons together) are left out in turn; all by
        default.
    seed : int
        Of the samples that are drawn.

    Returns
    -------
    arviz_stats ELPDData
        With pointwise values ``elpd_i`` and ``pareto_k``. Of a ``subsample`` ArviZ's subsampled
        kind: ``se`` is the standard error over samples, as without one, ``subsampling_se`` what
        the drawing of few of them adds, too little where a_i fails some samples by far and few of
        these are drawn; ``elpd_i`` and ``pareto_k`` of others are NaN,
        ``elpd_loo_approx`` are the a_i, and ``loo_subsample_observations`` the places of those
        that were drawn.

    Raises
    ------
    DataError
        A fit without a posterior, or of fewer than 30 draws; a ``subsample`` of fewer than two
        samples, or of more than there
        are.

    Warns
    -----
    BayesGLMWarning
        Samples that depend on one another: with a history term (leaving y_i out drops one
        conditional factor, while y_i stays a covariate of later samples), or with autocorrelated
        residuals; and k-hat above its limit. `kfold` with ``by="time"``, or `lfo`, is the remedy of
        the one, `score` of the other.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> fitted = bg.fit(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> bg.loo(fitted).n_data_points
    40
    """
    if is_projected(fit):
        return _of_projection(fit, subsample)
    problems = posterior_problems(fit)
    kept = finished_draws(fit, problems)
    reff = relative_efficiency(fit["posterior"].to_dataset())
    if subsample is not None:
        return _subsampled(problems, kept, reff, subsample, seed)
    elpd_i, pareto_k, p_loo_i = pointwise_loo(kept, reff)
    return _loo_data(problems, kept, elpd_i, pareto_k, p_loo_i)


def _of_projection(fit: xr.DataTree, subsample: int | None) -> ELPDData:
    """Return the scores of projected draws, by the weights of their reference, as `project` did."""
    if subsample is not None:
        raise DataError("a projection holds the scores of all its samples; leave subsample= out.")
    problems = drawn_problems(fit)
    path = fit[PROJECTION].to_dataset()
    rows, n = path[ROW].values, len(problems)
    some = [one.restrict(np.isin(one.design.predictors.rows, rows)) for one in problems]
    elpd_i, khat = (path[name].values.reshape(len(rows), n) for name in (ELPD, KHAT))
    draws = finished_draws(fit, problems)
    kept = [Kept(one, own.theta) for one, own in zip(some, draws, strict=True)]
    every = [one.each_row(lambda values: (log_mean(values),))[0] for one in kept]
    return _loo_data(some, kept, elpd_i, khat, np.stack(every, axis=-1) - elpd_i)


def pointwise_loo(kept: Sequence[Kept], reff: float) -> tuple[Array, Array, Array]:
    """Return elpd_i, pareto_k and p_loo_i ``(row, neuron)``."""
    n_rows = sum(one.problem.design.n_rows for one in kept)
    with progress("loo", n_rows, "samples") as advance:
        every = [one.each_row(_leaving_out(reff, advance)) for one in kept]
    elpd_i, pareto_k, p_loo_i = (np.stack([one[k] for one in every], axis=-1) for k in range(3))
    return elpd_i, pareto_k, p_loo_i


def _leaving_out(reff: float, advance: Callable[..., None]) -> Callable[[Array], LeftOut]:
    """Return what leaves out rows, given their log likelihoods ``(draws, rows)``."""

    def left_out(values: Array) -> LeftOut:
        advance(values.shape[1])
        return leave_one_out(np.ascontiguousarray(values.T), reff)

    return left_out


def _loo_data(
    problems: list[Problem],
    kept: Sequence[Kept],
    elpd_i: Array,
    pareto_k: Array,
    p_loo_i: Array,
) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOO

    n_draws = kept[0].n_draws
    good_k, n_bad = khat_limit(n_draws), _tell(kept, pareto_k, n_draws)
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
        elpd_i=beside_constant_rate(
            problems, labelled(problems, elpd_i, "elpd_i"), Events.rate_of_others
        ),
        pareto_k=labelled(problems, pareto_k, "pareto_k"),
    )


def _tell(kept: Sequence[Kept], pareto_k: Array, n_draws: int) -> int:
    """Warn of what leave-one-out is not to be trusted for; return how many k-hats are too high."""
    good_k = khat_limit(n_draws)
    n_bad = int((pareto_k > good_k).sum())
    if n_bad:
        tell(
            f"k-hat is above {good_k:.2f} for {n_bad} of {pareto_k.size} samples (the largest is "
            f"{np.nanmax(pareto_k):.2f}), so their leave-one-out densities are not to be trusted; "
            "use score(fit), which goes on where weights fail."
        )
    dependence = describe_dependence(kept)
    if dependence:
        tell(
            f"pointwise leave-one-out is optimistic here: {dependence}. Use "
            "kfold(model, data, by='time') or by='trial', or of the future lfo(model, data)."
        )
    return n_bad


def _subsampled(
    problems: list[Problem], kept: Sequence[Kept], reff: float, subsample: int, seed: int
) -> ELPDData:
    """Score some samples, and all of them by the difference estimator."""
    from arviz_stats.base import array_stats
    from arviz_stats.utils import ELPDDataLOOSubsample

    some = drawn_samples(kept, subsample, check_seed(seed))
    approximate = np.stack([surrogate(one) for one in kept], axis=-1)
    elpd_i, pareto_k = np.full((2, *approximate.shape), np.nan)
    p_i = np.full(approximate.shape, np.nan)
    with progress("loo", subsample, "samples") as advance:
        for neuron, one in enumerate(kept):
            rows = np.flatnonzero(some[:, neuron])
            if len(rows):
                own = one.each_row(_leaving_out(reff, advance), rows)
                elpd_i[rows, neuron], pareto_k[rows, neuron], p_i[rows, neuron] = own
    n_draws, drawn = kept[0].n_draws, some.ravel()
    n_bad = _tell(kept, pareto_k[some], n_draws)
    elpd, subsampling_se, se = array_stats.diff_srs_estimator(
        elpd_i[some], approximate[some], approximate, approximate.size
    )
    p, _, _ = array_stats.srs_estimator(p_i[some], approximate.size)
    return ELPDDataLOOSubsample(
        elpd=float(elpd),
        se=float(se),
        p=float(p),
        n_samples=n_draws,
        n_data_points=approximate.size,
        scale="log",
        warning=bool(n_bad),
        good_k=khat_limit(n_draws),
        elpd_i=beside_constant_rate(
            problems, labelled(problems, elpd_i, "elpd_i"), Events.rate_of_others
        ),
        pareto_k=labelled(problems, pareto_k, "pareto_k"),
        subsample_size=int(drawn.sum()),
        subsampling_se=float(subsampling_se),
        loo_subsample_observations=np.flatnonzero(drawn),
        elpd_loo_approx=labelled(problems, approximate, "elpd_loo_approx"),
    )


def relative_efficiency(group: xr.Dataset) -> float:
    """Return effective draws per draw, averaged over a posterior's parameters.

    After an interruption those of the draws that all chains have.
    """
    if group.sizes["chain"] == 1:
        return 1.0
    values = _effective_sizes(group)
    if np.isnan(values).any():
        group = group.dropna("draw")
        if group.sizes["draw"] < FEWEST_DRAWS:
            return 1.0
        values = _effective_sizes(group)
    return float(values.mean() / (group.sizes["chain"] * group.sizes["draw"]))


def _effective_sizes(group: xr.Dataset) -> Array:
    import arviz_stats  # noqa: F401  (registers the accessor)

    ess = group.azstats.ess(method="mean")
    return np.hstack([ess[name].values.ravel() for name in ess.data_vars])
