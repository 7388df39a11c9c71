"""The k-hats of leave-one-out weights, of a fit or of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError
from bayesglm.inference.problem.samples import labelled
from bayesglm.inference.tree.opened import is_fit
from bayesglm.inference.weights.psis import khat_limit
from bayesglm.results.scores.log_likelihood import finished_draws, posterior_problems
from bayesglm.results.scores.loo import pointwise_loo, relative_efficiency
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr


class Khats(NamedTuple):
    """k-hats ``(sample[, neuron])`` behind the values of scores, and their limit.

    ``influence`` are those of each sample's weights by themselves, where others stand behind the
    values, as those of `score` do.
    """

    behind: xr.DataArray
    limit: float
    influence: xr.DataArray | None = None

    @property
    def replaced(self) -> np.ndarray:
        """Say of which samples other weights, or a refit, stand behind the values."""
        if self.influence is None:
            return np.zeros(self.behind.shape, dtype=bool)
        behind, first = self.behind.values, self.influence.values
        return (behind != first) & ~(np.isnan(behind) & np.isnan(first))

    def of_unit(self, population: str | None, number: int) -> Khats:
        """Return those of one unit."""
        if population is None:
            return self
        at = {population: number}
        influence = None if self.influence is None else self.influence.isel(at)
        return Khats(self.behind.isel(at), self.limit, influence)


def khats_of(fit_or_elpd: Any) -> Khats:
    """Return the k-hats of scores; those of a fit are computed."""
    from arviz_stats.utils import ELPDData

    if is_fit(fit_or_elpd):
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
    return Khats(khat, float(elpd.good_k), getattr(elpd, "influence_pareto_k", None))


def _of_fit(fit: xr.DataTree) -> Khats:
    problems = posterior_problems(fit)
    kept, reff = finished_draws(fit, problems), relative_efficiency(fit["posterior"].to_dataset())
    _, khat, _ = pointwise_loo(kept, reff)
    return Khats(labelled(problems, khat, "pareto_k"), khat_limit(kept[0].n_draws))
