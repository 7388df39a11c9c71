"""Simulations from a fit: responses that become the past of those that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from bayesglm.design.clock import read_clock
from bayesglm.design.design import Predictors
from bayesglm.design.door import as_dataset, sample_dim_of
from bayesglm.design.labels import coords_over
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.response_levels import as_labels, read_response
from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.kept import Kept, evenly
from bayesglm.inference.tree.opened import kept_of, parameter_group, reopen, stored_data
from bayesglm.numerics.memory import free_memory
from bayesglm.numerics.simulation.events import Course
from bayesglm.results.feedback import Fed, fed_back
from bayesglm.results.predict import as_fitted
from bayesglm.results.simulated import Simulated, Unit, Units, simulate_units

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray


def simulate(
    fit: xr.DataTree, data: Any = None, draws: int = 20, trials: int = 1, seed: int = 0
) -> xr.Dataset:
    """Simulate responses that feed back: each becomes part of the past of those that follow.

    What other terms add to the linear predictor is made once of the data; what `History` and
    `Coupling` terms add follows from the simulated responses themselves, sample by sample, for each
    posterior draw. (`predict` gives responses one step ahead, given the recorded past.)

    Parameters
    ----------
    fit : xarray.DataTree
        Any fit; a MAP is one draw.
    data : Dataset, DataFrame or mapping, optional
        New data with the predictors, as in `predict`; the data of the fit by default.
    draws : int
        Posterior draws to simulate from, evenly spaced; all that there are if fewer.
    trials : int
        Simulations of each draw: repeats of the whole of the data.
    seed : int
        Seed of the responses.

    Returns
    -------
    xarray.Dataset
        ``(draw, trial_repeat, sample[, neuron])`` under the response's name, on the data's own
        samples: counts as small integers, labels as labels. Samples that the model cannot predict,
        since they lack a full past or a value, hold the recorded responses, from which the
        simulation goes on (zeros where the data have none); the coordinate ``simulated`` is false
        there. Each trial of the data (coordinate ``trial``) starts anew, from an empty past with
        ``edges="zero"``. ``runaway`` ``(draw, trial_repeat)`` is the sample at which a simulation
        first ran away, -1 where none did, and ``runaway_unit`` who it was; from there to the end of
        the trial responses are zero, but for those that are not simulated.

    Raises
    ------
    DataError
        As `predict`; more responses than the memory holds.
    ModelError
        Products of a `History` with other terms, whose past is fed back by no kernel.

    Warns
    -----
    BayesGLMWarning
        Firing that has run away: an expected count above 20 times the most that was recorded of a
        sample (measurements: an expected one above 1,000 times), an event in each of 100 samples on
        end (and twice as many as were recorded so), or a linear predictor outside the domain of its
        link. It names the first draw, sample and unit.

    Notes
    -----
    A response y_j of unit j at s adds y_j k_ij(t - s) to eta_i(t), k_ij being the kernel of the
    term at that lag. Counts of shape a (Poisson, negative binomial, yes and no) are drawn in
    compiled code, in which only events cost more than a comparison: with P(Y = 0) = (1 + mu/a)^-a,
    a sample of the uniform u is zero up to mu = a (u^(-1/a) - 1), that is up to a linear predictor
    that is known beforehand. It is compiled at first use, in a second, and kept on disk. All other
    families, and links of counts other than log, go step by step in NumPy for all draws at once.

    Examples
    --------
    >>> import bayesglm as bg
    >>> data = {"y": [0, 1, 0, 0, 2, 0, 0, 1, 0, 1, 0, 0], "x": [0.1, 1.2, -0.3, 0.0] * 3}
    >>> model = bg.GLM("y", ["x", bg.History(lags=1)], family="poisson", prior=bg.Normal(0.5))
    >>> made = bg.simulate(bg.fit_map(model, data), trials=100)
    >>> made["y"].dims, made["y"].dtype.name, made["simulated"].values[:3].tolist()
    (('draw', 'trial_repeat', 'obs'), 'uint8', [False, True, True])
    """
    draws, repeats = whole_number("draws", draws, 1), whole_number("trials", trials, 1)
    seed = check_seed(seed)
    problems = reopen(fit)
    setting = _setting(fit, problems, data, draws)
    groups = [_units(setting, numbers) for numbers in setting.groups]
    room = _Room(len(setting.kept[0].theta), repeats, setting.course.given.size, len(problems))
    _check_room(room, groups)
    made = [simulate_units(units, repeats, (seed, k)) for k, units in enumerate(groups)]
    _tell_runaway(setting, made)
    return _as_dataset(fit, setting, made)


class _Room(NamedTuple):
    draws: int
    repeats: int
    samples: int
    units: int


class _Setting(NamedTuple):
    """What simulations are made of: problems, draws and predictors of all units, and their data."""

    problems: Sequence[Problem]
    kept: Sequence[Kept]
    predictors: Sequence[Predictors]
    fed: Sequence[Fed]
    course: Course
    dataset: xr.Dataset
    dim: str
    chosen: Array

    @property
    def groups(self) -> list[list[int]]:
        """The units that are simulated together: all where one reads another's responses."""
        every = list(range(len(self.problems)))
        return [every] if any(one.n_sources > 1 for one in self.fed) else [[k] for k in every]


