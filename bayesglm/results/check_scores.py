"""Scores of a fit in sample, against a constant mean: what its terms explain."""

from __future__ import annotations

from typing import Any

import numpy as np

from bayesglm.results.check_part import Checked, with_band
from bayesglm.results.foretold import Drawn, Foretold
from bayesglm.results.scores.bits import gain_in_sample
from bayesglm.results.scores.constant_rate import events_of

Array = np.ndarray


def check_scores(drawn: Drawn, told: Foretold, prob: float) -> Checked:
    """Tell log likelihood, deviance explained, McFadden's pseudo-R2, and bits per spike.

    A constant mean is that of the rows; dispersions are those of each draw, so that of McFadden's
    there is none where they are learned: at a constant mean they would be others. Bits per spike
    are those of the mean density, as of `bits_per_spike`, and their band is that of each draw.
    """
    problem, words = drawn.problem, drawn.family.words
    model = problem.plan.model
    variables: dict[str, Any] = with_band("log_likelihood", (), told.log_likelihood, prob)
    whole = model.censored is None and model.truncated is None
    with np.errstate(invalid="ignore", divide="ignore"):
        if whole and not words.circular:
            explained = 1.0 - told.deviance / told.null_deviance
            variables |= with_band("deviance_explained", (), explained, prob)
        learned = [one.name for one in problem.natural.registry.free_dispersions]
        learned = [name for name in learned if name not in words.increasing]
        if whole and words.discrete and not learned and not model.predicted:
            ratio = 1.0 - told.log_likelihood / told.null_log_likelihood
            variables |= with_band("mcfadden_r2", (), ratio, prob)
        events = events_of(problem)
        if events is not None:
            n = float(events.weighted.sum())
            constant = float(events.log_density(events.rate(slice(None))).sum())
            per_spike = np.log(2.0) * n if n > 0.0 else np.nan
            bits = (told.log_likelihood - constant) / per_spike
            variables |= with_band("bits_per_spike", (), bits, prob)
            gain = gain_in_sample(drawn.kept, events, drawn.n_draws)
            variables["bits_per_spike"] = ((), gain.row()["bits_per_spike"])
            variables["events"] = ((), n)
    return Checked(variables)
