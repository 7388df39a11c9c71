"""The functions of bases on the lags of a term."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from bayesglm.design.bases import clamped, periodic
from bayesglm.errors import DataError
from bayesglm.spec import lag_bases as spec

Array = np.ndarray
SHORTEST = 0.05  # of the window, the first time constant where none are said: chosen


class Window(NamedTuple):
    """The lags of a term in a row: how many, and how long one is in seconds; None in samples."""

    n_lags: int
    step: float | None

    @property
    def places(self) -> Array:
        """The lags on [0, 1], the first and the last at its ends."""
        return np.arange(self.n_lags) / max(self.n_lags - 1, 1)

    @property
    def turns(self) -> Array:
        """The lags on [0, 1), as on a circle of one turn."""
        return np.arange(self.n_lags) / self.n_lags


def functions_of(term: Any, n_lags: int, step: float | None) -> Array | None:
    """Return the functions ``(n_lags, n_functions)`` of a term's basis; None where it has none.

    Raises DataError where they are more than the lags, one is zero at all lags, or an array is of
    other lags.
    """
    if term.basis is None:
        return None
    if isinstance(term.basis, tuple):
        values = np.array(term.basis)
        if len(values) != n_lags:
            raise DataError(
                f"the basis of term {term.label!r} is an array over {len(values)} lags, and the "
                f"term has {n_lags}; give it a row for each lag."
            )
    else:
        values = LAG_BASES[type(term.basis)](term.basis, Window(n_lags, step))
    if values.shape[1] > n_lags:
        raise DataError(
            f"the basis of term {term.label!r} has {values.shape[1]} functions on {n_lags} lags, "
            "more than kernels there are; use fewer functions, a longer window, or no basis."
        )
    absent = ~np.any(values, axis=0)
    if absent.any():
        raise DataError(
            f"{int(absent.sum())} of the {len(absent)} functions of the basis of term "
            f"{term.label!r} are zero at all of its {n_lags} lags, number {np.argmax(absent) + 1} "
            "the first: they stand between two lags. Use fewer functions, or a smaller stretch=."
        )
    return np.ascontiguousarray(values, dtype=np.float64)


def _raised_cosine(basis: spec.raised_cosine, window: Window) -> Array:
    return _cosines(window.places, np.linspace(0.0, 1.0, basis.n), basis.width)


def _log_raised_cosine(basis: spec.log_raised_cosine, window: Window) -> Array:
    stretched = np.log1p(basis.stretch * window.places) / np.log1p(basis.stretch)
    last = 1.0 - basis.width / (basis.n + basis.width - 1.0) if basis.decays else 1.0
    return _cosines(stretched, np.linspace(0.0, last, basis.n), basis.width)


def _cosines(x: Array, peaks: Array, width: float) -> Array:
    away = (x[:, None] - peaks) / (width * (peaks[1] - peaks[0]))
    return 0.5 * (1.0 + np.cos(np.pi * np.clip(away, -1.0, 1.0)))


def _bspline(basis: spec.bspline, window: Window) -> Array:
    inner = np.linspace(0.0, 1.0, basis.n - basis.degree + 1)[1:-1]
    return clamped(inner, (0.0, 1.0), basis.degree, np.eye(basis.n))(window.places)


def _cyclic_bspline(basis: spec.cyclic_bspline, window: Window) -> Array:
    inner = np.arange(1, basis.n) / basis.n
    return periodic(inner, (0.0, 1.0), basis.degree, np.eye(basis.n))(window.turns)


def _fourier(basis: spec.fourier, window: Window) -> Array:
    angles = 2.0 * np.pi * window.turns[:, None] * np.arange(1, basis.n + 1)
    waves = np.stack([np.cos(angles), np.sin(angles)], axis=2).reshape(window.n_lags, -1)
    return np.hstack([np.ones((window.n_lags, 1)), waves]) if basis.constant else waves


def _boxcar(basis: spec.boxcar, window: Window) -> Array:
    pieces = np.array_split(np.arange(window.n_lags), basis.n)
    piece = np.repeat(np.arange(basis.n), [len(one) for one in pieces])
    return (piece[:, None] == np.arange(basis.n)).astype(float)


def _orthogonal_exponential(basis: spec.orthogonal_exponential, window: Window) -> Array:
    t = np.arange(window.n_lags) * (1.0 if window.step is None else window.step)
    times = np.geomspace(SHORTEST, 1.0, basis.n) * t[-1] if basis.times is None else basis.times
    decays = np.exp(-t[:, None] / np.maximum(times, np.finfo(float).tiny))
    Q, R = np.linalg.qr(decays)
    return Q * np.sign(np.diagonal(R))


LAG_BASES: dict[type, Callable[[Any, Window], Array]] = {
    spec.raised_cosine: _raised_cosine,
    spec.log_raised_cosine: _log_raised_cosine,
    spec.bspline: _bspline,
    spec.cyclic_bspline: _cyclic_bspline,
    spec.fourier: _fourier,
    spec.boxcar: _boxcar,
    spec.orthogonal_exponential: _orthogonal_exponential,
    spec.identity: lambda basis, window: np.eye(window.n_lags),
}