def _units(setting: _Setting, numbers: list[int]) -> Units:
    """Return some units that are simulated together."""
    every = (Unit(setting.kept[k], setting.predictors[k], setting.fed[k]) for k in numbers)
    recorded = setting.course.recorded[:, numbers]
    return Units(tuple(every), setting.course._replace(recorded=recorded))


def _setting(fit: xr.DataTree, problems: list[Problem], data: Any, draws: int) -> _Setting:
    """Lay the model on the data, and choose draws that are finished for all units."""
    plan = problems[0].plan
    given = stored_data(fit) if data is None else _with_response(problems, data)
    dataset, dim, every = plan_prediction(
        plan.model, given, plan.population, len(problems), labels=plan.own_labels
    )
    every = as_fitted(problems, dataset, every, "response")
    kept = kept_of(fit, problems)
    finished = kept[0].finished[0]
    for one in kept[1:]:
        finished = np.intersect1d(finished, one.finished[0])
    chosen = evenly(finished, draws)
    fed = [fed_back(plan.model, one) for one in every]
    clock = read_clock(dataset, dim, None)
    n = dataset.sizes[dim]
    simulated = np.zeros(n, dtype=bool)
    simulated[every[0].rows] = True
    recorded = _recorded(problems, dataset, dim, fed)
    course = Course(clock.start == np.arange(n), ~simulated, recorded)
    some = [one.some(chosen) for one in kept]
    return _Setting(problems, some, every, fed, course, dataset, dim, chosen)


def _with_response(problems: list[Problem], data: Any) -> xr.Dataset:
    """Return data with a response of zeros where they lack one that the model feeds back."""
    plan, dataset = problems[0].plan, as_dataset(data)
    model = plan.model
    if not model.has_history or model.response in dataset.variables:
        return dataset
    first = next((name for term in model.every_term for name in term.variables), model.response)
    dim = sample_dim_of(dataset, first)
    sizes = {dim: dataset.sizes[dim]}
    coords: dict[str, Any] = {}
    if plan.population is not None:
        sizes[plan.population] = len(problems)
        coords[plan.population] = plan.labels
    zeros = np.zeros(tuple(sizes.values()))
    return dataset.assign_coords(coords).assign({model.response: (tuple(sizes), zeros)})


def _recorded(
    problems: Sequence[Problem], dataset: xr.Dataset, dim: str, fed: Sequence[Fed]
) -> Array:
    """Return responses ``(samples, units)`` as the model reads them; zeros where there are none.

    Terms that read them hold them, gaps filled.
    """
    model, n = problems[0].plan.model, dataset.sizes[dim]
    columns = []
    for problem, one in zip(problems, fed, strict=True):
        own = next((block.signal for block in one.blocks), None)
        if own is not None:
            columns.append(own[:, problem.neuron if own.shape[1] > 1 else 0])
            continue
        response = dataset.get(model.response)
        if response is None or problem.design.y.ndim > 1 or bool(response.isnull().any()):
            columns.append(np.zeros(n))
            continue
        population = problem.plan.population
        if population is not None:
            response = response.isel({population: problem.neuron})
        columns.append(read_response(model, response, dim, dataset))
    return np.stack(columns, axis=-1).astype(np.float64)


