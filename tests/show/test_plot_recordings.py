"""Designs, rasters and rates as pictures: what is drawn are the data, and what fits say of them."""

import numpy as np
import pytest
import xarray as xr
from drawn import assert_inside, legend_of, rendered

import bayesglm as bg

RNG = np.random.default_rng(3)
TRIALS, SAMPLES = 12, 30
TRIAL = np.repeat(np.arange(TRIALS) + 100, SAMPLES)
SIDE = np.array(["left", "right", "right"] * 4)
SINCE = np.tile(np.arange(SAMPLES) * 0.02, TRIALS)
DRIVE = np.where(np.repeat(SIDE, SAMPLES) == "right", np.sin(8 * SINCE), 0.0)
DATA = xr.Dataset(
    {"spikes": ("time", RNG.poisson(np.exp(DRIVE - 1.0))), "drive": ("time", DRIVE)},
    coords={
        "time": np.arange(TRIALS * SAMPLES) * 0.02,
        "trial": ("time", TRIAL),
        "side": ("time", np.repeat(SIDE, SAMPLES)),
    },
)
CELLS = xr.Dataset(
    {"spikes": (("time", "cell"), RNG.poisson(0.2, (400, 3)))},
    coords={"time": np.arange(400) * 0.01, "cell": ["p", "q", "r"]},
)
MODEL = bg.GLM("spikes", ["drive", bg.Lagged("drive", lags=3, name="past")], family="poisson")


@pytest.fixture(scope="module")
def fit():
    return bg.fit_laplace(MODEL, DATA, draws=200, chains=2)


def ticks_of(collection):
    return np.array([path[0] for path in collection.get_segments()])


def test_a_row_is_a_trial_and_conditions_stand_together(tmp_path):
    figure = rendered(bg.plot_raster(DATA, "spikes", by="side"), tmp_path)
    (ax,) = figure.axes
    order = [*np.flatnonzero(SIDE == "left"), *np.flatnonzero(SIDE == "right")]
    drawn = np.concatenate([ticks_of(one) for one in ax.collections])
    counts = DATA["spikes"].values.reshape(TRIALS, SAMPLES)[order]
    rows, places = np.nonzero(counts)
    np.testing.assert_allclose(drawn[:, 0], places * 0.02, atol=1e-9)
    np.testing.assert_allclose(drawn[:, 1], rows - 0.42)
    assert legend_of(figure)[1] == ["left", "right"]
    assert_inside(figure)
    assert [one.get_text() for one in ax.get_yticklabels()] == [str(100 + k) for k in order]
    two = bg.plot_raster(DATA.isel(time=slice(0, 2 * SAMPLES)), "spikes").axes[0]
    assert [one.get_text() for one in two.get_yticklabels()] == ["100", "101"]
    own = bg.plot_raster(DATA, "spikes", by=SIDE)
    again = np.concatenate([ticks_of(one) for one in own.axes[0].collections])
    np.testing.assert_array_equal(again, drawn)


def test_without_trials_a_row_is_a_unit():
    (ax,) = bg.plot_raster(CELLS, "spikes").axes
    drawn = ticks_of(ax.collections[0])
    at, rows = np.nonzero(CELLS["spikes"].values)
    np.testing.assert_allclose(drawn, np.stack([at * 0.01, rows - 0.42], axis=1), atol=1e-9)
    assert [one.get_text() for one in ax.get_yticklabels()] == ["p", "q", "r"]
    assert ax.get_xlabel() == "time (s)"


def test_what_a_raster_leaves_out_is_told():
    busy = CELLS.assign(spikes=CELLS["spikes"] * 0 + 1)
    (ax,) = bg.plot_raster(busy, "spikes").axes
    assert ax.get_title(loc="right") == "the first 2.5 s of 4"
    note = "data.isel(time=slice(250, None)) goes on."
    assert ax.figure.get_supxlabel() == note
    (rest,) = bg.plot_raster(busy.isel(time=slice(250, None)), "spikes").axes
    assert len(rest.collections[0].get_segments()) == 450
    assert len(ax.collections[0].get_segments()) == 750
    many = {"y": RNG.poisson(0.3, (20, 130))}
    assert "Not drawn of y_dim_0: 120, 121" in bg.plot_raster(many, "y").get_supxlabel()


