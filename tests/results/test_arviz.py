"""Every function of ArviZ runs on fits, or a table says why not; new ones have to be placed.

They are called as users would call them, warnings are errors, and numbers are finite.
"""

import inspect
import warnings
from collections.abc import Callable
from typing import NamedTuple

import arviz_plots as azp
import arviz_stats as azs
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import expit
from scipy.stats import bernoulli, norm, poisson

import bayesglm as bg
from bayesglm.results.groups import GROUPS

N, CHAINS, DRAWS = 30, 4, 60
PRIORS = {"prior": bg.Normal(1.0), "intercept": bg.Normal(1.0)}
COUNTS = bg.GLM("y", "x", family="poisson", **PRIORS)
TRUTH = bg.GLM("seen", "x", family="bernoulli", **PRIORS)


def simulated():
    rng = np.random.default_rng(2)
    x = np.linspace(-1.5, 1.5, N)
    chance = 1.0 / (1.0 + np.exp(-0.5 * x))
    counts = rng.poisson(np.exp(2.5 + 0.1 * x))
    return pd.DataFrame({"y": counts, "seen": rng.binomial(1, chance), "x": x})


DATA = simulated()
UNITS = xr.Dataset(
    {
        "y": (("obs", "unit"), np.stack([DATA["y"], DATA["y"] + 1], axis=1)),
        "x": ("obs", DATA["x"]),
    },
    coords={"unit": ["u", "v"]},
)


def with_mean(fit):
    """Return a fit whose posterior holds the mean of each sample, and an sd, as R2s want them."""
    mean = bg.predict(fit)[response(fit)]
    own = fit["posterior"].to_dataset().assign(mu=mean, spread=np.sqrt(mean.mean("obs")))
    return fit.assign({"posterior": xr.DataTree(own)})


@pytest.fixture(scope="module")
def fits():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", bg.BayesGLMWarning)  # of draws so few
        every = fitted()
    whole = {kind: bg.add_groups(fit, *GROUPS) for kind, fit in every.items()}
    return whole | {"unit": whole["population"].sel(unit="u", drop=True)}


def fitted():
    return {
        "importance": bg.fit_laplace(COUNTS, DATA, draws=DRAWS, chains=CHAINS),
        "nuts": bg.fit_mcmc(TRUTH, DATA, draws=DRAWS, chains=CHAINS, seed=2),
        "population": bg.fit_mcmc(COUNTS, UNITS, draws=DRAWS, chains=CHAINS, seed=2),
    }


DENSITIES = {"y": (poisson.logpmf, np.exp), "seen": (bernoulli.logpmf, expit)}


class Refit(azs.SamplingWrapper):
    """How ArviZ fits again: the model and the fit are told when it is made."""

    def sel_observations(self, idx):
        left_out = np.isin(np.arange(N), idx)
        return DATA[~left_out], DATA[left_out]

    def sample(self, modified_observed_data):
        return bg.fit_laplace(self.model, modified_observed_data, draws=DRAWS, chains=CHAINS)

    def get_inference_data(self, fitted_model):
        return fitted_model

    def log_likelihood__i(self, excluded_obs, idata__i):
        name = self.model.response
        mean = bg.predict(idata__i, excluded_obs)[name]
        seen = xr.DataArray(excluded_obs[name], dims="obs")
        return xr.apply_ufunc(DENSITIES[name][0], seen, mean)


def refit(fit):
    return Refit(bg.GLM.from_json(fit.attrs["model"]), idata_orig=fit)


def unconstrained(fit):
    """Return draws along one dim, their log density, and that of a row, for moment matching."""
    upars = fit["posterior"].to_dataset()[["intercept", "x"]].to_dataarray("par")
    density, mean = DENSITIES[response(fit)]

    def row(upars, i):
        eta = upars.isel(par=0) + upars.isel(par=1) * DATA["x"][i]
        return xr.apply_ufunc(density, DATA[response(fit)][i], mean(eta))

    def whole(upars):
        by_row = sum(row(upars, i) for i in range(N))
        return by_row + xr.apply_ufunc(norm.logpdf, upars).sum("par")

    return {"upars": upars, "log_prob_upars_fn": whole, "log_lik_i_upars_fn": row}


def response(fit):
    return next(iter(fit["observed_data"].data_vars))


def of_two(function, **options):
    """Return how a function of two parameters is called."""
    return lambda fit: function(fit["posterior"]["x"], fit["posterior"]["intercept"], **options)


def updated(fit):
    some = azs.loo_subsample(fit, 10, pointwise=True)
    return azs.update_subsample(some, fit, observations=5)


