"""The same model in PyMC: the reference, and the way out to anything else that PyMC can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.design import Line
from bayesglm.design.variables import numbers
from bayesglm.inference.problem.arrangements import said
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.inference.problem.samples import labels_of, sample_coords
from bayesglm.inference.twin.likelihoods import LIKELIHOODS, MEANS
from bayesglm.inference.twin.parameters import (
    carried_intercept,
    coefficients,
    dispersion,
    intercepts,
    over_waves,
)
from bayesglm.inference.twin.seen import likelihood
from bayesglm.numerics.density.coordinates import Shrunk
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.given import verb_of_models
from bayesglm.spec.model import GLM
from bayesglm.spec.response_levels import n_and_reference

if TYPE_CHECKING:
    import pymc

type Tensor = Any


@verb_of_models
def to_pymc(model: GLM, data: Any) -> pymc.Model:
    """Write the model on its data as a PyMC model, with the same names and dims.

    Free variables are ``intercept``, one per term, the dispersions, and the learned scales
    ``<term>_scale``; the columns of a term are the ``pm.Data`` named ``<term>_data``, the response
    is observed under its own name from ``<response>_data``. Of a `Group` the data are the number
    of each sample's level, and in ``<term>_effect_data`` what multiplies each effect. Of a
    `Coupling` ``<term>_off_diagonal`` is free, and ``<term>`` the matrix with a NaN diagonal. The
    log density equals that of the native engine to rounding, with and without the Jacobian.

    Parameters
    ----------
    model, data
        As in `fit_map`.

    Returns
    -------
    pymc.Model
        A population is one model with the population's dim on every parameter.

    Raises
    ------
    DataError, ModelError
        As in `fit_map`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [2, 0, 3, 1], "x": [0.1, -0.9, 1.2, -0.3]}
    >>> model = bg.to_pymc(bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0)), data)
    >>> sorted(variable.name for variable in model.free_RVs)
    ['intercept', 'x']
    """
    return build(open_problems(model, data))


def build(problems: list[Problem], units: dict[str, list[Shrunk]] | None = None) -> pymc.Model:
    """Make the PyMC model of problems that share a plan (one neuron, or several).

    Terms that ``units`` name, with a record for each problem, are not free variables themselves,
    but functions of ``<term>_in_units``: the same density in coordinates for a sampler.
    """
    import pymc as pm

    first = problems[0]
    plan, model = first.plan, first.plan.model
    sample = plan.sample_dim
    population = () if plan.population is None else (plan.population,)
    with pm.Model(coords=coords_of(problems)) as made:
        # First, for the scales of coefficients may be in their units.
        phi = {
            name: dispersion(problems, name, model.dispersion_of(name), population)
            for name in first.natural.family.dispersion_names
        }
        eta = predictor_of_mean(problems, population, units or {})
        for name, line in zip(model.predicted, first.design.predictors.lines[1:], strict=True):
            phi[name] = _predicted(problems, name, line, population, units or {})
        dims: tuple[str, ...] = (sample, *population)
        if first.design.predictors.levels is not None:
            eta = _with_reference(model, eta)
        weights = None if model.weights is None else _row_data(problems, "weights")
        link, eta = MEANS[model.link_name], _in_domain(problems, eta, weights)
        if FAMILY_NAMES[model.family].counts_levels:
            # A dim of all levels, beside that of coefficients, which the reference may lack.
            dims = (*dims, f"{model.response}_counted")
            made.add_coord(dims[-1], np.array(model.levels))
        observed = pm.Data(f"{model.response}_data", _responses(problems), dims=dims)
        trials = _row_data(problems, "trials") if model.trials else observed.sum(axis=-1)
        stated = LIKELIHOODS[model.family](link, eta, phi, trials)
        variable = likelihood(problems, stated, observed, dims)
        if weights is not None:
            # The likelihood counts every row once; the rest of its weight is added here.
            extra = pm.logp(variable, observed)
            extra = pm.math.switch(pm.math.eq(weights, 1.0), 0.0, (weights - 1.0) * extra)
            pm.Potential(f"{model.response}_weights", extra.sum())
    return made


def predictor_of_mean(
    problems: list[Problem], population: tuple[str, ...], units: dict[str, list[Shrunk]]
) -> Tensor:
    """Return the mean's linear predictor ``(sample[, neuron][, channels])`` in an open model."""
    import pymc as pm

    plan, predictors = problems[0].plan, problems[0].design.predictors
    model = plan.model
    eta: Tensor = _row_data(problems, "offset") if model.offset else 0.0
    if model.exposure:
        eta = eta + pm.math.log(_row_data(problems, "exposure"))
    if model.intercept is not None:
        eta = eta + intercepts(problems, model.intercept, population)
    for k, term in enumerate(model.terms):
        own = units.get(predictors.blocks[k].name)
        eta = eta + _term(problems, k, term.prior, population, own)
    if model.terms:
        return eta
    # Without terms nothing gives eta the samples' length.
    channels = (predictors.levels.dim,) if predictors.levels else ()
    coords = pm.modelcontext(None).coords
    every = (plan.sample_dim, *population, *channels)
    return eta + np.zeros(tuple(len(coords[dim]) for dim in every))


