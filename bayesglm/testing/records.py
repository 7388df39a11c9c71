"""Whether the parts of a family's record say the same: one check a fact, each an AssertionError."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from bayesglm.numerics.families.intervals import variance_of
from bayesglm.numerics.families.record import Derivatives
from bayesglm.testing.places import Place

Array = np.ndarray

N_DRAWS = 40_000  # of each linear predictor, whose mean is looked at: chosen
ERRORS = 4.5  # standard errors by which a mean of draws may be away: one in 150,000 is
# Of differences of order 8 (Fornberg 1988): what is left of a step of 0.01 is below rounding.
EIGHTH = ((1, 4 / 5), (2, -1 / 5), (3, 4 / 105), (4, -1 / 280))
STEP = 0.01  # of differences, in units of how far a parameter has room
SLOPES = 1e-7  # how far derivatives may be from differences, relative to what is differenced
SMALLEST = -700.0  # log densities of which floats hold the density
# Linear predictors at which exp overflows, or leaves nothing.
FAR_OUT = (-700.0, -300.0, -40.0, 40.0, 300.0, 700.0)


def _pairs(y: Array, eta: Array) -> tuple[Array, Array]:
    """Return every response with every linear predictor: ``(y * eta)``, ``(channels, y * eta)``."""
    return np.repeat(y, eta.shape[1], axis=-1), np.tile(eta, y.shape[-1])


def _many(y: Array, n: int) -> Array:
    """Return one response ``()``, or counts ``(levels,)``, so many times."""
    return np.repeat(np.asarray(y)[..., None], n, axis=-1)


def _over(place: Place, y: Array, eta: Array) -> Array:
    """Return the log likelihoods of all responses under all linear predictors ``(y, eta)``."""
    value = place.family.log_likelihood(*_pairs(y, eta), place.phi, place.trials)
    return value.reshape(y.shape[-1], -1)


def draws_are_responses(place: Place) -> None:
    """Draws are admissible, of the shape of eta, the same from the same seed, of the mean."""
    eta = place.eta[:, :3]
    many = np.broadcast_to(eta[:, None], (len(eta), N_DRAWS, eta.shape[1]))
    y = place.family.draw(np.random.default_rng(1), many, place.phi, place.trials)
    counted = place.family.words.counts_levels
    shape = (place.family.n_levels, *many.shape[1:]) if counted else many.shape[1:]
    assert y.shape == shape, f"draws have the shape {y.shape}, not {shape}"
    assert y.dtype == np.float64, f"draws are of {y.dtype}, not of float64"
    valid = np.broadcast_to(place.family.valid(y, place.trials), y.shape)
    assert valid.all(), f"the draw {y[~valid][:1]} is no response of the family"
    again = place.family.draw(np.random.default_rng(1), many, place.phi, place.trials)
    assert_array_equal(y, again, "draws from the same seed differ")
    mean = place.family.mean(eta, place.phi, place.trials)
    if counted:
        assert_array_equal(y.sum(axis=0), place.trials, "counts do not add up to the trials")
        for level, expected in enumerate(mean):
            _near_zero(y[level] - expected, f"the count of level {level}")
    elif place.family.n_levels:
        assert_array_equal(np.unique(y), np.arange(place.family.n_levels))
        for level, share in enumerate(mean):
            _near_zero((y == level) - share, f"the share of level {level}")
    elif place.family.words.circular:
        _near_zero(np.sin(y - mean), "the direction")
    else:
        _near_zero(y - mean, "the mean")


def _near_zero(away: Array, what: str) -> None:
    # Of what is rarer than one in all draws the error is one draw.
    error = np.maximum(away.std(axis=0) / np.sqrt(len(away)), 1.0 / len(away))
    off = np.abs(away.mean(axis=0)) / error
    assert np.all(off < ERRORS), f"{what} of draws is {off.max():.1f} standard errors away"


def the_density_adds_up_to_one(place: Place) -> None:
    """Log densities add up to one, responses to their mean, their squares to the variance."""
    y, step = place.all_responses
    share = step[:, None] * np.exp(_over(place, y, place.eta))
    assert_allclose(share.sum(axis=0), 1.0, rtol=1e-12, err_msg="densities do not add up to one")
    mean = place.family.mean(place.eta, place.phi, place.trials)
    if place.family.n_levels and not place.family.words.counts_levels:
        assert_allclose(share, mean, rtol=1e-12, err_msg="shares of levels are not their means")
    elif place.family.words.circular:
        direction = np.exp(1j * (y[:, None] - mean)) * share
        assert_allclose(direction.sum(axis=0).imag, 0.0, atol=1e-12)
    else:
        assert_allclose(y @ share, mean, rtol=1e-12, atol=1e-12, err_msg="the mean is another")
        squares = np.square(y[..., None] - mean[..., None, :]) * share
        variance = variance_of(place.family, place.eta, place.phi, place.trials)
        assert_allclose(
            squares.sum(axis=-2), variance, rtol=1e-7, err_msg="the variance is another"
        )


def derivatives_are_those_of_differences(place: Place) -> None:
    """First and second derivatives, in every channel and dispersion, are those of differences."""
    n, k = len(place.family.channels), len(place.phi)
    for column in place.eta.T:
        at = np.array([*column, *place.phi])
        steps = STEP * np.array([*_room(place, column), *(_reach(place, at[n:]))])
        for y in place.responses.T:
            d = _at(place, y, at, 2)
            gradient = np.array([*d.eta[:, 0], *(one[0] for one in d.phi)])
            value = _differences(partial(_value_at, place, y), at, steps)
            _close_to(gradient, value[:, 0], f"the slopes at y = {y}, eta = {column}")

            bends = np.empty((n + k, n + k))
            bends[:n, :n] = d.eta_eta[..., 0]
            for i in range(k):
                bends[n + i, :n] = bends[:n, n + i] = d.eta_phi[i][:, 0]
                bends[n + i, n:] = [one[0] for one in d.phi_phi[i]]
            slopes = partial(_slopes_at, place, y)
            assert_array_equal(slopes(at), gradient, "slopes differ by the order asked for")
            expected = _differences(slopes, at, steps)
            _close_to(bends, expected, f"the second derivatives at y = {y}, eta = {column}")


def _at(place: Place, y: Array, x: Array, order: int) -> Derivatives:
    """Return the derivatives of one response at channels and dispersions x."""
    n = len(place.family.channels)
    return place.family.kernel(_many(y, 1), x[:n, None], tuple(x[n:]), place.trials, order)


def _value_at(place: Place, y: Array, x: Array) -> Array:
    return _at(place, y, x, 0).value


def _slopes_at(place: Place, y: Array, x: Array) -> Array:
    d = _at(place, y, x, 1)
    return np.array([*d.eta[:, 0], *(one[0] for one in d.phi)])


def _differences(function: Callable[[Array], Array], at: Array, steps: Array) -> Array:
    """Return the slopes of a function in each of its arguments ``(arguments, ...)``."""
    slopes = []
    for k, step in enumerate(steps):
        move = step * np.eye(len(at))[k]
        parts = [c * (function(at + j * move) - function(at - j * move)) for j, c in EIGHTH]
        slopes.append(np.sum(parts, axis=0) / step)
    return np.array(slopes)


def _room(place: Place, eta: Array) -> list[float]:
    """Return the scale of each channel: one, or how far the first is from the end of its domain."""
    low, high, _ = place.family.domain
    return [min(1.0, eta[0] - low, high - eta[0]), *np.ones(len(eta) - 1)]


def _reach(place: Place, phi: Array) -> Array:
    """Return the scale of each dispersion: how far it is from the ends of its range."""
    words = place.family.words
    scales: list[float] = []
    for name, own in zip(place.family.dispersion_names, place.family.dispersions, strict=True):
        low, high = words.range_of(name)
        many = own.n_entries or 1
        for value in phi[len(scales) : len(scales) + many]:
            scales.append(min(1.0, value - low, high - value))
    gaps = np.diff(phi).min(initial=np.inf) if words.increasing else np.inf
    return np.minimum(scales, gaps) if scales else np.zeros(0)


def _close_to(found: Array, expected: Array, what: str) -> None:
    size = 1.0 + np.abs(expected).max()
    assert_allclose(found, expected, rtol=SLOPES, atol=SLOPES * size, err_msg=what)


def the_cdf_adds_up_the_density(place: Place) -> None:
    """P(Y <= y) grows by the density, and P(Y > y) is what is left."""
    if place.family.cdf is None or place.family.survival is None:
        return
    if place.family.words.counts_levels:  # which have no order
        return
    y, step = place.all_responses
    given = (*_pairs(y, place.eta), place.phi, place.trials)
    share = np.exp(_over(place, y, place.eta))
    functions = (place.family.cdf, place.family.below, place.family.survival)
    cdf, below, above = (function(*given).reshape(share.shape) for function in functions)
    assert_allclose(cdf + above, 1.0, rtol=1e-12, err_msg="P(Y <= y) + P(Y > y) is not one")
    assert np.all(np.diff(cdf, axis=0) >= -1e-15), "the cumulative distribution falls"
    if place.family.words.discrete:
        assert_allclose(cdf - below, share, rtol=1e-9, atol=1e-12, err_msg="cdf and density")
        assert_array_equal(below[0], 0.0)
        return
    assert_array_equal(cdf, below)
    grown = 0.5 * ((step * share.T)[:, 1:] + (step * share.T)[:, :-1])
    assert_allclose(np.diff(cdf.T)[:, 1:-1], grown[:, 1:-1], atol=3e-5, err_msg="cdf and density")


def the_saturated_density_is_the_largest(place: Place) -> None:
    """No linear predictor gives a response a larger density, and some come near it."""
    far = np.geomspace(1e-3, 100.0, 16_001)
    eta = place.over_channels(np.r_[-far[::-1], far])
    mean = place.family.expected(eta, place.phi, place.trials)
    for y in place.responses.T:
        kernel = place.family.kernel(_many(y, eta.shape[1]), eta, place.phi, place.trials, 0).value
        most = np.ravel(place.family.saturated(_many(y, 1), place.phi, place.trials))[0]
        left = float(most) - np.nanmax(kernel)
        assert left > -1e-9, f"saturated of y = {y} is {-left:.3g} below a density"
        if not place.family.n_levels and mean.min() <= y <= mean.max():
            assert left < 1e-2, f"saturated of y = {y} is {left:.3g} above every density"


def deviances_go_with_powers_of_dispersions(place: Place) -> None:
    """A deviance is proportional to each dispersion to the power that the vocabulary says."""
    powers, family = place.family.words.deviance_powers, place.family
    assert len(powers) == len(family.dispersions), "each dispersion needs a deviance power"

    def deviance(phi: Any) -> Array:
        at = (*_pairs(place.responses, place.eta), phi, place.trials)
        return family.saturated(at[0], phi, place.trials) - family.kernel(*at, 0).value

    for k, power in enumerate(powers):
        phi = list(place.phi)
        phi[k] = 1.5 * phi[k]
        if power:
            assert_allclose(deviance(phi), deviance(place.phi) * 1.5**power, rtol=1e-10)


def log_concave_is_what_it_says(place: Place) -> None:
    """Where a family is said to be log-concave, no second derivative is positive."""
    if not place.family.log_concave:
        return
    eta = place.over_channels(np.linspace(-30.0, 6.0, 400))
    for y in place.responses.T:
        d = place.family.derivatives(_many(y, eta.shape[1]), eta, place.phi, place.trials)
        bends = np.moveaxis(d.eta_eta, -1, 0)[d.value > SMALLEST]
        if not len(bends):
            continue
        highest = np.linalg.eigvalsh(bends).max()
        assert highest <= 1e-12 * np.abs(bends).max(initial=1.0), (
            f"log p of y = {y} has the curvature {highest:.3g}"
        )


def arrays_broadcast(place: Place) -> None:
    """Every element of an array is what it is alone; y, eta, phi and trials broadcast."""
    y, eta = place.responses, place.eta[:, :4]
    rows, columns = _pairs(y, eta)
    phi = tuple(np.full(columns.shape[1], one) for one in place.phi)
    trials = None if place.trials is None else np.full(columns.shape[1], place.trials)
    together = _flat(place.family.derivatives(rows, columns, phi, trials))
    for part in together:
        assert np.shape(part) == columns.shape[1:], f"a part has the shape {np.shape(part)}"
    for k in range(columns.shape[1]):
        alone = place.family.derivatives(rows[..., [k]], columns[:, [k]], place.phi, place.trials)
        for part, one in zip(together, _flat(alone), strict=True):
            assert_array_equal(part[k], one[0], "an element is another alone")
    if place.family.n_levels:
        return
    crossed = place.family.derivatives(y[:, None], eta[:, None], place.phi, place.trials)
    for part, one in zip(together, _flat(crossed), strict=True):
        assert_array_equal(part.reshape(len(y), -1), one, "responses do not broadcast")


def _flat(d: Derivatives) -> list[Array]:
    """Return the value and the derivatives in every channel and dispersion, one after another."""
    pairs = (*d.eta_eta, *d.eta_phi, *d.phi_phi)
    return [d.value, *d.eta, *d.phi, *(one for row in pairs for one in row)]


def starts_lie_inside(place: Place) -> None:
    """Solvers start at dispersions inside their range, where responses have a density."""
    family, phi = place.family, []
    for name, own in zip(family.dispersion_names, family.dispersions, strict=True):
        start, (low, high) = np.ravel(own.start(place.responses)), family.words.range_of(name)
        inside = np.all((start > low) & (start < high))
        assert inside, f"{name} starts at {start}, outside ({low:g}, {high:g})"
        phi += list(start)
    value = _over(Place(family, tuple(phi)), place.responses, place.eta)
    assert np.isfinite(value).all(), "where solvers start a response has no density"


def responses_push_where_it_says(place: Place) -> None:
    """A response that pushes eta to an end has a density that never falls towards it."""
    if place.family.push is None:
        return
    y, u = place.responses, np.linspace(-8.0, 5.0, 53)
    push = place.family.push(y, place.trials)
    value = _over(place, y, place.over_channels(u))
    for row, side in zip(value, push, strict=True):
        if side in (-1.0, 1.0):
            rounding = 1e-12 * np.abs(row).max()
            assert np.all(side * np.diff(row) >= -rounding), f"log p falls towards {side:+.0f}"


def no_density_is_nan(place: Place) -> None:
    """Far out a log density is a number, or minus infinity."""
    if len(place.family.channels) > 1:
        return
    eta = place.over_channels(FAR_OUT)
    with np.errstate(all="ignore"):
        value = _over(place, place.responses, eta)
    bad = np.isnan(value) | np.isposinf(value)
    where = np.argwhere(bad)[:1]
    assert not bad.any(), f"log p is no number at (response, eta) = {where.tolist()} of {eta[0]}"


def sums_are_those_of_the_kernel(place: Place) -> None:
    """What adds up kernels in fewer passes gives their sum."""
    n = place.eta.shape[1]
    y = np.take(place.responses, np.arange(n), axis=-1, mode="wrap")
    weights: Array = 0.5 + np.arange(n) % 3
    trials = None if place.trials is None else np.full(n, place.trials)
    for w in (None, weights):
        kernel = place.family.kernel(y, place.eta, place.phi, trials, 0).value
        total = kernel.sum() if w is None else kernel @ w
        eta = place.eta[:, None].copy()
        found = place.family.summed(y, eta, place.phi, trials, w)
        assert_allclose(found, total, rtol=1e-12, atol=1e-12)


# What `check_family` asks of every record, in this order.
CHECKS: tuple[Callable[[Place], None], ...] = (
    draws_are_responses,
    the_density_adds_up_to_one,
    derivatives_are_those_of_differences,
    the_cdf_adds_up_the_density,
    the_saturated_density_is_the_largest,
    deviances_go_with_powers_of_dispersions,
    log_concave_is_what_it_says,
    arrays_broadcast,
    starts_lie_inside,
    responses_push_where_it_says,
    no_density_is_nan,
    sums_are_those_of_the_kernel,
)
