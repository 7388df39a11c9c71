"""Figures of a fit's goodness: what they draw is what closed forms, peers and verbs say."""

import itertools

import numpy as np
import pandas as pd
import pytest
from drawn import assert_inside, legend_of, rendered
from families import OF_NUMBERS, model_of
from scipy.stats import norm, poisson
from sklearn.isotonic import IsotonicRegression

import bayesglm as bg
from bayesglm.results.uniformity import distribution_at, uniform_band
from bayesglm.show.units import mean_of

PRIOR = bg.Normal(1.0)
FIGURES = (bg.plot_residuals, bg.plot_calibration, bg.plot_predictive)
TITLE = "a true model, 94%"


def line_of(ax, label):
    return next(line for line in ax.get_lines() if line.get_label() == label)


@pytest.fixture(scope="module")
def yes():
    rng = np.random.default_rng(0)
    x = rng.normal(size=300)
    data = {"hit": rng.random(300) < 1 / (1 + np.exp(-1.5 * x)), "x": x}
    return bg.fit(bg.GLM("hit", "x", "bernoulli", prior=PRIOR), data, draws=50, chains=2)


@pytest.fixture(scope="module")
def many_units():
    rng = np.random.default_rng(1)
    x = rng.normal(size=200)
    y = rng.poisson(np.exp(0.4 * x[:, None] + 0.1 * np.arange(8)), (200, 8))
    data = bg.as_dataset({"spikes": y, "x": x}, bin_size=0.01)
    data = data.rename(spikes_dim_0="unit").assign_coords(unit=list("abcdefgh"))
    data["x"].attrs["units"] = "deg"
    model = bg.GLM("spikes", ["x", bg.History(lags=2)], "poisson", prior=PRIOR)
    return bg.fit(model, data, draws=50, chains=2)


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_every_family_is_drawn_or_refused_by_a_sentence(family, data):
    key = (family, OF_NUMBERS[family].links[0])
    fit = bg.fit_map(model_of(key, "x", prior=PRIOR), data)
    labels = set()
    for plot in FIGURES:
        if plot is bg.plot_calibration and OF_NUMBERS[family].circular:
            with pytest.raises(bg.ModelError, match="no mean on a line"):
                plot(fit)
        else:
            ax = plot(fit, draws=20).axes[0]
            assert ax.get_ylabel()
            labels.add(ax.get_xlabel())
    means = {f"predicted {mean_of(family, OF_NUMBERS[family])}", family}
    assert labels == means  # one word for the mean in all of them


def test_levels_counts_of_them_and_shares_are_drawn(many):
    rng = np.random.default_rng(2)
    many["label"] = ("time", rng.choice(["u", "v", "w"], 400))
    many["counts"] = (("time", "level"), rng.multinomial(5, [0.2, 0.3, 0.5], 400))
    many = many.assign_coords(level=["p", "q", "r"])
    for model, levels in (
        (bg.GLM("label", "x", "categorical", prior=PRIOR), "uvw"),
        (bg.GLM("label", "x", "ordinal", prior=PRIOR, levels=["u", "v", "w"]), "uvw"),
        (bg.GLM("counts", "x", "multinomial", prior=PRIOR), "pqr"),
    ):
        fit = bg.fit_map(model, many)
        axes = bg.plot_calibration(fit).axes
        assert axes[0].get_xlabel() == f"predicted probability of {levels[0]}"
        assert [ax.get_title(loc="left") for ax in axes] == list(levels)
        (ax,) = bg.plot_predictive(fit).axes
        assert [text.get_text() for text in ax.get_xticklabels()] == list(levels)
        seen = line_of(ax, "data").get_ydata()
        counts = many["counts"].sum("time") if model.response == "counts" else None
        shares = np.unique(many["label"], return_counts=True)[1] if counts is None else counts
        np.testing.assert_allclose(seen, shares / np.sum(shares))
    with pytest.raises(bg.ModelError, match="Take kind='pearson'"):
        bg.plot_residuals(fit)
    unordered = bg.fit_map(bg.GLM("label", "x", "categorical", prior=PRIOR), many)
    with pytest.raises(bg.DataError, match="no one mean"):
        bg.plot_residuals(unordered)
    assert bg.plot_residuals(unordered, "x").axes[0].get_xlabel() == "x"
    with pytest.raises(bg.DataError, match="a residual for each level"):
        bg.plot_residuals(unordered, "x", kind="pearson")


