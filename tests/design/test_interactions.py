"""Interactions: columns and fits as patsy codes them, dims by name, faults told."""

import numpy as np
import pandas as pd
import patsy
import pytest
import statsmodels.api as sm
import xarray as xr
from terms import EXAMPLES, OF_POPULATIONS
from twins import compare

import bayesglm as bg
from bayesglm.spec.terms.table import TERMS
from bayesglm.spec.terms.term import PREDICTOR

N = 90
RNG = np.random.default_rng(3)
FRAME = pd.DataFrame(
    {
        "y": RNG.poisson(2.0, N),
        "x": RNG.normal(size=N),
        "z": RNG.normal(size=N),
        "a": np.array(["p", "q", "r"])[RNG.permutation(np.arange(N) % 3)],
        "b": np.array(["u", "v"])[RNG.permutation(np.arange(N) % 2)],
    }
)
SUM = bg.Category("a", contrasts="sum")
product = bg.Interaction


def glm(terms, **options):
    return bg.GLM("y", terms, family="poisson", **options)


FORMULAS = {
    "x * z": ["x", "z", product("x", "z")],
    "x * a": ["x", "a", product("x", "a")],
    "a + a:x": ["a", product("a", "x")],
    "a * b": ["a", "b", product("a", "b")],
    "a + a:b": ["a", product("a", "b")],
    "b + a:b": ["b", product("a", "b")],
    "a * b * x": [
        *("a", "b", "x"),
        *(product("a", "b"), product("a", "x"), product("b", "x"), product("a", "b", "x")),
    ],
    "x + C(a, Sum) + x:C(a, Sum)": ["x", SUM, product("x", "a")],
    "C(a, Sum) * C(b, Sum)": [SUM, bg.Category("b", contrasts="sum"), product("a", "b")],
    "C(a, Sum) * b": [SUM, "b", product("a", "b")],
    "0 + a:b": [product("a", "b")],
    "0 + x + a": ["x", "a"],
    "0 + a + b + a:b": ["a", "b", product("a", "b")],
    "0 + b + x + b:x": ["b", "x", product("b", "x")],
    "0 + C(a, Sum) + b": [SUM, "b"],
}


@pytest.mark.parametrize("formula", FORMULAS)
def test_flat_fits_are_those_of_patsy_and_statsmodels(formula):
    options = {"intercept": None} if formula.startswith("0") else {}
    fit = bg.fit_map(glm(FORMULAS[formula], prior=bg.Flat(), **options), FRAME)
    X = patsy.dmatrix(formula, FRAME)
    theirs = sm.GLM(FRAME["y"], X, family=sm.families.Poisson()).fit(tol=1e-12)
    np.testing.assert_allclose(bg.predict(fit)["y"], theirs.fittedvalues, rtol=1e-6)


def test_coefficients_bear_the_labels_of_patsy():
    fit = bg.fit_map(glm(FORMULAS["a * b"], prior=bg.Flat()), FRAME)["map"]
    X = patsy.dmatrix("a * b", FRAME)
    theirs = sm.GLM(FRAME["y"], X, family=sm.families.Poisson()).fit(tol=1e-12).params
    assert fit["a:b"].dims == ("a:b_level", "a:b_level_2")
    for (a, b), value in fit["a:b"].to_series().items():
        place = X.design_info.column_name_indexes[f"a[T.{a}]:b[T.{b}]"]
        np.testing.assert_allclose(value, theirs.iloc[place], atol=1e-6)


def test_what_was_decided_is_stored():
    fit = bg.fit_map(glm(["b", product("a", "b")], prior=bg.Normal(1.0)), FRAME)
    model = bg.GLM.from_json(fit.attrs["model"])
    assert model.terms[1].parts == (
        bg.Category("a", levels=["p", "q", "r"]),
        bg.Category("b", contrasts="full", levels=["u", "v"]),
    )
    assert bg.fit_map(model, FRAME)["map"].equals(fit["map"])
    part = FRAME[FRAME["b"] == "v"]
    np.testing.assert_allclose(bg.predict(fit, part)["y"], bg.predict(fit)["y"][part.index])


def test_a_name_is_the_category_of_the_model():
    terms = [bg.Category("a", reference="q"), "x", product("a", "x")]
    fit = bg.fit_map(glm(terms, prior=bg.Normal(1.0)), FRAME)
    assert fit["map"]["a:x_level"].values.tolist() == ["p", "r"]


LAGGED = bg.Lagged("x", lags=3)
TWINS = {
    "numbers": [product("x", "z")],
    "slopes": ["a", product("a", "x")],
    "levels": ["a", "b", product("a", "b")],
    "deviations": [SUM, "b", "x", product("a", "b"), product("a", "x")],
    "deviations of both": FORMULAS["C(a, Sum) * C(b, Sum)"],
    "lags of levels": ["a", LAGGED, product(LAGGED, "a", name="l")],
    "lags of deviations": [SUM, LAGGED, product(LAGGED, "a", "z", name="l")],
    "history": [product(bg.History(lags=2), "b")],
}


