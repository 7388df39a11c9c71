"""The expected log predictive density of every model of a path, beside its reference's.

A row is left out by the weights that the reference has for it,

    p(y_i | others, terms)  ~  sum_s W_is p(y_i | theta_s projected onto the terms),
    W_is  ~  1 / p(y_i | theta_s),  Pareto-smoothed,

since the projection of the draws without a row is the projection of the same draws with other
weights (Piironen, Paasiniemi & Vehtari 2020, Electronic Journal of Statistics 14:2155, section
4.2). The search itself has seen the row: `validated_search` makes that good.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from bayesglm.errors import tell
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.weights.psis import khat_limit, leave_one_out, smoothed_lines
from bayesglm.numerics.density.pointwise import each_pointwise
from bayesglm.results.projection.onto import project_onto
from bayesglm.results.projection.path import Path
from bayesglm.results.projection.reference import Reference
from bayesglm.results.scores.dependence import describe_dependence

Array = np.ndarray
DRAWS = 400  # of the reference that are projected onto each model of a path: projpred's number
# Nats for each row by which two models that are the same may differ: rounding.
SAME = 1e-9
HELD = 20_000_000  # coefficients (8 bytes each) of projected draws that are held at a time: chosen


@dataclass(frozen=True)
class Scores:
    """Log predictive densities of rows, or of sets of them, left out: of each model of a path.

    - `elpd_i`: ``(size, row or set, neuron)``, of the model of the first 0, 1, ... terms.
    - `reference_i`: ``(row or set, neuron)``, of the whole model.
    - `khat`: of the weights by which rows, or folds, were left out ``(row or fold, neuron)``; NaN
      where there were none.
    """

    elpd_i: Array
    reference_i: Array
    khat: Array

    @property
    def elpd(self) -> Array:
        """Their sums ``(size,)``."""
        return _sums(self.elpd_i)

    @property
    def se(self) -> Array:
        """The standard errors of these."""
        return _errors(self.elpd_i)

    @property
    def elpd_diff(self) -> Array:
        """How much higher than the reference's they are ``(size,)``."""
        return _sums(self.elpd_i - self.reference_i)

    @property
    def diff_se(self) -> Array:
        """The standard errors of these, of paired rows."""
        return _errors(self.elpd_i - self.reference_i)

    @property
    def reference_elpd(self) -> float:
        """The elpd of the whole model."""
        return float(self.reference_i.sum())

    @property
    def reference_se(self) -> float:
        """Its standard error."""
        return float(_errors(self.reference_i[None])[0])


class Suggestion(NamedTuple):
    """The size of a model, whether it is within one standard error of the reference, and why."""

    size: int
    within: bool
    why: str


def _sums(values: Array) -> Array:
    return values.reshape(len(values), -1).sum(axis=1)


def _errors(values: Array) -> Array:
    """Return the standard errors of sums, as ArviZ has them; NaN of a single value."""
    each = values.reshape(len(values), -1)
    if each.shape[1] < 2:
        return np.full(len(each), np.nan)
    return np.sqrt(each.shape[1]) * each.std(axis=1, ddof=1)


