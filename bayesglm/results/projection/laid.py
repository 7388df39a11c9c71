"""One neuron's rows as a projection reads them: columns of terms, and what draws say of each row.

Coefficients are taken apart into lines, one for each draw and, of a response whose levels have a
linear predictor each, each channel: ``(draws x channels, columns)``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bayesglm.design.design import plain_family_of
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.problem import Problem
from bayesglm.numerics.density.channels import predictors as linear_predictors
from bayesglm.numerics.density.nearest import Aim, Held
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.memory import free_memory

Array = np.ndarray
COPIES = 3  # of all columns, whole, that a search holds at once at most: counted
LATENT = FAMILIES["gaussian", "identity"]  # of linear predictors that are projected themselves


@dataclass(frozen=True)
class Laid:
    """The columns ``X (rows, columns)`` of one neuron's mean, and where each term has its own.

    An intercept, if there is one, is the first column, and is called ``intercept``.
    """

    problem: Problem
    X: Array
    places: dict[str, slice]

    @cached_property
    def family(self) -> Family:
        """The family in which means are projected, of responses that are seen exactly."""
        own = plain_family_of(self.problem.plan.model)
        return LATENT if own.averaged is None else own

    @property
    def is_latent(self) -> bool:
        """Whether linear predictors are projected, and not the distributions of responses."""
        return self.family is LATENT and plain_family_of(self.problem.plan.model) is not LATENT

    @cached_property
    def weights(self) -> Array:
        """What each row counts ``(rows,)``."""
        design = self.problem.design
        if design.weights is None:
            return np.ones(design.n_rows)
        return np.asarray(design.weights[design.predictors.rows], dtype=float)

    @cached_property
    def offset(self) -> Any:
        """The offset of each row, or 0."""
        predictors = self.problem.design.predictors
        return 0.0 if predictors.offset is None else predictors.offset[predictors.rows]

    @cached_property
    def shifts(self) -> bool:
        """Whether cutpoints stand for an intercept, which is then the first column."""
        return bool(self.problem.natural.family.words.increasing)

    @property
    def n_channels(self) -> int:
        """How many lines of coefficients a draw has."""
        levels = self.problem.design.predictors.levels
        return 1 if levels is None else len(levels.labels)

    def columns_of(self, terms: Iterable[str]) -> Array:
        """Return the numbers of the columns of some terms, the intercept's first."""
        names = ("intercept", *terms) if "intercept" in self.places else tuple(terms)
        every = np.arange(self.X.shape[1])
        return np.concatenate([every[:0], *(every[self.places[name]] for name in names)])

    def lines(self, theta: Array) -> Array:
        """Return the mean's coefficients ``(draws x channels, columns)`` of natural thetas."""
        predictors = self.problem.design.predictors
        own = theta[:, predictors.runs[0]]
        if predictors.sharing is not None:
            own = predictors.sharing.spread(own).reshape(-1, self.X.shape[1])
        return np.insert(own, 0, 0.0, axis=1) if self.shifts else own

    def with_lines(self, theta: Array, lines: Array) -> Array:
        """Return natural thetas whose coefficients of the mean are those lines."""
        theta, predictors = theta.copy(), self.problem.design.predictors
        if self.shifts:
            for one in self.problem.natural.registry.free_dispersions:
                cuts = one.natural(theta) - lines[:, :1]
                theta[:, one.place] = one.transform.inner(cuts)
            lines = lines[:, 1:]
        if predictors.sharing is not None:
            # Contrasts have orthonormal columns: what collects gradients is the inverse.
            shape = (len(theta), self.n_channels, -1)
            lines = predictors.sharing.collect(lines.reshape(shape))
        theta[:, predictors.runs[0]] = lines
        return theta

    def aim(self, theta: Array) -> Aim:
        """Return what the lines of draws are to be brought near to: what these say of each row."""
        problem, predictors = self.problem, self.problem.design.predictors
        objective = problem.natural
        every = slice(0, len(predictors.rows))
        eta = linear_predictors(predictors.block(every), theta[:, : objective.n_coefficients])
        if self.is_latent:
            own = np.swapaxes(eta[: self.n_channels], 0, 1).reshape(-1, eta.shape[-1])
            return Aim(LATENT, own, [np.ones((len(own), 1))], None, self.weights, self.offset)
        known = [np.reshape(one, (-1, 1)) for one in objective.phi(theta)]
        phi = [
            np.broadcast_to(one, (len(theta), np.shape(one)[-1]))
            for one in objective.family.every_phi(eta, known)
        ]
        trials = None if predictors.trials is None else predictors.trials[predictors.rows]
        mean = self.family.mean(eta[:1], phi, trials)
        return Aim(self.family, mean, phi, trials, self.weights, self.offset)

    def held(self, theta: Array) -> Held | None:
        """Return what holds effects of levels where they are; None where no term has any.

        By one over the squares of their own scales; other coefficients are free.
        """
        problem = self.problem
        parts = {part.where.start: part for part in problem.natural.coefficients}
        precision = np.zeros((len(theta), problem.natural.n_coefficients))
        for term in problem.plan.model.terms:
            place = problem.places[term.label]
            if term.facts.of_levels:
                part = parts[place.start]
                if part.learned is None:
                    log_scale = np.log(np.asarray(part.parameters["scale"], dtype=float))
                else:
                    log_scale = part.learned.log_scale(theta)
                precision[:, place] = np.exp(-2.0 * log_scale)
        if not precision.any():
            return None
        return Held(self.lines(theta), self.lines(precision))

    @property
    def absorbs(self) -> bool:
        """Whether the dispersion takes up what the mean leaves out: a single one, to be learned."""
        registry = self.problem.natural.registry
        single = len(registry.free_dispersions) == len(self.family.dispersions) == 1
        return not self.is_latent and single and self.family.absorbed is not None