def test_shares_rise_with_chances_as_a_peer_has_them(yes, tmp_path):
    figure = rendered(bg.plot_calibration(yes), tmp_path)
    assert legend_of(figure)[1] == [TITLE, "observed"]
    assert_inside(figure)
    chance, observed = line_of(figure.axes[0], "observed").get_data()
    y = yes["observed_data"]["hit"].values.astype(float)
    told = bg.predict(yes)["hit"].mean(("chain", "draw")).values
    np.testing.assert_allclose(np.sort(told), chance, rtol=1e-9)
    peer = IsotonicRegression().fit_transform(told, y)
    np.testing.assert_allclose(observed, np.sort(peer), atol=1e-9)
    brier, gain = np.mean((y - told) ** 2), np.mean((y - told) ** 2) - np.mean((y - peer) ** 2)
    text = figure.axes[0].texts[0].get_text()
    assert text == f"Brier {brier:.3g},\nmiscalibrated {gain:.2g}"
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].min() >= 0.0
    assert band[:, 1].max() <= 1.0
    lower, upper = band[1 : len(chance) + 1, 1], band[len(chance) + 2 : -1, 1][::-1]
    assert np.mean((observed >= lower - 1e-9) & (observed <= upper + 1e-9)) > 0.8


def test_residuals_against_a_predictor_show_what_the_mean_lacks(tmp_path):
    rng = np.random.default_rng(3)
    x = rng.normal(size=500)
    data = {"y": 0.5 * x + 0.5 * x**2 + rng.normal(size=500), "x": x, "side": np.where(x > 0, 1, 0)}
    fit = bg.fit_map(bg.GLM("y", "x", prior=PRIOR), data)
    figure = rendered(bg.plot_residuals(fit, "x"), tmp_path)
    assert_inside(figure)
    values = bg.residuals(fit)["y"].values
    dots = figure.axes[0].get_lines()[1].get_xydata()
    np.testing.assert_allclose(dots, np.stack([x, values], axis=1))
    centre, mean = line_of(figure.axes[0], "mean in bins").get_data()
    first = np.argsort(x)[:25]
    assert (centre[0], mean[0]) == pytest.approx((x[first].mean(), values[first].mean()))
    half = norm.ppf(0.97) / 5.0
    vertices = figure.axes[0].collections[0].get_paths()[0].vertices
    assert vertices[:, 1].max() == pytest.approx(half)
    assert np.mean(np.abs(mean) > half) > 0.4
    words = data | {"side": np.where(x > 0, "right", "left")}
    given = bg.as_dataset(words)["side"]
    ax = bg.plot_residuals(fit, given).axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["left", "right"]
    means = line_of(ax, "mean in bins").get_ydata()
    np.testing.assert_allclose(means, [values[x <= 0].mean(), values[x > 0].mean()])
    fitted = bg.plot_residuals(fit, kind="deviance").axes
    assert len(fitted) == 1
    np.testing.assert_allclose(fitted[0].get_lines()[1].get_xdata(), bg.predict(fit)["y"])
    with pytest.raises(bg.DataError, match=r"give the column itself, against=data\['age'\]"):
        bg.plot_residuals(fit, "age")
    with pytest.raises(bg.DataError, match="a column of a frame; got 5"):
        bg.plot_residuals(fit, 5)
    with pytest.raises(bg.DataError, match="one number for each of the 500"):
        bg.plot_residuals(fit, given[:20])
    frame = pd.DataFrame({"y": data["y"], "x": x, "z": -x}, index=np.arange(500)[::-1] + 7)
    fit = bg.fit_map(bg.GLM("y", "x", prior=PRIOR), frame)
    ax = bg.plot_residuals(fit, frame["z"].sort_index()).axes[0]  # paired by the index
    np.testing.assert_array_equal(ax.get_lines()[1].get_xdata(), frame["z"])
    with pytest.raises(bg.DataError, match="no sample at"):
        bg.plot_residuals(fit, frame["z"].iloc[3:])