@pytest.mark.slow
@pytest.mark.parametrize("case", TWINS)
def test_every_product_has_its_twin(case):
    compare(glm(TWINS[case], prior=bg.Normal(0.5)), FRAME)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["slopes", "deviations", "lags of deviations"])
def test_a_learned_scale_is_one_for_the_term(case):
    *others, last = TWINS[case]
    learned = product(*last.parts, name=last.name, prior=bg.Normal(bg.HalfNormal(0.5)))
    compare(glm([*others, learned], prior=bg.Normal(0.5)), FRAME)


def test_default_priors_are_scaled_by_the_sds_of_numbers():
    terms = ["a", product("a", "x"), product("x", "z"), product(LAGGED, "b")]
    fit = bg.fit_map(glm(terms), FRAME)
    _, slopes, numbers, lags = bg.GLM.from_json(fit.attrs["model"]).terms
    used = FRAME[2:]
    np.testing.assert_allclose(slopes.prior.scale, 2.5 / used["x"].std(ddof=0))
    np.testing.assert_allclose(numbers.prior.scale, 2.5 / (used["x"] * used["z"]).std(ddof=0))
    np.testing.assert_allclose(lags.prior.scale, 2.5 / FRAME["x"].std(ddof=0))


def test_all_verbs_say_it(tmp_path):
    model = glm(["a", "b", product("a", "b"), product(LAGGED, "a")], prior=bg.Normal(0.5))
    fit = bg.fit_laplace(model, FRAME, draws=100, chains=2)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert bg.kernels(again)["a:b"]["link"].dims == ("a:b_level", "a:b_level_2")
    assert bg.kernels(again)["x:a"]["lag"].values.tolist() == [0, 1, 2]
    assert "a:b" in bg.report({"one": again}, tmp_path / "page.html").read_text()
    assert "Σₖ x:a[k, a[t]]·x[t-k]" in str(bg.GLM.from_json(fit.attrs["model"]))


def test_an_empty_cell_under_a_flat_prior():
    part = FRAME[(FRAME["a"] != "r") | (FRAME["b"] != "v")]
    terms = ["a", "b", product("a", "b")]
    message = r"under a Flat prior 'a:b\[a:b_level=r, a:b_level_2=v\]' has no estimate: no sample"
    with pytest.raises(bg.DataError, match=message):
        bg.fit_map(glm(terms, prior=bg.Flat()), part)
    found = bg.fit_map(glm(terms, prior=bg.Normal(1.0)), part)["map"]["a:b"]
    assert float(found.sel({"a:b_level": "r", "a:b_level_2": "v"})) == pytest.approx(0.0, abs=1e-9)


WRONG = {
    "two parts or more": ("x",),
    "is incomplete: it needs parts": (),
    "'x' twice": ("x", "x"),
    "two parts with lags": (LAGGED, bg.Lagged("z", lags=2)),
    r"a variable's name, or a term of numbers, .* got Normal\(1\.0\)": ("x", bg.Normal(1.0)),
    "or of a curve such as .* got <class 'bayesglm.*Category'>": ("x", bg.Category),
    "has a prior of its own": ("x", bg.Linear("z", prior=bg.Flat())),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_no_interaction(message):
    with pytest.raises(bg.ModelError, match=message):
        product(*WRONG[message])


EXAMPLES_OF = {name: one.terms for name, one in EXAMPLES.items()} | OF_POPULATIONS


@pytest.mark.parametrize("kind", TERMS)
def test_each_kind_of_term_says_whether_it_can_be_multiplied(kind):
    term = EXAMPLES_OF[kind.__name__][0]
    if kind.facts.part is None:
        with pytest.raises(bg.ModelError, match=rf"a part must be .* got {kind.__name__}\("):
            product(term, "n")
        return
    one = product(term, "n")
    assert one.roles == term.roles | {"n": PREDICTOR}
    assert one.lag_range(0.01) == term.lag_range(0.01)
    assert one.takes_model_prior == term.takes_model_prior
    assert one.summand("y", "[i]").endswith("·n[i]")


def test_two_parts_of_one_dim():
    movie = ("obs", "pixel"), RNG.normal(size=(N, 2))
    data = xr.Dataset({name: ("obs", FRAME[name]) for name in "yx"} | {"m": movie, "n": movie})
    with pytest.raises(bg.DataError, match="two parts of the interaction 'm:n' have the dim 'pix"):
        bg.fit_map(glm(product("m", "n")), data)
