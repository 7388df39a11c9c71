"""The picture of a posterior: its intervals and the MAP are the fits' own numbers."""

import numpy as np
import pytest
import xarray as xr
from matplotlib.backends.backend_agg import FigureCanvasAgg

import bayesglm as bg
from bayesglm.show.posterior_panels import MOST_BESIDE, MOST_ROWS

SMOOTH = bg.GLM(
    "poisson",
    [bg.Linear("movie", prior=bg.Normal(0.3)), bg.Linear("x", prior=bg.Normal(1.0))],
    "poisson",
)
KINKED = bg.GLM(
    "poisson",
    [
        bg.Linear("movie", prior=bg.Laplace(0.08)),
        bg.Linear("x", prior=bg.ElasticNet(0.5)),
        bg.Linear("z", prior=bg.Normal(1.0)),
        bg.Linear("offset", prior=bg.Laplace(0.5, loc=1.0)),
    ],
    "poisson",
)


@pytest.fixture(scope="module")
def kinked():
    """A sampled posterior under priors with kinks, and its MAP."""
    from conftest import simulate

    data = simulate(400, seed=1)
    return bg.fit_mcmc(KINKED, data, draws=1000), bg.fit_map(KINKED, data)


def rendered(figure, folder):
    figure.savefig(folder / "posterior.png", dpi="figure")
    assert (folder / "posterior.png").stat().st_size > 3000
    return figure


def rows_of(figure):
    """The y labels, the segments of the two intervals, and points by their label."""
    (ax,) = figure.axes
    names = [text.get_text() for text in ax.get_yticklabels()]
    segments = [np.array(lines.get_segments()) for lines in ax.collections]
    points = {line.get_label(): line for line in ax.get_lines() if line.get_marker() in "oD"}
    return names, segments, points


def note_of(figure):
    return figure.get_supxlabel()


def test_intervals_and_map_are_the_numbers_of_the_fits(many, tmp_path):
    fit, mode = bg.fit(SMOOTH, many), bg.fit_map(SMOOTH, many)
    figure = rendered(bg.plot_posterior(fit, mode, "movie"), tmp_path)
    draws = fit["posterior"]["movie"].values.reshape(-1, 6)
    names, (wide, narrow), points = rows_of(figure)
    assert names == ["0, 0", "0, 1", "0, 2", "1, 0", "1, 1", "1, 2"]
    assert figure.axes[0].get_title(loc="left") == "movie (height, width)"
    for segments, edges in ((wide, [0.03, 0.97]), (narrow, [0.25, 0.75])):
        np.testing.assert_allclose(segments[:, :, 0].T, np.quantile(draws, edges, axis=0))
        np.testing.assert_array_equal(segments[:, 0, 1], np.arange(6))
    mean = points.pop("posterior mean, 50% and 94% intervals")
    np.testing.assert_allclose(mean.get_xdata(), draws.mean(axis=0))
    (dots,) = points.values()
    assert dots.get_label() == "MAP"
    np.testing.assert_array_equal(dots.get_xdata(), mode["map"]["movie"].values.ravel())
    assert np.all((dots.get_ydata() > np.arange(6)) & (dots.get_ydata() < np.arange(6) + 0.5))
    # The first coefficient is on top, and a smooth prior needs no note.
    bottom, top = figure.axes[0].get_ylim()
    assert bottom > top
    assert note_of(figure) == ""


def test_any_term_can_be_drawn_with_or_without_a_map(many, tmp_path):
    fit = bg.fit(SMOOTH, many)
    names, (wide, _), points = rows_of(rendered(bg.plot_posterior(fit, term="x"), tmp_path))
    assert names == ["x"]
    assert len(wide) == 1
    assert list(points) == ["posterior mean, 50% and 94% intervals"]
    with pytest.raises(bg.DataError, match=r"no term 'movies'.*Did you mean 'movie'"):
        bg.plot_posterior(fit, term="movies")
    with pytest.raises(bg.DataError, match="no term to draw, only an intercept"):
        bg.plot_posterior(bg.fit(bg.GLM("poisson", [], "poisson"), many))


