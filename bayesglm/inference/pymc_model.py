"""The same model in PyMC: the reference, and the way out to anything else that PyMC can do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from bayesglm.design.blocks import Block
from bayesglm.design.variables import numbers
from bayesglm.inference.problem.problem import Problem, open_problems
from bayesglm.inference.problem.samples import labels_of, sample_coords
from bayesglm.numerics.density.coordinates import Shrunk
from bayesglm.numerics.priors.structure import Differences
from bayesglm.numerics.priors.table import elastic_net_log_norm
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.model import GLM
from bayesglm.spec.priors import Horseshoe, learned_scale

if TYPE_CHECKING:
    import pymc

type Tensor = Any

# They leave an error of 1e-15 scales in a draw of an elastic net, whatever the ratio.
NEWTON_STEPS = 5


def to_pymc(model: GLM, data: Any) -> pymc.Model:
    """Write the model on its data as a PyMC model, with the same names and dims.

    Free variables are ``intercept``, one per term, the dispersions, and the learned scales
    ``<term>_scale``; the columns of a term are the ``pm.Data`` named ``<term>_data``, the response
    is observed under its own name from ``<response>_data``. Of a `Group` the data are the number
    of each sample's level, and in ``<term>_effect_data`` what multiplies each effect. The log
    density equals that of the native engine to rounding, with and without the Jacobian.

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
    with pm.Model(coords=_coords(problems)) as made:
        eta: Tensor = _row_data(problems, "offset") if model.offset else 0.0
        if model.exposure:
            eta = eta + pm.math.log(_row_data(problems, "exposure"))
        if model.intercept is not None:
            eta = eta + _coefficients(problems, "intercept", model.intercept, population, ())
        for k, term in enumerate(model.terms):
            own = None if units is None else units.get(first.design.predictors.blocks[k].name)
            eta = eta + _term(problems, k, term.prior, population, own)
        phi = {
            name: _dispersion(problems, name, model.dispersion, population)
            for name in first.natural.family.dispersions
        }
        dims = (sample, *population)
        if not model.terms:
            # Without terms nothing gives eta the samples' length.
            eta = eta + np.zeros(tuple(len(made.coords[dim]) for dim in dims))
        trials = _row_data(problems, "trials") if model.trials else None
        link = MEANS[model.link_name]
        observed = pm.Data(f"{model.response}_data", _responses(problems), dims=dims)
        keywords = LIKELIHOODS[model.family](link, eta, phi, trials)
        distribution = getattr(pm, keywords.pop("distribution"))
        likelihood = distribution(model.response, **keywords, observed=observed, dims=dims)
        if model.weights is not None:
            weights = _row_data(problems, "weights")
            # The likelihood counts every row once; the rest of its weight is added here.
            extra = pm.logp(likelihood, observed)
            extra = pm.math.switch(pm.math.eq(weights, 1.0), 0.0, (weights - 1.0) * extra)
            pm.Potential(f"{model.response}_weights", extra.sum())
    return made


def _coords(problems: list[Problem]) -> dict[str, Any]:
    plan = problems[0].plan
    coords: dict[str, Any] = {
        plan.sample_dim: _plain(sample_coords(problems)[plan.sample_dim]),
    }
    if plan.population is not None:
        coords[plan.population] = labels_of(problems)
    for block in problems[0].design.predictors.blocks:
        coords.update(block.coords)
    return coords


def _plain(coordinate: Any) -> Any:
    return coordinate[1] if isinstance(coordinate, tuple) else coordinate


def _term(
    problems: list[Problem],
    k: int,
    prior: Any,
    population: tuple[str, ...],
    units: list[Shrunk] | None,
) -> Tensor:
    """Return a term's part of eta, ``(sample[, neuron])``."""
    import pymc as pm

    plan = problems[0].plan
    blocks = [problem.design.predictors.blocks[k] for problem in problems]
    block, size = blocks[0], blocks[0].size
    own = len({id(problem.design.predictors) for problem in problems}) > 1
    if block.codes is not None:
        return _effects(problems, blocks if own else blocks[:1], prior, population, units)
    columns = [
        one.columns(problem.design.predictors.rows).reshape(-1, *block.shape)
        for one, problem in zip(blocks if own else blocks[:1], problems, strict=False)
    ]
    dims = (plan.sample_dim, *(population if own else ()), *block.dims)
    values = np.stack(columns, axis=1) if own and population else columns[0]
    data = pm.Data(f"{block.name}_data", values, dims=dims)
    w = _coefficients(problems, block.name, prior, population, block.shape, block.dims, units)
    n = data.shape[0]
    if not population:
        return data.reshape((n, size)) @ w.reshape((size,)) if size > 1 or block.shape else data * w
    neurons = len(problems)
    flat = w.reshape((neurons, size))
    if own:
        return (data.reshape((n, neurons, size)) * flat).sum(axis=-1)
    return data.reshape((n, size)) @ flat.T


