"""Default priors: the rule by hand for every family and term, once and for all."""

import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from families import OF_NUMBERS
from hypothesis import example, given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.design.variables import CACHED
from bayesglm.spec.families import FAMILY_NAMES

DATA = simulate(60, seed=2)
LIKELIHOODS = [(name, link) for name, family in OF_NUMBERS.items() for link in family.links]
MEASURED = (
    *("gaussian", "student_t", "gamma", "inverse_gaussian", "exponential", "weibull", "tweedie"),
)
ROWS = slice(4, 59)  # kept by lags from -1 to 4


def resolved(model, data=DATA):
    return resolve(plan_fit(model, data)).model


def glm(terms, family="gaussian", **options):
    if FAMILY_NAMES[family].needs_trials:
        options["trials"] = "trials"
    return bg.GLM(family, terms, family=family, **options)


TERMS = {
    "x": (bg.Linear("x"), lambda d: d["x"][ROWS].std().item()),
    "movie": (bg.Linear("movie"), lambda d: d["movie"][ROWS].std().item()),
    "both": (
        bg.Linear(("x", "movie_mean"), name="both"),
        lambda d: (d["x"][ROWS].std().item(), d["movie_mean"][ROWS].std().item()),
    ),
    "z": (bg.Lagged("z", lags=(-1, 5)), lambda d: d["z"].std().item()),
    "lagged": (bg.Lagged("movie", lags=3, name="lagged"), lambda d: d["movie"].std().item()),
    "history": (bg.History(lags=4), None),
}


@pytest.mark.parametrize(("family", "link"), LIKELIHOODS, ids=lambda name: name)
def test_the_rule_by_hand(family, link):
    data = DATA.assign(movie_mean=7 * DATA["movie"].mean(["height", "width"]))
    reach = bg.Lagged("x", lags=(-1, 5), name="reach", prior=bg.Flat())  # fixes the kept rows
    sd_y, mean_y = (data[family][ROWS].std().item(), data[family][ROWS].mean().item())
    of_eta = {"identity": sd_y, "softplus": sd_y, "sqrt": 0.5 * max(mean_y, sd_y) ** -0.5 * sd_y}
    of_eta["inverse"] = max(mean_y, sd_y) ** -2.0 * sd_y
    is_count = FAMILY_NAMES[family].counts and link in ("identity", "sqrt")
    in_units = (family in MEASURED or is_count) and link in of_eta
    unit = 2.5 * (of_eta[link] if in_units else 1.0)
    nouns = [noun for noun, _ in TERMS.values()]
    made = resolved(glm([*nouns, reach], family, link=link), data)
    for (name, (_, by_hand)), term in zip(TERMS.items(), made.terms, strict=False):
        assert isinstance(term.prior, bg.Normal), name
        assert term.prior.loc == 0.0, name
        sd_x = np.array(by_hand(data) if by_hand else data[family].std().item())
        np.testing.assert_allclose(term.prior.scale, unit / sd_x, rtol=1e-12, err_msg=name)
    if family == "gaussian":
        assert made.dispersion.df == 4.0
        assert made.dispersion.scale == pytest.approx(sd_y, rel=1e-12)
    else:
        names = FAMILY_NAMES[family].dispersions
        assert all(made.dispersion_of(name) is not None for name in names)


def test_said_priors_stay_and_the_models_own_comes_before_the_data():
    terms = [
        bg.Linear("x", prior=bg.Flat()),
        bg.Linear("z"),
        bg.Linear("movie", prior=bg.Laplace(3.0)),
    ]
    made = resolved(
        glm(terms, prior=bg.ridge(4.0), intercept=bg.Normal(9.0), dispersion=bg.Exponential(2.0))
    )
    assert [term.prior for term in made.terms] == [bg.Flat(), bg.Normal(0.5), bg.Laplace(3.0)]
    assert made.prior is None
    assert made.intercept == bg.Normal(9.0)
    assert made.dispersion == bg.Exponential(2.0)
    assert resolved(glm(terms, dispersion=2.0)).dispersion == 2.0


@pytest.mark.parametrize("family", OF_NUMBERS)
def test_a_resolved_model_changes_no_more(family):
    terms = ["x", bg.Lagged("movie", lags=2), bg.Linear(("x", "z"), name="both")]
    once = resolved(glm(terms, family))
    assert once.terms[0].prior is not None
    assert resolved(once) == once
    other = simulate(30, seed=9)
    other["x"] = 100 * other["x"]
    assert resolved(once, other) == once


def test_the_stored_model_is_the_resolved_one_and_refits_reuse_it():
    model = glm(["x", bg.Lagged("z", lags=2)])
    fit = bg.fit_map(model, DATA)
    stored = bg.GLM.from_json(fit.attrs["model"])
    assert stored == resolved(model)
    part = DATA.isel(time=slice(0, 25))
    again = bg.fit_map(stored, part)
    assert bg.GLM.from_json(again.attrs["model"]) == stored
    assert bg.GLM.from_json(bg.fit_map(model, part).attrs["model"]) != stored


