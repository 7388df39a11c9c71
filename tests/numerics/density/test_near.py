"""Log likelihoods in single precision are those in double, or are not taken."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayesglm as bg
import bayesglm.numerics.density.near as near_module
import bayesglm.numerics.density.sampled as density_module
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.density.likelihood import Rowwise
from bayesglm.numerics.density.near import in_single, near
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.density.together import run_slopes
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.rows.source import Source

N, K = 2500, 900
RNG = np.random.default_rng(0)
DATA = {
    "bernoulli": (RNG.random(N) < 0.3).astype(int),
    "binomial": RNG.binomial(7, 0.3, N),
    "poisson": RNG.poisson(2.0, N),
    "tries": np.full(N, 7),
    "x": RNG.normal(size=N),
    "z": RNG.normal(size=(N, 3)),
    "g": RNG.integers(0, 6, N),
    "h": RNG.integers(0, 9, N),
    "weight": RNG.choice([0.0, 0.5, 2.0], N),
    "exposure": RNG.normal(size=N),
    "events": (RNG.random(N) < 0.03) * RNG.integers(1, 4, N),
}
TERMS = {
    "columns": [bg.Linear("z"), bg.Linear("x")],
    "factors": [bg.Linear("x"), bg.Group("g", slopes="x"), bg.Group("h")],
    "lags": [bg.Lagged("x", lags=(0, 4))],
    "events": [bg.Linear("x"), bg.Lagged("events", lags=(0, 6))],
    "nothing": [],
}


def rowwise_of(family, terms, weights=None):
    model = bg.GLM(
        family,
        TERMS[terms],
        family=family,
        prior=bg.Normal(1.0),
        trials="tries" if family == "binomial" else None,
        weights=weights,
        offset="exposure",
    )
    return open_problems(model, DATA)[0].unconstrained.rowwise


def around(anchor, spread, k=K):
    return anchor + spread * np.random.default_rng(1).normal(size=(k, len(anchor)))


@pytest.fixture(autouse=True)
def _however_few(monkeypatch):
    monkeypatch.setattr(near_module, "FEW", 0)
    monkeypatch.setattr(near_module, "MANY", 0)


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("family", ["bernoulli", "binomial", "poisson"])
def test_it_is_that_in_double_precision(family, terms, weights, monkeypatch):
    rowwise = rowwise_of(family, terms, weights)
    size = rowwise.source.form(slice(0, 10)).n_coefficients
    made = near(rowwise, np.full(size, 0.1))
    W = around(made.anchor, 0.02)
    exact = rowwise.values(W, [])
    monkeypatch.setattr(near_module, "CHECKED", 0)
    found = made.values(W, [])
    # Rounding grows as the number of trials, of which there are seven.
    assert np.abs(found - exact).max() < (5e-4 if family == "binomial" else 1e-4)
    assert np.any(found != exact)


@pytest.mark.parametrize("weights", [None, "weight"])
@pytest.mark.parametrize("terms", TERMS)
@pytest.mark.parametrize("family", ["bernoulli", "binomial", "poisson"])
def test_so_are_values_and_gradients(family, terms, weights, monkeypatch):
    rowwise = rowwise_of(family, terms, weights)
    held = tuple(rowwise.source.ranges(1000))
    anchor = np.full(held[0].n_coefficients, 0.1)
    W = around(anchor, 0.02, 20)
    made = in_single(rowwise, held, anchor, W)
    kernels, exact, _ = run_slopes(rowwise.family, held, W, [])
    for room in (near_module.NUMBERS, 3000, 1):  # all at once, some, one by one
        monkeypatch.setattr(near_module, "NUMBERS", room)
        values, gradients = made.slopes(W)
        np.testing.assert_allclose(values, kernels + rowwise.constant, rtol=0.0, atol=2e-4)
        np.testing.assert_allclose(gradients, exact, rtol=1e-5, atol=2e-3)


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_a_density_far_from_its_anchor_is_in_double_precision(family, monkeypatch):
    monkeypatch.setattr(density_module, "SMALL", 0)
    model = bg.GLM(family, TERMS["columns"], family=family, prior=bg.Normal(1.0))
    objective = open_problems(model, DATA)[0].unconstrained
    anchor = np.zeros(5)
    single = density(objective, anchor, 0.0, around(anchor, 0.02, 10))
    double = density(objective, anchor)
    assert single.single is not None
    assert double.single is None
    W = np.stack([np.full(5, 60.0), anchor + 0.01])
    with np.errstate(all="ignore"):
        (values, gradients), far = single.slopes(W), double.slopes(W[:1])
    exact = double.slopes(W[1:])[0]
    assert values[0] == far[0]
    np.testing.assert_array_equal(gradients[:1], far[1])
    assert values[1:] == pytest.approx(exact, abs=1e-4)
    assert values[1] != exact


def test_widths_are_what_a_product_reads():
    for terms, width in (("columns", 5), ("factors", 1 + 1 + 2 + 1), ("lags", 1 + 4)):
        assert rowwise_of("poisson", terms).width == width


@given(st.integers(1, 40), st.integers(0, 99))
def test_few_rows(n, seed):
    rng = np.random.default_rng(seed)
    source = Source.of(rng.normal(size=(n, 2)), y=(rng.random(n) < 0.5).astype(float))
    rowwise = Rowwise(source, FAMILIES["bernoulli", "logit"])
    made = near(rowwise, rng.normal(size=2))
    W = around(made.anchor, 0.5, 50)
    np.testing.assert_allclose(made.values(W, []), rowwise.values(W, []), atol=2e-4)


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_what_leaves_single_precision_is_computed_in_double(family):
    rowwise = rowwise_of(family, "columns")
    made = near(rowwise, np.zeros(5))
    W = around(made.anchor, 0.1)
    W[100] = 60.0
    W[200] = -60.0
    found = made.values(W, [])
    np.testing.assert_array_equal(found[[100, 200]], rowwise.values(W[[100, 200]], []))


def test_columns_far_from_zero_are_computed_in_double():
    """Single precision has lost what they differ by: the draws that are checked say so."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=400)
    y = (x > rng.normal(size=400)) * 1.0
    rowwise = Rowwise(
        Source.of(np.column_stack([np.ones(400), 1e8 + x]), y), FAMILIES["bernoulli", "logit"]
    )
    slopes = 1.0 + 0.1 * rng.normal(size=200)
    W = np.column_stack([-1e8 * slopes, slopes])
    anchor = np.array([-1e8, 1.0])
    assert in_single(rowwise, tuple(rowwise.source.ranges(400)), anchor, W[:10]) is None
    made = near(rowwise, anchor)
    np.testing.assert_array_equal(made.values(W, []), rowwise.values(W, []))


@pytest.mark.parametrize(
    "key", [("gaussian", "identity"), ("bernoulli", "probit"), ("poisson", "softplus")]
)
def test_other_links_have_no_short_form(key):
    rowwise = Rowwise(Source.of(np.ones((3, 1)), y=np.array([0.0, 1.0, 1.0])), FAMILIES[key])
    assert near(rowwise, np.zeros(1)) is None
    assert in_single(rowwise, (), np.zeros(1), np.zeros((1, 1))) is None


def test_a_fit_is_the_same(monkeypatch):
    model = bg.GLM("poisson", TERMS["columns"], family="poisson", prior=bg.Normal(1.0))
    fits = []
    for few in (0, 10**12):
        monkeypatch.setattr(near_module, "FEW", few)
        fits.append(bg.fit(model, DATA))
    for one, other in zip(*(fit["proposal"].to_dataset().values() for fit in fits), strict=True):
        np.testing.assert_allclose(one, other, atol=2e-4)
    assert fits[0].attrs["khat"] == pytest.approx(fits[1].attrs["khat"], abs=1e-3)