def test_predicted_means_and_what_was_observed_over_trials(fit, tmp_path):
    figure = rendered(bg.plot_rate(fit, by=SIDE, draws=400), tmp_path)
    stretch, averages = figure.axes
    assert stretch.get_ylabel() == "spikes per s"
    means = bg.predict(fit)["spikes"].stack(all=("chain", "draw")).transpose("time", "all").values
    trial = TRIAL == 100 + TRIALS // 2
    np.testing.assert_allclose(
        stretch.lines[0].get_ydata(), means[trial].mean(axis=1) * 50, equal_nan=True
    )
    counts = DATA["spikes"].values[trial]
    counts[:2] = 0  # lags of which are not known
    assert len(stretch.collections[1].get_segments()) == counts.sum()
    seen = SINCE >= 0.039  # where all lags are known
    for line, bars, side in zip(
        averages.lines[::2], averages.containers, ("left", "right"), strict=True
    ):
        own = seen & (np.repeat(SIDE, SAMPLES) == side)
        by_time = means[own].mean(axis=1).reshape(-1, SAMPLES - 2).mean(axis=0) * 50
        np.testing.assert_allclose(line.get_ydata(), by_time, rtol=1e-9)
        of_trials = DATA["spikes"].values[own].reshape(-1, SAMPLES - 2) * 50
        np.testing.assert_allclose(bars[0].get_ydata(), of_trials.mean(axis=0))
        error = of_trials.std(axis=0, ddof=1) / np.sqrt(len(of_trials))
        low, high = np.array(bars[2][0].get_segments())[:, :, 1].T
        np.testing.assert_allclose(high - low, 2 * error, atol=1e-12)
    words = ["predicted, with its 94% band", "observed, with one standard error", "events"]
    assert legend_of(figure)[1] == ["left", "right", *words]
    assert averages.get_ylim()[0] == 0.0
    assert stretch.lines[0].get_color() == averages.lines[0].get_color()  # a trial to the left
    assert min(stretch.get_yticks()) == 0.0
    segments = np.array(stretch.collections[1].get_segments())
    assert segments[..., 1].max() < 0.0  # ticks stand below the axis of rates
    assert_inside(figure)


BY = {
    "of samples": DATA["side"],
    "of samples, in another order": DATA["side"][::-1],
    "of more samples": DATA["side"]
    .pad(time=(0, 1), constant_values="?")
    .assign_coords(time=np.arange(TRIALS * SAMPLES + 1) * 0.02),
    "of trials": xr.DataArray(SIDE, {"trial": np.unique(TRIAL)}, ["trial"])[::-1],
    "of trials without labels": xr.DataArray(SIDE, dims="trial"),
    "plain, of samples": DATA["side"].values,
}


@pytest.mark.parametrize("name", BY)
def test_conditions_that_the_model_does_not_read_are_given_as_variables(name, fit):
    own, expected = (bg.plot_rate(fit, by=by).axes[1] for by in (BY[name], SIDE))
    assert [line.get_label() for line in own.lines] == [x.get_label() for x in expected.lines]
    for line, other in zip(own.lines, expected.lines, strict=True):
        np.testing.assert_array_equal(line.get_ydata(), other.get_ydata())
    raster = bg.plot_raster(DATA, "spikes", by=BY[name])
    same = bg.plot_raster(DATA, "spikes", by="side")
    for one, other in zip(raster.axes[0].collections, same.axes[0].collections, strict=True):
        np.testing.assert_array_equal(ticks_of(one), ticks_of(other))


