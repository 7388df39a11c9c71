"""Terms turned into columns: one builder per kind of term, one kind of block out of all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.clock import Clock
from bayesglm.design.variables import factor_labels, numbers, require
from bayesglm.errors import DataError
from bayesglm.numerics.rows.rows import Coded, Columns, Dense, Shifted, span
from bayesglm.spec.terms.group import Group
from bayesglm.spec.terms.history import History
from bayesglm.spec.terms.lagged import Lagged
from bayesglm.spec.terms.linear import Linear
from bayesglm.spec.terms.term import Term

Array = np.ndarray
SHIFTED_FEATURES = 8  # from so many on, one product with the signal beats one per lag


@dataclass(frozen=True)
class Block:
    """The columns of one term and how its coefficients are named.

    ``signal`` is the predictor, ``(n_samples, n_features)``; lagged blocks read it at
    ``t - lag`` inside the sample's own trial, and blocks of a factor give it to the coefficients
    of each sample's level, which is in ``codes``. ``columns(rows)`` gives ``(len(rows), size)``,
    lag-major, in the order of the coefficient array of shape ``shape``. The first ``n_ones``
    columns of the signal are ones, whose sd counts as one where priors are scaled by that.
    """

    name: str
    signal: Array
    shape: tuple[int, ...]
    dims: tuple[str, ...]
    coords: Mapping[str, Array]
    lags: Array | None = None
    clock: Clock | None = None
    step: float | None = None
    codes: Array | None = None
    per_column: bool = False
    column_names: tuple[str, ...] = field(default=())
    n_ones: int = 0

    @cached_property
    def size(self) -> int:
        """Number of coefficients."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def unit_shape(self) -> tuple[int, ...]:
        """Shape of the coefficients that may differ in units, as levels of a factor do not."""
        return self.shape if self.codes is None else self.shape[:-1]

    @property
    def reads_own_rows(self) -> bool:
        """Whether each sample's columns are made of its own signal, and of no other sample's."""
        return self.lags is None

    def is_movable(self, rows: Array) -> bool:
        """Say whether constants taken from the signal are taken from the columns of some rows.

        Not where a factor multiplies it, nor where lags reach beyond a trial's ends: those read
        zero, which would no longer be zero.
        """
        if self.codes is not None:
            return False
        return self.lags is None or bool(self.complete()[rows].all())

    def complete(self) -> Array:
        """Return which samples see every lag inside their own trial."""
        if self.lags is None or self.clock is None:
            return np.ones(len(self.signal), dtype=bool)
        t = np.arange(len(self.signal))
        oldest, newest = t - self.lags[-1], t - self.lags[0]
        return (oldest >= self.clock.start) & (newest < self.clock.stop)

    def columns(self, rows: Array) -> Array:
        """Return the block's columns for some samples; lags outside the trial read zero."""
        if self.codes is not None:
            return self.on(rows).dense()
        if self.lags is None or self.clock is None:
            return np.asarray(self.signal[span(rows)], dtype=np.float64)
        source, inside = self._sources(rows)
        if inside is None and isinstance(span(rows), slice):
            first = int(source[0, -1])
            seen = self.signal[first : int(source[-1, 0]) + 1]
            windows = np.lib.stride_tricks.sliding_window_view(seen, len(self.lags), axis=0)
            values = np.moveaxis(windows, -1, 1)[:, ::-1].astype(np.float64)
        else:
            values = self.signal[source if inside is None else np.where(inside, source, 0)]
            values = np.asarray(values, dtype=np.float64)
        if inside is not None:
            values[~inside] = 0.0
        return values.reshape(len(rows), self.size)

    def on(self, rows: Array) -> Columns:
        """Return the same as `columns`, as factors of products, formed only where that pays."""
        if self.codes is not None:
            part = span(rows)
            values = np.asarray(self.signal[part], dtype=np.float64)
            return Coded(self.codes[part], values, self.shape[-1])
        if self.lags is None or self.signal.shape[1] < SHIFTED_FEATURES:
            return Dense(self.columns(rows))
        source, inside = self._sources(rows)
        first = int(source.min())
        return Shifted(
            self._seen(first, int(source.max()) + 1),
            [span(place) for place in (source - first).T],
            None if inside is None else inside.T,
            lambda: self.columns(rows),
        )

    def _seen(self, first: int, stop: int) -> Array:
        """Return a run of the signal, with zeros beyond its ends: each place is read by one row."""
        start, end = np.clip((first, stop), 0, len(self.signal))
        if (start, end) == (first, stop):
            return np.asarray(self.signal[start:end], dtype=np.float64)
        seen = np.zeros((stop - first, self.signal.shape[1]))
        seen[start - first : end - first] = self.signal[start:end]
        return seen

    def _sources(self, rows: Array) -> tuple[Array, Array | None]:
        """Return the sample that each row reads at each lag, and which lie in its own trial."""
        assert self.lags is not None
        assert self.clock is not None
        source = rows[:, None] - self.lags
        inside = (source >= self.clock.start[rows][:, None]) & (
            source < self.clock.stop[rows][:, None]
        )
        return source, None if inside.all() else inside

    def label(self, column: int) -> str:
        """Name one column for a message: ``stimulus[stimulus_lag=3]``."""
        if self.column_names:
            return self.column_names[column]
        return entry_label(self.name, self.shape, self.dims, self.coords, column)

    def signal_label(self, column: int) -> str:
        """Name one column of the signal: of a factor's effects the slope, else its coefficient."""
        return self.label(column) if self.codes is None else str(self.coords[self.dims[0]][column])