def test_without_a_term_every_term_has_a_panel(tmp_path):
    rng = np.random.default_rng(0)
    groups = rng.permutation(np.arange(240) % 40)
    data = bg.as_dataset(
        {
            "stimulus": rng.normal(size=240),
            "x": rng.normal(size=240),
            "z": rng.normal(size=240),
            "g": groups,
            "spikes": rng.poisson(1.0, 240),
        },
        bin_size=0.01,
    )
    terms = [bg.Lagged("stimulus", lags=4), "x", "z", bg.Group("g", slopes="x")]
    model = bg.GLM("spikes", terms, "poisson")
    fit = bg.fit(model, data, draws=100)
    figure = rendered(bg.plot_posterior(fit), tmp_path)
    drawn = {ax.get_title(loc="left"): ax for ax in figure.axes if ax.get_visible()}
    largest = f": the {MOST_BESIDE} largest of 40"
    expected = ["single coefficients", "scales", "stimulus", f"g{largest}", f"g.x{largest}"]
    assert list(drawn) == expected
    labels = [
        [text.get_text() for text in drawn[title].get_yticklabels()] for title in expected[:2]
    ]
    assert labels == [["x", "z"], ["sd of g", "sd of x by g"]]
    assert [drawn[title].get_xlabel() for title in expected[:2]] == [
        "coefficient (log response per unit of predictor)",
        "sd of effects (log response)",
    ]
    assert drawn["stimulus"].get_xlabel() == "lag (ms before the response)"
    assert drawn["stimulus"].get_ylabel() == "coefficient (log response\nper unit of predictor)"
    units = [drawn[title].get_xlabel() for title in expected[3:]]
    assert units == [
        "coefficient (log response)",
        "coefficient (log response per unit of predictor)",
    ]
    line = max(drawn["stimulus"].get_lines(), key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(line.get_xdata(), [0, 10, 20, 30])
    kernel = fit["posterior"]["stimulus"].mean(("chain", "draw"))
    np.testing.assert_allclose(line.get_ydata(), kernel)
    bands = [band.get_paths()[0].vertices for band in drawn["stimulus"].collections]
    draws = fit["posterior"]["stimulus"].quantile([0.03, 0.97], ("chain", "draw"))
    assert bands[0][:, 1].min() == pytest.approx(float(draws.min()))
    assert bands[0][:, 1].max() == pytest.approx(float(draws.max()))
    renderer = FigureCanvasAgg(figure).get_renderer()
    boxes = [ax.get_tightbbox(renderer) for ax in drawn.values()]
    for k, box in enumerate(boxes):
        for other in boxes[k + 1 :]:
            assert not box.shrunk(0.98, 0.98).overlaps(other)


def test_a_kernel_is_a_line_though_it_is_the_only_term(tmp_path):
    rng = np.random.default_rng(0)
    series = {"stimulus": rng.normal(size=240), "spikes": rng.poisson(1.0, 240)}
    series["x"] = rng.normal(size=240)
    data = bg.as_dataset(series, bin_size=0.01)
    fit = bg.fit(bg.GLM("spikes", bg.Lagged("stimulus", lags=4), "poisson"), data)
    figure = rendered(bg.plot_posterior(fit), tmp_path)
    (ax,) = figure.axes
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told == ["posterior mean, 50% and 94% bands"]
    assert ax.get_xlabel() == "lag (ms before the response)"
    line = max(ax.get_lines(), key=lambda line: len(line.get_xdata()))
    np.testing.assert_allclose(line.get_xdata(), [0, 10, 20, 30])
    rows = bg.plot_posterior(fit, term="stimulus").axes[0].get_yticklabels()
    assert [text.get_text() for text in rows] == ["0", "1", "2", "3"]
    fit = bg.fit(bg.GLM("spikes", [bg.Lagged("stimulus", lags=1), bg.Spline("x")], "poisson"), data)
    single = bg.plot_posterior(fit).axes[0]
    assert [text.get_text() for text in single.get_yticklabels()] == ["0"]


def test_of_many_coefficients_the_largest_are_drawn(tmp_path):
    rng = np.random.default_rng(0)
    wide = xr.Dataset(
        {"y": ("obs", rng.normal(size=50)), "x": (("obs", "column"), rng.normal(size=(50, 120)))},
        coords={"column": [f"c{k}" for k in range(120)]},
    )
    model = bg.GLM("y", bg.Linear("x", prior=bg.Normal(0.5)), dispersion=1.0)
    fit = bg.fit(model, wide)
    figure = rendered(bg.plot_posterior(fit), tmp_path)
    means = np.abs(fit["posterior"]["x"].mean(("chain", "draw")).values)
    largest = np.sort(np.argsort(-means)[:MOST_ROWS])
    assert rows_of(figure)[0] == [f"c{k}" for k in largest]
    assert figure.axes[0].get_title(loc="left") == "x (column): the 80 largest of 120"


@pytest.mark.slow
def test_under_a_kink_zeros_of_the_map_are_counted_and_the_posterior_has_none(kinked, tmp_path):
    fit, mode = kinked
    values = mode["map"]["movie"].values.ravel()
    zero = values == 0
    assert 0 < zero.sum() < 6
    figure = rendered(bg.plot_posterior(fit, mode, "movie"), tmp_path)
    _, _, points = rows_of(figure)
    hollow, full = points["MAP, exactly zero"], points["MAP"]
    np.testing.assert_array_equal(np.floor(hollow.get_ydata()), np.flatnonzero(zero))
    np.testing.assert_array_equal(full.get_xdata(), values[~zero])
    assert note_of(figure) == (
        f"exactly zero: {zero.sum()} of the 6 coefficients of the MAP, but none of the 24,000 "
        "posterior draws of them"
    )
    alone = bg.plot_posterior(fit, term="movie")
    assert note_of(alone) == (
        "exactly zero: none of the 24,000 posterior draws (though the mode may be, in part)"
    )


@pytest.mark.slow
def test_only_a_kink_at_zero_has_the_note(kinked):
    fit, mode = kinked
    assert "0 of the 1 coefficients of the MAP" in note_of(bg.plot_posterior(fit, mode, "x"))
    for term in ("z", "offset"):
        figure = bg.plot_posterior(fit, mode, term)
        assert note_of(figure) == ""
        assert "MAP, exactly zero" not in rows_of(figure)[2]


@pytest.mark.slow
def test_a_zero_among_the_draws_would_be_counted(kinked):
    fit, mode = kinked
    changed = fit.copy()
    posterior = fit["posterior"].to_dataset().copy(deep=True)
    posterior["movie"][0, 0, 0, 0] = 0.0
    changed["posterior"] = xr.DataTree(posterior)
    assert note_of(bg.plot_posterior(changed, mode, "movie")).endswith(
        "but 1 of the 24,000 posterior draws of them"
    )


def test_a_neuron_of_a_population(many, tmp_path):
    cells = np.random.default_rng(0).poisson(1.0, (400, 2))
    data = many.assign(cells=xr.DataArray(cells, dims=("time", "neuron")))
    model = bg.GLM("cells", bg.Linear("movie", prior=bg.Normal(0.3)), "poisson")
    fit, mode = bg.fit(model, data), bg.fit_map(model, data)
    with pytest.raises(bg.DataError, match=r"whole population; choose one: fit.isel\(neuron=0\)"):
        bg.plot_posterior(fit, mode)
    figure = rendered(bg.plot_posterior(fit.isel(neuron=1), mode.isel(neuron=1)), tmp_path)
    _, _, points = rows_of(figure)
    expected = mode["map"]["movie"].isel(neuron=1).values.ravel()
    np.testing.assert_array_equal(points["MAP"].get_xdata(), expected)
    with pytest.raises(bg.DataError, match="other data"):
        bg.plot_posterior(fit.isel(neuron=1), mode.isel(neuron=0))


def test_what_does_not_belong_together(data, many):
    fit, mode = bg.fit(SMOOTH, many), bg.fit_map(SMOOTH, many)
    with pytest.raises(bg.DataError, match="draws a posterior"):
        bg.plot_posterior(mode)
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.plot_posterior(many)
    other = bg.fit_map(bg.GLM("poisson", "x", "poisson"), many)
    for wrong in (other, fit):
        with pytest.raises(bg.DataError, match="not the MAP of this fit's model"):
            bg.plot_posterior(fit, wrong)
    with pytest.raises(bg.DataError, match="other data"):
        bg.plot_posterior(fit, bg.fit_map(SMOOTH, data))
    with pytest.raises(bg.DataError, match="a fit is needed"):
        bg.plot_posterior(fit, many)


def test_a_stored_fit_gives_the_same_picture(many, tmp_path):
    fit, mode = bg.fit(SMOOTH, many), bg.fit_map(SMOOTH, many)
    stored = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    one, other = (rows_of(bg.plot_posterior(tree, mode, "movie"))[1] for tree in (fit, stored))
    for drawn, same in zip(one, other, strict=True):
        np.testing.assert_array_equal(drawn, same)


def test_low_panels_stand_beside_low_ones():
    """A term of one level is no column of white beside forty levels of a group."""
    rng = np.random.default_rng(2)
    n = 400
    data = {"x": rng.normal(size=n), "h": rng.choice(["p", "q"], n), "y": rng.normal(size=n)}
    data["school"] = rng.integers(0, 20, n)
    model = bg.GLM("y", ["x", "h", bg.Group("school", slopes="x")])
    figure = bg.plot_posterior(bg.fit(model, data))
    rows: dict[float, list[str]] = {}
    for ax in figure.axes:
        if ax.get_visible():
            top = ax.get_subplotspec().rowspan.start
            rows.setdefault(top, []).append(ax.get_title("left"))
    assert list(rows.values()) == [["x", "scales"], ["h"], ["school", "school.x"]]
    data["school"] = np.arange(n) % 25
    figure = bg.plot_posterior(bg.fit(bg.GLM("y", ["x", "h", bg.Group("school")]), data, draws=100))
    figure.draw_without_rendering()
    axes = {ax.get_title("left"): ax for ax in figure.axes}
    assert len(axes["school"].get_yticks()) == 25  # though 24 have room beside others
    assert axes["h"].bbox.height < 0.4 * axes["school"].bbox.height
    assert axes["school"].bbox.width > 0.8 * figure.bbox.width
    units = ["response units per unit of predictor", "response units", "response units"]
    assert [axes[name].get_xlabel() for name in ("x", "h", "school")] == [
        f"coefficient ({unit})" for unit in units
    ]


def test_scales_and_correlations_stand_beside_the_effects_of_one_group():
    n, rng = 120, np.random.default_rng(3)
    data = {"y": rng.normal(size=n), "x": rng.normal(size=n), "g": np.arange(n) % 6}
    term = bg.Group("g", slopes="x", correlated=True)
    fit = bg.fit(bg.GLM("y", term, dispersion=1.0), data, draws=100)
    panels = {ax.get_title(loc="left"): ax for ax in bg.plot_posterior(fit).axes if ax.lines}
    assert list(panels) == ["scales", "correlations", "g", "g.x"]
    rows = {name: [one.get_text() for one in ax.get_yticklabels()] for name, ax in panels.items()}
    assert rows["scales"] == ["sd of g", "sd of x by g"]
    assert rows["correlations"] == ["intercept and x by g"]
    assert panels["correlations"].get_xlabel() == "correlation of effects"
