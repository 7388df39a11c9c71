"""From a plan to objectives: names, places and priors of every parameter of one neuron."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.optimize import brentq

from bayesglm.design.design import Design, Plan, family_of, plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import ModelError
from bayesglm.numerics.families import Family
from bayesglm.numerics.objective import Objective, PriorPart
from bayesglm.numerics.priors import PRIORS
from bayesglm.numerics.structure import Differences
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat, RandomWalk

Array = np.ndarray


@dataclass(frozen=True)
class Problem:
    """One neuron's log posterior on both scales, and where each parameter stands in theta."""

    plan: Plan
    neuron: int
    design: Design
    natural: Objective  # without the Jacobian: its mode is the MAP
    unconstrained: Objective  # with it: the density that Laplace and importance draws use
    places: dict[str, slice]

    @property
    def where(self) -> str:
        """Name the neuron for a message."""
        return self.plan.name_of(self.neuron)

    def labels(self) -> list[str]:
        """Return a name for every entry of theta."""
        return self.design.predictors.labels() + [
            self.natural.family.dispersions[k] for k in self.natural.free
        ]

    def log_concave(self) -> bool:
        """Say whether the MAP is the only mode: log-concave with no dispersion to learn."""
        return self.natural.family.log_concave and not self.natural.free

    def start(self) -> Array:
        """Return a theta from which every solver starts: the mean response, no effects."""
        theta = np.zeros(self.natural.size)
        design, family = self.design, self.natural.family
        rows = design.predictors.rows
        y = design.y[rows]
        if design.predictors.intercept:
            trials = design.predictors.trials
            theta[0] = _eta_of_mean(family, y, None if trials is None else trials[rows])
        for place, _ in enumerate(self.natural.free, start=self.natural.n_coefficients):
            theta[place] = np.log(max(float(y.std()), 1e-8 * (1 + float(np.abs(y).max()))))
        return theta

    def flat_directions(self) -> tuple[Array, list[str]]:
        """Return the directions of w that no prior holds, as columns ``(p, k)``, and their names.

        A flat prior leaves its coefficients free, a random walk its polynomials.
        """
        p, labels = self.natural.n_coefficients, self.labels()
        columns: list[Array] = []
        names: list[str] = []
        for part in self.natural.coefficients:
            if part.prior.proper:
                continue
            if part.prior.joint:
                null = part.parameters["structure"].null_space
                block = np.zeros((p, null.shape[1]))
                block[part.where] = null / np.reshape(part.parameters["scale"], (-1, 1))
                name = next(name for name, where in self.places.items() if where == part.where)
                names += [f"{name} (what its random walk leaves free)"] * null.shape[1]
            else:
                size = part.where.stop - part.where.start
                block = np.zeros((p, size))
                block[part.where] = np.eye(size)
                names += labels[part.where]
            columns.append(block)
        return (np.hstack(columns) if columns else np.zeros((p, 0))), names

    def only_intercept_is_free(self) -> bool:
        """Say whether the intercept is all that no prior holds, if anything is."""
        free = [part.where for part in self.natural.coefficients if not part.prior.proper]
        return free in ([], [self.places.get("intercept")])

    def restrict(self, keep: Array) -> Problem:
        """Return the problem of some of the kept rows, priors unchanged."""
        return make_problem(self.plan, self.neuron, self.design.take(keep))


def open_problems(model: GLM, data: object) -> list[Problem]:
    """Lay the model on the data, resolve its default priors, and make a problem per neuron."""
    plan = resolve(plan_fit(model, data))
    return [make_problem(plan, k, design) for k, design in enumerate(plan.designs)]


def make_problem(plan: Plan, neuron: int, design: Design) -> Problem:
    """Make one neuron's problem from the plan (with priors resolved) and its design."""
    model, family = plan.model, family_of(plan.model)
    places = design.predictors.places
    parts = []
    if model.intercept is not None:
        parts.append(_part(plan, neuron, "intercept", model.intercept, places["intercept"], ()))
    for term, block in zip(model.terms, design.predictors.blocks, strict=True):
        where = places[block.name]
        parts.append(_part(plan, neuron, block.name, term.prior, where, block.shape, block.dims))
    dispersions: list[PriorPart | float] = []
    end = design.predictors.n_coefficients
    for name in family.dispersions:
        if isinstance(model.dispersion, (float, tuple)):
            fixed = _for_neuron(plan, neuron, name, "value", model.dispersion, ())
            dispersions.append(float(fixed))
            continue
        places[name] = slice(end, end + 1)
        dispersions.append(_part(plan, neuron, name, model.dispersion, places[name], ()))
        end += 1
    natural = Objective(
        design.blocks,
        family,
        design.predictors.n_coefficients,
        tuple(parts),
        tuple(dispersions),
        jacobian=False,
    )
    return Problem(plan, neuron, design, natural, replace(natural, jacobian=True), places)


