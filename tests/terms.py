"""Examples of every term, by which the conformance tests run over the package's own table.

Of each kind stand here what its class cannot say of itself: terms on the variables of
`sample_data`, the columns of any such term, laid by hand, and how the shell says the first of them.
The columns share no code with the package.
"""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

import bayesglm as bg
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import Term

type Array = np.ndarray
type Laid = tuple[Array, Array]
N = 60
STEP = 0.01  # seconds between samples


@cache
def sample_data() -> xr.Dataset:
    """Return predictors of every kind, two factors, and a response of every family."""
    from conftest import simulate  # random models, which need no such data, have no conftest

    rng = np.random.default_rng(8)
    words = np.array(["lena", "ivan", "Zoé"])[rng.permutation(np.arange(N) % 3)]
    return simulate(N, seed=5).assign(
        who=("time", words), code=("time", rng.permutation(np.arange(N) % 4) * 10)
    )


class Example(NamedTuple):
    """Terms of one kind, the columns of any such term, and the shell's words for the first.

    ``columns(term, data, response)`` returns ``(n, p)`` in the order of the coefficients, with
    zeros where a sample sees nothing, and which samples see all that they read. ``data`` maps
    names to arrays with the samples first.
    """

    terms: tuple[Term, ...]
    columns: Callable[[Any, Mapping[str, Any], str], Laid]
    text: str


def flat(values: Any) -> Array:
    """Return a variable as ``(n, features)``."""
    array = np.asarray(values, dtype=float)
    return array.reshape(len(array), -1)


def all_seen(block: Array) -> Laid:
    """Return columns of which every sample sees all that it reads."""
    return block, np.ones(len(block), dtype=bool)


def _linear(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    names = term.variable if isinstance(term.variable, tuple) else (term.variable,)
    return all_seen(np.hstack([flat(data[name]) for name in names]))


def _lagged(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    return _shifted(flat(data[term.variable]), _lags(term, 0))


def _history(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    return _shifted(flat(data[response]), _lags(term, 1))


def _lags(term: Any, first: int) -> range:
    """Return the lags that a term says, in samples or seconds, from ``first`` on where it does."""
    said = term.lags if term.window is None else np.round(np.divide(term.window, STEP)).astype(int)
    start, stop = (first, first + said) if np.ndim(said) == 0 else said
    return range(start, stop)


def _shifted(signal: Array, lags: range) -> Laid:
    n, width = signal.shape
    block, seen = np.zeros((n, len(lags) * width)), np.ones(n, dtype=bool)
    for t in range(n):
        past = [signal[t - k] if 0 <= t - k < n else np.zeros(width) for k in lags]
        block[t] = np.concatenate(past)
        seen[t] = all(0 <= t - k < n for k in lags)
    return block, seen


def _group(term: Any, data: Mapping[str, Any], response: str) -> Laid:
    labels = np.asarray(data[term.factor]).tolist()
    levels = sorted(set(labels)) if term.levels is None else term.levels
    member = np.array([[label == level for level in levels] for label in labels], dtype=float)
    effects = [np.ones(len(labels)), *(np.asarray(data[name], float) for name in term.slopes)]
    return all_seen(np.hstack([member * one[:, None] for one in effects]))


EXAMPLES: dict[str, Example] = {
    "Linear": Example(
        (
            bg.Linear("x"),
            bg.Linear("movie", name="image"),
            bg.Linear(("x", "z"), name="both"),
        ),
        _linear,
        "x",
    ),
    "Lagged": Example(
        (
            bg.Lagged("x", lags=3),
            bg.Lagged("x", window=0.025, name="k"),
            bg.Lagged("movie", lags=(-1, 2)),
        ),
        _lagged,
        "x:3",
    ),
    "History": Example(
        (
            bg.History(lags=2),
            bg.History(window=(0.02, 0.05), name="past"),
        ),
        _history,
        "2",
    ),
    "Group": Example(
        (
            bg.Group("code"),
            bg.Group("who", slopes=("x", "z"), name="b"),
            bg.Group("who", slopes="x", levels=["lena", "nobody", "Zoé", "ivan"]),
        ),
        _group,
        "code",
    ),
}
KINDS = [kind for kind in TERMS if kind.__name__ in EXAMPLES]
OF_EVERY_KIND = [term for kind in KINDS for term in EXAMPLES[kind.__name__].terms]


def columns_of(term: Term, data: Mapping[str, Any], response: str) -> Laid:
    """Return the columns of a term, and which samples see all that they read."""
    return EXAMPLES[type(term).__name__].columns(term, data, response)
