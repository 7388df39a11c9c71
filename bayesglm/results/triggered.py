"""The spike-triggered average, and what it is once the stimulus's correlations are taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_between_0_and_1
from bayesglm.results.stretches import STRETCHES, band_of, error_of
from bayesglm.results.triggering import (
    Group,
    Triggered,
    check_counts,
    check_varies,
    tell_of_silence,
    trigger,
)
from bayesglm.spec.terms.lags import Lags, Window

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
BANDS = "0.94 gives bands from 3% to 97%"
LEAST = (
    1e-11  # of a correlation matrix's largest eigenvalue, from which rounding hides the smallest
)
FEW = 10  # spikes, of fewer of which an average is told to be of little meaning: chosen


def sta(
    data: Any,
    stimulus: str,
    spikes: str,
    lags: Lags = None,
    window: Window = None,
    prob: float = 0.94,
) -> xr.Dataset:
    """Average the stimulus before spikes: the spike-triggered average, with bands.

    Parameters
    ----------
    data : Dataset, DataFrame or mapping
    stimulus, spikes : str
        Variables: of dims ``(sample, *feature dims)``, and counts (or rates) ``(sample[,
        neuron])``.
    lags, window
        As of `Lagged`, in samples or in seconds: lag k is k samples before the spike. Samples
        without a full past inside their own trial are left out.
    prob : float
        Probability of the bands.

    Returns
    -------
    xarray.Dataset
        ``sta ([neuron,] lag, *feature dims)``, in units of the stimulus, with ``sta_se``,
        ``sta_lower`` and ``sta_upper``, and ``n_spikes ([neuron])``. ``lag_time`` in seconds where
        the data have time. NaN of neurons without spikes.

    Raises
    ------
    DataError
        Negative responses, a constant stimulus, and what a fit of a `Lagged` term refuses: gaps,
        irregular time.
    ModelError
        Neither or both of ``lags`` and ``window``.

    Warns
    -----
    BayesGLMWarning
        Neurons without spikes, or with fewer than ten.

    Notes
    -----
    With counts y[t] and the mean stimulus m,

        sta[k] = sum_t y[t] (x[t - k] - m[k]) / sum_t y[t],

    the average before a spike less the average at all times (de Boer & Kuyper 1968; Chichilnisky
    2001, Network 12:199, eq. 3). Its error is that of the scores

        s[t] = y[t] (x[t - k] - m[k] - sta[k]) / mean(y) - (x[t - k] - m[k]),

    summed within up to 64 stretches of time, which may be correlated inside but not with one
    another: se^2 = G/(G - 1) sum_g (sum_{t in g} s[t])^2 / n^2 (Cameron & Miller 2015, J Hum Resour
    50:317), and the bands are those of Student's t of G - 1 degrees of freedom. They are for each
    lag alone. Of fewer than 64 spikes (sum y)^2 / sum y^2 most stretches are empty, and the error
    is at least that of independent spikes, the stimulus's sd over the square root of this number.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.grasshopper()
    >>> average = bg.sta(ds, "stimulus", "spikes", window=0.02)
    >>> average["sta"].dims, int(average["sta"].argmax("lag"))
    (('lag',), 6)
    """
    prob = check_between_0_and_1("prob", prob, BANDS)
    triggered = trigger(data, stimulus, spikes, lags, window)
    check_counts(triggered)
    check_varies(triggered)
    _tell_of_few(triggered)
    n_neurons = len(triggered.plan.designs)
    average, se = np.full((2, n_neurons, triggered.size), np.nan)
    n_spikes = np.zeros(n_neurons)
    for group in triggered.groups:
        own = list(group.neurons)
        average[own], se[own], n_spikes[own] = _averaged(triggered, group)
    shape = (n_neurons, *triggered.shape)
    named = bands(triggered, "sta", triggered.dims, average.reshape(shape), se.reshape(shape), prob)
    named["n_spikes"] = ((), n_spikes)
    return triggered.dataset(named).assign_attrs(attributes(triggered, prob))


def whitened_sta(
    data: Any,
    stimulus: str,
    spikes: str,
    lags: Lags = None,
    window: Window = None,
    prob: float = 0.94,
) -> xr.Dataset:
    """Take the stimulus's own correlations out of the spike-triggered average: least squares.

    It equals the coefficients of the gaussian GLM with a `Lagged` term under a flat prior. Where
    the stimulus is short or smooth it is noisy: ``fit(GLM(spikes, Lagged(stimulus, ...)), data)``
    has priors.

    Parameters
    ----------
    data, stimulus, spikes, lags, window, prob
        As in `sta`; responses of any sign.

    Returns
    -------
    xarray.Dataset
        ``whitened_sta ([neuron,] lag, *feature dims)``, in units of the response per unit of the
        stimulus, with ``whitened_sta_se``, ``_lower`` and ``_upper``. NaN of neurons without
        spikes.

    Raises
    ------
    DataError
        A stimulus whose lags or features are collinear; what `sta` refuses otherwise.

    Warns
    -----
    BayesGLMWarning
        Neurons without spikes.

    Notes
    -----
    With C the covariance of the stimulus at all lags and features,

        whitened_sta = C^-1 cov(x, y) = C^-1 sta mean(y)

    (Paninski 2004, Network 15:243, section 2). Its error is the sandwich of least squares: the
    scores C^-1 (x[t] - m) e[t], e[t] being the residual of y[t], in stretches of time as in `sta`.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.grasshopper()
    >>> white = bg.whitened_sta(ds, "stimulus", "spikes", lags=10)["whitened_sta"]
    >>> model = bg.GLM("spikes", bg.Lagged("stimulus", lags=10, prior=bg.Flat()))
    >>> flat = bg.fit_map(model, ds)["map"]["stimulus"]
    >>> bool(abs(white.values - flat.values).max() < 1e-9)
    True
    """
    prob = check_between_0_and_1("prob", prob, BANDS)
    triggered = trigger(data, stimulus, spikes, lags, window)
    n_neurons = len(triggered.plan.designs)
    filters, se = np.full((2, n_neurons, triggered.size), np.nan)
    for group in triggered.groups:
        own = list(group.neurons)
        filters[own], se[own] = _least_squares(triggered, group)
    silent = tell_of_silence(triggered)
    filters[silent], se[silent] = np.nan, np.nan
    shape = (n_neurons, *triggered.shape)
    named = bands(
        triggered, "whitened_sta", triggered.dims, filters.reshape(shape), se.reshape(shape), prob
    )
    return triggered.dataset(named).assign_attrs(attributes(triggered, prob))


def _averaged(triggered: Triggered, group: Group) -> tuple[Array, Array, Array]:
    """Return averages and errors ``(neurons, size)`` and the spikes of a group's neurons."""
    n, k = len(triggered.rows), len(group.neurons)
    mean, product, total = _first_moments(triggered, group)
    with np.errstate(invalid="ignore", divide="ignore"):
        before = product / total[:, None]
    per_row = total[:, None] / n
    squares = np.zeros((k, triggered.size))
    for stretch in triggered.stretches:
        sums, length = np.zeros((k, triggered.size)), stretch.stop - stretch.start
        all_x, all_y = np.zeros(triggered.size), np.zeros((k, 1))
        for columns, y in triggered.pieces(group, stretch):
            both = columns.adjoint(np.vstack([y, np.ones(y.shape[1])]))
            sums, all_x = sums + both[:-1], all_x + both[-1]
            all_y += y.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            squares += ((sums - before * all_y) / per_row - (all_x - length * mean)) ** 2
    se = error_of_means(squares, triggered)
    spikes = np.array([_effective(triggered, neuron) for neuron in group.neurons])
    if np.any(spikes < STRETCHES):
        with np.errstate(divide="ignore"):
            alone = _sd(triggered, group) / np.sqrt(spikes)[:, None]
        se = np.where((spikes < STRETCHES)[:, None], np.fmax(se, alone), se)
    se[total == 0.0] = np.nan
    return before - mean, se, total