def _effects(
    problems: list[Problem],
    blocks: list[Block],
    prior: Any,
    population: tuple[str, ...],
    units: list[Shrunk] | None,
) -> Tensor:
    """Return the effects of each sample's level, ``(sample[, neuron])``: looked up, not summed."""
    import pymc as pm
    import pytensor.tensor as pt

    block, rows = blocks[0], problems[0].design.predictors.rows
    assert block.codes is not None
    sample = problems[0].plan.sample_dim
    codes = pm.Data(f"{block.name}_data", block.codes[rows], dims=(sample,))
    w = _coefficients(problems, block.name, prior, population, block.shape, block.dims, units)
    of_row = pt.moveaxis(w[..., codes], -1, 0)
    if len(block.dims) == 1:
        return of_row
    values = np.stack([one.signal[rows] for one in blocks], axis=1)
    own = population if len(blocks) > 1 else ()
    dims = (sample, *own, block.dims[0])
    values = values if own else values[:, 0]
    data = pm.Data(f"{block.name}_effect_data", values, dims=dims)
    return (of_row * (data[:, None] if population and not own else data)).sum(axis=-1)


def _coefficients(
    problems: list[Problem],
    name: str,
    prior: Any,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...] = (),
    units: list[Shrunk] | None = None,
) -> Tensor:
    parameters = _parameters(problems, name, population, shape)
    if learned_scale(prior) is not None:
        parameters["scale"] = _learned_scale(problems, name, prior, population, shape, dims)
    twin, every = PRIOR_TWINS[type(prior).__name__], (*population, *dims)
    if units is None:
        return twin(name, dims=every, **parameters)
    return _in_units(units, twin, name, every, bool(population), parameters)


def _in_units(
    units: list[Shrunk],
    twin: Callable[..., Tensor],
    name: str,
    dims: tuple[str, ...],
    several: bool,
    parameters: dict[str, Any],
) -> Tensor:
    """Return coefficients as `Shrunk` makes them of a variable in units, and add their density."""
    import pymc as pm
    import pytensor.tensor as pt
    from pytensor.graph.replace import graph_replace

    def each(values: list[Any]) -> np.ndarray:
        return np.stack(values) if several else np.asarray(values[0])

    model = pm.modelcontext(None)
    log_k = each([one.shrinkage.log_k + np.zeros_like(one.towards) for one in units])
    log_information = each([np.log(one.shrinkage.information) for one in units])
    v = pm.Flat(f"{name}_in_units", dims=dims)
    log_scale = pt.log(parameters["scale"]).reshape(log_k.shape)
    log_precision = pt.logaddexp(log_k - 2.0 * log_scale, log_information)
    share = pt.exp(log_information - log_precision)
    w = pt.exp(-0.5 * log_precision) * v.reshape(log_k.shape)
    w = w + share * each([one.towards for one in units])
    basis = units[0].shrinkage.turned(np.eye(log_k.shape[-1]), back=True)
    if units[0].shrinkage.structure is not None:
        w = w @ basis
    w = pm.Deterministic(name, parameters.get("loc", 0.0) + w.reshape(v.shape), dims=dims)
    with pm.Model(coords=model.coords, model=None) as alone:
        prior = twin(name, dims=dims, **parameters)
    log_density = pm.logp(prior, w).sum()
    if alone.potentials:
        log_density = log_density + sum(graph_replace(alone.potentials, {prior: w}, strict=False))
    pm.Potential(f"{name}_density", log_density - 0.5 * log_precision.sum())
    return w


