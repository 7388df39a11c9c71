"""Stimuli decoded from spikes: what an encoding model, read backwards, knows of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtr

from bayesglm.design.labels import coords_over
from bayesglm.design.readings import clock_of
from bayesglm.errors import DataError, ModelError
from bayesglm.inference.problem.asked import check_between_0_and_1, check_seed, whole_number
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.opened import reopen
from bayesglm.numerics.autoregression import innovations
from bayesglm.numerics.memory import free_memory
from bayesglm.results.decoding import (
    Backwards,
    bare_of,
    check_decodable,
    coefficients_of,
    impulses,
    lags_of,
    linear_readers,
    open_backwards,
    stored_variable,
)
from bayesglm.results.decoding_newton import LEAST_BLOCK, decoded
from bayesglm.results.decoding_rows import Encoding, Lattice, StimulusPrior
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
NUMBER = 8  # bytes of a float
COPIES = 6  # of a matrix's blocks that are held at once
HALVINGS = 50  # of the interval in which a quantile lies


def decode(
    fit: xr.DataTree,
    data: Any,
    stimulus: str | None = None,
    prior: float | Sequence[float] | None = None,
    mean: Any = None,
    features: Any = None,
    draws: int = 50,
    prob: float = 0.94,
    seed: int = 0,
) -> xr.Dataset:
    """Decode a stimulus from spikes, by the encoding model that was fitted to others.

    Parameters
    ----------
    fit : xarray.DataTree
        A fit, of a population say, whose term reads the stimulus linearly: `Lagged` or `Linear`.
    data : Dataset, DataFrame or mapping
        The spikes, and what other terms read; the stimulus, if it is there, is not looked at.
    stimulus : str, optional
        The variable to be decoded; the only one that a term reads linearly by default, whatever
        the model has beside it of history, coupling, events.
    prior : float or sequence of float, optional
        Of the stimulus, a stationary normal series in each trial: its autocovariances at lags 0, 1,
        ..., m samples, or its variance if it is white. It is the autoregression of order m, of all
        series with these autocovariances the one with the largest entropy (Burg 1975). By default
        those of the stimulus of the fit, at as many lags as its term has, and the covariance of
        its features.
    mean : float or array, optional
        Mean of the stimulus (of each feature); that of the stimulus of the fit by default.
    features : array, optional
        Covariance of the features ``(features, features)``, by which autocovariances are
        multiplied; with a ``prior`` the identity by default.
    draws : int
        Draws of the encoding posterior, evenly spaced, over which the stimulus is integrated.
    prob : float
        Probability of the bands.
    seed : int
        Seed of ``draws``.

    Returns
    -------
    xarray.Dataset
        On all samples of the data, over the stimulus's dims: ``mode``, the most probable stimulus
        at the posterior mean of the encoding model; ``mean``, ``sd``, ``lower`` and ``upper`` of
        the stimulus, the encoding model integrated out; ``draws (draw, ...)``, a whole stimulus of
        each draw of it. Attributes say how many ``draws``.

    Raises
    ------
    ModelError
        A model with another kind of term on the stimulus, several linear predictors, groups, or a
        likelihood that is not log-concave.
    DataError
        Autocovariances that no series has; data without the response; more lags and features than
        the memory holds.

    Notes
    -----
    Given a draw of the encoding model, log p(x | y) = log p(y | x) + log Normal(x) is concave, and
    its curvature is not zero only where two samples are read by one response: Newton's method on
    blocks along the diagonal takes a time proportional to the number of samples (Pillow, Ahmadian
    & Paninski 2011, Neural Comput 23:1, section 3). The posterior given a draw is the normal
    distribution at its mode (Laplace); that of the stimulus is the mixture over draws, each with
    the same weight: the spikes that are decoded teach nothing about the encoding model.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> rng = np.random.default_rng(0)
    >>> def record(n):
    ...     x = rng.normal(size=n)
    ...     drive = np.convolve(x, [0.2, 0.8])[:n, None] * np.array([1.0, -1.0, 1.5, -1.5])
    ...     return {"x": x, "y": rng.poisson(np.exp(drive))}
    >>> model = bg.GLM("y", bg.Lagged("x", lags=2, prior=bg.ridge(1.0)), family="poisson")
    >>> fitted = bg.fit(model, record(1000), draws=200)
    >>> new = record(300)
    >>> found = bg.decode(fitted, {"y": new["y"]}, prior=1.0, mean=0.0)
    >>> bool(np.corrcoef(found["mean"], new["x"])[0, 1] > 0.8)
    True
    """
    prob = check_between_0_and_1("prob", prob, "0.94 gives bands from 3% to 97%")
    draws, seed = whole_number("draws", draws, 1), check_seed(seed)
    problems = reopen(fit)
    stimulus = _stimulus(problems, stimulus)
    back = open_backwards(fit, problems, data, [stimulus], _zeros(fit, stimulus), draws)
    number = linear_readers(problems[0])[stimulus]
    example = stored_variable(fit, stimulus)
    n_features = int(np.prod(example.shape[1:], dtype=int))
    lattice = _lattice(back, number)
    laid = _prior(back, example, len(lattice.lags), prior, mean, features).laid_on(lattice)
    encode = _encoder(back, number, lattice)
    start = np.tile(laid.mean, (len(lattice.first), 1))
    mode = decoded(encode([mean[None] for mean in back.mean]), laid, start).mode[0]
    rng = np.random.default_rng(seed)
    parts = []
    together = _together(len(mode), n_features, max(len(lattice.lags), len(laid.bands)))
    for first in range(0, back.n_draws, together):
        encodings = encode([theta[first : first + together] for theta in back.thetas])
        found = decoded(encodings, laid, mode)
        parts.append((found.mode, found.variance, found.draw(rng)))
    modes, variances, paths = map(np.concatenate, zip(*parts, strict=True))
    values = {"mode": mode, **_mixed(modes, variances, prob)}
    attrs = {"prob": prob, "draws": back.n_draws, "seed": seed, "stimulus": stimulus}
    return _named(back, example, values, paths).assign_attrs(attrs)


def _zeros(fit: xr.DataTree, stimulus: str) -> Any:
    """Return what puts a stimulus of zero into data, with the features of the fit's."""

    def fill(dataset: xr.Dataset, dim: str) -> xr.Dataset:
        import xarray as xr

        example = stored_variable(fit, stimulus)
        shape = (dataset.sizes[dim], *example.shape[1:])
        own = {name: example[name] for name in example.dims[1:] if name in example.coords}
        zeros = xr.DataArray(np.zeros(shape), dims=(dim, *example.dims[1:]), coords=own)
        return dataset.assign({stimulus: zeros})

    return fill


