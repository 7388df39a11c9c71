"""Draws of a reference projected onto a part of its terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.errors import ModelError
from bayesglm.numerics.density.nearest import TOGETHER, Aim, Held, nearest
from bayesglm.results.projection.laid import Laid, lay
from bayesglm.results.projection.path import Projected
from bayesglm.results.projection.reference import Reference

Array = np.ndarray


class Lines(NamedTuple):
    """Coefficients ``(lines, columns)`` of a part of the terms, dispersions, and divergences."""

    w: Array
    phi: Sequence[Array]
    kl: Array


def project_onto(reference: Reference, terms: Sequence[str]) -> Projected:
    """Return every draw's projection onto some terms, beside the intercept and the offset.

    Each draw says a distribution of every response; its projection is, of all that the model of
    these terms may say, the one nearest in Kullback and Leibler's divergence, added up over the
    rows with their weights (Goutis & Robert 1998; Piironen, Paasiniemi & Vehtari 2020). What a
    term leaves undetermined stays as the draw has it. ModelError where the link of such a model is
    not defined on all rows.
    """
    kl, thetas = np.zeros(reference.n_draws), []
    for problem, theta in zip(reference.problems, reference.thetas, strict=True):
        laid, moved = lay(problem), np.empty_like(theta)
        step = max(1, TOGETHER // max(1, len(laid.X) * laid.n_channels))
        for start in range(0, len(theta), step):
            part = slice(start, start + step)
            moved[part], own = _projected(laid, theta[part], terms)
            kl[part] += own
        thetas.append(moved)
    return Projected(tuple(terms), tuple(thetas), kl)


def _projected(laid: Laid, theta: Array, terms: Sequence[str]) -> tuple[Array, Array]:
    """Return thetas of some draws, projected, and their divergences."""
    columns, whole = laid.columns_of(terms), laid.lines(theta)
    if len(columns) == whole.shape[1]:  # all terms: the draws themselves
        return theta.copy(), np.zeros(len(theta))
    start, held = start_of(laid, columns, whole), held_of(laid.held(theta), columns)
    found = lines_nearest(laid, columns, laid.aim(theta), start, held)
    lines = np.zeros_like(whole)
    lines[:, columns] = found.w
    moved = laid.with_lines(theta, lines)
    if laid.absorbs:
        (own,) = laid.problem.natural.registry.free_dispersions
        moved[:, own.place] = own.transform.inner(found.phi[0])
    return moved, found.kl.reshape(len(theta), -1).sum(axis=1)


def lines_nearest(laid: Laid, columns: Array, aim: Aim, start: Array, held: Held | None) -> Lines:
    """Return the coefficients of some columns that are nearest to an aim, from a start.

    With the dispersion that takes up what they leave out.
    """
    X = laid.X[:, columns]
    found = nearest(X, aim, start, held)
    if not laid.absorbs:
        return Lines(found.w, aim.phi, found.kl)
    total, family = float(aim.weights.sum()), aim.family
    eta = found.w @ X.T + aim.offset
    assert family.absorbed is not None
    mu = family.mean(eta[None], aim.phi, aim.trials)
    phi, kl = family.absorbed(aim.mean, mu, aim.phi, aim.weights / total)
    return Lines(found.w, phi, total * kl)


def held_of(held: Held | None, columns: Array) -> Held | None:
    """Return what holds some of the columns."""
    if held is None or not held.precision[:, columns].any():
        return None
    return Held(held.centre[:, columns], held.precision[:, columns])


def start_of(laid: Laid, columns: Array, whole: Array) -> Array:
    """Return coefficients of some columns from which a projection of ``whole`` lines may start.

    They are their own, where they bring every linear predictor to where the link is defined;
    elsewhere the intercept alone, at the mean of the lines' own predictors. ModelError where that
    is no place either.
    """
    domain, X, start = laid.family.domain, laid.X[:, columns], whole[:, columns]
    if domain.is_real_line:
        return start
    outside = ~domain.holds(start @ X.T + laid.offset).all(axis=1)
    if not outside.any():
        return start
    start = start.copy()
    start[outside] = 0.0
    if "intercept" in laid.places:
        start[outside, 0] = whole[outside] @ laid.X.mean(axis=0)
    if not domain.holds(start @ X.T + laid.offset).all():
        model = laid.problem.plan.model
        raise ModelError(
            f"the {model.link_name} link of a {model.family} response is defined for linear "
            f"predictors {domain.words}, and no start of a model of fewer terms brings all of "
            "them there; project a model of a link that is defined everywhere, or without offset."
        )
    return start