def _learned_scale(
    problems: list[Problem],
    name: str,
    prior: Any,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...],
) -> Tensor:
    """Return the scale of every coefficient, ``(neuron, *coefficient dims)``, as a variable."""
    import pytensor.tensor as pt

    def variable(suffix: str) -> Tensor:
        own = problems[0].learned[f"{name}_{suffix}"]
        parameters = _parameters(problems, f"{name}_{suffix}", population, own.shape)
        twin = PRIOR_TWINS[own.kind]
        made = twin(f"{name}_{suffix}", dims=(*population, *own.dims), **parameters)
        return made.reshape((*made.shape, *(1 for _ in dims[len(own.dims) :])))

    scale = variable("scale")
    if isinstance(prior, Horseshoe):
        wide = pt.sqr(scale * variable("local"))
        slab = variable("slab")
        return pt.sqrt(slab * wide / (slab + wide))
    return scale * np.ones(shape)


def _dispersion(
    problems: list[Problem], name: str, prior: Any, population: tuple[str, ...]
) -> Tensor:
    fixed = [part for part in problems[0].natural.dispersions if isinstance(part, float)]
    if fixed:
        # Arrays, even of no dims: PyTensor takes a float that float32 can hold for a float32.
        values = np.array([problem.natural.dispersions[0] for problem in problems])
        return values if population else np.array(values[0])
    return PRIOR_TWINS[f"{type(prior).__name__} > 0" if not vars(prior) else type(prior).__name__](
        name, dims=population, **_parameters(problems, name, population, ())
    )


