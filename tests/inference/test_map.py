"""MAP estimates beside closed forms, penalised peers, and what must not change them."""

import numpy as np
import pytest
import statsmodels.api as sm
import xarray as xr
from families import KEYS
from scipy.optimize import brentq
from sklearn.linear_model import Ridge

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

NOISE = np.random.default_rng(0).normal(size=30) * 1.7
# d/d sigma of -n log(sigma) - S/(2 sigma^2) + log p(sigma) + jacobian log(sigma), for each prior.
SLOPES = {
    "flat": (bg.Flat(), lambda s: 0.0),
    "half-normal": (bg.HalfNormal(0.8), lambda s: -s / 0.8**2),
    "exponential": (bg.Exponential(0.5), lambda s: -1 / 0.5),
    "half-t": (bg.HalfStudentT(0.6, df=3), lambda s: -4 * s / (3 * 0.6**2 + s**2)),
}


def mode_of_sigma(slope, jacobian):
    n, total = len(NOISE), NOISE @ NOISE
    return brentq(lambda s: (jacobian - n) / s + total / s**3 + slope(s), 0.01, 10, xtol=1e-14)


@pytest.mark.parametrize("name", SLOPES)
def test_sigma_alone_is_the_root_of_its_own_equation(name):
    prior, slope = SLOPES[name]
    model = bg.GLM("y", [], intercept=None, dispersion=prior)
    found = bg.fit_map(model, {"y": NOISE})
    assert float(found["map"]["sigma"]) == pytest.approx(mode_of_sigma(slope, 0), rel=1e-9)
    # Laplace stands at another place: the mode of the density of log(sigma).
    other = bg.fit_laplace(model, {"y": NOISE}, draws=200)["laplace"]["mode"]
    assert float(other.squeeze()) == pytest.approx(np.log(mode_of_sigma(slope, 1)), rel=1e-8)


def test_a_signal_held_at_its_kink_is_a_mode_with_sigma_learned(many):
    # There the whole Hessian is indefinite as soon as the signal explains more than half.
    y = 2.0 * many["x"].values + 0.5 * many["gaussian"].values
    model = bg.GLM("y", bg.Linear("x", prior=bg.Laplace(1e-3)), dispersion=bg.Flat())
    found = bg.fit_map(model, {"y": y, "x": many["x"].values})["map"]
    assert float(found["x"]) == 0.0
    assert float(found["sigma"]) == pytest.approx(y.std(), rel=1e-8)


@pytest.mark.parametrize("lam", [12.0, 1e4])
def test_a_kink_away_from_zero_holds_coefficients_there(lam, many):
    model = bg.GLM("poisson", bg.Linear("movie", prior=bg.Laplace(1 / lam, loc=0.07)), "poisson")
    found = bg.fit_map(model, many)
    w = found["map"]["movie"].values.ravel()
    held = w == 0.07
    assert held.all() if lam == 1e4 else 0 < held.sum() < w.size
    theta = np.r_[found["map"]["intercept"].values, w]
    slope = open_problems(model, many)[0].natural.evaluate(theta).gradient
    assert abs(slope[0]) < 1e-6
    np.testing.assert_allclose(slope[1:][~held], lam * np.sign(w[~held] - 0.07), atol=1e-6)
    assert np.all(np.abs(slope[1:][held]) <= lam + 1e-6)


def test_a_penalised_intercept_can_be_exactly_zero(many):
    strong = bg.GLM("poisson", "x", "poisson", prior=bg.Normal(1.0), intercept=bg.lasso(1e4))
    assert float(bg.fit_map(strong, many)["map"]["intercept"]) == 0.0
    without = bg.GLM("poisson", "x", "poisson", prior=bg.Normal(1.0), intercept=None)
    found = bg.fit_map(without, many)["map"]
    assert "intercept" not in found
    np.testing.assert_allclose(bg.fit_map(strong, many)["map"]["x"], found["x"], rtol=1e-8)


def test_a_scale_per_column_is_scikit_learns_ridge_on_scaled_columns(many):
    X = np.column_stack([many["x"], many["z"], many["offset"]])
    scales, sigma = np.array([0.05, 0.2, 3.0]), 0.6
    y = many["gaussian"].values
    model = bg.GLM("y", bg.Linear("X", prior=bg.Normal(scales)), dispersion=sigma)
    found = bg.fit_map(model, {"y": y, "X": X})["map"]
    peer = Ridge(alpha=sigma**2, tol=1e-12).fit(X * scales, y)
    np.testing.assert_allclose(found["X"], peer.coef_ * scales, atol=1e-8)
    np.testing.assert_allclose(found["intercept"], peer.intercept_, atol=1e-8)


