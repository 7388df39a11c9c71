"""The design: responses and predictors of each neuron, immutable, and read in blocks of rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense, Ones, side_by_side
from bayesglm.numerics.rows.rows import Rows, span
from bayesglm.numerics.rows.source import Source
from bayesglm.spec.model import GLM

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


@dataclass(frozen=True)
class Predictors:
    """The linear predictor's columns for one neuron, over the kept rows of the data.

    Column 0 is the intercept where the model has one; the blocks follow in the order of terms.
    """

    blocks: tuple[Block, ...]
    intercept: bool
    rows: Array
    n_samples: int
    n_incomplete: int
    offset: Array | None
    trials: Array | None
    copies: int = 1  # how many neurons of the population have predictors of their own

    @cached_property
    def n_coefficients(self) -> int:
        """Number of columns, the intercept's included."""
        return int(self.intercept) + sum(block.size for block in self.blocks)

    @cached_property
    def places(self) -> dict[str, slice]:
        """Where each term's coefficients stand, ``intercept`` included."""
        found = {"intercept": slice(0, 1)} if self.intercept else {}
        start = int(self.intercept)
        for block in self.blocks:
            found[block.name] = slice(start, start + block.size)
            start += block.size
        return found

    def labels(self) -> list[str]:
        """Return a name for every column, for messages."""
        names = ["intercept"] if self.intercept else []
        return names + [block.label(k) for block in self.blocks for k in range(block.size)]

    def columns(self, part: slice) -> Array:
        """Return the columns of some kept rows, ``(rows, n_coefficients)``."""
        return self.block(part).X

    def block(self, part: slice) -> Rows:
        """Return some kept rows for products, without a response."""
        n = len(range(*part.indices(len(self.rows))))
        return Rows(lambda: self.parts(part), self.n_coefficients, np.zeros(n))

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
            return [(slice(0, self.n_coefficients), Dense(self._kept[part]))]
        rows, places = self.rows[part], self.places
        parts: list[tuple[slice, Columns]] = []
        if self.intercept:
            parts.append((places["intercept"], Ones(len(rows))))
        for blocks in self._runs(but):
            where = slice(places[blocks[0].name].start, places[blocks[-1].name].stop)
            parts.append((where, side_by_side([block.on(rows) for block in blocks], len(rows))))
        return parts

    def _runs(self, but: tuple[int, ...]) -> list[list[Block]]:
        """Return blocks in runs that are read as one matrix: neighbours of few columns."""
        runs: list[list[Block]] = []
        narrow = False
        for k, block in enumerate(self.blocks):
            if k in but:
                narrow = False
                continue
            joins = narrow
            narrow = block.lags is None and block.codes is None and block.size <= NARROW
            if joins and narrow:
                runs[-1].append(block)
            else:
                runs.append([block])
        return runs

    @cached_property
    def _keeps_all(self) -> bool:
        """Whether the design is formed once: if small.

        One plain matrix is read where it lies, unless its rows are scattered or very few.
        """
        numbers = len(self.rows) * self.n_coefficients
        if any(block.codes is not None and block.size >= MANY_LEVELS for block in self.blocks):
            return False
        if len(self.blocks) == 1 and self.blocks[0].lags is None:
            scattered = 256 * np.count_nonzero(np.diff(self.rows) != 1) > len(self.rows)
            return numbers <= (SMALL if scattered else TINY)
        return numbers * self.copies <= SMALL

    @cached_property
    def _kept(self) -> Array:
        X = np.empty((len(self.rows), self.n_coefficients))
        if self.intercept:
            X[:, 0] = 1.0
        for block in self.blocks:
            X[:, self.places[block.name]] = block.columns(self.rows)
        return X


@dataclass(frozen=True)
class Design:
    """One neuron's responses and predictors; the only way in which an objective sees data."""

    predictors: Predictors
    y: Array
    weights: Array | None
    panel: Array | None = None  # the responses of a population, one of whose rows is y
    neuron: int = 0

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
                predictors.n_coefficients,
                self.y[samples],
                0.0 if predictors.offset is None else predictors.offset[samples],
                None if self.weights is None else self.weights[samples],
                None if predictors.trials is None else predictors.trials[samples],
                first=part.start,
            )

        if self.n_rows * predictors.n_coefficients > SMALL:
            return Source(self.n_rows, form)
        whole = form(slice(0, self.n_rows))
        n = self.n_rows
        return Source(n, lambda part: whole if part.stop - part.start == n else form(part))

    def take(self, keep: Array) -> Design:
        """Return the design of those kept rows for which ``keep`` is true, or of their numbers."""
        return replace(self, predictors=replace(self.predictors, rows=self.predictors.rows[keep]))


@dataclass(frozen=True)
class Plan:
    """A model on its data: one design per neuron (one in all without a population)."""

    model: GLM
    dataset: xr.Dataset
    sample_dim: str
    population: str | None
    labels: Array | None
    designs: tuple[Design, ...]
    step: float | None

    @property
    def n_dropped(self) -> int:
        """Number of samples left out for want of a full past (or future)."""
        return self.designs[0].predictors.n_incomplete

    def name_of(self, neuron: int) -> str:
        """Name one neuron for a message; empty without a population."""
        return "" if self.labels is None else f" ({self.population}={self.labels[neuron]})"


def family_of(model: GLM) -> Family:
    """Return the functions of the model's family and link."""
    return FAMILIES[model.family, model.link_name]