def _check_room(room: _Room, groups: Sequence[Units]) -> None:
    """Raise DataError where the memory that is free cannot hold the responses, twice at the end."""
    size = float(np.prod(room, dtype=float))
    held = 2.0 * room.draws * sum(one.bytes_held(room.repeats) for one in groups)
    if held + max(one.bytes_worked(room.repeats) for one in groups) > free_memory():
        raise DataError(
            f"{room.draws:,} draws x {room.repeats:,} trials of {room.samples:,} samples and "
            f"{room.units:,} units are {size:,.3g} responses, more than the memory that is free; "
            "ask for fewer draws or trials, or simulate a part of the data at a time."
        )


def _tell_runaway(setting: _Setting, made: Sequence[Simulated]) -> None:
    """Warn of simulations in which a unit's firing has run away."""
    away, who = _runaway(setting, made)
    n = int((away >= 0).sum())
    if not n:
        return
    draw, repeat = np.unravel_index(np.argmax(away >= 0), away.shape)
    plan, sample = setting.problems[0].plan, int(away[draw, repeat])
    labels = setting.dataset[setting.dim].values if setting.dim in setting.dataset.coords else None
    place = sample if labels is None else labels[sample]
    unit = "" if plan.labels is None else f", {plan.population}={plan.labels[who[draw, repeat]]}"
    tell(
        f"{n} of {away.size} simulations of {plan.model.response!r} ran away, the first in draw "
        f"{draw}, trial_repeat {repeat}, at {setting.dim}={place}{unit}: far more than was ever "
        "recorded, or outside the domain of the link. From there on, to the end of the trial, "
        "responses are zero (the variable 'runaway' tells where). A self-exciting history is not "
        "stable; a tighter prior on it, or a link that saturates (bernoulli), is."
    )


def _runaway(setting: _Setting, made: Sequence[Simulated]) -> tuple[Array, Array]:
    """Return the first sample and unit ``(draws, repeats)`` that ran away; -1 where none did."""
    never = np.iinfo(np.int64).max
    samples = np.stack([np.where(one.away[..., 0] < 0, never, one.away[..., 0]) for one in made])
    units = np.stack(
        [
            np.take(numbers, one.away[..., 1])
            for one, numbers in zip(made, setting.groups, strict=True)
        ]
    )
    group = np.argmin(samples, axis=0)
    first = np.take_along_axis(samples, group[None], axis=0)[0]
    unit = np.take_along_axis(units, group[None], axis=0)[0]
    return np.where(first == never, -1, first), np.where(first == never, -1, unit)


def _as_dataset(fit: xr.DataTree, setting: _Setting, made: Sequence[Simulated]) -> xr.Dataset:
    import xarray as xr

    plan, dim = setting.problems[0].plan, setting.dim
    model, population = plan.model, plan.population
    values = np.concatenate([one.values for one in made], axis=3)
    values = as_labels(model, values) if model.levels is not None else values
    coords: dict[str, Any] = dict(coords_over(setting.dataset, dim))
    dims = ["draw", "trial_repeat", dim]
    if population is None:
        values = values[:, :, :, 0]
    else:
        dims.append(population)
        coords[population] = plan.labels
    if values.ndim > len(dims):
        level = f"{model.response}_level"
        dims.append(level)
        coords[level] = np.array(model.levels)
    away, who = _runaway(setting, made)
    coords |= {"simulated": (dim, ~setting.course.given)}
    coords |= {"draw": np.arange(len(values)), "trial_repeat": np.arange(values.shape[1])}
    group = parameter_group(fit)
    if "draw" in group.dims:
        chain, draw = np.divmod(setting.chosen, group.sizes["draw"])
        coords |= {"chain": ("draw", group["chain"].values[chain])}
        coords |= {"chain_draw": ("draw", group["draw"].values[draw])}
    of_each = dims[:2]
    variables: dict[str, Any] = {model.response: (dims, values)}
    variables |= {"runaway": (of_each, away), "runaway_unit": (of_each, who)}
    return xr.Dataset(variables, coords=coords)
