"""A linear predictor inside a larger PyMC model: the priors and the eta of the model by itself."""

from dataclasses import replace
from itertools import groupby

import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
import pytest
from conftest import simulate
from priors import known, prior_of, with_learned_scale
from terms import EXAMPLES, OF_EVERY_KIND, sample_data

import bayesglm as bg
from bayesglm.spec.priors import COEFFICIENT_PRIORS

RIDGE = bg.Normal(0.5)
# As graphs say: sums that are brought together have more addends than NumPy takes.
PLAINLY = pytensor.compile.mode.Mode(linker="py", optimizer=None)


def log_density(model, variables, point):
    """Return the log density of some variables of a model, and what potentials add to it."""
    parts = model.logp([*variables, *model.potentials], sum=False)
    compiled = model.compile_fn(parts, mode=PLAINLY, on_unused_input="ignore")
    return sum(np.sum(part) for part in compiled(point))


def at(expression, values):
    """Evaluate an expression of some variables at their values, among others."""
    compiled = pytensor.function(list(values), expression, mode=PLAINLY, on_unused_input="ignore")
    return compiled(*values.values())


def moved(model, seed=1):
    """Return the values of a model's variables a little away from where it starts."""
    rng = np.random.default_rng(seed)
    start = model.initial_point(0)
    return {name: value + 0.1 * rng.normal(size=np.shape(value)) for name, value in start.items()}


def of_terms():
    """Return models that hold every term of the table, each in one, and every prior."""
    named = [replace(t, name=f"term{k}", prior=RIDGE) for k, t in enumerate(OF_EVERY_KIND)]
    kinds = [prior_of(kind) for kind in known(COEFFICIENT_PRIORS)]
    learned = [with_learned_scale(kind, bg.HalfNormal(0.7)) for kind in known(COEFFICIENT_PRIORS)]
    priors = [
        bg.Lagged("x", lags=3, name=f"prior{k}", prior=prior)
        for k, prior in enumerate(prior for prior in [*kinds, *learned] if prior is not None)
    ]
    return {"terms": named, "priors": priors}


@pytest.mark.parametrize("which", of_terms())
def test_priors_are_those_of_the_model_by_itself(which):
    model = bg.GLM("poisson", of_terms()[which], family="poisson", intercept=bg.Normal(1.5))
    whole = bg.to_pymc(model, sample_data())
    with pm.Model() as larger:
        bg.linear_predictor(model, sample_data(), name="a")
    point = moved(whole)
    priors = [variable for variable in whole.basic_RVs if variable.name != "poisson"]
    expected = log_density(whole, priors, point)
    own = {f"a_{name}": value for name, value in point.items()}
    assert set(own) == {variable.name for variable in larger.value_vars}
    np.testing.assert_allclose(log_density(larger, larger.free_RVs, own), expected, rtol=1e-12)
    assert {f"a_{name}" for name in whole.coords} == set(larger.coords)
    dims = {f"a_{k}": tuple(f"a_{dim}" for dim in v) for k, v in whole.named_vars_to_dims.items()}
    assert larger.named_vars_to_dims.items() <= dims.items()


def with_modes():
    """Return the terms of the table beside which a joint mode exists."""
    every = groupby(of_terms()["terms"], key=lambda term: type(term).__name__)
    return [term for kind, terms in every for term in terms if EXAMPLES[kind].has_mode]


def test_eta_is_what_predict_says():
    data = sample_data().assign(exposure=("time", np.linspace(0.5, 2.0, 60)))
    stated = {"family": "poisson", "offset": "offset", "exposure": "exposure"}
    model = bg.GLM("poisson", with_modes(), **stated)
    fitted = bg.fit_map(model, data)
    with pm.Model() as larger:
        eta = bg.linear_predictor(model, data)
    values = {variable: fitted["map"][variable.name].values for variable in larger.free_RVs}
    expected = bg.predict(fitted, kind="linear")["poisson"].dropna("time")
    np.testing.assert_allclose(at(eta, values), expected.values, rtol=1e-10)
    np.testing.assert_array_equal(larger.coords["time"], expected["time"])


def test_a_population_has_one_eta_for_each_of_its_members():
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    data = {"y": rng.poisson(1.0, (30, 2)), "x": x}
    with pm.Model():
        eta = bg.linear_predictor(bg.GLM("y", "x", family="poisson", prior=RIDGE), data, "each")
        intercept, slope = np.array([0.3, -0.2]), np.array([1.0, 2.0])
        given = {pm.modelcontext(None)["each_intercept"]: intercept}
        given[pm.modelcontext(None)["each_x"]] = slope
    expected = intercept + x[:, None] * slope
    np.testing.assert_allclose(at(eta, given), expected)


