"""The picture of a check: what is drawn is what was told, of every family that has something."""

import itertools

import numpy as np
import pytest
from drawn import assert_inside, legend_of, rendered
from families import OF_NUMBERS, model_of

import bayesglm as bg

PRIOR = bg.Normal(1.0)


@pytest.fixture(scope="module")
def told():
    rng = np.random.default_rng(0)
    x = rng.normal(size=600)
    data = bg.as_dataset({"y": rng.poisson(np.exp(0.5 * x - 1.0)), "x": x}, bin_size=0.001)
    fit = bg.fit(bg.GLM("y", ["x", bg.History(lags=2)], "poisson", prior=PRIOR), data, draws=100)
    return bg.check(fit, simulations=bg.simulate(fit))


def test_every_part_has_a_panel(told, tmp_path):
    figure = rendered(bg.plot_check(told), tmp_path)
    titles = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    assert titles == [
        *("Time rescaling", "Quantile residuals", "Residuals along time", "Calibration", "Terms"),
        *("Intervals", "Fano factor", "Responses along time", "Along trials"),
    ]
    assert [ax.get_xlabel() for ax in figure.axes[2:3]] == ["lag (ms)"]
    assert legend_of(figure)[1] == [
        *("a true model, 94%", "posterior, 94%", "observed", "simulated, 94%", "recorded")
    ]
    assert_inside(figure)


def test_what_is_drawn_is_what_was_told(told):
    axes = bg.plot_check(told).axes
    rescaled = told["time_rescaling"].to_dataset()
    y = axes[0].get_lines()[-1].get_ydata()
    np.testing.assert_allclose(y, rescaled["observed"] - rescaled["uniform"])
    assert f"p = {float(rescaled['p_value']):.2g} (KS)" == axes[0].get_title(loc="right")
    points = axes[3].get_lines()[-1].get_ydata()
    np.testing.assert_allclose(points, told["calibration"]["observed"].dropna("bin"))
    names = [text.get_text() for text in axes[4].get_yticklabels()]
    assert sorted(names) == ["history", "x"]
    lag, recorded = axes[7].get_lines()[-1].get_data()
    np.testing.assert_allclose(lag, told["simulations"]["lag"])
    np.testing.assert_allclose(recorded, told["simulations"]["autocorrelation_recorded"])


def test_what_is_outside_is_told_beside_what_is_expected(told):
    share = float(told["autocorrelation"]["share_outside"])
    title = bg.plot_check(told).axes[2].get_title(loc="right")
    assert title == f"{share:.0%} outside (6% expected)"


def test_intervals_of_few_events_are_left_out_and_others_have_labels_apart(told, tmp_path):
    rng = np.random.default_rng(1)
    y = np.zeros(400, dtype=int)
    y[[40, 41, 300]] = 1
    few = bg.as_dataset({"y": y, "x": rng.normal(size=400)}, bin_size=0.001)
    fit = bg.fit(bg.GLM("y", ["x", bg.History(lags=2)], "poisson", prior=PRIOR), few, draws=50)
    figure = bg.plot_check(bg.check(fit, simulations=bg.simulate(fit)))
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert "Along trials" in titles
    assert not {"Intervals", "Fano factor"}.intersection(titles)
    note = "Not drawn, for too few events: Intervals, Fano factor"
    assert figure.get_supxlabel().startswith(note)
    for ax in rendered(bg.plot_check(told), tmp_path).axes[5:7]:
        labels = [*ax.get_xticklabels(), *ax.get_xticklabels(minor=True)]
        low, high = ax.get_xlim()
        boxes = sorted(
            (one.get_window_extent().x0, one.get_window_extent().x1)
            for one in labels
            if one.get_text() and low <= one.get_position()[0] <= high
        )
        assert all(left[1] < right[0] for left, right in itertools.pairwise(boxes))


@pytest.mark.parametrize("family", list(OF_NUMBERS))
def test_a_check_of_every_family_is_drawn(family, many):
    key = (family, OF_NUMBERS[family].links[0])
    checked = bg.check(bg.fit_map(model_of(key, ["x", "z"], prior=PRIOR), many))
    shown = [ax for ax in bg.plot_check(checked).axes if ax.get_visible()]
    parts = [name for name in checked.children if name not in ("scores", "events")]
    assert len(shown) == len(parts)


def test_only_a_check_of_one_unit_is_drawn(many):
    y = np.random.default_rng(0).poisson(0.5, (400, 2))
    data = {"y": y, "x": many["x"].values}
    fit = bg.fit_map(bg.GLM("y", "x", family="poisson", prior=PRIOR), data)
    checked = bg.check(fit)
    with pytest.raises(bg.DataError, match=r"choose one: told.isel\(y_dim_0=0\)"):
        bg.plot_check(checked)
    assert len(bg.plot_check(checked.isel(y_dim_0=1)).axes) == 4
    with pytest.raises(bg.DataError, match=r"plot_check\(check\(fit\)\)"):
        bg.plot_check(fit)