def lay(problem: Problem) -> Laid:
    """Return one neuron's rows as projections read them.

    ModelError of coefficients that may not move freely; DataError of columns that the memory does
    not hold.
    """
    predictors = problem.design.predictors
    _refuse_confined(problem)
    needed = 8.0 * COPIES * len(predictors.rows) * predictors.n_columns
    if needed > free_memory():
        raise DataError(
            f"the {predictors.n_columns:,} columns of {len(predictors.rows):,} rows{problem.where} "
            f"need {1e-9 * needed:.3g} GB of memory to be projected, more than is free; take terms "
            "of fewer columns (a basis of lags), or fit a part of the samples."
        )
    line, run = predictors.lines[0], predictors.runs[0]
    names = [*([line.intercept] if line.intercept else []), *(one.name for one in line.blocks)]
    places = {name: predictors.column_places[name] for name in names}
    columns = predictors.columns(slice(0, len(predictors.rows)))
    X = columns if predictors.levels is not None else columns[:, run]
    if problem.natural.family.words.increasing:
        X = np.insert(X, 0, 1.0, axis=1)
        places = {name: slice(at.start + 1, at.stop + 1) for name, at in places.items()}
        places["intercept"] = slice(0, 1)
    return Laid(problem, X, places)


def _refuse_confined(problem: Problem) -> None:
    """Raise ModelError where a term's coefficients have bounds, or are factors of few numbers."""
    parts = {part.where.start: part for part in problem.natural.coefficients}
    n_terms = len(problem.plan.model.terms)
    for block in problem.design.predictors.blocks[:n_terms]:
        part = parts[problem.places[block.name].start]
        why = (
            f"the field of rank {block.rank}"
            if block.rank
            else "steps of one sign"
            if part.structure.support or block.steps
            else "bounds"
            if part.bounded
            else ""
        )
        if why:
            raise ModelError(
                f"project moves coefficients freely, and those of term {block.name!r} have {why}; "
                "fit the model with another prior or term in its place."
            )
