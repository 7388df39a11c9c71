"""The work: simulated data, and the one objective that every solver is judged by.

Objectives are penalised negative log-likelihoods, summed over samples, with the constants of the
likelihood (log y!, log 2 pi) and without those of the prior.
"""

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, gammaln

type Array = NDArray[np.float64]

# Chosen once and never looked at again; every case draws from it.
SEED = 20_240_229
FAMILIES = ("gaussian", "bernoulli", "poisson")
COLUMNS = 8  # of tables with categories
MOST_TRIALS = 34
PAST = 20  # lags of the responses of a coupled population
TINY = 60  # rows of levels and of decoders on which solvers warm up
ALPHA = 2.0  # of negative binomial counts, whose variance is mu + mu^2 / alpha


@dataclass(frozen=True)
class Spec:
    """What to simulate; `make` gives the same `Work` for it in every process.

    - `kind`: "dense" (ridge), "path" (lasso), "wide" (lasso, no intercept), "population" (ridge),
      "field" (ridge, smooth), "lags" (ridge), "groups" (an intercept for each
      group), "dispersed" (no penalty, and alpha is to be found too), "levels" (no penalty;
      labels, or an order), "columns" (ridge; 8 in all, those beyond the features categories),
      "coupled" (ridge; a stimulus's past, and that of all neurons),
      "mixed" (effects of levels of one or more groupings), "nested" (each grouping inside the
      next), "slopes" (of the one grouping, that vary with the one feature), "decoder" (ridge; more
      columns than rows) or "constant" (no columns, for those that find no coefficients).
    - `n`, `p`: samples and features; for "field" p is the side of the square stimulus, for "lags"
      and "coupled" how many of the stimulus there are.
    - `many`: penalties of a path, neurons of a population, lags of a field or of the history,
      groups, levels of the response or of each category.
    - `penalty`: "ridge", "lasso" or "smooth".
    - `lam`: its strength, of "wide" and "decoder".
    - `levels`: how many each grouping has, of "mixed", "nested" and "slopes".
    - `functions`: of lag, in which the past of a coupled population is read; 0 for each lag alone.
    """

    kind: str
    family: str
    n: int
    p: int
    many: int = 1
    penalty: str = "ridge"
    lam: float = 1.0
    levels: tuple[int, ...] = ()
    functions: int = 0


class Work(NamedTuple):
    """Simulated data.

    - `X`: (n, p); the movie (n, p, p) of a field; the stimulus (n,) of lags. C-ordered float64.
    - `y`: (n,); (n, neurons) of a population. float64.
    - `lam`: strength of the penalty on the sum of log-likelihoods, (1,); (many,) of a path.
    - `groups`: the group of each sample, (n,), from 0 to many - 1; (n, categories) of columns,
      (n, groupings) where there are several kinds of levels.
    - `trials`: (n,), of binomial responses.
    """

    spec: Spec
    X: Array
    y: Array
    lam: Array
    groups: NDArray[np.intp] | None = None
    trials: Array | None = None


class Drawn(NamedTuple):
    """What a sampler drew.

    - `draws`: (chain, draw, scalars): intercept, coefficients, and of groups the scale and effects;
      of kinds with `levels` as `peers.mixed.read_tree` puts them.
    - `importance_ess`: what the sampler tells of its own weights, where it has any.
    - `seconds`: as in `Found`.
    """

    draws: Array
    importance_ess: float | None = None
    seconds: float | None = None


class Scored(NamedTuple):
    """What leave-one-out cross-validation gave: the elpd of every sample, (n,), and of all.

    `error`: of `elpd`, where few samples stand for all.
    """

    elpd_i: Array
    elpd: float
    error: float = 0.0
    seconds: float | None = None


class Found(NamedTuple):
    """What a solver found, in the shapes of `Work`.

    - `intercept`: (1,); (many,) of a path or a population; (many - 1,) of levels, those against
      the first, or cutpoints.
    - `coef`: (1, p), of columns with those of each category's levels but the first behind them;
      (many, p) of a path or a population, (many - 1, p) of labels; (1, lags, side, side) of a
      field; of lags (1, p + many), those of the stimulus from lag 0 on and of the history from
      lag 1 on; of a coupled population (neurons, p + neurons x functions), those of the past source
      by source, a neuron's own among them.
    - `seconds`: the time that the solver took by its own clock, where ours would count more.
    - `alpha`: of negative binomial counts, where that is not known.
    """

    intercept: Array
    coef: Array
    seconds: float | None = None
    alpha: float = ALPHA