def test_bands_of_mean_residuals_are_those_of_a_true_model_not_of_the_data():
    """Counts that spread more than the model says widen no band of theirs."""
    rng = np.random.default_rng(10)
    x = np.sort(rng.normal(size=250))
    y = rng.negative_binomial(0.4, 0.4 / (0.4 + np.exp(0.3 * x)))
    fit = bg.fit_map(bg.GLM("y", "x", "poisson", prior=PRIOR), {"y": y, "x": x})
    mu = bg.predict(fit)["y"].values
    counts = np.arange(60)[:, None]
    away = counts - mu
    with np.errstate(divide="ignore", invalid="ignore"):
        log_ratio = np.where(counts > 0, counts * np.log(counts / mu), 0.0)
    of_each = np.sign(away) * np.sqrt(2.0 * (log_ratio - away))
    mean = (poisson.pmf(counts, mu) * of_each).sum(axis=0)
    variance = (poisson.pmf(counts, mu) * np.square(of_each - mean)).sum(axis=0)
    exact = {
        "quantile": (0.0 * x, 0.0 * x + 1.0, 1e-9),
        "pearson": (0.0 * x, 0.0 * x + 1.0, 1e-9),
        "deviance": (mean, variance, 0.06),
    }
    for kind, (mean, variance, error) in exact.items():
        ax = bg.plot_residuals(fit, "x", kind).axes[0]
        edge = ax.collections[0].get_paths()[0].vertices
        lower, upper = edge[1:11, 1], edge[12:22, 1][::-1]
        half = norm.ppf(0.97) * np.sqrt(variance.reshape(10, 25).mean(axis=1)) / 5.0
        np.testing.assert_allclose(0.5 * (upper - lower), half, atol=error)
        np.testing.assert_allclose(0.5 * (upper + lower), mean.reshape(10, 25).mean(1), atol=error)
        drawn = line_of(ax, "mean in bins").get_ydata()
        assert drawn[0] == pytest.approx(bg.residuals(fit, kind)["y"].values[:25].mean())
    hits = {"hit": rng.binomial(9, 1 / (1 + np.exp(-4.0 * x))), "n": np.full(250, 9), "x": x}
    of_trials = bg.GLM("hit", "x", "binomial", trials="n", prior=PRIOR)
    ax = bg.plot_residuals(bg.fit_map(of_trials, hits)).axes[0]
    assert (ax.get_xlabel(), ax.get_xscale()) == ("predicted probability of hit", "linear")
    assert ax.get_lines()[1].get_xdata().max() <= 1.0


def test_members_of_a_population_are_chosen_and_others_named(many_units, tmp_path):
    for plot, most in (
        (bg.plot_residuals, 4),
        (bg.plot_predictive, 4),
        (bg.plot_calibration, 6),
        (bg.plot_loo_pit, 6),
        (bg.plot_khat, 6),
    ):
        figure = plot(many_units, units=list("hgfedcb"))
        titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_title(loc="left")]
        assert titles == [f"unit {one}" for one in "hgfedcb"[:most]]
        assert figure.get_supxlabel().startswith("Not drawn of unit: ")
        with pytest.raises(bg.DataError, match="chooses of"):
            plot(many_units, units="z")
    figure = rendered(bg.plot_residuals(many_units, "x", units="c"), tmp_path)
    assert figure.axes[0].get_xlabel() == "x (deg)"
    assert bg.plot_residuals(many_units, "time").axes[0].get_xlabel() == "time (s)"
    of_one = bg.residuals(many_units)["spikes"].sel(unit="c").values[2:]
    np.testing.assert_allclose(figure.axes[0].get_lines()[1].get_ydata(), of_one)


