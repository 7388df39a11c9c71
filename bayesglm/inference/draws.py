"""What a method of inference returns for one neuron, before it becomes part of a tree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

Array = np.ndarray
# Of the effects of very many levels: how many values, levels times draws, are kept as draws, and
# the quantiles that are kept of more: the medians and the ends of 50% and 94%.
MOST_KEPT = 2e7
PROBS = (0.03, 0.25, 0.5, 0.75, 0.97)


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian at the mode of the unconstrained density, its raw draws and their check.

    ``mode``, ``covariance`` and ``raw`` are on the unconstrained scale (log sigma); ``raw`` is
    ``(chain, draw, size)`` with its log densities ``log_p`` (target) and ``log_q`` (proposal).
    Where theta is long, ``mode`` and ``covariance`` are those of the places ``top`` alone.
    """

    mode: Array
    covariance: Array
    raw: Array
    log_p: Array
    log_q: Array
    khat: float
    kish: float
    ess: float
    accepted: bool
    why: str
    top: Array | None = None


@dataclass(frozen=True)
class Effects:
    """The effects of very many levels as marginals: what is kept of them, level by level.

    They stand at ``place`` in theta, effect by effect: ``shape`` is how many effects a level has,
    and how many levels there are. ``mean`` and ``sd`` are ``(effects x levels,)`` in that order,
    ``quantiles`` ``(len(PROBS), effects x levels)``.
    """

    place: slice
    shape: tuple[int, int]
    mean: Array
    sd: Array
    quantiles: Array


@dataclass(frozen=True)
class Draws:
    """Posterior draws of theta, ``(chain, draw, size)``, with how they were made.

    With ``effects``, theta and the Gaussian are of the others alone. ``log_posterior`` is that of
    the mode, where the method found one; ``checks`` are numbers that say how far the draws may be
    believed: those of a sampler, and of levels that were taken apart ``top_size``, the dimensions
    beside them, ``levels_of``, the name of their group, ``level_acceptance``, the smallest share of
    proposals accepted, ``worst_level``, the number of that level, and ``quadrature_error``, in
    nats; of blocks of levels ``block_khat``, the largest k-hat of their draws, and ``block_share``,
    the smallest share of these that count.
    """

    theta: Array
    method: str
    why: str
    log_posterior: float | None
    lp: Array
    stats: dict[str, Array] = field(default_factory=dict)
    solution: dict[str, float | str] = field(default_factory=dict)
    gaussian: Gaussian | None = None
    checks: dict[str, Any] = field(default_factory=dict)
    effects: Effects | None = None

    def padded(self, chains: int, draws: int) -> Draws:
        """Return the same in a larger array, with NaN for the draws that are not there."""
        missing = [(0, chains - len(self.lp)), (0, draws - self.lp.shape[1])]
        if not any(map(sum, missing)):
            return self
        return replace(
            self,
            theta=np.pad(self.theta, [*missing, (0, 0)], constant_values=np.nan),
            lp=np.pad(self.lp, missing, constant_values=np.nan),
            stats={
                name: np.pad(values, missing, constant_values=blank(values))
                for name, values in self.stats.items()
            },
        )


def blank(values: Array) -> float:
    """Return what stands for a missing value beside others of its kind."""
    return np.nan if values.dtype.kind == "f" else 0
