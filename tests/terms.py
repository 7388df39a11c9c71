"""Examples of every term, by which the conformance tests run over the package's own table.

Of each kind stands here what its class cannot say of itself: how it is called, how the shell says
it, and its columns, written out by hand from the data.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import xarray as xr
from conftest import simulate

import bayesglm as bg
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import Term

Array = np.ndarray
N = 60


def _data() -> xr.Dataset:
    rng = np.random.default_rng(8)
    words = np.array(["lena", "ivan", "Zoé"])[rng.permutation(np.arange(N) % 3)]
    return simulate(N, seed=5).assign(
        who=("time", words), code=("time", rng.permutation(np.arange(N) % 4) * 10)
    )


DATA = _data()  # of which "poisson" is the response


class Example(NamedTuple):
    """A term, its columns ``(N, size)`` before any sample is left out, and the shell's words."""

    term: Term
    columns: Callable[[], Array]
    text: str | None = None


def values(name: str) -> Array:
    """Return a variable with a row for each sample."""
    return DATA[name].values.reshape(N, -1)


def lagged(name: str, lags: range) -> Array:
    """Return columns of x[t - k], lag after lag, with zeros before the start and after the end."""
    own = values(name)
    X = np.zeros((N, len(lags), own.shape[1]))
    for t in range(N):
        for place, lag in enumerate(lags):
            if 0 <= t - lag < N:
                X[t, place] = own[t - lag]
    return X.reshape(N, -1)


def effects(factor: str, *columns: Array, levels: list | None = None) -> Array:
    """Return the dummies of a factor, times each column in turn."""
    labels = DATA[factor].values.tolist()
    levels = levels or sorted(set(labels))
    dummies = np.array([[label == level for level in levels] for label in labels])
    return np.hstack([dummies * column for column in (np.ones((N, 1)), *columns)])


EXAMPLES: dict[str, list[Example]] = {
    "Linear": [
        Example(bg.Linear("x"), lambda: values("x"), "x"),
        Example(bg.Linear("movie", name="image"), lambda: values("movie")),
        Example(bg.Linear(("x", "z"), name="both"), lambda: np.hstack([values("x"), values("z")])),
    ],
    "Lagged": [
        Example(bg.Lagged("x", lags=3), lambda: lagged("x", range(3)), "x:3"),
        Example(bg.Lagged("x", window=0.025, name="k"), lambda: lagged("x", range(2))),
        Example(bg.Lagged("movie", lags=(-1, 2)), lambda: lagged("movie", range(-1, 2))),
    ],
    "History": [
        Example(bg.History(lags=2), lambda: lagged("poisson", range(1, 3)), "2"),
        Example(
            bg.History(window=(0.02, 0.05), name="past"), lambda: lagged("poisson", range(2, 5))
        ),
    ],
    "Group": [
        Example(bg.Group("code"), lambda: effects("code"), "code"),
        Example(
            bg.Group("who", slopes=("x", "z"), name="b"),
            lambda: effects("who", values("x"), values("z")),
        ),
        Example(
            bg.Group("who", slopes="x", levels=["lena", "nobody", "Zoé", "ivan"]),
            lambda: effects("who", values("x"), levels=["lena", "nobody", "Zoé", "ivan"]),
        ),
    ],
}
KINDS = [kind for kind in TERMS if kind.__name__ in EXAMPLES]
CASES = {repr(example.term): example for every in EXAMPLES.values() for example in every}
