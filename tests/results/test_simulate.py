"""Simulations: exact chances of small models, means in closed form, and how they are laid out."""

import numpy as np
import pytest
from families import OF_NUMBERS, model_of
from scipy.linalg import solve_discrete_lyapunov
from scipy.special import expit
from scipy.stats import ks_2samp

import bayesglm as bg
from bayesglm.inference.tree.opened import kept_of, reopen
from bayesglm.results.feedback import fed_back, kernels_of, others_eta
from bayesglm.results.simulated import TOGETHER


def known(value):
    """A prior that leaves a coefficient nowhere to go."""
    return bg.Normal(1e-6, loc=value)


def with_history(family, base, *history, **options):
    lags = bg.History(lags=len(history), prior=known(history))
    return bg.GLM("y", [lags], family=family, intercept=known(base), **options)


def fitted(model, n=200, **others):
    y = np.random.default_rng(0).integers(0, 2, n)
    return bg.fit_map(model, bg.as_dataset({"y": y, **others}, bin_size=0.001))


def test_yes_and_no_follow_their_chances_given_the_last():
    fit = fitted(with_history("bernoulli", -1.0, 1.5))
    y = bg.simulate(fit, trials=400)["y"].values[0][:, 1:]
    for last, chance in ((0, expit(-1.0)), (1, expit(0.5))):
        following = y[:, 1:][y[:, :-1] == last]
        error = np.sqrt(chance * (1.0 - chance) / following.size)
        assert abs(following.mean() - chance) < 4 * error


@pytest.mark.parametrize("link", ["log", "softplus"])
def test_counts_have_exact_chances_after_an_empty_past(link):
    """Two samples of counts under a refractory kernel: compiled, and step by step."""
    fit = fitted(with_history("poisson", -0.3, -0.8, link=link, edges="zero"))
    y = bg.simulate(fit, {"y": [0, 0, 0]}, trials=30_000)["y"].values[0]
    mean = np.exp if link == "log" else lambda eta: np.log1p(np.exp(eta))
    first, second = y[:, 0], y[:, 1]
    for k in (0, 1):
        chance = np.exp(-mean(-0.3)) * mean(-0.3) ** k
        assert np.mean(first == k) == pytest.approx(chance, abs=4 * np.sqrt(chance / 30_000))
        after = second[first == k].mean()
        rate = mean(-0.3 - 0.8 * k)
        assert after == pytest.approx(rate, abs=4 * np.sqrt(rate / (first == k).sum()))


def test_a_linear_cascade_has_the_mean_and_covariance_of_its_closed_form():
    """y_t = b + h y_(t-1) + noise: mean b/(1 - h), variance 1/(1 - h^2), correlation h."""
    fit = fitted(with_history("gaussian", 1.0, 0.6, dispersion=1.0))
    y = bg.simulate(fit, trials=800)["y"].values[0][:, 40:]
    assert y.mean() == pytest.approx(2.5, abs=0.03)
    assert y.var() == pytest.approx(1.0 / 0.64, rel=0.03)
    assert np.corrcoef(y[:, 1:].ravel(), y[:, :-1].ravel())[0, 1] == pytest.approx(0.6, abs=0.02)


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_without_feedback_responses_are_those_of_predict(family, many):
    fit = bg.fit_map(
        model_of((family, OF_NUMBERS[family].links[0]), "x", prior=bg.Normal(1.0)), many
    )
    made, mean = bg.simulate(fit, trials=300)[family], bg.predict(fit)[family]
    assert made.dims == ("draw", "trial_repeat", "time")
    assert (made.dtype.kind == "u") == OF_NUMBERS[family].discrete
    if not OF_NUMBERS[family].circular:
        error = made.std(("draw", "trial_repeat")) / np.sqrt(300)
        assert float((np.abs(made.mean(("draw", "trial_repeat")) - mean) / error).max()) < 8
    drawn = bg.predict(fit, kind="response")[family].values
    assert ks_2samp(made.values.ravel()[::7], drawn).pvalue > 1e-4


def test_recorded_pasts_are_kept_and_trials_begin_anew():
    trial = np.repeat([0, 1], 100)
    y = np.random.default_rng(0).integers(0, 2, 200)
    data = bg.as_dataset({"y": y, "trial": trial}, bin_size=0.001)
    excited = with_history("poisson", -20.0, 20.0, 20.0)
    fit = bg.fit_map(excited, data.assign(y=("obs", np.where(trial == 0, y, 0))))
    with pytest.warns(bg.BayesGLMWarning, match="ran away"):
        made = bg.simulate(fit)
    assert np.flatnonzero(~made["simulated"].values).tolist() == [0, 1, 100, 101]
    assert made["y"].values[0, 0, :2].tolist() == y[:2].tolist()
    assert not made["y"].values[0, 0, 102:].any()
    whole = bg.fit_map(with_history("poisson", -1.0, 0.1, edges="zero"), data)
    assert bg.simulate(whole)["simulated"].all()