def test_every_term_keeps_its_own_penalty(many):
    terms = [
        bg.Linear("movie", prior=bg.lasso(4.0)),
        bg.Linear("x", prior=bg.ridge(3.0)),
        bg.Linear("z", prior=bg.Flat()),
    ]
    found = bg.fit_map(bg.GLM("bernoulli", terms, family="bernoulli"), many)["map"]
    mean = bg.predict(bg.fit_map(bg.GLM("bernoulli", terms, family="bernoulli"), many))
    residual = many["bernoulli"] - mean["bernoulli"]
    assert abs(float(residual.sum())) < 1e-6
    assert float((residual * many["z"]).sum()) == pytest.approx(0.0, abs=1e-6)
    assert float((residual * many["x"]).sum()) == pytest.approx(3.0 * float(found["x"]), abs=1e-6)
    score, w = (residual * many["movie"]).sum("time").values, found["movie"].values
    assert 0 < (w == 0).sum() < w.size
    np.testing.assert_allclose(score[w != 0], 4.0 * np.sign(w[w != 0]), atol=1e-6)
    assert np.all(np.abs(score[w == 0]) <= 4.0 + 1e-6)


@pytest.mark.parametrize("link", FAMILY_NAMES["gaussian"].links)
def test_gaussian_links_are_statsmodels(link, many):
    # Least squares on a curved mean; softplus is not among statsmodels' links.
    y = many["gaussian"].values + 3.0
    model = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), link=link, dispersion=bg.Flat())
    found = bg.fit_map(model, {"y": y, "x": many["x"].values})
    assert found.attrs["mode"] == "local"
    design = sm.add_constant(many["x"].values)
    mean = bg.predict(found)["y"].values
    residual = y - mean
    if link == "softplus":
        slope = -np.expm1(-mean)
        np.testing.assert_allclose(design.T @ (residual * slope), 0.0, atol=1e-5)
    else:
        links = sm.families.links
        theirs = {"identity": links.Identity, "log": links.Log, "inverse": links.InversePower}
        family = sm.families.Gaussian(theirs[link]())
        peer = sm.GLM(y, design, family=family).fit(tol=1e-14, maxiter=200)
        both = np.r_[found["map"]["intercept"], found["map"]["x"]]
        np.testing.assert_allclose(both, peer.params, atol=1e-6)
    assert float(found["map"]["sigma"]) == pytest.approx(np.sqrt(np.mean(residual**2)), rel=1e-6)


def test_offsets_and_weights_are_statsmodels(many):
    terms = [bg.Linear("x", prior=bg.Flat()), bg.Linear("z", prior=bg.Flat())]
    options = {"offset": "offset", "weights": "weights"}
    found = bg.fit_map(bg.GLM("poisson", terms, family="poisson", **options), many)["map"]
    peer = sm.GLM(
        many["poisson"].values,
        sm.add_constant(np.column_stack([many["x"], many["z"]])),
        family=sm.families.Poisson(),
        offset=many["offset"].values,
        freq_weights=many["weights"].values,
    ).fit(tol=1e-13)
    both = [float(found[name]) for name in ("intercept", "x", "z")]
    np.testing.assert_allclose(both, peer.params, atol=1e-6)


def test_predictions_of_weighted_rows_are_those_of_repeated_ones(many):
    counts = np.random.default_rng(2).integers(0, 3, 400)
    plain = many.drop_vars("time").rename(time="obs")
    # The default priors, too, are scaled by rows counted by their weight.
    weighted = bg.fit_map(
        bg.GLM("gaussian", ["x", "movie"], weights="counts"), plain.assign(counts=("obs", counts))
    )
    repeated = bg.fit_map(
        bg.GLM("gaussian", ["x", "movie"]), plain.isel(obs=np.repeat(np.arange(400), counts))
    )
    one, other = (bg.predict(fit, plain)["gaussian"] for fit in (weighted, repeated))
    np.testing.assert_allclose(one, other, rtol=1e-7)
    assert weighted.attrs["log_posterior"] == pytest.approx(repeated.attrs["log_posterior"])


@pytest.mark.parametrize(("family", "link"), KEYS)
def test_log_posterior_is_pymcs_for_every_family(family, link, data):
    options = {"trials": "trials"} if FAMILY_NAMES[family].needs_trials else {}
    model = bg.GLM(family, ["x", bg.Linear("z", prior=bg.lasso(2.0))], family, link, **options)
    found = bg.fit_map(model, data)
    made = bg.to_pymc(model, data)
    point = {name: value.values for name, value in found["map"].data_vars.items()}
    names = FAMILY_NAMES[family].dispersions
    for name in names:
        free = made[name]
        inner = made.rvs_to_transforms[free].forward(point.pop(name), *free.owner.inputs).eval()
        point[made.rvs_to_values[free].name] = inner
    value = made.compile_logp(jacobian=False, mode="FAST_COMPILE")(point)
    assert found.attrs["log_posterior"] == pytest.approx(float(value), rel=1e-9)
    # With a dispersion to learn, or a density that is not log-concave, there may be other modes.
    one_mode = not names and FAMILIES[family, link].log_concave
    assert found.attrs["mode"] == ("global" if one_mode else "local")
    assert found.attrs["solver"].startswith("proximal newton")
    assert found.attrs["gradient_norm"] < 1e-5


