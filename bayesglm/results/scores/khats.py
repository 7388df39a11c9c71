"""The k-hats of leave-one-out weights, of a fit or of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree.opened import kept_of
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.scores.log_likelihood import posterior_problems
from bayesglm.results.scores.loo import pointwise_loo, relative_efficiency
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr


def khats_of(fit_or_elpd: Any) -> tuple[xr.DataArray, float]:
    """Return k-hats ``(sample[, neuron])`` and their limit; those of a fit are computed."""
    from arviz_stats.utils import ELPDData

    if "model" in getattr(fit_or_elpd, "attrs", ()):
        return _of_fit(fit_or_elpd)
    elpd = fit_or_elpd
    if not isinstance(elpd, ELPDData):
        raise DataError(
            f"plot_khat draws a posterior fit, or what loo returns; got {shown(fit_or_elpd)}."
        )
    khat = getattr(elpd, "pareto_k", None)
    if khat is None:
        raise DataError(
            "these scores have no k-hats: they were computed without pointwise values, or not by "
            "importance weights (kfold has none)."
        )
    return khat, float(elpd.good_k)


def _of_fit(fit: xr.DataTree) -> tuple[xr.DataArray, float]:
    problems = posterior_problems(fit)
    kept, group = kept_of(fit, problems), fit["posterior"].to_dataset()
    _, khat, _ = pointwise_loo(kept, relative_efficiency(group))
    limit = khat_limit(group.sizes["chain"] * group.sizes["draw"])
    return labelled(problems, khat, "pareto_k"), limit
