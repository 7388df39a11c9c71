"""Diagnostics as traffic lights: each from facts, each turning where its fact does."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.show.report.checked import findings_of_data, findings_of_fitting, findings_of_score
from bayesglm.show.report.convergence import findings_of_fit
from bayesglm.show.report.diagnostics import FINE, diagnostics, lights_of, units_of
from bayesglm.show.report.lights import Finding, light_of
from bayesglm.show.report.parts import Lights, Table
from bayesglm.show.report.story import Story


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pd.DataFrame({"x": x, "near": x + 0.01 * rng.normal(size=200)})
    frame["y"] = rng.poisson(np.exp(0.3 + 0.5 * x))
    frame["apart"] = (x > 0).astype(int)
    return frame


@pytest.fixture(scope="module")
def fitted(frame):
    return bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), frame, draws=250)


def lights(findings, units=("",)):
    told = [light_of(one, list(units)) for one in findings]
    return {one.name: one for one in told if one is not None}


def with_attrs(fit, drop=(), **attrs):
    """Return a fit whose checks said something else."""
    changed = fit.copy()
    changed.attrs = {name: one for name, one in fit.attrs.items() if name not in drop} | attrs
    return changed


def test_a_good_fit_is_green_throughout(fitted):
    every = lights_of(Story.open({"m": fitted}), "m")
    assert {one.colour for one in every} == {"green"}
    assert all(one.said.endswith(".") and not one.remedy for one in every)
    names = [one.name for one in every]
    assert names[:2] == ["Importance weights", "Effective draws"]
    assert names[-2:] == ["Distribution", "Calibration"]


def test_importance_weights_are_red_beyond_their_limit_and_where_they_were_refused(fitted):
    assert lights(findings_of_fit(fitted))["Importance weights"].colour == "green"
    refused = with_attrs(fitted, accepted=0)
    assert lights(findings_of_fit(refused))["Importance weights"].colour == "red"
    assert "refused" in lights(findings_of_fit(refused))["Importance weights"].said
    heavy = fitted.copy()
    heavy["laplace"] = heavy["laplace"].to_dataset().assign(khat=0.9)
    light = lights(findings_of_fit(heavy))["Importance weights"]
    assert light.colour == "red"
    assert "0.90" in light.said
    assert "fit_mcmc" in light.remedy


@pytest.mark.parametrize(("ess", "colour"), [(1000, "green"), (399, "amber"), (99, "red")])
def test_effective_draws(fitted, ess, colour):
    few = fitted.copy()
    few["laplace"] = few["laplace"].to_dataset().assign(importance_ess=float(ess))
    light = lights(findings_of_fit(few))["Effective draws"]
    assert light.colour == colour
    assert f"{ess:,} effective of 1,000" in light.said


@pytest.mark.parametrize(
    ("rhat", "divergent", "colours"),
    [(1.005, 0, ("green", "green")), (1.03, 1, ("amber", "amber")), (1.4, 40, ("red", "red"))],
)
def test_chains(fitted, rhat, divergent, colours):
    chains = with_attrs(
        fitted, ("khat", "importance_ess"), max_rhat=rhat, n_divergent=divergent, min_ess=500.0
    ).drop_nodes("laplace")
    told = lights(findings_of_fit(chains))
    assert (told["Chains agree"].colour, told["Divergences"].colour) == colours
    assert f"{divergent} of 1,000 draws diverged" in told["Divergences"].said
    assert "Importance weights" not in told


def test_a_map_tells_its_optimum_and_that_it_has_no_uncertainty(frame):
    fit = bg.fit_map(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), frame)
    told = lights(findings_of_fit(fit))
    assert [told[name].colour for name in ("Optimum", "Mode", "Uncertainty")] == [
        *("green", "green", "amber")
    ]
    stopped = lights(findings_of_fit(with_attrs(fit, gradient_norm=1.0, mode="local")))
    assert (stopped["Optimum"].colour, stopped["Mode"].colour) == ("red", "amber")


def test_separated_data_and_collinear_terms(frame):
    apart = bg.fit_map(bg.GLM("apart", "x", "bernoulli", prior=bg.Normal(1.0)), frame)
    light = lights(findings_of_data(apart, bg.check(apart)))["Separation"]
    assert light.colour == "amber"
    assert light.said.startswith("x: ")
    both = bg.fit_map(bg.GLM("y", ["x", "near"], "poisson", prior=bg.Normal(1.0)), frame)
    told = lights(findings_of_data(both, bg.check(both)))
    assert told["Collinear terms"].colour == "red"
    assert told["Separation"].colour == "green"


def test_a_prior_that_the_data_contradict(frame):
    fit = bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(0.05)), frame, draws=100)
    told = lights(findings_of_data(fit, bg.check(fit)))
    assert told["Prior against data"].colour == "amber"
    assert told["Hangs on the prior"].colour == "amber"
    assert told["Hangs on the prior"].said.startswith("x moves with the prior")


def test_samples_that_are_left_out(frame):
    gaps = frame.assign(x=frame.x.where(frame.index % 10 > 0))
    fit = bg.fit_map(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0), missing="drop"), gaps)
    light = lights(findings_of_data(fit, None))["Samples left out"]
    assert light.colour == "amber"
    assert light.said == "20 of 200 samples have missing values, and are left out."


def test_influential_samples():
    rng = np.random.default_rng(1)
    y = np.r_[rng.normal(size=60), 12.0]
    data = {"y": y, "x": np.r_[rng.normal(size=60), 6.0]}
    fit = bg.fit(bg.GLM("y", "x", dispersion=1.0, prior=bg.Normal(9.0)), data, draws=250)
    with pytest.warns(bg.BayesGLMWarning, match="k-hat"):
        elpd = bg.loo(fit)
    light = lights(findings_of_score(fit, elpd))["Influential samples"]
    assert light.colour == "red"
    assert light.said.startswith("at 1 of 61 samples")


@pytest.fixture(scope="module")
def spikes():
    rng = np.random.default_rng(4)
    rate = np.exp(-1.0 + 1.2 * np.sin(np.arange(600) / 40))
    return xr.Dataset(
        {"y": ("time", rng.poisson(rate)), "x": ("time", rng.normal(size=600))},
        coords={"time": np.arange(600) * 0.01},
    )


def test_dependent_samples_and_a_slow_drift(spikes):
    plain = bg.GLM("y", bg.Lagged("x", lags=2), "poisson", prior=bg.Normal(1.0))
    fit = bg.fit(plain, spikes, draws=100)
    with pytest.warns(bg.BayesGLMWarning, match="optimistic"):
        story = Story.open({"m": fit}, {"m": bg.loo(fit)})
    told = {one.name: one for one in lights_of(story, "m")}
    assert told["Dependence of samples"].colour == "amber"
    assert told["Autocorrelation of residuals"].colour == "red"
    assert told["Calibration"].colour == "green"
    folds = bg.kfold(plain, spikes, by="time", folds=3, draws=100)
    scored = lights(findings_of_score(fit, folds))["Dependence of samples"]
    assert scored.colour == "green"
    history = bg.GLM("y", ["x", bg.History(lags=2)], "poisson", prior=bg.Normal(1.0))
    past = bg.fit(history, spikes, draws=100)
    with pytest.warns(bg.BayesGLMWarning, match="history"):
        elpd = bg.loo(past)
    assert lights(findings_of_score(past, elpd))["Dependence of samples"].colour == "amber"


def test_a_wrong_family_is_amber_or_red():
    rng = np.random.default_rng(6)
    data = {"y": rng.negative_binomial(0.4, 0.05, 400), "x": rng.normal(size=400)}
    fit = bg.fit_map(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), data)
    told = lights(findings_of_fitting(bg.check(fit)))
    assert told["Distribution"].colour == "red"


@pytest.fixture(scope="module")
def population():
    rng = np.random.default_rng(7)
    y = rng.poisson(0.6, (300, 4))
    y[:, 1] = 0
    data = xr.Dataset(
        {"y": (("obs", "cell"), y), "x": ("obs", rng.normal(size=300))},
        coords={"cell": ["a", "mute", "c", "d"]},
    )
    with pytest.warns(bg.BayesGLMWarning, match="never vary"):
        return bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(1.0)), data, draws=100)


def test_silent_units_are_on_record_and_named(population):
    assert population.attrs["silent_units"] == '["mute"]'
    light = lights(findings_of_data(population, None))["Silent units"]
    assert light.colour == "amber"
    assert light.said.startswith("mute: ")


def test_units_are_counted_and_the_worst_is_named(population):
    one = population.copy()
    khat = one["laplace"]["khat"].copy(data=[0.1, 0.95, 0.2])
    one["laplace"] = one["laplace"].to_dataset().assign(khat=khat)
    light = lights(findings_of_fit(one), units_of(one))["Importance weights"]
    assert light.colour == "red"
    assert light.said.startswith("2 of 3 units green, 1 red (c). Worst is c: k-hat is 0.95")


def test_many_units_are_counted_and_few_named():
    values = np.r_[np.zeros(90), np.ones(8), np.full(2, 2.0)]
    finding = Finding("check", values, 1.0, 2.0, "value {}".format)
    light = light_of(finding, [f"u{k}" for k in range(100)])
    counts = "90 of 100 units green, 8 amber (u90, u91, u92 and 5 more), 2 red (u98, u99)"
    assert light.said == f"{counts}. Worst is u98: value 98."
    none = Finding("check", np.full(2, np.nan), 1.0, 2.0, "value {}".format)
    assert light_of(none, ["a", "b"]) is None


def test_lights_that_are_not_green_stand_first_and_all_in_a_table(frame, fitted):
    narrow = bg.fit(bg.GLM("y", "x", "poisson", prior=bg.Normal(0.05)), frame, draws=250)
    (section,) = diagnostics(Story.open({"good": fitted, "narrow": narrow}))
    good, other = (one for one in section.blocks if isinstance(one, Lights))
    assert [one.name for one in good.lights] == [FINE]
    assert good.name.startswith("good: ")
    assert {one.colour for one in other.lights[:-1]} <= {"amber", "red"}
    assert other.lights[-1].name == FINE
    (table,) = (one for one in section.blocks if isinstance(one, Table))
    colours = [row[2] for row in table.rows]
    assert colours == sorted(colours, key=("red", "amber", "green").index)
    assert {row[1] for row in table.rows} == {"good", "narrow"}
