"""What a peer is: one record."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from benchmarks.work import FAMILIES, Drawn, Found, Scored, Work

type Setting = Mapping[str, Any]

AS_IS: tuple[Setting, ...] = ({},)


def tolerances(name: str, *values: float, **others: Any) -> tuple[Setting, ...]:
    """Return a ladder: one keyword at several values, loosest first; the rest fixed."""
    return tuple({name: value, **others} for value in values)


def untouched(work: Work) -> Work:
    """Return the work as it is."""
    return work


class Solver(NamedTuple):
    """A solver of one kind of work.

    - `name`: as the table shows it. The one called "bayesglm" is ours.
    - `needs`: distributions that must be installed, or "R:glmnet" for a package of R.
    - `fit(prepared, setting)`: the timed part, all that a user waits for.
    - `read(result)`: what counts out of what `fit` returned: coefficients, draws or scores; not
      timed.
    - `ladder`: settings, loosest first. The loosest that reaches the optimum is timed.
    - `prepare(work)`: loads libraries and gives the data the memory layout that suits; not timed.
    - `families`: those it can fit.
    """

    name: str
    needs: tuple[str, ...]
    fit: Callable[[Any, Setting], Any]
    read: Callable[[Any], Found | Drawn | Scored]
    ladder: tuple[Setting, ...] = AS_IS
    prepare: Callable[[Work], Any] = untouched
    families: tuple[str, ...] = FAMILIES
