"""How far a MAP estimate is from its optimum, told by code that shares nothing with the package.

Columns are laid out from the data by hand, log posteriors are written from their definitions with
120 digits (those of families in `tests.families`, as addends), and their slopes and curvatures
taken by differences that so many digits make exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath as mp
import numpy as np

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES
from tests.families import LINKS, LOG_DENSITIES

DIGITS = 120
STEP = mp.mpf(10) ** -25
EPSILON = float(np.finfo(float).eps)


@dataclass(frozen=True)
class Gap:
    """The distance of an estimate from its optimum.

    ``residual`` is the largest |slope| sd of a coordinate, sd being its curvature^-1/2 and slope
    the distance to the superdifferential; ``rounding`` is how much of that the rounding of the
    estimate and of its linear predictors to floats can make up.
    """

    residual: float
    rounding: float


def gap(model: bg.GLM, data: dict[str, Any], estimate: Any) -> Gap:
    """Return the distance of one neuron's estimate, a mapping of names to arrays, from optimal."""
    with mp.workdps(DIGITS):
        return _gap(model, data, estimate)


def columns(model: bg.GLM, data: dict[str, Any]) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return the design ``(n, p)``, which rows see a full past, and the term of each column."""
    n = len(data[model.response])
    parts, owners = [], []
    complete = np.ones(n, dtype=bool)
    if model.intercept is not None:
        parts.append(np.ones((n, 1)))
        owners.append("intercept")
    for term in model.terms:
        block, seen = LAYOUTS[type(term).__name__](term, data, model.response)
        parts.append(block)
        owners += [term.label] * block.shape[1]
        complete &= seen
    kept = complete if model.edges == "drop" else np.ones(n, dtype=bool)
    return np.hstack(parts) if parts else np.zeros((n, 0)), kept, owners


def _linear(term: Any, data: dict[str, Any], response: str) -> tuple[np.ndarray, np.ndarray]:
    names = term.variable if isinstance(term.variable, tuple) else (term.variable,)
    block = np.hstack([_flat(data[name]) for name in names])
    return block, np.ones(len(block), dtype=bool)


def _lagged(term: Any, data: dict[str, Any], response: str) -> tuple[np.ndarray, np.ndarray]:
    first, stop = term.lags if isinstance(term.lags, tuple) else (0, term.lags)
    return _shifted(_flat(data[term.variable]), range(first, stop))


def _history(term: Any, data: dict[str, Any], response: str) -> tuple[np.ndarray, np.ndarray]:
    return _shifted(_flat(data[response]), range(1, term.lags + 1))


def _group(term: Any, data: dict[str, Any], response: str) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(data[term.factor])
    member = (labels[:, None] == np.unique(labels)).astype(float)
    effects = [np.ones(len(labels)), *(np.asarray(data[name], float) for name in term.slopes)]
    return np.hstack([member * one[:, None] for one in effects]), np.ones(len(labels), dtype=bool)


LAYOUTS: dict[str, Callable] = {
    "Linear": _linear,
    "Lagged": _lagged,
    "History": _history,
    "Group": _group,
}


def _flat(values: Any) -> np.ndarray:
    array = np.asarray(values, dtype=float)
    return array.reshape(len(array), -1)


def _shifted(signal: np.ndarray, lags: range) -> tuple[np.ndarray, np.ndarray]:
    n = len(signal)
    block, seen = np.zeros((n, len(lags) * signal.shape[1])), np.ones(n, dtype=bool)
    for t in range(n):
        past = [signal[t - k] if 0 <= t - k < n else np.zeros(signal.shape[1]) for k in lags]
        block[t] = np.concatenate(past)
        seen[t] = all(0 <= t - k < n for k in lags)
    return block, seen


def _gap(model: bg.GLM, data: dict[str, Any], estimate: Any) -> Gap:
    X, kept, owners = columns(model, data)
    weights = np.ones(len(X)) if model.weights is None else np.asarray(data[model.weights], float)
    rows = np.flatnonzero(kept & (weights > 0))
    w = [mp.mpf(float(v)) for name in dict.fromkeys(owners) for v in np.ravel(estimate[name])]
    names = FAMILY_NAMES[model.family].dispersions
    phi = [mp.mpf(float(estimate[one])) if one in estimate else _fixed(model) for one in names]
    density = _density(model)
    p = len(w)
    slope, bend, error = [[mp.mpf(0)] * p for _ in range(3)]
    sums = []
    for i in rows:
        x = [mp.mpf(float(v)) for v in X[i]]
        y = mp.mpf(float(np.asarray(data[model.response])[i]))
        trials = mp.mpf(float(data[model.trials][i])) if model.trials else mp.mpf(1)
        offset = mp.mpf(float(data[model.offset][i])) if model.offset else mp.mpf(0)
        products = [a * b for a, b in zip(x, w, strict=True)]
        eta, weight = mp.fsum(products) + offset, mp.mpf(float(weights[i]))
        reach = mp.fsum(map(abs, products)) + abs(offset)
        step = STEP * (max(1, abs(y), abs(eta)) if model.link_name == "identity" else 1)
        at = [density(eta + k * step, y, phi, trials) for k in (-1, 0, 1)]
        first = weight * (at[2] - at[0]) / (2 * step)
        second = weight * (at[2] - 2 * at[1] + at[0]) / step**2
        sums.append((weight, eta, y, trials))
        for j in range(p):
            slope[j] += first * x[j]
            bend[j] -= second * x[j] ** 2
            error[j] += abs(x[j]) * (abs(first) + abs(second) * reach)
    kinks = _add_priors(model, owners, w, slope, bend)
    worst, rounding = mp.mpf(0), mp.mpf(0)
    for j in range(p):
        pull = abs(slope[j] - kinks[j][0] * mp.sign(kinks[j][1]))
        if kinks[j][0] and kinks[j][1] == 0:
            pull = max(abs(slope[j]) - kinks[j][0], mp.mpf(0))
        if not pull:
            continue
        unit = mp.sqrt(bend[j]) if bend[j] > 0 else mp.mpf(0)
        # A kinked column without curvature has no unit but its kink.
        unit = max(unit, kinks[j][0] * mp.mpf(10) ** -6)
        worst = max(worst, pull / unit if unit else mp.inf)
        if unit:
            own = error[j] + abs(kinks[j][0]) + bend[j] * abs(w[j])
            rounding = max(rounding, 8 * EPSILON * own / unit)
    for k, name in enumerate(names):
        if name in estimate:
            worst = max(worst, _gap_of_dispersion(model, sums, phi, k))
    return Gap(float(worst), float(rounding))


def _fixed(model: bg.GLM) -> Any:
    return mp.mpf(model.dispersion) if isinstance(model.dispersion, float) else mp.mpf(1)


def _density(model: bg.GLM) -> Callable:
    """Return log p(y | eta, phi) of some trials, but for what no parameter moves."""
    kernel, mean = LOG_DENSITIES[model.family].kernel, LINKS[model.link_name]
    return lambda eta, y, phi, trials: mp.fsum(kernel(mean(eta), y, phi, trials))


def _gap_of_dispersion(model: bg.GLM, sums: list, phi: list, k: int) -> Any:
    density = _density(model)

    def value(s: Any) -> Any:
        at = [*phi[:k], s, *phi[k + 1 :]]
        rows = (weight * density(eta, y, at, trials) for weight, eta, y, trials in sums)
        return mp.fsum(rows) + POSITIVE[type(model.dispersion).__name__](model.dispersion, s)

    step = STEP * phi[k]
    at = [value(phi[k] + side * step) for side in (-1, 0, 1)]
    slope, bend = (at[2] - at[0]) / (2 * step), -(at[2] - 2 * at[1] + at[0]) / step**2
    if bend <= 0:
        return mp.inf
    return abs(slope) / mp.sqrt(bend)


POSITIVE: dict[str, Callable] = {
    "Flat": lambda prior, s: 0,
    "HalfNormal": lambda prior, s: -((s / mp.mpf(prior.scale)) ** 2) / 2,
    "Exponential": lambda prior, s: -s / mp.mpf(prior.scale),
    "HalfStudentT": lambda prior, s: (
        -(mp.mpf(prior.df) + 1) / 2 * mp.log1p((s / mp.mpf(prior.scale)) ** 2 / mp.mpf(prior.df))
    ),
}


def _add_priors(
    model: bg.GLM, owners: list[str], w: list, slope: list, bend: list
) -> list[tuple[Any, Any]]:
    """Add the priors' slopes and curvatures in place; return each kink and the distance to it."""
    priors = {term.label: term.prior for term in model.terms}
    priors["intercept"] = model.intercept
    kinks = [(mp.mpf(0), mp.mpf(0))] * len(w)
    for name in dict.fromkeys(owners):
        places = [j for j, owner in enumerate(owners) if owner == name]
        prior = priors[name]
        if isinstance(prior, bg.RandomWalk):
            _add_walk(prior, places, w, slope, bend)
            continue
        scales, locs = (
            np.broadcast_to(np.ravel(getattr(prior, key, default)), len(places))
            for key, default in (("scale", 1.0), ("loc", 0.0))
        )
        for j, scale, loc in zip(places, scales, locs, strict=True):
            d, s = w[j] - mp.mpf(float(loc)), mp.mpf(float(scale))
            first, second, kink = SINGLE[type(prior).__name__](prior, d, s)
            slope[j] += first
            bend[j] -= second
            kinks[j] = (kink, d)
    return kinks


