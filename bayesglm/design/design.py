"""The design: responses and predictors of each neuron, immutable, and read in blocks of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import xarray as xr

from bayesglm.design.blocks import Block
from bayesglm.numerics.families.family import FAMILIES, Family
from bayesglm.numerics.rows.columns import Columns
from bayesglm.numerics.rows.dense import Dense, Ones, side_by_side
from bayesglm.numerics.rows.rows import Rows, span
from bayesglm.numerics.rows.source import Source
from bayesglm.spec.model import GLM

Array = np.ndarray
SMALL = 2_500_000  # numbers; so small a design is formed once, whatever it is made of
TINY = 100_000  # numbers; a copy of so few costs less than looking after two parts
NARROW = 8  # columns; neighbouring blocks of no more are copied side by side, range by range
MANY_LEVELS = 8  # of a factor; fewer are columns like any others


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
        return Rows(lambda: self._parts(part), self.n_coefficients, np.zeros(n))

    def _parts(self, part: slice) -> list[tuple[slice, Columns]]:
        if self._keeps_all:
            return [(slice(0, self.n_coefficients), Dense(self._kept[part]))]
        rows, places = self.rows[part], self.places
        parts: list[tuple[slice, Columns]] = []
        if self.intercept:
            parts.append((places["intercept"], Ones(len(rows))))
        for blocks in self._runs:
            where = slice(places[blocks[0].name].start, places[blocks[-1].name].stop)
            parts.append((where, side_by_side([block.on(rows) for block in blocks], len(rows))))
        return parts

    @cached_property
    def _runs(self) -> list[list[Block]]:
        """The blocks in runs that are read as one matrix: neighbours of few columns as they are."""
        runs: list[list[Block]] = []
        narrow = False
        for block in self.blocks:
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
        formed_anew = joint_source([self])
        if self.n_rows * self.predictors.n_coefficients > SMALL:
            return formed_anew
        whole = formed_anew.form(slice(0, self.n_rows))

        def form(part: slice) -> Rows:
            return whole if len(whole) == part.stop - part.start else formed_anew.form(part)

        return Source(self.n_rows, form)

    def take(self, keep: Array) -> Design:
        """Return the design of those kept rows for which ``keep`` is true, or of their numbers."""
        return replace(self, predictors=replace(self.predictors, rows=self.predictors.rows[keep]))


def joint_source(designs: Sequence[Design]) -> Source:
    """Return where the rows of designs that share their predictors come from.

    One design's arrays have a number for each row; those of several a line for each design.
    """
    first = designs[0]
    predictors, whole = first.predictors, span(first.predictors.rows)
    responses, lines = _responses(designs)

    def form(part: slice) -> Rows:
        rows: Any = (
            slice(whole.start + part.start, whole.start + part.stop)
            if isinstance(whole, slice)
            else span(whole[part])
        )
        # A view, of which the lines are picked later; or a copy, of no more lines than are meant.
        picked = lines is not None and not isinstance(rows, slice)
        return Rows(
            partial(predictors._parts, part),
            predictors.n_coefficients,
            responses[np.ix_(lines, rows)] if picked else responses[..., rows],
            0.0 if predictors.offset is None else predictors.offset[rows],
            _joint_weights(designs, rows),
            None if predictors.trials is None else predictors.trials[rows],
            None if picked else lines,
            part.start,
        )

    return Source(first.n_rows, form)


def _responses(designs: Sequence[Design]) -> tuple[Array, Any]:
    """Return the responses, a line for each of several designs, and which lines are meant."""
    panel, lines = designs[0].panel, [design.neuron for design in designs]
    if len(designs) == 1:
        return designs[0].y, None
    if panel is None or any(design.panel is not panel for design in designs):
        return np.stack([design.y for design in designs]), None
    return panel, None if lines == list(range(len(panel))) else lines


def _joint_weights(designs: Sequence[Design], rows: Any) -> Array | None:
    weights = designs[0].weights
    if weights is None or all(design.weights is weights for design in designs):
        return None if weights is None else weights[rows]
    return np.stack([design.weights[rows] for design in designs if design.weights is not None])


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
