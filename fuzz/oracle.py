"""How far a MAP estimate is from its optimum, told by code that shares nothing with the package.

Columns are laid out from the data by hand, log posteriors are written from their definitions with
120 digits, and their slopes and curvatures taken by differences that so many digits make exact. The
columns of terms and the densities of families and priors are those of the tables in `tests`.
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
from tests.priors import EXAMPLES, exact_terms
from tests.terms import columns_of

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
        block, seen = columns_of(term, data, model.response)
        parts.append(block)
        owners += [term.label] * block.shape[1]
        complete &= seen
    kept = complete if model.edges == "drop" else np.ones(n, dtype=bool)
    return np.hstack(parts) if parts else np.zeros((n, 0)), kept, owners


def _gap(model: bg.GLM, data: dict[str, Any], estimate: Any) -> Gap:
    X, kept, owners = columns(model, data)
    weights = np.ones(len(X)) if model.weights is None else np.asarray(data[model.weights], float)
    rows = np.flatnonzero(kept & (weights > 0))
    w = [mp.mpf(float(v)) for name in dict.fromkeys(owners) for v in np.ravel(estimate[name])]
    names = FAMILY_NAMES[model.family].dispersions
    phi = [mp.mpf(float(estimate[one])) if one in estimate else _fixed(model, one) for one in names]
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
            worst = max(worst, _gap_of_dispersion(model, name, sums, phi, k))
    return Gap(float(worst), float(rounding))


def _fixed(model: bg.GLM, name: str) -> Any:
    stated = model.dispersion_of(name)
    return mp.mpf(stated) if isinstance(stated, float) else mp.mpf(1)


def _density(model: bg.GLM) -> Callable:
    """Return log p(y | eta, phi) of some trials, but for what no parameter moves."""
    kernel, mean = LOG_DENSITIES[model.family].kernel, LINKS[model.link_name]
    return lambda eta, y, phi, trials: mp.fsum(kernel(mean(eta), y, phi, trials))


def _gap_of_dispersion(model: bg.GLM, name: str, sums: list, phi: list, k: int) -> Any:
    density, stated = _density(model), model.dispersion_of(name)
    kind = type(stated).__name__
    numbers = {key: getattr(stated, key) for key in EXAMPLES[kind].numbers}

    def value(s: Any) -> Any:
        at = [*phi[:k], s, *phi[k + 1 :]]
        rows = (weight * density(eta, y, at, trials) for weight, eta, y, trials in sums)
        return mp.fsum(rows) + _log_prior(kind, s, numbers)

    step = STEP * phi[k]
    at = [value(phi[k] + side * step) for side in (-1, 0, 1)]
    slope, bend = (at[2] - at[0]) / (2 * step), -(at[2] - 2 * at[1] + at[0]) / step**2
    if bend <= 0:
        return mp.inf
    return abs(slope) / mp.sqrt(bend)


def _add_priors(
    model: bg.GLM, owners: list[str], w: list, slope: list, bend: list
) -> list[tuple[Any, Any]]:
    """Add the priors' slopes and curvatures in place; return each kink and the distance to it."""
    priors = {term.label: term.prior for term in model.terms}
    priors["intercept"] = model.intercept
    kinks = [(mp.mpf(0), mp.mpf(0))] * len(w)
    for name in dict.fromkeys(owners):
        places = [j for j, owner in enumerate(owners) if owner == name]
        prior, kind = priors[name], type(priors[name]).__name__
        if isinstance(prior, bg.RandomWalk):
            _add_walk(prior, places, w, slope, bend)
            continue
        if isinstance(prior, bg.GroupLasso):
            _add_group(prior, places, w, slope, bend, kinks)
            continue
        numbers = {key: getattr(prior, key) for key in EXAMPLES[kind].numbers}
        each = {key: np.broadcast_to(np.ravel(v), len(places)) for key, v in numbers.items()}
        for k, j in enumerate(places):
            own = {key: mp.mpf(float(values[k])) for key, values in each.items()}
            first, second, kinks[j] = _slopes(kind, w[j], own)
            slope[j] += first
            bend[j] -= second
            if isinstance(prior, (bg.HalfNormal, bg.Exponential)) and w[j] == 0:
                # At a bound no slope that leads below it counts.
                kinks[j] = (max(-slope[j], mp.mpf(0)), mp.mpf(0))
    return kinks


def _log_prior(kind: str, x: Any, numbers: dict[str, Any]) -> Any:
    return mp.fsum(exact_terms(kind, x, **numbers))


def _slopes(kind: str, x: Any, numbers: dict[str, Any]) -> tuple[Any, Any, tuple[Any, Any]]:
    """Return slope and curvature beside the kink, and its weight with the distance to it."""
    d, step = x - numbers.get("loc", 0), STEP * numbers.get("scale", 1)
    weight = EXAMPLES[kind].kink
    kink = mp.mpf(0) if weight is None else weight(**numbers)
    low, here, high = (
        _log_prior(kind, x + k * step, numbers) + kink * abs(d + k * step) for k in (-1, 0, 1)
    )
    return (high - low) / (2 * step), (high - 2 * here + low) / step**2, (kink, d)


def _add_group(
    prior: Any, places: list[int], w: list, slope: list, bend: list, kinks: list
) -> None:
    """Add those of a whole term's length; at zero its slopes together are held by the weight."""
    weight = mp.sqrt(len(places)) / mp.mpf(prior.scale)
    length = mp.sqrt(mp.fsum(w[j] ** 2 for j in places))
    together = mp.sqrt(mp.fsum(slope[j] ** 2 for j in places))
    for j in places:
        if length:
            slope[j] -= weight * w[j] / length
            bend[j] += weight / length * (1 - (w[j] / length) ** 2)
        elif together:
            kinks[j] = (weight * abs(slope[j]) / together, mp.mpf(0))


def _add_walk(prior: Any, places: list[int], w: list, slope: list, bend: list) -> None:
    D = np.diff(np.eye(len(places)), prior.order, axis=0)
    Q, s = D.T @ D, mp.mpf(prior.scale)
    for a, j in enumerate(places):
        pull = mp.fsum(mp.mpf(float(Q[a, b])) * w[k] for b, k in enumerate(places))
        slope[j] -= pull / s**2
        bend[j] += mp.mpf(float(Q[a, a])) / s**2
