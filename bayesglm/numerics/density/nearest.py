"""The coefficients of a linear predictor that bring a family's distributions nearest to given ones.

Of a family whose log density is linear in y once its dispersions phi are known, the expected log
density under a distribution of mean m is that at y = m (Goutis & Robert 1998, Biometrika 85:29).
So the member nearest to it in Kullback and Leibler's divergence, with eta = X w + offset, has

    w = argmax sum_i weight_i * averaged(m_i | eta_i, phi) - (w - c)' P (w - c) / 2

which is a fit to the means in place of responses. Many draws of (m, phi) share X and are fitted at
once, by Newton's steps; what rows leave free stays where the steps start.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.numerics.families.record import Family

Array = np.ndarray
# Numbers (draws times rows, 8 bytes each) that are fitted at a time, which stay in cache: measured,
# of 50,000 to 2,000,000 the last took 1.7 times as long, and the others within a fifth the same.
TOGETHER = 200_000
PAIRS = 4_000_000  # products of two columns (8 bytes each) that are held: chosen, 32 MB
NATS = 1e-10  # that a Newton step promises, below which it is the last: chosen
MOST_STEPS, MOST_HALVINGS = 100, 50  # until a fit is given up: chosen
SLOPE = 1e-4  # share of the promised rise that a step must keep (Armijo 1966): usual
NULL = 1e-12  # of the largest curvature, with all columns of one length: less is no direction


class Aim(NamedTuple):
    """Distributions of rows that are to be met: of a family, by their means and dispersions.

    ``mean`` is ``(draws, rows)``, each of ``phi`` ``(draws, 1)`` or ``(draws, rows)``; ``trials``
    and ``weights`` are ``(rows,)``, and so is ``offset``, or 0.
    """

    family: Family
    mean: Array
    phi: Sequence[Array]
    trials: Array | None
    weights: Array
    offset: Any

    def some(self, draws: Any) -> Aim:
        """Return that of some draws."""
        return self._replace(mean=self.mean[draws], phi=[one[draws] for one in self.phi])

    @property
    def has_one_gram(self) -> bool:
        """Whether all rows of a draw bend alike, so that least squares are the answer."""
        return self.family.quadratic and all(one.shape[1] == 1 for one in self.phi)

    @property
    def best(self) -> Array:
        """The largest expected log density ``(draws,)``: that of the distributions themselves."""
        return np.asarray(self.family.saturated(self.mean, self.phi, self.trials)) @ self.weights

    def value(self, eta: Array) -> Array:
        """Return the expected log density ``(draws,)`` at linear predictors ``(draws, rows)``."""
        return self._averaged(eta, 0).value @ self.weights

    def expanded(self, eta: Array) -> tuple[Array, Array, Array]:
        """Return that, its slopes, and minus its second derivatives ``(draws, rows)``."""
        d = self._averaged(eta, 2)
        return d.value @ self.weights, self.weights * d.eta[0], self.weights * -d.eta_eta[0, 0]

    def information(self, eta: Array) -> Array:
        """Return minus the second derivatives expected at eta itself, which are not negative."""
        own = self._replace(mean=self.family.mean(eta[None], self.phi, self.trials))
        return own.expanded(eta)[2]

    def _averaged(self, eta: Array, order: int) -> Any:
        assert self.family.averaged is not None
        with np.errstate(over="ignore", invalid="ignore"):
            return self.family.averaged(self.mean, eta[None], self.phi, self.trials, order)


class Held(NamedTuple):
    """Where coefficients are held, and how strongly: ``centre`` and ``precision (draws, p)``."""

    centre: Array
    precision: Array

    def some(self, draws: Any) -> Held:
        """Return that of some draws."""
        return Held(self.centre[draws], self.precision[draws])


class Nearest(NamedTuple):
    """Coefficients ``(draws, p)`` and how far what they say is away ``(draws,)``, in nats."""

    w: Array
    kl: Array


def nearest(X: Array, aim: Aim, start: Array, held: Held | None = None) -> Nearest:
    """Return the coefficients nearest to an aim, all draws of it, from ``start (draws, p)``.

    They may be ``held``: by c, and the diagonal of P. ConvergenceError where a fit does not come to
    an end.
    """
    if held is None and aim.has_one_gram:
        return _least_squares(X, aim, start)
    w, kl = np.empty_like(start), np.empty(len(start))
    step = max(1, TOGETHER // max(1, len(X)))
    columns = Columns(X)
    for first in range(0, len(start), step):
        part = slice(first, first + step)
        own = None if held is None else held.some(part)
        w[part], kl[part] = _ascent(columns, aim.some(part), start[part], own)
    return Nearest(w, kl)


def _least_squares(X: Array, aim: Aim, start: Array) -> Nearest:
    """Return the same where the log density is a quadratic that bends alike in all rows."""
    away = aim.mean - aim.offset - start @ X.T
    gram, right = X.T @ (aim.weights[:, None] * X), (aim.weights * away) @ X
    step = np.zeros_like(start)
    if X.shape[1]:
        many = np.broadcast_to(gram, (1, *gram.shape))
        step = solved(many, right.T[None])[0].T
    w = start + step
    return Nearest(w, np.maximum(aim.best - aim.value(w @ X.T + aim.offset), 0.0))


class Columns:
    """Columns ``(rows, p)``, and their products with weights of many draws.

    The products of pairs of columns are formed once where they are few.
    """

    def __init__(self, X: Array) -> None:
        self.X = X
        self._first, self._second = np.triu_indices(X.shape[1])
        few = len(X) * len(self._first) <= PAIRS
        self._pairs = X[:, self._first] * X[:, self._second] if few else None

    def gram(self, weights: Array) -> Array:
        """Return X' diag(weights) X ``(draws, p, p)`` of weights ``(draws, rows)``."""
        p = self.X.shape[1]
        product = np.empty((len(weights), p, p))
        if self._pairs is None:
            for k, own in enumerate(weights):
                product[k] = self.X.T @ (own[:, None] * self.X)
            return product
        halves = weights @ self._pairs
        product[:, self._first, self._second] = halves
        product[:, self._second, self._first] = halves
        return product


