"""The native engine: exact, the same as PyMC's, reproducible, interruptible, awake to faults."""

import _thread
import threading
import warnings
from dataclasses import replace

import arviz_stats
import nbclient
import nbformat
import numpy as np
import pytest
import xarray as xr
from conftest import simulate
from terminal import read_terminal

import bayesglm as bg
from bayesglm.inference.nuts.guard import guarded, starting_points
from bayesglm.inference.nuts.lockstep import lockstep
from bayesglm.inference.nuts.sampler import Settings
from bayesglm.inference.problem.problem import open_problems
from bayesglm.inference.weights.psis import largest_rhat
from bayesglm.numerics.density.sampled import density
from bayesglm.numerics.rows import parallel
from bayesglm.spec.families import FAMILY_NAMES

SHORT = {"draws": 60, "chains": 2}
COUNTS = bg.GLM("poisson", ["x", "z"], family="poisson")


def in_sds(draws, mean, sd):
    """Return how far mean and sd of draws are from others, in Monte-Carlo errors ``(..., 2)``."""
    made = draws.to_dataset(name="v")
    lead = ("chain", "draw")
    size = arviz_stats.ess(made)["v"]
    squares = arviz_stats.ess((made - made.mean(lead)) ** 2)["v"]
    of_mean = (draws.mean(lead) - mean) / (sd / np.sqrt(size))
    # The relative error of an sd is sqrt(kurtosis - 1) / 2 / sqrt(n).
    kurtosis = ((draws - draws.mean(lead)) ** 4).mean(lead) / draws.var(lead) ** 2
    of_sd = (draws.std(lead) / sd - 1) / (np.sqrt(kurtosis - 1) / 2 / np.sqrt(squares))
    return np.stack([np.ravel(of_mean), np.ravel(of_sd)])


def test_a_gaussian_posterior_is_exact():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(30, 5)) @ rng.normal(size=(5, 5))
    y = X @ rng.normal(size=5) + rng.normal(size=30)
    model = bg.GLM(
        "y", bg.Linear("x", prior=bg.Normal(2.0, loc=0.5)), dispersion=1.3, intercept=bg.Normal(3.0)
    )
    design = np.column_stack([np.ones(30), X])
    scales, locs = np.array([3.0, *[2.0] * 5]), np.array([0.0, *[0.5] * 5])
    covariance = np.linalg.inv(design.T @ design / 1.3**2 + np.diag(scales**-2))
    mean = covariance @ (design.T @ y / 1.3**2 + locs / scales**2)
    fitted = bg.fit_mcmc(model, {"y": y, "x": X}, draws=2000, seed=1)["posterior"]
    draws = xr.concat(
        [fitted["intercept"].expand_dims("k"), fitted["x"].rename(x_dim_0="k").drop_vars("k")], "k"
    ).transpose("chain", "draw", "k")
    assert np.abs(in_sds(draws, mean, np.sqrt(np.diag(covariance)))).max() < 4.5
    # And every direction is, not each parameter by itself only.
    white = (draws.values - mean) @ np.linalg.cholesky(np.linalg.inv(covariance))
    np.testing.assert_allclose(np.cov(white.reshape(-1, 6).T), np.eye(6), atol=0.12)


PRIORS = {
    "x": lambda: bg.Linear("x", prior=bg.Normal(0.5, loc=0.2)),
    "z": lambda: bg.Linear("z", prior=bg.Laplace(0.05)),
    "movie": lambda: bg.Linear("movie", prior=bg.elastic_net(6.0, 4.0)),
    "lagged": lambda: bg.Lagged("x", lags=(1, 6), name="lagged", prior=bg.smooth(20.0)),
}