def _effective(triggered: Triggered, neuron: int) -> float:
    """Return how many spikes one by one tell as much: fewer where many lie in one sample."""
    y = triggered.counts((neuron,), slice(0, len(triggered.rows)))[0]
    return float(y.sum() ** 2 / np.sum(y**2)) if y.any() else 0.0


def _sd(triggered: Triggered, group: Group) -> Array:
    """Return the stimulus's sd at each lag and feature ``(size,)``."""
    lags, signal = group.block.lags, group.block.signal
    assert lags is not None
    return np.stack([signal[triggered.rows - lag].std(axis=0) for lag in lags]).ravel()


def _tell_of_few(triggered: Triggered) -> None:
    """Tell of neurons whose spikes are too few for the bands to mean much."""
    plan = triggered.plan
    spikes = [_effective(triggered, k) for k in range(len(plan.designs))]
    few = [k for k, count in enumerate(spikes) if 0.0 < count < FEW]
    if few:
        named = [plan.name_of(k).strip(" ()") or "it" for k in few[:5]]
        tell(
            f"{plan.model.response!r} holds fewer than {FEW} spikes of {len(few)} of {len(spikes)} "
            f"neurons ({', '.join(named)}{', ...' if len(few) > 5 else ''}), the first "
            f"with {spikes[few[0]]:.3g}: errors of their averages are at least those of "
            "independent spikes, and bands of so few are of little meaning. Use a longer recording."
        )


