"""Matrices of a low rank: orthonormal directions, all alike, times normal numbers along them.

A field W of J rows (lags) and F columns (features) is T S, with directions T (J, R), T'T = I,
distributed uniformly, and numbers S (R, F) ~ Normal(0, scale), independent. Then |W|^2 = |S|^2: on
matrices of that rank the penalty is that of a Normal prior of each number of W, and of full rank
that is what it is. A number of W has the variance scale^2 R/J.

With R rows of W as pivots, T = Z L^-T, Z being one at these and B (J - R, R) elsewhere, M = Z'Z = I
+ B'B = L L' (Cholesky), so that neither rotations nor scales are left to choose; almost every W of
rank R is such. The uniform measure of subspaces (Chikuse 2003, Statistics on Special Manifolds,
2.2) makes

    p(B, S) = Normal(S | 0, scale) det(M)^(-J/2) G

    G = Gamma_R(J/2) / (pi^(R (J - R)/2) Gamma_R(R/2))
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.linalg import qr
from scipy.special import multigammaln

from bayesglm.numerics.priors.record import Prior
from bayesglm.numerics.priors.structure import Apart, Parameters

Array = np.ndarray


class LowRank(Apart):
    """Numbers of a matrix ``(rows, columns)`` of a rank, row by row."""

    name: ClassVar[str] = "a field of low rank"

    def __init__(self, n_rows: int, n_columns: int, rank: int) -> None:
        self.n_rows, self.n_columns, self.rank = n_rows, n_columns, rank

    def of_each(self, parameters: Parameters) -> Parameters:
        """Return the parameters with the sd of each number by itself."""
        share = np.sqrt(self.rank / self.n_rows)
        return {**parameters, "scale": share * np.asarray(parameters["scale"])}

    def draw(
        self,
        prior: Prior,
        rng: np.random.Generator,
        shape: tuple[int, ...],
        parameters: Parameters,
    ) -> Array:
        """Return draws of directions times numbers along them."""
        assert prior.draw is not None
        first = {k: v if np.ndim(v) == 0 else v.flat[0] for k, v in parameters.items()}
        lead = shape[:-1]
        T = np.linalg.qr(rng.standard_normal((*lead, self.n_rows, self.rank)))[0]
        S = prior.draw(rng, (*lead, self.rank, self.n_columns), **first)
        return (T @ S).reshape(shape)


@dataclass(frozen=True)
class Chart:
    """Matrices of a rank as B and S, in a run of numbers: B's first, row by row, then those of S'.

    >>> chart = Chart(np.array([2]), 3, 2)
    >>> u = np.array([0.75, 0.0, 5.0, 10.0])
    >>> chart.field(u).reshape(3, 2).round(12).tolist()
    [[3.0, 6.0], [0.0, 0.0], [4.0, 8.0]]
    >>> bool(np.allclose(chart.numbers(chart.field(u)), u))
    True
    """

    pivots: Array
    n_rows: int
    n_columns: int

    @staticmethod
    def around(field: Array, rank: int) -> Chart:
        """Return the chart whose pivots are the rows that span a field ``(J, F)`` best."""
        directions = np.linalg.svd(field, full_matrices=False)[0][:, :rank]
        pivots = qr(directions.T, mode="r", pivoting=True)[1][:rank]
        return Chart(np.sort(pivots), *field.shape)

    @property
    def rank(self) -> int:
        """The rank."""
        return len(self.pivots)

    @property
    def others(self) -> Array:
        """The rows that are no pivots."""
        return np.setdiff1d(np.arange(self.n_rows), self.pivots)

    @property
    def n_directions(self) -> int:
        """How many numbers B has."""
        return (self.n_rows - self.rank) * self.rank

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return self.n_directions + self.n_columns * self.rank

    def _roots(self, u: Array) -> tuple[Array, Array]:
        """Return Z ``(..., J, R)`` and L^-T ``(..., R, R)``."""
        lead, r = u.shape[:-1], self.rank
        Z = np.zeros((*lead, self.n_rows, r))
        Z[..., self.pivots, :] = np.eye(r)
        Z[..., self.others, :] = u[..., : self.n_directions].reshape(*lead, -1, r)
        L = np.linalg.cholesky(Z.swapaxes(-1, -2) @ Z)
        return Z, np.linalg.inv(L).swapaxes(-1, -2)

    def _images(self, u: Array) -> Array:
        """Return S' ``(..., F, R)``."""
        return u[..., self.n_directions :].reshape(*u.shape[:-1], self.n_columns, self.rank)

    def field(self, u: Array) -> Array:
        """Return W ``(..., J F)``, row by row."""
        Z, A = self._roots(u)
        W = (Z @ A) @ self._images(u).swapaxes(-1, -2)
        return W.reshape(*u.shape[:-1], -1)

    def numbers(self, field: Array) -> Array:
        """Return what `field` turns into a matrix ``(J F,)`` of that rank."""
        W = field.reshape(self.n_rows, self.n_columns)
        C = W[self.pivots]
        B = np.linalg.lstsq(C.T, W[self.others].T)[0].T
        L = np.linalg.cholesky(np.eye(self.rank) + B.T @ B)
        return np.concatenate([B.ravel(), (C.T @ L).ravel()])

    def pull(self, u: Array, slopes: Array) -> Array:
        """Return slopes in u of slopes in W ``(..., J F)``.

        Back through the Cholesky factor as Murray (2016, arXiv 1602.07527, equation 10) does.
        """
        lead, (Z, A), S = u.shape[:-1], self._roots(u), self._images(u)
        At = A.swapaxes(-1, -2)
        G = slopes.reshape(*lead, self.n_rows, self.n_columns)
        of_S, of_T = G.swapaxes(-1, -2) @ (Z @ A), G @ S
        of_L = -A @ (of_T.swapaxes(-1, -2) @ Z) @ A
        inside = np.tril(np.linalg.inv(A) @ np.tril(of_L))
        inside[..., range(self.rank), range(self.rank)] *= 0.5
        of_M = A @ inside @ At
        of_Z = of_T @ At + Z @ (of_M + of_M.swapaxes(-1, -2))
        of_B = of_Z[..., self.others, :].reshape(*lead, -1)
        return np.concatenate([of_B, of_S.reshape(*lead, -1)], axis=-1)

    def log_measure(self, u: Array, scale: float) -> tuple[Array, Array]:
        """Return log p(B, S) less that of numbers of W apart ``(...)``, and its slope in u."""
        lead, j, f, r = u.shape[:-1], self.n_rows, self.n_columns, self.rank
        B = u[..., : self.n_directions].reshape(*lead, j - r, r)
        M = np.eye(r) + B.swapaxes(-1, -2) @ B
        constant = multigammaln(0.5 * j, r) - multigammaln(0.5 * r, r)
        constant += 0.5 * (j - r) * (f * np.log(2.0 * np.pi * scale**2) - r * np.log(np.pi))
        value = constant - 0.5 * j * np.linalg.slogdet(M)[1]
        slope = np.zeros(u.shape)
        slope[..., : self.n_directions] = (-j * B @ np.linalg.inv(M)).reshape(*lead, -1)
        return value, slope
