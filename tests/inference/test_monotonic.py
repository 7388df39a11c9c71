"""Monotonic effects against quadrature, PyMC's engine, and curves that are known."""

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg
from bayesglm.inference.weights.psis import rank_rhats
from bayesglm.testing.twins import check_twin

SIGMA, OF_INTERCEPT = 1.0, 2.0


def exact(y, x, scale):
    """Return by quadrature over b and z, the shares of two steps being z and 1 - z.

    P(b > 0), and the means of b and of the first step. The intercept is integrated out.
    """
    b, z = np.meshgrid(np.linspace(-8 * scale, 8 * scale, 4000), (np.arange(400) + 0.5) / 400)
    levels = np.stack([np.zeros_like(b), 2 * b * z, 2 * b])
    sums, squares = np.zeros_like(b), np.zeros_like(b)
    for value, level in zip(y, x, strict=True):
        away = value - levels[level]
        sums += away
        squares += away**2
    shrunk = (sums / SIGMA**2) ** 2 / (len(y) / SIGMA**2 + 1 / OF_INTERCEPT**2)
    log_density = -0.5 * (squares / SIGMA**2 - shrunk) - 0.5 * (b / scale) ** 2
    share = np.exp(log_density - log_density.max())
    share /= share.sum()
    return share[b > 0].sum(), (share * b).sum(), (share * levels[1]).sum()


@pytest.mark.slow
@pytest.mark.parametrize("slope", [0.0, -1.0])
def test_both_signs_are_reached_as_quadrature_says(slope):
    rng = np.random.default_rng(4)
    x = np.arange(12) % 3
    y = slope * np.array([0.0, 0.3, 1.0])[x] + rng.normal(size=12)
    term = bg.Monotonic("x", prior=bg.Normal(1.5))
    model = bg.GLM("y", term, dispersion=SIGMA, intercept=bg.Normal(OF_INTERCEPT))
    fit = bg.fit(model, {"y": y, "x": x}, draws=1500)
    assert fit.attrs["why"] == "NUTS, because of term 'x' (steps of one sign)"
    w = fit["posterior"]["x"]
    b = w.mean("x_step").values
    assert rank_rhats(np.stack([b, (b > 0.0).astype(float)], axis=-1)).max() < 1.01
    assert np.all(np.sign(w) == np.sign(w.isel(x_step=0)))
    is_positive, mean, first = exact(y, x, 1.5)
    assert 0.0 < is_positive < 1.0
    assert (b > 0.0).mean() == pytest.approx(is_positive, abs=0.03)
    assert b.mean() == pytest.approx(mean, abs=0.03)
    assert float(w.isel(x_step=0).mean()) == pytest.approx(first, abs=0.04)


@pytest.mark.slow
def test_a_falling_curve_is_found_and_told():
    rng = np.random.default_rng(0)
    names = ["none", "little", "some", "much", "all"]
    curve = np.array([0.0, -0.1, -1.1, -1.2, -1.8])
    x = rng.integers(5, size=1000)
    data = {"y": rng.poisson(np.exp(1.0 + curve[x])), "x": np.array(names)[x]}
    model = bg.GLM("y", bg.Monotonic("x", levels=names), family="poisson")
    fit = bg.fit(model, data)
    table = bg.summary(fit)
    assert list(table.index) == [
        "intercept",
        *(f"x[{name}]" for name in names[1:]),
        *table.index[5:],
    ]
    assert table.index[5] == "mean change of x"
    assert table["r_hat"].max() < 1.01
    found = table.loc[[f"x[{name}]" for name in names[1:]], "mean"].cumsum()
    np.testing.assert_allclose(found, curve[1:], atol=0.15)
    row = table.loc["mean change of x"]
    assert row["mean"] == pytest.approx(found.iloc[-1] / 4, rel=1e-12)
    assert row["prior"].startswith("Normal(0, ")
    assert (table["prior"][[f"x[{name}]" for name in names[1:]]] == "").all()
    ratios = bg.summary(fit, exponentiate=True)
    assert list(ratios.index) == list(table.index)
    steps = fit["posterior"]["x"].mean("x_step")
    assert ratios["median"]["mean change of x"] == pytest.approx(float(np.exp(steps).median()))
    out = bg.loo(fit)
    assert np.isfinite(out.elpd)


@pytest.mark.slow
def test_both_engines_draw_the_same_and_call_it_the_same():
    x = np.arange(60) % 4
    y = np.array([0.0, 0.9, 1.0, 1.6])[x] + np.random.default_rng(1).normal(size=60)
    model, data = bg.GLM("y", bg.Monotonic("x"), dispersion=1.0), {"y": y, "x": x}
    native, pymc = (bg.fit_mcmc(model, data, engine=name) for name in ("native", "pymc"))
    assert set(native["posterior"].data_vars) == set(pymc["posterior"].data_vars)
    for name in native["posterior"].data_vars:
        one, other = (fit["posterior"][name] for fit in (native, pymc))
        assert one.dims == other.dims
        means = [fit.mean(("chain", "draw")) for fit in (one, other)]
        np.testing.assert_allclose(*means, atol=0.05)
    twin = bg.to_pymc(model, data)
    assert {variable.name for variable in twin.free_RVs} == {"intercept", "x_mean", "x_share"}
    assert "x" in {variable.name for variable in twin.deterministics}


def test_twins_of_two_levels_of_populations_and_of_predicted_dispersions():
    rng = np.random.default_rng(2)
    data = {"y": rng.normal(size=40), "x": np.arange(40) % 2, "z": np.arange(40) % 3}
    check_twin(bg.GLM("y", [bg.Monotonic("x"), bg.Monotonic("z"), bg.Group("z", name="g")]), data)
    spread = [bg.Monotonic("z")]
    check_twin(bg.GLM("y", "x", dispersion={"sigma": spread}), data)
    cells = xr.Dataset(
        {"y": (("time", "cell"), rng.poisson(2.0, (40, 2))), "z": ("time", data["z"])},
        coords={"time": np.arange(40)},
    )
    check_twin(bg.GLM("y", bg.Monotonic("z"), family="poisson"), cells)


def test_there_is_no_mode():
    model = bg.GLM("y", bg.Monotonic("x"), dispersion=1.0)
    data = {"y": np.array([0.0, 1.0, 2.0, 0.5]), "x": np.array([0, 1, 2, 0])}
    with pytest.raises(bg.ModelError, match=r"'x': the density of its steps grows .* Use fit"):
        bg.fit_map(model, data)
    with pytest.raises(bg.ModelError, match=r"term 'x' \(steps of one sign\)"):
        bg.fit_laplace(model, data)