def test_variables_of_pytensor_as_data():
    data = simulate(12)
    lagged = bg.Lagged("z", lags=3, name="past", prior=RIDGE)
    terms = [
        bg.Linear("drive", prior=RIDGE),
        bg.Linear("two", prior=RIDGE),
        bg.Linear(("x", "drive"), name="both", prior=RIDGE),
        lagged,
    ]
    model = bg.GLM("gaussian", terms)
    drive, two = np.linspace(-1.0, 1.0, 12), np.random.default_rng(3).normal(size=(12, 2))
    numbers = data.assign(drive=("time", drive), two=(("time", "side"), two))
    numbers = numbers.assign_coords(side=["left", "right"])
    with pm.Model(coords={"time": data["time"].values, "side": ["left", "right"]}):
        expected = bg.linear_predictor(model, numbers, "plain")
        latent = pm.Normal("latent", dims="time")
        paired = pm.Normal("paired", dims=("time", "side"))
        mapping = {**data[["gaussian", "x", "z"]].data_vars, "drive": latent, "two": paired}
        found = bg.linear_predictor(model, mapping, "tensors")
        opened = pm.modelcontext(None)
        assert opened.named_vars_to_dims["tensors_two"] == ("tensors_side",)
        assert "tensors_drive_data" not in opened.named_vars
        rng, given = np.random.default_rng(4), {latent: drive, paired: two}
        for variable in opened.free_RVs:
            if variable.name.startswith("plain_"):
                values = rng.normal(size=variable.shape.eval())
                given |= {variable: values, opened["tensors_" + variable.name[6:]]: values}
        np.testing.assert_allclose(at(found, given), at(expected, given))
        with pytest.raises(bg.DataError, match="'drive' is a variable of PyTensor with 11 samples"):
            bg.linear_predictor(model, mapping | {"drive": pt.zeros(11)}, "short")


def test_new_data_may_be_of_another_length():
    model = bg.GLM("y", "x", family="poisson", prior=RIDGE)
    with pm.Model() as larger:
        eta = bg.linear_predictor(model, {"y": [0, 2, 1], "x": [1.0, 2.0, 3.0]}, "a")
        pm.set_data({"a_x_data": np.array([5.0, 7.0])}, coords={"a_obs": [0, 1]})
    values = {larger["a_intercept"]: 1.0, larger["a_x"]: 2.0}
    np.testing.assert_allclose(at(eta, values), [11.0, 15.0])


PLAIN = {"y": [0, 1, 1, 0, 1], "x": [0.1, 0.4, 0.2, 0.9, -0.3], "z": [1.0, 0.0, 1.0, 1.0, 0.0]}
LEVELS = bg.GLM("y", "x", family="categorical", prior=RIDGE)
OF_SIGMA = bg.GLM("y", "x", dispersion={"sigma": ["z"]}, prior=RIDGE)
LEARNED = bg.GLM("y", bg.Linear("x", prior=bg.R2D2(0.5)))


def binary(*terms, **stated):
    return bg.GLM("y", terms, family="bernoulli", **stated)


@pytest.mark.parametrize(
    ("model", "given", "name", "message"),
    [
        (LEVELS, {}, "a", "a linear predictor for each of its levels"),
        (OF_SIGMA, {}, "a", "'sigma' has a linear predictor of its own"),
        (LEARNED, {}, "a", "in units of sigma"),
        (binary("x"), {}, "there", "has a variable 'there_x' already"),
        (binary("x"), {}, None, "has a dim 'obs' with other labels already"),
        (binary("x"), {}, "a/b", "cannot hold '/'"),
        (binary("x"), {}, 3, "no string"),
        (binary("x"), {"x": pt.zeros(5)}, "a", "give the scale of term 'x'"),
        (binary("x", prior=RIDGE), {"x": pt.scalar()}, "a", "a single number of PyTensor"),
        (binary(bg.Lagged("x", lags=2)), {"x": pt.zeros(5)}, "a", "only Linear terms"),
        (binary(bg.Linear("x", transform="exp")), {"x": pt.zeros(5)}, "a", "only Linear terms"),
        (binary("x", offset="z"), {"z": pt.zeros(5)}, "a", "the offset 'z' is a variable"),
        (binary("x"), {"y": pt.zeros(5)}, "a", "the response 'y' is a variable"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_makes_no_sense_is_refused_in_words(model, given, name, message):
    with pm.Model(coords={"obs": range(9)}) as opened:
        pm.Normal("there_x")
        before = set(opened.named_vars) | set(opened.coords)
        with pytest.raises(bg.BayesGLMError, match=message):
            bg.linear_predictor(model, PLAIN | given, name)
        assert set(opened.named_vars) | set(opened.coords) == before


def test_outside_a_model():
    with pytest.raises(bg.ModelError, match=r"write with pymc\.Model\(\)"):
        bg.linear_predictor(binary("x"), PLAIN)
