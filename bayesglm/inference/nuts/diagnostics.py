"""What draws of a sampler must stand before they are believed, in numbers and in words."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import tell
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.exact import NEGLIGIBLE_NOISE, has_tiny_noise
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.psis import largest_rhat, smallest_ess

RHAT_LIMIT = 1.01  # of the rank-normalised r-hat (Vehtari et al. 2021)
ESS_PER_CHAIN = 100  # effective draws of each chain (Vehtari et al. 2021)
FEWEST = 4  # draws of a chain, of which r-hat and effective sizes can be told


def diagnose(made: Draws) -> dict[str, float]:
    """Return the number of divergences, the largest r-hat and the smallest bulk effective size.

    What cannot be told, of a single chain or of too few draws, is left out.
    """
    chains, draws = made.lp.shape
    found: dict[str, float] = {"n_divergent": int(made.stats["diverging"].sum())}
    if draws >= FEWEST:
        found["min_ess"] = smallest_ess(made.theta)
        if chains > 1:
            found["max_rhat"] = largest_rhat(made.theta)
    return found


def stand_still(made: Draws) -> bool:
    """Say whether some parameter never moves, in any chain: floats tell no more of its posterior.

    >>> theta = np.zeros((2, 4, 1))
    >>> stand_still(Draws(theta, "nuts", "", None, theta[..., 0], {}))
    True
    """
    return made.lp.shape[1] >= FEWEST and bool(np.any(np.ptp(made.theta, axis=1).max(axis=0) == 0))


def faults_of(problem: Problem, made: Draws) -> list[str]:
    """Say what is wrong with draws, and what to do about it."""
    chains, draws = made.lp.shape
    checks, found = made.checks, []
    if checks["n_divergent"]:
        found.append(
            f"{checks['n_divergent']:.0f} of {chains * draws} draws diverged (raise target_accept)"
        )
    rhat = checks.get("max_rhat", 1.0)
    if not rhat <= RHAT_LIMIT:
        found.append(f"r-hat is {rhat:.3f}, above {RHAT_LIMIT} (take more draws and tune)")
    ess = checks.get("min_ess", np.inf)
    if not ess >= ESS_PER_CHAIN * chains and draws >= ESS_PER_CHAIN:
        found.append(f"the smallest bulk effective size is {ess:.0f} (take more draws)")
    if has_tiny_noise(problem, problem.natural_thetas(made.theta)).any():
        name = problem.collapsing[0]
        found.append(
            f"{name} comes so near its boundary {problem.collapse_of(name).end:g} that the noise "
            f"is less than {NEGLIGIBLE_NOISE:g} sd of the response (fix it by dispersion=, or use "
            "fewer columns)"
        )
    return found


def warn(problem: Problem, made: Draws) -> None:
    """Warn of what is wrong with draws, so that nobody has to look for it."""
    faults = faults_of(problem, made)
    if faults:
        tell(f"the NUTS draws{problem.where} need care: {'; '.join(faults)}.")
