"""Kernels as pictures: what is drawn are the numbers of `kernels`, each in its place."""

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, rendered

import bayesglm as bg

RNG = np.random.default_rng(0)
N = 900
CELLS = ["a", "b", "c"]
COUNTS = xr.Dataset(
    {
        "spikes": (("time", "cell"), RNG.poisson(0.3, (N, 3))),
        "light": ("time", RNG.normal(size=N)),
        "speed": ("time", RNG.normal(size=N)),
        "hue": ("time", RNG.normal(size=N)),
        "movie": (("time", "height", "width"), RNG.normal(size=(N, 2, 3))),
    },
    coords={"time": np.arange(N) * 0.01, "cell": CELLS},
)


def model_of(*terms, response="spikes"):
    return bg.GLM(response, list(terms), family="poisson", prior=bg.Normal(0.1))


@pytest.fixture(scope="module")
def coupled():
    terms = bg.Lagged("light", lags=8, basis=bg.raised_cosine(4)), bg.Coupling(lags=3)
    return bg.fit_laplace(model_of(*terms), COUNTS, draws=100, chains=2)


@pytest.fixture(scope="module")
def fields():
    one = COUNTS.assign(y=COUNTS["spikes"].isel(cell=0, drop=True)).drop_vars("spikes")
    terms = (
        bg.Lagged("movie", lags=7),
        bg.Linear("movie", name="now"),
        bg.Lagged("light", lags=4),
        "speed",
        "hue",
    )
    return bg.fit_laplace(model_of(*terms, response="y"), one, draws=100, chains=2)


def titled(figure, title):
    return [ax for ax in figure.axes if ax.get_title(loc="left") == title]


def test_each_member_has_its_curve_between_its_bands(coupled, tmp_path):
    figure = rendered(bg.plot_kernels(coupled, prob=0.8), tmp_path)
    node = bg.kernels(coupled, prob=0.8)["light"]
    for k, cell in enumerate(CELLS):
        (ax,) = titled(figure, f"cell {cell}")
        _, curve, *outer = ax.lines
        np.testing.assert_allclose(curve.get_xdata(), node["lag_time"] * 1e3)
        np.testing.assert_array_equal(curve.get_ydata(), node["link"][k])
        for line, side in zip(outer, ("lower", "upper"), strict=True):
            expected = node[f"link_simultaneous_{side}"][k]
            np.testing.assert_array_equal(line.get_ydata(), expected)
        (band,) = ax.collections
        corners = band.get_paths()[0].vertices[:, 1]
        assert corners.max() == pytest.approx(node["link_upper"][k].max().item())
        assert ax.get_ylim() == figure.axes[0].get_ylim()
        assert ax.get_xlabel() == "lag (ms\nbefore the response)"
    assert_inside(figure)


def test_coupling_is_a_matrix_of_integrated_kernels(coupled):
    figure = bg.plot_kernels(coupled, term="coupling")
    image = figure.axes[0].images[0].get_array()
    gain = bg.kernels(coupled)["coupling"]["link"].sum("lag", skipna=False)
    np.testing.assert_allclose(np.ma.filled(image, np.nan), gain.transpose("source", "cell"))
    assert np.isnan(np.diagonal(gain)).all()
    written = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert len(written) == 6
    table = bg.edges(coupled).set_index(["source", "target"])
    p_positive = table.loc[("a", "b"), "p_positive"]
    gain_ab = f"{gain.sel(source='a', cell='b').item():.2g}"
    assert written[1, 0] == f"{gain_ab}\nP {max(p_positive, 1.0 - p_positive):.2f}"
    assert figure.axes[0].get_ylabel() == "from"
    assert figure.axes[0].get_xlabel() == "to cell"
    hatched = [patch.get_xy() for patch in figure.axes[0].patches if patch.get_hatch()]
    assert hatched == [(k - 0.5, k - 0.5) for k in range(3)]
    assert figure.axes[1].get_ylabel() == "integrated kernel\n(log response per event)"


