"""The door of priors as objects: checked numbers in, densities, penalties and draws out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from bayesglm.errors import DataError, ModelError
from bayesglm.numerics.memory import free_memory
from bayesglm.numerics.priors.laws import Law, law_of
from bayesglm.numerics.priors.record import Array
from bayesglm.spec.asked import check_seed, whole_number
from bayesglm.spec.hints import shown

NUMBER = 8  # bytes of a float
COPIES = 3  # of all draws that are held at once: draws, and what they are made of
_quiet = np.errstate(over="ignore", divide="ignore", invalid="ignore")  # far out


@_quiet
def logpdf(prior: Any, x: Any) -> Array:
    """Return the log density of a prior at x."""
    law, at = _opened(prior, x)
    return law.log_density(at)[()]


@_quiet
def penalty(prior: Any, x: Any) -> Array:
    """Return minus the log density at x, zero where that is highest."""
    law, at = _opened(prior, x)
    return law.penalty(at)[()]


@_quiet
def prox(prior: Any, x: Any, step: Any) -> Array:
    """Return the z that makes step * penalty(z) + (z - x)^2 / 2 least."""
    is_number = isinstance(step, Real) and not isinstance(step, bool)
    if not is_number or not 0.0 < step < np.inf:
        raise DataError(f"step must be a positive, finite number, got {shown(step)}.")
    law, at = _opened(prior, x)
    return law.prox(at, float(step))[()]


@_quiet
def sample(prior: Any, n: Any, seed: Any, size: Any) -> Array:
    """Return draws ``(n, *size)``; without a size that of the prior's numbers."""
    n, seed, law = whole_number("n", n, 1), check_seed(seed), law_of(prior)
    shape = law.size if size is None else _checked_size(size)
    _check_shapes(prior, law, shape, "size")
    needed, memory = COPIES * NUMBER * n * math.prod(shape), free_memory()
    if needed > memory:
        raise DataError(
            f"n={n} draws of {math.prod(shape):,} numbers need {needed / 1e9:,.3g} GB of memory, "
            f"and this machine has {memory / 1e9:,.3g} GB left; ask for fewer."
        )
    return law.draw(np.random.default_rng(seed), n, shape)


def _opened(prior: Any, x: Any) -> tuple[Law, Array]:
    """Return the law of a prior, and x as an array of finite numbers that its numbers fit."""
    law, at = law_of(prior), _checked(x)
    _check_shapes(prior, law, at.shape, "x")
    return law, at


def _checked(x: Any) -> Array:
    try:
        given = np.asarray(x)
    except ValueError:  # rows of unequal lengths
        raise DataError(f"x must be numbers, or an array of them, got {shown(x)}.") from None
    if given.dtype.kind not in "iuf" or np.ma.is_masked(x):
        raise DataError(f"x must be numbers, or an array of them, got {shown(x)}.")
    at = given.astype(float)
    wrong = np.argwhere(~np.isfinite(at))
    if len(wrong):
        place = "".join(f"[{k}]" for k in wrong[0])
        raise DataError(f"x must be finite numbers, and x{place} is {at[tuple(wrong[0])]}.")
    return at


def _checked_size(size: Any) -> tuple[int, ...]:
    several = size if isinstance(size, Sequence) and not isinstance(size, str) else (size,)
    if not all(isinstance(one, Integral) and not isinstance(one, bool) for one in several):
        raise DataError(f"size must be a whole number, or several in a tuple, got {shown(size)}.")
    return tuple(whole_number("size", one, 1) for one in several)


def _check_shapes(prior: Any, law: Law, shape: tuple[int, ...], what: str) -> None:
    """Raise where the numbers of a prior do not fit x, or the draws that are asked for."""
    try:
        full = np.broadcast_shapes(law.size, shape)
    except ValueError:
        full = None
    if full is None or (what == "size" and full != shape):
        raise ModelError(
            f"the numbers of {shown(prior)} have the shape {law.size}, which does not fit {what} "
            f"of shape {shape}; give one number, or as many as there are coefficients."
        )
