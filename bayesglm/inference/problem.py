"""From a plan to objectives: names, places and priors of every parameter of one neuron."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
from scipy.optimize import brentq

from bayesglm.design.blocks import Block
from bayesglm.design.design import Design, Plan, family_of, plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import ModelError
from bayesglm.numerics.families import Family
from bayesglm.numerics.objective import Objective
from bayesglm.numerics.parts import LearnedScale, PriorPart
from bayesglm.numerics.priors import PRIORS
from bayesglm.numerics.structure import Differences
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Flat, HalfStudentT, Horseshoe, RandomWalk, learned_scale

Array = np.ndarray


@dataclass(frozen=True)
class Learned:
    """A learned scale, or what belongs to it: its shape with the names of its entries."""

    shape: tuple[int, ...] = ()
    dims: tuple[str, ...] = ()
    coords: Mapping[str, Array] = field(default_factory=dict)

    def labels(self, name: str) -> list[str]:
        """Return a name for every entry."""
        if not self.dims:
            return [name]
        every = product(*(self.coords[dim].tolist() for dim in self.dims))
        return [f"{name}[{', '.join(map(str, labels))}]" for labels in every]


@dataclass(frozen=True)
class Problem:
    """One neuron's log posterior on both scales, and where each parameter stands in theta."""

    plan: Plan
    neuron: int
    design: Design
    natural: Objective  # without the Jacobian: its mode is the MAP
    unconstrained: Objective  # with it: the density that Laplace and importance draws use
    places: dict[str, slice]
    learned: dict[str, Learned]

    @property
    def where(self) -> str:
        """Name the neuron for a message."""
        return self.plan.name_of(self.neuron)

    def labels(self) -> list[str]:
        """Return a name for every entry of theta."""
        found = self.design.predictors.labels()
        found += [self.natural.family.dispersions[k] for k in self.natural.free]
        for name, own in self.learned.items():
            found += own.labels(name)
        return found

    def log_concave(self) -> bool:
        """Say whether the MAP is the only mode: log-concave with nothing else to learn."""
        return self.natural.log_concave and not self.natural.positive

    def uncurved(self) -> list[str]:
        """Name the terms of whose priors a curvature says nothing: kinks and heavy tails."""
        terms = zip(self.plan.model.terms, self.design.predictors.blocks, strict=True)
        return [
            f"term {block.name!r} ({type(term.prior).__name__} prior)"
            for term, block in terms
            if not PRIORS[type(term.prior).__name__].curved
        ]

    def start(self) -> Array:
        """Return a theta from which every solver starts: the mean response, no effects.

        Learned scales start at the middle of their priors, the scale of a half-normal say.
        """
        theta = np.zeros(self.natural.size)
        design, family = self.design, self.natural.family
        rows = design.predictors.rows
        y = design.y[rows]
        if design.predictors.intercept:
            trials = design.predictors.trials
            theta[0] = _eta_of_mean(family, y, None if trials is None else trials[rows])
        for place, _ in enumerate(self.natural.free, start=self.natural.n_coefficients):
            theta[place] = np.log(max(float(y.std()), 1e-8 * (1 + float(np.abs(y).max()))))
        for part in self.natural.scales:
            theta[part.where] = np.log(part.parameters["scale"])
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
    places = dict(design.predictors.places)
    laid = _Laid(plan, neuron, places)
    dispersions: list[PriorPart | float] = []
    for name in family.dispersions:
        if isinstance(model.dispersion, (float, tuple)):
            dispersions.append(float(laid.number(name, "value", model.dispersion, ())))
        else:
            where = laid.add(name, 1, design.predictors.n_coefficients)
            dispersions.append(laid.part(name, model.dispersion, where, Learned()))
    parts = []
    if model.intercept is not None:
        parts.append(laid.part("intercept", model.intercept, places["intercept"], Learned()))
    scales: list[PriorPart] = []
    learned: dict[str, Learned] = {}
    for term, block in zip(model.terms, design.predictors.blocks, strict=True):
        of = Learned(block.shape, block.dims, block.coords)
        part = laid.part(block.name, term.prior, places[block.name], of)
        own = laid.scales(part, term.prior, block, design.predictors.n_coefficients)
        scales += [one for _, one, _ in own]
        learned |= {name: shape for name, _, shape in own}
        parts.append(laid.learning(part, block, [one.where for _, one, _ in own]))
    natural = Objective(
        design.blocks,
        family,
        design.predictors.n_coefficients,
        tuple(parts),
        tuple(dispersions),
        jacobian=False,
        scales=tuple(scales),
    )
    unconstrained = replace(natural, jacobian=True)
    return Problem(plan, neuron, design, natural, unconstrained, places, learned)