def _in_domain(problems: list[Problem], eta: Tensor, weights: Tensor | None) -> Tensor:
    """Return eta where the link is defined, and a number inside where the density is made zero."""
    import pymc as pm
    import pytensor.tensor as pt

    model, domain = problems[0].plan.model, problems[0].natural.family.domain
    if domain.is_real_line:
        return eta
    holds = pt.and_(pt.gt(eta, domain.low), pt.lt(eta, domain.high))
    outside = pt.invert(holds) if weights is None else pt.and_(pt.invert(holds), weights > 0.0)
    pm.Potential(f"{model.response}_domain", pt.switch(outside, -np.inf, 0.0).sum())
    return pt.switch(holds, eta, domain.inside)


def _predicted(
    problems: list[Problem],
    name: str,
    line: Line,
    population: tuple[str, ...],
    units: dict[str, list[Shrunk]],
) -> Tensor:
    """Return a dispersion that has a linear predictor, ``(sample[, neuron])``."""
    model = problems[0].plan.model
    stated, words = model.predicted[name], FAMILY_NAMES[model.family]
    low, width = words.stretch_of(name)

    def link(eta: Tensor) -> Tensor:
        share = MEANS[words.link_of(name)](eta)
        return share if (low, width) == (0.0, 1.0) else low + width * share

    eta = carried_intercept(problems, name, stated.prior, population, link)
    for k, (term, block) in enumerate(zip(stated.terms, line.blocks, strict=True), line.first):
        eta = eta + _term(problems, k, term.prior, population, units.get(block.name))
    return link(eta)


def coords_of(problems: list[Problem]) -> dict[str, Any]:
    """Return the labels of every dim: samples, neurons, and those of parameters."""
    plan = problems[0].plan
    coords: dict[str, Any] = {
        plan.sample_dim: _plain(sample_coords(problems)[plan.sample_dim]),
    }
    if plan.population is not None:
        coords[plan.population] = labels_of(problems)
    for one in problems[0].natural.registry.free:
        coords.update(one.whole_coords)
        coords.update({f"{dim}_other": np.arange(len(one.coords[dim])) for dim in one.part_of})
    return coords


def _with_reference(model: GLM, eta: Tensor) -> Tensor:
    """Return the linear predictors of all levels, the last axis, that of a reference being zero."""
    import pytensor.tensor as pt

    _, reference = n_and_reference(model)
    if reference is None:
        return eta
    nothing = pt.zeros_like(eta[..., :1])
    return pt.concatenate([eta[..., :reference], nothing, eta[..., reference:]], axis=-1)


def _plain(coordinate: Any) -> Any:
    return coordinate[1] if isinstance(coordinate, tuple) else coordinate


def _term(
    problems: list[Problem],
    k: int,
    prior: Any,
    population: tuple[str, ...],
    units: list[Shrunk] | None,
) -> Tensor:
    """Return a term's part of eta, ``(sample[, neuron][, channels])``."""
    import pymc as pm

    plan = problems[0].plan
    blocks = [problem.design.predictors.blocks[k] for problem in problems]
    blocks = [block.bare or block for block in blocks]
    block, size = blocks[0], blocks[0].size
    own = len({id(problem.design.predictors) for problem in problems}) > 1
    if block.codes is not None:
        w = _coefficients(problems, k, prior, population, units)
        return _effects(problems, blocks if own else blocks[:1], w, population)
    if block.picked is not None:
        w = _coefficients(problems, k, prior, population, units)
        return _of_picked(problems, blocks, w)
    columns = [
        one.columns(problem.design.predictors.rows).reshape(-1, *block.shape)
        for one, problem in zip(blocks if own else blocks[:1], problems, strict=False)
    ]
    dims = (plan.sample_dim, *(population if own else ()), *block.dims)
    values = np.stack(columns, axis=1) if own and population else columns[0]
    data = pm.Data(f"{block.name}_data", values, dims=dims)
    w = _coefficients(problems, k, prior, population, units)
    n = data.shape[0]

    def product(w: Tensor) -> Tensor:
        if not population:
            if size == 1 and not block.shape:
                return data * w
            return data.reshape((n, size)) @ w.reshape((size,))
        neurons = len(problems)
        flat = w.reshape((neurons, size))
        if own:
            return (data.reshape((n, neurons, size)) * flat).sum(axis=-1)
        return data.reshape((n, size)) @ flat.T

    return _each_channel(problems, w, product)


