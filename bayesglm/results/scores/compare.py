"""Models side by side, on the samples that all of them predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayesglm.errors import BayesGLMError, DataError, tell
from bayesglm.inference.tree.opened import are_named
from bayesglm.inference.tree.shown import SENTENCES
from bayesglm.results.scores.alike import (
    EXTERNAL,
    check_alike,
    check_same_places,
    overlap_of,
    scored_in_words,
    taken,
)
from bayesglm.results.scores.averaging import pseudo_bma_weights, stacking_weights
from bayesglm.results.scores.compared import Compared, selection_told, sentence_of
from bayesglm.results.scores.differences import Difference, difference_of, subsampled_difference
from bayesglm.results.scores.elpd import summed
from bayesglm.results.scores.loo import loo
from bayesglm.results.scores.pairing import common_samples, unchecked
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.names import CARRIED, CONSTANT, EVENTS, first_repeat

if TYPE_CHECKING:
    from arviz_stats.utils import ELPDData

Array = np.ndarray
BITS = "bits_per_event"  # the column of what a model tells of each event
MANY = 0.05  # of the common samples: leaving out more is worth a warning; chosen


def compare(models: Mapping[str, Any]) -> pd.DataFrame:
    """Rank models by expected log predictive density, and say what the differences tell.

    Parameters
    ----------
    models : mapping of names to fits or ELPDData
        Posterior fits (scored by `loo`), or the results of `score`, `loo`, `kfold`, `lfo` or
        `external`, by this package or by ArviZ. Samples are paired by their labels (the index of a
        frame, the coordinates of the samples), by position where they have none. Those that one of
        them left out (a longer past, say) are left out of all.

    Returns
    -------
    pandas.DataFrame
        Best model first, in nats, unrounded:

        - ``elpd`` and its standard error ``se``;
        - ``elpd_diff`` to the best, and its standard error ``dse``, of paired samples;
        - ``p_worse``, the probability that the model predicts worse than the best, under the normal
          approximation Phi(-elpd_diff / dse), and ``diagnosis``, why that may not hold: N < 100;
          \\|elpd_diff| < 4; skewed or heavy-tailed differences; differences that are alike within
          stretches of time, a label or the units of a sample, which then have a larger error;
        - ``weight``, of stacking, and ``pseudo_bma_weight``, of pseudo-BMA+;
        - ``p``, the effective number of parameters; ``n_high_khat``, at how many samples k-hat is
          above its limit;
        - ``bits_per_event`` beyond a constant rate, where responses count events (as of
          `bits_per_spike`; one rate for all models), and ``mean_log_score``, elpd per sample,
          elsewhere;
        - ``subsampling_dse``, of subsampled scores, what the subsample adds to ``dse``.

        The table is shown with a sentence on each model and the best, and on neighbours; they are
        in ``attrs["sentences"]``. Two models are told apart where they differ by at least 4 nats
        and by 2 standard errors, of dependent samples the larger ones; by 4 of fewer than 100
        samples, of heavy-tailed differences, or where k-hat is high. ``attrs`` also hold
        ``told_apart``, whether each model is from the best, and ``errors``, those of the
        differences to it, the larger ones of dependent samples; ``n_data_points``, how many values
        were compared, ``compared_on``, what these are of, ``left_out``, how many each model had
        more, and ``events``, how many they count in all, where there are bits per event.

    Raises
    ------
    DataError
        Fewer than two models, two of one name, or models without common samples; labels that do not
        tell which samples belong together; samples with different responses, trials or weights;
        densities (of measurements) among probabilities (of counts); scores of the future, or of a
        subsample, beside others; log densities that are no finite numbers.

    Warns
    -----
    BayesGLMWarning
        More than 5% of a model's samples were left out to compare like with like; scores of
        another package, which do not say what they score; leave-one-out beside k-fold; more than 11
        models of which the best is no better than the best of so many is by chance.

    Notes
    -----
    Errors and their diagnosis are those of Vehtari, Gelman & Gabry 2017, Statistics and Computing
    27:1413, and of Sivula, Magnusson, Matamoros & Vehtari 2020, arXiv:2008.10296; the weights those
    of Yao, Vehtari, Simpson & Gelman 2018, Bayesian Analysis 13:917; the warning that of McLatchie
    & Vehtari 2024, Statistics and Computing 34:132. Where there is no difference, a winner is told
    in 3 to 7 of 100 tables: of independent samples, of 100 to 500 lognormal ones (by the standard
    error alone in up to 18), of 1,000 in a series of correlation 0.9 (in 63), of 50 groups (in 52).

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
    >>> table.attrs["sentences"][0][:35]
    "'x' predicts better than 'nothing':"
    """
    elpds = _scored(models)
    check_alike(elpds)
    common = _on_common_samples(elpds)
    names = sorted(common, key=lambda name: -common[name].elpd)
    ranked = [common[name] for name in names]
    to_best = [_difference(ranked[0], one) for one in ranked[1:]]
    columns = _columns(ranked, to_best)
    table = Compared(columns, index=pd.Index(names, dtype=object))
    n_common = ranked[0].elpd_i.size
    others = dict(zip(names[1:], to_best, strict=True))
    table.attrs["told_apart"] = {name: one.is_told for name, one in others.items()}
    table.attrs["errors"] = {name: one.error for name, one in others.items()}
    table.attrs["n_data_points"] = n_common
    table.attrs["compared_on"] = scored_in_words(ranked[0])
    table.attrs["left_out"] = {name: one.elpd_i.size - n_common for name, one in elpds.items()}
    if BITS in table:
        table.attrs["events"] = float(_knowing(ranked)[0][EVENTS].values.sum())
    table.attrs[SENTENCES] = _sentences(names, ranked, to_best)
    selection = selection_told(table["elpd"])
    if selection:
        tell(selection)
        table.attrs[SENTENCES].append(selection[0].upper() + selection[1:])
    return table


def _scored(models: Mapping[str, Any]) -> dict[str, ELPDData]:
    """Return the score of each model; DataError unless there are several, by names."""
    from arviz_stats.utils import ELPDData

    if not are_named(models, 2):
        raise DataError(
            "compare needs a mapping of at least two names to fits or ELPDData; write "
            "compare({'a': fit, 'b': other})."
        )
    twice = first_repeat(str(name) for name in models)
    if twice is not None:
        raise DataError(f"two models are called {twice!r}; give each a name of its own.")
    elpds = {}
    for name, one in models.items():
        try:
            elpds[name] = one if isinstance(one, ELPDData) else loo(one)
        except BayesGLMError as error:
            raise type(error)(f"model {name!r}: {error}") from error
    return elpds


def _on_common_samples(elpds: dict[str, Any]) -> dict[str, Any]:
    """Cut every pointwise result down to the samples that all results have."""
    values = {name: one.elpd_i for name, one in elpds.items()}
    places = common_samples(values)
    n_common = next(one.isel(places[name]).size for name, one in values.items())
    cut = {name: one.elpd_i.size - n_common for name, one in elpds.items()}
    common = {name: _cut(name, one, places[name]) for name, one in elpds.items()}
    if max(cut.values()) > MANY * n_common:
        told = ", ".join(f"{number} of {name!r}" for name, number in cut.items() if number)
        words = scored_in_words(next(iter(common.values())))
        tell(f"compared on the {words} that all models predict; left out: {told}.")
    foreign = unchecked(values)
    if foreign:
        tell(
            f"the scores of {', '.join(map(repr, foreign))} do not say which responses they score, "
            "nor whether by densities or by probabilities; see to it that they are the same as "
            "those of the others."
        )
    if all(taken(one) is not None for one in common.values()):
        check_same_places(common)
    return common


def _cut(name: str, one: Any, places: Mapping[str, Array]) -> Any:
    """Return a result on some of its samples, in their order."""
    elpd_i = one.elpd_i.isel(places)
    if elpd_i.equals(one.elpd_i):
        return one
    if taken(one) is not None:
        raise DataError(
            f"the subsampled score of {name!r} is of other samples than the others, or in another "
            "order; score all models with the same subsample= and seed, of the same data."
        )
    elpd, se, _ = summed(elpd_i.values, np.zeros(elpd_i.size), overlap_of(one))
    return replace(
        one,
        elpd=elpd,
        se=se,
        p=one.p * elpd_i.size / one.n_data_points,
        n_data_points=elpd_i.size,
        elpd_i=elpd_i,
        pareto_k=None if one.pareto_k is None else one.pareto_k.isel(places),
    )


def _difference(better: Any, worse: Any) -> Difference:
    """Return the difference of two results on the same samples."""
    in_doubt = _n_high_khat(better) + _n_high_khat(worse) > 0
    if taken(better) is not None:
        return subsampled_difference(better, worse, in_doubt)
    values, dim = better.elpd_i, str(better.elpd_i.dims[0])
    labels = {
        str(name): one.values
        for name, one in values.coords.items()
        if one.dims == (dim,) and name not in CARRIED
    }
    time = labels.pop("time", None)
    trial = labels.get("trial")
    keys = [np.unique(one, return_inverse=True)[1] for one in (time, trial) if one is not None]
    order = np.lexsort(keys) if time is not None else None
    overlap, words = overlap_of(better), scored_in_words(better)
    difference = difference_of(
        values.values - worse.elpd_i.values, labels, order, in_doubt, overlap
    )
    return replace(difference, over=words)


def _n_high_khat(elpd: Any) -> int:
    """Return at how many samples k-hat is above its limit; none where there is no k-hat."""
    if elpd.pareto_k is None or elpd.good_k is None:
        return 0
    return int((elpd.pareto_k.values > elpd.good_k).sum())


def _columns(ranked: Sequence[Any], to_best: Sequence[Difference]) -> dict[str, Any]:
    """Return the columns of the table, of results in their order."""
    none = [Difference(0.0, 0.0, int(ranked[0].n_data_points)), *to_best]
    places = taken(ranked[0])
    flat = np.stack([one.elpd_i.values.ravel() for one in ranked], axis=-1).astype(float)
    elpd_i = flat if places is None else flat[places]
    columns: dict[str, Any] = {
        "elpd": [float(one.elpd) for one in ranked],
        "se": [float(one.se) for one in ranked],
        "elpd_diff": [-one.elpd if one.elpd else 0.0 for one in none],
        "dse": [one.se for one in none],
        "p_worse": [one.p_worse for one in none],
        "diagnosis": [one.diagnosis for one in none],
        "weight": stacking_weights(elpd_i),
        "pseudo_bma_weight": pseudo_bma_weights(elpd_i / overlap_of(ranked[0])),
        "p": [float(one.p) for one in ranked],
        "n_high_khat": [_n_high_khat(one) for one in ranked],
        **_per_event(ranked),
    }
    if places is not None:
        columns["subsampling_dse"] = [one.subsampling for one in none]
    return columns


def _per_event(ranked: Sequence[Any]) -> dict[str, list[float]]:
    """Return bits for each event beyond one constant rate, or what a sample scores."""
    known = _knowing(ranked)
    if known:
        constant = float(known[0][CONSTANT].values.sum())
        events = float(known[0][EVENTS].values.sum())
        if events > 0.0 and np.isfinite(constant):
            scale = np.log(2.0) * events
            return {BITS: [float(one.elpd - constant) / scale for one in ranked]}
    return {"mean_log_score": [float(one.elpd / one.n_data_points) for one in ranked]}


def _knowing(ranked: Sequence[Any]) -> list[Any]:
    """Return the pointwise values that know events and a constant rate, our own before others'."""
    known = [one.elpd_i for one in ranked if CONSTANT in one.elpd_i.coords]
    return sorted(known, key=lambda scores: bool(scores.attrs.get(EXTERNAL)))


def _sentences(
    names: Sequence[Any], ranked: Sequence[Any], to_best: Sequence[Difference]
) -> list[str]:
    """Return what may be said of each model and the best, of neighbours, and of single scores."""
    best = [sentence_of(names[0], name, one) for name, one in zip(names[1:], to_best, strict=True)]
    others = [
        sentence_of(names[k], names[k + 1], _difference(ranked[k], ranked[k + 1]))
        for k in range(1, len(names) - 1)
    ]
    doubts = [
        f"Of {name!r}: {one.elpd_i.attrs['doubts']}"
        for name, one in zip(names, ranked, strict=True)
        if one.elpd_i.attrs.get("doubts")
    ]
    return [*best, *others, *doubts]


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