def _student(prior: Any, d: Any, s: Any) -> tuple:
    df = mp.mpf(prior.df)
    z = df * s**2 + d**2
    return -(df + 1) * d / z, -(df + 1) * (z - 2 * d**2) / z**2, mp.mpf(0)


SINGLE: dict[str, Callable] = {
    "Flat": lambda prior, d, s: (mp.mpf(0),) * 3,
    "Normal": lambda prior, d, s: (-d / s**2, -1 / s**2, mp.mpf(0)),
    "Laplace": lambda prior, d, s: (mp.mpf(0), mp.mpf(0), 1 / s),
    "ElasticNet": lambda prior, d, s: (
        -(1 - mp.mpf(prior.ratio)) * d / s**2,
        -(1 - mp.mpf(prior.ratio)) / s**2,
        mp.mpf(prior.ratio) / s,
    ),
    "StudentT": _student,
}


def _add_walk(prior: Any, places: list[int], w: list, slope: list, bend: list) -> None:
    D = np.diff(np.eye(len(places)), prior.order, axis=0)
    Q, s = D.T @ D, mp.mpf(prior.scale)
    for a, j in enumerate(places):
        pull = mp.fsum(mp.mpf(float(Q[a, b])) * w[k] for b, k in enumerate(places))
        slope[j] -= pull / s**2
        bend[j] += mp.mpf(float(Q[a, a])) / s**2
