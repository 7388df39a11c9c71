"""The spike-triggered covariance: filters along which spikes change the stimulus's variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.linalg import eigh, solve_triangular

from bayesglm.errors import DataError, tell
from bayesglm.inference.problem.asked import check_between_0_and_1, check_seed, whole_number
from bayesglm.numerics.memory import free_memory
from bayesglm.results.triggered import BANDS, attributes, bands, error_of_means, factor_of
from bayesglm.results.triggering import ROWS, Group, Triggered, check_counts, trigger
from bayesglm.spec.terms.lags import Lags, Window

if TYPE_CHECKING:
    import xarray as xr

Array = np.ndarray
NUMBER = 8  # bytes of a float


def stc(
    data: Any,
    stimulus: str,
    spikes: str,
    lags: Lags = None,
    window: Window = None,
    shuffles: int = 200,
    prob: float = 0.94,
    seed: int = 0,
) -> xr.Dataset:
    """Find filters along which the stimulus varies more, or less, before spikes than at all times.

    Parameters
    ----------
    data, stimulus, spikes, lags, window
        As in `sta`.
    shuffles : int
        Times that the spikes are shifted against the stimulus, by a random lag and around the end,
        for the variances that chance gives.
    prob : float
        Probability of the bands, and that no axis is called significant where there is none.
    seed : int
        Seed of the shifts.

    Returns
    -------
    xarray.Dataset
        Along ``axis``, from the largest variance to the smallest: ``variance ([neuron,] axis)``, of
        the filtered stimulus before spikes, where it is 1 at all times; ``filter ([neuron,] axis,
        lag, *feature dims)``, per unit of the stimulus, its largest number positive; both with
        ``*_se``, ``*_lower`` and ``*_upper``; and ``significant ([neuron,] axis)``, with the
        variances between which chance leaves the others, ``null_lower`` and ``null_upper``.

    Raises
    ------
    DataError
        As `sta`; a collinear stimulus; more shuffles of more lags than the memory holds.

    Warns
    -----
    BayesGLMWarning
        Neurons without spikes, or with no more spikes than there are lags and features.

    Notes
    -----
    With R the average before a spike and C the covariance at all times,

        A = sum_t y[t] (x[t] - R)(x[t] - R)' / sum_t y[t],    A v = variance C v,   v'C v = 1

    (Schwartz, Pillow, Rust & Simoncelli 2006, J Vis 6:484; for a white stimulus these are the
    eigenvectors of A). An axis is significant where its variance lies beyond the quantiles of the
    largest, or smallest, of shifted spikes; it is then projected out of stimulus and shifts, and
    the others are asked again (their nested test). Errors are first-order perturbations of the
    eigenvalue problem, summed in stretches of time as in `sta`; those of a filter are wide where
    another axis has nearly its variance.

    Examples
    --------
    >>> import numpy as np
    >>> import bayesglm as bg
    >>> rng = np.random.default_rng(3)
    >>> x = rng.normal(size=20_000)
    >>> y = rng.poisson(0.5 * np.exp(-0.5 * x**2))          # spikes where x is small
    >>> found = bg.stc({"x": x, "y": y}, "x", "y", lags=4, shuffles=50)
    >>> found["significant"].values, round(float(found["variance"][-1]), 1)
    (array([False, False, False,  True]), 0.5)
    """
    prob = check_between_0_and_1("prob", prob, BANDS)
    shuffles, seed = whole_number("shuffles", shuffles, 20), check_seed(seed)
    triggered = trigger(data, stimulus, spikes, lags, window)
    check_counts(triggered)
    p, n_neurons = triggered.size, len(triggered.plan.designs)
    _check_room(p, shuffles, n_neurons)
    streams = np.random.default_rng(seed).spawn(n_neurons)
    every: dict[int, dict[str, Array]] = {}
    for group in triggered.groups:
        covariance = _covariance(triggered, group)
        factor = factor_of(triggered, covariance)
        root = np.tril(factor[0]) if factor[1] else np.triu(factor[0]).T
        for neuron in group.neurons:
            own = group._replace(neurons=(neuron,))
            every[neuron] = _of_neuron(triggered, own, root, shuffles, prob, streams[neuron])
    stacked = {name: np.stack([every[k][name] for k in range(n_neurons)]) for name in every[0]}
    filters = (n_neurons, p, *triggered.shape)
    along = ("axis", *triggered.dims)
    named = bands(triggered, "variance", ("axis",), stacked["value"], stacked["value_se"], prob)
    named |= bands(
        triggered,
        "filter",
        along,
        stacked["filter"].reshape(filters),
        stacked["filter_se"].reshape(filters),
        prob,
    )
    named["significant"] = (("axis",), stacked["significant"])
    named |= {name: ((), stacked[name]) for name in ("null_lower", "null_upper", "n_spikes")}
    told = {**attributes(triggered, prob), "shuffles": shuffles, "seed": seed}
    return triggered.dataset(named).assign_attrs(told)


def _check_room(p: int, shuffles: int, n_neurons: int) -> None:
    needed = NUMBER * p * p * (2 * shuffles + 6 * n_neurons)
    if needed > free_memory():
        raise DataError(
            f"{shuffles} shuffles of {p:,} lags and features need {1e-9 * needed:.3g} GB, more "
            "than the memory that is free; use fewer lags or features (a region of the stimulus), "
            "or fewer shuffles."
        )


def _covariance(triggered: Triggered, group: Group) -> Array:
    """Return the covariance of the stimulus at all times ``(size, size)``, less its mean."""
    n, p = len(triggered.rows), triggered.size
    gram, total = np.zeros((p, p)), np.zeros(p)
    for columns, y in triggered.all_rows(group):
        gram += columns.gram(None)
        total += columns.adjoint(np.ones((1, y.shape[1])))[0]
    return gram / n - np.outer(total, total) / n**2


def _of_neuron(
    triggered: Triggered,
    group: Group,
    root: Array,
    shuffles: int,
    prob: float,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Return the axes of one neuron, their errors, and which of them chance does not give.

    ``root`` is the lower Cholesky factor of the stimulus's covariance.
    """
    n, p = len(triggered.rows), triggered.size
    y = triggered.counts(group.neurons, slice(0, n))[0]
    total = y.sum()
    if not total:
        lost = np.full(p, np.nan)
        return {
            "value": lost,
            "value_se": lost,
            "filter": np.full((p, p), np.nan),
            "filter_se": np.full((p, p), np.nan),
            "significant": np.zeros(p, dtype=bool),
            "null_lower": np.float64(np.nan),
            "null_upper": np.float64(np.nan),
            "n_spikes": total,
        }
    if total <= p:
        where = triggered.plan.name_of(group.neurons[0])
        tell(
            f"{triggered.plan.model.response!r}{where} has {total:g} spikes, no more than the {p} "
            "lags and features of which a covariance is asked: variances are of little meaning. "
            "Use fewer lags or features, or a longer recording."
        )
    white = _whitened(_before(triggered, group, y, 0), root)
    values, axes = eigh(white)
    values, axes = values[::-1], axes[:, ::-1]
    filters = solve_triangular(root, axes, lower=True, trans="T")
    filters *= np.sign(filters[np.abs(filters).argmax(axis=0), np.arange(p)])
    axes = root.T @ filters
    furthest = triggered.shape[0]
    shifts = rng.integers(min(furthest, n // 2), max(n - furthest, n // 2 + 1), shuffles)
    null = np.stack([_whitened(_before(triggered, group, y, shift), root) for shift in shifts])
    tested = _tested(values, axes, null, prob)
    value_se, filter_se = _errors(triggered, group, values, filters)
    return {
        "value": values,
        "value_se": value_se,
        "filter": filters.T,
        "filter_se": filter_se.T,
        "significant": tested.significant,
        "null_lower": np.float64(tested.lower),
        "null_upper": np.float64(tested.upper),
        "n_spikes": total,
    }


def _before(triggered: Triggered, group: Group, y: Array, shift: int) -> Array:
    """Return the covariance of the stimulus before spikes that are shifted around the end."""
    moved = np.roll(y, shift)
    seen = np.flatnonzero(moved)
    p = triggered.size
    gram, sums, total = np.zeros((p, p)), np.zeros(p), moved.sum()
    for start in range(0, len(seen), ROWS):
        part = seen[start : start + ROWS]
        columns, weights = group.block.on(triggered.rows[part]), moved[part]
        gram += columns.gram(weights)
        sums += columns.adjoint(weights[None])[0]
    average = sums / total
    return gram / total - np.outer(average, average)


def _whitened(covariance: Array, root: Array) -> Array:
    """Return a covariance in the coordinates in which the stimulus's own is the identity."""
    half = solve_triangular(root, covariance, lower=True)
    return solve_triangular(root, half.T, lower=True)


class Verdict(NamedTuple):
    """Which axes chance does not give, and the variances between which it leaves the others."""

    significant: Array
    lower: float
    upper: float


def _tested(values: Array, axes: Array, null: Array, prob: float) -> Verdict:
    """Ask axis by axis, the most extreme first, what shifted spikes give in what is left."""
    left = np.arange(len(values))
    significant = np.zeros(len(values), dtype=bool)
    tail = 0.5 * (1.0 - prob)
    while True:
        inside = axes[:, left].T @ null @ axes[:, left]
        spectra = np.linalg.eigvalsh(inside)
        lower = float(np.quantile(spectra[:, 0], tail))
        upper = float(np.quantile(spectra[:, -1], 1.0 - tail))
        above, below = values[left[0]] - upper, lower - values[left[-1]]
        if max(above, below) <= 0.0:
            return Verdict(significant, lower, upper)
        # In units of what chance makes of each, which of very few spikes may be nothing.
        high, low = (max(spectra[:, k].std(), np.finfo(float).tiny) for k in (-1, 0))
        gone = 0 if above / high >= below / low else -1
        significant[left[gone]] = True
        left = np.delete(left, gone)
        if not len(left):
            return Verdict(significant, lower, upper)


def _errors(
    triggered: Triggered, group: Group, values: Array, filters: Array
) -> tuple[Array, Array]:
    """Return standard errors of variances ``(axes,)`` and of filters ``(size, axes)``.

    In the coordinates z of the filters A is diagonal and C the identity. Scores of A and C, summed
    over a stretch, move the i-th variance by dA_ii - variance_i dC_ii, and its filter along the
    j-th by (dA_ji - variance_i dC_ji) / (variance_i - variance_j).
    """
    n, p = len(triggered.rows), triggered.size
    mean, before, total = np.zeros(p), np.zeros(p), 0.0
    for columns, y in triggered.all_rows(group):
        z = columns.times(filters.T)
        mean, before, total = mean + z.sum(axis=1), before + z @ y[0], total + y.sum()
    mean, before, per_row = mean / n, before / total, total / n
    apart = values - values[:, None]
    np.fill_diagonal(apart, np.inf)
    with np.errstate(divide="ignore"):
        nearness = 1.0 / apart  # infinite of equal variances, whose axes are any
    value_squares, filter_squares = np.zeros(p), np.zeros((p, p))
    for stretch in triggered.stretches:
        of_spikes, of_all = np.zeros((p, p)), np.zeros((p, p))
        for columns, y in triggered.pieces(group, stretch):
            z = columns.times(filters.T)
            z_spikes, z_all = z - before[:, None], z - mean[:, None]
            of_spikes += (z_spikes * y) @ z_spikes.T - y.sum() * np.diag(values)
            of_all += z_all @ z_all.T - z.shape[1] * np.eye(p)
        moved = of_spikes / per_row - values * of_all
        value_squares += np.diagonal(moved) ** 2
        with np.errstate(invalid="ignore"):
            turned = moved * nearness
        np.fill_diagonal(turned, -0.5 * np.diagonal(of_all))
        filter_squares += (filters @ turned) ** 2
    return error_of_means(value_squares, triggered), error_of_means(filter_squares, triggered)