def test_each_neuron_has_its_own_scales():
    rng = np.random.default_rng(0)
    n, scales = 40, np.array([0.1, 1.0, 10.0])
    data = xr.Dataset(
        {
            "y": (("time", "cell"), rng.normal(size=(n, 3)) * scales),
            "x": ("time", rng.normal(size=n)),
            "own": (("time", "cell"), rng.normal(size=(n, 3)) * scales[::-1]),
            "film": (("time", "a", "b"), rng.normal(size=(n, 2, 2))),
        }
    )
    terms = ["x", "own", "film", bg.Linear(("x", "own"), name="both")]
    made = resolved(bg.GLM("y", terms), data)
    sd_y = data["y"].std("time").values
    sd_own = data["own"].std("time").values
    sd_x = data["x"].std().item()
    x, own, film, both = (np.array(term.prior.scale) for term in made.terms)
    np.testing.assert_allclose(x, 2.5 * sd_y / sd_x)
    np.testing.assert_allclose(own, 2.5 * sd_y / sd_own)
    assert film.shape == (3, 1, 1)
    np.testing.assert_allclose(film[:, 0, 0], 2.5 * sd_y / data["film"].std().item())
    np.testing.assert_allclose(both, 2.5 * sd_y[:, None] / np.column_stack([[sd_x] * 3, sd_own]))
    np.testing.assert_allclose(made.dispersion.scale, sd_y)
    assert resolved(made, data) == made
    # A neuron in the population is fitted like that neuron alone.
    together = bg.fit_map(bg.GLM("y", terms[:3]), data)
    for cell in range(3):
        alone = bg.fit_map(bg.GLM("y", terms[:3]), data.isel(cell=cell))
        for name, values in alone["map"].data_vars.items():
            found = together["map"][name].isel(cell=cell)
            np.testing.assert_allclose(found, values, rtol=1e-5, atol=1e-7 * scales[cell])


def test_where_all_neurons_agree_one_number_is_kept():
    y = np.random.default_rng(0).poisson(2.0, (20, 2))
    data = {"y": y, "x": np.arange(20.0)}
    scale = resolved(bg.GLM("y", "x", family="poisson"), data).terms[0].prior.scale
    assert scale == pytest.approx(2.5 / np.arange(20.0).std())


def test_weights_count_in_the_scales():
    weights = np.array([0, 1, 2, 3] * 15)
    data = DATA.assign(weights=("time", weights))
    made = resolved(glm("x", weights="weights"), data)
    repeated = DATA.isel(time=np.repeat(np.arange(60), weights))
    expected = resolved(glm("x"), repeated)
    assert made.terms[0].prior.scale == pytest.approx(expected.terms[0].prior.scale, rel=1e-12)
    assert made.dispersion.scale == pytest.approx(expected.dispersion.scale, rel=1e-12)


def test_each_neuron_is_scaled_by_its_own_samples():
    rng = np.random.default_rng(1)
    weights = np.ones((20, 2))
    weights[:10, 1] = 0.0
    data = xr.Dataset(
        {"y": (("time", "cell"), rng.poisson(2.0, (20, 2))), "x": ("time", rng.normal(size=20))}
        | {"w": (("time", "cell"), weights)}
    )
    scales = resolved(bg.GLM("y", "x", family="poisson", weights="w"), data).terms[0].prior.scale
    expected = 2.5 / np.array([data["x"].values.std(), data["x"].values[10:].std()])
    np.testing.assert_allclose(scales, expected)


@settings(max_examples=20)
@example(offset=1e8, size=1e-3, weighted=False, gaps=False, dtype=np.float64)
@example(offset=0.0, size=1e30, weighted=True, gaps=True, dtype=np.float32)
@given(
    offset=st.sampled_from([0.0, 1.0, -1e6, 1e8]),
    size=st.sampled_from([1e-30, 1e-3, 1.0, 1e30]),
    weighted=st.booleans(),
    gaps=st.booleans(),
    dtype=st.sampled_from([np.float64, np.float32]),
)
def test_scales_of_large_predictors_are_those_of_all_values_at_once(
    offset, size, weighted, gaps, dtype
):
    n, p = 2000, 70
    assert n * p > 2 * CACHED, "several blocks, the last one not full"
    rng = np.random.default_rng(0)
    trend = np.linspace(-3, 3, n)[:, None]
    x = (offset + size * (trend + rng.normal(size=(n, p)) * np.arange(1, p + 1))).astype(dtype)
    weights = rng.choice([0.0, 0.5, 2.0], n) if weighted else np.ones(n)
    if gaps:
        weights[5::7] = 0.0
    data = {"y": rng.poisson(2.0, n), "film": x, "w": weights}
    data |= {f"x{k}": x[:, k] for k in range(p)}
    columns = bg.Linear(tuple(f"x{k}" for k in range(p)), name="columns")
    if np.ptp(x) == 0 or np.any(np.ptp(x, axis=0) == 0):
        with pytest.raises(bg.DataError, match="is constant over the samples in use"):
            resolved(bg.GLM("y", ["film", columns], family="poisson", weights="w"), data)
        return
    made = resolved(bg.GLM("y", ["film", columns], family="poisson", weights="w"), data)
    exact = x.astype(np.longdouble)
    w = weights / weights.astype(np.longdouble).sum()
    mean = w @ exact
    together = np.sqrt(w @ ((exact - mean.mean()) ** 2).mean(axis=1))
    np.testing.assert_allclose(made.terms[0].prior.scale, float(2.5 / together), rtol=1e-12)
    each = np.sqrt(w @ (exact - mean) ** 2)
    np.testing.assert_allclose(made.terms[1].prior.scale, (2.5 / each).astype(float), rtol=1e-12)


