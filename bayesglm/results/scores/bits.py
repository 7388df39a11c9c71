"""Bits per spike: what a model tells of each event beyond their constant rate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.errors import DataError, ModelError, tell
from bayesglm.inference.problem.asked import whole_number
from bayesglm.inference.tree.kept import Kept, evenly
from bayesglm.inference.tree.opened import kept_of, model_of, reopen
from bayesglm.results.scores.alike import overlap_of
from bayesglm.results.scores.constant_rate import Events, events_of
from bayesglm.results.scores.held_out import log_mean
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import shown
from bayesglm.spec.names import CONSTANT, EVENTS

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

Array = np.ndarray


class Gain(NamedTuple):
    """Log densities of one unit's rows, by the model and at a constant rate, and their events.

    ``draws`` is how many a density of the model is the mean over; 0 where it is held out.
    ``overlap`` is how many of the values hold each row, where they are of blocks that overlap.
    """

    model: Array
    constant: Array
    events: Array
    draws: int = 0
    overlap: int = 1

    def row(self) -> dict[str, float]:
        """Return the row of the table."""
        n = float(self.events.sum()) / self.overlap
        with np.errstate(invalid="ignore"):
            gained = (self.model - self.constant) / self.overlap
        per_event = n * np.log(2.0) if n > 0.0 else np.nan
        spread = (
            np.sqrt(self.overlap * len(gained) * gained.var())
            if np.isfinite(gained).all()
            else np.nan
        )
        return {
            "bits_per_spike": float(gained.sum()) / per_event,
            "se": float(spread) / per_event,
            "spikes": n,
            "log_score": float(self.model.sum()) / self.overlap,
            "constant_log_score": float(self.constant.sum()) / self.overlap,
        }


def bits_per_spike(scored: Any, draws: int = 200) -> pd.DataFrame:
    """Tell how many bits a model tells of each spike, beyond a constant rate.

        bits/spike = sum_i [log p(y_i | model) - log p(y_i | constant rate)] / (log 2 sum_i y_i)

    (Harris et al. 2003, Nature 424:552; Pillow et al. 2008, Nature 454:995; of Poisson counts it
    estimates the single-spike information, Williamson, Sahani & Pillow 2015, PLoS Comput Biol
    11:e1004141). The constant rate is that of the training rows: of `loo` all rows but the one
    that is scored, of `kfold` the rows of the other folds, of `lfo` those before, of a fit its
    own. Counts without a bound are Poisson's at that rate, whatever the family of the model;
    yes and no, and counts among trials, are binomial, and a spike is then a yes. With an
    exposure the rate is per unit of it.

    Parameters
    ----------
    scored : xarray.DataTree or ELPDData
        A fit gives the bits in sample, which flatter a model: p(y_i | model) is the mean over its
        draws, or that at the MAP. What `loo`, `kfold` or `lfo` return gives them out of sample. The
        difference of two models' bits is the difference of their elpds, per spike.
    draws : int
        Posterior draws of a fit over which densities are averaged, evenly spaced among all; scores
        have none. The mean over S draws tells too little by sum_i var_s log p(y_i | s) / (2 S)
        nats, half the effective number of parameters of WAIC over S: of 30 parameters and 200
        draws 0.075 nats in all.

    Returns
    -------
    pandas.DataFrame
        A row for each unit of a population, one in all otherwise: ``bits_per_spike``, its standard
        error ``se`` over the rows (or sets of rows) that were scored, as `compare` makes it,
        ``spikes``, and the two sums of log densities in nats, ``log_score`` and
        ``constant_log_score``. Negative bits: the constant rate tells more. Of a fit the
        attribute ``draws`` says how many were averaged. Blocks of ``lfo`` that overlap have their
        sums divided by ``horizon``, so that no moment counts more than once.

    Raises
    ------
    ModelError
        Responses that count no events (measurements, labels of several levels), or that are seen
        in part (censored, truncated): compare their log scores, `compare`.
    DataError
        Neither a fit nor scores; scores of another package, which do not say what they score;
        ``draws`` that are no whole number of 1 at least.

    Warns
    -----
    BayesGLMWarning
        Units without spikes, whose bits are NaN; spikes in one fold only, whose constant rate
        elsewhere is zero, so that the bits are infinite.

    Examples
    --------
    >>> import bayesglm as bg
    >>> x = [k / 10 for k in range(-20, 20)]
    >>> data = {"y": [round(2 + 1.5 * v) if v > -1 else 0 for v in x], "x": x}
    >>> model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    >>> table = bg.bits_per_spike(bg.fit_map(model, data))
    >>> table["spikes"].item(), bool(table["bits_per_spike"].item() > 0.5)
    (81.0, True)
    """
    from arviz_stats.utils import ELPDData

    from bayesglm.inference.tree.shown import Shown

    draws = whole_number("draws", draws, 1)
    if isinstance(scored, ELPDData):
        gains, labels, name = _of_scores(scored)
    else:
        gains, labels, name = _of_fit(scored, draws)
    table = Shown([gain.row() for gain in gains], index=labels)
    table.index.name = name
    used = [gain.draws for gain in gains if gain.draws]
    if used:
        table.attrs["draws"] = min(used)
    _tell_unspoken(table)
    return table


def _of_fit(fit: xr.DataTree, draws: int) -> tuple[list[Gain], list[Any], str]:
    """Return what a fit gains in sample, and the labels of its units."""
    _check_counts_events(model_of(fit))
    problems = reopen(fit)
    gains = []
    for one in kept_of(fit, problems):
        events = events_of(one.problem)
        assert events is not None
        gains.append(gain_in_sample(one, events, draws))
    plan = problems[0].plan
    if plan.labels is None:
        return gains, [plan.model.response], "response"
    return gains, list(plan.labels), str(plan.population)


def gain_in_sample(kept: Kept, events: Events, draws: int) -> Gain:
    """Return what the rows of one unit gain, by the mean density over so many of its draws."""
    some = kept.some(evenly(kept.finished[0], draws))
    (model,) = some.each_row(lambda values: (log_mean(values),))
    constant = events.log_density(events.rate(slice(None)))
    return Gain(model, constant, events.weighted, some.n_draws)


def _of_scores(elpd: Any) -> tuple[list[Gain], list[Any], str]:
    """Return what held-out scores gain, and the labels of the units."""
    scores = elpd.elpd_i
    if scores is None or "measure" not in scores.attrs:
        raise DataError(
            "the scores do not say which responses they are of; give what loo or kfold of this "
            "package return."
        )
    if CONSTANT not in scores.coords:
        raise ModelError(
            f"the responses {scores.attrs['response']!r} count no events, or are seen in part, and "
            "bits per spike are of events; compare log scores, with compare."
        )
    dims = scores.dims[1:]
    population = str(dims[0]) if dims else "response"
    columns = [
        values.values.reshape(len(scores), -1).T
        for values in (scores, scores[CONSTANT], scores[EVENTS])
    ]
    gains = [
        Gain(model, constant, events, overlap=overlap_of(elpd))
        for model, constant, events in zip(*columns, strict=True)
    ]
    labels = list(scores[population].values) if dims else [scores.attrs["response"]]
    return gains, labels, population


def _check_counts_events(model: Any) -> None:
    """Raise ModelError unless the responses of a model are events, seen whole."""
    words = FAMILY_NAMES[model.family]
    if not words.counts_events:
        raise ModelError(
            f"bits per spike are of events, and {model.family} responses ({model.response!r}) are "
            "none; compare log scores, with compare({name: loo(fit), ...})."
        )
    for name in ("censored", "truncated"):
        if getattr(model, name) is not None:
            raise ModelError(
                f"the responses {model.response!r} are {name}, and a constant rate of events that "
                f"are seen in part is no mean of them; compare log scores, with compare."
            )


def _tell_unspoken(table: pd.DataFrame) -> None:
    """Warn of units of which no bits can be told."""
    silent = table.index[table["spikes"] == 0.0]
    if len(silent):
        tell(
            f"{len(silent)} of {len(table)} units have no spikes, the first is "
            f"{shown(silent[0])}: their bits per spike are NaN."
        )
    alone = table.index[np.isneginf(table["constant_log_score"])]
    if len(alone):
        tell(
            f"{len(alone)} of {len(table)} units, the first is {shown(alone[0])}, have spikes "
            "where the rows they were trained on have none: a constant rate of zero is beaten by "
            "infinitely many bits. Take fewer folds, or longer recordings."
        )