def _first_moments(triggered: Triggered, group: Group) -> tuple[Array, Array, Array]:
    """Return the stimulus's mean, its sums times each neuron's responses, and their sums."""
    k = len(group.neurons)
    sums, total = np.zeros((k + 1, triggered.size)), np.zeros(k)
    for columns, y in triggered.all_rows(group):
        sums += columns.adjoint(np.vstack([y, np.ones(y.shape[1])]))
        total += y.sum(axis=1)
    return sums[-1] / len(triggered.rows), sums[:-1], total


def _least_squares(triggered: Triggered, group: Group) -> tuple[Array, Array]:
    """Return filters and errors ``(neurons, size)`` of a group's neurons."""
    n, p = len(triggered.rows), triggered.size
    mean, product, total = _first_moments(triggered, group)
    gram = np.zeros((p, p))
    for columns, _ in triggered.all_rows(group):
        gram += columns.gram(None)
    covariance = gram / n - np.outer(mean, mean)
    factor = factor_of(triggered, covariance)
    response = total / n
    filters = cho_solve(factor, (product / n - response[:, None] * mean).T).T
    at_zero = response - filters @ mean
    squares = np.zeros(filters.shape)
    for stretch in triggered.stretches:
        scores = np.zeros(filters.shape)
        for columns, y in triggered.pieces(group, stretch):
            error = y - at_zero[:, None] - columns.times(filters)
            scores += columns.adjoint(error) - error.sum(axis=1, keepdims=True) * mean
        squares += cho_solve(factor, scores.T).T ** 2
    return filters, error_of_means(squares, triggered)


def factor_of(triggered: Triggered, covariance: Array) -> Any:
    """Return the Cholesky factor of the stimulus's covariance; DataError where it has none."""
    plan, p = triggered.plan, len(covariance)
    sd = np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        correlation = covariance / np.outer(sd, sd)
    spectrum = np.linalg.eigvalsh(correlation) if sd.all() else np.zeros(1)
    try:
        if spectrum[0] <= LEAST * spectrum[-1]:
            raise LinAlgError
        return cho_factor(covariance)
    except LinAlgError:
        name = plan.model.terms[0].label
        raise DataError(
            f"stimulus {name!r} is constant or collinear over its {p} lags and features, on "
            f"{len(triggered.rows)} samples, so that no filter is the best: use fewer lags or "
            f"features, a longer recording, or a prior: fit(GLM({plan.model.response!r}, "
            f"Lagged({name!r}, ..., prior=ridge(1.0))), data)."
        ) from None


def error_of_means(squares: Array, triggered: Triggered) -> Array:
    """Return standard errors of means over rows, from their scores' sums, as `error_of`."""
    return error_of(squares, len(triggered.stretches)) / len(triggered.rows)


def bands(
    triggered: Triggered, name: str, dims: tuple[str, ...], values: Array, se: Array, prob: float
) -> dict[str, Any]:
    """Name values ``(neurons, *dims)`` with their errors and bands."""
    lower, upper = band_of(values, se, len(triggered.stretches), prob)
    parts = {"": values, "_se": se, "_lower": lower, "_upper": upper}
    return {f"{name}{part}": (dims, one) for part, one in parts.items()}


def attributes(triggered: Triggered, prob: float) -> dict[str, Any]:
    """Return what attributes say of bands."""
    n_rows, count = len(triggered.rows), len(triggered.stretches)
    return {"prob": prob, "n_rows": n_rows, "n_stretches": count}