CONSTANT = "constant over the samples in use, so no prior can be scaled by it; remove the term or"


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 1e30, -7.3e-12, 1 / 3])
@pytest.mark.parametrize("n", [7, 10, 60])
def test_a_constant_predictor(value, n):
    data = DATA.isel(time=slice(0, n)).assign(c=("time", np.full(n, value)))
    for term in ("c", bg.Lagged("c", lags=2)):
        with pytest.raises(bg.DataError, match=f"predictor 'c' is {CONSTANT}"):
            resolved(glm(term), data)
    with pytest.raises(bg.DataError, match=rf"'both' \(column 'c'\) is {CONSTANT}"):
        resolved(glm(bg.Linear(("x", "c"), name="both")), data)
    assert resolved(glm(bg.Linear("c", prior=bg.ridge(1.0))), data).terms[0].prior == bg.Normal(1.0)


def test_constant_where_it_counts():
    c = np.r_[np.zeros(50), np.ones(10)]
    data = DATA.assign(c=("time", c), w=("time", 1 - c))
    assert resolved(glm("c"), data).terms[0].prior.scale > 0
    with pytest.raises(bg.DataError, match=f"predictor 'c' is {CONSTANT}"):
        resolved(glm("c", weights="w"), data)
    own = data.assign(
        gaussian=data["gaussian"].expand_dims(cell=["p", "q"], axis=1),
        c=(("time", "cell"), np.column_stack([data["x"], np.ones(60)])),
    )
    with pytest.raises(bg.DataError, match=rf"predictor 'c' \(cell=q\) is {CONSTANT}"):
        resolved(glm("c"), own)


@pytest.mark.parametrize("size", [1e-10, 1e-30, 1e-39])
def test_a_predictor_that_hardly_varies(size):
    data = DATA.assign(x=("time", np.tile([0.0, size, 0.0], 20)))
    scale = resolved(glm("x", "poisson"), data).terms[0].prior.scale
    assert scale == pytest.approx(2.5 / (size * np.sqrt(2 / 9)))


@pytest.mark.parametrize("size", [1e-41, 1e-310, 5e-324])
def test_a_predictor_too_small_for_floats(size):
    x = np.tile([0.0, size, 0.0], 20)
    with pytest.raises(bg.DataError, match=r"'x' holds no value beyond .* too small.*rescale it"):
        resolved(glm("x", "poisson"), DATA.assign(x=("time", x)))
    x[0] = 1.0
    data = DATA.assign(x=("time", x), w=("time", np.r_[0.0, np.ones(59)]))
    if 0 < size < 1e-308:
        with pytest.raises(bg.DataError, match=r"'x' (varies by too little .*rescale|is constant)"):
            resolved(glm("x", "poisson", weights="w"), data)
    y = DATA.assign(gaussian=("time", x), w=("time", np.r_[0.0, np.ones(59)]))
    with pytest.raises(bg.DataError, match=r"response 'gaussian' varies by too little .*rescale"):
        resolved(glm("z", weights="w"), y)


def test_a_response_that_does_not_vary_scales_nothing():
    data = DATA.assign(gaussian=("time", np.full(60, 0.1)))
    fixed = glm("x", intercept=bg.Normal(1.0), dispersion=1.0)
    scale = resolved(fixed, data).terms[0].prior.scale
    assert scale == pytest.approx(2.5 / DATA["x"].values.std())


def test_a_flat_intercept_of_a_direction_is_flat_on_the_circle():
    """The density of 2 arctan(eta) under a Cauchy eta is 1 / (2 pi) everywhere."""
    assert resolved(glm("x", "von_mises")).intercept == bg.StudentT(1.0, df=1.0)
    assert resolved(glm("x", "von_mises", link="identity")).intercept == bg.Flat()
    assert resolved(glm("x", "von_mises", intercept=bg.Normal(2.0))).intercept == bg.Normal(2.0)
