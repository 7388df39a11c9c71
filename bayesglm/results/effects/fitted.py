"""A fit opened for effects: its draws of each unit, and its model laid on the rows of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.design import Plan, Predictors
from bayesglm.design.prediction import plan_prediction
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen, stored_data
from bayesglm.numerics.families.record import Family
from bayesglm.results.effects.asked import Asked
from bayesglm.results.populations import Effects, effects_asked
from bayesglm.results.predict import as_fitted, levels_of
from bayesglm.results.predicted_rows import predicted_rows

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


class Laid(NamedTuple):
    """Data on which the model of a fit is laid: their sample dim, and the predictors of each unit.

    ``dataset`` may hold more than the model reads.
    """

    dataset: xr.Dataset
    dim: str
    every: tuple[Predictors, ...]

    @property
    def rows(self) -> Array:
        """The numbers of the samples that are in use."""
        return self.every[0].rows

    def only(self, rows: Array) -> Laid:
        """Return the same with some of the samples in use, by their numbers."""
        return self._replace(every=tuple(replace(one, rows=rows) for one in self.every))

    def column(self, name: str) -> Array | None:
        """Return the values of a variable or coordinate in the rows in use; None of others."""
        if name not in self.dataset.variables:
            return None
        variable = self.dataset.variables[name]
        return np.asarray(variable.values)[self.rows] if variable.dims == (self.dim,) else None


class State(NamedTuple):
    """Predictors of one unit on some data, and what is added beside the effects that it knows."""

    predictors: Predictors
    effects: Effects


@dataclass(frozen=True)
class Unit:
    """One unit of a fit (a neuron of a population, else all there is) and its finished draws.

    ``numbers`` are those of the draws among all, chain by chain.
    """

    k: int
    kept: Kept
    numbers: Array
    asked: Asked

    @property
    def problem(self) -> Problem:
        """The unit's problem."""
        return self.kept.problem

    @property
    def family(self) -> Family:
        """The functions of its family."""
        return self.problem.natural.family

    @property
    def n_draws(self) -> int:
        """Number of draws."""
        return self.kept.n_draws

    @property
    def is_angle(self) -> bool:
        """Whether what is predicted lies on a circle."""
        return self.asked.kind == "mean" and self.family.words.circular

    def state(self, laid: Laid) -> State:
        """Return the unit's predictors on some data."""
        predictors = laid.every[self.k]
        problem, theta = self.kept.first()
        of_groups, seed = self.asked.of_groups, (0, self.k)
        return State(predictors, effects_asked(problem, predictors, theta, of_groups, seed))

    def predicted(self, state: State, rows: Array) -> Array:
        """Return predictions ``(draws, rows[, levels])`` of some of the rows in use, by number.

        Counts out of trials are told as shares, for each trial.
        """
        predictors, kind = state.predictors, self.asked.kind
        own = replace(predictors, rows=predictors.rows[rows])
        rng, values = np.random.default_rng(0), np.empty(0)
        for problem, some, theta, at in self.kept.on(own):
            for piece, block in predicted_rows(problem, some, theta, kind, rng, state.effects):
                if not values.size:
                    values = np.empty((self.n_draws, len(own.rows), *block.shape[2:]))
                values[:, at[piece]] = block
        if kind == "mean" and predictors.trials is not None:
            trials = predictors.trials[own.rows]
            values /= trials.reshape(-1, *(values.ndim - 2) * [1])
        return values


@dataclass(frozen=True)
class Fitted:
    """A fit opened: its problems and draws, and what is asked of them.

    ``lead`` holds the chain and the draw of every draw, in words of the tree; it is empty of a MAP.
    """

    problems: list[Problem]
    units: list[Unit]
    stored: xr.Dataset
    lead: dict[str, Array]
    asked: Asked

    @property
    def plan(self) -> Plan:
        """The model on the data of the fit."""
        return self.problems[0].plan

    @property
    def is_map(self) -> bool:
        """Whether the fit is a mode, without draws."""
        return not self.lead

    @cached_property
    def levels(self) -> Sequence[Any] | None:
        """The labels of the levels that a prediction has a number of each; None of a number."""
        named = list(levels_of(self.problems[0], self.asked.kind).values())
        return named[0].tolist() if named else None

    @cached_property
    def observed(self) -> Laid:
        """The model on the data of the fit, in the rows that it used."""
        return self.lay(self.stored).only(self.problems[0].design.predictors.rows)

    def lay(self, dataset: xr.Dataset) -> Laid:
        """Lay the model on data; where these do not say numbers of trials there is one of each."""
        plan, of_groups = self.plan, self.asked.of_groups
        trials, dim = plan.model.trials, plan.sample_dim
        if trials is not None and trials not in dataset.variables:
            first = next(iter(dataset.variables.values()))
            dim = dataset.attrs.get("sample_dim") or str(first.dims[0])
            dataset = dataset.assign({trials: (dim, np.ones(dataset.sizes[dim], dtype=np.int64))})
        n = len(self.problems)
        dataset, dim, every = plan_prediction(
            plan.model, dataset, plan.population, n, of_groups, plan.own_labels
        )
        # Shares need no trials: what has none has one.
        return Laid(dataset, dim, as_fitted(self.problems, dataset, every, "linear"))


def opened(fit: xr.DataTree, asked: Asked) -> Fitted:
    """Open a fit for what is asked of it."""
    problems, group = reopen(fit), parameter_group(fit)
    units = []
    for k, kept in enumerate(kept_of(fit, problems)):
        numbers, own = kept.finished
        units.append(Unit(k, own, numbers, asked))
    lead: dict[str, Array] = {}
    if "draw" in group.dims:
        pairs = np.meshgrid(group["chain"].values, group["draw"].values, indexing="ij")
        lead = {name: one.ravel() for name, one in zip(("chain", "draw"), pairs, strict=True)}
    return Fitted(problems, units, stored_data(fit), lead, asked)
