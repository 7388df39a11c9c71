"""Curves of a predictor: bases equal to R's and patsy's, what is penalised, what is stored."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import BSpline

import bayesglm as bg
from bayesglm.design.bases import clamped_knots, greville, second_differences
from bayesglm.design.plan import plan_fit
from bayesglm.design.prediction import plan_prediction
from bayesglm.design.resolve import resolve

R = pd.read_csv(Path(__file__).parents[1] / "references" / "curves.csv")
X = np.random.default_rng(1).gamma(2.0, size=80)
DATA = {"y": np.sin(X), "x": X}
CYCLIC = bg.Spline("x", df=7, bounds=(0.0, 3.0), cyclic=True)


def resolved(term, data=DATA):
    return resolve(plan_fit(bg.GLM("y", term), data))


def stored(term, data=DATA):
    return resolved(term, data).model.terms[0]


def columns(term, data=DATA):
    return plan_fit(bg.GLM("y", term), data).designs[0].predictors.blocks[0].signal


def columns_at(x, term):
    """Return the columns of a stored term on new data."""
    data = {term.variable: np.asarray(x, float)}
    _, _, (predictors,) = plan_prediction(bg.GLM("y", term), data, None, 1)
    return predictors.blocks[0].signal


@pytest.mark.parametrize("kind", ["bs", "cr", "poly"])
def test_columns_are_those_of_r(kind):
    expected = R.filter(regex=f"^{kind}[0-9]").values
    found = columns(bg.Basis("x", kind, df=expected.shape[1]), R)
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("degree", [1, 2, 3, 4])
def test_line_and_bends_span_all_splines_but_the_constant(degree):
    term = stored(bg.Spline("x", degree=degree))
    knots = np.r_[[X.min()] * (degree + 1), term.knots, [X.max()] * (degree + 1)]
    every = BSpline.design_matrix(X, knots, degree).toarray()
    found = columns(term)
    assert found.shape[1] == every.shape[1] - 1 == 10
    both = np.column_stack([np.ones(len(X)), found])
    left = every - both @ np.linalg.lstsq(both, every)[0]
    np.testing.assert_allclose(left, 0.0, atol=1e-10)
    np.testing.assert_allclose(found.sum(axis=0), 0.0, atol=1e-10)
    np.testing.assert_allclose(found[:, 0] @ found[:, 1:], 0.0, atol=1e-9)


def test_bends_are_the_differences_that_are_penalised():
    term = stored(bg.Spline("x"))
    knots = clamped_knots(np.array(term.knots), term.bounds, 3)
    places = greville(knots, 3)
    w = np.random.default_rng(0).normal(size=10)
    c = np.linalg.lstsq(BSpline.design_matrix(X, knots, 3).toarray(), columns(term) @ w)[0]
    unit = (places[-1] - places[0]) / 10
    np.testing.assert_allclose(second_differences(places, unit) @ c, w[1:], rtol=1e-7)


@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-3.0, 5.0)])
def test_the_penalty_is_about_the_integral_of_the_squared_curvature(bounds):
    """Whatever the knots: of exp(x) the integral of f''^2 is (exp(2 b) - exp(2 a))/2."""
    low, high = bounds
    share = np.linspace(0.0, 1.0, 202)[1:-1]
    for inner in (share, share**2):
        knots = clamped_knots(low + (high - low) * inner, bounds, 3)
        places = greville(knots, 3)
        differences = second_differences(places, 1.0) @ np.exp(places)
        expected = 0.5 * (np.exp(2 * high) - np.exp(2 * low))
        np.testing.assert_allclose(differences @ differences, expected, rtol=0.03)


@pytest.mark.parametrize(
    "term", [bg.Spline("x"), bg.Basis("x", df=6), bg.Basis("x", "cr", df=4)], ids=repr
)
def test_beyond_the_bounds_curves_are_straight(term):
    term = stored(term)
    low, high = term.bounds
    for end, step in ((low, -1.0), (high, 1.0)):
        at = end + step * np.array([0.0, 1.0, 2.0, -1e-6])
        with pytest.warns(bg.BayesGLMWarning, match="2 of 4 samples of 'x' lie outside the bounds"):
            edge, one, two, inside = columns_at(at, term)
        np.testing.assert_allclose(two - one, one - edge, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(one - edge, (edge - inside) * 1e6, rtol=1e-3, atol=1e-4)


def test_bounds_inside_the_data_are_told_once():
    model = bg.GLM("y", bg.Spline("x", bounds=(0.5, 3.0), prior=bg.smooth(1.0, 2)))
    with pytest.warns(bg.BayesGLMWarning, match="of 80 samples of 'x' lie outside") as told:
        fit = bg.fit_map(model, DATA)
    assert len(told) == 1
    assert bg.kernels(fit)["x"]["value"].values[[0, -1]].tolist() == [0.5, 3.0]


def test_polynomials_go_on_beyond_the_data():
    term = stored(bg.Basis("x", "poly", df=2))
    with pytest.warns(bg.BayesGLMWarning, match="where the polynomial goes on"):
        found = columns_at([10.0, 11.0, 12.0, 13.0], term)
    np.testing.assert_allclose(np.diff(found[:, 1], 3), 0.0, atol=1e-12)


def test_a_cyclic_curve_is_the_same_a_period_on_and_smooth_at_its_ends():
    term = stored(CYCLIC)
    at = np.linspace(0.0, 3.0, 50)
    np.testing.assert_allclose(columns_at(at, term), columns_at(at + 6.0, term), atol=1e-12)
    before, at_end, after = columns_at([3.0 - 1e-5, 3.0, 1e-5], term)
    np.testing.assert_allclose(before, after, atol=1e-3)
    np.testing.assert_allclose(after - at_end, at_end - before, atol=1e-7)


@pytest.mark.parametrize("term", [bg.Spline("x"), CYCLIC, bg.Basis("x", "cr", df=4)], ids=repr)
def test_new_data_are_laid_by_what_the_first_had(term):
    kept = bg.GLM.from_json(resolved(term).model.to_json()).terms[0]
    assert kept.knots is not None
    np.testing.assert_array_equal(columns_at(X[30:34], kept), columns(term)[30:34])


def test_a_row_twice_is_a_row_of_weight_two():
    term = stored(bg.Spline("x"))
    doubled = {name: np.r_[values, values[:20]] for name, values in DATA.items()}
    assert stored(bg.Spline("x"), doubled).knots == term.knots
    np.testing.assert_allclose(stored(bg.Spline("x"), doubled).constants, term.constants)


def test_columns_keep_their_digits_far_from_zero():
    far = {"x": 2.0**30 + X, "y": DATA["y"]}  # of digits down to 2**-22, 2.4e-7
    near = {"x": far["x"] - 2.0**30, "y": DATA["y"]}
    np.testing.assert_allclose(
        columns(bg.Spline("x"), far), columns(bg.Spline("x"), near), atol=1e-6
    )


def test_neurons_with_predictors_of_their_own_share_knots():
    rng = np.random.default_rng(0)
    stimulus = rng.normal(size=(60, 3)) * [1.0, 2.0, 3.0]
    data = bg.as_dataset({"y": rng.normal(size=(60, 3)), "s": np.zeros(60)})
    dim = data["y"].dims[1]
    data["s"] = (("obs", dim), stimulus)
    plan = resolved(bg.Spline("s", df=5), data)
    (term,) = plan.model.terms
    assert term.bounds == (stimulus.min(), stimulus.max())
    for neuron, design in enumerate(plan.designs):
        block = design.predictors.blocks[0]
        np.testing.assert_allclose(block.signal, columns_at(stimulus[:, neuron], term), atol=1e-12)
    sds = plan.model.terms[0].prior.free.scale
    np.testing.assert_allclose(
        np.ravel(sds), 2.5 * data["y"].values.std(axis=0) / stimulus.std(axis=0), rtol=1e-12
    )


def test_the_default_prior_is_scaled_by_the_data():
    term = stored(bg.Spline("x"))
    sd = DATA["y"].std()
    assert term.prior.order == 2
    np.testing.assert_allclose(term.prior.free.scale, 2.5 * sd / X.std(), rtol=1e-12)
    bends = columns(term)[:, 1:]
    curve_sd = np.sqrt(np.square(bends).sum(axis=1).mean())  # of a curve whose scale is one
    np.testing.assert_allclose(term.prior.scale.scale * curve_sd, 2.5 * sd, rtol=1e-10)
    given = stored(bg.Spline("x", prior=bg.RandomWalk(0.5, order=2, free=bg.Normal(3.0, loc=1.0))))
    assert given.prior == bg.RandomWalk(0.5, order=2, free=bg.Normal(3.0, loc=1.0))
    assert stored(CYCLIC).prior.free is None


REFUSED = {
    "several slopes": (
        bg.Interaction("X", bg.Spline("x")),
        {"X": np.random.default_rng(0).normal(size=(80, 2))},
        "multiplied by several numbers",
    ),
    "a constant": (bg.Spline("x"), {"x": np.ones(80)}, "is 1 for every sample"),
    "few values": (bg.Spline("x"), {"x": np.arange(80) % 5}, "has 5 distinct values .* smaller df"),
    "few around a circle": (
        bg.Spline("x", bounds=(0, 5), cyclic=True),
        {"x": np.arange(80) % 5},
        "has 5 distinct values",
    ),
    "more knots than memory": (bg.Spline("x", df=10**12), {}, "80 distinct values"),
    "more columns than memory": (bg.Basis("x", df=10**12), {}, "80 distinct values"),
    "ties at quantiles": (bg.Basis("x", df=8), {"x": np.arange(80) // 40}, "2 distinct values"),
    "degree": (bg.Basis("x", "poly", df=4), {"x": np.arange(80) % 4}, "4 distinct values"),
    "knots outside": (bg.Spline("x", knots=[50.0]), {}, "reach from 50 to 50"),
    "dims": (bg.Spline("x"), {"x": np.zeros((80, 2))}, "has further dims"),
    "missing": (bg.Spline("x"), {"x": np.where(X > 3, np.nan, X)}, "missing or infinite"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_data_that_give_no_curve(what):
    term, changed, words = REFUSED[what]
    with pytest.raises(bg.DataError, match=words):
        plan_fit(bg.GLM("y", term), DATA | changed)
