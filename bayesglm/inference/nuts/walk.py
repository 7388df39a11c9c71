"""Walks of many walkers over one density: warmed up together, and then each by itself.

What is learnt in the warm-up, the size of steps and the units, comes from all walkers together, so
that it takes few draws of each. To begin with each finds a size of its own: far out it may be
another by orders.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from bayesglm.inference.nuts.pace import Pace
from bayesglm.inference.nuts.trees import Slopes, Trees, rotating, straight
from bayesglm.inference.nuts.units import Units

Array = np.ndarray
type Watch = Callable[[Kept], None]
DEEPEST = 10  # doublings of a path
# An angle of steps that rotate: three make the half turn at which paths turn back. Longer ones
# would skip to where z is -z.
LARGEST_ANGLE = 1.3
SHARE, TRIES = 0.7, 80  # of a first size that is too large, the next one; and how often at most
IDLE = 0.125  # of the walkers may go on for nothing before they are left out
FEWEST = 0.5  # of the draws of a window that every walker takes before it ends


class Window(NamedTuple):
    """A share of the warm-up: how often paths may double, and whether each walker finds a size of
    its own, and whether units are learnt at its end.
    """

    share: float
    deepest: int
    own: bool = False
    learns: bool = True


# Paths stay short while units say little.
WINDOWS = (
    Window(0.1, 4, own=True),
    Window(0.1, 5),
    Window(0.15, 6),
    Window(0.2, 8),
    Window(0.25, DEEPEST),
    Window(0.2, DEEPEST, learns=False),
)


class Plan(NamedTuple):
    """Draws of a warm-up, the acceptance to aim at, and whether steps rotate."""

    tune: int
    target_accept: float
    nearly_normal: bool

    @property
    def largest(self) -> float:
        """The largest size of a step."""
        return LARGEST_ANGLE if self.nearly_normal else np.inf


class Kept:
    """What walkers have drawn: x ``(walkers, draws, size)``, statistics, and how many draws each.

    Of a walker's draws, one of ``every`` in a row is kept; divergences between count as its own.
    """

    def __init__(self, wanted: Array, size: int, every: int = 1) -> None:
        lead = len(wanted), int(wanted.max())
        self.wanted, self.every = wanted, every
        self.counts, self.trees = np.zeros((2, len(wanted)), dtype=np.int64)
        self.x = np.empty((*lead, size))
        self.stats = {
            "acceptance_rate": np.empty(lead),
            "diverging": np.zeros(lead, dtype=bool),
            "energy": np.empty(lead),
            "n_steps": np.empty(lead, dtype=np.int64),
            "step_size": np.empty(lead),
            "tree_depth": np.empty(lead, dtype=np.int64),
            "logp": np.empty(lead),
        }

    @property
    def is_whole(self) -> bool:
        """Whether every walker has all its draws."""
        return bool((self.counts == self.wanted).all())

    def add(self, walkers: Array, rows: Array, trees: Trees, units: Units) -> None:
        """Keep what walkers drew by the trees in some rows, where they still want a draw."""
        some = self.counts[walkers] < self.wanted[walkers]
        walkers, rows = walkers[some], rows[some]
        self.stats["diverging"][walkers, self.counts[walkers]] |= trees.diverged[rows]
        self.trees[walkers] += 1
        due = self.trees[walkers] % self.every == 0
        walkers, rows = walkers[due], rows[due]
        at = walkers, self.counts[walkers]
        self.x[at] = units.to_x(trees.drawn.z[rows])
        for name, values in (
            ("acceptance_rate", trees.accepted[rows] / trees.n_steps[rows]),
            ("energy", trees.drawn.energy[rows]),
            ("n_steps", trees.n_steps[rows]),
            ("step_size", trees.size[rows]),
            ("tree_depth", trees.depth[rows]),
            ("logp", trees.drawn.value[rows]),
        ):
            self.stats[name][at] = values
        self.counts[walkers] += 1


class Walk:
    """Walkers at x ``(m, size)``, the units that they move in, and the sizes ``(m,)`` of steps."""

    def __init__(self, slopes: Slopes, x: Array, rng: np.random.Generator) -> None:
        self.slopes, self.x, self.rng = slopes, x, rng
        self.units = Units(np.zeros(x.shape[1]), np.ones(x.shape[1]))
        self.sizes = np.ones(len(x))

    def _trees(self, plan: Plan, deepest: int = DEEPEST) -> Trees:
        step = rotating if plan.nearly_normal else straight
        in_z = self.units.slopes(self.slopes)
        trees = Trees(in_z, self.units.to_z(self.x), self.rng, step, deepest)
        trees.size = self.sizes.copy()
        return trees

    def warm_up(self, plan: Plan, windows: Sequence[Window] = WINDOWS) -> None:
        """Let all walkers forget where they began, and learn sizes of steps and units."""
        for window in windows:
            share = window.share / sum(one.share for one in windows)
            z, gradients = self._window(plan, window, max(1, round(plan.tune * share)))
            if window.learns:
                self.units = self.units.learnt(z, gradients)

    def _first_sizes(self, plan: Plan, own: bool) -> Array:
        """Return sizes at which single steps go well: of each walker ``(m,)``, or one of all."""
        trees, every = self._trees(plan), np.arange(len(self.x))
        trees.size[:] = min(1.0, plan.largest)
        waiting = np.ones(len(self.x), dtype=bool)
        for _ in range(TRIES):
            trees.step()
            accepted = trees.accepted if own else trees.accepted.mean()
            waiting &= accepted < plan.target_accept
            if not waiting.any():
                break
            trees.size[waiting] *= SHARE
            trees.begin(every)
        return trees.size if own else trees.size[:1]

    def _window(self, plan: Plan, window: Window, n: int) -> tuple[Array, Array]:
        """Take n draws of each walker, more or less; return them all, and gradients, in z."""
        m, z, gradients = len(self.x), list[Array](), list[Array]()
        pace = Pace(self._first_sizes(plan, window.own), plan.target_accept, plan.largest)
        self.sizes = np.broadcast_to(pace.size, m)
        trees, counts, waiting = self._trees(plan, window.deepest), np.zeros(m), list[Array]()
        while counts.sum() < m * n or counts.min() < FEWEST * n:
            ended = trees.step()
            if not len(ended):
                continue
            counts[ended] += 1
            z.append(trees.drawn.z[ended])
            gradients.append(trees.drawn.gradient[ended])
            accepted = trees.accepted[ended] / trees.n_steps[ended]
            if window.own:
                pace.turn(ended, accepted)
                trees.size[ended] = pace.size[ended]
            else:
                waiting.extend(accepted)
                if len(waiting) >= m:
                    pace.turn(np.zeros(1, dtype=np.int64), np.mean(waiting))
                    waiting = []
                trees.size[ended] = pace.size
            trees.begin(ended)
        self.x = self.units.to_x(trees.drawn.z)
        self.sizes = np.broadcast_to(pace.settled, m)
        return np.concatenate(z), np.concatenate(gradients)

    def keep(self, plan: Plan, kept: Kept, watch: Watch) -> None:
        """Keep draws until there are as many as are wanted, and tell how far it is."""
        trees, walkers = self._trees(plan), np.arange(len(self.x))
        while True:
            ended = trees.step()
            if not len(ended):
                continue
            kept.add(walkers[ended], ended, trees, self.units)
            self.x[walkers[ended]] = self.units.to_x(trees.drawn.z[ended])
            trees.begin(ended)
            watch(kept)
            busy = kept.counts[walkers] < kept.wanted[walkers]
            if not busy.any():
                break
            if busy.mean() < 1.0 - IDLE:
                walkers = walkers[busy]
                trees.keep(busy)
