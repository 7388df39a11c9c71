"""Blocks: the columns of one term on the data, whatever its kind, and how they are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.design.clock import Clock
from bayesglm.design.past import Past
from bayesglm.numerics.rows.coded import Coded
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.composed import Deviations, Products, Waved
from bayesglm.numerics.rows.dense import Dense
from bayesglm.numerics.rows.picked import Picked
from bayesglm.numerics.rows.rows import span
from bayesglm.numerics.theta.labels import entry_label
from bayesglm.numerics.theta.transforms import IDENTITY, Transform
from bayesglm.numerics.theta.waves import Waves
from bayesglm.numerics.theta.zero_sum import free_shape, zero_sum

Array = np.ndarray
# Numbers (8 bytes each) of columns over waves, up to which they are formed once: chosen.
MOST_SPANNED = 5e7
FORMED = 2048  # samples of which they are formed at a time: chosen


@dataclass(frozen=True)
class Axis:
    """A predictor along which something is drawn, at places ``x``."""

    variable: str
    x: Array
    unit: str | None = None


@dataclass(frozen=True)
class Curve:
    """A term as a curve over its predictor: places ``x (n,)`` and its columns there ``(n, p)``.

    A surface is drawn ``across`` a second predictor as well, with columns ``(n x m, p)``.
    """

    variable: str
    x: Array
    columns: Array
    unit: str | None = None
    across: Axis | None = None

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The predictors along which it is drawn."""
        own = Axis(self.variable, self.x, self.unit)
        return (own,) if self.across is None else (own, self.across)

    @property
    def shape(self) -> tuple[int, ...]:
        """How many places there are along each."""
        return tuple(len(axis.x) for axis in self.axes)


@dataclass(frozen=True)
class Newcomers:
    """Levels that a model has not seen: their labels, and the number of each sample's, or -1."""

    labels: Array
    codes: Array