def entry_label(
    name: str, shape: tuple[int, ...], dims: tuple[str, ...], coords: Mapping[str, Array], k: int
) -> str:
    """Name the k-th entry of an array by its labels."""
    if not shape:
        return name
    index = np.unravel_index(k, shape)
    places = [f"{dim}={coords[dim][at]}" for dim, at in zip(dims, index, strict=True)]
    return f"{name}[{', '.join(places)}]"


@dataclass(frozen=True)
class Source:
    """What builders read: the checked data, the response of one neuron, the trials and time."""

    dataset: xr.Dataset
    dim: str
    clock: Clock
    population: str | None
    neuron: int | None
    response: Array | None
    levels: Mapping[str, Array] = field(default_factory=dict)  # of each factor's term, if known

    def values(self, name: str, role: str) -> tuple[Array, list[str]]:
        """Return a variable's numbers and its feature dims, this neuron's own where it has own."""
        variable = require(self.dataset, name, role)
        if self.population is not None and self.population in variable.dims:
            variable = variable.isel({self.population: self.neuron})
        dims = [str(dim) for dim in variable.dims if dim != self.dim]
        values = numbers(variable, self.dim, role, self.dataset)
        if not values.size:
            empty = next(dim for dim in dims if not variable.sizes[dim])
            raise DataError(f"{role} {name!r} holds no values: its dim {empty!r} is empty.")
        return values, dims

    def coords(self, name: str, dims: list[str]) -> dict[str, Array]:
        """Return the labels of a variable's feature dims, positions where it has none."""
        known, sizes = self.dataset.variables, self.dataset.variables[name].sizes
        return {dim: known[dim].values if dim in known else np.arange(sizes[dim]) for dim in dims}


def _linear(term: Linear, source: Source) -> Block:
    if isinstance(term.variable, tuple):
        columns = []
        for name in term.variable:
            values, dims = source.values(name, "predictor")
            if dims:
                raise DataError(
                    f"predictor {name!r} has further dims {dims}; a term of several variables "
                    f"takes variables over {source.dim!r} only. Make it a term of its own."
                )
            columns.append(values)
        dim = f"{term.label}_column"
        return Block(
            term.label,
            np.column_stack(columns),
            (len(columns),),
            (dim,),
            {dim: np.array(term.variable)},
            per_column=True,
            column_names=term.variable,
        )
    values, dims = source.values(term.variable, "predictor")
    signal = values.reshape(len(values), -1)
    coords = source.coords(term.variable, dims)
    return Block(term.label, signal, values.shape[1:], tuple(dims), coords)


def _lagged(term: Lagged, source: Source) -> Block:
    values, dims = source.values(term.variable, "predictor")
    signal = values.reshape(len(values), -1)
    return _with_lags(term, signal, values.shape[1:], dims, source)


def _history(term: History, source: Source) -> Block:
    if source.response is None:
        raise DataError(
            f"term {term.label!r} needs the response's own past, but the data lack the response."
        )
    return _with_lags(term, source.response[:, None], (), [], source)


def _group(term: Group, source: Source) -> Block:
    labels = factor_labels(source.dataset, term.factor, source.dim)
    levels, codes = np.unique(labels, return_inverse=True)
    if term.label in source.levels:
        levels, codes = _known(term, source.levels[term.label], levels, codes)
    columns = [np.ones(len(labels))]
    for name in term.slopes:
        values, dims = source.values(name, "slope")
        if dims:
            raise DataError(
                f"slope {name!r} of term {term.label!r} has further dims {dims}; a slope takes "
                f"one value per sample over {source.dim!r}."
            )
        columns.append(values)
    level, effect = f"{term.label}_level", f"{term.label}_effect"
    effects = {effect: np.array(["intercept", *term.slopes])} if term.slopes else {}
    return Block(
        term.label,
        np.column_stack(columns),
        (*(len(columns) for _ in effects), len(levels)),
        (*effects, level),
        {**effects, level: levels},
        codes=codes.astype(np.intp),
        per_column=True,
        n_ones=1,
    )


def _known(term: Group, levels: Array, found: Array, codes: Array) -> tuple[Array, Array]:
    """Return the levels of a fit and the codes among them of data whose own levels are these."""
    places = {label: place for place, label in enumerate(levels.tolist())}
    unknown = [label for label in found.tolist() if label not in places]
    if unknown:
        raise DataError(
            f"the new data have {unknown[0]!r} in {term.factor!r}, a level that the fit has not "
            "seen; predict for the fit's own levels, or fit again with data of that level."
        )
    return levels, np.array([places[label] for label in found.tolist()])[codes]


def _with_lags(
    term: Lagged | History, signal: Array, shape: tuple[int, ...], dims: list[str], source: Source
) -> Block:
    lags = np.array(term.lag_range(source.clock.step))
    dim = f"{term.label}_lag"
    coords = source.coords(term.variable, dims) if isinstance(term, Lagged) else {}
    return Block(
        term.label,
        signal,
        (len(lags), *shape),
        (dim, *dims),
        {dim: lags, **coords},
        lags=lags,
        clock=source.clock,
        step=source.clock.step,
    )


BUILDERS: dict[type, Callable[[Any, Source], Block]] = {
    Linear: _linear,
    Lagged: _lagged,
    History: _history,
    Group: _group,
}


def build_block(term: Term, source: Source) -> Block:
    """Turn one term and the data into its block."""
    return BUILDERS[type(term)](term, source)
