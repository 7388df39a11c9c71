"""The picture of shrinkage: maximum likelihood as peers and closed forms have it, and what is
drawn of those coefficients that have none."""

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, legend_of, rendered
from families import OF_NUMBERS

import bayesglm as bg
from bayesglm.results.unpenalised import unpenalised
from bayesglm.spec.families import FAMILY_NAMES


def points_of(figure, k):
    """The x and y of the marks of the k-th fit."""
    lines = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "None"]
    return lines[k].get_xdata(), lines[k].get_ydata()


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_without_priors_the_estimates_are_those_under_flat_ones(family, many):
    trials = "trials" if FAMILY_NAMES[family].needs_trials else None

    def model(prior, dispersion=None):
        term = bg.Linear("movie", prior=prior)
        options = {"trials": trials, "dispersion": dispersion, "intercept": None}
        return bg.GLM(family, term, family, **options)

    fit = bg.fit_map(model(bg.ridge(30.0)), many)
    fixed = {name: float(fit["map"][name]) for name in FAMILY_NAMES[family].dispersions}
    flat = bg.fit_map(model(bg.Flat(), fixed or None), many)["map"]["movie"].values.ravel()
    likely = unpenalised(fit, "movie")
    np.testing.assert_allclose(likely.values, flat, rtol=1e-5, atol=1e-7)
    assert not likely.alone


def grouped(n=300, levels=12, seed=0):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), n // levels)
    p = 1.0 / (1.0 + np.exp(-rng.normal(0.0, 1.0, levels)))
    y = (rng.random(n) < p[g]).astype(int)
    y[g == 0], y[g == 1] = 0, 1
    return {"y": y, "g": g}


def test_levels_of_a_group_and_levels_without_maximum_likelihood(tmp_path):
    data = grouped()
    model = bg.GLM("y", bg.Group("g", prior=bg.Normal(1.2)), family="bernoulli")
    known = bg.GLM("y", bg.Group("g", prior=bg.Normal(0.4)), family="bernoulli")
    fits = {"wide": bg.fit(model, data), "known": bg.fit_map(known, data)}
    likely = unpenalised(fits["wide"], "g")
    share = np.array([data["y"][data["g"] == k].mean() for k in range(12)])
    centre = float(fits["wide"]["posterior"]["intercept"].mean())
    assert likely.alone
    assert likely.values[:2].tolist() == [-np.inf, np.inf]
    between = share[2:]
    np.testing.assert_allclose(
        likely.values[2:], np.log(between / (1 - between)) - centre, atol=1e-5
    )
    figure = rendered(bg.plot_shrinkage(fits), tmp_path)
    note = figure.get_supxlabel()
    assert "2 of 12 coefficients have no maximum likelihood estimate" in note
    assert "all else as in the first fit" in note
    assert legend_of(figure)[1] == ["no shrinkage", "wide\n(posterior mean, 94%)", "known\n(MAP)"]
    x, y = points_of(figure, 0)
    np.testing.assert_allclose(y, fits["wide"]["posterior"]["g"].mean(("chain", "draw")))
    assert x.argmin() == 0
    assert x.argmax() == 1
    assert_inside(figure)


def test_beside_a_coefficient_without_estimate_the_others_have_theirs():
    rng = np.random.default_rng(1)
    w, z = rng.normal(size=60), (np.arange(60) < 8).astype(float)
    y = rng.poisson(np.exp(0.4 * w) * (z == 0))
    data = {"y": y, "x": np.column_stack([z, w])}
    fit = bg.fit_map(bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), "poisson"), data)
    likely = unpenalised(fit, "x")
    rest = {"y": y[z == 0], "w": w[z == 0]}
    flat = bg.fit_map(bg.GLM("y", "w", "poisson", prior=bg.Flat()), rest)["map"]
    assert likely.values[0] == -np.inf
    assert likely.values[1] == pytest.approx(float(flat["w"]), abs=1e-6)


def test_what_is_drawn_are_the_fits(many, tmp_path):
    def model(prior):
        return bg.GLM("poisson", [bg.Linear("movie", prior=prior), "x"], "poisson")

    fits = {
        "ridge": bg.fit(model(bg.ridge(50.0)), many),
        "lasso": bg.fit_map(model(bg.lasso(9.0)), many),
    }
    figure = rendered(bg.plot_shrinkage(fits), tmp_path)
    likely = unpenalised(fits["ridge"], "movie").values
    posterior = fits["ridge"]["posterior"]["movie"]
    for k, values in enumerate((posterior.mean(("chain", "draw")), fits["lasso"]["map"]["movie"])):
        x, y = points_of(figure, k)
        np.testing.assert_allclose(y, values.values.ravel())
        np.testing.assert_allclose(x, likely, atol=0.005 * np.ptp(likely))
    (bars,) = figure.axes[0].collections
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    tails = posterior.quantile([0.03, 0.97], ("chain", "draw")).values.reshape(2, -1)
    np.testing.assert_allclose(ends.T, tails)
    assert figure.axes[0].get_xlabel().startswith("movie: maximum likelihood estimate")
    one = rendered(bg.plot_shrinkage(fits["lasso"], "x"), tmp_path)
    assert one.axes[0].get_ylabel() == "x: estimate"
    assert not one.get_supxlabel()
    assert_inside(figure)


def test_what_cannot_be_drawn(many):
    model = bg.GLM("poisson", bg.Linear("movie", prior=bg.ridge(5.0)), "poisson")
    fit = bg.fit_map(model, many)
    other = bg.fit_map(bg.GLM("poisson", bg.Linear("x", prior=bg.ridge(5.0)), "poisson"), many)
    with pytest.raises(bg.DataError, match=r"'b' is of other data or other terms"):
        bg.plot_shrinkage({"a": fit, "b": other})
    half = bg.fit_map(model, many.isel(time=slice(0, 200)))
    with pytest.raises(bg.DataError, match=r"'b' is of other data or other terms"):
        bg.plot_shrinkage({"a": fit, "b": half})
    with pytest.raises(bg.DataError, match=r"no term 'movies'.*Did you mean 'movie'"):
        bg.plot_shrinkage(fit, "movies")
    with pytest.raises(bg.DataError, match="at least one fit"):
        bg.plot_shrinkage({})
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.plot_shrinkage(model)
    few = {"y": [0.1, 1.0, 0.4], "x": np.random.default_rng(0).normal(size=(3, 5))}
    wide = bg.fit_map(bg.GLM("y", bg.Linear("x", prior=bg.ridge(1.0)), dispersion=1.0), few)
    with pytest.raises(bg.DataError, match="linear combinations of others"):
        bg.plot_shrinkage(wide)
    cells = np.random.default_rng(0).poisson(1.0, (400, 2))
    several = many.assign(cells=xr.DataArray(cells, dims=("time", "neuron")))
    of_all = bg.fit_map(bg.GLM("cells", "x", "poisson", prior=bg.ridge(5.0)), several)
    with pytest.raises(bg.DataError, match=r"fit.isel\(neuron=0\)"):
        bg.plot_shrinkage(of_all)
    assert bg.plot_shrinkage(of_all.isel(neuron=1)).axes