@dataclass(frozen=True)
class _Laid:
    """Priors laid on theta one after another; ``places`` grows as they are."""

    plan: Plan
    neuron: int
    places: dict[str, slice]

    def add(self, name: str, size: int, n_coefficients: int) -> slice:
        """Give the next entries of theta to a positive parameter."""
        start = max([n_coefficients, *(where.stop for where in self.places.values())])
        self.places[name] = slice(start, start + size)
        return self.places[name]

    def number(self, name: str, key: str, value: Any, shape: tuple[int, ...]) -> Array | float:
        """Return one neuron's flat array of a prior parameter that broadcasts to a shape."""
        return _for_neuron(self.plan, self.neuron, name, key, value, shape)

    def part(self, name: str, prior: Any, where: slice, of: Learned) -> PriorPart:
        """Lay a prior on the entries of some shape; a scale that is learned is left out."""
        record = PRIORS[type(prior).__name__]
        fields = {} if isinstance(prior, (Flat, Horseshoe)) else dict(vars(prior))
        if learned_scale(prior) is not None:
            fields.pop("scale", None)
        parameters: dict[str, Any] = {}
        if isinstance(prior, RandomWalk):
            fields = {key: value for key, value in fields.items() if key == "scale"}
            parameters["structure"] = _structure(name, prior, of.shape, of.dims)
        for key, value in fields.items():
            parameters[key] = self.number(name, key, value, of.shape)
        if isinstance(prior, RandomWalk) and "scale" in parameters:
            scale = parameters["scale"]
            full = np.reshape(scale, of.shape if np.ndim(scale) else ())
            if parameters["structure"].varies_along(full):
                raise ModelError(
                    f"the random walk of {name!r} has a scale that changes along a dim it "
                    "smooths; give one scale per smoothed run of coefficients."
                )
        return PriorPart(where, record, parameters, of.shape)

    def scales(
        self, part: PriorPart, prior: Any, block: Block, n: int
    ) -> list[tuple[str, PriorPart, Learned]]:
        """Lay the priors of what is learned of a term's scales: name, prior and shape of each."""
        above = learned_scale(prior)
        if above is None:
            return []
        grouped = block.codes is not None and len(block.dims) > 1
        lead = block.dims[:1] if grouped else ()
        wanted = [("scale", above, Learned(block.shape[: len(lead)], lead, block.coords))]
        if isinstance(prior, Horseshoe):
            own = Learned(block.shape, block.dims, block.coords)
            wanted.append(("local", HalfStudentT(1.0, df=1.0), own))
        found = []
        for suffix, one, of in wanted:
            name = f"{block.name}_{suffix}"
            where = self.add(name, int(np.prod(of.shape, dtype=int)), n)
            found.append((name, self.part(name, one, where, of), of))
        if isinstance(prior, Horseshoe):
            half = 0.5 * prior.slab_df
            parameters = {"shape": half, "scale": half * prior.slab_scale**2}
            name = f"{block.name}_slab"
            slab = PriorPart(self.add(name, 1, n), PRIORS["InverseGamma"], parameters)
            found.append((name, slab, Learned()))
        return found

    def learning(self, part: PriorPart, block: Block, scales: list[slice]) -> PriorPart:
        """Tell a term's prior where its scales stand in theta."""
        if not scales:
            return part
        common, *more = scales
        each = 1 if part.prior.joint else block.size
        width = common.stop - common.start
        found = LearnedScale(
            np.repeat(np.arange(common.start, common.stop), each // width),
            more[0] if more else None,
            more[1].start if more else None,
        )
        return replace(part, learned=found)


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