def _stimulus(problems: list[Problem], asked: Any) -> str:
    """Return the variable to be decoded; ModelError where it is not read by one linear term."""
    plan, readers = problems[0].plan, linear_readers(problems[0])
    several = " or ".join(f"stimulus={name!r}" for name in readers)
    if asked is None:
        if len(readers) != 1:
            raise ModelError(
                f"say which variable is to be decoded: {several}."
                if readers
                else "no term of the model reads a stimulus linearly, as Lagged and Linear do; of "
                "curves over a position take decode_position."
            )
        asked = next(iter(readers))
    check_decodable(problems, [asked])
    if asked not in readers:
        known = f"; the model has {several}" if readers else ""
        raise ModelError(
            f"decode reads a stimulus through one term that is linear in it, Lagged or Linear, and "
            f"{asked!r} is read otherwise{known}. Of curves over a position take decode_position."
        )
    if plan.population in plan.dataset[asked].dims:
        raise ModelError(
            f"{asked!r} has values of each neuron's own along {plan.population!r}, so that no two "
            "neurons tell of the same; decode them one by one."
        )
    return str(asked)


def _lattice(back: Backwards, number: int) -> Lattice:
    block = back.predictors[0].blocks[number]
    clock = clock_of(back.problems[0].plan.model, back.dataset, back.dim)
    return Lattice(np.asarray(clock.start), np.asarray(clock.stop), lags_of(block))


def _encoder(
    back: Backwards, number: int, lattice: Lattice
) -> Callable[[Sequence[Array]], list[Encoding]]:
    """Return what makes encodings of draws ``(draws, size)`` of each neuron."""
    blocks = [predictors.blocks[number] for predictors in back.predictors]
    made_by = impulses(bare_of(blocks[0]))
    places = [one.column_places[blocks[0].name] for one in back.predictors]

    def encode(thetas: Sequence[Array]) -> list[Encoding]:
        known, phi = back.eta(thetas), back.phi(thetas)
        coefficients = [
            coefficients_of(block, back.w(k, theta)[:, place])
            for k, (block, theta, place) in enumerate(zip(blocks, thetas, places, strict=True))
        ]
        kernels = np.stack([made_by @ own.T for own in coefficients])
        return [
            Encoding(
                lattice,
                back.rows,
                back.family,
                back.y,
                known[d],
                kernels[..., d],
                phi[d],
                back.trials,
            )
            for d in range(len(known))
        ]

    return encode