def test_drawn_data_sets_hold_the_data_of_a_true_model_and_not_of_a_wrong_one(tmp_path):
    rng = np.random.default_rng(4)
    true = bg.fit_map(bg.GLM("y", [], "poisson"), {"y": rng.poisson(2.0, 400)})
    wrong = bg.fit_map(bg.GLM("y", [], "poisson"), {"y": rng.negative_binomial(1, 1 / 3, 400)})
    outside = []
    for fit in (true, wrong):
        figure = rendered(bg.plot_predictive(fit), tmp_path)
        y = fit["observed_data"]["y"].values
        seen = line_of(figure.axes[0], "data").get_ydata()
        np.testing.assert_allclose(seen[:5], [np.mean(y == k) for k in range(5)])
        ends = np.array([one[:, 1] for one in figure.axes[0].collections[0].get_segments()])
        outside.append(np.mean((seen < ends[:, 0]) | (seen > ends[:, 1])))
        places, away = line_of(figure.axes[1], "data").get_data()
        assert (places[0], places[-1]) == (0, y.max())  # the tail as well
        assert figure.axes[1].get_xlim()[1] > y.max()
        exact = distribution_at(y, places) - poisson.cdf(places, y.mean())
        np.testing.assert_allclose(away, exact, atol=0.01)
        for ax, words in zip(figure.axes, ("share of samples", "Δ ECDF"), strict=True):
            assert ax.get_ylabel() == words
    assert outside[0] < 0.2
    assert outside[1] > 0.5
    status = {"y": y + 1.0, "s": np.where(y > 3, "right", "none")}
    fit = bg.fit_map(bg.GLM("y", [], "exponential", censored="s"), status)
    with pytest.raises(bg.ModelError, match="seen in part"):
        bg.plot_predictive(fit)


def test_the_band_of_uniform_numbers_holds_the_whole_curve():
    rng = np.random.default_rng(5)
    for n in (30, 1000):
        places, lower, upper = uniform_band(n, 0.9)
        curves = np.stack([distribution_at(rng.random(n), places) for _ in range(1000)])
        inside = ((curves >= lower) & (curves <= upper)).all(axis=1).mean()
        assert abs(inside - 0.9) < 0.04


def test_leave_one_out_chances_are_exact_where_the_posterior_is(tmp_path):
    """Of a normal mean under a normal prior each posterior without a response is known."""
    rng = np.random.default_rng(6)
    y = rng.normal(size=40)
    fit = bg.fit(bg.GLM("y", [], dispersion=1.0, intercept=bg.Normal(2.0)), {"y": y})
    figure = rendered(bg.plot_loo_pit(fit), tmp_path)
    assert legend_of(figure)[1] == [TITLE, "observed"]
    variance = 1.0 / (39.0 + 0.25)
    exact = norm.cdf((y - variance * (y.sum() - y)) / np.sqrt(1.0 + variance))
    x, curve = line_of(figure.axes[0], "observed").get_data()
    np.testing.assert_allclose(curve + x, distribution_at(exact, x), atol=1.01 / 40)
    from bayesglm.inference.tree.opened import kept_of, reopen
    from bayesglm.results.scores.loo_pit import leave_one_out_chances

    (kept,) = kept_of(fit, reopen(fit))
    chances, khat = leave_one_out_chances(kept, 1.0)
    np.testing.assert_allclose(chances.uniform(rng), exact, atol=0.01)
    np.testing.assert_allclose(khat, bg.loo(fit).pareto_k, atol=0.1)
    with pytest.raises(bg.DataError, match="only a MAP"):
        bg.plot_loo_pit(bg.fit_map(bg.GLM("y", []), {"y": y}))
    for counts, side in (
        (rng.poisson(2.0, 300), "inside"),
        (rng.negative_binomial(1, 1 / 3, 300), "outside"),
    ):
        of_counts = bg.fit(bg.GLM("y", [], "poisson"), {"y": counts}, draws=250)
        (ax,) = bg.plot_loo_pit(of_counts).axes
        assert ax.get_title(loc="right") == f"{side} the band"
    own = {"y": rng.poisson(2.0, 40), "row": np.arange(40)}
    each = bg.GLM("y", bg.Group("row", prior=bg.Normal(0.5)), "poisson", intercept=PRIOR)
    with pytest.raises(bg.ModelError, match="a single row"):
        bg.plot_loo_pit(bg.fit(each, own, draws=100))