def _part(
    plan: Plan,
    neuron: int,
    name: str,
    prior: Any,
    where: slice,
    shape: tuple[int, ...],
    dims: tuple[str, ...] = (),
) -> PriorPart:
    record = PRIORS[type(prior).__name__]
    if isinstance(prior, RandomWalk):
        scale = _for_neuron(plan, neuron, name, "scale", prior.scale, shape)
        structure = _structure(name, prior, shape, dims)
        if structure.varies_along(np.reshape(scale, shape if np.ndim(scale) else ())):
            raise ModelError(
                f"the random walk of {name!r} has a scale that changes along a dim it smooths; "
                "give one scale per smoothed run of coefficients."
            )
        return PriorPart(where, record, {"scale": scale, "structure": structure})
    fields = {} if isinstance(prior, Flat) else vars(prior)
    parameters = {
        key: _for_neuron(plan, neuron, name, key, value, shape) for key, value in fields.items()
    }
    return PriorPart(where, record, parameters)


def _structure(
    name: str, prior: RandomWalk, shape: tuple[int, ...], dims: tuple[str, ...]
) -> Differences:
    """Find the axes that a random walk smooths along; ``lag`` stands for the term's own lags."""
    if not dims:
        raise ModelError(
            f"the coefficient {name!r} is a single number, and a random walk needs a dim to smooth "
            "along; use it on a Lagged or History term, or on a predictor with further dims."
        )
    if prior.dims is None:
        wanted: tuple[str, ...] = dims
    else:
        said = (prior.dims,) if isinstance(prior.dims, str) else prior.dims
        wanted = tuple(f"{name}_lag" if dim == "lag" and dim not in dims else dim for dim in said)
    for dim in wanted:
        if dim not in dims:
            raise ModelError(
                f"the random walk of {name!r} smooths along {dim!r}, which is no dim of that "
                f"coefficient; it has {', '.join(map(repr, dims))}."
            )
    axes = tuple(sorted({dims.index(dim) for dim in wanted}))
    for axis in axes:
        if shape[axis] <= prior.order:
            raise ModelError(
                f"the random walk of {name!r} takes differences of order {prior.order} along "
                f"{dims[axis]!r}, which has only {shape[axis]} entries; use a lower order or more."
            )
    return Differences(shape, axes, prior.order)


def _for_neuron(
    plan: Plan, neuron: int, name: str, key: str, value: Any, shape: tuple[int, ...]
) -> Array | float:
    """Return one neuron's flat array of a prior parameter that broadcasts to the coefficient."""
    if not isinstance(value, tuple):
        return float(value)
    full = shape if plan.population is None else (len(plan.designs), *shape)
    try:
        values = np.broadcast_to(np.array(value), full)
    except ValueError as error:
        raise ModelError(
            f"the prior of {name!r} has a {key} of shape {np.shape(value)}, which does not fit the "
            f"coefficient's shape {full}; give one number, or an array of that shape."
        ) from error
    values = values if plan.population is None else values[neuron]
    return values.reshape(-1) if shape else float(values)


def _eta_of_mean(family: Family, y: Array, trials: Array | None) -> float:
    """Return the constant eta whose mean is that of y, or the last that still moves the mean."""

    average = float(y.mean())
    tries = None if trials is None else np.float64(trials.mean())

    def excess(eta: float) -> float:
        with np.errstate(over="ignore"):
            return float(family.mean(np.float64(eta), (), tries)) - average

    edges = []
    for edge, side in ((-1.0, 1.0), (1.0, -1.0)):
        little = 1e-3 * abs(excess(edge))
        while side * excess(edge) > 0:
            if abs(excess(2 * edge) - excess(edge)) < little:
                return edge
            edge *= 2
        edges.append(edge)
    return float(brentq(excess, *edges, xtol=1e-3, rtol=1e-6))
