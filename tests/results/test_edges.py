"""Edges of a coupled population: gains added up over lags, their signs and sizes."""

from functools import cache

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

LABELS = np.array(["a", "b", "c"])
FUNCTIONS = ((1.0, 0.0), (0.5, 2.0))  # of lags 1 and 2, which add up to 1.5 and 2


@cache
def recording(n=3000):
    """Cells of which a excites b, b inhibits c, and nothing else drives anything."""
    rng = np.random.default_rng(2)
    weights = np.zeros((3, 3))
    weights[1, 0], weights[2, 1] = 0.9, -1.2
    y = np.zeros((n, 3))
    for t in range(1, n):
        y[t] = rng.poisson(np.exp(-0.3 + weights @ y[t - 1]))
    return xr.Dataset({"y": (("time", "cell"), y)}, coords={"cell": LABELS})


@cache
def fitted(basis=None):
    terms = [bg.History(lags=2), bg.Coupling(lags=2, basis=basis)]
    model = bg.GLM("y", terms, family="poisson", prior=bg.Normal(0.5))
    return bg.fit(model, recording(), draws=250)


@pytest.mark.parametrize("basis", [None, FUNCTIONS], ids=["lags", "basis"])
def test_gains_are_kernels_added_up(basis):
    fit = fitted(basis)
    table = bg.edges(fit, size=0.3, prob=0.8)
    draws = fit["posterior"]["coupling"].transpose("cell", "source", ..., "chain", "draw").values
    weights = np.ones(2) if basis is None else np.array([1.5, 2.0])
    gains = np.einsum("ijkcd,k->ijcd", draws, weights).reshape(3, 3, -1)
    assert len(table) == 6
    for row in table.itertuples():
        own = gains[list(LABELS).index(row.target), list(LABELS).index(row.source)]
        np.testing.assert_allclose(
            [row.gain, row.sd, row.lower, row.upper, row.p_positive, row.p_beyond],
            [
                own.mean(),
                own.std(ddof=1),
                *np.quantile(own, [0.1, 0.9]),
                (own > 0).mean(),
                (np.abs(own) > 0.3).mean(),
            ],
            rtol=1e-10,
        )
        np.testing.assert_allclose(
            [row.ratio, row.ratio_lower, row.ratio_upper],
            np.exp([np.median(own), row.lower, row.upper]),
        )
    kernels = bg.kernels(fit)["coupling"]["link"].sum("lag").values
    np.testing.assert_allclose(kernels[~np.eye(3, dtype=bool)], table["gain"], atol=1e-10)
    assert (table.attrs["size"], table.attrs["prob"]) == (0.3, 0.8)
    assert "no edge is a synapse" in table.attrs["caution"]


def test_the_edges_that_are_there_stand_out():
    table = bg.edges(fitted(), size=0.4).set_index(["target", "source"])
    assert table.loc[("b", "a"), "p_positive"] > 0.999
    assert table.loc[("c", "b"), "p_positive"] < 0.001
    assert (table.loc[[("b", "a"), ("c", "b")], "p_beyond"] > 0.95).all()
    others = table.drop([("b", "a"), ("c", "b")])
    assert (others["p_beyond"] < 0.1).all()
    assert others["p_positive"].between(0.005, 0.995).all()


def test_a_map_has_gains_alone():
    model = bg.GLM("y", bg.Coupling(lags=2, prior=bg.ridge(1.0)), family="gaussian")
    found = bg.fit_map(model, recording())
    table = bg.edges(found)
    assert list(table.columns) == ["term", "target", "source", "gain"]
    matrix = found["map"]["coupling"].sum("coupling_lag").values
    np.testing.assert_allclose(table["gain"], matrix[~np.eye(3, dtype=bool)])


@pytest.mark.parametrize("size", [-0.1, np.nan, np.inf, "large", None, True])
def test_sizes_that_are_none_are_refused(size):
    with pytest.raises(bg.DataError, match="size must be a number of at least 0"):
        bg.edges(fitted(), size=size)


def test_models_without_coupling_have_no_edges():
    model = bg.GLM("y", bg.History(lags=1), family="poisson", prior=bg.Normal(1.0))
    with pytest.raises(bg.ModelError, match="the model has no Coupling; add one"):
        bg.edges(bg.fit_map(model, recording()))
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.edges(model)