def test_khats_are_those_of_loo_and_the_largest_are_named(tmp_path):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=60), rng.poisson(2.0, 60)
    x[17], y[17] = 6.0, 30
    fit = bg.fit(bg.GLM("y", "x", "poisson", prior=PRIOR), {"y": y, "x": x})
    with pytest.warns(bg.BayesGLMWarning, match="k-hat is above"):
        elpd = bg.loo(fit)
    figure = rendered(bg.plot_khat(elpd), tmp_path)
    ax = figure.axes[0]
    drawn = np.concatenate([line.get_xydata() for line in ax.get_lines()[:2]])
    drawn = drawn[np.argsort(drawn[:, 0])]
    np.testing.assert_allclose(drawn[:, 1], elpd.pareto_k)
    assert [text.get_text() for text in ax.texts] == ["17"]
    assert ax.get_title(loc="right") == f"1 of 60 above {elpd.good_k:.2f}"
    assert ax.get_xlabel() == "obs (by position)"
    score = bg.score(fit)
    figure = rendered(bg.plot_khat(score), tmp_path)
    assert_inside(figure)
    ax = figure.axes[0]
    moved = np.flatnonzero(score.rung_i != "psis")
    circles = line_of(ax, "k-hat of first weights, replaced").get_xydata()
    np.testing.assert_array_equal(circles, np.stack([moved, score.influence_pareto_k[moved]], 1))
    dots = line_of(ax, "k-hat behind the score").get_ydata()
    np.testing.assert_allclose(dots, score.pareto_k)
    assert 17 in moved
    assert ax.get_title(loc="right").startswith(f"{len(moved)} of 60 replaced, 0 of 60 above")
    calm = bg.score(bg.fit(bg.GLM("y", [], "poisson"), {"y": rng.poisson(2.0, 60)}))
    assert (calm.rung_i == "psis").all()
    assert not any("replaced" in one for one in legend_of(bg.plot_khat(calm))[1])
    with pytest.raises(bg.DataError, match="what loo returns"):
        bg.plot_khat(bg.residuals(fit))


def test_a_comparison_is_drawn_as_it_is_told(tmp_path):
    rng = np.random.default_rng(8)
    x = rng.normal(size=80)
    data = {"y": rng.poisson(np.exp(0.6 * x)), "x": x}
    fits = {
        name: bg.fit(bg.GLM("y", terms, "poisson", prior=PRIOR), data, draws=250)
        for name, terms in (("$constant", []), ("x", ["x"]))
    }
    table = bg.compare(fits)
    figure = rendered(bg.plot_compare(table), tmp_path)
    assert_inside(figure)
    difference, score, weight = figure.axes
    for ax in (difference, score):
        ticks = [tick.label1.get_window_extent() for tick in ax.xaxis.get_major_ticks()]
        shown = [box for box in ticks if box.x1 > ax.bbox.x0 and box.x0 < ax.bbox.x1]
        for one, other in itertools.pairwise(shown):
            assert other.x0 - one.x1 > 0.4 * one.height
    assert [text.get_text() for text in difference.get_yticklabels()] == ["x", r"\$constant"]
    np.testing.assert_allclose(difference.get_lines()[0].get_xdata(), table["elpd_diff"])
    thin = np.array(difference.collections[0].get_segments())[1, :, 0]
    low = table["elpd_diff"].iloc[1] - 2 * table["dse"].iloc[1]
    np.testing.assert_allclose(thin, [low, low + 4 * table["dse"].iloc[1]])
    np.testing.assert_allclose(score.get_lines()[0].get_xdata(), table["elpd"])
    np.testing.assert_allclose([bar.get_width() for bar in weight.patches], table["weight"])
    worse = table["p_worse"].iloc[1]
    assert [text.get_text() for text in weight.texts] in ([f"worse: {worse:.0%}"], ["worse: >99%"])
    assert table["diagnosis"].iloc[1] in figure.get_supxlabel()
    with pytest.raises(bg.DataError, match="the table that compare"):
        bg.plot_compare(fits)
    for wrong, words in (
        (table.iloc[:0], "no models to draw"),
        (table.assign(elpd="a"), "column 'elpd' of the table holds 'a' of model 'x'"),
        (table.assign(elpd=[np.nan, 1.0]), "column 'elpd' .* nan for 1 models, the first 'x'"),
    ):
        with pytest.raises(bg.DataError, match=words):
            bg.plot_compare(wrong)


