"""The bundled recording: what it holds, and that it can be made again."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import bayesglm as bg

TOOL = Path(__file__).parents[2] / "tools" / "make_grasshopper.py"


@pytest.mark.parametrize(("recording", "n_spikes"), [(1, 929), (2, 868)])
def test_every_spike_and_every_millisecond_is_there(recording, n_spikes):
    ds = bg.datasets.grasshopper(recording)
    assert int(ds["spikes"].sum()) == n_spikes
    assert set(np.unique(ds["spikes"])) == {0, 1}
    np.testing.assert_allclose(ds["time"], (np.arange(10_000) + 0.5) / 1000, rtol=1e-12)
    assert ds["time"].attrs["units"] == "s"
    assert ds["stimulus"].attrs["units"] == "dB SPL"
    assert np.isfinite(ds["stimulus"]).all()


def test_levels_stay_below_the_maximum_of_the_header():
    assert 60 < float(bg.datasets.grasshopper(1)["stimulus"].max()) < 76.43
    assert 55 < float(bg.datasets.grasshopper(2)["stimulus"].max()) < 71.21


def test_no_interval_is_shorter_than_three_milliseconds():
    spikes = np.flatnonzero(bg.datasets.grasshopper(1)["spikes"].values)
    assert np.diff(spikes).min() >= 3


def test_provenance_and_licence_travel_with_the_file():
    ds = bg.datasets.grasshopper()
    assert "Rokem" in ds.attrs["reference"]
    assert "BSD-3" in ds.attrs["licence"]
    notice = Path(bg.datasets.__file__).with_name("GRASSHOPPER_LICENSE.txt").read_text()
    assert "NIPY Developers" in notice


def test_the_tool_makes_the_shipped_file_again():
    spec = importlib.util.spec_from_file_location("make_grasshopper", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    shipped = Path(bg.datasets.__file__).with_name("grasshopper.nc")
    with xr.open_dataset(shipped, engine="h5netcdf") as stored:
        xr.testing.assert_allclose(tool.make(), stored, rtol=1e-6)
    assert shipped.stat().st_size < 200_000


def test_another_recording_is_refused():
    with pytest.raises(bg.DataError, match="recording must be 1 or 2, got 3"):
        bg.datasets.grasshopper(3)