@dataclass(frozen=True)
class Block:
    """The columns of one term and how its coefficients are named.

    ``signal`` is the predictor, ``(n_samples, n_features)``; lagged blocks read it at
    ``t - lag`` inside the sample's own trial, and blocks of a factor give it to the coefficients
    of each sample's level, which is in ``codes``: -1 where it has no coefficient. Levels lie along
    the last ``n_level_dims`` dims. ``columns(rows)`` gives ``(len(rows), size)``, lag-major, in
    the order of the coefficient array of shape ``shape``; of one that sums to zero along the axes
    ``sums`` they are those of its free numbers. The columns of a ``multiplier``, of lags say, each
    multiply them all. The first ``n_ones`` columns of the signal are ones, whose sd counts as one
    where priors are scaled by that.
    ``settles`` holds what the data decided of the term's fields, for the model that is stored.
    ``across`` are leading dims along which coefficients are of several linear predictors, each with
    these columns. ``curve`` is that of a term of functions of one predictor; of a smooth one the
    first ``n_straight`` columns are those of a straight line, and the others of bends, which share
    a unit. ``correlation`` is the prior of the correlation of a factor's effects, where they have
    one. Of ``steps`` the signal is how many a sample has taken, and each step has a column that is
    one from there on; their coefficients have one sign. ``newcomers`` are the levels of new data
    for which there is no coefficient. With ``functions`` ``(n_lags, n_functions)`` coefficients are
    those of functions of lag in the place of lags, function-major: each column is the signal at all
    lags, times the numbers of a function. Of ``picked`` columns, by their numbers among those of
    all features, each has a coefficient, in this order; along the dims of ``part_of`` these then
    have some of the places that it names: those of the others of a population, say. Where its
    prior makes of the coefficients a sum of waves (`over_waves`), these are the ``wave_field`` of
    the prior ``wave_prior``, and there is a column for each; the block as it was is ``bare``. The
    columns ``spanned`` of all samples are formed once where they are not many. Where what lies
    beyond trials is known to be ``zero_beyond``, as where there is no event, every sample sees all
    its lags. ``unit`` counts as the sd of the signal where it is not its own, as of rare events.
    Neighbours along ``unordered`` dims are nothing to each other. Those of a
    ``rank`` other than 0 are a matrix of that rank, of lags (or functions) times features.
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
    n_level_dims: int = 1
    sums: tuple[int, ...] = ()
    multiplier: Block | None = None
    per_column: bool = False
    column_names: tuple[str, ...] = field(default=())
    n_ones: int = 0
    settles: Mapping[str, Any] = field(default_factory=dict)
    across: tuple[str, ...] = ()
    curve: Curve | None = None
    n_straight: int | None = None
    correlation: Any = None
    steps: bool = False
    newcomers: Newcomers | None = None
    functions: Array | None = None
    picked: Array | None = None
    part_of: Mapping[str, Array] = field(default_factory=dict)
    wave_field: Any = None
    wave_prior: Any = None
    bare: Block | None = None
    spanned: Array | None = None
    zero_beyond: bool = False
    unit: float | None = None
    unordered: tuple[str, ...] = ()
    rank: int = 0

    @cached_property
    def size(self) -> int:
        """Number of columns: of coefficients, or of their free numbers where they sum to zero."""
        return int(np.prod(self.free_shape, dtype=int))

    @property
    def free_shape(self) -> tuple[int, ...]:
        """Shape of the free numbers, of which there is a column each."""
        if self.waves is not None:
            return (self.waves.size,)
        return free_shape(self.shape, self.sums)

    @property
    def said_shape(self) -> tuple[int, ...]:
        """Shape of the numbers that a prior may say of each coefficient: those of all places."""
        if not self.part_of or self.waves is not None:
            return self.free_shape
        pairs = zip(self.dims, self.shape, strict=True)
        return tuple(len(self.part_of[dim]) if dim in self.part_of else n for dim, n in pairs)

    @cached_property
    def transform(self) -> Transform:
        """The coefficients as a function of the free numbers."""
        if self.waves is not None:
            return self.waves.transform
        return zero_sum(self.shape, self.sums) if self.sums else IDENTITY

    def across_channels(self, dim: str, labels: Array) -> Block:
        """Return the block as its coefficients are named where each channel has its own."""
        return replace(
            self,
            shape=(len(labels), *self.shape),
            dims=(dim, *self.dims),
            coords={dim: labels, **self.coords},
            column_names=tuple(
                f"{name}[{dim}={label}]" for label in labels for name in self.column_names
            ),
            across=(dim,),
            sums=tuple(axis + 1 for axis in self.sums),
            wave_field=None if self.wave_field is None else self.wave_field.behind(len(labels)),
        )

    @property
    def waves(self) -> Waves | None:
        """The waves of which its coefficients are a sum, where their prior makes them one."""
        return None if self.wave_field is None else self.wave_field.waves

    def over_waves(self, field: Any, of: Any) -> Block:
        """Return the same with a column for each wave of a field, formed once where few.

        ``of`` is the prior whose field it is, its scale apart.
        """
        bare = self.bare or self
        made = replace(bare, wave_field=field, wave_prior=of, bare=bare)
        n = len(self.signal)
        if n * made.size > MOST_SPANNED:
            return made
        columns = np.empty((n, made.size))
        for start in range(0, n, FORMED):
            rows = np.arange(start, min(start + FORMED, n))
            made.on(rows).dense(columns[start : start + FORMED])
        return replace(made, spanned=columns)

    def _over_waves(self, rows: Array) -> Columns:
        if self.spanned is not None:
            return Dense(self.spanned[span(rows)])
        inner, waves = self._projected
        return Waved(inner.on(rows), waves)

    @cached_property
    def _projected(self) -> tuple[Block, Waves]:
        """The bare block, its features projected on their waves, and the waves that are left."""
        bare, waves = self.bare, self.waves
        assert bare is not None
        assert waves is not None
        plain = bare.codes is None and bare.multiplier is None and bare.picked is None
        if bare.lags is None or not plain:
            return bare, waves
        features, left = waves.split()
        if features is None:
            return bare, waves
        signal = np.asarray(bare.signal, dtype=np.float64) @ features
        return replace(bare, signal=signal, shape=left.shape), left

    @property
    def unit_shape(self) -> tuple[int, ...]:
        """Shape of the coefficients that may differ in units, as levels of a factor do not."""
        if self.n_straight is not None or self.steps:
            return ()
        return self.shape if self.codes is None else self.shape[: -self.n_level_dims]

    @property
    def curve_axis(self) -> int:
        """Axis of the coefficients along which lie the functions that make a curve or a kernel."""
        return self.dims.index(f"{self.name}_basis")

    @property
    def scale_dims(self) -> tuple[str, ...]:
        """Leading dims along which each coefficient has a learned scale of its own: the effects."""
        alike = self.codes is None or not self.per_column
        return () if alike else self.dims[: -self.n_level_dims]

    @property
    def grid(self) -> tuple[int, ...]:
        """Shape of the coefficients whose neighbours are alike: lags and pixels, but not levels."""
        return self.shape if self._is_field and self.wave_field is None else ()

    @property
    def _is_field(self) -> bool:
        """Whether no dim of the coefficients holds levels, steps, sources or types."""
        named = self.sums or self.part_of or self.unordered or self.steps
        return self.codes is None and not named

    @property
    def reads_own_rows(self) -> bool:
        """Whether each sample's columns are made of its own signal, and of no other sample's."""
        own = self.multiplier is None or self.multiplier.reads_own_rows
        return self.lags is None and own

    @property
    def of_lags(self) -> Block | None:
        """What reads samples before and after: the block itself, or its multiplier."""
        return self if self.lags is not None else self.multiplier

    @property
    def drawn(self) -> Array | None:
        """What makes curves, or kernels over lags, of coefficients: ``(places, functions)``.

        None where coefficients are drawn as they are.
        """
        if self.curve is not None:
            return self.curve.columns
        return None if self.of_lags is None else self.of_lags.functions

    @property
    def drawn_shape(self) -> tuple[int, ...]:
        """Shape of curves or kernels: lags stand where their functions do, values of a curve last.

        Elsewhere that of the coefficients.
        """
        if self.drawn is None:
            return self.shape
        axis, n = self.curve_axis, len(self.drawn)
        rest = self.shape[axis + 1 :]
        if self.curve is not None:
            return (*self.shape[:axis], *rest, *self.curve.shape)
        return (*self.shape[:axis], n, *rest)

    def read(self, w: Array) -> Array:
        """Return the curves or kernels ``(k, m x places)`` of coefficients ``(k, m x size)``."""
        if self.drawn is None:
            return w
        size, places = (int(np.prod(one, dtype=int)) for one in (self.shape, self.drawn_shape))
        m, axis = w.shape[1] // size, 2 + self.curve_axis
        of_each = np.moveaxis(w.reshape(len(w), m, *self.shape), axis, -1) @ self.drawn.T
        place = axis if self.curve is None else -1
        return np.moveaxis(of_each, -1, place).reshape(len(w), m * places)

    @property
    def joint_axes(self) -> tuple[int, ...]:
        """Axes of `drawn_shape` whose places are those of one kernel, curve or field; none of some.

        Pixels are of one field with the lags, types, sources and levels apart.
        """
        last = len(self.drawn_shape) - 1
        if self.curve is not None:
            return tuple(range(last + 1 - len(self.curve.shape), last + 1))
        if self._is_field and not self.column_names:
            return tuple(range(last + 1))
        if self.of_lags is None:
            return ()
        along = "lag" if self.drawn is None else "basis"
        return (self.dims.index(f"{self.name}_{along}"),)

    @property
    def length(self) -> float:
        """The root mean square length of functions of lag; one where each lag has its own."""
        functions = None if self.of_lags is None else self.of_lags.functions
        if functions is None:
            return 1.0
        return float(np.sqrt(np.square(functions).sum() / functions.shape[1]))

    def moves(self, centres: Array) -> Array:
        """Return what the columns rise by where the signal does by centres, one a feature."""
        if self.functions is not None:
            return np.outer(self.functions.sum(axis=0), centres).ravel()
        return np.tile(centres, self.size // len(centres))

    def reads(self, bad: Array) -> Array:
        """Return which samples read one that is ``bad``, at some lag inside their own trial."""
        rows = np.arange(len(bad))
        source, inside = self.sources(rows)
        return (bad[np.where(inside, source, 0)] & inside).any(axis=1)

    def unseen(self, rows: Array) -> str | None:
        """Name the first combination of levels that none of some rows has; None if each is seen."""
        if self.codes is None or self.sums:
            return None
        codes = self.codes[rows]
        absent = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=self.n_levels) == 0)
        return self.label(int(absent[0])) if len(absent) else None

    @cached_property
    def past(self) -> Past:
        """The signal as it is read at lags."""
        assert self.lags is not None
        assert self.clock is not None
        return Past(self.signal, self.lags, self.clock, self.functions)

    @property
    def is_rare(self) -> bool:
        """Whether it reads, at lags and at nothing else, a signal that is mostly zero."""
        alone = self.multiplier is None and self.wave_field is None
        return self.lags is not None and alone and self.past.is_rare

    @property
    def is_plain(self) -> bool:
        """Whether its columns are its signal."""
        own = self.lags is None and self.codes is None and not self.steps
        return own and self.multiplier is None and self.wave_field is None

    def is_movable(self, rows: Array) -> bool:
        """Say whether constants taken from the signal are taken from the columns of some rows.

        Not where a factor multiplies it, steps are counted or columns picked, nor where lags reach
        beyond a trial's ends: those read zero, which would no longer be zero.
        """
        own = self.codes is None and not self.steps and self.picked is None
        if not own or self.multiplier is not None:
            return False
        if self.wave_field is not None:
            return self.spanned is not None
        return self.lags is None or bool(self._inside()[rows].all())

    def complete(self) -> Array:
        """Return which samples see what they read at every lag."""
        if self.multiplier is not None:
            return self.multiplier.complete()
        return np.ones(len(self.signal), dtype=bool) if self.zero_beyond else self._inside()

    def _inside(self) -> Array:
        """Return which samples have every lag inside their own trial."""
        if self.lags is None or self.clock is None:
            return np.ones(len(self.signal), dtype=bool)
        return self.past.inside()

    def columns(self, rows: Array) -> Array:
        """Return the block's columns for some samples; lags outside the trial read zero."""
        return self.on(rows).dense()

    def on(self, rows: Array) -> Columns:
        """Return the same as `columns`, as factors of products, formed only where that pays."""
        if self.wave_field is not None:
            return self._over_waves(rows)
        columns = self.every(rows)
        if self.picked is not None:
            columns = Picked(columns, self.picked)
        if self.multiplier is not None:
            columns = Products(self.multiplier.on(rows), columns)
        return Deviations(columns, self.shape, self.sums) if self.sums else columns

    def effects(self, rows: Array) -> tuple[Array, Array]:
        """Return the level of each row, and what multiplies each effect of it ``(rows, effects)``.

        Of a row without a coefficient it is zero.
        """
        codes, values = self._looked_up(rows)
        if self.multiplier is not None:
            values = Products(self.multiplier.on(rows), Dense(values)).dense()
        return codes, values

    def _looked_up(self, rows: Array) -> tuple[Array, Array]:
        assert self.codes is not None
        part = span(rows)
        codes, values = self.codes[part], np.asarray(self.signal[part], dtype=np.float64)
        if self.has_silent:
            seen = codes >= 0
            codes, values = np.where(seen, codes, 0), values * seen[:, None]
        return codes, values

    @cached_property
    def has_silent(self) -> bool:
        """Whether there are samples without a coefficient."""
        return self.codes is not None and bool((self.codes < 0).any())

    @property
    def only_looks_up(self) -> bool:
        """Whether each sample has the coefficient of its level, times one."""
        ones = self.n_ones == self.signal.shape[1] == 1 and self.multiplier is None
        return self.codes is not None and ones and not self.has_silent

    @property
    def n_levels(self) -> int:
        """Number of the levels, or of combinations of them, that have a coefficient."""
        return int(np.prod(self.shape[-self.n_level_dims :], dtype=int))

    def every(self, rows: Array) -> Columns:
        """Return all columns of its own signal, those without a coefficient among them."""
        if self.codes is not None:
            return Coded(*self._looked_up(rows), self.n_levels)
        if self.steps:
            taken = self.signal[span(rows)] > np.arange(self.shape[-1])
            return Dense(taken.astype(np.float64))
        if self.lags is None or self.clock is None:
            return Dense(np.asarray(self.signal[span(rows)], dtype=np.float64))
        return self.past.columns(rows)

    def sources(self, rows: Array) -> tuple[Array, Array]:
        """Return the sample that each row reads at each lag, and whether it is of its trial."""
        return self.past.sources(rows)

    def label(self, column: int) -> str:
        """Name one column for a message: ``stimulus[stimulus_lag=3]``."""
        if self.column_names:
            return self.column_names[column]
        if self.waves is not None:
            return f"wave {column} of {self.name}"
        if self.sums:
            return f"contrast {column} of {self.name}"
        return entry_label(self.name, self.shape, self.dims, self.coords, column)

    def signal_label(self, column: int) -> str:
        """Name one column of the signal: of a factor's effects the slope, else its coefficient."""
        return self.label(column) if self.codes is None else str(self.coords[self.dims[0]][column])