@pytest.mark.slow
@pytest.mark.parametrize("family", ["binomial", "poisson", "negative_binomial"])
def test_it_agrees_with_pymc_under_every_prior(family):
    options = {"trials": "trials"} if FAMILY_NAMES[family].needs_trials else {}
    model = bg.GLM(family, [make() for make in PRIORS.values()], family=family, **options)
    data = simulate(150, seed=4)
    native = bg.fit_mcmc(model, data, draws=1000, seed=1)
    pymc = bg.fit_mcmc(model, data, draws=1000, tune=500, seed=2, engine="pymc")
    for fitted in (native, pymc):
        assert arviz_stats.bfmi(fitted)["energy"].min() > 0.6
    lead = ("chain", "draw")
    for name, draws in native["posterior"].data_vars.items():
        other = pymc["posterior"][name]
        sd = np.sqrt(0.5 * (draws.var(lead) + other.var(lead)))
        middle = 0.5 * (draws.mean(lead) + other.mean(lead))
        apart = in_sds(draws, middle, sd) - in_sds(other, middle, sd)
        assert np.abs(apart).max() < 4.5 * np.sqrt(2), name


def test_the_same_seed_gives_the_same_draws_on_any_number_of_threads(many, monkeypatch):
    model = bg.GLM("bernoulli", ["x", "movie"], family="bernoulli")
    found = []
    for threads in (1, 2, 4, 4):
        monkeypatch.setattr(parallel, "n_threads", lambda threads=threads: threads)
        found.append(bg.fit_mcmc(model, many, draws=1000, seed=7))
    for other in found[1:]:
        for group in ("posterior", "sample_stats"):
            xr.testing.assert_identical(found[0][group].to_dataset(), other[group].to_dataset())


def test_few_draws_of_warming_up_are_enough(many):
    for model in (bg.GLM("gaussian", ["x", "movie"]), bg.GLM("poisson", "movie", "poisson")):
        fitted = bg.fit_mcmc(model, many, seed=1)
        assert fitted.attrs["max_rhat"] < 1.01
        assert fitted.attrs["min_ess"] > 4000
        assert fitted["sample_stats"]["n_steps"].mean() < 3.5
        # Half a chi-square of twice as many degrees as parameters, where all is nearly normal.
        size = sum(draws[0, 0].size for draws in fitted["posterior"].data_vars.values())
        assert float(fitted["sample_stats"]["energy"].var()) == pytest.approx(size, rel=0.15)
        assert arviz_stats.bfmi(fitted)["energy"].min() > 0.8


def population(n=60, neurons=3):
    rng = np.random.default_rng(0)
    x = rng.normal(size=n)
    counts = rng.poisson(np.exp(np.outer(x, np.linspace(0, 0.6, neurons))))
    return xr.Dataset(
        {"cells": (("obs", "neuron"), counts), "x": ("obs", x)},
        coords={"neuron": list("abcdefg")[:neurons]},
    )


