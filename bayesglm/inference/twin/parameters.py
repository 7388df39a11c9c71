"""Coefficients, learned scales and dispersions as variables of the model in PyMC."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from bayesglm.inference.problem.arrangements import said
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.twin.correlations import correlated_normal, directions, lkj
from bayesglm.inference.twin.low_rank import low_rank
from bayesglm.inference.twin.priors import PRIOR_TWINS, SCALE_TWINS, common_scale
from bayesglm.inference.twin.variances import shares
from bayesglm.inference.twin.waves import summed, wave_amplitudes
from bayesglm.inference.twin.zero_sums import ZERO_SUM_TWINS
from bayesglm.numerics.density.coordinates import Shrunk
from bayesglm.numerics.priors.dirichlet import Dirichlet
from bayesglm.numerics.priors.distribution import Distribution
from bayesglm.numerics.priors.increasing import Increasing
from bayesglm.numerics.priors.lkj import LKJ
from bayesglm.numerics.priors.parts import PriorPart
from bayesglm.numerics.priors.structure import Structure
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.waves import Waves
from bayesglm.numerics.theta.zero_sum import free_shape

type Tensor = Any


def coefficients(
    problems: list[Problem],
    name: str,
    kind: str,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...] = (),
    units: list[Shrunk] | None = None,
    sums: tuple[int, ...] = (),
) -> Tensor:
    """Return a term's coefficients or the intercept, ``([neuron,] *shape)``.

    ``kind`` names the record of their prior. Where ``units`` are given, they are a function of a
    variable in units of `Shrunk`. They sum to zero along the axes ``sums``, the last.
    """
    if sums:
        return _zero_sums(problems, name, kind, population, shape, dims, sums)
    if f"{name}_correlation" in problems[0].learned:
        return _correlated(problems, name, population, shape, dims, units)
    if _part(problems[0], name).mean is not None:
        return _pooled(problems[0], name, kind, population, dims)
    parameters = _parameters(problems, name, population, shape)
    part = _part(problems[0], name)
    block = next((one for one in problems[0].design.predictors.named if one.name == name), None)
    if block is not None and block.rank:
        scale = parameters["scale"].reshape((*((len(problems),) if population else ()), -1))
        return low_rank(problems, block, scale[..., 0], population)
    if part.learned is not None:
        parameters["scale"] = _learned_scale(problems, name, kind, population, shape, dims)
    twin = partial(PRIOR_TWINS[kind], structure=part.structure)

    def make(name: str, dims: tuple[str, ...]) -> Tensor:
        if units is None:
            return twin(name, dims=dims, **parameters)
        return _in_units(units, twin, name, dims, bool(population), parameters)

    return off_diagonal(problems, name, make, population)


def _pooled(
    problem: Problem, name: str, kind: str, population: tuple[str, ...], dims: tuple[str, ...]
) -> Tensor:
    """Return coefficients ``(neuron, *shape)`` around a mean that is learned with their scale."""

    def shared(suffix: str) -> Tensor:
        own = problem.natural.registry.named(f"{name}_{suffix}")
        assert own.prior is not None
        numbers = {
            key: np.broadcast_to(value, own.n_natural).reshape(own.shape)
            for key, value in own.prior.parameters.items()
        }
        return PRIOR_TWINS[own.prior.kind](own.name, dims=own.dims, **numbers)

    mean, scale = shared("mean"), shared("scale")
    return PRIOR_TWINS[kind](name, dims=(*population, *dims), loc=mean, scale=scale)


def off_diagonal(
    problems: list[Problem],
    name: str,
    make: Callable[[str, tuple[str, ...]], Tensor],
    population: tuple[str, ...],
) -> Tensor:
    """Return what ``make(name, dims)`` makes of a parameter, ``([neuron,] *shape)``.

    Where each of a population lacks another place, that is a variable of the places that it has,
    and the name is that of the matrix, in which the others are NaN.
    """
    import pymc as pm
    import pytensor.tensor as pt

    every = [problem.natural.registry.named(name) for problem in problems]
    own = every[0]
    if not own.part_of:
        return make(name, (*population, *own.dims))
    dims = tuple(f"{dim}_other" if dim in own.part_of else dim for dim in own.dims)
    made = make(own.free_name, (*population, *dims))
    n_own = int(np.prod(own.shape, dtype=int))
    places = np.stack([one.spread(k * n_own + np.arange(n_own)) for k, one in enumerate(every)])
    flat = pt.concatenate([made.reshape((len(every) * n_own,)), [np.nan]])
    whole = flat[np.where(np.isnan(places), len(every) * n_own, places).astype(np.intp)]
    pm.Deterministic(name, whole, dims=(*population, *own.dims))
    return made


def over_waves(
    problems: list[Problem],
    name: str,
    kind: str,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    units: list[Shrunk] | None,
    waves: Waves,
) -> Tensor:
    """Return coefficients that are sums of waves; the variables are the waves' amplitudes."""
    parameters = _parameters(problems, name, population, (waves.size,))
    part = _part(problems[0], name)
    if part.learned is not None:
        of = (population, (waves.size,), ("wave",))
        parameters["scale"] = _learned_scale(problems, name, kind, *of)
    twin = partial(PRIOR_TWINS[kind], structure=part.structure)

    def amplitudes(own: str, every: tuple[str, ...]) -> Tensor:
        if units is None:
            return twin(own, dims=every, **parameters)
        return _in_units(units, twin, own, every, bool(population), parameters)

    free = problems[0].natural.registry.named(name).free_name
    z = wave_amplitudes(free, waves, population, amplitudes)

    def made(whole: str, every: tuple[str, ...]) -> Tensor:
        return summed(whole, waves, z, shape, every)

    return off_diagonal(problems, name, made, population)


