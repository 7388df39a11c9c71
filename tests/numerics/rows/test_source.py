"""Ranges of rows are formed in the worker that needs them, in order, and dropped after it."""

import threading
import tracemalloc
import weakref

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
import bayesglm.numerics.density.likelihood as likelihood_module
import bayesglm.numerics.density.near as near_module
import bayesglm.numerics.density.pointwise as pointwise_module
import bayesglm.numerics.rows.parallel as parallel_module
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.moments import moments
from bayesglm.numerics.density.near import near
from bayesglm.numerics.density.objective import Objective
from bayesglm.numerics.density.pointwise import each_pointwise, pointwise
from bayesglm.numerics.density.together import curvatures, slopes
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.source import Source
from bayesglm.numerics.theta.parameter import Parameter
from bayesglm.numerics.theta.registry import Theta

N, P = 3000, 3
DRAWS = {"draws": 250}
RNG = np.random.default_rng(4)
FLAT = Theta((Parameter("x", "coefficients", slice(0, P)),))
X, Y = RNG.normal(size=(N, P)), RNG.poisson(1.0, N).astype(float)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(1, 4), st.sampled_from([None, 1, 2]))
def test_runs_are_neighbours_in_their_order(n, size, threads, runs):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parallel_module, "n_threads", lambda: threads)
        source = Source.of(np.arange(n, dtype=float)[:, None], np.arange(n, dtype=float))
        seen = source.reduce(lambda run: [(rows.place, rows.y) for rows in run], size, runs)
        alone = [rows.place for rows in source.ranges(size)]
    assert len(seen) <= (threads if runs is None else runs)
    together = [one for run in seen for one in run]
    assert [place for place, _ in together] == alone
    assert all(place.stop - place.start <= size for place in alone)
    np.testing.assert_array_equal(np.concatenate([y for _, y in together]), np.arange(n))
    for place, y in together:
        np.testing.assert_array_equal(y, np.arange(n)[place])


class Watched:
    """A source that counts how many of its ranges are alive."""

    def __init__(self):
        self.most, self.formed = 0, []
        self.lock = threading.Lock()
        plain = Source.of(X, Y)

        def form(part):
            rows = plain.form(part)
            with self.lock:
                self.formed.append(weakref.ref(rows))
                self.most = max(self.most, sum(one() is not None for one in self.formed))
            return rows

        self.source = Source(N, form)


def everything(source):
    """Name all that goes through the rows, each as a function."""
    poisson, w = FAMILIES["poisson", "log"], np.full(P, 0.1)
    rowwise, W = Rowwise(source, poisson), RNG.normal(size=(40, P)) / 10
    several, phi = W[:3], [[]] * 3
    gaussian = Rowwise(source, FAMILIES["gaussian", "identity"])
    objective = Objective(source, poisson, FLAT, ())
    return {
        "value": lambda: rowwise.value(w, []),
        "constant": lambda: Rowwise(source, poisson).constant,
        "saturated": lambda: rowwise.saturated(w, []),
        "values": lambda: rowwise.values(W, []),
        "terms": lambda: rowwise.terms(w, []),
        "curvature": lambda: rowwise.curvature(w, []),
        "diagonal": lambda: rowwise.diagonal(w, []),
        "evenness": lambda: rowwise.evenness(w, []),
        "product": lambda: rowwise.curvature_product(w, [])(w),
        "change": lambda: rowwise.change(w),
        "moments": lambda: moments(gaussian, w),
        "slopes": lambda: slopes(poisson, source, several, phi),
        "curvatures": lambda: curvatures(poisson, source, several, phi),
        "near": lambda: near(rowwise, w).values(W, []),
        "pointwise": lambda: pointwise(objective, W),
        "each": lambda: each_pointwise(objective, W, np.sum),
    }


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("name", everything(Source.of(X, Y)))
def test_a_pass_holds_two_ranges_a_thread(name, threads, monkeypatch):
    monkeypatch.setattr(parallel_module, "n_threads", lambda: threads)
    for module, constants in (
        (likelihood_module, ("ROWS", "CELLS", "SOME_ROWS")),
        (near_module, ("ROWS",)),
        (pointwise_module, ("SOME_ROWS",)),
    ):
        for constant in constants:
            monkeypatch.setattr(module, constant, 20)
    monkeypatch.setattr(near_module, "FEW", 0)
    watched = Watched()
    everything(watched.source)[name]()
    assert len(watched.formed) >= 10
    assert watched.most <= 2 * threads


@pytest.mark.parametrize("verb", ["fit_map", "fit", pytest.param("loo", marks=pytest.mark.slow)])
def test_memory_above_the_data_is_a_few_blocks(verb):
    """Of a design that would be 27 MB laid out; a number of each row takes half an MB."""

    def way(n):
        rng = np.random.default_rng(0)
        columns = {"x": rng.normal(size=n), "z": rng.normal(size=n), "y": rng.poisson(0.2, n)}
        data = xr.Dataset({name: ("time", values) for name, values in columns.items()})
        lags = [bg.Lagged("x", lags=28), bg.Lagged("z", lags=28)]
        model = bg.GLM("y", lags, family="poisson", prior=bg.Normal(0.3))
        if verb == "loo":
            fitted = bg.fit(model, data, **DRAWS)
            return lambda: bg.loo(fitted)
        return lambda: getattr(bg, verb)(model, data, **({} if verb == "fit_map" else DRAWS))

    n = 60_000
    way(3000)()  # imports what is imported at first use
    measured = way(n)
    tracemalloc.start()
    try:
        measured()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 8 * 2**20 + 12 * 8 * n
