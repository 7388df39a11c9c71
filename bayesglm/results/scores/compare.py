"""Models side by side, by ArviZ's comparison, on the samples that all of them predicted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.errors import DataError, tell
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.loo import loo
from bayesglm.results.scores.pairing import common_samples, unchecked
from bayesglm.spec.hints import closest, shown

if TYPE_CHECKING:
    import pandas as pd

Array = np.ndarray
MANY = 0.05  # of the common samples: leaving out more is worth a warning; chosen


def compare(models: Mapping[str, Any]) -> pd.DataFrame:
    """Rank models by expected log predictive density, with standard errors of the differences.

    Parameters
    ----------
    models : mapping of names to fits or ELPDData
        Posterior fits (scored by `loo`), or the results of `loo` or `kfold`, by this package or
        by ArviZ. Samples are paired by their labels (the index of a frame, the coordinates of the
        samples), by position where they have none. Those that one of them left out (a longer
        past, say) are left out of all.

    Returns
    -------
    pandas.DataFrame
        ArviZ's table, best model first: ``elpd``, ``se``, ``elpd_diff`` to the best and its
        standard error ``dse``, stacking ``weight``, ``p``; unrounded. Its ``attrs`` hold
        ``n_data_points``, the samples compared, and ``left_out``, how many each model had more.

    Raises
    ------
    DataError
        Fewer than two models, or models without common samples; labels that do not tell which
        samples belong together; samples with different responses, trials or weights; densities
        (of measurements) among probabilities (of counts).

    Warns
    -----
    BayesGLMWarning
        More than 5% of a model's samples were left out to compare like with like; scores of
        another package, which do not say what they score.

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

    is_fit = "model" in getattr(models, "attrs", ())
    if not isinstance(models, Mapping) or len(models) < 2 or is_fit:
        raise DataError(
            "compare needs a mapping of at least two names to fits or ELPDData; write "
            "compare({'a': fit, 'b': other})."
        )
    elpds = {name: one if isinstance(one, ELPDData) else loo(one) for name, one in models.items()}
    common = _on_common_samples(elpds)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        table = arviz_compare(common, round_to="none")
    for one in told:
        tell(str(one.message))
    n_common = int(next(iter(common.values())).n_data_points)
    table.attrs["n_data_points"] = n_common
    table.attrs["left_out"] = {
        name: int(one.n_data_points) - n_common for name, one in elpds.items()
    }
    return table


def _on_common_samples(elpds: dict[str, Any]) -> dict[str, Any]:
    """Cut every pointwise result down to the samples that all results have."""
    missing = [name for name, one in elpds.items() if one.elpd_i is None]
    if missing:
        raise DataError(
            f"model {missing[0]!r} has no pointwise values; compute it with pointwise=True."
        )
    values = {name: one.elpd_i for name, one in elpds.items()}
    places = common_samples(values)
    n_common = next(one.isel(places[name]).size for name, one in values.items())
    cut = {name: one.elpd_i.size - n_common for name, one in elpds.items()}
    if max(cut.values()) > MANY * n_common:
        told = ", ".join(f"{number} of {name!r}" for name, number in cut.items() if number)
        tell(f"compared on the {n_common} samples that all models predict; left out: {told}.")
    foreign = unchecked(values)
    if foreign:
        tell(
            f"the scores of {', '.join(map(repr, foreign))} do not say which responses they score, "
            "nor whether by densities or by probabilities; see to it that they are the same as "
            "those of the others."
        )
    return {name: _cut(one, places[name]) for name, one in elpds.items()}


def _cut(one: Any, places: Mapping[str, Array]) -> Any:
    """Return a result on some of its samples, in their order."""
    elpd_i = one.elpd_i.isel(places)
    if elpd_i.equals(one.elpd_i):
        return one
    elpd, se, _ = summed(elpd_i.values, np.zeros(elpd_i.size))
    return replace(
        one,
        elpd=elpd,
        se=se,
        p=one.p * elpd_i.size / one.n_data_points,
        n_data_points=elpd_i.size,
        elpd_i=elpd_i,
        pareto_k=None if one.pareto_k is None else one.pareto_k.isel(places),
    )


def check_scores(elpd: Any, fits: Mapping[str, Any]) -> None:
    """Raise DataError unless scores of fits are given by name as `kfold` and `loo` return them."""
    from arviz_stats.utils import ELPDData

    if not isinstance(elpd, Mapping):
        raise DataError(
            f"elpd is a mapping of names of fits to what loo or kfold return; got {shown(elpd)}."
        )
    for name, one in elpd.items():
        if name not in fits:
            raise DataError(f"elpd names {name!r}, which is no fit.{closest(name, fits)}")
        if not isinstance(one, ELPDData):
            raise DataError(
                f"elpd[{name!r}] is {shown(one)}; give what loo or kfold return for that fit."
            )
