"""Costs and their descents: where they end, what is said of them, and hostile starts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bayesglm as bg
from bayesglm.results.loss import loss_of
from bayesglm.show.loss import loss_sentences

rng = np.random.default_rng(0)
X = rng.normal(size=(60, 2))
DATA = {"x": X, "y": (rng.random(60) < 1 / (1 + np.exp(-X @ [1.5, -1.0]))).astype(int)}
APART = {"x": np.array([[-1.0, 1.0], [-2.0, 0.5], [1.0, 1.0], [2.0, 0.3]]), "y": [0, 0, 1, 1]}
TIMES = np.linspace(0.0, 4.0, 30)
DECAY = {"t": TIMES, "g": 3.0 * np.exp(-TIMES / 2.0) + rng.normal(0.0, 0.2, 30)}
CURVED = bg.GLM("g", "t", family="gaussian", link="log", dispersion=0.2, prior=bg.Flat())


OF_TWO_MINDS = bg.GLM(
    "y",
    ["a", "b"],
    family="student_t",
    dispersion={"sigma": 0.2, "nu": 1.0},
    intercept=None,
    prior=bg.Normal(10.0),
)


def logistic(prior):
    return bg.GLM("y", bg.Linear("x", prior=prior), family="bernoulli", intercept=None)


def followed(model, data=DATA, starts=None, solver=("newton", "gradient"), n_steps=2000, step=None):
    return loss_of(model, data, None, starts, solver, n_steps, step)


def test_the_cost_is_misfit_plus_penalty_in_closed_form():
    loss = followed(logistic(bg.Normal(0.5)))
    points = rng.normal(size=(5, 2))
    eta = X @ points.T
    misfit = np.logaddexp(0.0, eta).sum(axis=0) - np.array(DATA["y"]) @ eta
    penalty = (points**2).sum(axis=1) / (2 * 0.25) + 2 * np.log(0.5 * np.sqrt(2 * np.pi))
    assert np.allclose(loss.cost.values(points), misfit + penalty, rtol=1e-10)


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(*[st.floats(-6, 6)] * 2), min_size=1, max_size=3),
    st.floats(0.2, 3.0),
)
def test_descents_of_a_convex_cost_fall_to_the_map_from_anywhere(starts, scale):
    model = logistic(bg.Normal(scale))
    loss = followed(model, starts=starts)
    best = bg.fit_map(model, DATA)["map"]["x"].values
    assert loss.is_convex
    for k, one in enumerate(loss.descents):
        assert np.array_equal(one.points[0], starts[k % len(starts)])
        assert one.has_ended
        assert np.diff(one.costs).max(initial=-1.0) <= 1e-9
        assert np.abs(one.points[-1] - best).max() < 2e-3
    assert loss_sentences(loss) == [said for said in loss_sentences(loss) if "Convex" in said]


def test_proximal_steps_end_at_the_lasso_with_its_exact_zero():
    model = logistic(bg.lasso(12.0))
    loss = followed(model, starts=[(3, 3), (-2, 1)], solver="gradient")
    best = bg.fit_map(model, DATA)["map"]["x"].values
    assert (best == 0.0).any()
    for one in loss.descents:
        assert np.abs(one.points[-1] - best).max() < 1e-3
        assert np.array_equal(one.points[-1] == 0.0, best == 0.0)


def test_separated_data_are_still_on_the_way_and_nobody_says_they_ended():
    loss = followed(logistic(bg.Flat()), APART, n_steps=300)
    assert not any(one.has_ended for one in loss.descents)
    assert all(np.abs(one.points[-1]).max() > 4.0 for one in loss.descents)
    assert any("2 of 2 ways still on the way" in said for said in loss_sentences(loss))


def test_a_cost_that_curves_downwards_is_told_from_a_convex_one():
    loss = followed(CURVED, DECAY, starts=[(0, 0), (-3, 0.5)], solver="newton")
    assert not loss.is_convex
    assert "Not convex" in loss_sentences(loss)[0]
    best = bg.fit_map(CURVED, DECAY)["map"]
    at = [best["t"].item(), best["intercept"].item()]
    assert np.abs(loss.descents[0].points[-1] - at).max() < 1e-3


def test_a_worse_minimum_is_named_with_how_much_worse_it_is():
    data = {"y": [0.0, 0.1, -0.1, 9.0, 9.1], "a": [1.0] * 5, "b": [1.0, -1.0, 0.5, 0.2, -0.3]}
    model = OF_TWO_MINDS
    loss = followed(model, data, starts=[(0, 0), (9, 0)], solver="newton")
    ends = [one.points[-1][0] for one in loss.descents]
    assert abs(ends[0]) < 1.0 < 8.0 < ends[1]
    worse = loss.descents[1].costs[-1] - loss.descents[0].costs[-1]
    figure = bg.plot_loss(model, data, starts=[(0, 0), (9, 0)], solver="newton")
    (contours,) = [one for one in figure.axes[0].collections if one.get_linewidths()[0] == 0.8]
    around = [path for path in contours.get_paths() if path.contains_point([*ends[1:], 0.0])]
    assert len(around) > len([path for path in around if path.contains_point([*ends[:1], 0.0])])
    assert worse > 1.0
    assert any("1 of 2 ways in a worse minimum" in said for said in loss_sentences(loss))


def test_a_saddle_is_no_minimum():
    data = {"y": [-9.0, -9.0, 9.0, 9.0], "a": [1.0] * 4, "b": [1.0, -1.0, 1.0, -1.0]}
    model = OF_TWO_MINDS
    loss = followed(model, data, starts=[(0, 0), (5, 0.5)])
    for one in loss.descents[::2]:
        assert one.at_saddle
        assert not one.has_ended
    assert loss.descents[1].has_ended
    said = loss_sentences(loss)
    assert any("2 of 4 ways at a saddle" in one for one in said)
    assert not any("worse minimum" in one for one in said)
    figure = bg.plot_loss(model, data, starts=[(0, 0), (5, 0.5)])
    assert {"o", "X", "D"} <= {line.get_marker() for line in figure.axes[0].lines}


def test_a_steep_corner_does_not_hide_where_the_cost_curves_downwards():
    starts = [(0.0, -30.0), (1.0, -3.0)]
    loss = followed(CURVED, DECAY, starts=starts, solver="gradient", n_steps=300)
    assert loss.curvature.values[0, -1] > 0.0
    least = loss.curvature.values.min()
    assert not loss.is_convex
    assert least < -1.0
    place = np.unravel_index(loss.curvature.values.argmin(), loss.curvature.values.shape)
    point = np.array([loss.curvature.x[place[0]], loss.curvature.y[place[1]]])
    h = 1e-4 * np.eye(2)
    slopes = [(loss.cost.slopes(point + e)[0] - loss.cost.slopes(point - e)[0]) / 2e-4 for e in h]
    assert np.linalg.eigvalsh(slopes)[0] == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_what_ended_does_not_hang_on_the_units_of_the_predictors(unit):
    apart = {"x": np.array(APART["x"]) * unit, "y": APART["y"]}
    for one in followed(logistic(bg.Flat()), apart, n_steps=300).descents:
        assert not one.has_ended
    whole = {"x": X * unit, "y": DATA["y"]}
    newton, gradient = followed(logistic(bg.Flat()), whole).descents
    best = bg.fit_map(logistic(bg.Flat()), whole)["map"]["x"].values
    for one in (newton, gradient):
        assert one.has_ended
        assert np.allclose(one.points[-1], best, rtol=1e-3)


def test_slow_ways_of_a_convex_cost_are_on_the_way_and_in_no_worse_minimum():
    uneven = {"x": X * [1.0, 1e7], "y": DATA["y"]}
    newton, gradient = followed(logistic(bg.Flat()), uneven, n_steps=100).descents
    assert newton.has_ended
    assert not gradient.has_ended
    short = followed(logistic(bg.Flat()), solver="gradient", step=1e-16, n_steps=50)
    assert not short.descents[0].has_ended
    assert short.descents[0].n_steps == 50


def test_ends_of_a_huge_cost_are_one_where_rounding_parts_them():
    data = {"y": 1e6 * rng.normal(size=200), "a": X[:, 0].repeat(4)[:200], "b": np.ones(200)}
    model = bg.GLM("y", ["a", "b"], dispersion=1e-3, intercept=None, prior=bg.Flat())
    loss = followed(model, data)
    assert loss.best > 1e15
    assert all(one.has_ended and loss.is_best(one) for one in loss.descents)
    assert len(loss_sentences(loss)) == 1


def test_a_step_that_is_named_is_taken_as_it_is_and_may_run_away():
    loss = followed(logistic(bg.Normal(0.1)), solver="gradient", step=10.0, n_steps=200)
    assert loss.descents[0].escaped
    assert any("ran away upwards" in said for said in loss_sentences(loss))
    first = loss.descents[0].points[1]
    assert np.allclose(first, 10.0 * X.T @ (np.array(DATA["y"]) - 0.5))


def test_other_parameters_are_held_at_the_map():
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(1.0)), family="bernoulli")
    best = bg.fit_map(model, DATA)["map"]
    loss = loss_of(model, DATA, ("x[0]", "x[1]"), None, "newton", 100, None)
    assert loss.cost.n_held == 1
    assert np.abs(loss.descents[0].points[-1] - best["x"].values).max() < 1e-3


def test_the_figure_draws_every_way_and_its_note():
    figure = bg.plot_loss(logistic(bg.Normal(1.0)), DATA, starts=[(3, 3), (-2, 1)])
    left, right = figure.axes
    assert left.get_xlabel() == "x[0] (log odds per unit)"
    assert len(right.lines) == 4
    assert "Convex" in figure.get_supxlabel()


@pytest.mark.parametrize("n_steps", [1, 7, 31, 3000])
def test_the_axis_of_steps_is_numbered_by_whole_steps(n_steps):
    figure = bg.plot_loss(logistic(bg.Flat()), APART, solver="gradient", n_steps=n_steps)
    ax = figure.axes[1]
    figure.canvas.draw()
    inside = {
        label.get_text(): place
        for label, place in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True)
        if 0 <= place <= n_steps
    }
    assert ax.get_xlim() == (0, n_steps)
    assert len(inside) >= 2
    assert inside == {f"{round(place):,}": round(place) for place in inside.values()}
    assert not ax.get_xticks(minor=True).size


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"starts": [(np.nan, 0)]}, "finite"),
        ({"starts": "ab"}, "pairs of numbers"),
        ({"starts": [(1, 2, 3)]}, "pairs of numbers"),
        ({"starts": []}, "pairs of numbers"),
        ({"solver": "adam"}, "unknown solver"),
        ({"solver": ()}, "solver must be"),
        ({"solver": 3}, "solver must be"),
        ({"n_steps": 0}, "n_steps"),
        ({"n_steps": 2.5}, "n_steps"),
        ({"step": -1.0}, "step must be"),
        ({"step": "big"}, "step must be"),
        ({"coefficients": ("x[0]", "x[7]")}, "no single coefficient"),
    ],
)
def test_hostile_arguments_are_named(arguments, words):
    with pytest.raises(bg.BayesGLMError, match=words):
        bg.plot_loss(logistic(bg.Normal(1.0)), DATA, **arguments)


def test_what_has_no_smooth_cost_is_refused_with_the_remedy():
    with pytest.raises(bg.ModelError, match="solver='gradient'"):
        bg.plot_loss(logistic(bg.lasso(1.0)), DATA)
    with pytest.raises(bg.ModelError, match="without bounds"):
        bg.plot_loss(logistic(bg.HalfNormal(1.0)), DATA, solver="gradient")
    counts = {"y": [3, 0, 2], "t": [0.0, 1.0, 2.0]}
    model = bg.GLM(
        "y", "t", family="poisson", link="identity", intercept=bg.Normal(9), prior=bg.Normal(1)
    )
    with pytest.raises(bg.DataError, match="not finite at the start"):
        bg.plot_loss(model, counts, starts=(-5.0, 1.0))
    for far in (1e160, 1e308):
        with pytest.raises(bg.DataError, match="not finite at the start"):
            bg.plot_loss(logistic(bg.Normal(1.0)), DATA, starts=(far, 0.0))
    assert followed(logistic(bg.Normal(1.0)), solver="gradient", step=1e308).descents[0].escaped
