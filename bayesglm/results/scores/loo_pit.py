"""Chances of responses under the posterior without them, by Pareto-smoothed weights."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.inference.tree.kept import Kept, evenly, one_row_each
from bayesglm.inference.weights.psis import smoothed_lines
from bayesglm.results.chances import Chances, chances_fault, chances_of
from bayesglm.results.foretold import Drawn, Range

Array = np.ndarray
MOST_DENSITIES = 400_000_000  # rows times draws that are computed: chosen, some ten seconds
FEWEST_DRAWS = 400  # whatever the rows: tails need some; chosen


def leave_one_out_chances(kept: Kept, relative_efficiency: float) -> tuple[Chances, Array]:
    """Return the chances below and up to each response of one unit without it, and its k-hat.

    P(Y <= y_i | y without y_i) = sum(w_s P(Y <= y_i | theta_s)), with the weights w of `loo`. Rows
    are gone through in blocks, in which all draws are held; of very many rows fewer draws are
    taken, evenly spaced.
    """
    problem = kept.problem
    fault = chances_fault(problem)
    if fault:
        raise ModelError(f"leave-one-out chances of {problem.plan.model.response!r}: {fault}.")
    alone = one_row_each(problem)
    if alone is not None:
        raise ModelError(
            f"each level of {alone!r} has a single row: without it nothing is known of its effect, "
            "and importance weights do not stand. Use residuals, or kfold."
        )
    n_rows = problem.design.n_rows
    most = max(FEWEST_DRAWS, MOST_DENSITIES // max(1, n_rows))
    drawn = Drawn(kept.some(evenly(kept.finished[0], most)))
    family, chances, khat = drawn.family, Chances.empty(n_rows), np.empty(n_rows)

    def work(one: Range) -> tuple[Chances, Array]:
        density = family.log_likelihood(one.rows.y, *one.told)
        density = np.broadcast_to(density, (drawn.n_draws, len(one.rows)))
        weighted = np.ascontiguousarray((density * one.weights).T)
        log_weights, own = smoothed_lines(-weighted, relative_efficiency)
        return chances_of(family, one.rows.y, one.told, density, np.exp(log_weights).T), own

    for at, (some, own) in drawn.streamed(work):
        chances.put(at, some)
        khat[at] = own
    return chances, khat
