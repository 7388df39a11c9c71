"""The picture of a choice: what is drawn are the curves' numbers, each below its own best."""

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, legend_of, rendered

import bayesglm as bg


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(150, 4))
    return {"X": X, "z": rng.normal(size=150), "y": rng.poisson(np.exp(X @ [0.4, -0.2, 0.0, 0.3]))}


def model_of(prior):
    return bg.GLM(
        "y", [bg.Linear("X", prior=prior), bg.Linear("z", prior=bg.Normal(0.1))], "poisson"
    )


@pytest.fixture(scope="module")
def tunings(data):
    """All three ways of tuning one term."""
    at = {"term": "X", "draws": 400, "folds": 4}
    return [
        bg.tune_prior(model_of(bg.ridge(1.0)), data, method=method, **at)
        for method in ("evidence", "kfold", "loo")
    ]


@pytest.fixture(scope="module")
def lasso(data):
    return bg.tune_prior(model_of(bg.lasso(1.0)), data, term="X", scales=[0.02, 0.1, 0.3, 1.0, 9.0])


def curve_of(tuned):
    curve = tuned.curve["X"].to_dataset()
    return curve, curve["log_evidence" if "log_evidence" in curve else "elpd"]


def line_named(ax, label):
    (line,) = [line for line in ax.get_lines() if line.get_label() == label]
    return line


def band_at(band, scale):
    corners = band.get_paths()[0].vertices
    ys = corners[corners[:, 0] == scale, 1]
    return ys.min(), ys.max()


def test_every_curve_is_there_below_its_best(tunings, tmp_path):
    figure = rendered(bg.plot_tuning(tunings), tmp_path)
    ax = figure.axes[0]
    labels = ["evidence", "evidence (Laplace)", "k-fold", "PSIS-LOO"]
    assert legend_of(figure) == ("X", labels)
    colours = set()
    for tuned, label in zip(tunings, ["evidence", "k-fold", "PSIS-LOO"], strict=True):
        curve, value = curve_of(tuned)
        best = value.sel(scale=curve.attrs["chosen"]).item()
        line = line_named(ax, label)
        np.testing.assert_array_equal(line.get_xdata(), curve["scale"])
        np.testing.assert_allclose(line.get_ydata(), value - best)
        colours.add(line.get_color())
        (dot,) = [
            one
            for one in ax.get_lines()
            if one.get_marker() == "o" and one.get_color() == line.get_color()
        ]
        assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (curve.attrs["chosen"], 0.0)
    assert len(colours) == 3
    curve, value = curve_of(tunings[0])
    laplace = curve["log_evidence_laplace"] - value.sel(scale=curve.attrs["chosen"]).item()
    dashed = line_named(ax, "evidence (Laplace)")
    np.testing.assert_allclose(dashed.get_ydata(), laplace)
    assert dashed.get_linestyle() == "--"
    assert "nats" in ax.get_ylabel()
    assert_inside(figure)


def test_bands_are_standard_errors(tunings):
    for tuned, name, reach in zip(
        tunings, ["log_evidence_se", "elpd_diff_se", "elpd_diff_se"], [2.0, 1.0, 1.0], strict=True
    ):
        curve, value = curve_of(tuned)
        (band,) = bg.plot_tuning(tuned).axes[0].collections
        shifted = value - value.sel(scale=curve.attrs["chosen"]).item()
        for scale in curve["scale"].values[[0, 5, -1]]:
            here, error = shifted.sel(scale=scale).item(), curve[name].sel(scale=scale).item()
            expected = (here - reach * error, here + reach * error)
            np.testing.assert_allclose(band_at(band, scale), expected)


def test_both_axes_say_the_same(tunings, lasso, tmp_path):
    for tuned, power in ((tunings[0], -2), (tunings[1], -2), (lasso, -1)):
        figure = rendered(bg.plot_tuning(tuned), tmp_path)
        ax, twin = figure.axes
        low, high = ax.get_xlim()
        np.testing.assert_allclose(twin.get_xlim(), [low**power, high**power])
        at = np.sqrt(low * high) * 1.1
        one = ax.transData.transform((at, 0.0))[0]
        assert one == pytest.approx(twin.transData.transform((at**power, 0.0))[0])
        assert "penalty" in twin.get_xlabel()
        assert_inside(figure)
    both = bg.plot_tuning({"ridge": tunings[0], "lasso": lasso})
    assert len(both.axes) == 1  # two kinds of penalty have no axis in common
    assert legend_of(both)[1] == ["ridge", "ridge (Laplace)", "lasso"]