def make(spec: Spec) -> Work:
    """Simulate the data of a spec."""
    rng = np.random.default_rng(SEED)
    kinds = {"dense": _dense, "path": _path, "wide": _wide, "population": _dense}
    kinds |= {
        "field": _field,
        "groups": _groups,
        "lags": _lags,
        "dispersed": _dense,
        "levels": _levels,
        "columns": _columns,
        "mixed": _mixed,
        "nested": _mixed,
        "slopes": _mixed,
        "decoder": _decoder,
        "constant": _dense,
        "coupled": _coupled,
    }
    return kinds[spec.kind](spec, rng)


def tiny(spec: Spec) -> Spec:
    """Return the small spec of the same kind on which solvers warm up."""
    if spec.levels or spec.kind == "decoder":
        share = min(1.0, TINY / spec.n)
        levels = tuple(max(3, round(share * many)) for many in spec.levels)
        p = max(1, round(share * spec.p)) if spec.kind == "decoder" else spec.p
        return replace(spec, n=round(share * spec.n), p=p, levels=levels)
    if spec.kind == "coupled":
        return replace(spec, n=300, many=3)
    side = 3 if spec.kind == "field" else 4
    many = 1 if spec.kind in ("dense", "wide", "dispersed") else 3
    return Spec(spec.kind, spec.family, 300, side, many, spec.penalty)


def objective(work: Work, found: Found) -> Array:
    """Return the objective: of every value of a path (many,), else in all (1,)."""
    spec = work.spec
    coef, intercept = np.asarray(found.coef), np.asarray(found.intercept)
    if spec.kind == "field":
        eta, y = _field_eta(work.X, coef[0]) + intercept[0], work.y[spec.many - 1 :]
        return work.lam * _quadratic(coef[0], spec.penalty) + _loss(spec.family, y, eta)
    if spec.kind == "lags":
        first = max(spec.p - 1, spec.many)
        eta, y = _lags_eta(work, coef[0])[first:] + intercept[0], work.y[first:]
        return work.lam * np.sum(coef**2) / 2 + _loss(spec.family, y, eta)
    if spec.kind == "coupled":
        X, y = coupled_design(work)
        loss = _loss(spec.family, y, X @ coef.T + intercept)
        return work.lam * np.sum(coef**2) / 2 + loss
    if spec.kind == "levels":
        return np.array([_levels_loss(work, intercept, coef)])
    eta = work.X @ coef.T[: work.X.shape[1]] + intercept
    if spec.kind == "columns":
        eta += _of_categories(work, coef[0])
    if spec.kind in ("path", "wide"):
        losses = [_loss(spec.family, work.y, column) for column in eta.T]
        return np.array(losses) + work.lam * np.abs(coef).sum(axis=1)
    y = work.y.reshape(eta.shape)
    return np.array([_loss(spec.family, y, eta, found.alpha)]) + work.lam * np.sum(coef**2) / 2


def _loss(family: str, y: Array, eta: Array, alpha: float = ALPHA) -> float:
    if family == "gaussian":
        return float(np.sum((y - eta) ** 2) / 2 + y.size * np.log(2 * np.pi) / 2)
    with np.errstate(over="ignore"):
        if family == "bernoulli":
            return float(np.sum(np.logaddexp(0, eta) - y * eta))
        if family == "negative_binomial":
            chosen = gammaln(y + alpha) - gammaln(alpha) - gammaln(y + 1)
            logs = y * (eta - np.log(alpha)) - (y + alpha) * np.log1p(np.exp(eta) / alpha)
            return float(-np.sum(chosen + logs))
        return float(np.sum(np.exp(eta) - y * eta + gammaln(y + 1)))


