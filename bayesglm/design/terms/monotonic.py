"""Columns of ordered predictors: a step from each level to the next."""

from __future__ import annotations

import numpy as np
import pandas as pd

from bayesglm.design.blocks import Block
from bayesglm.design.factors import factor, on_levels
from bayesglm.design.readings import Readings
from bayesglm.design.variables import require
from bayesglm.errors import DataError
from bayesglm.spec.terms.monotonic import Monotonic

Array = np.ndarray


def monotonic_block(term: Monotonic, readings: Readings) -> Block:
    """Lay how many steps each sample has taken, in a column of ones and zeros for each step."""
    levels, codes = _levels_and_codes(term, readings)
    if len(levels) < 2:
        raise DataError(
            f"ordered predictor {term.variable!r} has one level, {levels.tolist()[0]!r}, and so no "
            "step; remove the term, give data in which two levels occur, or name all levels "
            "(levels=)."
        )
    dim, steps = f"{term.label}_step", levels[1:]
    return Block(
        term.label,
        codes[:, None].astype(np.float64),
        (len(steps),),
        (dim,),
        {dim: steps},
        settles={"levels": term.levels or tuple(levels.tolist())},
        steps=True,
    )


def _levels_and_codes(term: Monotonic, readings: Readings) -> tuple[Array, Array]:
    """Return the levels in their order, and the number of each sample's."""
    kind = require(readings.dataset, term.variable, "factor").dtype
    ordered = isinstance(kind, pd.CategoricalDtype) and bool(kind.ordered)
    observed, codes = factor(readings, term.variable, in_own_order=ordered)
    if term.levels is not None:
        return on_levels(term.levels, observed, codes, term.variable, term.label, readings)
    if not ordered and observed.dtype.kind not in "biu":
        known = ", ".join(map(repr, observed.tolist()[:5]))
        raise DataError(
            f"ordered predictor {term.variable!r} holds words ({known}), which have no order of "
            f"their own; write Monotonic({term.variable!r}, levels=[...]) with the levels from one "
            "end to the other, or give ordered categories (pandas.Categorical(..., ordered=True))."
        )
    return observed, codes