def test_draws_are_of_the_posterior_and_seeds_tell():
    data = bg.as_dataset({"y": np.random.default_rng(0).poisson(0.5, 300)}, bin_size=0.001)
    model = bg.GLM("y", [bg.History(lags=2)], family="poisson", prior=bg.Normal(0.1))
    fit = bg.fit_laplace(model, data, draws=50)
    one, same, other = (bg.simulate(fit, draws=8, seed=seed) for seed in (1, 1, 2))
    assert one.identical(same)
    assert not one["y"].equals(other["y"])
    assert one["chain"].values.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert bg.simulate(fit, draws=10**6).sizes["draw"] == 200
    assert (one["runaway"] == -1).all()


def test_units_of_a_population_are_simulated_each():
    rng = np.random.default_rng(0)
    y = rng.poisson([0.05, 0.5], (3000, 2))
    data = bg.as_dataset({"y": y}, bin_size=0.001).assign_coords(y_dim_0=["slow", "fast"])
    model = bg.GLM("y", [bg.History(lags=2)], family="poisson", prior=bg.Normal(1.0))
    made = bg.simulate(bg.fit_map(model, data), trials=20)["y"]
    assert made.dims == ("draw", "trial_repeat", "obs", "y_dim_0")
    np.testing.assert_allclose(
        made.mean(("draw", "trial_repeat", "obs")), y.mean(axis=0), rtol=0.05
    )


def test_runaway_firing_is_told_with_draw_sample_and_unit():
    y = np.random.default_rng(0).poisson(0.3, (300, 2))
    data = bg.as_dataset({"y": y}, bin_size=0.001).assign_coords(y_dim_0=["a", "b"])
    fit = bg.fit_map(with_history("poisson", -1.0, 0.9), data)
    fit["map"]["history"].values[0] = -1.0
    words = r"1 of 1 simulations .* draw 0, trial_repeat 0, at obs=\d+, y_dim_0=b"
    with pytest.warns(bg.BayesGLMWarning, match=words):
        made = bg.simulate(fit)
    first = int(made["runaway"][0, 0])
    assert int(made["runaway_unit"][0, 0]) == 1
    assert not made["y"].values[0, 0, first:, 1].any()
    assert made["y"].values[0, 0, first:, 0].any()
    below = fitted(with_history("poisson", 0.5, -0.3, link="identity"))
    with pytest.warns(bg.BayesGLMWarning, match="outside the domain of the link"):
        bg.simulate(below)


def test_what_is_refused():
    y = np.random.default_rng(0).integers(0, 2, 100)
    data = bg.as_dataset({"y": y, "x": y * 0.5}, bin_size=0.001)
    product = bg.Interaction("x", bg.History(lags=2), prior=bg.Normal(1.0))
    fit = bg.fit_map(bg.GLM("y", [product], family="bernoulli"), data)
    with pytest.raises(bg.ModelError, match="multiplies past responses"):
        bg.simulate(fit)
    fit = fitted(with_history("bernoulli", -1.0, 0.5))
    with pytest.raises(bg.DataError, match="more than the memory that is free"):
        bg.simulate(fit, trials=10**12)
    for argument in ("draws", "trials", "seed"):
        with pytest.raises(bg.DataError, match=argument):
            bg.simulate(fit, **{argument: -1})


@pytest.mark.parametrize(("family", "size"), [("bernoulli", 1), ("gaussian", 8)])
def test_room_is_asked_for_responses_in_their_size_and_their_copy(family, size, monkeypatch):
    fit = fitted(with_history(family, -1.0, 0.1), n=20)
    room, where = 16 * TOGETHER + 2 * size * 20 * 3, "bayesglm.results.simulate.free_memory"
    monkeypatch.setattr(where, lambda: room)
    assert bg.simulate(fit, trials=3)["y"].values.nbytes == size * 20 * 3
    monkeypatch.setattr(where, lambda: room - 1)
    with pytest.raises(bg.DataError, match="more than the memory that is free"):
        bg.simulate(fit, trials=3)