def _of_picked(problems: list[Problem], blocks: list[Block], w: Tensor) -> Tensor:
    """Return the products ``(sample, neuron)`` of columns of which each neuron picks its own."""
    import pymc as pm
    import pytensor.tensor as pt

    first, rows = blocks[0], problems[0].design.predictors.rows
    columns = first.every(rows).dense()
    axis = f"{first.name}_column"
    pm.modelcontext(None).add_coord(axis, np.arange(columns.shape[1]))
    data = pm.Data(f"{first.name}_data", columns, dims=(problems[0].plan.sample_dim, axis))
    numbers = np.array([block.picked for block in blocks])
    n = len(problems)
    whole = pt.zeros((n, columns.shape[1]))
    flat = w.reshape((n, numbers.shape[1]))
    return data @ pt.set_subtensor(whole[np.arange(n)[:, None], numbers], flat).T


def _coefficients(
    problems: list[Problem],
    k: int,
    prior: Any,
    population: tuple[str, ...],
    units: list[Shrunk] | None,
) -> Tensor:
    named = problems[0].design.predictors.named[k]
    kind, _ = said(prior, named)
    name, shape = named.name, named.shape
    if named.waves is not None:
        return over_waves(problems, name, kind, population, shape, units, named.waves)
    own = (shape, named.dims, units, named.sums)
    return coefficients(problems, name, kind, population, *own)


def _each_channel(problems: list[Problem], w: Tensor, product: Callable[..., Tensor]) -> Tensor:
    """Return a product of coefficients; of several channels theirs, side by side in a last axis."""
    import pytensor.tensor as pt

    channels = problems[0].design.predictors.levels
    if channels is None:
        return product(w)
    axis = int(problems[0].plan.population is not None)
    each = [product(w.take(c, axis=axis)) for c in range(len(channels.labels))]
    return pt.stack(each, axis=-1)


def _effects(
    problems: list[Problem], blocks: list[Block], w: Tensor, population: tuple[str, ...]
) -> Tensor:
    """Return the effects of each sample's level: looked up, not summed."""
    import pymc as pm
    import pytensor.tensor as pt

    block, rows = blocks[0], problems[0].design.predictors.rows
    sample = problems[0].plan.sample_dim
    effects = block.dims[: -block.n_level_dims]
    each = [one.effects(rows) for one in blocks]
    codes = pm.Data(f"{block.name}_data", each[0][0], dims=(sample,))
    data = None
    if not block.only_looks_up:
        values = np.stack([value for _, value in each], axis=1)
        own = population if len(blocks) > 1 else ()
        lead = values.shape[: 1 + len(own)] if own else values.shape[:1]
        values = values.reshape(*lead, *block.shape[: len(effects)])
        data = pm.Data(f"{block.name}_effect_data", values, dims=(sample, *own, *effects))
        data = data[:, None] if population and not own else data

    def looked_up(w: Tensor) -> Tensor:
        lead = w.shape[: w.ndim - block.n_level_dims]
        of_row = pt.moveaxis(w.reshape((*lead, block.n_levels))[..., codes], -1, 0)
        if data is None:
            return of_row
        products = of_row * data
        return products.sum(axis=tuple(range(products.ndim - len(effects), products.ndim)))

    return _each_channel(problems, w, looked_up)


def _row_data(problems: list[Problem], role: str) -> Tensor:
    """Return offset, exposure, trials or weights as ``pm.Data`` over the samples in use."""
    import pymc as pm

    plan = problems[0].plan
    name = getattr(plan.model, role)
    taken = [term.label for term in plan.model.every_term]
    taken += [other for key, other in plan.model.roles.items() if key != role]
    data_name = f"{name}_{role}_data" if name in taken else f"{name}_data"
    own = plan.population is not None and plan.population in plan.dataset[name].dims
    every = numbers(plan.dataset[name], plan.sample_dim, role)
    values = []
    for problem in problems:
        rows = problem.design.predictors.rows
        values.append(every[rows, problem.neuron] if own else every[rows])
    if own:
        dims = (plan.sample_dim, plan.population)
        return pm.Data(data_name, np.stack(values, axis=-1), dims=dims)
    data = pm.Data(data_name, values[0], dims=(plan.sample_dim,))
    return data if plan.population is None else data[:, None]


def _responses(problems: list[Problem]) -> np.ndarray:
    """Return the responses ``(sample[, neuron])``, or counts ``(sample, level)``."""
    values = [problem.design.y[..., problem.design.predictors.rows].T for problem in problems]
    if FAMILY_NAMES[problems[0].plan.model.family].discrete:
        values = [value.astype(np.int64) for value in values]
    return values[0] if problems[0].plan.population is None else np.stack(values, axis=-1)
