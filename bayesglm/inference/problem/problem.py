"""From a plan to objectives: names, places and priors of every parameter of one neuron."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from bayesglm.design.design import Design, Plan, family_of, plain_family_of
from bayesglm.design.plan import lay, plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.errors import ModelError
from bayesglm.inference.problem.fields import over_waves
from bayesglm.inference.problem.laying import lay_theta, unconstrained
from bayesglm.inference.problem.laying_priors import coefficient_priors
from bayesglm.inference.problem.starts import coefficients_inside, is_inside
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.families.at_mean import eta_of_mean
from bayesglm.numerics.families.record import Collapse
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.model import GLM

Array = np.ndarray
# Of a coefficient, in one over its unit squared: less says nothing of where to start.
LEAST_INFORMATION = 1e-100


@dataclass(frozen=True)
class Problem:
    """One neuron's log posterior on both scales, and where each parameter stands in theta."""

    plan: Plan
    neuron: int
    design: Design
    natural: Objective  # without the Jacobian: its mode is the MAP
    unconstrained: Objective  # with it: the density that Laplace and importance draws use

    @property
    def places(self) -> dict[str, slice]:
        """Where each parameter stands in theta."""
        return self.natural.registry.places

    @property
    def collapsing(self) -> list[str]:
        """The dispersions to be learned in which an exact fit's likelihood is without bound."""
        fixed = {one.name for one in self.natural.registry.dispersions if one.fixed is not None}
        family = plain_family_of(self.plan.model)
        pairs = zip(family.dispersion_names, family.dispersions, strict=True)
        return [name for name, record in pairs if record.collapse and name not in fixed]

    def collapse_of(self, name: str) -> Collapse:
        """Return how the likelihood of an exact fit grows in one of these."""
        collapse = plain_family_of(self.plan.model).dispersion_named(name).collapse
        assert collapse is not None
        return collapse

    @property
    def learned(self) -> dict[str, Parameter]:
        """The scales that are learned, by name."""
        return {one.name: one for one in self.natural.registry.scales}

    @property
    def pooled(self) -> bool:
        """Whether terms share means and scales with those of the other neurons."""
        return any(part.mean is not None for part in self.natural.coefficients)

    @property
    def where(self) -> str:
        """Name the neuron for a message."""
        return self.plan.name_of(self.neuron)

    def natural_thetas(self, thetas: Array) -> Array:
        """Return the natural thetas ``(..., size)`` of those of the unconstrained density."""
        return self.unconstrained.registry.natural_coefficients(thetas)

    def labels(self) -> list[str]:
        """Return a name for every entry of theta, of its natural values."""
        return self.natural.registry.names()

    def log_concave(self) -> bool:
        """Say whether the MAP is the only mode: log-concave with nothing else to learn."""
        registry = self.natural.registry
        alone = registry.size == registry.n_coefficients and not self.confined
        return self.natural.log_concave and alone

    def uncurved(self) -> list[str]:
        """Name the terms of whose priors a curvature says nothing: kinks, bounds, heavy tails."""
        model = self.plan.model
        priors: dict[str, Any] = {
            block.name: term.prior
            for term, block in zip(model.every_term, self.design.predictors.blocks, strict=True)
        }
        if model.intercept is not None:
            priors["intercept"] = model.intercept
        priors |= {f"{name}_intercept": one.prior for name, one in model.predicted.items()}
        parts = {part.where.start: part for part in self.natural.coefficients}
        laid = {
            name: (f"{type(prior).__name__} prior", parts[self.places[name].start])
            for name, prior in priors.items()
        }
        return [
            f"term {name!r} ({part.structure.name if part.structure.support else kind})"
            for name, (kind, part) in laid.items()
            if not part.tells_width
        ] + [
            f"term {block.name!r} (a field of rank {block.rank})"
            for block in self.design.predictors.blocks
            if block.rank
        ]

    @property
    def confined(self) -> list[int]:
        """The numbers of the blocks whose coefficients are a matrix of less than full rank."""
        blocks = self.design.predictors.blocks
        return [k for k, block in enumerate(blocks) if block.rank]

    def refuse_confined(self, what: str, remedy: str) -> None:
        """Raise ModelError where there is a field of low rank, of which something cannot be had."""
        for k in self.confined:
            block = self.design.predictors.blocks[k]
            raise ModelError(
                f"{what} of {block.name!r}, a field of rank {block.rank}, is not available: its "
                f"posterior is no Gaussian among all fields; {remedy}."
            )

    def without_mode(self) -> list[str]:
        """Name the terms whose coefficients have a density without bound: steps of one sign."""
        parts = self.natural.coefficients
        without = [part.where for part in parts if not part.prior.has_mode]
        return [name for name, where in self.places.items() if where in without]

    @property
    def starts_beside_offset(self) -> bool:
        """Whether the intercept starts where it has the mean response beside the offset.

        Elsewhere means level off, and an offset may hold a start where nothing moves them.
        """
        is_log = LINK_NAMES[self.plan.model.link_name].is_log
        return is_log or not plain_family_of(self.plan.model).domain.is_real_line

    def narrows(self) -> bool:
        """Say whether the density narrows somewhere: as several coefficients do with one scale."""
        learned = [part.learned for part in self.natural.coefficients]
        shared = any(one is not None and not one.own for one in learned)
        return shared or bool(self.without_mode())

    def start(self, objective: Objective) -> Array:
        """Return a theta of an objective from which solvers start: the mean response, no effects.

        Learned scales start at the middle of their priors, the scale of a half-normal say.
        """
        design, family = self.design, plain_family_of(self.plan.model)
        rows = design.predictors.rows
        y = design.typical[..., rows]
        registry = objective.registry
        parameters = {one.name: one for one in registry.dispersions}
        known: dict[str, Any] = {}
        for name, record in zip(family.dispersion_names, family.dispersions, strict=True):
            known[name], own = record.start(y), parameters.get(name)
            if own is not None:  # else it has a linear predictor
                known[name] = own.inside(known[name]) if own.fixed is None else own.fixed
        phi = tuple(np.float64(value) for value in known.values() if np.ndim(value) == 0)
        for name in self.plan.model.predicted:
            transform = family.dispersion_named(name).transform
            known[f"{name}_intercept"] = transform.inner(np.array([known[name]]))
        if family.starts is not None:
            known["intercept"] = family.starts(y)
        elif design.predictors.intercept:
            trials = design.predictors.trials
            offset = design.predictors.offset if self.starts_beside_offset else None
            known["intercept"] = eta_of_mean(
                family,
                y,
                phi,
                None if trials is None else trials[rows],
                None if offset is None else offset[rows],
            )
        if not registry.straight:
            known |= self._inside(known)
        start = registry.start(known)
        if is_inside(self.natural, objective.w(start)):
            return start
        return registry.start(known | self._in_domain(phi))

    def _in_domain(self, phi: tuple[Any, ...]) -> dict[str, Array]:
        """Return starts of the mean's coefficients that keep every row in the link's domain."""
        design, plan, natural = self.design, self.plan, self.natural
        rows, trials = design.predictors.rows, design.predictors.trials
        centre = eta_of_mean(
            plain_family_of(plan.model),
            design.y[..., rows],
            phi,
            None if trials is None else trials[rows],
        )
        of_mean = design.predictors.runs[0].stop
        w, row = coefficients_inside(natural, of_mean, centre)
        if w is None:
            counted = rows if design.weights is None else rows[design.weights[rows] > 0.0]
            raise ModelError(
                f"response {plan.model.response!r}{self.where}: under the "
                f"{plan.model.link_name} link of a {natural.family.name} response a linear "
                f"predictor must lie {natural.family.domain.words}, and no coefficients bring all "
                f"of them there; in the way is {plan.sample_dim}={int(counted[row])}. Give the "
                "model an intercept, check the offset and the bounds of the priors, or take a link "
                f"that is defined everywhere, {FAMILY_NAMES[plan.model.family].links[0]} say."
            )
        return {name: w[where] for name, where in self.places.items() if where.stop <= of_mean}

    def _inside(self, known: dict[str, Any]) -> dict[str, Array]:
        """Return starts of coefficients with bounds: within what data, or prior, tell from zero."""
        natural = self.natural
        theta = natural.registry.start(known)
        with np.errstate(over="ignore", invalid="ignore"):
            information = natural.likelihood_diagonal(theta)
        information = np.where(np.isfinite(information), information, LEAST_INFORMATION)
        starts = {}
        for part in natural.coefficients:
            if part.bounded:
                name = next(name for name, where in self.places.items() if where == part.where)
                reach = 1.0 / np.sqrt(np.maximum(information[part.where], LEAST_INFORMATION))
                starts[name] = np.minimum(part.parameters["scale"], reach)
        return starts

    def flat_directions(self, run: slice) -> tuple[Array, list[str]]:
        """Return the directions of w that no prior holds, as columns ``(p, k)``, and their names.

        Those of one linear predictor, the ``run`` of whose coefficients is told. A flat prior
        leaves its coefficients free, a random walk its polynomials.
        """
        p, labels = self.natural.n_coefficients, self.labels()
        columns: list[Array] = []
        names: list[str] = []
        for part in self.natural.coefficients:
            inside = run.start <= part.where.start and part.where.stop <= run.stop
            free = part.free_directions()
            if not free.size or not inside:
                continue
            block = np.zeros((p, free.shape[1]))
            block[part.where] = free
            columns.append(block)
            if part.structure.diagonal:
                names += labels[part.where]
            else:
                name = next(name for name, where in self.places.items() if where == part.where)
                names += [f"{name} (what its {part.structure.name} leaves free)"] * free.shape[1]
        return (np.hstack(columns) if columns else np.zeros((p, 0))), names

    def has_flat_intercept(self) -> bool:
        """Say whether there is an intercept of the mean that no prior holds."""
        intercept = self.places.get("intercept")
        parts = self.natural.coefficients
        return any(part.where == intercept and not part.prior.proper for part in parts)

    def only_intercept_is_free(self) -> bool:
        """Say whether the intercept is all that no prior holds, if anything is."""
        free = [part.where for part in self.natural.coefficients if not part.prior.proper]
        return free in ([], [self.places.get("intercept")])

    def restrict(self, keep: Array) -> Problem:
        """Return the problem of some of the kept rows, priors unchanged."""
        return make_problem(self.plan, self.neuron, self.design.take(keep))


def open_problems(model: GLM, data: object) -> list[Problem]:
    """Lay the model on the data, resolve its default priors, and make a problem per neuron."""
    return _problems(plan_fit(model, data))


def open_again(model: GLM, data: object) -> list[Problem]:
    """Open the problems of a fit again, without a word on what its first opening told."""
    return _problems(lay(model, data))


def _problems(plan: Plan) -> list[Problem]:
    plan = resolve(plan)
    return [make_problem(plan, k, design) for k, design in enumerate(plan.designs)]


def make_problem(plan: Plan, neuron: int, design: Design) -> Problem:
    """Make one neuron's problem from the plan (with priors resolved) and its design."""
    design = over_waves(plan.model, design)
    predictors = design.predictors
    theta = lay_theta(plan, neuron, predictors)
    priors = coefficient_priors(plan, neuron, predictors, theta.places)
    natural = Objective(design.source, family_of(plan.model), theta, priors)
    return Problem(
        plan, neuron, design, natural, replace(natural, registry=unconstrained(theta, priors))
    )