def _parameters(
    problems: list[Problem], name: str, population: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return a prior's parameters in the coefficient's full shape, from the native engine."""
    found: list[dict[str, Any]] = []
    for problem in problems:
        where = problem.places[name]
        parts = (*problem.natural.coefficients, *problem.natural.positive)
        part = next(part for part in parts if part.where == where)
        found.append(
            {
                key: value
                if isinstance(value, Differences)
                else np.broadcast_to(value, where.stop - where.start).reshape(shape)
                for key, value in part.parameters.items()
            }
        )
    if not population:
        return found[0]
    return {
        key: value if isinstance(value, Differences) else np.stack([one[key] for one in found])
        for key, value in found[0].items()
    }


def _row_data(problems: list[Problem], role: str) -> Tensor:
    """Return offset, exposure, trials or weights as ``pm.Data`` over the samples in use."""
    import pymc as pm

    plan = problems[0].plan
    name = getattr(plan.model, role)
    taken = [term.label for term in plan.model.terms]
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
    values = [problem.design.y[problem.design.predictors.rows] for problem in problems]
    if FAMILY_NAMES[problems[0].plan.model.family].discrete:
        values = [value.astype(np.int64) for value in values]
    return values[0] if problems[0].plan.population is None else np.stack(values, axis=-1)


def _prior(name_in_pymc: str, rename: dict[str, str]) -> Callable[..., Tensor]:
    def make(name: str, dims: tuple[str, ...], **parameters: Any) -> Tensor:
        import pymc as pm

        renamed = {rename[key]: value for key, value in parameters.items()}
        return getattr(pm, name_in_pymc)(name, dims=dims, **renamed)

    return make


def _exponential(name: str, dims: tuple[str, ...], scale: Any) -> Tensor:
    import pymc as pm

    return pm.Exponential(name, lam=1.0 / scale, dims=dims)


def _elastic_net(name: str, dims: tuple[str, ...], scale: Any, ratio: Any, loc: Any) -> Tensor:
    import pymc as pm
    import pytensor.tensor as pt

    # PyTensor has no logarithm of erfcx: numpy computes the norm of the unit scale.
    unit = np.asarray(elastic_net_log_norm(1.0, ratio))
    return pm.CustomDist(
        name,
        *(loc, scale, ratio, unit + pt.log(scale)),
        logp=_elastic_net_logp,
        dist=_draw_elastic_net,
        support_point=lambda rv, size, loc, *others: pt.full(size, loc),
        class_name="ElasticNet",
        dims=dims,
    )


def _elastic_net_logp(
    value: Tensor, loc: Tensor, scale: Tensor, ratio: Tensor, log_norm: Tensor
) -> Tensor:
    z = abs(value - loc) / scale
    return -ratio * z - 0.5 * (1.0 - ratio) * z * z - log_norm


def _draw_elastic_net(
    loc: Tensor, scale: Tensor, ratio: Tensor, log_norm: Tensor, size: Tensor
) -> Tensor:
    """Draw by inverting the survival function: a graph, which every backend of PyTensor compiles.

    t = |w - loc| sqrt(1 - ratio)/scale is a standard normal less alpha, given that it is above
    zero: -log P(t) = alpha t + t^2/2 - log(erfcx((alpha + t)/sqrt(2))/erfcx(alpha/sqrt(2))) is a
    standard exponential e. It is convex and above alpha t + t^2/2, so Newton's steps from where
    that equals e come down to the root without overshooting.
    """
    import pymc as pm
    import pytensor.tensor as pt

    width, half = pt.sqrt(1.0 - ratio), np.array(np.sqrt(0.5))
    alpha = ratio / width
    e = pm.Exponential.dist(lam=1.0, shape=size)
    t = 2.0 * e / (alpha + pt.sqrt(alpha * alpha + 2.0 * e))
    at_zero = pt.erfcx(half * alpha)
    for _ in range(NEWTON_STEPS):
        at_t = pt.erfcx(half * (alpha + t))
        excess = alpha * t + 0.5 * t * t - pt.log(at_t / at_zero) - e
        t = pt.maximum(t - excess * at_t * np.array(np.sqrt(0.5 * np.pi)), 0.0)
    side = 2.0 * pm.Bernoulli.dist(p=0.5, shape=size) - 1.0
    return loc + side * scale * t / width


def _random_walk(name: str, dims: tuple[str, ...], scale: Any, structure: Differences) -> Tensor:
    """Write the intrinsic density as a flat variable and the potential that holds it together."""
    import pymc as pm
    import pytensor.tensor as pt

    w = pm.Flat(name, dims=dims)
    lead, scale = len(dims) - len(structure.shape), pt.as_tensor(scale)
    squares = sum(
        pt.sqr(pt.diff(w / scale, n=structure.order, axis=lead + axis)).sum()
        for axis in structure.axes
    )
    of_each = structure.log_pdet - structure.rank * np.log(2.0 * np.pi)
    size = scale.size / structure.size
    scales = 2.0 * structure.rank / structure.size * pt.log(scale).sum()
    pm.Potential(f"{name}_walk", 0.5 * (size * of_each - scales - squares))
    return w


PRIOR_TWINS: dict[str, Callable[..., Tensor]] = {
    "Flat": _prior("Flat", {}),
    "Flat > 0": _prior("HalfFlat", {}),
    "Normal": _prior("Normal", {"scale": "sigma", "loc": "mu"}),
    "Laplace": _prior("Laplace", {"scale": "b", "loc": "mu"}),
    "StudentT": _prior("StudentT", {"scale": "sigma", "df": "nu", "loc": "mu"}),
    "ElasticNet": _elastic_net,
    "Horseshoe": _prior("Normal", {"scale": "sigma"}),
    "RandomWalk": _random_walk,
    "HalfNormal": _prior("HalfNormal", {"scale": "sigma"}),
    "HalfStudentT": _prior("HalfStudentT", {"scale": "sigma", "df": "nu"}),
    "Exponential": _exponential,
    "InverseGamma": _prior("InverseGamma", {"shape": "alpha", "scale": "beta"}),
}


def _softplus(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.softplus(eta)


def _exp(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.exp(eta)


def _probit(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    # pm.math.invprobit takes the root of a float32 2, and is good to 2e-8 only.
    return 0.5 * pt.erfc(-eta * np.sqrt(0.5))


def _logit(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return pt.sigmoid(eta)


def _cloglog(eta: Tensor) -> Tensor:
    import pytensor.tensor as pt

    return -pt.expm1(-pt.exp(eta))


MEANS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda eta: eta,
    "log": _exp,
    "softplus": _softplus,
    "logit": _logit,
    "probit": _probit,
    "cloglog": _cloglog,
}


def _gaussian(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Normal", "mu": link(eta), "sigma": phi["sigma"]}


def _bernoulli(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    # PyMC's own form for the logit keeps its digits where a probability has none left.
    if link is _logit:
        return {"distribution": "Bernoulli", "logit_p": eta}
    return {"distribution": "Bernoulli", "p": link(eta)}


def _binomial(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {**_bernoulli(link, eta, phi, trials), "distribution": "Binomial", "n": trials}


def _poisson(link: Any, eta: Tensor, phi: dict[str, Tensor], trials: Tensor) -> dict[str, Any]:
    return {"distribution": "Poisson", "mu": link(eta)}


LIKELIHOODS: dict[str, Callable[..., dict[str, Any]]] = {
    "gaussian": _gaussian,
    "bernoulli": _bernoulli,
    "binomial": _binomial,
    "poisson": _poisson,
}
