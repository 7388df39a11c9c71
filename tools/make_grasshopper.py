"""Make bayesglm/datasets/grasshopper.nc again from the files of an installed nitime.

    python tools/make_grasshopper.py [OUT]

The raw files: stimulus files of two columns, time in microseconds (step 50) and envelope; spike
times in microseconds. Each 1 ms bin holds the mean envelope of its 20 samples, in dB SPL re 20
micropascal, shifted so that the raw maximum is the level nitime's examples quote from the
headers of the spike files; and the number of spikes in [start, start + 1 ms).
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import nitime
import numpy as np
import xarray as xr

OUT = Path(__file__).parents[1] / "bayesglm" / "datasets" / "grasshopper.nc"
MAXIMUM_DB = {1: 76.4286, 2: 71.2}
CUTOFF_HZ = {1: 200, 2: 800}
REFERENCE = 2.0e-5
SAMPLES_PER_BIN, BIN_US = 20, 1000


def bin_recording(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the stimulus in dB and the spike counts of one recording in 1 ms bins."""
    folder = Path(nitime.__file__).parent / "data"
    time_us, envelope = np.loadtxt(folder / f"grasshopper_stimulus{number}.txt").T
    assert np.array_equal(time_us, 50.0 * np.arange(len(time_us)))
    spikes_us = np.loadtxt(folder / f"grasshopper_spike_times{number}.txt")
    n_bins = len(envelope) // SAMPLES_PER_BIN
    assert spikes_us.min() >= 0
    assert spikes_us.max() < n_bins * BIN_US
    shift = MAXIMUM_DB[number] - 20 * np.log10(envelope.max() / REFERENCE)
    binned = envelope.reshape(n_bins, SAMPLES_PER_BIN).mean(axis=1)
    counts = np.bincount((spikes_us // BIN_US).astype(int), minlength=n_bins)
    assert counts.sum() == len(spikes_us)
    return 20 * np.log10(binned / REFERENCE) + shift, counts


def make() -> xr.Dataset:
    """Return both recordings as one Dataset over (recording, time)."""
    binned = {number: bin_recording(number) for number in MAXIMUM_DB}
    n_bins = len(binned[1][0])
    return xr.Dataset(
        {
            "stimulus": (
                ("recording", "time"),
                np.stack([binned[k][0] for k in binned]).astype(np.float32),
                {"units": "dB SPL", "long_name": "sound envelope"},
            ),
            "spikes": (
                ("recording", "time"),
                np.stack([binned[k][1] for k in binned]).astype(np.uint8),
                {"units": "spikes per 1 ms bin", "long_name": "spike count"},
            ),
            "cutoff": (
                "recording",
                np.array(list(CUTOFF_HZ.values())),
                {"units": "Hz", "long_name": "cut-off frequency of the amplitude modulation"},
            ),
        },
        coords={
            "recording": list(binned),
            "time": (
                "time",
                (np.arange(n_bins) + 0.5) * 1e-3,
                {"units": "s", "long_name": "time of the bin's centre"},
            ),
        },
        attrs={
            "title": "Grasshopper auditory receptor, intracellular recording",
            "species": "Locusta migratoria",
            "reference": (
                "Rokem A, Watzl S, Gollisch T, Stemmler M, Herz AVM, Samengo I (2006). "
                "Spike-timing precision underlies the coding efficiency of auditory receptor "
                "neurons. J Neurophysiol 95:2541-2552."
            ),
            "licence": "BSD-3-Clause, Copyright (c) 2006-2011, NIPY Developers",
            "provenance": f"nitime {version('nitime')}, tools/make_grasshopper.py",
            "stimulus_formula": "20 log10(mean envelope in bin / 2e-5) + (maximum - raw maximum)",
        },
    )


def main() -> None:
    """Write the file."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else OUT
    encoding = {
        name: {"zlib": True, "complevel": 9, "shuffle": True} for name in ("stimulus", "spikes")
    }
    make().to_netcdf(out, engine="h5netcdf", encoding=encoding)
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
