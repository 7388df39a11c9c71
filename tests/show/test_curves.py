"""Curves as they are summarised and drawn."""

import numpy as np
import pytest

import bayesglm as bg
from bayesglm.show.coefficients import prior_posterior_figure
from bayesglm.show.intervals import before_and_after
from bayesglm.show.posterior_panels import MOST_CURVES

RNG = np.random.default_rng(0)
AGE = RNG.uniform(20.0, 70.0, 120)
DATA = bg.as_dataset({"y": RNG.poisson(np.exp(np.sin(AGE / 8.0))), "age": AGE})
DATA["age"].attrs["units"] = "years"
SMOOTH = bg.Spline("age", df=6, prior=bg.smooth(3.0, order=2))


@pytest.fixture(scope="module")
def fit():
    return bg.fit_laplace(bg.GLM("y", SMOOTH, family="poisson"), DATA, draws=100, chains=2)


def test_the_curve_and_its_band_are_those_of_the_draws(fit):
    node = bg.kernels(fit)["age"]
    at = node["value"].values
    assert (at[0], at[-1]) == (AGE.min(), AGE.max())
    # Draws of eta on the curve's own grid, the intercept taken away.
    eta = bg.predict(fit, {"age": at}, kind="linear")["y"] - fit["posterior"]["intercept"]
    drawn = eta.stack(all=("chain", "draw")).transpose("obs", "all").values
    np.testing.assert_allclose(node["link"], drawn.mean(axis=1), rtol=1e-9, atol=1e-12)
    edges = np.quantile(drawn, [0.03, 0.97], axis=1)
    np.testing.assert_allclose([node["link_lower"], node["link_upper"]], edges, atol=1e-9)
    average = bg.predict(fit, kind="linear")["y"].mean("obs").stack(all=("chain", "draw")).values
    change = np.exp(average + drawn) - np.exp(average)
    np.testing.assert_allclose(node["response"], change.mean(axis=1), rtol=1e-9)


def test_curves_of_a_population_are_lines():
    data = {"y": RNG.poisson(1.0, (120, 2)), "age": AGE}
    fit = bg.fit_map(bg.GLM("y", SMOOTH, family="poisson"), data)
    node = bg.kernels(fit)["age"]
    assert node["link"].sizes == {"y_dim_0": 2, "value": 201}


def test_line_and_bends_before_and_after_the_data(fit):
    nodes = before_and_after(fit)
    node = nodes["age"]
    assert node["age_basis"].values.tolist() == ["line", *(f"bend {k}" for k in range(1, 6))]
    np.testing.assert_allclose(node["prior_upper"][1:], 1.880794 / 3.0**0.5, rtol=1e-4)
    prior_posterior_figure(nodes)


def test_a_posterior_shows_the_curve_first_and_its_coefficients_when_asked(fit):
    mode = bg.fit_map(bg.GLM.from_json(fit.attrs["model"]), DATA)
    (ax,) = bg.plot_posterior(fit, mode).axes
    _, curve, dashed = ax.lines
    kernel = bg.kernels(fit)["age"]
    np.testing.assert_allclose(curve.get_xydata().T, [kernel["value"], kernel["link"]], rtol=1e-9)
    np.testing.assert_allclose(dashed.get_ydata(), bg.kernels(mode)["age"]["link"], rtol=1e-9)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("age (years)", "curve (log response)")
    (ax,) = bg.plot_posterior(fit, term="age").axes
    assert [label.get_text() for label in ax.get_yticklabels()][:2] == ["line", "bend 1"]


PER_LEVEL = bg.Interaction(bg.Spline("age", df=5), bg.Category("g"), prior=bg.smooth(1.0, order=2))
PARTED = {
    "of a category": (bg.GLM("y", PER_LEVEL, family="poisson"), "age:g_level", "abc"),
    "of the response": (
        bg.GLM("g", SMOOTH, family="categorical", reference="b"),
        "g_level",
        "ac",
    ),
}


@pytest.mark.parametrize(("model", "dim", "levels"), PARTED.values(), ids=PARTED)
def test_posterior_curves_of_levels_have_a_panel_each_on_one_scale(model, dim, levels):
    data = DATA.assign(g=("obs", ["a", "b", "c"] * 40))
    fit, mode = bg.fit_laplace(model, data, draws=50, chains=2), bg.fit_map(model, data)
    (name,) = (term.label for term in model.terms)
    drawn = [ax for ax in bg.plot_posterior(fit, mode).axes if ax.get_visible()]
    assert [ax.get_title(loc="left") for ax in drawn] == [f"{name}[{level}]" for level in levels]
    assert len({ax.get_ylim() for ax in drawn}) == 1
    for ax, level in zip(drawn, levels, strict=True):
        _, curve, dashed = ax.lines
        own, at_mode = (bg.kernels(one)[name]["link"].sel({dim: level}) for one in (fit, mode))
        np.testing.assert_allclose(curve.get_ydata(), own, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(dashed.get_ydata(), at_mode, rtol=1e-9, atol=1e-12)


def test_of_many_curves_the_largest_are_drawn():
    data = DATA.assign(g=("obs", [f"s{k:02d}" for k in range(15)] * 8))
    fit = bg.fit_laplace(bg.GLM("y", PER_LEVEL, family="poisson"), data, draws=50, chains=2)
    first, *others = (ax.get_title(loc="left") for ax in bg.plot_posterior(fit).axes)
    first, _, told = first.partition(": ")
    assert told == f"the {MOST_CURVES} largest of 15"
    size = np.abs(bg.kernels(fit)["age:g"]["link"]).max("value").to_series()
    kept = size.sort_values()[-MOST_CURVES:].index.sort_values()
    assert [first, *others] == [f"age:g[{level}]" for level in kept]