def test_chosen_targets_keep_all_their_sources(coupled):
    figure = bg.plot_kernels(coupled, term="coupling", units=["c", "a"])
    image = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    whole = bg.plot_kernels(coupled, term="coupling").axes[0].images[0].get_array()
    np.testing.assert_array_equal(image, np.ma.filled(whole, np.nan)[:, [2, 0]])
    assert [one.get_text() for one in figure.axes[0].get_xticklabels()] == ["c", "a"]
    curves = bg.plot_kernels(coupled, term="light", units=COUNTS["cell"][1:2])
    (ax,) = titled(curves, "cell b")
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), bg.kernels(coupled)["light"]["link"][1])


@pytest.mark.parametrize(
    "units", ["d", [], ["a", "a"], ["a", "A"], 0, {"a": 1}.keys(), [["a"], "b"]]
)
def test_units_that_are_not_there_are_refused(units, coupled, fields):
    with pytest.raises(bg.DataError, match=r"chooses of 'cell'.*\['a', 'b', 'c'\]"):
        bg.plot_kernels(coupled, units=units)
    with pytest.raises(bg.DataError, match="this fit is of one response"):
        bg.plot_kernels(fields, units=units)


def test_of_many_units_edges_of_a_known_sign_have_a_dot():
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.4, (400, 14))
    counts[1:, 0] += 2 * counts[:-1, 1]
    fit = bg.fit_laplace(model_of(bg.Coupling(lags=1), response="y"), {"y": counts}, draws=500)
    figure = bg.plot_kernels(fit)
    ax = figure.axes[0]
    assert not ax.texts
    assert "Dot: P(sign) > 0.975" in figure.subfigs[0].get_supxlabel()
    for labels in (ax.get_xticklabels(), ax.get_yticklabels()):
        assert [one.get_text() for one in labels] == [str(k) for k in range(14)]
    table = bg.edges(fit)
    sure = table[np.maximum(table["p_positive"], 1.0 - table["p_positive"]) > 0.975]
    dots = {(line.get_xdata()[0], line.get_ydata()[0]) for line in ax.lines}
    assert dots == set(zip(sure["target"], sure["source"], strict=True))
    assert (0, 1) in dots


def test_fields_stand_beside_their_sds(fields, tmp_path):
    figure = rendered(bg.plot_kernels(fields), tmp_path)
    nodes = bg.kernels(fields)
    for name, title in (("link", "mean"), ("link_sd", "sd")):
        (ax,) = titled(figure, title)
        np.testing.assert_allclose(ax.images[0].get_array(), nodes["now"][name])
    link = nodes["movie"]["link"]
    strongest = np.sort(np.argsort(-(link**2).sum(["height", "width"]).values)[:6])
    frames = [ax for ax in figure.axes if ax.get_title().endswith("ms")]
    for ax, place in zip(frames, strongest, strict=True):
        assert ax.get_title() == f"{10 * place:.3g} ms"
        np.testing.assert_allclose(ax.images[0].get_array(), link[place])
    draws = fields["posterior"]["now"].stack(all=("chain", "draw"))
    np.testing.assert_allclose(nodes["now"]["link_sd"], draws.std("all"), rtol=1e-9)
    assert_inside(figure)


@pytest.fixture(scope="module")
def places():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(0.0, 100.0, (2, 400))
    near = np.exp(-((x - 70.0) ** 2 + (y - 25.0) ** 2) / 800.0)
    data = xr.Dataset(
        {
            "spikes": (("time", "cell"), rng.poisson(near[:, None] * [2.0, 0.5], (400, 2))),
            "x": ("time", x, {"units": "cm"}),
            "y": ("time", y, {"units": "cm"}),
            "tone": ("time", (rng.random(400) < 0.1).astype(float)),
        },
        coords={"time": np.arange(400) * 0.01, "cell": ["a", "b"]},
    )
    terms = bg.Surface(("x", "y"), df=5), bg.Event("tone", lags=(-1, 2)), bg.History(lags=2)
    return bg.fit_laplace(model_of(*terms), data, draws=50, chains=2)