def test_a_condition_that_the_fit_does_not_keep_is_told_with_its_remedy():
    fit = bg.fit_map(MODEL, DATA.drop_vars("side").assign(side=("time", np.repeat(SIDE, SAMPLES))))
    with pytest.raises(bg.DataError) as told:
        bg.plot_rate(fit, by="spike")
    assert str(told.value) == (
        "the fit keeps no variable 'spike' to tell conditions by. Did you mean 'spikes'? Give a "
        "variable's name, the variable itself, as by=data['spike'], or a label for each of the 12 "
        "trials."
    )
    with pytest.raises(bg.DataError, match=r"by=data\['side'\]"):
        bg.plot_rate(fit, by="side")
    with pytest.raises(bg.DataError, match=r"no label at trial=103; give one for every trial"):
        bg.plot_rate(fit, by=BY["of trials"].drop_sel(trial=[103, 107]))


def test_members_of_a_population_have_a_row_each():
    model = bg.GLM(
        "spikes", [bg.History(lags=2), bg.Coupling(lags=2)], "poisson", prior=bg.Normal(1.0)
    )
    fit = bg.fit_map(model, CELLS)
    figure = bg.plot_rate(fit)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["cell p", "cell q", "cell r"]
    chosen = bg.plot_rate(fit, units=["r", "p"])
    assert [ax.get_title(loc="left") for ax in chosen.axes] == ["cell r", "cell p"]
    for ax, k in zip(chosen.axes, (2, 0), strict=True):
        np.testing.assert_array_equal(ax.lines[0].get_ydata(), figure.axes[k].lines[0].get_ydata())


def test_measurements_are_drawn_over_their_means():
    data = {"y": RNG.normal(size=40), "x": RNG.normal(size=40)}
    (ax,) = bg.plot_rate(bg.fit_map(bg.GLM("y", "x"), data)).axes
    np.testing.assert_allclose(ax.lines[1].get_ydata(), data["y"])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("sample", "y")
    assert legend_of(ax.figure)[1] == ["predicted, with its 94% band", "observed"]


def test_a_design_is_drawn_term_by_term(tmp_path):
    figure = rendered(bg.plot_design(MODEL, DATA, start=28, rows=9), tmp_path)
    one, past = figure.axes
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["drive (1)", "past (3)"]
    # Two samples of each trial lack a lag: the 28 kept rows of the first are samples 2 to 29.
    kept = np.flatnonzero(np.tile(np.arange(SAMPLES) >= 2, TRIALS))[28:37]
    np.testing.assert_allclose(one.images[0].get_array()[:, 0], DRIVE[kept])
    lags = np.stack([DRIVE[kept - lag] for lag in range(3)], axis=1)
    np.testing.assert_allclose(past.images[0].get_array(), lags)
    assert one.get_ylabel() == "time (s)"
    assert past.get_xticklabels()[-1].get_text() == "lag=2"


def test_what_cannot_be_drawn(fit):
    with pytest.raises(bg.DataError, match=r"start=500 lies behind the 336 samples"):
        bg.plot_design(MODEL, DATA, start=500)
    with pytest.raises(bg.DataError, match="no term to draw"):
        bg.plot_design(bg.GLM("spikes", [], family="poisson"), DATA)
    with pytest.raises(bg.DataError, match=r"no variable 'Side'.*'side'"):
        bg.plot_raster(DATA, "spikes", by="Side")
    with pytest.raises(bg.DataError, match="changes inside a trial: at sample 1 "):
        bg.plot_raster(DATA, "spikes", by=np.arange(len(TRIAL)))
    with pytest.raises(bg.DataError, match="tells 12 conditions, and 6 colours"):
        bg.plot_raster(DATA, "spikes", by=np.arange(TRIALS))
    with pytest.raises(bg.DataError, match="holds no counts"):
        bg.plot_raster(DATA, "drive")
    with pytest.raises(bg.DataError, match="no coordinate 'trial'"):
        bg.plot_raster(CELLS, "spikes", by=["a"])
    with pytest.raises(bg.DataError, match=r"got the shape \(5,\)"):
        bg.plot_rate(fit, by=np.arange(5))