def score_path(
    reference: Reference, path: Path, draws: int = DRAWS, relative_efficiency: float = 1.0
) -> Scores:
    """Return the scores of all models of a path, each row left out by the reference's weights.

    The reference's are those of all its draws, as `loo` has them. So many ``draws`` are projected
    onto the terms of each model, and tell how far this lies from the reference: on the same draws,
    by the same weights.
    """
    some = reference.thinned(draws)
    whole = [one.each_row(_leaving_out(relative_efficiency)) for one in reference.kept]
    reference_i, khat = (np.stack([one[k] for one in whole], axis=-1) for k in range(2))
    elpd_i = np.empty((len(path.terms) + 1, *reference_i.shape))
    size = max(1, max(one.size for one in some.thetas))
    n_parts = min(-(-len(elpd_i) * size // HELD), len(elpd_i))
    for sizes in np.array_split(np.arange(len(elpd_i)), n_parts):
        every = [project_onto(some, path.at(int(k))).thetas for k in sizes]
        for k, problem in enumerate(some.problems):
            thetas = [some.thetas[k], *(one[k] for one in every)]
            elpd_i[sizes, :, k] = reference_i[:, k] + _above_reference(problem, thetas)
    return Scores(elpd_i, reference_i, khat)


def tell_of_dependence(kept: Sequence[Kept]) -> None:
    """Warn of samples that depend on one another, and are left out one by one, or at random."""
    dependence = describe_dependence(kept)
    if dependence:
        tell(
            "scores of samples that are left out one by one, or at random, flatter models here: "
            f"{dependence}. validate_search='time' leaves out blocks of time, and 'trial' trials."
        )


def tell_of_weights(scores: Scores, reference: Reference) -> None:
    """Warn of what speaks against scores by the reference's weights."""
    tell_of_dependence(reference.kept)
    khat, good = scores.khat, khat_limit(reference.n_draws)
    n_bad = int((khat > good).sum())
    if n_bad:
        tell(
            f"k-hat is above {good:.2f} for {n_bad} of {khat.size} samples (the largest is "
            f"{np.nanmax(khat):.2f}), so scores along the path are not to be trusted there; "
            "validate_search=10 leaves out folds, and draws the posterior of the others anew where "
            "weights do not stand."
        )


def _leaving_out(relative_efficiency: float) -> Callable[[Array], tuple[Array, Array]]:
    """Return what leaves out rows, given their log likelihoods ``(draws, rows)``."""

    def left_out(values: Array) -> tuple[Array, Array]:
        of_rows = leave_one_out(np.ascontiguousarray(values.T), relative_efficiency)
        return of_rows.elpd, of_rows.khat

    return left_out


def _above_reference(problem: Problem, thetas: Sequence[Array]) -> Array:
    """Return how much higher the densities ``(model, row)`` of rows left out are by projections.

    The first of ``thetas`` are the draws of the reference, the others their projections.
    """
    n = len(thetas[0])

    def above(values: Array) -> Array:
        of_models = values.reshape(len(thetas), n, -1)
        log_weights = smoothed_lines(-of_models[0].T)[0].T
        densities = logsumexp(of_models + log_weights, axis=1)
        return densities[1:] - densities[0]

    return np.concatenate(each_pointwise(problem.natural, np.concatenate(thetas), above), axis=-1)


def suggested(scores: Scores, n_forced: int = 0) -> Suggestion:
    """Return the size of the smallest model of which the elpd is within one standard error.

    That is elpd_diff + diff_se >= 0; of no model the largest is named. Those without forced terms
    are passed over.
    """
    diff, se = scores.elpd_diff, scores.diff_se
    sizes = np.arange(n_forced, len(diff))
    is_within = _is_within(scores)[sizes]
    if is_within.any():
        size = int(sizes[np.argmax(is_within)])
        return Suggestion(
            size,
            True,
            f"{_model_of(size)} is the smallest whose elpd is within one standard error of the "
            f"reference's: {_amount(diff[size], se[size])} it.",
        )
    size = int(sizes[-1])
    return Suggestion(
        size,
        False,
        f"no model of up to {size} terms comes within one standard error of the reference's elpd; "
        f"that of {size} is {_amount(diff[size], se[size])} it. Search further, by most=, or keep "
        "the reference.",
    )


def named(scores: Scores) -> Suggestion:
    """Return the size of a path whose terms were named, and what its model tells.

    It is within one standard error, or not, as those that are suggested.
    """
    diff, se = float(scores.elpd_diff[-1]), float(scores.diff_se[-1])
    size = len(scores.elpd_i) - 1
    why = (
        f"the terms were named, and searched among no others; the elpd of {_model_of(size)} is "
        f"{_amount(diff, se)} the reference's."
    )
    return Suggestion(size, bool(_is_within(scores)[-1]), why)


def _is_within(scores: Scores) -> Array:
    """Say of which sizes the elpd is within one standard error of the reference's, or above."""
    return scores.elpd_diff + scores.diff_se >= -SAME * scores.reference_i.size


def _model_of(size: int) -> str:
    if size == 0:
        return "the model without terms"
    return f"the model of {size} term{'s' if size > 1 else ''}"


def _amount(difference: float, error: float) -> str:
    """Say how far an elpd lies from the reference's.

    >>> _amount(-3.21, 2.4)
    '3.2 ± 2.4 nats below'
    """
    side = "below" if difference < 0.0 else "above"
    return f"{abs(difference):.1f} ± {error:.1f} nats {side}"