def _levels_loss(work: Work, intercept: Array, coef: Array) -> float:
    y, every = work.y.astype(int), np.arange(work.spec.n)
    eta = work.X @ coef.T
    if work.spec.family == "categorical":
        eta = np.column_stack([np.zeros(len(eta)), eta + intercept])
        return float(np.sum(np.logaddexp.reduce(eta, axis=1) - eta[every, y]))
    ends = np.concatenate([[-np.inf], intercept, [np.inf]])
    upper, lower = ends[y + 1] - eta[:, 0], ends[y] - eta[:, 0]
    return float(-np.sum(np.log(expit(upper) - expit(lower))))


def _quadratic(coef: Array, penalty: str) -> float:
    """Return sum(w**2) / 2, or the same of all first differences along every dim."""
    if penalty == "ridge":
        return float(np.sum(coef**2) / 2)
    return float(sum(np.sum(np.diff(coef, axis=axis) ** 2) for axis in range(coef.ndim)) / 2)


def _respond(rng: np.random.Generator, family: str, eta: Array) -> Array:
    if family == "gaussian":
        return eta + rng.normal(size=eta.shape)
    if family == "bernoulli":
        return (rng.random(eta.shape) < 1 / (1 + np.exp(-eta))).astype(float)
    mu = np.exp(eta)
    if family == "negative_binomial":
        mu = mu / ALPHA * rng.standard_gamma(ALPHA, size=eta.shape)
    return rng.poisson(mu).astype(float)


def _dense(spec: Spec, rng: np.random.Generator) -> Work:
    X = rng.normal(size=(spec.n, spec.p))
    w = 0.3 / np.sqrt(spec.p / 20) * rng.normal(size=(spec.p, spec.many))
    y = _respond(rng, spec.family, X @ w - 0.5)
    lam = np.zeros(1) if spec.kind == "dispersed" else np.ones(1)
    return Work(spec, X, y if spec.kind == "population" else y[:, 0], lam)


