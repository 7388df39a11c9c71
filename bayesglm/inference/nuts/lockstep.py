"""NUTS of many walkers in lockstep, on values and gradients of any log density at many places.

Chains are made of walkers laid end to end, and half a chain of walkers that began at one place: a
superchain. The split r-hat of such chains is the nested r-hat of Margossian et al. (2024), Nested
r-hat: assessing the convergence of Markov chain Monte Carlo when running many short chains: where
walkers have not forgotten where they began, halves differ by more than draws within them tell.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from bayesglm.inference.nuts.guard import SPREAD, guarded, starting_points
from bayesglm.inference.nuts.sampler import Run, Settings
from bayesglm.inference.nuts.trees import Slopes
from bayesglm.inference.nuts.walk import WINDOWS, Kept, Plan, Walk, Watch
from bayesglm.inference.weights.psis import RHAT_LIMIT, largest_rhat

Array = np.ndarray
WALKERS = 64  # at most, of all chains together, and at least one to each
SHORTEST = 30  # draws that a walker keeps at least: fewer would hide how slowly they mix
PLACES = 500_000  # numbers of all walkers' places at most: trees hold some 60 for each
TUNE = 30  # warm-up draws of each walker where the density is nearly normal ...
LONG_TUNE = 50  # ... and elsewhere
# A second run takes steps at acceptances that lie so much nearer to one, and draws so many for each
# that it keeps.
NEARER, THINNED = 0.25, 4
ENOUGH = 100  # draws of a chain, of which an r-hat or a divergence is worth a second run
AGAIN = WINDOWS[3:]  # of the warm-up of a second run, whose units are known
TOO_EARLY = "interrupted before the first draw was kept"
type Starts = Callable[[np.random.Generator, int, int], Array]


def spread_out(rng: np.random.Generator, n: int, size: int) -> Array:
    """Draw starts ``(n, size)`` that lie further apart than a standard normal's draws."""
    return SPREAD * rng.standard_normal((n, size))