def test_neurons_are_sampled_each_by_itself():
    data = population()
    model = bg.GLM("cells", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
    fitted = bg.fit_mcmc(model, data, seed=3)
    stats = fitted["sample_stats"].to_dataset()
    assert stats["step_size"].sizes == {"chain": 4, "draw": 1000, "neuron": 3}
    for neuron in "abc":
        alone = bg.fit_mcmc(model, data.sel(neuron=neuron), seed=4)["posterior"]["x"]
        mean, sd = float(alone.mean()), float(alone.std())
        found = in_sds(fitted["posterior"]["x"].sel(neuron=neuron), mean, sd)
        assert np.abs(found / np.sqrt(2)).max() < 4.5
    # No neuron borrows another's random numbers.
    same = np.corrcoef(fitted["posterior"]["x"].values.reshape(-1, 3).T)
    assert np.abs(same - np.eye(3)).max() < 0.1


def normal(x):
    return -0.5 * np.vecdot(x, x), -x


def run(slopes, size=2, draws=500, chains=4):
    return lockstep(slopes, size, Settings(draws, chains, 0), 1)


@pytest.mark.parametrize("error", [FloatingPointError, ValueError, np.linalg.LinAlgError])
def test_a_density_that_fails_or_is_nan_is_a_divergence(error):
    def holed(x):
        if (x[:, 0] > 1.0).any():
            raise error("no value here")
        value, gradient = normal(x)
        value[x[:, 0] < -1.5] = np.nan
        gradient[x[:, 1] > 2.5] *= np.nan
        return value, gradient

    found = run(holed, draws=99)
    x = found.columns["x"]
    assert x[..., 0].max() <= 1.0
    assert x[..., 0].min() >= -1.5
    assert x[..., 1].max() <= 2.5
    assert x[..., 0].std() > 0.4
    assert found.columns["diverging"].sum() > 10


def test_what_overflows_is_no_warning():
    model = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
    objective = open_problems(model, {"y": [0, 1, 4], "x": [-1.0, 0.0, 1.0]})[0].unconstrained
    slopes, far = guarded(density(objective, np.zeros(2)).slopes), np.full((1, 2), 900.0)
    with np.errstate(all="ignore"):
        value, gradient = slopes(far)
        huge, _ = guarded(lambda x: (np.zeros(1), np.full((1, 2), 1e200)))(far)
    assert value == huge == -np.inf
    assert not gradient.any()


def test_chains_that_stand_still_have_no_r_hat():
    moving, still = np.random.default_rng(0).normal(size=(2, 50, 1)), np.zeros((2, 50, 1))
    apart = still + np.array([[[-1.0]], [[1.0]]])
    assert largest_rhat(np.concatenate((moving, apart), axis=2)) == np.inf
    assert np.isnan(largest_rhat(np.concatenate((moving, still), axis=2)))
    assert np.isnan(largest_rhat(np.concatenate((still, moving), axis=2)))


@pytest.mark.parametrize("first", [1, 100])
@pytest.mark.parametrize("error", [TypeError, MemoryError, KeyError])
def test_a_bug_in_a_density_is_no_divergence_and_ends_the_walk(first, error):
    calls = [0]

    def broken(x):
        calls[0] += 1
        if calls[0] == first:
            raise error("a bug")
        return normal(x)

    with pytest.raises(
        bg.ConvergenceError, match=rf"the log density failed, {error.__name__}.*a b"
    ):
        run(broken)
    assert calls[0] == first


def nowhere(x):
    return np.full(len(x), -np.inf), -x


def test_a_density_that_is_zero_everywhere_has_no_start():
    with pytest.raises(bg.ConvergenceError, match="no place to start from"):
        run(nowhere)


# An offset of which the exponential is no float once it is weighted, and nothing that undoes it.
NOWHERE = bg.GLM(
    "cells",
    bg.Linear("x", prior=bg.Laplace(1.0)),
    family="poisson",
    offset="far",
    weights="heavy",
    intercept=None,
)


@pytest.mark.parametrize("verb", [bg.fit, bg.fit_mcmc])
def test_a_posterior_without_a_place_to_start_from_names_the_neuron_and_remedies(verb):
    far = population().assign(far=("obs", np.full(60, 700.0)), heavy=("obs", np.full(60, 1e8)))
    refused = pytest.raises(bg.ConvergenceError, match=r"\(neuron=a\)\. Check the scale of the dat")
    with pytest.warns(bg.BayesGLMWarning, match="without its logarithm"), refused:
        verb(NOWHERE, far)


@pytest.mark.filterwarnings("ignore:offset 'far'.*without its logarithm")
def test_chains_that_stand_still_are_an_error():
    far = population().assign(far=("obs", np.full(60, 1e18)))
    with pytest.raises(bg.ConvergenceError, match=r"chains \(neuron=a\) stand still"):
        bg.fit_mcmc(replace(NOWHERE, weights=None, intercept=bg.Normal(1.0)), far, **SHORT)


def test_walkers_start_where_there_is_a_density():
    def inner(x):
        value = np.where(np.abs(x).max(axis=1) < 0.5, normal(x)[0], -np.inf)
        return value, -x

    starts = 2.0 * np.random.default_rng(0).standard_normal((20, 3))
    begun = starting_points(inner, starts)
    assert np.abs(begun).max() < 0.5
    np.testing.assert_allclose(
        begun / np.abs(begun).max(1, keepdims=True), starts / np.abs(starts).max(1, keepdims=True)
    )


def test_finished_draws_are_kept_when_interrupted():
    calls = [0]

    def interrupting(x):
        calls[0] += 1
        if calls[0] == 2000:
            _thread.interrupt_main()
        return normal(x)

    found = run(interrupting, draws=1_000_000, chains=2)
    assert found.interrupted
    chains, draws = found.columns["logp"].shape
    assert chains == 2
    assert 100 < draws < 1_000_000
    assert found.columns["x"].shape == (chains, draws, 2)
    np.testing.assert_allclose(
        found.columns["logp"], -0.5 * (found.columns["x"] ** 2).sum(-1), rtol=1e-12
    )


def test_an_interruption_before_the_first_draw_keeps_nothing():
    calls = [0]

    def interrupting(x):
        calls[0] += 1
        if calls[0] == 50:
            _thread.interrupt_main()
        return normal(x)

    with pytest.raises(KeyboardInterrupt, match="before the first draw"):
        run(interrupting)


def interrupted_fit(model, data):
    """Fit more draws than anybody waits for, and interrupt it after two seconds."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of four draws; what is loaded first takes its own time
        bg.fit_mcmc(model, data, draws=4, seed=1)
    timer = threading.Timer(2.0, _thread.interrupt_main)
    timer.start()
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        fitted = bg.fit_mcmc(model, data, draws=1_000_000, seed=1)
    timer.join()
    return fitted, [str(one.message) for one in told if "interrupted" in str(one.message)]


@pytest.mark.slow
def test_an_interrupted_fit_is_a_tree_of_what_is_there(tmp_path):
    fitted, told = interrupted_fit(COUNTS, simulate())
    sizes = fitted["posterior"].to_dataset().sizes
    assert 100 < sizes["draw"] < 1_000_000
    assert told == [
        "interrupted: the draws that were finished are kept, "
        f"{sizes['chain'] * sizes['draw']} of 4000000. Draws missing beside others are NaN. Sample "
        "again for the whole."
    ]
    assert not fitted["posterior"].to_dataset().isnull().any().to_array().any()
    bg.save(fitted.isel(draw=slice(50)), tmp_path / "cut.nc")
    assert float(bg.predict(bg.load(tmp_path / "cut.nc"))["poisson"].isnull().sum()) == 0


@pytest.mark.slow
def test_neurons_that_were_not_reached_are_missing():
    model = bg.GLM("cells", bg.Linear("x", prior=bg.Normal(1.0)), family="poisson")
    fitted, told = interrupted_fit(model, population())
    assert "(neuron=a), 0 of 4000000 (neuron=b), 0 of 4000000 (neuron=c)" in told[0]
    missing = fitted["posterior"]["x"].isnull()
    assert not missing.sel(neuron="a").any()
    assert missing.sel(neuron=["b", "c"]).all()
    assert fitted.attrs["min_ess"] > 100


def test_a_terminal_sees_progress_and_a_file_does_not(data, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGLMWarning)
        shown = read_terminal(lambda: bg.fit_mcmc(COUNTS, data, **SHORT))
        assert "NUTS: 120 of 120 draws, 0 diverged" in shown
        cells = bg.GLM("cells", "x", family="poisson")
        shown = read_terminal(lambda: bg.fit_mcmc(cells, population(), **SHORT))
        assert "NUTS: neuron 3 of 3, 120 of 120 draws" in shown
        capfd.readouterr()
        bg.fit_mcmc(COUNTS, data, **SHORT)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_notebook_sees_progress():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell(
            "import bayesglm as bg\n"
            "data = {'y': [2, 0, 3, 1, 4, 1], 'x': [0.1, -0.9, 1.2, -0.3, 0.8, 0.2]}\n"
            "model = bg.GLM('y', 'x', family='poisson', prior=bg.Normal(1.0))\n"
            "fitted = bg.fit_mcmc(model, data)"
        )
    ]
    nbclient.NotebookClient(notebook, timeout=300).execute()
    (shown,) = notebook.cells[0].outputs
    assert shown["output_type"] == "display_data"
    assert "4,000 of 4,000 draws" in shown["data"]["text/plain"]
