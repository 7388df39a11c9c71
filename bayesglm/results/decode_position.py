"""Positions decoded from spikes: a point-process filter on a grid of places."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import logsumexp

from bayesglm.design.labels import coords_over
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.readings import clock_of
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1, whole_number
from bayesglm.inference.tree.opened import reopen, stored_data
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.memory import free_memory
from bayesglm.results.decoding import (
    Backwards,
    bare_of,
    check_decodable,
    coefficients_of,
    open_backwards,
    stored_variable,
)
from bayesglm.results.grid_filter import Axis, smoothed, told_of
from bayesglm.spec.hints import shown
from bayesglm.spec.model import GLM
from bayesglm.spec.names import first_repeat

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
CELLS = {1: 100, 2: 40, 3: 15}  # along each of so many variables, by default: chosen
# Widths of a cell, of which a step is at least a part: of 0.3 a grid keeps 106% of the variance,
# of 0.25 73%, of 0.2 31%, and of 0.1 nothing.
FINEST_STEP = 0.25
NUMBER = 8  # bytes of a float
HELD = 3  # copies of the likelihood of all cells that are held at once
TOGETHER = 4_000_000  # likelihoods of one response in one cell that are made at a time: chosen


def decode_position(
    fit: xr.DataTree,
    data: Any,
    position: str | Sequence[str],
    step: float | Sequence[float],
    cells: int | Sequence[int] | None = None,
    periods: Mapping[str, float] | None = None,
    smooth: bool = True,
    draws: int = 20,
    prob: float = 0.94,
) -> xr.Dataset:
    """Decode where an animal is from spikes, by the tuning curves that were fitted to others.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit, of a population say, whose terms read the position as it is: curves (`Spline`,
        `Basis`), products of them (`Interaction`), `Linear`. Other terms may read anything that the
        data hold: history, speed.
    data : Dataset, DataFrame or mapping
        The spikes, and what other terms read; the position, if it is there, is not looked at.
    position : str or sequence of str
        One to three variables.
    step : float or sequence of float
        Standard deviation of the change of each variable from one sample to the next, in its own
        units: a random walk.
    cells : int or sequence of int, optional
        Cells of the grid along each variable, from the smallest to the largest position of the fit;
        by default 100 of one variable, 40 of each of two, 15 of three.
    periods : mapping of str to float, optional
        Variables that go around, angles, and their periods; their grid begins at the smallest
        position of the fit.
    smooth : bool
        Whether the samples after tell of a position as well; without, it is filtered: samples up to
        its own do.
    draws : int
        Draws of the encoding posterior, evenly spaced, over which positions are averaged.
    prob : float
        Probability of the bands.

    Returns
    -------
    xarray.Dataset
        On all samples: ``probability (sample, <variable>_grid, ...)`` of each cell, and for each
        variable ``<variable>_mean``, ``_sd``, ``_lower``, ``_upper``, and ``_mode``, that of the
        most probable cell. Attributes hold ``log_evidence``, by which steps can be compared, and
        the number of ``draws``.

    Raises
    ------
    ModelError
        Terms that read the position beside other variables or at lags; models and likelihoods that
        `decode` refuses.
    DataError
        A step too small for the cells; more samples and cells than the memory holds; data without
        the response.

    Notes
    -----
    Between samples p(x_t | y_1..t-1) = sum_x' p(x_t | x') p(x' | y_1..t-1), with a normal step in
    the cells; at a sample it is multiplied by the likelihood of all neurons and normalised (Eden,
    Frank, Barbieri, Solo & Brown 2004, Neural Comput 16:971, eqs 2.6 and 2.7; on a grid nothing is
    taken for normal). A second pass from the end gives what all samples tell. Each trial begins
    anywhere. Where the encoding model is a posterior, this is done for each draw, and the
    probabilities averaged.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> rng = np.random.default_rng(0)
    >>> def walk(n):
    ...     x = 5.0 + 4.0 * np.sin(np.cumsum(rng.normal(0.05, 0.02, n)))
    ...     fields = np.exp(1.0 - 0.5 * (x[:, None] - np.linspace(0.0, 10.0, 12)) ** 2)
    ...     return {"x": x, "spikes": rng.poisson(0.5 * fields)}
    >>> model = bg.GLM("spikes", bg.Spline("x", df=8, prior=bg.Normal(1.0)), family="poisson")
    >>> fitted = bg.fit_map(model, walk(3000))
    >>> new = walk(200)
    >>> found = bg.decode_position(fitted, {"spikes": new["spikes"]}, "x", step=0.3)
    >>> bool(abs(found["x_mean"] - new["x"]).mean() < 0.4)
    True
    """
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    draws = whole_number("draws", draws, 1)
    names = _names(position)
    axes = _axes(fit, names, step, cells, periods)
    grid = np.meshgrid(*(axis.centres for axis in axes), indexing="ij")
    places = {name: values.ravel() for name, values in zip(names, grid, strict=True)}
    problems = reopen(fit)
    check_decodable(problems, names)
    back = open_backwards(fit, problems, data, names, _at_first(places), draws)
    tuning = _tuning(back, names, places)
    clock = clock_of(back.problems[0].plan.model, back.dataset, back.dim)
    starts = np.asarray(clock.start) == np.arange(clock.n_samples)
    total: Any = 0.0
    evidence = []
    for some in _lots(back, len(starts), len(grid[0].ravel())):
        log_likelihood = _log_likelihood(back, tuning, some, len(starts))
        chance, own = smoothed(log_likelihood, axes, starts, smooth)
        total = total + chance.sum(axis=1)
        evidence.append(own)
    probability = total / back.n_draws
    log_evidence = float(logsumexp(np.concatenate(evidence)) - np.log(back.n_draws))
    attrs = {"prob": prob, "draws": back.n_draws, "log_evidence": log_evidence}
    return _named(back, axes, probability, prob).assign_attrs(attrs)


def _names(position: Any) -> list[str]:
    """Return the variables that were named; ModelError where they are none, too many, or twice."""
    names = [position] if isinstance(position, str) else position
    fine = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if not fine or not 1 <= len(names) <= len(CELLS) or first_repeat(names) is not None:
        raise ModelError(
            f"position must name one to {len(CELLS)} different variables, got {shown(position)}."
        )
    return list(names)


def _axes(
    fit: xr.DataTree, names: list[str], step: Any, cells: Any, periods: Any
) -> tuple[Axis, ...]:
    """Return the grid that was asked for, on the range of the fit's positions."""
    steps = _for_each("step", step, names)
    numbers = _for_each("cells", CELLS[len(names)] if cells is None else cells, names)
    turns = _periods(periods, names)
    axes = []
    for name, own_step, number in zip(names, steps, numbers, strict=True):
        values = _positions_of(fit, name)
        low, circular = float(np.nanmin(values)), name in turns
        high = low + turns[name] if circular else float(np.nanmax(values))
        axis = Axis(name, low, high, whole_number("cells", number, 2), float(own_step), circular)
        if axis.step < FINEST_STEP * axis.width:
            least = int(np.ceil(FINEST_STEP * (axis.high - axis.low) / axis.step))
            raise DataError(
                f"a step of {axis.step:g} in {name!r} is lost in cells {axis.width:.3g} wide; take "
                f"cells={least} or more, or samples that are further apart."
            )
        axes.append(axis)
    return tuple(axes)


def _for_each(what: str, given: Any, names: list[str]) -> list[Any]:
    """Return a positive number for each variable, of one for all or one for each."""
    several = given.tolist() if isinstance(given, np.ndarray) else given
    values = list(several) if isinstance(several, (list, tuple)) else [several] * len(names)
    if len(values) != len(names) or not all(_is_positive(value) for value in values):
        raise DataError(
            f"{what} must be positive, one number or one for each of {', '.join(names)}, got "
            f"{shown(given)}."
        )
    return values


def _periods(given: Any, names: list[str]) -> dict[str, float]:
    if given is None:
        return {}
    if not isinstance(given, Mapping) or not all(map(_is_positive, given.values())):
        raise DataError(
            f"periods must map variables to their periods, {{{names[0]!r}: 6.283}} say, got "
            f"{shown(given)}."
        )
    unknown = [name for name in given if name not in names]
    if unknown:
        raise DataError(f"periods names {unknown[0]!r}, which is not among {', '.join(names)}.")
    return {name: float(period) for name, period in given.items()}


def _is_positive(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and 0.0 < float(value) < np.inf


def _positions_of(fit: xr.DataTree, name: str) -> Array:
    """Return the values of a position as the fit stored it; ModelError where no term reads one."""
    if name not in stored_data(fit):
        raise ModelError(f"no term of the model reads {shown(name)}, so no spike tells of it.")
    variable = stored_variable(fit, name)
    if variable.ndim != 1 or variable.dtype.kind not in "iufb":
        raise ModelError(
            f"{name!r} is no position, one number for each sample; decode reads stimuli of several "
            "features, and decode_choices tells labels."
        )
    return np.asarray(variable.values, dtype=np.float64)


def _at_first(places: dict[str, Array]) -> Callable[[xr.Dataset, str], xr.Dataset]:
    """Return what puts the first place of the grid into data, for all samples."""

    def fill(dataset: xr.Dataset, dim: str) -> xr.Dataset:
        n = dataset.sizes[dim]
        return dataset.assign({name: (dim, np.full(n, at[0])) for name, at in places.items()})

    return fill


def _tuning(back: Backwards, names: list[str], places: dict[str, Array]) -> Array:
    """Return what each place adds to the linear predictors ``(draws, neurons, cells)``."""
    model = back.problems[0].plan.model
    numbers = [k for k, term in enumerate(model.every_term) if {*term.variables} & {*names}]
    terms = [model.every_term[k] for k in numbers]
    for k, term in zip(numbers, terms, strict=True):
        block = bare_of(back.predictors[0].blocks[k])
        others = [name for name in term.variables if name not in names]
        if others or not block.reads_own_rows:
            why = f"beside {others[0]!r}" if others else "at lags"
            raise ModelError(
                f"term {term.label!r} reads the position {why}, and decode_position takes terms "
                "that read it alone, at the sample itself; decode reads a stimulus at lags."
            )
    _, _, on_grid = plan_prediction(
        GLM(model.response, terms),
        dict(places),
        back.problems[0].plan.population,
        len(back.problems),
    )
    curves = []
    for k, (predictors, grid) in enumerate(zip(back.predictors, on_grid, strict=True)):
        w = back.w(k, back.thetas[k])
        parts = []
        for number, block in zip(numbers, grid.blocks, strict=True):
            own = predictors.blocks[number]
            coefficients = coefficients_of(own, w[:, predictors.column_places[own.name]])
            parts.append(coefficients @ block.columns(grid.rows).T)
        curves.append(reduce(np.add, parts))
    return np.stack(curves, axis=1)


def _lots(back: Backwards, n: int, n_cells: int) -> list[range]:
    """Return the draws that are filtered together; DataError where one is too many."""
    needed = float(HELD * NUMBER) * n * n_cells
    room = 0.25 * free_memory()
    if needed > room:
        raise DataError(
            f"{n:,} samples of {n_cells:,} cells need {1e-9 * needed:.3g} GB, more than the memory "
            "that is free; take fewer cells, or decode a part of the samples at a time."
        )
    size = int(np.clip(room // needed, 1, back.n_draws))
    return [range(at, min(at + size, back.n_draws)) for at in range(0, back.n_draws, size)]


def _log_likelihood(back: Backwards, tuning: Array, some: range, n: int) -> Array:
    """Return the log likelihood of all neurons ``(times, draws, cells)``, zero without a row."""
    thetas = [theta[some.start : some.stop] for theta in back.thetas]
    curves = tuning[some.start : some.stop]
    # As data stand, all samples are at the first place.
    known, phi = back.eta(thetas) - curves[:, None, :, 0], back.phi(thetas)
    log_likelihood = np.zeros((n, len(some), curves.shape[-1]))
    for d in range(len(some)):
        if back.family.exponential_rate is not None and not phi[d]:
            of_rows = _of_exponentials(back.family, back, known[d], curves[d])
        else:
            of_rows = _of_every_cell(back.family, back, known[d], curves[d], phi[d])
        log_likelihood[back.rows, d] = of_rows
    return log_likelihood


def _of_exponentials(family: Family, back: Backwards, known: Array, curves: Array) -> Array:
    """Return sums over neurons ``(rows, cells)`` of log p = a + c eta + d exp(r eta).

    Of eta = known + curve these are two matrix products; a, c and d are told by the derivatives
    at zero.
    """
    rate = family.exponential_rate
    assert rate is not None
    at_zero = family.derivatives(back.y, np.zeros((1, *back.y.shape)), (), back.trials)
    d = at_zero.eta_eta[0, 0] / rate**2
    c = at_zero.eta[0] - rate * d
    with np.errstate(over="ignore", invalid="ignore"):
        told = c @ curves + (d * np.exp(rate * known)) @ np.exp(rate * curves)
    return told + np.sum(at_zero.value - d + c * known, axis=1, keepdims=True)


def _of_every_cell(
    family: Family, back: Backwards, known: Array, curves: Array, phi: Sequence[Array]
) -> Array:
    """Return sums over neurons ``(rows, cells)`` of log p at every cell."""
    told = np.empty((len(known), curves.shape[1]))
    step = max(1, TOGETHER // curves.size)
    dispersions = [value[:, None] for value in phi]
    for start in range(0, len(known), step):
        part = slice(start, start + step)
        eta = known[part, :, None] + curves
        trials = None if back.trials is None else back.trials[part, :, None]
        with np.errstate(over="ignore", invalid="ignore"):
            values = family.log_likelihood(back.y[part, :, None], eta[None], dispersions, trials)
        told[part] = values.sum(axis=1)
    return told


def _named(back: Backwards, axes: tuple[Axis, ...], probability: Array, prob: float) -> xr.Dataset:
    """Name probabilities ``(times, cells)`` by the samples and the grid, and what they tell."""
    import xarray as xr

    shape = (len(probability), *(axis.n_cells for axis in axes))
    joint = probability.reshape(shape)
    dims = (back.dim, *(f"{axis.name}_grid" for axis in axes))
    named: dict[str, Any] = {"probability": (dims, joint)}
    coords: dict[str, Any] = dict(coords_over(back.dataset, back.dim))
    likeliest = np.unravel_index(probability.argmax(axis=1), shape[1:])
    for k, axis in enumerate(axes):
        coords[f"{axis.name}_grid"] = axis.centres
        others = tuple(j + 1 for j in range(len(axes)) if j != k)
        told = told_of(joint.sum(axis=others), axis, prob)
        told["mode"] = axis.centres[likeliest[k]]
        named |= {f"{axis.name}_{name}": (back.dim, values) for name, values in told.items()}
    return xr.Dataset(named, coords=coords)
