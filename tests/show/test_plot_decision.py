"""Choices in the plane: the boundary in closed form, its band, labels, and hostile names."""

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg
from bayesglm.results.decision import SIDE, decision_of

rng = np.random.default_rng(1)
N = 200
FRAME = pd.DataFrame(
    {"a": rng.normal(size=N), "b": rng.normal(2.0, 3.0, N), "k": list("xyxy") * 50}
)
FRAME["yes"] = np.where(rng.random(N) < 1 / (1 + np.exp(-FRAME.a + 0.5 * FRAME.b)), "go", "stay")
MODEL = bg.GLM("yes", ["a", "b"], family="bernoulli", prior=bg.Normal(1.0))


@pytest.fixture(scope="module")
def fit():
    return bg.fit(MODEL, FRAME, draws=250)


def test_the_boundary_of_a_map_is_the_line_where_eta_is_zero():
    best = bg.fit_map(MODEL, FRAME)
    found = decision_of(best, None)
    intercept, a, b = (best["map"][name].item() for name in ("intercept", "a", "b"))
    eta = intercept + a * found.x.cells[:, None] + b * found.y.cells[None]
    assert np.array_equal(found.probability[..., 1] > 0.5, eta > 0.0)
    assert np.allclose(found.probability[..., 1], 1 / (1 + np.exp(-eta)), atol=1e-12)
    assert found.shares is None
    figure = bg.plot_decision(best)
    assert "without a band" in figure.get_supxlabel()


def test_the_band_is_where_no_label_is_the_likeliest_in_97_percent_of_the_draws(fit):
    found = decision_of(fit, ("b", "a"))
    draws = {name: fit["posterior"][name].values.ravel() for name in ("intercept", "a", "b")}
    at = (17, 40)
    eta = draws["intercept"] + draws["b"] * found.x.cells[at[0]] + draws["a"] * found.y.cells[at[1]]
    p = (1 / (1 + np.exp(-eta))).mean()
    assert found.probability[at][1] == pytest.approx(p, rel=1e-10)
    assert found.shares[at][1] == pytest.approx((eta > 0).mean())
    assert np.allclose(found.shares.sum(axis=-1), 1.0)
    sure = found.shares.max(axis=-1) > 0.97
    assert sure.any()
    assert not sure.all()


def test_blocks_of_cells_tell_what_all_at_once_do(fit, monkeypatch):
    whole = decision_of(fit, None)
    monkeypatch.setattr("bayesglm.results.decision.MOST_TOLD", 2 * 1000 * 700)
    pieces = decision_of(fit, None)
    assert np.allclose(whole.probability, pieces.probability, rtol=1e-12)
    assert np.array_equal(whole.shares, pieces.shares)


def test_a_band_narrower_than_a_cell_is_drawn_all_along_the_boundary():
    x = rng.normal(size=(40_000, 2))
    y = (rng.random(40_000) < 1 / (1 + np.exp(-20 * x[:, 0] - 1.0))).astype(int)
    model = bg.GLM("y", ["a", "b"], family="bernoulli", prior=bg.Normal(20.0))
    fit = bg.fit(model, {"y": y, "a": x[:, 0], "b": x[:, 1]}, draws=250)
    found = decision_of(fit, None)
    assert (found.shares.max(axis=-1) > 0.97).mean() > 0.99
    figure = bg.plot_decision(fit)
    assert "its 94% band" in [text.get_text() for text in figure.legends[0].get_texts()]
    (band,) = [one for one in figure.axes[0].collections if getattr(one, "hatches", [None])[0]]
    height = np.ptp(np.concatenate([path.vertices for path in band.get_paths()])[:, 1])
    assert height == pytest.approx(np.ptp(found.y.cells))


def test_axes_and_marks_are_the_data(fit):
    figure = bg.plot_decision(fit)
    (ax,) = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    dots = [one.get_offsets() for one in ax.collections if one.get_label().startswith("yes")]
    for label, one in zip(("go", "stay"), dots, strict=True):
        own = FRAME[FRAME.yes == label][["a", "b"]].to_numpy()
        assert np.array_equal(np.asarray(one), np.unique(own, axis=0))
    left, right, low, high = ax.images[0].get_extent()
    cells = decision_of(fit, None)
    for ends, at in (((left, right), cells.x.cells), ((low, high), cells.y.cells)):
        assert np.allclose(np.linspace(*ends, 2 * SIDE + 1)[1::2], at)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["boundary", "its 94% band", "yes = go", "yes = stay"]