def test_priors_and_posteriors_have_their_densities(tmp_path):
    rng = np.random.default_rng(9)
    x, g = rng.normal(size=120), rng.integers(0, 3, 120)
    data = {"y": 0.3 * x + 0.5 * rng.normal(size=3)[g] + rng.normal(size=120), "x": x, "g": g}
    data["z"] = rng.normal(size=120)
    terms = [
        bg.Linear("x", prior=bg.Normal(0.2)),
        bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))),
        bg.Lagged("x", lags=(1, 3), name="past", prior=bg.GaussianProcess(0.5, 2.0)),
        bg.Linear("z", prior=bg.Normal(500.0)),
    ]
    fit = bg.fit(bg.GLM("y", terms, dispersion=bg.HalfNormal(2.0)), data, draws=400)
    figure = rendered(bg.plot_prior_posterior(fit), tmp_path)
    assert_inside(figure)
    axes = {ax.get_title(loc="left"): ax for ax in figure.axes}
    assert list(axes)[:3] == ["intercept", "x", "past[lag 1]"]
    assert {"sigma", "sd of g", "g[0]"} <= set(axes)
    assert axes["intercept"].get_title(loc="right") == "improper prior"
    assert axes["z"].get_title(loc="right") == "<1% as wide"
    labels = [axes[name].get_xlabel() for name in ("intercept", "sigma", "sd of g", "z")]
    per = "response units\nper unit of predictor"
    assert labels == ["response units", "dispersion", "response units", per]
    for ax in figure.axes:
        if ax.get_visible():
            name, width = ax._left_title, ax._right_title
            assert name.get_window_extent().x1 < width.get_window_extent().x0

    def prior_of(name):
        path = axes[name].collections[0].get_paths()[0].vertices
        return path[path[:, 1] > 0.0].T  # the edge above the axis

    at, density = prior_of("x")
    np.testing.assert_allclose(density, norm.pdf(at, scale=0.2), rtol=1e-9)
    at, density = prior_of("sigma")
    assert at.min() >= 0.0
    np.testing.assert_allclose(density, 2.0 * norm.pdf(at, scale=2.0), atol=0.04)
    at, density = prior_of("past[lag 1]")
    np.testing.assert_allclose(density, norm.pdf(at, scale=0.5), atol=0.08)
    at, density = prior_of("g[0]")
    nodes = (np.arange(20_000) + 0.5) / 20_000
    scales = norm.ppf(0.5 + 0.5 * nodes)
    exact = norm.pdf(at[:, None], scale=scales).mean(axis=1)
    far = np.abs(at) > 0.2
    np.testing.assert_allclose(density[far], exact[far], rtol=0.1)
    posterior = fit["posterior"]["x"].values.ravel()
    at, density = line_of(axes["x"], "posterior").get_data()
    assert np.trapezoid(density, at) == pytest.approx(1.0, abs=0.02)
    mean = np.trapezoid(density * at, at)
    assert mean == pytest.approx(posterior.mean(), abs=0.1 * posterior.std())
    alone = bg.plot_prior_posterior(fit, "g_scale").axes
    assert [ax.get_title(loc="left") for ax in alone] == ["sd of g"]
    with pytest.raises(bg.DataError, match="no term 'gg'"):
        bg.plot_prior_posterior(fit, "gg")
    with pytest.raises(bg.DataError, match="only a MAP"):
        bg.plot_prior_posterior(bg.fit_map(bg.GLM("y", "x", prior=PRIOR), data))