def test_a_fixed_sigma_makes_the_mode_global(data):
    assert bg.fit_map(bg.GLM("gaussian", "x", dispersion=1.0), data).attrs["mode"] == "global"


def test_the_stored_model_refits_to_the_same_numbers(many):
    found = bg.fit_map(bg.GLM("gaussian", ["x", bg.Lagged("movie", lags=2)]), many)
    stored = bg.GLM.from_json(found.attrs["model"])
    assert stored.terms[0].prior is not None
    assert stored.dispersion is not None
    again = bg.fit_map(stored, many)
    xr.testing.assert_identical(found["map"].to_dataset(), again["map"].to_dataset())
    assert again.attrs["model"] == found.attrs["model"]


def test_edges_of_zero_are_a_past_of_zeros(many):
    model = bg.GLM("poisson", bg.Lagged("x", lags=3, prior=bg.Normal(1.0)), "poisson")
    zeros = bg.fit_map(bg.GLM("poisson", model.terms, "poisson", edges="zero"), many)
    assert zeros.attrs["n_dropped"] == 0
    x = many["x"].values
    columns = np.column_stack([np.r_[np.zeros(k), x[: 400 - k]] for k in range(3)])
    by_hand = bg.GLM("y", bg.Linear("X", prior=bg.Normal(1.0)), "poisson")
    expected = bg.fit_map(by_hand, {"y": many["poisson"].values, "X": columns})
    np.testing.assert_allclose(zeros["map"]["x"], expected["map"]["X"], rtol=1e-8)
    dropped = bg.fit_map(model, many)
    assert dropped.attrs["n_dropped"] == 2
    expected = bg.fit_map(by_hand, {"y": many["poisson"].values[2:], "X": columns[2:]})
    np.testing.assert_allclose(dropped["map"]["x"], expected["map"]["X"], rtol=1e-8)


def test_lags_and_history_never_cross_a_trial(many):
    trials = np.repeat(np.arange(8), 50)
    data = many[["x", "poisson"]].assign_coords(
        time=("time", np.tile(np.arange(50) * 0.01, 8)), trial=("time", trials)
    )
    terms = [bg.Lagged("x", lags=2), bg.History(lags=2)]
    model = bg.GLM("poisson", terms, "poisson", prior=bg.Normal(1.0))
    found = bg.fit_map(model, data)
    assert found.attrs["n_dropped"] == 16
    parts = [data.isel(time=trials == k).to_dataframe().reset_index(drop=True) for k in range(8)]
    rows = [
        (part.poisson[t], part.x[t], part.x[t - 1], part.poisson[t - 1], part.poisson[t - 2])
        for part in parts
        for t in range(2, 50)
    ]
    y, *columns = np.array(rows).T
    by_hand = bg.GLM("y", bg.Linear("X", prior=bg.Normal(1.0)), "poisson")
    expected = bg.fit_map(by_hand, {"y": y, "X": np.column_stack(columns)})["map"]["X"]
    both = np.r_[found["map"]["x"], found["map"]["history"]]
    np.testing.assert_allclose(both, expected, rtol=1e-8)


def test_a_neuron_of_a_population_is_itself(many):
    rng = np.random.default_rng(6)
    data = many.assign(
        cells=(("time", "neuron"), rng.poisson(1.0, (400, 2))),
        input=(("time", "neuron"), rng.normal(size=(400, 2))),
        gain=(("neuron", "time"), 0.3 * rng.normal(size=(2, 400))),
        counted=(("time", "neuron"), rng.integers(0, 3, (400, 2))),
    )
    terms = ["input", bg.Lagged("x", lags=2, prior=bg.Laplace([[0.2], [1.0]]))]
    options = {"offset": "gain", "weights": "counted"}
    found = bg.fit_map(bg.GLM("cells", terms, "poisson", **options), data)
    for k, lam in enumerate((5.0, 1.0)):
        terms = ["input", bg.Lagged("x", lags=2, prior=bg.lasso(lam))]
        alone = bg.fit_map(bg.GLM("cells", terms, "poisson", **options), data.isel(neuron=k))
        for name in ("intercept", "input", "x"):
            np.testing.assert_allclose(
                found["map"][name].isel(neuron=k), alone["map"][name], rtol=1e-7, atol=1e-12
            )
