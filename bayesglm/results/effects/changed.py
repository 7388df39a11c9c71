"""The rows of a grid with one variable changed, in all of them alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from bayesglm.errors import BayesGLMWarning, DataError
from bayesglm.results.effects.fitted import Fitted, Laid

Array = np.ndarray


def with_value(fitted: Fitted, laid: Laid, name: str, value: Any) -> Laid:
    """Return the rows laid anew, a variable having the same value in all of them."""
    variable = laid.dataset.variables[name]
    return _with(fitted, laid, name, np.full(variable.shape, value))


def moved(fitted: Fitted, laid: Laid, name: str, by: Any) -> Laid:
    """Return the rows laid anew, a variable being moved by a number; the same rows where by 0."""
    if np.ndim(by) == 0 and by == 0.0:
        return laid
    return _with(fitted, laid, name, laid.dataset.variables[name].values.astype(np.float64) + by)


def quietly(lay: Callable[[], Laid]) -> Laid:
    """Return rows laid without a word of what their neighbours, laid before, were told of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BayesGLMWarning)
        return lay()


def _with(fitted: Fitted, laid: Laid, name: str, values: Array) -> Laid:
    variable = laid.dataset.variables[name]
    new = {name: (variable.dims, values, variable.attrs)}
    is_coordinate = name in laid.dataset.coords
    dataset = laid.dataset.assign_coords(new) if is_coordinate else laid.dataset.assign(new)
    changed = fitted.lay(dataset)
    if not np.isin(laid.rows, changed.rows).all():
        raise DataError(
            f"rows that read {name!r} are in use before it changes, and not after; give a grid "
            "without missing values."
        )
    return changed.only(laid.rows)
