"""The design: responses and predictors of each neuron, immutable, and read in blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from scipy.linalg import helmert

from bayesglm.design.blocks import Block
from bayesglm.numerics.families.censored import censored
from bayesglm.numerics.families.predicted import predicted
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES, OF_LEVELS
from bayesglm.numerics.families.truncated import truncated
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense, Ones, side_by_side
from bayesglm.numerics.rows.rows import Rows, span
from bayesglm.numerics.rows.sharing import Sharing
from bayesglm.numerics.rows.source import Source
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat
from bayesglm.spec.response_levels import n_and_reference

Array = np.ndarray
# Numbers of a design, up to which it is formed once, whatever it is made of: chosen, 20 MB.
SMALL = 2_500_000
# Numbers of a single block's design, up to which it is copied once: chosen, a copy of so few costs
# less than looking after an intercept and a block apart.
TINY = 100_000
# Columns of a block at most that is copied beside its neighbours, range by range: chosen; of 15
# blocks of one column on 200,000 rows a fit took 46 ms so, and 85 ms block by block.
NARROW = 8
MANY_LEVELS = 8  # of a factor, from which on it is read by its codes: chosen


class Beside(NamedTuple):
    """The linear predictor of a parameter beside the mean: its name, and how many blocks it has."""

    name: str
    n_blocks: int


class Line(NamedTuple):
    """One linear predictor: its intercept's name, its blocks and their numbers among all."""

    intercept: str | None
    blocks: tuple[Block, ...]
    first: int


@dataclass(frozen=True, eq=False)
class Levels:
    """Linear predictors that share all columns: their labels, and the dim that holds these.

    With ``contrasts`` their intercepts are that matrix times fewer numbers: they sum to zero.
    """

    dim: str
    labels: Array
    contrasts: Array | None = None


