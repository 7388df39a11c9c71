"""What draws from posteriors of problems, for scores that need several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bayesglm.errors import telling_of
from bayesglm.inference.fit import sample
from bayesglm.inference.problem.problem import Problem
from bayesglm.inference.tree.effects import kept_draws
from bayesglm.inference.tree.kept import Kept

FEW = 400  # draws of a fold that are kept to foretell its rows from: chosen


@dataclass(frozen=True)
class Sampling:
    """What draws from posteriors of problems: so many draws in so many chains, from a seed.

    ``few`` draws of each fold are kept to foretell its rows from.
    """

    draw: Callable[[list[Problem]], list[Kept]]
    draws: int
    chains: int
    seed: int
    few: int = FEW

    def __call__(self, problems: list[Problem]) -> list[Kept]:
        """Return draws of the posterior of each problem."""
        return self.draw(problems)


def as_fit(draws: int, chains: int, seed: int, few: int = FEW) -> Sampling:
    """Return what draws from posteriors as `fit` does, so many draws in each of the chains."""

    def posterior(problems: list[Problem]) -> list[Kept]:
        with telling_of("a posterior that the score draws itself"):
            return kept_draws(problems, sample(problems, draws, chains, seed), seed)

    return Sampling(posterior, draws, chains, seed, few)
