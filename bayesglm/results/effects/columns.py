"""The variables that a fit reads, as effects change them: labels, or numbers with their spread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.variables import holds_labels
from bayesglm.errors import DataError
from bayesglm.results.effects.fitted import Fitted
from bayesglm.results.effects.grids import row_weights
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.seen import seen_roles
from bayesglm.spec.terms.term import FACTOR

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM

Array = np.ndarray


class Column(NamedTuple):
    """A variable on the rows of the fit that are in use, each of which counts by its weight.

    ``levels`` are the labels that it takes, in their order, the first being the one that others
    are held against; None of numbers. ``is_binary`` are numbers that are all 0 or 1.
    """

    name: str
    values: Array
    weights: Array
    levels: tuple[Any, ...] | None
    is_binary: bool

    @property
    def is_flat(self) -> bool:
        """Whether it has one value for each sample, and no more."""
        return self.values.ndim == 1

    def mean(self) -> float:
        """Return the mean of numbers."""
        return float(np.average(self._flat, weights=self._counts))

    def mode(self) -> Any:
        """Return the most frequent value, of several the first in order."""
        values, codes = np.unique(self._flat, return_inverse=True)
        mode = values.tolist()[np.argmax(np.bincount(codes, self._counts))]
        return int(mode) if self.is_binary else mode

    def sd(self) -> float:
        """Return the standard deviation of numbers, as of rows that stand so often as they count.

        >>> column = Column("x", np.array([1.0, 3.0]), np.array([2.0, 1.0]), None, False)
        >>> round(column.sd(), 6)
        1.154701
        """
        counts = self._counts
        squares = np.average((self._flat - self.mean()) ** 2, weights=counts)
        return float(np.sqrt(squares * counts.sum() / (counts.sum() - 1.0)))

    def quantile(self, probability: float) -> float:
        """Return a quantile of numbers, interpolated among rows that stand so often as they count.

        >>> Column("x", np.array([1.0, 3.0]), np.array([2.0, 1.0]), None, False).quantile(0.75)
        2.0
        """
        order = np.argsort(self._flat, kind="stable")
        upto = np.cumsum(self._counts[order])
        place = probability * (upto[-1] - 1.0)
        below = int(np.searchsorted(upto, np.floor(place), side="right"))
        above = int(np.searchsorted(upto, np.ceil(place), side="right"))
        low, high = (float(self._flat[order[min(k, len(order) - 1)]]) for k in (below, above))
        return low + float(place - np.floor(place)) * (high - low)

    @property
    def _flat(self) -> Array:
        return self.values.reshape(-1)

    @property
    def _counts(self) -> Array:
        return np.repeat(self.weights, self.values.size // len(self.values))


def predictors_of(model: GLM) -> tuple[str, ...]:
    """Return the variables that predictions read: those of terms, and known parts of eta.

    >>> from bayesglm.spec.model import GLM
    >>> predictors_of(GLM("y", ["x", "z"], family="poisson", exposure="days", weights="n"))
    ('x', 'z', 'days')
    """
    names = [name for term in model.every_term for name in term.variables]
    names += [name for name in (model.offset, model.exposure) if name is not None]
    names += [name for role, name in seen_roles(model).items() if role.endswith("bound")]
    return tuple(dict.fromkeys(names))


def refuse_lags(model: GLM, why: str) -> None:
    """Raise DataError where a term reads samples before its own, which the rows at hand lack."""
    lagged = [term.label for term in model.every_term if term.is_lagged]
    if lagged:
        raise DataError(f"term {lagged[0]!r} reads samples before its own, and {why}")


def changeable(fitted: Fitted) -> tuple[str, ...]:
    """Return the variables whose effects are told where none is named.

    Those of terms with a value for each sample, but factors of groups, which are the levels of a
    population of effects rather than causes, and series of events that are read at lags: an event
    at every sample is none that there could be.
    """
    model, dataset = fitted.plan.model, fitted.observed.dataset
    names = []
    for term in model.every_term:
        for name in term.variables:
            of_group = term.facts.of_levels and term.roles[name] == FACTOR
            dims = dataset.variables[name].dims
            if of_group or not set(dims) <= {fitted.observed.dim, fitted.plan.population}:
                continue
            if not (term.is_lagged and column_of(fitted, name).is_binary):
                names.append(name)
    return tuple(dict.fromkeys(names))


def column_of(fitted: Fitted, name: Any) -> Column:
    """Return a variable that predictions of a fit read; DataError where they do not."""
    model, laid = fitted.plan.model, fitted.observed
    known = predictors_of(model)
    if not isinstance(name, str) or name not in known:
        raise DataError(
            f"{shown(name)} is no predictor of the fit, which reads "
            f"{', '.join(map(repr, known)) or 'none'}.{closest(name, known)}"
        )
    variable = laid.dataset.variables[name]
    if laid.dim not in variable.dims:
        raise DataError(
            f"{name!r} lies over {variable.dims}, not over the samples ({laid.dim!r}), so that no "
            "sample has a value of it to change; change another predictor."
        )
    values = np.asarray(variable.transpose(laid.dim, ...).values)[laid.rows]
    weights = row_weights(model, laid)
    is_factor = any(term.roles.get(name) == FACTOR for term in model.every_term)
    if is_factor or values.dtype.kind == "b" or holds_labels(variable):
        return Column(name, values, weights, _levels_of(model, name, values), False)
    numbers = values.astype(np.float64)
    return Column(name, numbers, weights, None, bool(np.isin(numbers, (0.0, 1.0)).all()))


def _levels_of(model: GLM, name: str, values: Array) -> tuple[Any, ...]:
    """Return labels in the order of the term that reads them, its reference first."""
    for part in _parts(model):
        levels = getattr(part, "levels", None)
        if levels is None or tuple(part.variables) != (name,):
            continue
        reference = getattr(part, "reference", None)
        first = [] if reference is None else [reference]
        return (*first, *(one for one in levels if one not in first))
    return tuple(np.unique(values).tolist())


def _parts(model: GLM) -> Iterator[Any]:
    """Run through terms, and through those of which products are made."""
    for term in model.every_term:
        yield from getattr(term, "terms", (term,))
