"""Arrays of coefficients as sums of few waves: columns of a product of matrices, one of each axis.

Of an array of shape ``(n_1, n_2, ..)`` with matrices ``(n_k, m_k)`` along some axes, a wave is the
outer product of one column of each, and of a unit vector along every other axis. Fields that vary
smoothly are sums of a few of all these; products with their basis go axis by axis.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from bayesglm.numerics.theta.transforms import IDENTITY, Transform

Array = np.ndarray
FAINT = 1e-13  # singular values, relative to the largest, that rounding leaves of none


@dataclass(frozen=True, eq=False)
class Waves:
    """The waves ``kept`` of arrays of a shape, numbered as an array ``(m_1, m_2, ..)`` is.

    Where these are combined, the columns of ``turn (kept, waves)`` say how.

    >>> turned = np.array([[0.6, -0.8], [0.8, 0.6]])
    >>> waves = Waves((2, 2), (1,), (turned,), np.array([0, 2]))
    >>> waves.spread(np.array([1.0, 2.0])).tolist()
    [0.6, 0.8, 1.2, 1.6]
    >>> waves.gathered(np.array([0.6, 0.8, 1.2, 1.6])).round(12).tolist()
    [1.0, 2.0]
    """

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    matrices: tuple[Array, ...]
    kept: Array
    turn: Array | None = None

    @property
    def size(self) -> int:
        """Number of waves."""
        return len(self.kept) if self.turn is None else self.turn.shape[1]

    @cached_property
    def every(self) -> tuple[int, ...]:
        """The shape ``(m_1, m_2, ..)`` of all waves, kept or not."""
        sizes = list(self.shape)
        for axis, matrix in zip(self.axes, self.matrices, strict=True):
            sizes[axis] = matrix.shape[1]
        return tuple(sizes)

    @cached_property
    def matrix(self) -> Array:
        """The waves as columns ``(coefficients, waves)``."""
        return self.spread(np.eye(self.size)).T

    def spread(self, z: Array) -> Array:
        """Return flat arrays ``(..., coefficients)`` from their waves' amplitudes."""
        whole = np.zeros((*z.shape[:-1], int(np.prod(self.every))))
        whole[..., self.kept] = z if self.turn is None else z @ self.turn.T
        return self._along(whole.reshape(*z.shape[:-1], *self.every), back=False)

    def gathered(self, x: Array) -> Array:
        """Return what the transposed map makes of flat arrays ``(..., coefficients)``."""
        found = self._along(x.reshape(*x.shape[:-1], *self.shape), back=True)[..., self.kept]
        return found if self.turn is None else found @ self.turn

    def _along(self, whole: Array, back: bool) -> Array:
        lead = whole.ndim - len(self.shape)
        for axis, matrix in zip(self.axes, self.matrices, strict=True):
            turned = np.moveaxis(whole, lead + axis, -1) @ (matrix if back else matrix.T)
            whole = np.moveaxis(turned, -1, lead + axis)
        return whole.reshape(*whole.shape[:lead], -1)

    @cached_property
    def is_orthonormal(self) -> bool:
        """Whether the amplitudes of an array of waves are its products with them.

        Of waves that are combined the combinations are.
        """
        return all(np.allclose(one.T @ one, np.eye(one.shape[1])) for one in self.matrices)

    @cached_property
    def _inverse(self) -> Array:
        return np.linalg.pinv(self.matrix, rcond=FAINT)

    def amplitudes(self, x: Array) -> Array:
        """Return the least amplitudes whose waves add up to flat arrays ``(..., coefficients)``."""
        return self.gathered(x) if self.is_orthonormal else x @ self._inverse.T

    def behind(self, n: int) -> Waves:
        """Return those of n arrays, one behind the other along a new first axis."""
        step = int(np.prod(self.every))
        kept = (step * np.arange(n)[:, None] + self.kept).reshape(-1)
        axes, turn = tuple(k + 1 for k in self.axes), self.turn
        turn = None if turn is None else np.kron(np.eye(n), turn)
        return Waves((n, *self.shape), axes, self.matrices, kept, turn)

    @property
    def transform(self) -> Transform:
        """The coefficients as a function of the amplitudes, of which densities are."""
        return replace(
            IDENTITY,
            natural=self.spread,
            inner=self.amplitudes,
            parts=(("wave", slice(0, self.size)),),
        )

    def split(self) -> tuple[Array | None, Waves]:
        """Return what becomes of all axes but the first, as columns, and the waves of what is left.

        The columns ``(n_2 n_3 .., m)`` are None where those axes are as they were.
        """
        others = [k for k, axis in enumerate(self.axes) if axis > 0]
        if not others:
            return None, self
        first, second = np.divmod(self.kept, int(np.prod(self.every[1:], dtype=int)))
        used, place = np.unique(second, return_inverse=True)
        rest = Waves(
            self.shape[1:],
            tuple(self.axes[k] - 1 for k in others),
            tuple(self.matrices[k] for k in others),
            used,
        )
        own = [k for k, axis in enumerate(self.axes) if axis == 0]
        left = Waves(
            (self.shape[0], len(used)),
            (0,) * len(own),
            tuple(self.matrices[k] for k in own),
            first * len(used) + place,
            self.turn,
        )
        return rest.matrix, left