# How functions are called that want more than a fit.
CALLS: dict[str, Callable] = {
    "bayes_factor": lambda fit: azs.bayes_factor(fit, ["x"]),
    "bayesian_r2": lambda fit: azs.bayesian_r2(with_mean(fit), pred_mean="mu", scale="spread"),
    "ci_in_rope": lambda fit: azs.ci_in_rope(fit, (-1.0, 1.0), var_names=["x"]),
    "compare": lambda fit: azs.compare({"one": fit, "other": fit}),
    "ecdf": lambda fit: azs.ecdf(fit["posterior"].to_dataset()[["x"]]),
    "generate_survival_curves": lambda fit: azs.generate_survival_curves(fit, response(fit)),
    "get_function": lambda fit: azs.get_function("mean")(fit["posterior"]["x"]),
    "hexbin": of_two(azs.hexbin),
    "histogram2d": of_two(azs.histogram2d),
    "kaplan_meier": lambda fit: azs.kaplan_meier(fit, response(fit)),
    "kde2d": of_two(azs.kde2d),
    "kl_divergence": lambda fit: azs.kl_divergence(fit, fit, num_samples=20),
    "lfo_cv": lambda fit: azs.lfo_cv(
        fit, refit(fit), min_observations=25, forecast_horizon=1, time_dim="obs"
    ),
    "loo_approximate_posterior": lambda fit: azs.loo_approximate_posterior(
        fit, fit["proposal"]["log_p"], fit["proposal"]["log_q"]
    ),
    "loo_i": lambda fit: azs.loo_i(3, fit),
    "loo_kfold": lambda fit: azs.loo_kfold(fit, refit(fit), k=2),
    "loo_moment_match": lambda fit: azs.loo_moment_match(
        fit, azs.loo(fit, pointwise=True), **unconstrained(fit)
    ),
    "loo_r2": lambda fit: azs.loo_r2(fit, response(fit), n_simulations=50),
    "loo_subsample": lambda fit: azs.loo_subsample(fit, 10),
    "reloo": lambda fit: azs.reloo(refit(fit), k_threshold=0.3),
    "residual_r2": lambda fit: azs.residual_r2(
        with_mean(fit), pred_mean="mu", obs_name=response(fit)
    ),
    "rhat_nested": lambda fit: azs.rhat_nested(fit, superchain_ids=[0, 0, 1, 1]),
    "update_subsample": updated,
    "wasserstein": lambda fit: azs.wasserstein(fit, fit, num_samples=20, joint=False),
    "weight_predictions": lambda fit: azs.weight_predictions([fit, fit], weights=[0.5, 0.5]),
    "add_bands": lambda fit: azp.add_bands(azp.plot_dist(fit), [(0.0, 1.0)]),
    "add_lines": lambda fit: azp.add_lines(azp.plot_dist(fit), [0.0]),
    "combine_plots": lambda fit: azp.combine_plots(
        fit, [(azp.plot_trace, {}), (azp.plot_rank, {})], var_names=["x"]
    ),
    "plot_bf": lambda fit: azp.plot_bf(fit, "x"),
    "plot_compare": lambda fit: azp.plot_compare(azs.compare({"one": fit, "other": fit})),
    "plot_khat": lambda fit: azp.plot_khat(azs.loo(fit, pointwise=True)),
    "plot_pair_focus": lambda fit: azp.plot_pair_focus(fit, "x"),
    "plot_ppc_dist": lambda fit: azp.plot_ppc_dist(fit, kind="ecdf"),
    "plot_ppc_pava_residuals": lambda fit: azp.plot_ppc_pava_residuals(fit, "x"),
}


KINDS = ("importance", "nuts", "unit", "population")


class Says(NamedTuple):
    """What a function says of some kinds of fits instead, as an error or a warning, and why."""

    kinds: tuple[str, ...]
    what: type[Exception]
    why: str


BINARY = Says(("nuts",), UserWarning, "of zeros and ones ArviZ points to plot_ppc_pava")
SAYS = {
    "bfmi": Says(("importance",), KeyError, "weighted draws have no energy"),
    "plot_energy": Says(("importance",), AttributeError, "weighted draws have no energy"),
    "loo_approximate_posterior": Says(KINDS[1:], KeyError, "NUTS draws from the posterior itself"),
    "loo_moment_match": Says(KINDS, UserWarning, "no sample of these needs it"),
    "plot_ecdf_pit": Says(KINDS, KeyError, "it reads ranks of simulation-based calibration"),
    "plot_ppc_dist": BINARY,
    "plot_ppc_dist_pit": BINARY,
    "plot_ppc_pit": BINARY,
    "plot_ppc_rootogram": BINARY,
    "plot_ppc_tstat": BINARY,
}
# The best model has no difference from itself, and curves end where nothing is seen.
GAPS = ("compare", "generate_survival_curves")
# Functions of one response, which take a unit of a population: fit.sel(unit="u", drop=True).
OF_ONE_RESPONSE = (
    "bayesian_r2",
    "generate_survival_curves",
    "lfo_cv",
    "loo_approximate_posterior",
    "loo_kfold",
    "loo_metrics",
    "loo_moment_match",
    "metrics",
    "reloo",
    "residual_r2",
    "update_subsample",
    "plot_energy",
    "plot_lm",
    "plot_loo_interval",
    "plot_loo_pava",
    "plot_pair_focus",
    "plot_ppc_censored",
    "plot_ppc_dist_pit",
    "plot_ppc_interval",
    "plot_ppc_pava",
    "plot_ppc_pava_residuals",
    "plot_ppc_pit",
    "plot_ppc_rootogram",
)


