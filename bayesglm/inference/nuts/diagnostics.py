"""What draws of a sampler must stand before they are believed, in numbers and in words."""

from __future__ import annotations

import numpy as np

from bayesglm.errors import tell
from bayesglm.inference.draws import Draws
from bayesglm.inference.modes.exact import NEGLIGIBLE_NOISE, has_tiny_noise
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.weights.psis import RHAT_LIMIT, largest_rhat, smallest_ess

ESS_PER_CHAIN = 100  # effective draws of each chain (Vehtari et al. 2021)
REACH = 4.0  # sds of a coefficient from zero, where a spike may still hold it
APART = 10.0  # spikes in a slab's sd, above which a step from one to the other is rare
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


def never_change(problem: Problem, made: Draws) -> list[str]:
    """Name the coefficients whose indicators stand still, of mixtures of two normals.

    Steps of NUTS pass over a spike that is narrow beside the posterior, and agree that there is
    none. A coefficient far from zero is in the slab for good.
    """
    labels, names = problem.labels(), []
    for part in problem.natural.coefficients:
        if part.prior.two_normals is None:
            continue
        own = problem.natural_thetas(made.theta)[..., part.where].reshape(-1, part.size)
        normals = part.prior.two_normals(**part.parameters)
        wide = normals.inclusion(own) > 0.5
        near = np.abs(own.mean(axis=0)) < REACH * own.std(axis=0)
        apart = normals.wide > APART * normals.narrow
        stuck = apart & ((wide.all(axis=0) & near) | ~wide.any(axis=0))
        names += [labels[part.where.start + k] for k in np.flatnonzero(stuck)]
    return names


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
    stuck = never_change(problem, made)
    if stuck:
        others = f" and {len(stuck) - 3} more" if len(stuck) > 3 else ""
        found.append(
            f"no draw changes between spike and slab of {', '.join(stuck[:3])}{others}, so that "
            "inclusion probabilities tell where chains began (use fit, which draws the indicators "
            "by themselves, and a wider spike where it cannot)"
        )
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
