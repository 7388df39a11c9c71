"""Goodness of fit: known answers, true models that pass and wrong ones that do not."""

import numpy as np
import pytest
from families import OF_NUMBERS, model_of
from scipy.special import ndtri
from scipy.stats import kstest, poisson
from sklearn.metrics import d2_tweedie_score, r2_score
from statsmodels.stats.outliers_influence import variance_inflation_factor

import bayesglm as bg
from bayesglm.results.check_part import Checked, put_together
from bayesglm.results.check_rescaling import Passed, rescaled
from bayesglm.results.check_residuals import kolmogorov_smirnov

PRIOR = bg.Normal(1.0)
REFRACTORY = (-3.0, -2.0, -1.0)


def spikes(n=6000, base=-2.0, gain=0.7, history=REFRACTORY, seed=5):
    """A neuron that a stimulus drives and its own past holds back, at 1 ms."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=n), np.zeros(n, dtype=int)
    for t in range(n):
        past = sum(h * y[t - k] for k, h in enumerate(history, 1) if t >= k)
        y[t] = rng.poisson(np.exp(base + gain * x[t] + past))
    return bg.as_dataset({"y": y, "x": x}, bin_size=0.001)


@pytest.fixture(scope="module")
def data():
    return spikes()


@pytest.fixture(scope="module")
def true(data):
    model = bg.GLM("y", ["x", bg.History(lags=3)], family="poisson", prior=PRIOR)
    return bg.check(bg.fit(model, data, draws=100))


@pytest.fixture(scope="module")
def without_history(data):
    return bg.check(bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), data))


def test_a_true_model_passes_and_one_without_history_does_not(true, without_history):
    for name in ("time_rescaling", "quantile_residuals"):
        assert float(true[name]["p_value"]) > 0.02
        assert float(true[name]["ks_distance"]) < float(true[name]["ks_critical"])
    assert float(without_history["time_rescaling"]["p_value"]) < 1e-6
    told = true["time_rescaling"].to_dataset()
    assert (told["observed"] > told["lower"]).all()
    assert (told["observed"] < told["upper"]).all()
    assert (told["observed_lower"] <= told["observed_upper"]).all()
    first = without_history["autocorrelation"].to_dataset().isel(lag=0)
    assert float(first["autocorrelation"]) < float(first["lower"])
    assert float(true["autocorrelation"]["share_outside"]) < 0.2
    assert "observed_lower" not in without_history["time_rescaling"].to_dataset()


def test_rescaled_intervals_are_uniform_and_their_bands_hold():
    """In bins of 20% the correction of Haslinger et al. matters: without it all is rejected."""
    rng, p_values, inside = np.random.default_rng(0), [], []
    for _ in range(300):
        q = rng.gamma(4.0, 0.05, 600)
        events = np.flatnonzero(rng.random(600) < -np.expm1(-q))
        before = (np.cumsum(q) - q)[events]
        passed = Passed(before[None], q[events][None])
        z = np.sort(rescaled(passed, rng)[0])
        distance, critical, p = kolmogorov_smirnov(z, 0.9)
        inside.append(distance < critical)
        p_values.append(p)
    assert abs(np.mean(inside) - 0.9) < 4 * np.sqrt(0.09 / 300)
    assert kstest(p_values, "uniform").pvalue > 1e-3
    whole = -np.expm1(-np.diff(before + q[events]))
    assert kolmogorov_smirnov(np.sort(whole), 0.9)[2] < 0.01


def test_bins_of_thousands_of_events_are_rescaled_to_uniform_numbers():
    y = np.random.default_rng(1).poisson(1100.0, 400)
    data = bg.as_dataset({"y": y}, bin_size=1.0)
    told = bg.check(bg.fit_map(bg.GLM("y", [], family="poisson"), data))["time_rescaling"]
    np.testing.assert_allclose(told["observed"], told["uniform"], atol=0.08)
    assert told["p_value"] > 0.01


def test_distances_and_p_values_are_those_of_scipy():
    u = np.sort(np.random.default_rng(2).random(400) ** 1.08)
    exact = kstest(u, "uniform")
    distance, critical, p = kolmogorov_smirnov(u, 0.95)
    assert distance == pytest.approx(exact.statistic, rel=1e-12)
    assert p == pytest.approx(exact.pvalue, rel=0.03)
    assert critical == pytest.approx(1.358 / 20.13, rel=1e-3)


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_quantile_residuals_are_normal_whatever_the_family(family, many):
    key = (family, OF_NUMBERS[family].links[0])
    fit = bg.fit_map(model_of(key, "x", prior=PRIOR), many)
    told = bg.check(fit)["quantile_residuals"].to_dataset()
    n = many.sizes["time"]
    assert abs(float(told["mean"])) < 5.0 / np.sqrt(n)
    assert abs(float(told["sd"]) - 1.0) < 5.0 / np.sqrt(2 * n)
    assert float(told["p_value"]) > 1e-3
    share = ((told["observed"] > told["lower"]) & (told["observed"] < told["upper"])).mean()
    assert float(share) > 0.7
    assert told["residual"].sizes["time"] == n


def test_residuals_of_censored_and_of_truncated_responses_are_normal():
    rng = np.random.default_rng(1)
    x = rng.normal(size=800)
    t = rng.exponential(np.exp(0.5 * x))
    data = {"t": np.minimum(t, 1.0), "x": x, "s": np.where(t > 1.0, "right", "none")}
    some = {"t": t[t > 0.3], "x": x[t > 0.3], "low": np.full((t > 0.3).sum(), 0.3)}
    for given, options in ((data, {"censored": "s"}), (some, {"truncated": ("low", None)})):
        model = bg.GLM("t", "x", family="exponential", prior=PRIOR, **options)
        told = bg.check(bg.fit_map(model, given))
        assert float(told["quantile_residuals"]["p_value"]) > 0.01
        assert "deviance_explained" not in told["scores"]
        wrong = bg.fit_map(bg.GLM("t", "x", family="exponential", prior=PRIOR), given)
        assert float(bg.check(wrong)["quantile_residuals"]["p_value"]) < 1e-6


def test_scores_are_those_of_peers(data):
    y, x = data["y"].values, data["x"].values
    fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), data)
    told, mean = bg.check(fit)["scores"], bg.predict(fit)["y"].values
    d2 = d2_tweedie_score(y, mean, power=1)
    assert float(told["deviance_explained"]) == pytest.approx(d2, rel=1e-6)
    null = poisson.logpmf(y, y.mean()).sum()
    mcfadden = 1.0 - poisson.logpmf(y, mean).sum() / null
    assert float(told["mcfadden_r2"]) == pytest.approx(mcfadden, rel=1e-6)
    bits = bg.bits_per_spike(fit)["bits_per_spike"].item()
    assert float(told["bits_per_spike"]) == pytest.approx(bits, rel=1e-9)
    wide = bg.fit_laplace(
        bg.GLM("y", "x", family="poisson", prior=PRIOR),
        data[["y", "x"]].isel(obs=slice(0, 40)),
        draws=50,
    )
    told = bg.check(wide, draws=200)["scores"]
    bits = bg.bits_per_spike(wide, draws=200)["bits_per_spike"].item()
    assert float(told["bits_per_spike"]) == pytest.approx(bits, rel=1e-9)
    of_draws = 0.5 * float(told["bits_per_spike_lower"] + told["bits_per_spike_upper"])
    assert of_draws < bits
    gaussian = bg.fit_map(bg.GLM("z", "x", prior=PRIOR), {"z": x + np.sin(y), "x": x})
    told = bg.check(gaussian)["scores"].to_dataset()
    expected = r2_score(x + np.sin(y), bg.predict(gaussian)["z"])
    assert float(told["deviance_explained"]) == pytest.approx(expected, rel=1e-6)
    assert "mcfadden_r2" not in told
    assert "bits_per_spike" not in told


def test_collinearity_is_that_of_peers():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 300))
    pair = np.stack([a + 0.3 * rng.normal(size=300), rng.normal(size=300)], axis=1)
    data = {"y": a + rng.normal(size=300), "a": a, "b": b + 0.5 * a, "pair": pair}
    model = bg.GLM("y", ["a", "b", "pair"], prior=PRIOR, dispersion=1.0)
    told = bg.check(bg.fit_map(model, data))["terms"].to_dataset()
    X = np.column_stack([data["a"], data["b"], pair])
    full = np.column_stack([np.ones(300), X])
    expected = [variance_inflation_factor(full, k) for k in (1, 2)]
    np.testing.assert_allclose(told["inflation"][:2], expected, rtol=1e-8)
    R = np.corrcoef(X.T)
    dets = [np.linalg.det(R[np.ix_(one, one)]) for one in ([2, 3], [0, 1])]
    general = (np.prod(dets) / np.linalg.det(R)) ** 0.5
    assert float(told["inflation"][2]) == pytest.approx(general, rel=1e-8)
    one = float(told["canonical_correlation"].sel(term="a", other="b"))
    assert one == pytest.approx(abs(R[0, 1]), rel=1e-8)
    again = {**data, "b": 2.0 * a}
    told = bg.check(bg.fit_map(model, again))["terms"].to_dataset()
    assert np.isinf(told["inflation"].values[:2]).all()
    assert float(told["canonical_correlation"].sel(term="a", other="b")) == pytest.approx(1.0)


def test_what_terms_add_at_events_sums_to_the_linear_predictor(true, data):
    model = bg.GLM("y", ["x", bg.History(lags=3)], family="poisson", prior=PRIOR)
    fit = bg.fit(model, data, draws=50)
    told = bg.check(fit)
    eta = bg.predict(fit, kind="linear")["y"].mean(("chain", "draw")).values[3:]
    events = told["events"].to_dataset()
    at = events["sample"].values.astype(int)
    assert (data["y"].values[at] == events["count"]).all()
    assert len(at) == (data["y"].values[3:] > 0).sum()
    np.testing.assert_allclose(events["added"].sum("term"), eta[at - 3] - eta.mean(), atol=1e-9)
    np.testing.assert_allclose(events["share"].sum("term"), 1.0, rtol=1e-12)
    terms = told["terms"].to_dataset()
    weighted = (events["added"] * events["count"]).sum("event") / events["count"].sum()
    np.testing.assert_allclose(terms["at_events"], weighted, rtol=1e-9)
    assert terms["at_events"].sel(term="x") > 0.3
    assert terms["most"].sum() == pytest.approx(1.0)


def test_calibration_holds_of_a_true_model_and_not_of_a_wrong_one(true, data):
    told = true["calibration"].to_dataset()
    inside = (told["observed"] >= told["lower"]) & (told["observed"] <= told["upper"])
    assert int(inside.sum()) >= 10
    assert int(told["n"].sum()) == data.sizes["obs"] - 3
    bent = data.assign(x=np.exp(data["x"]))
    wrong = bg.check(bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), bent))
    told = wrong["calibration"].to_dataset()
    inside = (told["observed"] >= told["lower"]) & (told["observed"] <= told["upper"])
    assert int(inside.sum()) < 6


def test_bands_of_few_draws_are_as_wide_as_those_of_many(data):
    """Ten replicates alone would reach from the least to the most: 77%, not 94%."""
    model = bg.GLM("y", ["x", bg.History(lags=3)], family="poisson", prior=PRIOR)
    fit = bg.fit_laplace(model, data, draws=100)
    few, many = (bg.check(fit, draws=n)["calibration"].to_dataset() for n in (10, 200))
    widths = [float((one["upper"] - one["lower"]).mean()) for one in (few, many)]
    assert widths[0] == pytest.approx(widths[1], rel=0.08)


def test_labels_are_calibrated_level_by_level(data):
    labels = {"y": np.where(data["y"].values > 0, "b", "a"), "x": data["x"].values}
    labels["y"][::7] = "c"
    told = bg.check(bg.fit_map(bg.GLM("y", "x", family="categorical", prior=PRIOR), labels))
    of_each = told["calibration"].to_dataset()
    assert of_each["y_level"].values.tolist() == ["a", "b", "c"]
    total = (of_each["observed"] * of_each["n"]).sum("bin") / of_each["n"].sum("bin")
    shares = [np.mean(labels["y"] == one) for one in "abc"]
    np.testing.assert_allclose(total, shares, rtol=1e-12)


def test_units_are_checked_each_by_itself(data):
    other = spikes(seed=9, base=-3.0)
    both = {"y": np.stack([data["y"], other["y"]], axis=1), "x": data["x"].values}
    model = bg.GLM("y", "x", family="poisson", prior=PRIOR)
    told = bg.check(bg.fit_map(model, bg.as_dataset(both, bin_size=0.001)))
    alone = bg.check(bg.fit_map(model, data))
    for name in ("scores", "terms"):
        for variable, values in alone[name].to_dataset().items():
            np.testing.assert_allclose(told[name][variable][0], values, rtol=1e-5)
    n = (other["y"] > 0).sum()
    assert np.isfinite(told["events"]["sample"][1]).sum() == n
    assert told["events"]["added"].dims == ("y_dim_0", "event", "term")


def test_what_one_unit_alone_has_is_nan_of_the_others():
    """A mean with no band beside one with a band, in either order."""
    one = Checked({"a": ((), 1.0)})
    two = Checked({"a": ((), 2.0), "b": (("bin",), np.ones(3))}, {"bin": np.arange(3)})
    for every in ([one, two], [two, one]):
        told = put_together(every, "unit", np.arange(2), None)
        assert set(told.data_vars) == {"a", "b"}
        assert np.isnan(told["b"][every.index(one)]).all()
        assert (told["b"][every.index(two)] == 1.0).all()
        assert told["bin"].values.tolist() == [0, 1, 2]


def test_lags_stay_inside_trials():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(200, 2))
    y = np.stack([noise[:, 0], noise[:, 0] + 0.1 * noise[:, 1]], axis=1).ravel()
    data = {"y": y, "trial": np.repeat(np.arange(200), 2), "time": np.tile([0.0, 0.1], 200)}
    told = bg.check(bg.fit_map(bg.GLM("y", []), data))["autocorrelation"].to_dataset()
    assert float(told["autocorrelation"][0]) > 0.9
    assert np.isnan(told["autocorrelation"][1:]).all()
    assert told["upper"][0] == pytest.approx(ndtri(0.97) / np.sqrt(200))


def test_same_seed_same_numbers(data):
    fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), data)
    one, same, other = (bg.check(fit, seed=seed) for seed in (1, 1, 2))
    assert one.identical(same)
    assert not one["quantile_residuals"].to_dataset().equals(other["quantile_residuals"])


def test_what_does_not_apply_is_said(many):
    told = bg.check(bg.fit_map(bg.GLM("gaussian", [], dispersion=1.0), many))
    assert list(told.children) == ["scores", "quantile_residuals", "autocorrelation", "calibration"]
    assert told.attrs["absent_time_rescaling"] == "gaussian responses count no events"
    assert told.attrs["absent_terms"] == "the model has no terms"
    with pytest.raises(bg.DataError, match="prob must be"):
        bg.check(bg.fit_map(bg.GLM("gaussian", [], dispersion=1.0), many), prob=2.0)
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.check(3)


def test_simulations_stand_beside_the_recording(data):
    history = bg.GLM("y", ["x", bg.History(lags=3)], family="poisson", prior=PRIOR)
    shares = {}
    for name, model in (("true", history), ("without", bg.GLM("y", "x", "poisson", prior=PRIOR))):
        fit = bg.fit_map(model, data)
        made = bg.simulate(fit, trials=60)
        told = bg.check(fit, simulations=made)["simulations"].to_dataset()
        assert told.attrs == {"simulations": 50, "left_out": 0}
        shares[name] = {
            one: float(
                (
                    (told[f"{one}_recorded"] >= told[f"{one}_lower"])
                    & (told[f"{one}_recorded"] <= told[f"{one}_upper"])
                ).mean()
            )
            for one in ("interval_density", "fano_factor", "autocorrelation", "mean")
        }
    assert min(shares["true"].values()) > 0.6
    assert shares["without"]["fano_factor"] < 0.4
    first = told.isel(lag=0)
    assert first["autocorrelation_recorded"] < first["autocorrelation_lower"]
    y = data["y"].values
    by_hand = y[: 6000 // 8 * 8].reshape(-1, 8).sum(axis=1)
    factor = float(told["fano_factor_recorded"].sel(window=8))
    assert factor == pytest.approx(by_hand.var(ddof=1) / by_hand.mean(), rel=1e-9)
    apart = np.diff(np.flatnonzero(y))
    assert float(told["interval_density_recorded"][0]) == pytest.approx(np.mean(apart == 1))
    np.testing.assert_allclose(told["mean_recorded"], y.reshape(60, 100).mean(axis=1), rtol=1e-9)


def test_silent_simulations_leave_the_others_their_bands(data):
    fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), data)
    made = bg.simulate(fit, trials=20)
    made["y"][:, 0] = 0
    told = bg.check(fit, simulations=made)["simulations"].to_dataset()
    rest = made.isel(trial_repeat=slice(1, None))
    others = bg.check(fit, simulations=rest)["simulations"].to_dataset()
    for name in ("fano_factor", "autocorrelation"):
        assert (told[f"{name}_n"] == 19).all()
        for ending in ("", "_lower", "_upper"):
            np.testing.assert_allclose(told[name + ending], others[name + ending], rtol=1e-12)
    assert (told["mean_n"] == 20).all()


def test_along_trials_the_mean_is_that_of_all(data):
    y = np.tile([0, 1, 0, 2], 50)
    given = {"y": y, "trial": np.repeat(np.arange(50), 4), "time": np.tile(np.arange(4) * 0.01, 50)}
    fit = bg.fit_map(bg.GLM("y", [], family="poisson"), given)
    told = bg.check(fit, simulations=bg.simulate(fit, trials=20))["simulations"].to_dataset()
    assert told["mean_recorded"].values.tolist() == [0.0, 1.0, 0.0, 2.0]
    assert told["place_time"].values.tolist() == [0.0, 0.01, 0.02, 0.03]
    assert told["lag"].values.tolist() == [1, 2, 3]
    other = bg.fit_map(bg.GLM("y", [], family="poisson"), {"y": y[:80]})
    for wrong, words in ((bg.simulate(other), "samples along"), (3, "must be what simulate")):
        with pytest.raises(bg.DataError, match=words):
            bg.check(fit, simulations=wrong)


def test_what_priors_carry_is_told_by_term():
    rng = np.random.default_rng(0)
    x, z = rng.normal(size=(2, 200))
    y = (z + 0.5 * rng.normal(size=200) > 0.0).astype(int)
    data = {"y": y, "x": x, "apart": y * (rng.random(200) < 0.3)}
    terms = ["x", bg.Linear("apart", prior=bg.Normal(1.0))]
    fit = bg.fit_map(bg.GLM("y", terms, family="bernoulli", prior=PRIOR), data)
    told = bg.check(fit)["terms"].to_dataset()
    assert told["separated"].values.tolist() == [False, True]
    explained = bg.explain(fit)
    for k, name in enumerate(("x", "apart")):
        assert float(told["edf"][k]) == pytest.approx(explained[name].decided.edf, rel=1e-9)
        assert bool(told["contradicted"][k]) == explained[name].decided.contradicted


def cases():
    """Models of every sort, and which parts of a check they have beside scores."""
    everything = ["time_rescaling", "quantile_residuals", "autocorrelation", "calibration"]
    plain = everything[1:]
    options = {"prior": PRIOR}
    return {
        "weights": (bg.GLM("poisson", "x", "poisson", weights="weights", **options), plain),
        "sigma": (bg.GLM("gaussian", "x", dispersion={"sigma": ["z"]}, **options), plain),
        "label": (bg.GLM("label", "x", "categorical", **options), plain),
        "ordered": (bg.GLM("label", "x", "ordinal", levels=["u", "v", "w"], **options), plain),
        "counts": (bg.GLM("counts", "x", "multinomial", **options), ["calibration"]),
        "group": (bg.GLM("poisson", ["x", bg.Group("label", **options)], "poisson"), everything),
        "gaps": (bg.GLM("gaps", "x", "poisson", missing="drop", **options), everything),
        "domain": (bg.GLM("bernoulli", "x", "bernoulli", "identity", bg.Normal(0.03)), everything),
        "silent": (bg.GLM("pair", "x", "poisson", intercept=PRIOR, **options), everything),
    }


@pytest.mark.parametrize("name", list(cases()))
def test_models_of_every_sort_are_checked(name, many):
    rng = np.random.default_rng(0)
    y = many["poisson"].values
    many["label"] = ("time", rng.choice(["u", "v", "w"], 400))
    many["counts"] = (("time", "level"), rng.multinomial(5, [0.2, 0.3, 0.5], 400))
    many["gaps"] = ("time", np.where(rng.random(400) < 0.1, np.nan, y))
    many["pair"] = (("time", "unit"), np.stack([y, np.zeros_like(y)], axis=1))
    model, parts = cases()[name]
    fit = bg.fit_map(model, many.assign_coords(level=["p", "q", "r"]))
    told = bg.check(fit)
    terms = [] if model.family in ("categorical", "multinomial") else ["terms"]
    events = [] if "absent_events" in told.attrs else ["events"]
    assert list(told.children) == ["scores", *parts, *terms, *events]
    absent = {key.removeprefix("absent_") for key in told.attrs if key.startswith("absent_")}
    every = ("time_rescaling", "quantile_residuals", "autocorrelation", "calibration", "terms")
    assert absent >= {one for one in every if one not in told.children}
    if name == "silent":
        assert np.isnan(told["scores"]["bits_per_spike"][1])
        assert np.isnan(told["events"]["added"][1]).all()
    if terms:
        assert list(told["terms"]["term"].values) == [one.label for one in model.every_term]
    assert np.isfinite(told["scores"]["log_likelihood"]).all()