@dataclass(frozen=True)
class Predictors:
    """The linear predictors' columns for one neuron, over the kept rows of the data.

    Column 0 is the intercept where the model has one; the blocks follow in the order of terms.
    Then follow the intercept and the blocks of each linear predictor ``beside`` the mean's.
    """

    blocks: tuple[Block, ...]
    intercept: bool
    rows: Array
    n_samples: int
    n_incomplete: int
    offset: Array | None
    trials: Array | None
    bounds: Array | None = None  # of truncated responses, and their numbers of trials
    copies: int = 1  # how many neurons of the population have predictors of their own
    beside: tuple[Beside, ...] = ()
    levels: Levels | None = None
    n_missing: int = 0  # samples left out for want of a value

    @property
    def known(self) -> Array | None:
        """What a family is told of each response beside itself: trials, bounds with trials."""
        return self.trials if self.bounds is None else self.bounds

    @cached_property
    def lines(self) -> tuple[Line, ...]:
        """The linear predictors, the mean's first."""
        stop = len(self.blocks) - sum(one.n_blocks for one in self.beside)
        lines = [Line("intercept" if self.intercept else None, self.blocks[:stop], 0)]
        for one in self.beside:
            start, stop = stop, stop + one.n_blocks
            lines.append(Line(f"{one.name}_intercept", self.blocks[start:stop], start))
        return tuple(lines)

    @cached_property
    def n_columns(self) -> int:
        """Number of columns, the intercepts' included."""
        return self._column_runs[-1].stop

    @cached_property
    def n_coefficients(self) -> int:
        """Number of coefficients: one of each column, and of each channel where these are several.

        Intercepts that sum to zero are one fewer.
        """
        return self.n_columns if self.sharing is None else self.sharing.size

    @cached_property
    def sharing(self) -> Sharing | None:
        """How the coefficients of several channels stand; None where there is one."""
        if self.levels is None:
            return None
        runs = (*((1,) if self.intercept else ()), *(block.size for block in self.blocks))
        return Sharing(len(self.levels.labels), runs, self.levels.contrasts)

    @cached_property
    def named(self) -> tuple[Block, ...]:
        """The blocks as their coefficients are named: those of several channels with their dim."""
        if self.levels is None:
            return self.blocks
        dim, labels = self.levels.dim, self.levels.labels
        return tuple(block.across_channels(dim, labels) for block in self.blocks)

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each term's coefficients stand, ``intercept`` included."""
        if self.levels is None:
            return self.column_places
        size = self.n_coefficients - sum(block.size for block in self.named)
        places = {"intercept": slice(0, size)} if self.intercept else {}
        start = size
        for block in self.named:
            places[block.name] = slice(start, start + block.size)
            start += block.size
        return places

    @cached_property
    def column_places(self) -> dict[str, slice]:
        """Where each term's columns stand, those of intercepts included."""
        places: dict[str, slice] = {}
        stop = 0
        for line in self.lines:
            own = [(line.intercept, 1)] if line.intercept else []
            for name, size in [*own, *((block.name, block.size) for block in line.blocks)]:
                start, stop = stop, stop + size
                places[name] = slice(start, stop)
        return places

    @cached_property
    def runs(self) -> tuple[slice, ...]:
        """Where the coefficients of each linear predictor stand; of levels those of all of them."""
        return self._column_runs if self.levels is None else (slice(0, self.n_coefficients),)

    @cached_property
    def _column_runs(self) -> tuple[slice, ...]:
        """Where the columns of each linear predictor stand."""
        runs: list[slice] = []
        for line in self.lines:
            start = runs[-1].stop if runs else 0
            size = (line.intercept is not None) + sum(block.size for block in line.blocks)
            runs.append(slice(start, start + size))
        return tuple(runs)

    @property
    def channels(self) -> tuple[slice, ...] | None:
        """The same where there are several; None where there is one."""
        return self.runs if self.beside else None

    @property
    def of_mean(self) -> tuple[Block, ...]:
        """The blocks of the mean's linear predictor."""
        return self.lines[0].blocks

    def line_of(self, k: int) -> int:
        """Return the number of the linear predictor to which the k-th block belongs."""
        return max(c for c, line in enumerate(self.lines) if line.first <= k)

    def labels(self) -> list[str]:
        """Return a name for every column, for messages."""
        names = []
        for line in self.lines:
            names += [line.intercept] if line.intercept else []
            names += [block.label(k) for block in line.blocks for k in range(block.size)]
        return names

    def columns(self, part: slice) -> Array:
        """Return the columns of some kept rows, ``(rows, n_columns)``."""
        return self.block(part).X

    def block(self, part: slice, but: tuple[int, ...] = ()) -> Rows:
        """Return some kept rows for products, without responses, nor columns of some blocks."""
        n = len(range(*part.indices(len(self.rows))))
        offset = 0.0 if self.offset is None else self.offset[self.rows[part]]
        return Rows(
            lambda: self.parts(part, but),
            self.n_columns,
            np.zeros(n),
            offset,
            channels=self.channels,
            sharing=self.sharing,
        )

    def samples(self, part: slice) -> Any:
        """Return the samples of some kept rows, as a slice where they leave none out."""
        if isinstance(self._span, slice):
            return slice(self._span.start + part.start, self._span.start + part.stop)
        return span(self._span[part])

    @cached_property
    def _span(self) -> Any:
        return span(self.rows)

    def parts(self, part: slice, but: tuple[int, ...] = ()) -> list[tuple[slice, Columns]]:
        """Return the columns of some kept rows with their places, but those of some blocks."""
        if self._keeps_all and not but:
            pairs = zip(self._column_runs, self._kept, strict=True)
            return [(run, Dense(kept[part])) for run, kept in pairs]
        rows, places = self.rows[part], self.column_places
        parts: list[tuple[slice, Columns]] = []
        for line in self.lines:
            if line.intercept:
                parts.append((places[line.intercept], Ones(len(rows))))
            for blocks in self._read_together(line, but):
                where = slice(places[blocks[0].name].start, places[blocks[-1].name].stop)
                columns = side_by_side([block.on(rows) for block in blocks], len(rows))
                parts.append((where, columns))
        return parts

    def _read_together(self, line: Line, but: tuple[int, ...]) -> list[list[Block]]:
        """Return blocks in runs that are read as one matrix: neighbours of few columns."""
        runs: list[list[Block]] = []
        narrow = False
        for k, block in enumerate(line.blocks, start=line.first):
            if k in but:
                narrow = False
                continue
            joins = narrow
            narrow = block.is_plain and block.size <= NARROW
            if joins and narrow:
                runs[-1].append(block)
            else:
                runs.append([block])
        return runs

    @cached_property
    def reads_by_codes(self) -> bool:
        """Whether there are factors whose levels are looked up, so that each block stands apart."""
        return any(block.codes is not None and block.size >= MANY_LEVELS for block in self.blocks)

    @cached_property
    def _keeps_all(self) -> bool:
        """Whether the design is formed once: if small.

        One plain matrix is read where it lies, unless its rows are scattered or very few.
        """
        numbers = len(self.rows) * self.n_columns
        if self.reads_by_codes:
            return False
        if len(self.blocks) == 1 and self.blocks[0].lags is None:
            scattered = 256 * np.count_nonzero(np.diff(self.rows) != 1) > len(self.rows)
            return numbers <= (SMALL if scattered else TINY)
        return numbers * self.copies <= SMALL

    @property
    def n_formed(self) -> int:
        """Number of columns that are computed anew, range by range, in each pass over the rows."""
        if self._keeps_all:
            return 0
        return sum(block.size for block in self.blocks if block.functions is not None)

    @cached_property
    def _kept(self) -> tuple[Array, ...]:
        """The columns of each linear predictor."""
        matrices = []
        for line, run in zip(self.lines, self._column_runs, strict=True):
            X = np.empty((len(self.rows), run.stop - run.start))
            if line.intercept:
                X[:, 0] = 1.0
            for block in line.blocks:
                where = self.column_places[block.name]
                X[:, where.start - run.start : where.stop - run.start] = block.columns(self.rows)
            matrices.append(X)
        return tuple(matrices)


