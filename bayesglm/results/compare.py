"""Models side by side, by ArviZ's comparison, on the samples that all of them predicted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError, tell
from bayesglm.results.elpd import loo, summed

if TYPE_CHECKING:
    import pandas as pd

MANY = 0.05  # of the common samples: leaving out more is worth a warning


def compare(models: Mapping[str, Any]) -> pd.DataFrame:
    """Rank models by expected log predictive density, with standard errors of the differences.

    Parameters
    ----------
    models : mapping of names to fits or ELPDData
        Posterior fits (scored by `loo`), or the results of `loo` or `kfold`. Samples that one
        of them left out (a longer past, say) are left out of all.

    Returns
    -------
    pandas.DataFrame
        ArviZ's table, best model first: ``elpd``, ``se``, ``elpd_diff`` to the best and its
        standard error ``dse``, stacking ``weight``, ``p``; unrounded. Its ``attrs`` hold
        ``n_data_points``, the samples compared, and ``left_out``, how many each model had more.

    Raises
    ------
    DataError
        Fewer than two models, or models without common samples.

    Warns
    -----
    BayesGLMWarning
        More than 5% of a model's samples were left out to compare like with like.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> with_x = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> without = bg.GLM("y", [], family="poisson")
    >>> table = bg.compare({"x": bg.fit(with_x, data), "nothing": bg.fit(without, data)})
    >>> list(table.index)
    ['x', 'nothing']
    """
    from arviz_stats import compare as arviz_compare
    from arviz_stats.utils import ELPDData

    if not isinstance(models, Mapping) or len(models) < 2:
        raise DataError("compare needs a mapping of at least two names to fits or ELPDData.")
    elpds = {name: one if isinstance(one, ELPDData) else loo(one) for name, one in models.items()}
    common = _on_common_samples(elpds)
    table = arviz_compare(common, round_to="none")
    n_common = next(iter(common.values())).n_data_points
    table.attrs["n_data_points"] = n_common
    table.attrs["left_out"] = {name: one.n_data_points - n_common for name, one in elpds.items()}
    return table


def _on_common_samples(elpds: dict[str, Any]) -> dict[str, Any]:
    """Cut every pointwise result down to the samples that all results have."""
    import xarray as xr

    missing = [name for name, one in elpds.items() if one.elpd_i is None]
    if missing:
        raise DataError(
            f"model {missing[0]!r} has no pointwise values; compute it with pointwise=True."
        )
    numbered = _numbered(elpds)
    aligned = xr.align(*(one.elpd_i for one in numbered.values()), join="inner")
    n_common = aligned[0].size
    if not n_common:
        raise DataError("the models have no samples in common, so they cannot be compared.")
    cut = {name: one.elpd_i.size - n_common for name, one in elpds.items()}
    if not any(cut.values()):
        return elpds
    if max(cut.values()) > MANY * n_common:
        told = ", ".join(f"{number} of {name!r}" for name, number in cut.items() if number)
        tell(f"compared on the {n_common} samples that all models predict; left out: {told}.")
    return {
        name: _cut(one, elpd_i)
        for (name, one), elpd_i in zip(numbered.items(), aligned, strict=True)
    }


def _numbered(elpds: dict[str, Any]) -> dict[str, Any]:
    """Number the samples in place of their labels, equal samples equally in all results.

    All coordinates tell samples apart, since time may start anew in every trial.
    """
    import pandas as pd

    values = [one.elpd_i for one in elpds.values()]
    dim = values[0].dims[0]
    if any(one.dims != values[0].dims for one in values):
        raise DataError("the models have no samples in common, so they cannot be compared.")
    shared = set.intersection(
        *({str(name) for name, c in one.coords.items() if c.dims == (dim,)} for one in values)
    )
    names = sorted(shared)
    if not names:
        return elpds
    labels = [pd.MultiIndex.from_arrays([one[name].values for name in names]) for one in values]
    if all(one.equals(labels[0]) for one in labels):
        return elpds
    if not all(one.is_unique for one in labels):
        raise DataError(
            f"samples with the same {', '.join(map(repr, names))} cannot be told apart, so "
            "the samples common to all models are unknown; give the data a 'trial' coordinate."
        )
    every = labels[0]
    for one in labels[1:]:
        every = every.append(one[~one.isin(every)])
    found = {}
    for (name, one), label in zip(elpds.items(), labels, strict=True):
        numbers = {dim: every.get_indexer(label)}
        pareto_k = None if one.pareto_k is None else one.pareto_k.assign_coords(numbers)
        elpd_i = one.elpd_i.assign_coords(numbers)
        found[name] = replace(one, elpd_i=elpd_i, pareto_k=pareto_k)
    return found


def _cut(one: Any, elpd_i: Any) -> Any:
    pareto_k = one.pareto_k
    if pareto_k is not None:
        pareto_k = pareto_k.reindex_like(elpd_i)
    elpd, se, _ = summed(elpd_i.values, np.zeros(elpd_i.size))
    return replace(
        one,
        elpd=elpd,
        se=se,
        p=one.p * elpd_i.size / one.n_data_points,
        n_data_points=elpd_i.size,
        elpd_i=elpd_i,
        pareto_k=pareto_k,
    )
