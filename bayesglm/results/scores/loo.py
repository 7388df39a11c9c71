"""Leave-one-out cross-validation by Pareto-smoothed importance weights, streamed over rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bayesglm.errors import tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of
from bayesglm.inference.weights.psis import LeftOut, khat_limit, leave_one_out
from bayesglm.results.scores.constant_rate import Events, beside_constant_rate
from bayesglm.results.scores.dependence import describe_dependence
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.log_likelihood import posterior_problems
from bayesglm.results.scores.progress import progress

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray


def loo(fit: xr.DataTree) -> ELPDData:
    """Estimate the elpd by leave-one-out cross-validation with Pareto-smoothed weights.

    Each sample's log likelihood is computed and smoothed in blocks, so that the ``draws x
    samples`` matrix is never held whole; the numbers are those of ``arviz.loo`` (Vehtari, Gelman
    & Gabry 2017). A row of frequency weight 2 is left out with both its copies. Effects of levels
    of a single row each (`Group` of a label for every sample) are integrated out, draw by draw: a
    row that is left out says nothing of its own effect.

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
    problems = posterior_problems(fit)
    kept = kept_of(fit, problems)
    group = fit["posterior"].to_dataset()
    chains, draws = group.sizes["chain"], group.sizes["draw"]
    reff = relative_efficiency(group)
    elpd_i, pareto_k, p_loo_i = pointwise_loo(kept, reff)
    return _loo_data(problems, kept, elpd_i, pareto_k, p_loo_i, chains * draws)


def pointwise_loo(kept: Sequence[Kept], reff: float) -> tuple[Array, Array, Array]:
    """Return elpd_i, pareto_k and p_loo_i ``(row, neuron)``."""
    n_rows = sum(one.problem.design.n_rows for one in kept)
    with progress("loo", n_rows, "samples") as advance:

        def left_out(values: Array) -> LeftOut:
            advance(values.shape[1])
            return leave_one_out(np.ascontiguousarray(values.T), reff)

        every = [one.each_row(left_out) for one in kept]
    elpd_i, pareto_k, p_loo_i = (np.stack([one[k] for one in every], axis=-1) for k in range(3))
    return elpd_i, pareto_k, p_loo_i


def _loo_data(
    problems: list[Problem],
    kept: Sequence[Kept],
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
    dependence = describe_dependence(kept)
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
        elpd_i=beside_constant_rate(
            problems, labelled(problems, elpd_i, "elpd_i"), Events.rate_of_others
        ),
        pareto_k=labelled(problems, pareto_k, "pareto_k"),
    )


def relative_efficiency(group: xr.Dataset) -> float:
    """Return effective draws per draw, averaged over a posterior's parameters."""
    import arviz_stats  # noqa: F401  (registers the accessor)

    if group.sizes["chain"] == 1:
        return 1.0
    ess = group.azstats.ess(method="mean")
    values = np.hstack([ess[name].values.ravel() for name in ess.data_vars])
    return float(values.mean() / (group.sizes["chain"] * group.sizes["draw"]))
