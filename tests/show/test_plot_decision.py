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
    assert found.agreeing is None
    figure = bg.plot_decision(best)
    assert "without a band" in figure.get_supxlabel()


def test_the_band_is_where_fewer_than_97_percent_of_the_draws_agree(fit):
    found = decision_of(fit, ("b", "a"))
    draws = {name: fit["posterior"][name].values.ravel() for name in ("intercept", "a", "b")}
    at = (17, 40)
    eta = draws["intercept"] + draws["b"] * found.x.cells[at[0]] + draws["a"] * found.y.cells[at[1]]
    p = (1 / (1 + np.exp(-eta))).mean()
    assert found.probability[at][1] == pytest.approx(p, rel=1e-10)
    assert found.agreeing[at] == pytest.approx(((eta > 0) == (p > 0.5)).mean())
    assert (found.agreeing < 0.97).any()
    assert (found.agreeing > 0.97).any()


def test_axes_and_marks_are_the_data(fit):
    figure = bg.plot_decision(fit)
    (ax,) = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("a", "b")
    dots = [one.get_offsets() for one in ax.collections if one.get_label().startswith("yes")]
    assert [len(one) for one in dots] == [(FRAME.yes == label).sum() for label in ("go", "stay")]
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
