"""recording: from a file of spike times and stimuli to the fit of one unit."""

import datetime
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.facts import missing
from benchmarks.race import OURS, Row
from benchmarks.verdict import verdict
from benchmarks.work import SEED

WORK = (
    "An NWB file of 100 units that fire 10 spikes a second for an hour, and a white stimulus at "
    "100 Hz: `as_dataset(path, bin_size=0.001)`, then the MAP of one unit in 3,600,000 bins, 25 "
    "lags of the stimulus and 20 of its own past, Poisson, default priors. A fresh process each "
    "time, its start and its imports included; peak memory is that of the process."
)
_RUNS = 3
_MOST_S, _MOST_MB = 15.0, 1000
_CODE = """
import json, resource, sys, time
began = time.perf_counter()
import bayesglm as bg
data = bg.as_dataset(sys.argv[1], bin_size=0.001, resample="previous").sel(unit=17)
terms = [bg.Lagged("movie", lags=25), bg.History(lags=20)]
fit = bg.fit_map(bg.GLM("spikes", terms, family="poisson"), data)
print(json.dumps({
    "seconds": time.perf_counter() - began,
    "cpu_s": time.process_time(),
    "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
    "n": int(fit.attrs["n_samples"]),
}))
"""


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Write a recording, and fit it in processes of their own."""
    n_units, duration = (20, 360.0) if quick else (100, 3600.0)
    title = f"{n_units} units, {duration:g} s at 1 ms"
    if missing(("pynwb",)):
        absent: Row = {"solver": OURS, "status": "not installed"}
        return [{"title": title, "rows": [absent], "verdicts": []}], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "session.nwb"
        _write(path, n_units, duration)
        command = [sys.executable, "-W", "error", "-c", _CODE, str(path)]
        done = [
            json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            for _ in range(_RUNS)
        ]
    seconds = [one["seconds"] for one in done]
    row: Row = {
        "solver": OURS,
        "status": "timed",
        "seconds": seconds,
        "median_s": median(seconds),
        "cpu_s": median(one["cpu_s"] for one in done),
        "peak_mb": round(max(one["peak_mb"] for one in done)),
    }
    verdicts = [
        verdict(f"under {_MOST_S:g} s", f"{row['median_s']:.3g} s", row["median_s"] < _MOST_S),
        verdict(f"under {_MOST_MB} MB", f"{row['peak_mb']} MB", row["peak_mb"] < _MOST_MB),
    ]
    return [{"title": title, "rows": [row], "verdicts": verdicts}], []


def _write(path: Path, n_units: int, duration: float) -> None:
    """Write spikes that follow a smoothed stimulus, and the stimulus."""
    import pynwb

    rng = np.random.default_rng(SEED)
    movie = rng.normal(size=int(duration * 100)).astype(np.float32)
    drive = np.convolve(movie, [0.2, 0.4, 0.2])[: len(movie)]
    rate = 10.0 * np.exp(drive - 0.5 * drive.var())
    start = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
    file = pynwb.NWBFile("made for a benchmark", "recording", start)
    for _ in range(n_units):
        frames = np.repeat(np.arange(len(movie)), rng.poisson(rate / 100))
        file.add_unit(spike_times=np.sort((frames + rng.random(len(frames))) / 100))
    file.add_stimulus(pynwb.TimeSeries(name="movie", data=movie, rate=100.0, unit="1"))
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
