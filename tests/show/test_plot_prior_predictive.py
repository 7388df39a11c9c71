"""The picture of a prior predictive: shares of drawn data beside those of the data, and means."""

import numpy as np
import pytest
from conftest import simulate
from drawn import assert_inside, legend_of, rendered
from families import model_of

import bayesglm as bg
from bayesglm.show.units import mean_of
from bayesglm.spec.families import FAMILY_NAMES

N = bg.Normal


def parts_of(ax):
    """Return the ends of the 94% intervals of an axis, and its dots."""
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    return ends, ax.lines[0].get_ydata()


@pytest.mark.parametrize("name", FAMILY_NAMES)
def test_every_family_is_drawn(name, tmp_path):
    words, data = FAMILY_NAMES[name], simulate(60)
    if words.counts_levels:
        counts = np.random.default_rng(0).multinomial(5, [0.2, 0.3, 0.5], 60)
        model = bg.GLM("levels", bg.Linear("x", prior=N(0.5)), family=name)
        data = data.assign(levels=(("time", "levels_level"), counts))
    elif words.labels and words.labels.most is None:
        model = bg.GLM("levels", bg.Linear("x", prior=N(0.5)), family=name)
        data = data.assign(levels=("time", np.arange(60) % 3))
    else:
        model = model_of((name, words.links[0]), bg.Linear("x", prior=N(0.2)))
    tree = bg.prior_predictive(model, data, draws=40)
    figure = rendered(bg.plot_prior_predictive(tree), tmp_path)
    assert_inside(figure)
    left, right = figure.axes
    assert left.get_xlabel() == model.response
    assert right.get_xlabel() == mean_of(model.response, words)
    ends, dots = parts_of(left)
    assert dots.sum() == pytest.approx(1.0)
    assert np.all(ends[:, 0] <= ends[:, 1])
    assert legend_of(figure)[1] == ["94% of drawn data", "50%", "data"]


def test_dots_and_intervals_are_shares(many):
    model = bg.GLM("poisson", bg.Linear("x", prior=N(0.3)), family="poisson", intercept=N(0.5))
    tree = bg.prior_predictive(model, many, draws=200)
    ends, dots = parts_of(bg.plot_prior_predictive(tree).axes[0])
    drawn, seen = (tree[group]["poisson"].values for group in ("prior_predictive", "observed_data"))
    shares = np.array([(drawn[0] == k).mean(axis=1) for k in range(4)])
    np.testing.assert_allclose(ends[:4], np.quantile(shares, [0.03, 0.97], axis=1).T)
    np.testing.assert_allclose(dots[:4], [(seen == k).mean() for k in range(4)])


def test_means_are_those_of_the_draws(many):
    model = bg.GLM("bernoulli", "x", family="bernoulli", prior=N(3.0))
    figure = bg.plot_prior_predictive(model, many, draws=200)
    right = figure.axes[1]
    assert right.get_xlim()[0] <= 0.0
    assert right.lines[0].get_xdata()[0] == pytest.approx(float(many["bernoulli"].mean()))
    heights = right.patches[0].get_data().values
    assert heights.sum() == pytest.approx(1.0)
    assert heights[0] > heights[10]  # probabilities next to 0 and 1 under so wide a prior
    assert heights[-1] > heights[10]


def test_a_stand_in_for_a_flat_intercept_is_told(many):
    model = bg.GLM("gamma", bg.Linear("x", prior=N(0.3)), family="gamma")
    figure = bg.plot_prior_predictive(model, many, draws=50)
    assert "In place of the flat intercept: Normal(" in figure.get_supxlabel()
    assert figure.axes[1].get_xscale() == "log"


def test_one_neuron_of_several_is_drawn(many):
    rng = np.random.default_rng(0)
    data = many.assign(spikes=(("time", "neuron"), rng.poisson([0.5, 5.0], (400, 2))))
    model = bg.GLM("spikes", bg.Linear("x", prior=N(0.1)), family="poisson")
    tree = bg.prior_predictive(model, data, draws=50)
    for k in range(2):
        right = bg.plot_prior_predictive(tree.isel(neuron=[k])).axes[1]
        mean = float(data["spikes"][:, k].mean())
        assert right.lines[0].get_xdata()[0] == pytest.approx(mean)


def test_what_has_no_prior_predictive_is_refused(many):
    model = bg.GLM("poisson", "x", family="poisson")
    with pytest.raises(bg.DataError, match=r"write plot_prior_predictive\(model, data\)"):
        bg.plot_prior_predictive(model)
    with pytest.raises(bg.DataError, match="the tree lacks prior, prior_predictive"):
        bg.plot_prior_predictive(bg.fit_map(model, many))
    tree = bg.prior_predictive(model, many, draws=10)
    with pytest.raises(bg.DataError, match="a tree holds its data"):
        bg.plot_prior_predictive(tree, many)
