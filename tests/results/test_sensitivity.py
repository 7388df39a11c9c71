"""Power scaling: exact posteriors, ArviZ's numbers, and what shares parameters or was redrawn."""

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr
from kept import both_ways
from scipy.stats import norm

import bayesglm as bg
from bayesglm.results.power_scaling import power_scaling

N = 24


def columns(seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=N)
    y = {"y": rng.poisson(np.exp(0.3 + 0.4 * x)), "r": x + rng.normal(size=N)}
    return y | {"x": x, "g": np.repeat(["a", "b", "c", "d"], N // 4)}


DATA = columns()
PRIOR = bg.Normal(0.3)
MODELS = {
    "counts": bg.GLM("y", "x", family="poisson", prior=PRIOR, intercept=bg.Normal(1.0)),
    "levels": bg.GLM("r", ["x", bg.Group("g", slopes="x", correlated=True)]),
}


def units(n=2):
    rng = np.random.default_rng(1)
    x = rng.normal(size=N)
    counts = rng.poisson(np.exp(0.3 + 0.4 * x)[:, None], (N, n))
    named = {"unit": [f"u{k}" for k in range(n)]}
    return xr.Dataset({"y": (("obs", "unit"), counts), "x": ("obs", x)}, coords=named)


def by_arviz(fit, scaled):
    """Return ArviZ's table of a fit, without what is the same in all draws."""
    with np.errstate(invalid="ignore"):  # of the ones of a correlation with itself
        added = bg.add_groups(fit, "log_prior", "log_likelihood")
        return azs.psense_summary(added, prior_var_names=list(scaled), round_to=15).dropna()


@pytest.mark.parametrize("name", MODELS)
def test_equals_arviz(name):
    fit = bg.fit(MODELS[name], DATA, draws=200, chains=4)
    own = bg.sensitivity(fit)
    theirs = by_arviz(fit, own.attrs["scaled"])
    for component in ("prior", "likelihood"):
        values = sorted(own[component])
        twice = sorted(set(theirs[component]))  # correlations are there twice
        np.testing.assert_allclose(values, twice, rtol=1e-9, atol=1e-12)
    assert own.loc["x", "prior"] == pytest.approx(theirs.loc["x", "prior"], rel=1e-9)


def test_members_of_a_population_are_scaled_by_themselves():
    model = bg.GLM("y", "x", family="poisson", prior=PRIOR)
    fit = bg.fit(model, units(), draws=200, chains=4)
    own = bg.sensitivity(fit)
    for k, unit in enumerate(("u0", "u1")):
        alone = bg.fit(model, units().isel(unit=k, drop=True), draws=200, chains=4)
        member = fit["posterior"].to_dataset().sel(unit=unit, drop=True)
        alone = alone.assign({"posterior": xr.DataTree(member)})
        expected = bg.sensitivity(alone)
        for component in ("prior", "likelihood"):
            np.testing.assert_allclose(own[component].iloc[k::2], expected[component], rtol=1e-9)


def test_members_that_share_parameters_are_scaled_together():
    model = bg.GLM("y", bg.Linear("x", pooled=True), family="poisson", intercept=bg.Normal(2.0))
    fit = bg.fit(model, units(3), draws=150, chains=4)
    own = bg.sensitivity(fit)
    theirs = by_arviz(fit, own.attrs["scaled"])
    np.testing.assert_allclose(sorted(own["prior"]), sorted(theirs["prior"]), rtol=1e-9)
    np.testing.assert_allclose(sorted(own["likelihood"]), sorted(theirs["likelihood"]), rtol=1e-9)
    assert "x" not in own.attrs["scaled"]


def jensen_shannon(p, q, step):
    """Return the cumulative Jensen-Shannon distance of cumulative distributions on a grid."""
    with np.errstate(all="ignore"):
        one = np.where(p > 0.0, p * np.log2(p / (0.5 * (p + q))), 0.0).sum() * step
        two = np.where(q > 0.0, q * np.log2(q / (0.5 * (p + q))), 0.0).sum() * step
    half = 0.5 / np.log(2) * (q - p).sum() * step
    return one + half + two - half, (p.sum() + q.sum()) * step


def exact_sensitivity(weaker, posterior, stronger, draws):
    """Return the derivative in log2 of the power, of normals given by means and sds.

    Distances are relative to the integrals of both distributions over the range of the draws.
    """
    grid = np.linspace(draws.min(), draws.max(), 20_001)
    slopes = []
    for (mean, sd), power in ((weaker, 0.99), (stronger, 1.01)):
        ways = []
        for sign in (1.0, -1.0):
            p = norm.cdf(sign * grid, sign * posterior[0], posterior[1])
            q = norm.cdf(sign * grid, sign * mean, sd)
            ways.append(np.sqrt(np.divide(*jensen_shannon(p, q, grid[1] - grid[0]))))
        slopes.append(max(ways) / abs(np.log2(power)))
    return np.mean(slopes)


def test_a_known_normal_moves_as_far_as_its_density_says():
    """y ~ N(w, 1) and w ~ N(0, s): powers of the prior shift and narrow a normal."""
    y, s = np.array([2.0, 2.4, 1.7, 2.9]), 1.0

    def posterior(of_prior, of_data):
        precision = of_prior / s**2 + of_data * len(y)
        return of_data * y.sum() / precision, precision**-0.5

    model = bg.GLM("y", bg.Linear("one", prior=bg.Normal(s)), intercept=None, dispersion=1.0)
    fit = bg.fit(model, {"y": y, "one": np.ones(4)}, draws=10_000, chains=4)
    own, w = bg.sensitivity(fit).loc["one"], fit["posterior"]["one"].values
    of_prior = exact_sensitivity(posterior(0.99, 1), posterior(1, 1), posterior(1.01, 1), w)
    of_data = exact_sensitivity(posterior(1, 0.99), posterior(1, 1), posterior(1, 1.01), w)
    assert own["prior"] == pytest.approx(of_prior, rel=0.03)
    assert own["likelihood"] == pytest.approx(of_data, rel=0.03)
    assert own["diagnosis"] == "prior-data conflict"


def test_flat_priors_move_nothing():
    flat = bg.GLM("y", bg.Linear("x", prior=bg.Flat()), family="poisson")
    own = bg.sensitivity(bg.fit(flat, DATA, draws=100, chains=4))
    assert not own["prior"].any()
    assert (own["diagnosis"] == "fine").all()
    assert own.attrs["sentences"][-1] == "Priors that were scaled: none, all are flat."


def test_verdicts_are_told_in_sentences():
    strong = bg.GLM("y", "x", family="poisson", prior=bg.Normal(0.02), intercept=bg.Normal(2.0))
    own = bg.sensitivity(bg.fit(strong, DATA, draws=500, chains=4))
    assert own.loc["x", "diagnosis"] == "strong prior, weak data"
    assert own.loc["intercept", "diagnosis"] == "fine"
    assert "The posterior of x moves with the prior, and hardly with the data" in str(own)
    assert "Priors that were scaled: intercept, x." in own._repr_html_()


def test_effects_that_are_redrawn_are_left_out():
    checks = {"top_size": 5, "levels_of": "g", "level_acceptance": 0.91, "worst_level": 1}
    whole, kept = both_ways(MODELS["levels"], DATA, "g", draws=200, checks=checks)
    one, other = bg.sensitivity(whole), bg.sensitivity(kept)
    assert not any(name.startswith("g") for name in other.index)
    np.testing.assert_allclose(other["prior"], one.loc[other.index, "prior"], rtol=1e-9)


def test_draws_that_are_missing_are_left_out():
    fit = bg.fit(MODELS["counts"], units(), draws=200, chains=4)
    draws = fit["posterior"].to_dataset()
    is_there = (draws["unit"] == "u0") | (draws["draw"] < 150)
    cut = bg.sensitivity(fit.assign({"posterior": xr.DataTree(draws.where(is_there))}))
    short = fit.assign({"posterior": xr.DataTree(draws.isel(draw=slice(150)))})
    for k, expected in enumerate((bg.sensitivity(fit), bg.sensitivity(short))):
        np.testing.assert_allclose(cut["prior"].iloc[k::2], expected["prior"].iloc[k::2])


def test_the_check_has_the_largest_of_each_term():
    fit = bg.fit(MODELS["levels"], DATA, draws=200, chains=4)
    terms = bg.check(fit, draws=800)["terms"]
    own = bg.sensitivity(fit)
    of_levels = own["prior"][[name.startswith(("g[", "g.x[")) for name in own.index]]
    expected = [own.loc["x", "prior"], of_levels.max()]
    np.testing.assert_allclose(terms["prior_sensitivity"], expected, rtol=1e-9)


def test_what_has_no_draws_is_refused():
    with pytest.raises(bg.DataError, match="a posterior is needed"):
        bg.sensitivity(bg.fit_map(MODELS["counts"], DATA))
    with pytest.raises(bg.DataError, match="40 draws are too few"):
        bg.sensitivity(bg.fit_laplace(MODELS["counts"], DATA, draws=10, chains=4))
    with pytest.raises(bg.DataError, match="threshold must be a number between"):
        bg.sensitivity(bg.fit(MODELS["counts"], DATA), threshold=0.0)


def test_values_that_are_the_same_in_all_draws_tell_nothing():
    moved = power_scaling(np.arange(50.0), np.ones((50, 1)))
    assert np.isnan(moved).all()