def _zero_sums(
    problems: list[Problem],
    name: str,
    kind: str,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    sums: tuple[int, ...],
) -> Tensor:
    """Return coefficients that sum to zero along the last axes, under one scale along these."""
    of_one = tuple(1 if axis in sums else n for axis, n in enumerate(shape))
    every = _parameters(problems, name, population, free_shape(shape, sums))
    first = tuple(slice(1) if axis in sums else slice(None) for axis in range(len(shape)))
    parameters = {key: value[(..., *first)] for key, value in every.items() if key != "loc"}
    part = _part(problems[0], name)
    if part.learned is not None:
        parameters["scale"] = _learned_scale(problems, name, kind, population, of_one, dims)
    twin = ZERO_SUM_TWINS[kind]
    return twin(name, (*population, *dims), shape, sums, structure=part.structure, **parameters)


def _correlated(
    problems: list[Problem],
    name: str,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...],
    units: list[Shrunk] | None,
) -> Tensor:
    """Return effects that correlate, as their scales and their correlation are learned."""
    own, every = problems[0].learned[f"{name}_correlation"], (*population, *dims)
    assert isinstance(own.prior, LKJ)
    scale = _learned_scale(problems, name, "Normal", population, shape, dims)
    lead = ((len(problems),) if population else ()) + own.shape[:-2]
    correlation = lkj(own.name, own.prior, lead, (*population, *own.dims))
    numbers = _parameters(problems, name, population, shape)
    parameters = {"scale": scale, "correlation": correlation, **numbers}
    if units is None:
        return correlated_normal(name, every, **parameters)
    return _in_units(units, correlated_normal, name, every, bool(population), parameters)


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
    structure = units[0].shrinkage.structure
    log_k = structure.log_unit + np.zeros_like(each([one.towards for one in units]))
    log_information = each([np.log(one.shrinkage.information) for one in units])
    v = pm.Flat(f"{name}_in_units", dims=dims)
    scale, turned = _directions(structure, parameters, v)
    log_scale = pt.log(scale).reshape(log_k.shape)
    log_precision = pt.logaddexp(log_k - 2.0 * log_scale, log_information)
    share = pt.exp(log_information - log_precision)
    w = pt.exp(-0.5 * log_precision) * v.reshape(log_k.shape)
    w = w + share * each([one.towards for one in units])
    w = pm.Deterministic(name, parameters.get("loc", 0.0) + turned(w).reshape(v.shape), dims=dims)
    with pm.Model(coords=model.coords, model=None) as alone:
        prior = twin(name, dims=dims, **parameters)
    log_density = pm.logp(prior, w).sum()
    if alone.potentials:
        log_density = log_density + sum(graph_replace(alone.potentials, {prior: w}, strict=False))
    pm.Potential(f"{name}_density", log_density - 0.5 * log_precision.sum())
    return w