def test_what_matters_is_in_sight(tunings):
    for tuned in (tunings, *tunings):
        ax = bg.plot_tuning(tuned).axes[0]
        (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
        assert bottom <= -5.0
        assert 0.0 < top < -bottom
        for one in tuned if isinstance(tuned, list) else [tuned]:
            curve, value = curve_of(one)
            chosen = curve.attrs["chosen"]
            assert left < chosen < right
            fall = value - value.sel(scale=chosen).item()
            close = fall.sel(scale=slice(chosen / 3, chosen * 3))
            assert float(close.max()) == pytest.approx(0.0, abs=0.11)
            # At the two neighbours, every curve is still above the bottom.
            place = int(np.argmax(curve["scale"].values == chosen))
            assert fall.values[place - 1] > bottom
            assert fall.values[place + 1] > bottom
    # Far to the left, where all curves have fallen, there is nothing to see.
    assert ax.get_xlim()[0] > curve_of(tunings[-1])[0]["scale"].min()


def test_names_of_ones_own_and_of_the_methods(tunings):
    evidence, kfold, _ = tunings
    assert "mine" in legend_of(bg.plot_tuning({"mine": kfold}))[1]
    assert legend_of(bg.plot_tuning({"a": kfold.curve, "b": evidence}))[1][:2] == ["a", "b"]
    for alone in (kfold, kfold.curve, [kfold], (kfold.curve,)):
        assert legend_of(bg.plot_tuning(alone))[1] == ["k-fold"]
    twice = [kfold, kfold, evidence, kfold]
    names = ["k-fold", "k-fold 2", "evidence", "evidence (Laplace)", "k-fold 3"]
    assert legend_of(bg.plot_tuning(twice))[1] == names


def test_scores_of_another_unit_stand_in_a_panel_of_their_own(data, tunings, tmp_path):
    at = {"term": "X", "method": "kfold", "folds": 4, "scales": [0.02, 0.1, 0.3, 1.0, 9.0]}
    deviance = bg.tune_prior(model_of(bg.ridge(1.0)), data, scoring="deviance", **at)
    figure = rendered(bg.plot_tuning([tunings[0], deviance, tunings[1]]), tmp_path)
    nats, losses = figure.axes[:2]
    labels = ["evidence", "evidence (Laplace)", "k-fold", "k-fold deviance"]
    assert legend_of(figure) == ("X", labels)
    assert (nats.get_ylabel(), losses.get_ylabel()) == (
        "below its best (nats)",
        "mean deviance of held-out samples",
    )
    curve = deviance.curve["X"].to_dataset()
    line = line_named(losses, "k-fold deviance")
    np.testing.assert_array_equal(line.get_ydata(), curve["deviance"])
    (dot,) = [one for one in losses.get_lines() if one.get_marker() == "o"]
    best = curve["deviance"].min().item()
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (curve.attrs["chosen"], best)
    (band,) = losses.collections
    for scale in curve["scale"].values[[0, -1]]:
        here, error = (
            curve[name].sel(scale=scale).item() for name in ("deviance", "deviance_diff_se")
        )
        np.testing.assert_allclose(band_at(band, scale), (here - error, here + error))
    low, high = losses.get_ylim()
    assert low < best < 0.5 * (low + high)
    assert_inside(figure)


def test_a_penalty_stronger_than_the_best_stands_below_it(data):
    at = {"term": "X", "method": "kfold", "folds": 4, "draws": 400, "within": 2.0}
    tuned = bg.tune_prior(model_of(bg.ridge(1.0)), data, **at)
    curve, value = curve_of(tuned)
    ax = bg.plot_tuning(tuned).axes[0]
    (dot,) = [one for one in ax.get_lines() if one.get_marker() == "o"]
    best = value.sel(scale=curve.attrs["best"]).item()
    np.testing.assert_allclose(line_named(ax, "k-fold").get_ydata(), value - best)
    assert dot.get_xdata()[0] == curve.attrs["chosen"] < curve.attrs["best"]
    assert dot.get_ydata()[0] == value.sel(scale=curve.attrs["chosen"]).item() - best < 0.0


def with_scale(values, name="X_scale", dims=("chain", "draw")):
    group = xr.Dataset({name: (dims, values)})
    return xr.DataTree.from_dict({"posterior": group})


def test_the_posterior_of_the_scale_is_drawn_below(tunings, tmp_path):
    rng = np.random.default_rng(0)
    draws = np.exp(rng.normal(np.log(0.3), 0.2, (4, 500)))
    figure = rendered(bg.plot_tuning(tunings, fit=with_scale(draws)), tmp_path)
    ax = figure.axes[0]
    assert legend_of(figure)[1][-1] == "posterior"
    (hill,) = [one for one in ax.collections if one.get_label() == "posterior"]
    corners = hill.get_paths()[0].vertices
    bottom, top = ax.get_ylim()
    assert corners[:, 1].min() == pytest.approx(bottom)
    assert corners[:, 1].max() == pytest.approx(bottom + 0.3 * (top - bottom))
    peak = corners[np.argmax(corners[:, 1]), 0]
    assert peak == pytest.approx(0.3, rel=0.1)
    # Its width is that of the draws: at one sd from the peak it has fallen to exp(-1/2).
    upper = corners[corners[:, 1] > bottom + 1e-12]
    side = upper[np.argmin(np.abs(upper[:, 0] - 0.3 * np.exp(0.2)))]
    share = (side[1] - bottom) / (0.3 * (top - bottom))
    assert share == pytest.approx(np.exp(-0.5), abs=0.1)
    assert_inside(figure)


def test_a_posterior_far_from_the_curves_and_one_without_spread(tunings):
    bg.plot_tuning(tunings[0], fit=with_scale(np.full((2, 10), 0.3))).canvas.draw()
    far = np.exp(np.random.default_rng(0).normal(np.log(1e6), 0.1, (2, 100)))
    figure = bg.plot_tuning(tunings[0], fit=with_scale(far))
    figure.canvas.draw()
    left, right = figure.axes[0].get_xlim()
    assert left < tunings[0].curve["X"].attrs["chosen"]
    assert right == pytest.approx(np.quantile(far, 0.99))


def test_learned_scales_of_a_real_fit(data, tunings):
    learned = bg.fit(model_of(bg.Normal(bg.HalfNormal(1.0))), data, draws=250)
    figure = bg.plot_tuning(tunings[0], fit=learned)
    assert "posterior" in legend_of(figure)[1]
    with pytest.raises(bg.DataError, match=r"learned no 'X_scale'; .*Normal\(HalfNormal\(1.0\)\)"):
        bg.plot_tuning(tunings[0], fit=bg.fit(model_of(bg.ridge(1.0)), data, draws=250))
    for nothing in (bg.fit_map(model_of(bg.ridge(1.0)), data), "fit", data):
        with pytest.raises(bg.DataError, match="fit= must be a posterior"):
            bg.plot_tuning(tunings[0], fit=nothing)
    many = with_scale(np.ones((2, 10, 3)), dims=("chain", "draw", "neuron"))
    with pytest.raises(bg.DataError, match=r"further dims \['neuron'\].*fit.isel\(neuron=0\)"):
        bg.plot_tuning(tunings[0], fit=many)


def test_any_tuned_term_can_be_drawn(data):
    at = {"scales": [0.05, 0.1, 0.4, 1.0], "draws": 200}
    with pytest.warns(bg.BayesGLMWarning, match="'z' is best at the smallest"):
        tuned = bg.tune_prior(model_of(bg.ridge(1.0)), data, **at)
    every = bg.plot_tuning(tuned)
    assert [ax.get_title(loc="left") for ax in every.axes[:2]] == ["X", "z"]
    assert [line_named(ax, "evidence").get_marker() for ax in every.axes[:2]] == [".", "."]
    for term in ("X", "z"):
        figure = bg.plot_tuning(tuned, term=term)
        assert legend_of(figure)[0] == term
        line = line_named(figure.axes[0], "evidence")
        value = tuned.curve[term]["log_evidence"]
        np.testing.assert_allclose(line.get_ydata(), value - value.max(), atol=1e-3)
    with pytest.raises(bg.DataError, match=r"'Z' was not tuned in 'evidence'; .* X, z."):
        bg.plot_tuning(tuned, term="Z")


def test_several_tunings_go_in_a_list(data, tunings):
    one, other = tunings[:2]
    for several in ((one, other), (one, other.curve), (one, None, other), (one, other, one)):
        with pytest.raises(bg.DataError, match=r"in a list: plot_tuning\(\[one, another\]\)"):
            bg.plot_tuning(*several)
    with pytest.raises(bg.DataError, match=r"term= is the name of a term, such as 'X'"):
        bg.plot_tuning(one, term=["X"])


def test_a_single_scale(data, tmp_path):
    tuned = bg.tune_prior(model_of(bg.ridge(1.0)), data, term="X", scales=[0.3])
    figure = rendered(bg.plot_tuning(tuned), tmp_path)
    assert figure.axes[0].get_xlim() == (0.15, 0.6)
    assert_inside(figure)


def test_what_was_not_tuned(data, tunings, tmp_path):
    path = bg.prior_path(model_of(bg.ridge(1.0)), data, [0.1, 1.0], term="X")
    for thing in (None, 1, "curve.nc", path, data, [path], {"a": None}, [tunings[0], 3]):
        with pytest.raises(bg.DataError, match="plot_tuning draws what tune_prior returns"):
            bg.plot_tuning(thing)
    for empty in ([], {}, ()):
        with pytest.raises(bg.DataError, match="at least one thing that tune_prior returned"):
            bg.plot_tuning(empty)
    loaded = bg.load(bg.save(tunings[1].curve, tmp_path / "curve.nc"))
    one, other = (line_named(bg.plot_tuning(t).axes[0], "k-fold") for t in (tunings[1], loaded))
    np.testing.assert_array_equal(one.get_ydata(), other.get_ydata())
