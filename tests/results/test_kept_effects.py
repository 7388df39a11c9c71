"""Fits that keep effects of levels as marginals: every verb against fits that keep all draws."""

import warnings

import arviz_stats as azs
import numpy as np
import pytest
import xarray as xr
from kept import both_ways
from scipy.special import logsumexp
from scipy.stats import norm, poisson

import bayesglm as bg

N, LEVELS = 240, 10
NODES = np.linspace(-9.0, 9.0, 1801)
WEIGHTS = norm.pdf(NODES) / norm.pdf(NODES).sum()


def untold(verb, fit):
    """Return what a verb says of a fit, without its warnings of single rows."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return verb(fit)


def simulate():
    rng = np.random.default_rng(0)
    g, h, x = rng.integers(0, LEVELS, N), rng.integers(0, 4, N), rng.normal(size=N)
    effects = rng.normal(size=(2, LEVELS)) * np.array([[0.6], [0.3]])
    eta = 0.3 + 0.4 * x + effects[0, g] + effects[1, g] * x + 0.3 * rng.normal(size=4)[h]
    words = np.array([f"s{k}" for k in range(LEVELS)])
    return {"y": rng.poisson(np.exp(eta)), "x": x, "g": words[g], "h": h}


DATA = simulate()
TERMS = ["x", bg.Group("g", slopes="x", correlated=True), bg.Group("h")]
CHECKS = {"top_size": 11, "levels_of": "g", "level_acceptance": 0.91, "worst_level": 3}


@pytest.fixture(scope="module")
def fits():
    model = bg.GLM("y", TERMS, family="poisson")
    return both_ways(model, DATA, "g", draws=500, checks=CHECKS)


def test_the_tree_holds_the_top_and_marginals(fits):
    whole, kept = fits
    assert "g" in whole["posterior"]
    assert not any(f"g_{what}" in kept["posterior"].dims for what in ("level",))
    for name, variable in kept["posterior"].data_vars.items():
        xr.testing.assert_identical(variable, whole["posterior"][name])
    effects = kept["effects"].to_dataset()
    assert effects["g_quantile"].dims == ("quantile", "g_effect", "g_level")
    over = whole["posterior"]["g"]
    np.testing.assert_allclose(effects["g_mean"], over.mean(("chain", "draw")))
    np.testing.assert_allclose(
        effects["g_quantile"].sel(quantile=0.97), over.quantile(0.97, ("chain", "draw"))
    )
    assert not any("g[" in name for name in kept["laplace"]["parameter"].values)
    assert "g" not in kept["proposal"]
    assert "intercept" in azs.summary(kept, var_names=["intercept", "g_scale"]).index
    np.testing.assert_allclose(untold(azs.loo, kept).elpd_i, untold(bg.loo, kept).elpd_i, rtol=1e-9)


def test_draws_are_those_of_the_posterior_and_always_the_same(fits, tmp_path):
    whole, kept = fits
    drawn = bg.draws(kept, "g")
    assert drawn.dims == ("chain", "draw", "g_effect", "g_level")
    xr.testing.assert_identical(bg.draws(whole, "g"), whole["posterior"]["g"])
    # Given the top the two are independent draws of the same distribution.
    for own in (drawn, drawn**2):
        other = whole["posterior"]["g"] if own is drawn else whole["posterior"]["g"] ** 2
        error = np.sqrt(own.var(("chain", "draw")) / 300)
        away = (own - other).mean(("chain", "draw")) / error
        assert float(np.abs(away).max()) < 4.0
    some = bg.draws(kept, "g", levels=["s7", "s0"])
    xr.testing.assert_identical(some, drawn.sel(g_level=["s7", "s0"]))
    xr.testing.assert_identical(bg.draws(kept, "g", "s3"), drawn.sel(g_level=["s3"]))
    for suffix in ("nc", "zarr"):
        again = bg.load(bg.save(kept, tmp_path / f"fit.{suffix}"))
        xr.testing.assert_identical(bg.draws(again, "g"), drawn)
        xr.testing.assert_identical(again["effects"].to_dataset(), kept["effects"].to_dataset())


def test_what_draws_refuses(fits):
    whole, kept = fits
    for fit in fits:
        with pytest.raises(bg.DataError, match=r"has no level 's77'\. Did you mean 's7'"):
            bg.draws(fit, "g", levels="s77")
    with pytest.raises(bg.DataError, match=r"no term 'gg'; it has x, g, h\. Did you mean 'g'"):
        bg.draws(kept, "gg")
    with pytest.raises(bg.DataError, match="coefficients of 'x' have no levels"):
        bg.draws(whole, "x", levels=[1])
    one = bg.fit_map(bg.GLM("y", bg.Group("g", prior=bg.Normal(1.0)), family="poisson"), DATA)
    with pytest.raises(bg.DataError, match="a MAP has no draws"):
        bg.draws(one, "g")
    # As if there were a million million draws.
    posterior = kept["posterior"].to_dataset().drop_vars(["chain", "draw"])
    many = {
        name: (v.dims, np.broadcast_to(v.values[:1, :1], (10**6, 10**6, *v.shape[2:])))
        for name, v in posterior.data_vars.items()
    }
    huge = kept.copy()
    huge["posterior"] = xr.DataTree(xr.Dataset(many))
    with pytest.raises(bg.DataError, match=r"more than the memory that is free.*levels=\['s0'\]"):
        bg.draws(huge, "g")


def test_later_verbs_say_what_they_say_of_all_draws(fits):
    whole, kept = fits
    new = {"x": [0.0, 1.0, -1.0], "g": ["s0", "s4", "other"], "h": [0, 1, 2]}
    verbs = {
        "loo": lambda fit: untold(bg.loo, fit).elpd_i,
        "kernels": lambda fit: bg.kernels(fit)["g"]["link"],
        "bands": lambda fit: bg.kernels(fit)["g"]["response_upper"],
        "beside": lambda fit: bg.kernels(fit)["x"]["response"],
        "predict": lambda fit: bg.predict(fit)["y"].mean(("chain", "draw")),
        "quantiles": lambda fit: bg.predict(fit, quantiles=[0.5])["y"],
        "new": lambda fit: bg.predict(fit, new, new_levels="zero")["y"].mean(("chain", "draw")),
        "drawn": lambda fit: bg.predict(fit, new, new_levels="sample", kind="linear")["y"].std(
            ("chain", "draw")
        ),
        "summary": lambda fit: bg.summary(fit)["mean"],
        "ratios": lambda fit: bg.summary(fit, exponentiate=True, level=0.5)["median"],
    }
    for name, verb in verbs.items():
        one, other = (np.ravel(verb(fit)) for fit in fits)
        spread = np.std(one) or 1.0
        np.testing.assert_allclose(other, one, atol=0.25 * spread, rtol=0.1, err_msg=name)
    for groups in ("average", "zero"):
        one, other = (bg.predict(fit, {"x": [0.5]}, groups=groups)["y"] for fit in fits)
        xr.testing.assert_allclose(one, other)
    assert list(bg.summary(kept).index) == list(bg.summary(whole).index)
    stored = bg.add_log_likelihood(kept)["log_likelihood"]["y"]
    np.testing.assert_allclose(stored, kept["log_likelihood"]["y"], rtol=1e-9, atol=1e-9)


def test_plots_and_the_report_tell_of_it(fits, tmp_path):
    kept = fits[1]
    titles = [ax.get_title(loc="left") for ax in bg.plot_posterior(kept).axes]
    assert {"g", "g.x", "h"} <= set(titles)
    assert bg.plot_posterior(kept, term="g").axes[0].get_title(loc="left").startswith("g (")
    assert "h" in bg.plot_shrinkage(kept).axes[0].get_ylabel()
    with pytest.raises(bg.DataError, match="the effects of 'g' are too many for a picture"):
        bg.plot_shrinkage(kept, term="g")
    page = bg.report({"kept": kept}, tmp_path / "r.html").read_text()
    words = (
        "certified: k-hat",
        "in the 11 dimensions beside the effects of g",
        "at least 91% of proposals were accepted (g=s3)",
        "effects of the 10 levels of g are kept as means, sds and quantiles",
    )
    for one in words:
        assert one in page
    assert "accepted (g=s3)" in kept._repr_html_()
    assert kept.attrs["worst_level"] == "s3"
    assert [one.name for one in bg.explain(kept).terms] == [
        one.name for one in bg.explain(fits[0]).terms
    ]


def test_a_population_of_which_one_neuron_keeps_all_draws():
    data = {"x": DATA["x"], "g": DATA["g"], "y": np.stack([DATA["y"], DATA["y"][::-1]], axis=1)}
    model = bg.GLM("y", ["x", bg.Group("g", prior=bg.Normal(0.6))], family="poisson")
    whole, kept = both_ways(model, data, "g", draws=200, n_whole=1)
    assert kept["effects"]["g_mean"].dims == ("y_dim_0", "g_level")
    drawn = bg.draws(kept, "g")
    assert drawn.dims == ("chain", "draw", "y_dim_0", "g_level")
    np.testing.assert_allclose(
        drawn.mean(("chain", "draw")), whole["posterior"]["g"].mean(("chain", "draw")), atol=0.1
    )
    one, other = (bg.predict(fit)["y"].mean(("chain", "draw")) for fit in (whole, kept))
    np.testing.assert_allclose(one, other, rtol=0.1)


def test_effects_of_levels_of_one_row_each_are_integrated_out_of_log_likelihoods():
    n = 60
    data = {"y": DATA["y"][:n], "x": DATA["x"][:n], "row": np.arange(n)}
    model = bg.GLM("y", ["x", bg.Group("row", prior=bg.Normal(0.6))], family="poisson")
    for fit in both_ways(model, data, "row"):
        own = untold(bg.loo, fit)
        np.testing.assert_allclose(own.elpd_i, untold(azs.loo, fit).elpd_i, rtol=1e-9)
        posterior = fit["posterior"].to_dataset().isel(chain=0, draw=7)
        eta = float(posterior["intercept"]) + float(posterior["x"]) * data["x"]
        stored = fit["log_likelihood"]["y"].isel(chain=0, draw=7).values
        for row in (0, 11, 59):
            density = WEIGHTS @ poisson.pmf(data["y"][row], np.exp(eta[row] + 0.6 * NODES))
            assert stored[row] == pytest.approx(np.log(density), abs=1e-6)
        log_mean = logsumexp(fit["log_likelihood"]["y"], axis=(0, 1)) - np.log(500)
        assert np.all(own.elpd_i.values < log_mean)