@dataclass(frozen=True)
class Design:
    """One neuron's responses and predictors; the only way in which an objective sees data."""

    predictors: Predictors
    y: Array
    weights: Array | None
    panel: Array | None = None  # the responses of a population, one of whose rows is y
    neuron: int = 0
    seen: Array | None = None  # of censored responses, the intervals that were seen of them

    @property
    def responses(self) -> Array:
        """The responses as the family takes them: numbers, or intervals."""
        return self.y if self.seen is None else self.seen

    @cached_property
    def typical(self) -> Array:
        """A number for each response: the middle of an interval with two ends, else as recorded."""
        if self.seen is None:
            return self.y
        below, upto = self.seen["below"], self.seen["upto"]
        closed = np.isfinite(below) & np.isfinite(upto)
        return np.where(closed, 0.5 * (np.where(closed, below, 0.0) + upto), self.y)

    @property
    def n_rows(self) -> int:
        """Number of kept rows."""
        return len(self.predictors.rows)

    @cached_property
    def source(self) -> Source:
        """Where the kept rows come from; a small design as one range is formed once."""
        predictors = self.predictors

        def form(part: slice) -> Rows:
            samples = predictors.samples(part)
            return Rows(
                partial(predictors.parts, part),
                predictors.n_columns,
                self.responses[..., samples],
                0.0 if predictors.offset is None else predictors.offset[samples],
                None if self.weights is None else self.weights[samples],
                None if predictors.known is None else predictors.known[samples],
                first=part.start,
                channels=predictors.channels,
                sharing=predictors.sharing,
            )

        if self.n_rows * predictors.n_columns > SMALL:
            return Source(self.n_rows, form)
        whole = form(slice(0, self.n_rows))
        n = self.n_rows
        return Source(n, lambda part: whole if part.stop - part.start == n else form(part))

    def take(self, keep: Array) -> Design:
        """Return the design of those kept rows for which ``keep`` is true, or of their numbers."""
        return replace(self, predictors=replace(self.predictors, rows=self.predictors.rows[keep]))


@dataclass(frozen=True)
class Plan:
    """A model on its data: one design per neuron (one in all without a population).

    ``silent`` are the neurons that never vary, which were left out.
    """

    model: GLM
    dataset: xr.Dataset
    sample_dim: str
    population: str | None
    labels: Array | None
    designs: tuple[Design, ...]
    step: float | None
    silent: tuple[str, ...] = ()

    @property
    def n_dropped(self) -> int:
        """Number of samples left out for want of a full past (or future)."""
        return self.designs[0].predictors.n_incomplete

    @property
    def n_missing(self) -> int:
        """Number of samples left out for want of a value of some variable that they read."""
        return self.designs[0].predictors.n_missing

    @property
    def own_labels(self) -> Array | None:
        """The labels of a population that the data give it; None where they are positions."""
        return self.labels if self.population in self.dataset.coords else None

    def name_of(self, neuron: int) -> str:
        """Name one neuron for a message; empty without a population."""
        return "" if self.labels is None else f" ({self.population}={self.labels[neuron]})"


def levels_of(model: GLM) -> Levels | None:
    """Return the linear predictors of a model whose levels each have one, but for a reference."""
    if not family_of(model).shares_columns:
        return None
    levels, (n, reference) = model.levels or (), n_and_reference(model)
    labels = np.array([level for k, level in enumerate(levels) if k != reference])
    sums_to_zero = reference is None and isinstance(model.intercept, Flat)
    # Orthonormal, so that no level stands apart from the others.
    contrasts = helmert(n).T if sums_to_zero else None
    return Levels(f"{model.response}_level", labels, contrasts)


def plain_family_of(model: GLM) -> Family:
    """Return the record of the model's family and link, in which only the mean is predicted.

    That of a response with levels is for these.
    """
    key = model.family, model.link_name
    return FAMILIES[key] if key in FAMILIES else OF_LEVELS[key](*n_and_reference(model))


def family_of(model: GLM) -> Family:
    """Return the functions of the model's family and link, with a channel for each predictor.

    Its responses are those that the model says are seen: intervals, or those between bounds.
    """
    plain = plain_family_of(model)
    seen = plain if model.censored is None else censored(plain)
    between = seen if model.truncated is None else truncated(plain, seen)
    return predicted(between, tuple(model.predicted))