def _levels(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate labels by the largest of utilities, or an order by cutpoints from -2 to 2."""
    X = rng.normal(size=(spec.n, spec.p))
    if spec.family == "categorical":
        w = 0.3 * rng.normal(size=(spec.p, spec.many))
        y = (X @ w + rng.gumbel(size=(spec.n, spec.many))).argmax(axis=1)
    else:
        eta = X @ (0.3 * rng.normal(size=spec.p)) + rng.logistic(size=spec.n)
        y = np.digitize(eta, np.linspace(-2.0, 2.0, spec.many - 1))
    return Work(spec, X, y.astype(float), np.zeros(1))


def _groups(spec: Spec, rng: np.random.Generator) -> Work:
    X = rng.normal(size=(spec.n, spec.p))
    w, effects = 0.3 * rng.normal(size=spec.p), 0.5 * rng.normal(size=spec.many)
    groups = rng.integers(0, spec.many, spec.n)
    y = _respond(rng, spec.family, X @ w + effects[groups] - 0.5)
    return Work(spec, X, y, np.ones(1), groups)


def _mixed(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate effects of levels with standard deviation 0.5, the slopes' 0.2.

    Levels have as many rows each where that divides evenly; else they are drawn, none left out.
    """
    X = rng.normal(size=(spec.n, spec.p))
    if spec.kind == "slopes":
        X = np.tile(np.arange(spec.n // spec.levels[0], dtype=float), spec.levels[0])[:, None]
    groups = np.empty((spec.n, len(spec.levels)), dtype=np.intp)
    eta, inside = 0.5 + X @ (0.3 * rng.normal(size=spec.p)), np.arange(spec.n)
    for k, many in enumerate(spec.levels):
        # Of nested groupings each level of the one before lies in one of these.
        holder = _levels_of(len(np.unique(inside)), many, rng)
        groups[:, k] = holder[inside]
        eta += 0.5 * rng.normal(size=many)[groups[:, k]]
        inside = groups[:, k] if spec.kind == "nested" else np.arange(spec.n)
    if spec.kind == "slopes":
        eta += 0.2 * rng.normal(size=spec.levels[0])[groups[:, 0]] * X[:, 0]
    if spec.family != "binomial":
        return Work(spec, X, _respond(rng, spec.family, eta), np.ones(1), groups)
    trials = rng.integers(2, MOST_TRIALS + 1, spec.n)
    y = rng.binomial(trials, expit(eta - 2.0)).astype(float)
    return Work(spec, X, y, np.ones(1), groups, trials.astype(float))


def _levels_of(n: int, many: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return which of many levels each of n has, every level at least once."""
    if n % many == 0:
        return np.repeat(np.arange(many), n // many)
    return rng.permutation(np.concatenate([np.arange(many), rng.integers(0, many, n - many)]))


def _decoder(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate labels that all columns tell of, eta of standard deviation 3."""
    X = rng.normal(size=(spec.n, spec.p))
    eta = X @ (3.0 / np.sqrt(spec.p) * rng.normal(size=spec.p))
    return Work(spec, X, _respond(rng, spec.family, eta), np.array([spec.lam]))


def _columns(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate columns of numbers, and of categories with effects of standard deviation 0.5."""
    X = rng.normal(size=(spec.n, spec.p))
    w, effects = 0.3 * rng.normal(size=spec.p), 0.5 * rng.normal(size=(COLUMNS - spec.p, spec.many))
    codes = rng.integers(0, spec.many, (spec.n, len(effects)))
    eta = X @ w + effects[np.arange(len(effects)), codes].sum(axis=1) - 0.5
    return Work(spec, X, _respond(rng, spec.family, eta), np.ones(1), codes)


def _of_categories(work: Work, coef: Array) -> Array:
    """Return what the categories add to eta, (n, 1): nothing at their first levels."""
    assert work.groups is not None
    effects = coef[work.X.shape[1] :].reshape(work.groups.shape[1], -1)
    effects = np.column_stack([np.zeros(len(effects)), effects])
    return effects[np.arange(len(effects)), work.groups].sum(axis=1, keepdims=True)


def _path(spec: Spec, rng: np.random.Generator) -> Work:
    X = rng.normal(size=(spec.n, spec.p))
    y = _respond(rng, spec.family, X @ _sparse(spec, rng) - 0.5)
    # Above this all coefficients are zero, and every mean is that of y.
    largest = np.max(np.abs(X.T @ (y - y.mean())))
    return Work(spec, X, y, largest * np.logspace(0, -3, spec.many))


def _wide(spec: Spec, rng: np.random.Generator) -> Work:
    X = rng.normal(size=(spec.n, spec.p))
    y = _respond(rng, spec.family, X @ _sparse(spec, rng))
    return Work(spec, X, y, np.array([spec.lam]))


def _sparse(spec: Spec, rng: np.random.Generator) -> Array:
    """Return coefficients of norm 1, of which a tenth are not zero."""
    w = np.zeros(spec.p)
    non_zero = rng.choice(spec.p, size=max(1, spec.p // 10), replace=False)
    w[non_zero] = rng.normal(size=non_zero.size)
    return w / np.linalg.norm(w)


def _field(spec: Spec, rng: np.random.Generator) -> Work:
    movie = rng.normal(size=(spec.n, spec.p, spec.p))
    w = _receptive_field(spec.many, spec.p)
    eta = np.full(spec.n, np.log(0.2) - np.sum(w**2) / 2)
    eta[spec.many - 1 :] += _field_eta(movie, w)
    y = _respond(rng, spec.family, eta)
    # The penalty under which w is as large as its prior expects: E[w'Qw] = size / lam.
    lam = float(f"{w.size / (2 * _quadratic(w, spec.penalty)):.1e}")
    return Work(spec, movie, y, np.array([lam]))


def _lags(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate spikes driven by a stimulus's past, and held down by their own for about 8 bins."""
    stimulus, uniform = rng.normal(size=spec.n), rng.random(spec.n)
    lags = np.arange(spec.p)
    kernel = 0.3 * np.exp(-lags / 8) * np.sin(lags / 4 + 0.5)
    drive = np.convolve(stimulus, kernel)[: spec.n] - 2.5
    y, past, fade = np.empty(spec.n), 0.0, float(np.exp(-1 / 8))
    for t, eta in enumerate(drive.tolist()):
        rate = math.exp(eta - 0.5 * past)
        count, share = 0, math.exp(-rate)  # the Poisson count at a place of its distribution
        below = share
        while uniform[t] > below and count < 20:
            count += 1
            share *= rate / count
            below += share
        y[t] = count
        past = fade * (past + count)
    return Work(spec, stimulus, y, np.ones(1))


def _lags_eta(work: Work, coef: Array) -> Array:
    """Return what the lags add to eta, with zeros before the start."""
    n, p = work.spec.n, work.spec.p
    history = np.concatenate(([0.0], coef[p:]))
    return np.convolve(work.X, coef[:p])[:n] + np.convolve(work.y, history)[:n]


def _coupled(spec: Spec, rng: np.random.Generator) -> Work:
    """Simulate neurons held down by their own spikes, of which each hears one in ten others."""
    stimulus, uniform = rng.normal(size=spec.n), rng.random((spec.n, spec.many))
    lags = np.arange(max(spec.p, 1))
    kernel = 0.3 * np.exp(-lags / 8) * np.sin(lags / 4 + 0.5) * (spec.p > 0)
    drive = np.convolve(stimulus, kernel)[: spec.n] - 3.5
    gain = rng.normal(scale=0.3, size=(spec.many, spec.many)) * (
        rng.random((spec.many, spec.many)) < max(0.1, 1 / spec.many)
    )
    np.fill_diagonal(gain, -1.0)
    y, past, fade = np.empty((spec.n, spec.many)), np.zeros(spec.many), float(np.exp(-1 / 4))
    for t in range(spec.n):
        rate = np.exp(np.minimum(drive[t] + gain @ past, 1.0))
        share = np.exp(-rate)  # the Poisson counts at places of their distributions, up to 2
        ends = np.cumsum([share, share * rate], axis=0)
        y[t] = (uniform[t] > ends).sum(axis=0)
        past = fade * (past + y[t])
    return Work(spec, stimulus, y, np.ones(1))


def lag_functions(many: int) -> Array:
    """Return raised cosines along lags 1 to PAST, (PAST, many): neighbours overlap by half."""
    at = np.arange(PAST)[:, None]
    gap = (PAST - 1) / (many + 1)
    phase = np.clip((at - gap * (1 + np.arange(many))) / (2 * gap) * np.pi, -np.pi, np.pi)
    return (1 + np.cos(phase)) / 2


def coupled_design(work: Work) -> tuple[Array, Array]:
    """Return columns of the samples with a full past, (rows, p + neurons x functions), and counts.

    The stimulus's come first, then each neuron's past, from lag 1 on.
    """
    spec, first = work.spec, max(work.spec.p - 1, PAST)
    rows = spec.n - first
    F = lag_functions(spec.functions) if spec.functions else np.eye(PAST)
    X = np.empty((rows, spec.p + spec.many * F.shape[1]))
    for lag in range(spec.p):
        X[:, lag] = work.X[first - lag : spec.n - lag]
    past = np.stack([work.y[first - lag : spec.n - lag] for lag in range(1, PAST + 1)], axis=2)
    X[:, spec.p :] = (past @ F).reshape(rows, -1)
    return X, work.y[first:]


def _receptive_field(lags: int, side: int) -> Array:
    """Return a Gaussian blob times a biphasic kernel, (lags, side, side), of norm 0.7."""
    place = (np.arange(side) - (side - 1) / 2) / (side / 8)
    blob = np.exp(-(place[:, None] ** 2 + place**2) / 2)
    late = np.arange(lags) / (lags / 5)
    kernel = late * np.exp(-late) - 0.5 * late**2 * np.exp(-late) / 2
    w = kernel[:, None, None] * blob
    return 0.7 * w / np.linalg.norm(w)


def _field_eta(movie: Array, w: Array) -> Array:
    """Return the sum over lags of the movie's past frames times w, where the past is full."""
    lags, rows = w.shape[0], movie.shape[0] - w.shape[0] + 1
    frames = movie.reshape(movie.shape[0], -1)
    past = frames @ w.reshape(lags, -1).T
    return sum(past[lags - 1 - lag : lags - 1 - lag + rows, lag] for lag in range(lags))
