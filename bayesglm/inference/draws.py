"""What a method of inference returns for one neuron, before it becomes part of a tree."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian at the mode of the unconstrained density, its raw draws and their check.

    ``mode``, ``covariance`` and ``raw`` are on the unconstrained scale (log sigma); ``raw`` is
    ``(chain, draw, size)`` with its log densities ``log_p`` (target) and ``log_q`` (proposal).
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


@dataclass(frozen=True)
class Draws:
    """Posterior draws of theta, ``(chain, draw, size)``, with how they were made.

    ``log_posterior`` is that of the mode, where the method found one; ``checks`` are numbers that
    say how far the draws of a sampler may be believed.
    """

    theta: Array
    method: str
    why: str
    log_posterior: float | None
    lp: Array
    stats: dict[str, Array] = field(default_factory=dict)
    solution: dict[str, float | str] = field(default_factory=dict)
    gaussian: Gaussian | None = None
    checks: dict[str, float] = field(default_factory=dict)

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