def _ascent(columns: Columns, aim: Aim, start: Array, held: Held | None) -> Nearest:
    """Return the same of draws that are fitted together."""
    w, kl, best = start.copy(), np.empty(len(start)), aim.best
    left = np.arange(len(start))
    state = _at(columns, aim, w, held)
    if not np.isfinite(state.value).all():
        raise ConvergenceError("a projection starts where the link is not defined")
    for _ in range(MOST_STEPS):
        step, promised = _newton_step(columns, aim, state, held)
        going = promised > NATS * (1.0 + np.abs(state.value))
        done = ~going
        w[left[done]] = last = state.w[done] + step[done]
        kl[left[done]] = best[left[done]] - aim.some(done).value(last @ columns.X.T + aim.offset)
        if not going.any():
            return Nearest(w, np.maximum(kl, 0.0))
        left, aim, state = left[going], aim.some(going), state.some(going)
        held = None if held is None else held.some(going)
        state = _climbed(columns, aim, state, (step[going], promised[going]), held)
    raise ConvergenceError(f"{len(left)} of {len(best)} projections are not done")


class _State(NamedTuple):
    """Where draws stand: coefficients, penalised values, slopes and curvatures."""

    w: Array
    value: Array
    gradient: Array
    curvature: Array  # of each row

    def some(self, draws: Array) -> _State:
        return _State(*(one[draws] for one in self))


def _at(columns: Columns, aim: Aim, w: Array, held: Held | None) -> _State:
    with np.errstate(over="ignore", invalid="ignore"):  # at the end of a step that will be halved
        value, slope, curvature = aim.expanded(w @ columns.X.T + aim.offset)
        gradient = slope @ columns.X
    if held is not None:
        away = w - held.centre
        pull = held.precision * away
        gradient, value = gradient - pull, value - 0.5 * np.sum(pull * away, axis=1)
    return _State(w, value, gradient, curvature)


def _newton_step(
    columns: Columns, aim: Aim, state: _State, held: Held | None
) -> tuple[Array, Array]:
    """Return Newton's steps ``(draws, p)`` and the rise that each promises, in nats.

    Directions without curvature are left alone. Where the value is not concave, the curvature is
    that expected (Fisher's scoring).
    """
    hessian = columns.gram(state.curvature)
    if not aim.family.log_concave:
        bent = np.linalg.eigvalsh(hessian).min(axis=1, initial=np.inf) <= 0.0
        if bent.any():
            eta = state.w[bent] @ columns.X.T + aim.offset
            hessian[bent] = columns.gram(aim.some(bent).information(eta))
    if held is not None:
        places = np.arange(hessian.shape[1])
        hessian[:, places, places] += held.precision
    step = solved(hessian, state.gradient[..., None])[..., 0]
    return step, 0.5 * np.einsum("kp,kp->k", step, state.gradient)


def solved(gram: Array, right: Array) -> Array:
    """Return gram^-1 right ``(k, p, m)`` of symmetric matrices, nothing where they are flat.

    >>> solved(np.array([[[4.0, 0.0], [0.0, 0.0]]]), np.array([[[2.0], [0.0]]])).tolist()
    [[[0.5], [0.0]]]
    """
    length = np.sqrt(np.maximum(np.einsum("kpp->kp", gram), 0.0))
    unit = 1.0 / np.where(length > 0.0, length, 1.0)
    scaled = gram * unit[:, :, None] * unit[:, None, :]
    try:
        factor = np.linalg.cholesky(scaled)
        regular = np.einsum("kpp->kp", factor).min(initial=1.0) > np.sqrt(NULL)
    except np.linalg.LinAlgError:
        regular = False
    right = unit[:, :, None] * right
    if regular:
        return unit[:, :, None] * np.linalg.solve(scaled, right)
    values, vectors = np.linalg.eigh(scaled)
    floor = NULL * np.maximum(values[:, -1:], 1.0)
    inverse = np.where(values > floor, 1.0 / np.maximum(values, floor), 0.0)
    turned = inverse[:, :, None] * (vectors.swapaxes(1, 2) @ right)
    return unit[:, :, None] * (vectors @ turned)


def _climbed(
    columns: Columns,
    aim: Aim,
    state: _State,
    towards: tuple[Array, Array],
    held: Held | None,
) -> _State:
    """Return where steps lead, each halved until the value rises as it promises."""
    step, promised = towards
    share = np.ones(len(step))
    slack = 1e-12 * (1.0 + np.abs(state.value))  # of rounding in the value
    for _ in range(MOST_HALVINGS):
        after = _at(columns, aim, state.w + share[:, None] * step, held)
        with np.errstate(invalid="ignore"):
            rises = after.value >= state.value + SLOPE * 2.0 * share * promised - slack
        if rises.all():
            return after
        share = np.where(rises, share, 0.5 * share)
    raise ConvergenceError(f"{int((~rises).sum())} of {len(step)} projections do not rise")