def test_surfaces_stand_on_their_axes_with_one_scale_for_all(places, tmp_path):
    figure = rendered(bg.plot_kernels(places, term="x:y"), tmp_path)
    node = bg.kernels(places)["x:y"]
    for name, title in (("link", "mean"), ("link_sd", "sd")):
        axes = [titled(figure, f"cell {cell} {title}")[0] for cell in "ab"]
        for k, ax in enumerate(axes):
            (image,) = ax.images
            drawn = image.get_array()
            np.testing.assert_allclose(drawn, node[name][k].transpose("value_2", "value"))
            assert image.get_clim()[1] == np.abs(node[name]).max()
            assert image.origin == "lower"
            left, right, bottom, top = image.get_extent()
            at = node[name][k].argmax(("value", "value_2"))
            row, column = np.unravel_index(np.argmax(drawn), drawn.shape)
            across = left + (column + 0.5) / drawn.shape[1] * (right - left)
            upwards = bottom + (row + 0.5) / drawn.shape[0] * (top - bottom)
            assert across == pytest.approx(float(node["value"][at["value"]]))
            assert upwards == pytest.approx(float(node["value_2"][at["value_2"]]))
            assert ax.get_ylim()[0] < ax.get_ylim()[1]
            assert ax.get_aspect() == 1.0
            assert (ax.get_xticks() % 20 == 0).all()
    assert_inside(figure)


@pytest.mark.parametrize(
    ("term", "label"),
    [("tone", "time from the event (ms)"), ("history", "lag (ms before the response)")],
)
def test_events_and_the_past_are_told_per_event(places, term, label):
    ax = bg.plot_kernels(places, term=term).axes[0]
    assert ax.get_xlabel() == label
    assert ax.get_ylabel() == "log response\nper event"


def test_single_coefficients_stand_together(fields):
    figure = bg.plot_kernels(fields)
    ax = figure.axes[0]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["speed", "hue"]
    values = [bg.kernels(fields)[name]["link"].item() for name in ("speed", "hue")]
    np.testing.assert_array_equal(ax.lines[1].get_ydata(), values)
    assert len(bg.plot_kernels(fields, term="speed").axes) == 1


def test_a_mode_has_neither_bands_nor_sds():
    terms = bg.Lagged("light", lags=3), bg.Linear("movie", name="now")
    figure = bg.plot_kernels(bg.fit_map(model_of(*terms), COUNTS))
    assert not any(
        ax.collections for ax in figure.axes if titled(figure, f"cell {CELLS[0]}") == [ax]
    )
    assert not titled(figure, "sd")


def test_what_a_page_does_not_hold_is_named():
    many = RNG.poisson(0.4, (120, 15))
    data = {"y": many, "x": RNG.normal(size=120)}
    fit = bg.fit_map(model_of(bg.Lagged("x", lags=2), response="y"), data)
    figure = bg.plot_kernels(fit)
    assert len([ax for ax in figure.axes if ax.get_visible()]) == 12
    (note,) = {part.get_supxlabel() for part in figure.subfigs}
    assert note == "Not drawn of y_dim_0: 12, 13, 14; units=[...] chooses."
    figure = bg.plot_kernels(fit, units=[14, 3])
    shown = [ax.get_title(loc="left") for ax in figure.axes if ax.get_visible()]
    assert shown == ["y_dim_0 14", "y_dim_0 3"]
    for ax, k in zip(figure.axes, (14, 3), strict=False):
        np.testing.assert_array_equal(ax.lines[1].get_ydata(), bg.kernels(fit)["x"]["link"][k])


def test_what_cannot_be_drawn(fields):
    with pytest.raises(bg.DataError, match=r"no term 'Speed'.*'speed'"):
        bg.plot_kernels(fields, term="Speed")
    empty = bg.fit_map(bg.GLM("y", [], family="poisson"), {"y": [1, 2, 0]})
    with pytest.raises(bg.DataError, match="no term to draw"):
        bg.plot_kernels(empty)