def _prior(
    back: Backwards, example: xr.DataArray, n_lags: int, prior: Any, mean: Any, features: Any
) -> StimulusPrior:
    """Return the prior that was asked for, or that of the stimulus of the fit."""
    values = np.asarray(example.values, dtype=np.float64).reshape(len(example), -1)
    n_features, known = values.shape[1], ~np.isnan(values)
    centre = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    if prior is None:
        away = np.where(known, values - centre, 0.0)
        plan = back.problems[0].plan
        start = np.asarray(clock_of(plan.model, plan.dataset, plan.sample_dim).start)
        # What is missing adds to no product: of those that are known the variance is exact.
        autocovariance = _autocovariance(away, start, n_lags) / known.mean()
        spread = away.T @ away
        apart = spread / np.diagonal(spread).mean()
    else:
        autocovariance = _numbers("prior", prior, 1)
        apart = np.eye(n_features)
    if features is not None:
        apart = _numbers("features", features, 2)
        if apart.shape != (n_features, n_features):
            raise DataError(
                f"features must be a covariance of the {n_features} features of "
                f"{str(example.name)!r}, got the shape {apart.shape}."
            )
    try:
        innovations(autocovariance)
        np.linalg.cholesky(apart)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise DataError(
            "the prior of the stimulus is no covariance: the matrix of its autocovariances "
            f"{autocovariance[:4].round(6).tolist()}{'...' if len(autocovariance) > 4 else ''}, or "
            "that of its features, is not positive definite. Give fewer lags, or add a little to "
            "the variance (the first number, the diagonal)."
        ) from error
    if mean is not None:
        given = _numbers("mean", mean, 0).reshape(-1)
        if given.size not in (1, n_features):
            raise DataError(f"mean must be one number or {n_features}, got {given.size}.")
        centre = np.broadcast_to(given, (n_features,))
    return StimulusPrior(np.asarray(centre, dtype=np.float64), autocovariance, apart)


def _numbers(name: str, value: Any, n_dims: int) -> Array:
    """Return what was asked as finite numbers of at least so many dims; DataError else."""
    try:
        array = np.atleast_1d(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError):
        array = np.array([np.nan])
    if not array.size or not np.isfinite(array).all() or (n_dims and array.ndim != n_dims):
        raise DataError(f"{name} must be finite numbers, got {shown(value)}.")
    if name == "prior" and not array[0] > 0.0:
        raise DataError(f"the prior's variance must be positive, got {array[0]:g}.")
    return array


def _autocovariance(away: Array, start: Array, n_lags: int) -> Array:
    """Return autocovariances at lags below ``n_lags``, the mean of all features.

    Sums of products inside trials over the number of samples: always those of some series.
    """
    t = np.arange(len(away))
    sums = [
        np.sum(away[k:] * away[: len(away) - k] * (t[k:] - k >= start[k:])[:, None])
        for k in range(min(n_lags, len(away)))
    ]
    return np.array(sums) / away.size


def _together(n: int, n_features: int, width: int) -> int:
    """Return how many draws are decoded side by side; DataError where one is too many."""
    size = max((width - 1) * n_features, LEAST_BLOCK)
    needed = float(COPIES * NUMBER) * n * n_features * size
    room = 0.25 * free_memory()
    if needed > room:
        raise DataError(
            f"decoding {n:,} samples of {n_features:,} features through {width} lags needs "
            f"{1e-9 * needed:.3g} GB, more than the memory that is free; decode a part of the "
            "samples at a time, or a stimulus of fewer features."
        )
    return int(np.clip(room // needed, 1, 16))


def _mixed(modes: Array, variances: Array, prob: float) -> dict[str, Array]:
    """Return mean, sd and quantiles of equal mixtures of normals ``(draws, ...)``."""
    sds = np.sqrt(variances)
    mean = modes.mean(axis=0)
    sd = np.sqrt(np.mean(variances + (modes - mean) ** 2, axis=0))
    told = {"mean": mean, "sd": sd}
    for name, share in (("lower", 0.5 - prob / 2), ("upper", 0.5 + prob / 2)):
        low, high = (modes - 9.0 * sds).min(axis=0), (modes + 9.0 * sds).max(axis=0)
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            below = ndtr((middle - modes) / sds).mean(axis=0) < share
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        told[name] = 0.5 * (low + high)
    return told


def _named(
    back: Backwards, example: xr.DataArray, values: dict[str, Array], paths: Array
) -> xr.Dataset:
    """Name what was decoded by the samples of the data and the features of the stimulus."""
    import xarray as xr

    dims = (back.dim, *map(str, example.dims[1:]))
    shape = (paths.shape[1], *example.shape[1:])
    named: dict[str, Any] = {name: (dims, one.reshape(shape)) for name, one in values.items()}
    named["draws"] = (("draw", *dims), paths.reshape(len(paths), *shape))
    coords: dict[str, Any] = dict(coords_over(back.dataset, back.dim))
    coords |= {dim: example[dim].values for dim in dims[1:] if dim in example.coords}
    return xr.Dataset(named, coords=coords)
