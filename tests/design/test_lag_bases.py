"""Bases on lags: their functions by hand, and models that are the same in another basis."""

import numpy as np
import pytest
import xarray as xr
from terms import BASES, FUNCTIONS, functions_of

import bayesglm as bg
from bayesglm.design.lag_bases import functions_of as functions_made
from bayesglm.spec.lag_bases import LAG_BASES, labels_of, size_of

LAGS = 11


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(4)
    n = 400
    stimulus = 30.0 + np.convolve(rng.normal(size=n + 4), np.ones(5))[4 : n + 4]
    kernel = 0.4 * np.exp(-np.arange(6) / 2.0)
    eta = np.convolve(stimulus - 30.0, kernel)[:n] - 1.0
    return xr.Dataset(
        {
            "spikes": ("time", rng.poisson(np.exp(np.clip(eta, None, 2.0))).astype(np.uint8)),
            "stimulus": ("time", stimulus),
        },
        coords={"time": 0.01 * np.arange(n), "trial": ("time", np.arange(n) // 150)},
    )


def glm(*terms, prior=None):
    return bg.GLM("spikes", terms, family="poisson", prior=prior)


def of_mean(node):
    return node["link"].values


@pytest.mark.parametrize("basis", BASES, ids=repr)
def test_functions_are_those_by_hand(basis):
    term = bg.Lagged("x", lags=LAGS, basis=basis)
    made = functions_made(term, LAGS, 0.01)
    np.testing.assert_allclose(made, functions_of(term), rtol=1e-12, atol=1e-12)
    labels = labels_of(basis, LAGS)
    assert len(set(labels)) == made.shape[1] == (size_of(basis) or LAGS)
    assert bg.GLM.from_json(glm(term).to_json()) == glm(term)
    assert eval(repr(term), {name: getattr(bg, name) for name in bg.__all__}) == term


def test_every_basis_has_functions_by_hand():
    assert {kind.__name__ for kind in LAG_BASES} == set(FUNCTIONS) - {"tuple"}
    assert {type(basis) for basis in BASES} == {*LAG_BASES, tuple}


def test_default_times_reach_from_a_twentieth_of_the_window_to_all_of_it():
    made, said = (
        functions_made(bg.History(lags=41, basis=bg.orthogonal_exponential(3, times=times)), 41, dt)
        for times, dt in ((None, None), ([2.0, 2.0 * 20**0.5, 40.0], None))
    )
    np.testing.assert_allclose(made, said, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(made.T @ made, np.eye(3), atol=1e-13)


@pytest.mark.parametrize("basis", [bg.identity(), np.eye(6)], ids=["identity", "array"])
def test_a_function_for_each_lag_is_the_model_without_a_basis(basis, data):
    plain, made = (
        bg.fit_map(glm(bg.Lagged("stimulus", lags=6, basis=one), bg.History(lags=3)), data)
        for one in (None, basis)
    )
    assert made.attrs["log_posterior"] == pytest.approx(plain.attrs["log_posterior"], rel=1e-12)
    ours, theirs = (bg.kernels(fit)["stimulus"].to_dataset() for fit in (made, plain))
    xr.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert ours["link"].dims == ("lag",)
    assert ours["lag_time"].attrs["units"] == "s"


def test_functions_of_another_size_are_the_same_model_under_default_priors(data):
    numbers = functions_made(bg.Lagged("x", lags=8, basis=bg.raised_cosine(4)), 8, None)
    fits = [
        bg.fit_map(glm(bg.Lagged("stimulus", lags=8, basis=basis)), data)
        for basis in (bg.raised_cosine(4), 100.0 * numbers)
    ]
    one, other = (bg.kernels(fit)["stimulus"]["link"] for fit in fits)
    np.testing.assert_allclose(one, other, rtol=1e-8)


def test_predictors_far_from_zero_lose_no_digits(data):
    term = bg.Lagged("stimulus", lags=8, basis=bg.bspline(4), prior=bg.Normal(0.3))
    near, far = (
        bg.fit_map(glm(term), data.assign(stimulus=data["stimulus"] + up)) for up in (-30.0, 1e7)
    )
    np.testing.assert_allclose(near["map"]["stimulus"], far["map"]["stimulus"], rtol=1e-6)


def test_responses_before_data_follow_their_own_past(data):
    rows = data.isel(time=slice(0, 80)).assign(spikes=data["spikes"][:80] > 0)
    sizes = np.array([2.0, 0.5, 4.0])
    terms = (
        bg.History(lags=3, prior=bg.Normal([2.0, 2.0, 2.0])),
        bg.History(lags=3, basis=np.diag(sizes), prior=bg.Normal(2.0 / sizes)),
    )
    plain, made = (
        bg.prior_predictive(bg.GLM("spikes", term, "bernoulli"), rows, draws=40) for term in terms
    )
    kernels = made["prior"]["history"].values * sizes
    np.testing.assert_allclose(kernels, plain["prior"]["history"].values, rtol=1e-14)
    np.testing.assert_array_equal(
        made["prior_predictive"]["spikes"], plain["prior_predictive"]["spikes"]
    )


WRONG = [
    ({"basis": "raised_cosine"}, bg.ModelError, r"write basis=bg.raised_cosine\(8\)"),
    ({"basis": bg.boxcar}, bg.ModelError, r"write basis=bg.boxcar\(8\)"),
    ({"basis": [1.0, 2.0]}, bg.ModelError, r"array of \(lags, functions\)"),
    ({"basis": [[1.0, np.nan]]}, bg.ModelError, "finite"),
    ({"basis": np.ones((5, 2))}, bg.DataError, "array over 5 lags, and the term has 4"),
    ({"basis": bg.raised_cosine(5)}, bg.DataError, "5 functions on 4 lags"),
    (
        {"basis": bg.log_raised_cosine(4, width=1.1, stretch=1e6)},
        bg.DataError,
        "1 of the 4 functions .* are zero at all of its 4 lags, number 3 the first",
    ),
]


@pytest.mark.parametrize(("given", "error", "words"), WRONG, ids=lambda one: str(one)[:30])
def test_what_is_no_basis_is_refused(given, error, words, data):
    with pytest.raises(error, match=words):
        bg.fit_map(glm(bg.Lagged("stimulus", lags=4, **given)), data)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: bg.raised_cosine(1), "n must be a whole number of at least 2, got 1"),
        (lambda: bg.bspline(3), "at least 4"),
        (lambda: bg.bspline(5, degree=0), "degree must be a whole number of at least 1"),
        (lambda: bg.log_raised_cosine(4, stretch=0.0), "stretch must be a number above 0"),
        (lambda: bg.raised_cosine(4, width=1.0), "width must be a number above 1"),
        (lambda: bg.log_raised_cosine(4, decays=1), "decays must be True or False"),
        (lambda: bg.orthogonal_exponential(2, times=[0.1]), "needs 2 different times"),
        (lambda: bg.orthogonal_exponential(1, times=0.1), "must be a sequence"),
        (lambda: bg.fourier(n=2.5), "whole number"),
        (lambda: bg.boxcar(), "it needs n"),
    ],
)
def test_numbers_of_no_basis_are_refused(make, words):
    with pytest.raises(bg.ModelError, match=words):
        make()


def test_formulas_and_the_shell_say_a_basis():
    (term,) = bg.formula(
        "spikes ~ Lagged(stimulus, window=0.3, basis=log_raised_cosine(6, decays=False))"
    ).terms
    assert term == bg.Lagged("stimulus", window=0.3, basis=bg.log_raised_cosine(6, decays=False))
    assert bg.Lagged.from_text("a:b:9:fourier:2")[0].basis == bg.fourier(2)
    assert bg.History.from_text("9:identity") == (bg.History(lags=9, basis=bg.identity()),)
