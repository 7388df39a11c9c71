"""Simulated recordings of the shapes of public ones, the truth in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, softmax

from bayesglm.datasets.spiking import spikes_of
from bayesglm.errors import DataError
from bayesglm.spec.asked import check_seed, whole_number
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
FRAME = 1.0 / 120.0  # s, one frame of the monitor
CONTRAST = 0.48  # of the binary stimulus, either side of its mean
CELLS = ("OFF 1", "OFF 2", "ON 1", "ON 2")
CHOICES = ("left", "none", "right")


def simulate_retina(n_bins: int = 144_051, seed: int = 0) -> xr.Dataset:
    """Simulate four ganglion cells of a retina that sees full-field binary white noise.

    The shape is that of the recording of Uzzell & Chichilnisky (2004), J Neurophysiol 92:780-789,
    as `retina` fetches it: 20 minutes at 120 Hz, two OFF and two ON cells. The cells are the
    coupled Poisson GLMs of Pillow et al. (2008), Nature 454:995-999:

        eta[t, i] = true_intercept[i] + sum_k true_stimulus[i, k] stimulus[t - k]
                  + sum_k true_history[i, k] spikes[t - k, i]
                  + sum_j sum_k true_coupling[i, j, k] spikes[t - k, j],
        spikes[t, i] ~ Poisson(exp(eta[t, i])).

    Parameters
    ----------
    n_bins : int
        Bins of 1/120 s; the first 24 see zeros before the start.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``stimulus (time)``: -0.48 or 0.48. ``spikes (time, cell)``: counts, uint8. The truth has
        the dims and the labels of what a fit estimates: ``true_intercept (cell)``, ``true_stimulus
        (cell, stimulus_lag)`` of lags 0 to 24, ``true_history (cell, history_lag)`` of lags 1 to
        20, and ``true_coupling (cell, source, coupling_lag)``, NaN of a cell with itself;
        ``true_rate (time, cell)`` is the expected count given the past. ``time`` are the bins'
        centres in s.

    Raises
    ------
    DataError
        Numbers that are no positive whole ones.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_retina(2000, seed=1)
    >>> ds["spikes"].dims, ds["spikes"].sizes["cell"], ds["true_stimulus"].dims
    (('time', 'cell'), 4, ('cell', 'stimulus_lag'))
    """
    n_bins = whole_number("n_bins", n_bins, 1)
    rng = np.random.default_rng(check_seed(seed))
    stimulus = rng.choice([-CONTRAST, CONTRAST], n_bins)
    sign = np.array([-1.0, -1.0, 1.0, 1.0])
    lag = np.arange(25.0)
    # Peaks 4 to 5 frames before a spike, and an opposite lobe that is later and slower.
    speed = np.array([1.0, 1.08, 0.95, 1.02])[:, None]
    field = _hump(lag * speed, 4.2, 1.5) - 0.42 * _hump(lag * speed, 8.5, 2.8)
    field *= (sign * np.array([1.4, 1.2, 1.3, 1.5]))[:, None]
    past = np.arange(1.0, 21.0)
    history = -2.0 * np.exp(-(past - 1.0) / 1.3) + 0.05 * _hump(past, 6.0, 1.5)
    history = history * np.array([1.0, 0.8, 0.9, 1.1])[:, None]
    alike = np.exp(-(past - 1.0) / 1.5)
    coupling = np.where((sign[:, None] == sign)[..., None], 0.22 * alike, -0.15 * alike)
    coupling[np.arange(4), np.arange(4)] = np.nan
    intercept = np.log(np.array([22.0, 17.0, 19.0, 15.0]) * FRAME)
    seen = np.stack([np.convolve(stimulus, one)[:n_bins] for one in field], axis=1)
    counts, rate = spikes_of(intercept + seen, _fed_back(history, coupling), rng)
    return _recording(
        {"stimulus": ("time", stimulus), "spikes": (("time", "cell"), counts)},
        {
            "intercept": ("cell", intercept),
            "stimulus": (("cell", "stimulus_lag"), field),
            "history": (("cell", "history_lag"), history),
            "coupling": (("cell", "source", "coupling_lag"), coupling),
            "rate": (("time", "cell"), rate),
        },
        {"cell": list(CELLS), "source": list(CELLS), "stimulus_lag": lag.astype(int)},
        FRAME,
        seed,
    )


def simulate_population(
    n_units: int = 100, n_bins: int = 60_000, bin_size: float = 0.001, seed: int = 0
) -> xr.Dataset:
    """Simulate spiking units of which one in ten hears another.

    Each is a Poisson GLM with log link, refractory for some ms, then a little more ready to fire.
    Half of the connections excite and half inhibit, for some 15 bins; where excitation of a unit
    would outweigh inhibition it is scaled to balance it, so that firing does not run away.

    Parameters
    ----------
    n_units, n_bins : int
    bin_size : float
        Seconds.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``spikes (time, unit)``: counts, uint8. The truth, with the dims of what a fit estimates:
        ``true_intercept (unit)``, ``true_history (unit, history_lag)``, ``true_coupling (unit,
        source, coupling_lag)``, both of lags 1 to 20, zero where a unit does not hear another, and
        NaN of a unit with itself; ``true_rate (time, unit)`` in spikes per bin.

    Raises
    ------
    DataError
        Numbers that are no positive whole ones, or a ``bin_size`` that is not positive.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_population(10, 5000)
    >>> ds["spikes"].sizes["unit"], ds["true_coupling"].dims
    (10, ('unit', 'source', 'coupling_lag'))
    """
    n_units, n_bins = whole_number("n_units", n_units, 1), whole_number("n_bins", n_bins, 1)
    if not (np.ndim(bin_size) == 0 and np.isfinite(bin_size) and bin_size > 0.0):
        raise DataError(f"bin_size must be a positive time in seconds, got {shown(bin_size)}.")
    rng = np.random.default_rng(check_seed(seed))
    past = np.arange(1.0, 21.0)
    resting = bin_size * rng.lognormal(np.log(12.0), 0.5, n_units)
    history = -4.0 * np.exp(-(past - 1.0) / rng.uniform(1.0, 2.0, (n_units, 1)))
    history += rng.uniform(0.0, 0.3, (n_units, 1)) * _hump(past, 9.0, 3.0)
    hears = rng.random((n_units, n_units)) < 0.1
    gain = rng.choice([-1.0, 1.0], hears.shape) * rng.uniform(0.3, 1.0, hears.shape)
    delay, width = rng.uniform(2.0, 6.0, hears.shape), rng.uniform(1.0, 3.0, hears.shape)
    shape = _hump(past, delay[..., None], width[..., None])
    coupling = (hears * gain)[..., None] * shape
    coupling[np.arange(n_units), np.arange(n_units)] = np.nan
    total = np.nansum(np.maximum(coupling, 0.0), axis=(1, 2))
    inhibited = np.nansum(np.maximum(-coupling, 0.0), axis=(1, 2))
    balance = np.minimum(1.0, inhibited / np.where(total > 0.0, total, 1.0))[:, None, None]
    coupling = np.where(coupling > 0.0, balance * coupling, coupling)
    drive = np.broadcast_to(np.log(resting), (n_bins, n_units))
    counts, rate = spikes_of(drive, _fed_back(history, coupling), rng)
    labels = np.arange(n_units)
    return _recording(
        {"spikes": (("time", "unit"), counts)},
        {
            "intercept": ("unit", np.log(resting)),
            "history": (("unit", "history_lag"), history),
            "coupling": (("unit", "source", "coupling_lag"), coupling),
            "rate": (("time", "unit"), rate),
        },
        {"unit": labels, "source": labels},
        bin_size,
        seed,
    )


def simulate_choices(
    n_trials: int = 276, n_neurons: int = 691, n_choices: int = 2, seed: int = 0
) -> xr.Dataset:
    """Simulate choices that a few of many neurons tell of, from their counts in each trial.

    The shape is that of one session of Steinmetz et al. (2019), Nature 576:266-273, as `steinmetz`
    fetches it: far more neurons than trials. Rates are skewed, and neurons share fluctuations of
    gain and of a few factors, so that many go with the choice and some 40 decide it: choices are
    drawn with the probabilities that these make,

        true_probability = expit(true_intercept + sum_n true_spikes[n] spikes[n]),

    or, of three, by softmax over ``choice_level``, against the first.

    Parameters
    ----------
    n_trials, n_neurons : int
    n_choices : {2, 3}
        0 and 1 of two; the words left, none and right of three.
    seed : int

    Returns
    -------
    xarray.Dataset
        ``choice (obs)``; ``spikes (obs, neuron)``: counts less their mean, over their sd, 0 of a
        neuron that fired alike in all trials; ``counts (obs, neuron)``, uint16. The truth:
        ``true_intercept``, ``true_spikes ([choice_level,] neuron)`` and ``true_probability (obs[,
        choice_level])``.

    Raises
    ------
    DataError
        Numbers that are no positive whole ones, fewer than two trials, or choices other than two or
        three.

    Examples
    --------
    >>> import bayesglm as bg
    >>> ds = bg.datasets.simulate_choices()
    >>> ds["spikes"].shape, round(float(ds["choice"].mean()), 1)
    ((276, 691), 0.5)
    """
    n_trials = whole_number("n_trials", n_trials, 2)
    n_neurons = whole_number("n_neurons", n_neurons, 1)
    if n_choices not in (2, 3):
        raise DataError(f"n_choices must be 2 or 3, got {shown(n_choices)}.")
    rng = np.random.default_rng(check_seed(seed))
    shared = rng.normal(size=(n_trials, 4)) @ rng.normal(0.0, 0.15, (4, n_neurons))
    gain = rng.normal(0.0, 0.2, (n_trials, 1))
    mean = rng.lognormal(0.5, 1.2, n_neurons)
    counts = rng.poisson(mean * np.exp(gain + shared)).astype(np.uint16)
    sd = counts.std(axis=0)
    spikes = (counts - counts.mean(axis=0)) / np.where(sd > 0.0, sd, 1.0)
    lines = n_choices - 1
    telling = rng.permutation(n_neurons)[: min(40, n_neurons)]
    slopes = np.zeros((lines, n_neurons))
    slopes[:, telling] = rng.normal(0.0, 0.6, (lines, len(telling)))
    intercept = rng.normal(0.0, 0.1, lines)
    eta = intercept + spikes @ slopes.T
    truth: dict[str, Any]
    if n_choices == 2:
        probability = expit(eta[:, 0])
        choice: Array = (rng.random(n_trials) < probability).astype(np.int64)
        truth = {
            "intercept": ((), float(intercept[0])),
            "spikes": ("neuron", slopes[0]),
            "probability": ("obs", probability),
        }
        labels = {}
    else:
        probability = softmax(np.column_stack([np.zeros(n_trials), eta]), axis=1)
        below = probability.cumsum(axis=1)[:, :-1]
        choice = np.array(CHOICES)[(rng.random((n_trials, 1)) > below).sum(axis=1)]
        truth = {
            "intercept": ("choice_level", np.append(0.0, intercept)),
            "spikes": (("choice_level", "neuron"), np.vstack([np.zeros(n_neurons), slopes])),
            "probability": (("obs", "choice_level"), probability),
        }
        labels = {"choice_level": list(CHOICES)}
    variables = {
        "choice": ("obs", choice),
        "spikes": (("obs", "neuron"), spikes),
        "counts": (("obs", "neuron"), counts),
    }
    return _recording(variables, truth, {"neuron": np.arange(n_neurons)} | labels, None, seed)


def _fed_back(history: Array, coupling: Array) -> Array:
    """Return what each source does to each unit ``(source, lag, unit)``, itself among them."""
    own = np.arange(len(history))
    kernels = np.array(coupling)
    kernels[own, own] = history
    return np.ascontiguousarray(kernels.transpose(1, 2, 0))


def _hump(x: Array, centre: Any, width: Any) -> Array:
    return np.exp(-0.5 * ((x - centre) / width) ** 2)


def _recording(
    variables: dict[str, Any],
    truth: dict[str, Any],
    coords: dict[str, Any],
    step: float | None,
    seed: int,
) -> xr.Dataset:
    """Name the truth beside the data, label lags of the past and give bins their time."""
    import xarray as xr

    every = variables | {f"true_{name}": value for name, value in truth.items()}
    dataset = xr.Dataset(every, coords=coords, attrs={"seed": seed})
    for dim in ("history_lag", "coupling_lag"):
        if dim in dataset.sizes:
            dataset = dataset.assign_coords({dim: np.arange(1, dataset.sizes[dim] + 1)})
    if step is None:
        return dataset
    time = (np.arange(dataset.sizes["time"]) + 0.5) * step
    return dataset.assign_coords(time=("time", time, {"units": "s"}))
