"""The picture of a path: what is drawn are the path's numbers, on axes that belong together."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, legend_of, rendered

import bayesglm as bg
from bayesglm.show.path import MOST_NAMED

SCALES = np.array([0.5, 0.01, 3.0, 0.1])
ORDER = np.argsort(SCALES)


def path_of(data, term, scales=SCALES, more=()):
    return bg.prior_path(bg.GLM("poisson", [term, *more], "poisson"), data, scales, term=term.label)


def drawn_lines(ax):
    """The lines of coefficients, without that at zero."""
    return [line for line in ax.get_lines() if len(line.get_xdata()) == len(SCALES)]


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0), bg.ElasticNet(1.0)])
def test_a_single_coefficient(prior, many, tmp_path):
    path = path_of(many, bg.Linear("x", prior=prior))
    figure = rendered(bg.plot_path(path), tmp_path)
    upper, lower = figure.axes[:2]
    (line,) = drawn_lines(upper)
    np.testing.assert_array_equal(line.get_xdata(), SCALES[ORDER])
    np.testing.assert_array_equal(line.get_ydata(), path["path"]["x"].values[ORDER])
    assert not figure.legends
    smooth = isinstance(prior, bg.Normal)
    assert len(upper.collections) == int(smooth)
    note = lower.get_title(loc="right")
    assert note == (
        "bands: ± 1 posterior sd"
        if smooth
        else "modes under a kinked prior are sparse; posteriors are not"
    )
    assert_inside(figure)


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0), bg.smooth(1.0)])
def test_both_axes_say_the_same(prior, many, tmp_path):
    power = -1 if isinstance(prior, bg.Laplace) else -2
    for scales in (SCALES, [0.1, 0.11], np.logspace(-8, 8, 5), [0.1]):
        path = path_of(many, bg.Linear("movie", prior=prior), scales)
        figure = rendered(bg.plot_path(path), tmp_path)
        upper, lower, _, twin = figure.axes
        assert upper.get_xlim() == lower.get_xlim()
        left, right = lower.get_xlim()
        np.testing.assert_allclose(twin.get_xlim(), [left**power, right**power])
        assert {ax.get_xscale() for ax in (upper, lower, twin)} == {"log"}
        # The same place on paper is the same prior.
        at = np.sqrt(left * right) * 1.01
        one = upper.transData.transform((at, 0.0))[0]
        other = twin.transData.transform((at**power, 0.0))[0]
        assert one == pytest.approx(other)
        for ax in (lower, twin):
            low, high = sorted(ax.get_xlim())
            shown = [
                text.get_text()
                for text, place in zip(ax.get_xticklabels(), ax.get_xticks(), strict=True)
                if low * 0.999 <= place <= high * 1.001 and text.get_text()
            ]
            assert len(shown) >= 2
        if len(scales) > 1:
            assert (left, right) == (min(scales), max(scales))
        assert_inside(figure)


def test_no_penalty_axis_where_there_is_no_one_weight(many, tmp_path):
    figure = rendered(
        bg.plot_path(path_of(many, bg.Linear("movie", prior=bg.ElasticNet(1.0)))), tmp_path
    )
    assert len(figure.axes) == 3
    assert "penalty" not in " ".join(ax.get_xlabel() for ax in figure.axes)


def test_few_coefficients_have_bands_and_names(many, tmp_path):
    path = path_of(many, bg.Linear("movie", prior=bg.ridge(1.0)))
    figure = rendered(bg.plot_path(path), tmp_path)
    upper = figure.axes[0]
    values = path["path"]["movie"].values.reshape(4, -1)[ORDER]
    sds = path["sd"]["movie"].values.reshape(4, -1)[ORDER]
    lines = drawn_lines(upper)
    assert len(lines) == len(upper.collections) == 6
    for k, (line, band) in enumerate(zip(lines, upper.collections, strict=True)):
        np.testing.assert_array_equal(line.get_ydata(), values[:, k])
        corners = band.get_paths()[0].vertices
        for place, scale in enumerate(SCALES[ORDER]):
            ys = corners[corners[:, 0] == scale, 1]
            assert ys.min() == pytest.approx(values[place, k] - sds[place, k])
            assert ys.max() == pytest.approx(values[place, k] + sds[place, k])
    title, names = legend_of(figure)
    assert title == "movie\n(height, width)"
    assert names == ["0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]
    assert [line.get_label() for line in lines] == names
    assert_inside(figure)


def test_of_many_coefficients_the_largest_are_named(many, tmp_path):
    path = path_of(many, bg.Lagged("movie", lags=4, prior=bg.smooth(1.0)))
    figure = rendered(bg.plot_path(path), tmp_path)
    upper, lower = figure.axes[:2]
    values = path["path"]["movie"].values.reshape(4, -1)[ORDER]
    lines = drawn_lines(upper)
    assert len(lines) == 24
    assert not upper.collections
    assert lower.get_title(loc="right") == ""
    named = [line for line in lines if not line.get_label().startswith("_")]
    largest = sorted(np.argsort(-np.abs(values[-1]))[:MOST_NAMED])
    looks = {(line.get_color(), line.get_linestyle()) for line in named}
    assert len(looks) == len(named) == MOST_NAMED
    for line, k in zip(named, largest, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), values[:, k])
        lag, row, column = np.unravel_index(k, (4, 2, 3))
        assert line.get_label() == f"{lag}, {row}, {column}"
    title, names = legend_of(figure)
    assert title == "movie: largest\nat the widest prior\n(movie_lag, height, width)"
    assert names == [line.get_label() for line in named]
    assert_inside(figure)


def test_the_statistics_below(many):
    path = path_of(many, bg.Linear("movie", prior=bg.ridge(1.0)))
    _, lower, other, _ = bg.plot_path(path).axes
    statistics = path["statistics"].to_dataset().isel(scale=ORDER)
    np.testing.assert_array_equal(lower.get_lines()[0].get_ydata(), statistics["edf"])
    deviance = statistics["deviance"].values
    share = other.get_lines()[0].get_ydata()
    np.testing.assert_allclose(share, 1 - deviance / deviance[0])
    assert share[0] == 0
    assert np.all(np.diff(share) > 0)
    assert lower.get_ylim()[0] == 0


@pytest.mark.parametrize("prior", [bg.ridge(1.0), bg.lasso(1.0)])
def test_the_share_explained_of_a_gaussian_is_that_of_its_squares(prior):
    rng = np.random.default_rng(0)
    data = {"x": rng.normal(size=80), "z": rng.normal(size=80)}
    data["y"] = 3.0 + 2.0 * data["x"] + rng.normal(size=80)
    model = bg.GLM("y", [bg.Linear("x", prior=prior), bg.Linear("z", prior=bg.Flat())])
    path = bg.prior_path(model, data, SCALES, term="x")
    found = path["path"].to_dataset().isel(scale=ORDER)
    eta = [
        float(one["intercept"]) + float(one["x"]) * data["x"] + float(one["z"]) * data["z"]
        for one in (found.isel(scale=k) for k in range(len(SCALES)))
    ]
    squares = np.array([np.sum((data["y"] - one) ** 2) for one in eta])
    upper, _, other, _ = bg.plot_path(path).axes
    np.testing.assert_allclose(other.get_lines()[0].get_ydata(), 1 - squares / squares[0])
    assert other.get_lines()[0].get_ydata()[-1] > 0.5
    assert upper.get_ylabel() == "x: MAP estimate\n(response units per unit of predictor)"


def test_one_scale_is_a_point(many, tmp_path):
    path = path_of(many, bg.Linear("movie", prior=bg.ridge(1.0)), [0.1])
    figure = rendered(bg.plot_path(path), tmp_path)
    points = [line for line in figure.axes[0].get_lines() if line.get_marker() == "o"]
    assert [line.get_ydata()[0] for line in points] == path["path"]["movie"].values.ravel().tolist()
    assert all(line.get_marker() == "o" for ax in figure.axes[1:3] for line in ax.get_lines())


def test_any_term_can_be_drawn_and_the_first_is_by_itself(many):
    terms = [
        bg.Linear("z", prior=bg.Flat()),
        bg.Linear("x", name="x, now", prior=bg.ridge(1.0)),
        bg.Linear("movie", prior=bg.ridge(1.0)),
    ]
    path = bg.prior_path(bg.GLM("poisson", terms, "poisson"), many, SCALES)
    for given, shown in [(None, "x, now"), ("x, now", "x, now"), ("z", "z")]:
        (line,) = drawn_lines(bg.plot_path(path, given).axes[0])
        np.testing.assert_array_equal(line.get_ydata(), path["path"][shown].values[ORDER])
    assert len(drawn_lines(bg.plot_path(path, "movie").axes[0])) == 6
    with pytest.raises(bg.DataError, match=r"no term 'movies'.*Did you mean 'movie'"):
        bg.plot_path(path, "movies")
    with pytest.raises(bg.DataError, match="no term 'intercept'"):
        bg.plot_path(path, "intercept")


def test_a_neuron_of_a_population(many, tmp_path):
    cells = np.random.default_rng(0).poisson(1.0, (400, 2))
    data = many.assign(cells=xr.DataArray(cells, dims=("time", "neuron")))
    term = bg.Linear("movie", prior=bg.ridge(1.0))
    path = bg.prior_path(bg.GLM("cells", term, "poisson"), data, SCALES)
    with pytest.raises(bg.DataError, match=r"whole population; choose one: path.isel\(neuron=0\)"):
        bg.plot_path(path)
    figure = rendered(bg.plot_path(path.isel(neuron=1)), tmp_path)
    expected = path["path"]["movie"].isel(neuron=1).values.reshape(4, -1)[ORDER]
    lines = drawn_lines(figure.axes[0])
    np.testing.assert_array_equal(np.transpose([line.get_ydata() for line in lines]), expected)
    np.testing.assert_array_equal(
        figure.axes[1].get_lines()[0].get_ydata(),
        path["statistics"]["edf"].isel(neuron=1).values[ORDER],
    )


def test_what_is_no_path(many, tmp_path):
    fit = bg.fit_map(bg.GLM("poisson", "x", "poisson"), many)
    for thing in (fit, many, None, "path.nc"):
        with pytest.raises(bg.DataError, match="draws what prior_path returns; write"):
            bg.plot_path(thing)
    path = path_of(many, bg.Linear("movie", prior=bg.lasso(1.0)))
    loaded = bg.load(bg.save(path, tmp_path / "path.nc"))
    one, other = (drawn_lines(bg.plot_path(tree).axes[0]) for tree in (path, loaded))
    for line, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), same.get_ydata())


@pytest.mark.parametrize(
    "term", [bg.Linear("movie", prior=bg.ridge(1.0)), bg.Lagged("movie", lags=4)]
)
def test_sds_on_request(term, many, tmp_path):
    term = dataclasses.replace(term, prior=bg.ridge(1.0))
    path = path_of(many, term)
    figure = rendered(bg.plot_path(path, sd=True), tmp_path)
    upper, middle, lower = figure.axes[:3]
    sds = path["sd"]["movie"].transpose("scale", ...).values.reshape(4, -1)[ORDER]
    scale, *lines = middle.get_lines()
    np.testing.assert_array_equal(scale.get_ydata(), SCALES[ORDER])
    np.testing.assert_array_equal(np.transpose([line.get_ydata() for line in lines]), sds)
    named = {line.get_color() for line in drawn_lines(upper)}
    assert {line.get_color() for line in lines} == named
    assert middle.get_xlim() == upper.get_xlim() == lower.get_xlim()
    assert_inside(figure)


def test_no_sds_at_a_kink(many):
    path = path_of(many, bg.Linear("movie", prior=bg.lasso(1.0)))
    with pytest.raises(bg.DataError, match="at a kink or a bound the curvature tells none"):
        bg.plot_path(path, sd=True)
    with pytest.raises(bg.DataError, match="True or False, got 'yes'"):
        bg.plot_path(path, sd="yes")
