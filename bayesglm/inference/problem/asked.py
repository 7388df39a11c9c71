"""What a verb is asked for, checked at its door: how many draws, their seed, and their room."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from typing import TYPE_CHECKING, Any

from bayesglm.errors import DataError
from bayesglm.numerics.memory import free_memory
from bayesglm.spec.asked import check_seed as check_seed
from bayesglm.spec.asked import whole_number as whole_number
from bayesglm.spec.hints import shown

if TYPE_CHECKING:
    from bayesglm.inference.problem.problem import Problem

NUMBER = 8  # bytes of a float
# Copies of all draws of all parameters that a fit holds at once, at the very least: 7.7 to 25 were
# measured as the growth of the peak resident memory, of Laplace fits and NUTS with 3 to 21
# parameters and 50,000 to 1,000,000 draws in each of 4 chains.
COPIES = 5


def check_counts(draws: Any, chains: Any) -> tuple[int, int]:
    """Return draws and chains as ints; DataError unless there is at least one of each."""
    return whole_number("draws", draws, 1), whole_number("chains", chains, 1)


def check_tune(tune: Any) -> int | None:
    """Return the number of warm-up draws as an int, or None where the engine is to choose."""
    return None if tune is None else whole_number("tune", tune, 1)


def check_target_accept(target_accept: Any) -> float:
    """Return an acceptance to aim at as a float; DataError unless it is between 0 and 1."""
    remedy = "the default is 0.8, and 0.95 takes shorter steps"
    return check_between_0_and_1("target_accept", target_accept, remedy)


def check_between_0_and_1(name: str, value: Any, remedy: str) -> float:
    """Return a number as a float; DataError unless it lies between 0 and 1, both left out."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    if not real or not 0 < value < 1:
        raise DataError(f"{name} must be a number between 0 and 1, got {shown(value)}; {remedy}.")
    return float(value)


def check_room(
    problems: Sequence[Problem], draws: int, chains: int, tune: int | None = None
) -> None:
    """Raise DataError where the memory that is free cannot hold the draws of all parameters."""
    size = sum(problem.natural.size for problem in problems)
    needed, memory = COPIES * NUMBER * (draws + (tune or 0)) * chains * size, free_memory()
    if needed > memory:
        warm_up = "" if tune is None else f", tune={tune}"
        raise DataError(
            f"draws={draws}, chains={chains}{warm_up} of {size:,} parameters need "
            f"{_gigabytes(needed)} of memory, and this machine has {_gigabytes(memory)} left; ask "
            "for fewer (1000 draws in each of 4 chains tell a mean to 2% of its sd)."
        )


def _gigabytes(number: float) -> str:
    return f"{number / 1e9:,.3g} GB" if number < 1e12 else f"{number / 1e9:,.0f} GB"
