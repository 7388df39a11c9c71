"""Predictions of any other method, scored as those of fits are, so that all stand in one table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import BayesGLMError, DataError, ModelError
from bayesglm.results.scores.alike import EXTERNAL
from bayesglm.results.scores.by_labels import by_labels
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.external_given import Given
from bayesglm.results.scores.folds import check_by
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.likelihood import check_family

if TYPE_CHECKING:
    import xarray as xr
    from arviz_stats.utils import ELPDData

Array = np.ndarray


def external(
    name: str,
    log_density: Any = None,
    predictions: Any = None,
    observed: Any = None,
    family: str | None = None,
    levels: Sequence[Any] | None = None,
    dispersion: Any = None,
    trials: Any = None,
    by: str | None = None,
) -> ELPDData:
    """Score held-out predictions of any other method, for `compare`: a baseline for everything.

    They should be out of sample, as those of fits are: of scikit-learn's ``cross_val_predict``,
    say, with the folds of `kfold`.

    Parameters
    ----------
    name : str
        What predicted, for messages.
    log_density : array, Series or DataArray, optional
        The log density (or probability) of each observed response. Else ``predictions``:
    predictions : array, Series, DataFrame or DataArray, optional
        Without ``family`` the probabilities of levels ``(sample, level)``. With it the mean of each
        sample ``(sample,)``, or ``(sample, unit)`` of a DataArray: of bernoulli the probability of
        yes, of binomial that in each trial, of poisson the rate, of gaussian the mean; of others
        what their link is of.
    observed : array, Series or DataArray
        The responses: labels, counts or numbers; may be left out with ``log_density``.
    family : str, optional
        The distribution around the mean, or that whose ``log_density`` is given.
    levels : sequence, optional
        The labels of ``predictions``, in the order of their columns (``estimator.classes_``); those
        of a DataFrame's columns, or of a DataArray's coordinate, by default. Of bernoulli
        responses that are labels: no and yes.
    dispersion : number, array, or mapping of names to these, optional
        The family's other parameters: ``sigma``, the predictive sd, of gaussian.
    trials : number or array, optional
        Of binomial counts.
    by : str, optional
        What was left out whole, as of `kfold` and `score`: a coordinate or the index, by the labels
        of which log densities are added up. One joint ``log_density`` of each label may be given,
        ``pd.Series(values, index=pd.Index(labels, name="site"))``.

    Returns
    -------
    arviz_stats ELPDData
        Of ArviZ's kind ``loo``, so that it compares; ``elpd_i`` holds what `compare` pairs by: the
        index of a Series or DataFrame, the coordinates of a DataArray, the positions of an array.
        ``p`` is NaN.

    Raises
    ------
    DataError
        Values of different lengths or with different labels, missing ones, or ones that are no
        probabilities or no means; observed labels that are no level; observations to which the
        predictions give no chance.
    ModelError
        An unknown family, or one that needs a dispersion, or trials, that are not given.

    Notes
    -----
    elpd = sum_i log p_i, with p_i the probability of the observed level, or the family's density at
    the mean. A rate alone says Poisson(rate), a mean and sd Normal(mean, sd): where the method says
    more, give ``log_density``.

    Examples
    --------
    >>> import bayesglm as bg
    >>> score = bg.external(
    ...     "forest", predictions=[[0.8, 0.2], [0.4, 0.6]], observed=["no", "yes"],
    ...     levels=["no", "yes"],
    ... )
    >>> round(score.elpd, 4) == round(float(np.log(0.8 * 0.6)), 4)
    True
    >>> rates = bg.external("trees", predictions=[1.2, 0.4], observed=[2, 0], family="poisson")
    >>> rates.elpd_i.round(3).values
    array([-1.529, -0.4  ])
    """
    if not isinstance(name, str) or not name:
        raise DataError(f"the name of external predictions comes first; got {shown(name)}.")
    check_by(by)
    if family is not None:
        check_family(family)
    if (log_density is None) == (predictions is None):
        raise DataError(f"external {name!r} takes either log_density= or predictions=.")
    if predictions is not None and observed is None:
        raise DataError(f"external {name!r}: predictions are scored by observed=; give that too.")
    given = {
        "log_density": log_density,
        "predictions": predictions,
        "observed": observed,
        **_parameters(family, dispersion, trials),
    }
    _check_levels(levels, family)
    try:
        scored = Given.read(given, levels).scored(family)
        scored = scored if by is None else by_labels(scored, by)
    except BayesGLMError as error:
        raise type(error)(f"external {name!r}: {error}") from error
    return _elpd_data(scored.assign_attrs({"model": name, EXTERNAL: 1}))


def _elpd_data(elpd_i: xr.DataArray) -> ELPDData:
    from arviz_stats.utils import ELPDDataLOO

    elpd, se, _ = summed(elpd_i.values, np.zeros(elpd_i.size))
    return ELPDDataLOO(
        elpd=elpd,
        se=se,
        p=np.nan,
        n_samples=0,
        n_data_points=elpd_i.size,
        scale="log",
        warning=False,
        good_k=None,
        elpd_i=elpd_i,
    )


def _parameters(family: str | None, dispersion: Any, trials: Any) -> dict[str, Any]:
    """Return dispersions and trials by name; ModelError where they do not go with the family."""
    if family is None:
        if dispersion is not None or trials is not None:
            raise ModelError("dispersion= and trials= are of a family; say family= too.")
        return {}
    words = FAMILY_NAMES[family]
    names = words.dispersions
    if dispersion is not None and not isinstance(dispersion, Mapping):
        if len(names) != 1:
            own = f"{', '.join(names)}: name them, {{{names[0]!r}: values}}" if names else "none"
            raise ModelError(f"dispersion is a single value, and those of {family} are {own}.")
        dispersion = {names[0]: dispersion}
    for one in dispersion or {}:
        if one not in names:
            raise ModelError(f"{family} has no dispersion {one!r}.{closest(one, names)}")
    if trials is not None and not words.needs_trials:
        raise ModelError(f"{family} predictions take no trials.")
    return {**(dispersion or {}), "trials": trials}


def _check_levels(levels: Any, family: str | None) -> None:
    """Raise an error unless levels are labels in an order, of responses that have some."""
    if levels is None:
        return
    if family is not None and FAMILY_NAMES[family].labels is None:
        raise ModelError(f"{family} responses are numbers, which have no levels=.")
    if isinstance(levels, (str, bytes)) or not isinstance(levels, (Sequence, np.ndarray, pd.Index)):
        raise DataError(f"levels= are labels in the order of columns; got {shown(levels)}.")