def _directions(
    structure: Structure, parameters: dict[str, Any], v: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Return the scales of a structure's directions, and the map from these to coefficients.

    Coefficients are shaped as v, or flat.
    """
    import pytensor.tensor as pt

    scale = parameters["scale"]
    if structure.turns:
        along = directions(scale, parameters["correlation"])
        return along.scale + pt.zeros_like(v), lambda w: along.map @ w.reshape(v.shape)
    if structure.diagonal:
        return scale, lambda w: w
    return scale, lambda w: w @ structure.rotate(np.eye(w.type.shape[-1]), back=True)


def _learned_scale(
    problems: list[Problem],
    name: str,
    kind: str,
    population: tuple[str, ...],
    shape: tuple[int, ...],
    dims: tuple[str, ...],
) -> Tensor:
    """Return the scale of every coefficient, ``(neuron, *coefficient dims)``, as a variable."""
    import pytensor.tensor as pt

    parts = [_part(problem, name) for problem in problems]
    lead = (len(problems),) if population else ()

    def variable(suffix: str) -> Tensor:
        own = problems[0].learned[f"{name}_{suffix}"]
        assert own.prior is not None
        if isinstance(own.prior, Dirichlet):
            return off_diagonal(problems, own.name, partial(shares, own, lead), population)
        parameters = _parameters(problems, own.name, population, own.shape)
        make = partial(PRIOR_TWINS[own.prior.kind], **parameters)
        made = off_diagonal(problems, own.name, make, population)
        return made.reshape((*made.shape, *(1 for _ in dims[len(own.dims) :])))

    known = [part.learned.log_known for part in parts if part.learned is not None]
    is_learned = any(one is None or np.isnan(one).any() for one in known)
    if is_learned:
        spectra = [part.learned for part in parts]
        scale = SCALE_TWINS.get(kind, common_scale)(problems, spectra, variable, lead, shape)
        if any(one is None for one in known):
            return scale
    numbers = np.exp(np.array(known)).reshape((*lead, *shape))
    if not is_learned:
        return pt.as_tensor(numbers)
    return pt.where(np.isnan(numbers), scale, np.nan_to_num(numbers))


def dispersion(
    problems: list[Problem], name: str, prior: Any, population: tuple[str, ...]
) -> Tensor:
    """Return a dispersion, ``([neuron])``: a variable under its prior, or the fixed numbers."""
    every = [problem.natural.registry.named(name) for problem in problems]
    if every[0].fixed is not None:
        # Arrays, even of no dims: PyTensor takes a float that float32 can hold for a float32.
        values = np.array([one.fixed for one in every])
        return values if population else np.array(values[0])
    own = every[0]
    if own.shape:
        parameters = _parameters(problems, name, population, own.shape)
        several, dims = PRIOR_TWINS[said(prior)[0]], (*population, *own.dims)
        made = several(name, dims=dims, bounds=_increasing(problems, own), **parameters)
        _add_increasing(name, every)
        return made
    own_range = problems[0].natural.family.words.range_of(name)
    if not vars(prior) and np.isfinite(own_range).all():
        return _flat_between(name, population, own_range)
    twin = _positive_twin(prior)
    return twin(name, dims=population, **_parameters(problems, name, population, ()))


def _flat_between(name: str, population: tuple[str, ...], ends: tuple[float, float]) -> Tensor:
    """Return a variable between two ends whose density is 1 there, as that of `Flat` is."""
    import pymc as pm
    import pytensor.tensor as pt

    share = pm.Uniform(name, *ends, dims=population)
    log_width = np.log(ends[1] - ends[0])
    if log_width:
        pm.Potential(f"{name}_flat", log_width * pt.ones_like(share).sum())
    return share


def _add_increasing(name: str, every: list[Parameter]) -> None:
    """Make PyMC's density, which is one of numbers in any order, that of increasing ones."""
    import pymc as pm
    import pytensor.tensor as pt

    log_share = 0.0
    for one in every:
        assert one.prior is not None
        apart = Distribution(one.prior.kind, one.prior.parameters)
        log_share += Increasing(apart, one.n_natural).log_share
    if log_share:
        pm.Potential(f"{name}_increasing", pt.constant(-log_share, dtype="float64"))


def carried_intercept(
    problems: list[Problem],
    parameter: str,
    prior: Any,
    population: tuple[str, ...],
    inverse_link: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return the intercept of a dispersion's predictor, ``([neuron])``.

    A flat variable and the potential that gives the dispersion itself its prior, where every term
    is zero.
    """
    import pymc as pm
    import pytensor.tensor as pt

    name = f"{parameter}_intercept"
    u = pm.Flat(name, dims=population)
    if not _part(problems[0], name).prior.proper:
        return u
    x, model = inverse_link(u), pm.modelcontext(None)
    with pm.Model(coords=model.coords, model=None):
        twin = _positive_twin(prior)
        density = twin(name, dims=population, **_parameters(problems, name, population, ()))
    log_slope = pt.log(pt.grad(x.sum(), u))
    pm.Potential(f"{name}_prior", (pm.logp(density, x) + log_slope).sum())
    return u


def _positive_twin(prior: Any) -> Callable[..., Tensor]:
    kind, numbers = said(prior)
    return PRIOR_TWINS[kind if numbers else f"{kind} > 0"]


def _increasing(problems: list[Problem], own: Parameter) -> dict[str, Any]:
    """Return what keeps the numbers of a dispersion in their order, and where they start."""
    from pymc.distributions.transforms import ordered

    start = np.linspace(-1.0, 1.0, own.size) if own.size > 1 else np.zeros(1)
    shape = (len(problems), own.size) if problems[0].plan.population else (own.size,)
    return {"transform": ordered, "initval": np.broadcast_to(start, shape)}


def intercepts(problems: list[Problem], prior: Any, population: tuple[str, ...]) -> Tensor:
    """Return the intercept ``([neuron])``, or those of channels ``([neuron,] channels)``."""
    own = problems[0].natural.registry.named("intercept")
    if own.size == own.n_natural:
        kind, _ = said(prior)
        return coefficients(problems, "intercept", kind, population, own.shape, own.dims)
    from pymc.distributions.transforms import ZeroSumTransform

    bounds = {"transform": ZeroSumTransform([-1])}
    return PRIOR_TWINS["Flat"]("intercept", dims=(*population, *own.dims), bounds=bounds)


def _parameters(
    problems: list[Problem], name: str, population: tuple[str, ...], shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return a prior's parameters in the coefficient's full shape, from the native engine."""
    found: list[dict[str, Any]] = []
    for problem in problems:
        own = problem.natural.registry.named(name)
        prior = own.prior or _part(problem, name)
        found.append(
            {
                key: np.broadcast_to(value, own.size).reshape(shape)
                for key, value in prior.parameters.items()
            }
        )
    if not population:
        return found[0]
    return {key: np.stack([one[key] for one in found]) for key in found[0]}


def _part(problem: Problem, name: str) -> PriorPart:
    place = problem.places[name]
    return next(part for part in problem.natural.coefficients if part.where == place)