class Layout(NamedTuple):
    """How many walkers there are to a chain of so many draws: an even number, or one.

    >>> Layout.of(4, 1000, 20)
    Layout(chains=4, draws=1000, per_chain=16)
    >>> Layout.of(2, 50, 20).per_chain, Layout.of(4, 65, 20).lengths.tolist()
    (1, [33, 32, 33, 32, 33, 32, 33, 32])
    """

    chains: int
    draws: int
    per_chain: int

    @staticmethod
    def of(chains: int, draws: int, size: int) -> Layout:
        """Return the layout for places of some size."""
        walkers = min(WALKERS, PLACES // max(size, 1))
        per_chain = max(1, min(walkers // chains, draws // SHORTEST))
        return Layout(chains, draws, per_chain - per_chain % 2 if per_chain > 1 else 1)

    @property
    def lengths(self) -> Array:
        """Draws of each walker ``(walkers,)``."""
        n, rest = divmod(self.draws, self.per_chain)
        return np.tile(n + (np.arange(self.per_chain) < rest), self.chains)

    @property
    def superchain(self) -> int:
        """How many walkers begin at one place."""
        return max(1, self.per_chain // 2)

    def chained(self, kept: Kept) -> dict[str, Array]:
        """Return draws and statistics ``(chain, draw, ...)``, as many as every chain has."""
        counts = kept.counts.reshape(self.chains, -1)
        n, each = int(counts.sum(axis=1).min()), range(self.per_chain)
        columns = {}
        for name, values in ({"x": kept.x} | kept.stats).items():
            walkers = values.reshape(self.chains, self.per_chain, *values.shape[1:])
            chains = [
                np.concatenate([walkers[c, k, : counts[c, k]] for k in each])[:n]
                for c in range(self.chains)
            ]
            columns[name] = np.stack(chains)
        return columns


class Checks(NamedTuple):
    """What is wrong with a run of chains: divergences, and the largest r-hat; see `Run.told`."""

    n_divergent: int
    rhat: float

    @staticmethod
    def of(columns: dict[str, Array], seen: Callable[[Array], Array]) -> Checks:
        """Check draws, what is ``seen`` of them; of few or of one chain r-hat tells nothing."""
        chains, draws = columns["logp"].shape
        told = chains > 1 and draws >= ENOUGH
        rhat = largest_rhat(seen(columns["x"])) if told else 1.0
        return Checks(int(columns["diverging"].sum()), rhat)

    @property
    def stand(self) -> bool:
        """Whether nothing is wrong."""
        return not self.n_divergent and not self.apart

    @property
    def apart(self) -> bool:
        """Whether chains have not come together."""
        return self.rhat >= RHAT_LIMIT

    def words(self) -> str:
        """Say what is wrong.

        >>> Checks(3, 1.02).words()
        '3 divergences and an r-hat of 1.020'
        """
        divergences = f"{self.n_divergent} divergence{'s' * (self.n_divergent != 1)}"
        told = [divergences] * (self.n_divergent > 0)
        told += [f"an r-hat of {self.rhat:.3f}"] * self.apart
        return " and ".join(told)


def lockstep(
    slopes: Slopes,
    size: int,
    settings: Settings,
    seed: int,
    nearly_normal: bool = False,
    starts: Starts = spread_out,
    seen: Callable[[Array], Array] = lambda x: x,
    watch: Watch = lambda kept: None,
) -> Run:
    """Draw from a density by walkers that all move in every call of ``slopes``.

    ``slopes`` gives log densities ``(m,)`` and gradients ``(m, size)`` at places ``(m, size)`` in
    which the density is nearly a standard normal; sds and correlations that remain are learnt. One
    that fails, or is not finite, is a density of zero. ``starts`` draws places ``(n, size)``, wider
    than the posterior is.

    Where draws diverge, or r-hats of what is ``seen`` of the draws are too large, a second run
    begins where the first one ended, with shorter steps and more draws for each that is kept.
    Interrupted (Ctrl-C) it keeps the draws that are finished.

    Raises
    ------
    ConvergenceError
        No start has a density, or the density failed in a way that is not arithmetic's.
    """
    rng, safe = np.random.default_rng(seed), guarded(slopes)
    tune = (TUNE if nearly_normal else LONG_TUNE) if settings.tune is None else settings.tune
    plan = Plan(tune, settings.target_accept, nearly_normal)
    layout = Layout.of(settings.chains, settings.draws, size)
    m = layout.superchain
    with np.errstate(all="ignore"):  # far out, what is added up may be inf - inf
        x = starting_points(safe, starts(rng, len(layout.lengths) // m, size))
        walk = Walk(safe, np.repeat(x, m, axis=0), rng)
        try:
            walk.warm_up(plan)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(TOO_EARLY) from None
        first = _kept(walk, plan, layout, 1, watch)
        checks = Checks.of(first.columns, seen)
        if checks.stand or first.interrupted or settings.draws < ENOUGH:
            return first
        try:
            second = _again(walk, plan, layout, checks, watch)
        except KeyboardInterrupt:
            return first._replace(interrupted=True)
    return first._replace(interrupted=True) if second.interrupted else second


def _again(walk: Walk, plan: Plan, layout: Layout, checks: Checks, watch: Watch) -> Run:
    """Run once more, where and as told in `lockstep`."""
    target = 1.0 - NEARER * (1.0 - plan.target_accept)
    plan = plan._replace(target_accept=target)
    every = THINNED if checks.apart else 1
    walk.x = np.repeat(walk.x[:: layout.superchain], layout.superchain, axis=0)
    walk.warm_up(plan, AGAIN)
    thinned = "" if every == 1 else f" and one draw of {every} kept"
    told = (
        f"a second run, at an acceptance of {target:.3g}{thinned}, took the place of one with "
        f"{checks.words()}"
    )
    return _kept(walk, plan, layout, every, watch)._replace(told=told)


def _kept(walk: Walk, plan: Plan, layout: Layout, every: int, watch: Watch) -> Run:
    """Return what walkers draw from now on; of an interruption what is finished."""
    kept, interrupted = Kept(layout.lengths, walk.x.shape[1], every), False
    try:
        walk.keep(plan, kept, watch)
    except KeyboardInterrupt:
        interrupted = True
    columns = layout.chained(kept)
    if not columns["logp"].size:
        raise KeyboardInterrupt(TOO_EARLY)
    return Run(columns, interrupted)