def coupled(family, **options):
    """A pair of which the first drives the second, in a fit whose estimates are set by hand."""
    y = np.random.default_rng(0).integers(0, 2, (300, 2)).astype(float)
    data = bg.as_dataset({"y": y}, bin_size=0.001).assign_coords(y_dim_0=["a", "b"])
    basis = bg.raised_cosine(2)
    terms = [bg.History(lags=2, prior=bg.Normal(1.0))]
    terms.append(bg.Coupling(lags=3, basis=basis, prior=bg.Normal(1.0)))
    fit = bg.fit_map(bg.GLM("y", terms, family=family, **options), data)
    best = fit["map"]
    best["intercept"].values[:] = [-1.0, -2.0]
    best["history"].values[:] = [[-0.5, 0.0], [0.0, -0.2]]
    best["coupling"].values[:] = [[[np.nan] * 2, [0.0] * 2], [[0.8, -0.4], [np.nan] * 2]]
    return fit


def test_one_unit_drives_another_as_its_kernel_says():
    fit = coupled("poisson")
    kernel = bg.kernels(fit)["coupling"]["link"].sel(y_dim_0="b", source="a").values
    y = bg.simulate(fit, trials=400)["y"].values[0][:, 3:].astype(int)
    a, b = y[..., 0], y[..., 1]
    quiet = (a[:, :-3] + a[:, 1:-2]) + (b[:, 1:-2] + b[:, 2:-1]) == 0
    for events in (0, 1, 2):
        seen = b[:, 3:][quiet & (a[:, 2:-1] == events)]
        rate = np.exp(-2.0 + events * kernel[0])
        assert seen.mean() == pytest.approx(rate, abs=4.5 * np.sqrt(rate / seen.size))
    one = bg.simulate(coupled("poisson", edges="zero"), trials=5, seed=3)
    assert one.sizes["y_dim_0"] == 2
    assert one["simulated"].all()


def test_coupled_linear_responses_have_the_covariance_of_their_recursion():
    fit = coupled("gaussian", dispersion=1.0)
    kernels = bg.kernels(fit)
    own, across = kernels["history"]["link"].values, kernels["coupling"]["link"].values
    # The state is the last three responses of both.
    step = np.eye(6, k=-2)
    for lag in range(3):
        step[1, 2 * lag] = across[1, 0, lag]
        for unit in range(2):
            step[unit, 2 * lag + unit] = own[unit, lag] if lag < 2 else 0.0
    mean = np.linalg.solve(np.eye(6) - step, np.array([-1.0, -2.0, 0, 0, 0, 0]))
    noise = np.diag([1.0, 1.0, 0, 0, 0, 0])
    covariance = solve_discrete_lyapunov(step, noise)
    y = bg.simulate(fit, trials=600)["y"].values[0][:, 60:]
    np.testing.assert_allclose(y.mean(axis=(0, 1)), mean[:2], atol=0.05)
    np.testing.assert_allclose(np.cov(y.reshape(-1, 2).T), covariance[:2, :2], atol=0.08)


PASTS = {
    "lags": bg.History(lags=(2, 6), prior=bg.Normal(1.0)),
    "functions": bg.History(lags=8, basis=bg.log_raised_cosine(3), prior=bg.Normal(1.0)),
    "smooth": bg.History(lags=6, prior=bg.smooth(1.0)),
    "waves": bg.History(lags=12, prior=bg.GaussianProcess(1.0, 3.0)),
}


@pytest.mark.parametrize("name", list(PASTS))
def test_kernels_and_all_else_add_up_to_the_linear_predictor(name):
    """Recorded responses, fed back by the kernels, give what one step ahead is predicted of."""
    rng = np.random.default_rng(4)
    y, x = rng.poisson(0.4, (160, 3)), rng.normal(size=160)
    data = {"y": y, "x": x, "trial": np.repeat([0, 1], 80)}
    data = bg.as_dataset(data, bin_size=0.001)
    coupling = bg.Coupling(lags=5, basis=bg.raised_cosine(2), prior=bg.Normal(0.5))
    if name == "waves":
        coupling = bg.Coupling(lags=9, prior=PASTS[name].prior)
    model = bg.GLM("y", ["x", PASTS[name], coupling], family="poisson", edges="zero")
    fit = bg.fit_map(model, data)
    problems = reopen(fit)
    every, kernels = [], []
    for kept in kept_of(fit, problems):
        own = kept.problem.design.predictors
        fed = fed_back(model, own)
        every.append(others_eta(kept, own, fed)[0, 0])
        kernels.append(kernels_of(kept.problem, own, fed, kept.theta, fed.n_lags)[0, ..., 0])
    eta = np.stack(every, axis=-1)
    for lag in range(1, max(one.shape[1] for one in kernels) + 1):
        for unit, kernel in enumerate(kernels):
            if lag <= kernel.shape[1]:
                added = y[:-lag] @ kernel[:, lag - 1]
                added[80 - lag : 80] = 0.0
                eta[lag:, unit] += added
    expected = bg.predict(fit, kind="linear")["y"].values
    np.testing.assert_allclose(eta, expected, rtol=1e-9, atol=1e-9)