def test_features_of_a_vector_go_by_the_words_of_summary():
    ds = bg.datasets.simulate_choices(80, 4)
    model = bg.GLM("choice", "spikes", family="bernoulli", prior=bg.Normal(1.0))
    fitted = bg.fit_map(model, ds)
    assert {"spikes[1]", "spikes[3]"} <= set(bg.summary(fitted).index)
    found = decision_of(fitted, ("spikes[3]", "spikes[1]"))
    w = fitted["map"]["spikes"].values
    means = ds["spikes"].values.mean(axis=0)
    eta = fitted["map"]["intercept"].item() + w[[0, 2]] @ means[[0, 2]]
    eta = eta + w[3] * found.x.cells[:, None] + w[1] * found.y.cells[None]
    assert np.allclose(found.probability[..., 1], 1 / (1 + np.exp(-eta)), atol=1e-12)
    assert found.n_held == 2
    with pytest.raises(bg.DataError, match="name two of"):
        bg.plot_decision(fitted)


def test_marks_of_two_labels_at_one_place_stand_side_by_side():
    counts = pd.DataFrame({"a": [0, 0, 1, 1, 2, 2], "b": [0, 0, 1, 1, 0, 1]})
    fitted = bg.fit_map(MODEL, counts.assign(yes=["go", "stay"] * 3))
    (ax,) = bg.plot_decision(fitted).axes
    go, stay = (one.get_offsets() for one in ax.collections if one.get_label().startswith("yes"))
    assert np.allclose((stay - go)[:2], [[0.014 * 2, 0.0]] * 2)


def test_an_offset_is_held_and_no_axis():
    model = bg.GLM("yes", ["a", "b"], family="bernoulli", prior=bg.Normal(1.0), offset="o")
    fitted = bg.fit_map(model, FRAME.assign(o=np.linspace(0.0, 2.0, N)))
    found = decision_of(fitted, None)
    assert (found.x.name, found.y.name, found.n_held) == ("a", "b", 1)
    intercept, a, b = (fitted["map"][name].item() for name in ("intercept", "a", "b"))
    eta = 1.0 + intercept + a * found.x.cells[:, None] + b * found.y.cells[None]
    assert np.allclose(found.probability[..., 1], 1 / (1 + np.exp(-eta)), atol=1e-12)
    alone = bg.GLM("yes", "a", family="bernoulli", prior=bg.Normal(1.0))
    with pytest.raises(bg.DataError, match="read 1; plot_effects"):
        bg.plot_decision(bg.fit_map(alone, FRAME))


def test_three_labels_share_the_plane():
    labels = np.where(FRAME.a > 0.7, "right", np.where(FRAME.b > 3.0, "left", "none"))
    model = bg.GLM("c", ["a", "b", "k"], family="categorical", prior=bg.Normal(1.0))
    found = decision_of(bg.fit(model, FRAME.assign(c=labels), draws=250), ("a", "b"))
    assert found.probability.shape == (SIDE, SIDE, 3)
    assert np.allclose(found.probability.sum(axis=-1), 1.0)
    corner = found.probability[-1, 0].argmax(), found.probability[0, -1].argmax()
    assert [found.labels[k] for k in corner] == ["right", "left"]
    assert found.n_held == 1


@pytest.mark.parametrize(
    ("predictors", "words"),
    [
        (("a", "a"), "two different"),
        (("a",), "two different"),
        ("ab", "two different"),
        (("a", "bb"), "Did you mean 'b'|no number"),
        (("a", 3), "no number"),
        (("a", "k"), "no number"),
    ],
)
def test_hostile_names_are_answered(fit, predictors, words):
    with pytest.raises(bg.DataError, match=words):
        bg.plot_decision(fit, predictors)


def test_fits_without_a_plane_of_choices_are_refused():
    model = bg.GLM("n", ["a", "b"], family="poisson", prior=bg.Normal(1.0))
    counts = bg.fit_map(model, FRAME.assign(n=np.arange(N) % 3))
    with pytest.raises(bg.ModelError, match="plot_effects"):
        bg.plot_decision(counts)
    lagged = bg.GLM("y", [bg.Lagged("x", lags=3), bg.History(lags=2)], family="bernoulli")
    series = {"y": [0, 1, 1, 0, 1, 0, 0, 1, 1, 0], "x": np.arange(10.0) % 3}
    with pytest.raises(bg.DataError, match="plot_kernels"):
        bg.plot_decision(bg.fit_map(lagged, series))
    flat = bg.fit_map(MODEL, FRAME.assign(b=1.0, yes=FRAME.yes))
    with pytest.raises(bg.DataError, match="nothing changes along it"):
        bg.plot_decision(flat)