def names_of(module):
    public = (name for name in dir(module) if not name.startswith("_"))
    return [name for name in public if inspect.isfunction(getattr(module, name))]


OF_STATS, OF_PLOTS = names_of(azs), names_of(azp)


def numbers(result):
    """Return the numbers of a result, of which nothing else is asked than to be finite."""
    if isinstance(result, xr.DataTree):
        result = [node.to_dataset() for node in result.subtree]
    if isinstance(result, xr.Dataset):
        result = list(result.data_vars.values())
    if isinstance(result, pd.DataFrame):
        result = list(result.select_dtypes("number").to_numpy())
    if isinstance(result, (list, tuple)):
        return np.concatenate([np.zeros(0), *map(numbers, result)])
    values = np.asarray(getattr(result, "elpd", result))
    return values.ravel() if values.dtype.kind in "bif" else np.zeros(0)


def run(module, name, fit, kind, **options):
    """Run a function on a fit, and return what it does, unless it is known to say something."""
    call = CALLS.get(name) or (lambda own: getattr(module, name)(own, **options))
    said = SAYS.get(name)
    if said is None or kind not in said.kinds:
        return call(fit)
    raised = pytest.warns if issubclass(said.what, Warning) else pytest.raises
    with raised(said.what):
        call(fit)
    return None


@pytest.mark.parametrize("name", OF_STATS)
def test_every_function_of_arviz_stats_runs(fits, name):
    for kind in KINDS:
        if kind == "population" and name in OF_ONE_RESPONSE:
            continue
        result = run(azs, name, fits[kind], kind)
        assert name in GAPS or np.isfinite(numbers(result)).all(), kind


@pytest.mark.parametrize("name", OF_PLOTS)
def test_every_function_of_arviz_plots_runs(fits, name):
    """Of one response on truths and on counts, all others on the counts of two units."""
    both = name in OF_ONE_RESPONSE or name in SAYS
    for kind in ("nuts", "unit") if both else ("population",):
        run(azp, name, fits[kind], kind, backend="matplotlib")
        plt.close("all")


def test_every_function_has_its_place():
    known = {*OF_STATS, *OF_PLOTS}
    assert set(CALLS) | set(SAYS) | set(OF_ONE_RESPONSE) <= known
    assert all(set(one.kinds) <= set(KINDS) for one in SAYS.values())


def test_energies_say_that_steps_reach_all_energies(fits):
    """Of a nearly normal posterior momenta alone move energies as far as they vary."""
    assert azs.bfmi(fits["nuts"])["energy"].min() > 0.7
    assert set(azs.bfmi(fits["population"])["energy"].dims) == {"chain", "unit"}


def test_correlations_of_an_effect_with_itself_are_left_out_by_name():
    """They are one in every draw, of which ArviZ warns."""
    levels = {"y": DATA["x"] + np.sin(np.arange(N)), "x": DATA["x"], "g": np.arange(N) % 5}
    fit = bg.fit(bg.GLM("y", ["x", bg.Group("g", slopes="x", correlated=True)]), levels, draws=250)
    others = {"var_names": ["~g_correlation"]}
    assert np.isfinite(numbers(azs.summary(fit, round_to=6, **others))).all()
    added = bg.add_groups(fit, "log_prior", "prior")
    assert np.isfinite(numbers(azs.psense(added, **others))).all()
    azp.plot_prior_posterior(added, var_names=["x", "g_scale", "sigma"])
    plt.close("all")


def test_a_sample_dim_that_arviz_needs_itself_is_told():
    named = xr.Dataset({"y": ("sample", DATA["y"]), "x": ("sample", DATA["x"])})
    fit = bg.fit_laplace(COUNTS, named, draws=DRAWS, chains=CHAINS)
    with pytest.warns(bg.BayesGLMWarning, match="'sample'.*rename"):
        bg.add_groups(fit, "posterior_predictive")


TOGETHER = ("loo_pit", "loo_expectations", "loo_r2", "psense_summary", "plot_psense_dist")


def test_thinned_groups_are_read_together_on_their_draws(fits):
    whole = fits["nuts"]
    thinned = bg.add_groups(whole, "posterior_predictive", "log_prior", draws=50)
    labels = thinned["log_prior"]["draw"]
    some = thinned.sel(draw=labels)
    of_whole = whole["log_prior"].to_dataset().sel(draw=labels)
    xr.testing.assert_identical(some["log_prior"].to_dataset(), of_whole)
    assert some["log_likelihood"].sizes["draw"] == some["posterior"].sizes["draw"] == 50
    for name in TOGETHER:
        result = run(azs if name in OF_STATS else azp, name, some, "nuts")
        assert np.isfinite(numbers(result)).all(), name
    plt.close("all")
