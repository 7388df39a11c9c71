"""Surfaces over two predictors: maps of places."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg


@pytest.fixture(scope="module")
def place():
    """A place field in a box, sampled evenly, and its log rate beside a constant."""
    rng = np.random.default_rng(6)
    x, y = rng.uniform(0.0, 100.0, (2, 2500))

    def field(x, y):
        return 2.0 * np.exp(-((x - 30.0) ** 2 + (y - 60.0) ** 2) / 800.0)

    data = xr.Dataset(
        {
            "spikes": ("time", rng.poisson(np.exp(field(x, y) - 1.5))),
            "x": ("time", x, {"units": "cm"}),
            "y": ("time", y, {"units": "cm"}),
        }
    )
    term = bg.Surface(("x", "y"), df=6, name="place")
    return bg.fit(bg.GLM("spikes", term, "poisson"), data, draws=250), field


def test_a_place_field_is_found(place):
    fit, field = place
    node = bg.kernels(fit)["place"]
    assert node["link"].dims == ("value", "value_2")
    assert [node[name].attrs["long_name"] for name in ("value", "value_2")] == ["x", "y"]
    truth = field(*np.meshgrid(node["value"], node["value_2"], indexing="ij"))
    away = node["link"].values - truth
    away -= away.mean()  # what it adds beside the intercept
    assert np.corrcoef(node["link"].values.ravel(), truth.ravel())[0, 1] > 0.96
    assert np.sqrt(np.mean(away**2)) < 0.2
    half = 0.5 * (node["link_simultaneous_upper"] - node["link_simultaneous_lower"]).values
    assert np.mean(np.abs(away) < half) > 0.97


def test_it_is_drawn_as_a_picture(place):
    fit, _ = place
    axes = bg.plot_posterior(fit).axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("x (cm)", "y (cm)")


def test_a_surface_that_may_not_bend_is_two_lines_and_their_product(place):
    fit, _ = place
    data = fit["constant_data"].to_dataset()
    stiff = bg.RandomWalk(1e-6, order=2, free=bg.Normal(10.0))
    plane = bg.fit_map(bg.GLM("spikes", bg.Surface(("x", "y"), df=4, prior=stiff), "poisson"), data)
    x, y = data["x"].values, data["y"].values
    products = [x, y, x * y]
    known = data.assign({f"p{k}": ("time", one / one.std()) for k, one in enumerate(products)})
    flat = bg.GLM("spikes", ["p0", "p1", "p2"], "poisson", prior=bg.Normal(100.0))
    fits = (plane, bg.fit_map(flat, known))
    one, other = (bg.predict(each, kind="linear")["spikes"] for each in fits)
    np.testing.assert_allclose(one, other, atol=0.02)


WRONG = [
    (lambda: bg.Surface("x"), "takes two variables"),
    (lambda: bg.Surface(("x", "x")), "has 'x' twice"),
    (lambda: bg.Surface(("x", "y"), df=(3, 4, 5)), "df must be one or two"),
    (lambda: bg.Surface(("x", "y"), bounds=3.0), "bounds must be a pair of pairs"),
    (lambda: bg.Surface(("x", "y"), cyclic=True), "needs its period"),
    (lambda: bg.Surface(("x", "y"), margins=(bg.Spline("x"), bg.Spline("z"))), "that a fit stores"),
    (lambda: bg.Surface.from_text("x"), "--surface takes X:Y"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_is_no_surface_is_refused(make, words):
    with pytest.raises(bg.ModelError, match=words):
        make()


def test_formulas_say_a_surface():
    (term,) = bg.formula("spikes ~ te(x, y, k=5)", family="poisson").terms
    assert term == bg.Surface(("x", "y"), df=5)
