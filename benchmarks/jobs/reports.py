"""Reports of the demo's recording, of a table, and of a population."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.jobs.job import Figures, Job
from benchmarks.work import SEED

_DRAWS, _CHAINS = 1000, 4


def _write(fits: Mapping[str, Any]) -> Callable[[Path], Figures]:
    """Return what writes the report of fits into a folder, and weighs it."""
    import bayesglm as bg

    def write(folder: Path) -> Figures:
        page = bg.report(fits, folder / "report.html")
        return {"page_mb": page.stat().st_size / 1e6}

    return write


def _demo(quick: bool) -> Callable[[Path], Figures]:
    """Fit the grasshopper's recording: with and without its past, of shorter lags, and nothing."""
    import bayesglm as bg

    data = bg.datasets.grasshopper()
    if quick:
        data = data.isel(time=slice(0, 2000))
    heard, past = bg.Lagged("stimulus", lags=25, prior=bg.Normal(0.2)), bg.History(lags=20)
    terms = {
        "stimulus + history": [heard, past],
        "stimulus": [heard],
        "short": [bg.Lagged("stimulus", lags=10, prior=bg.Normal(0.2)), past],
        "constant rate": [],
    }
    return _write(
        {
            name: bg.fit(bg.GLM("spikes", own, family="poisson"), data, draws=_DRAWS)
            for name, own in terms.items()
        }
    )


def _table(quick: bool) -> Callable[[Path], Figures]:
    """Fit counts of a table of 8 columns, 4 of them text, by two models."""
    import pandas as pd

    import bayesglm as bg

    n, rng = 200 if quick else 2000, np.random.default_rng(SEED)
    numbers = {f"x{k}": rng.normal(size=n) for k in range(4)}
    words = {f"g{k}": rng.choice(list("abcd"), n) for k in range(4)}
    frame = pd.DataFrame(numbers | words)
    eta = 0.5 + 0.4 * frame.x0 - 0.2 * frame.x1 + 0.3 * (frame.g0 == "b")
    frame["claims"] = rng.negative_binomial(2, 2 / (2 + np.exp(eta)))
    every = " + ".join([*numbers, *words])
    return _write(
        {
            family: bg.fit(bg.formula(f"claims ~ {every}", family=family), frame, draws=_DRAWS)
            for family in ("poisson", "negative_binomial")
        }
    )


def _population(quick: bool) -> Callable[[Path], Figures]:
    """Fit spikes of a population that follow a stimulus and each unit's own past."""
    import xarray as xr

    import bayesglm as bg

    n, n_units, rng = 3_000 if quick else 30_000, 20, np.random.default_rng(SEED)
    movie = rng.normal(size=n)
    drive = np.convolve(movie, 0.6 * np.exp(-np.arange(10) / 3))[:n]
    rate = np.exp(-3.0 + np.linspace(0.2, 0.8, n_units) * drive[:, None])
    coords = {"time": np.arange(n) * 1e-3, "unit": [f"u{k:02d}" for k in range(n_units)]}
    data = xr.Dataset(
        {"movie": ("time", movie), "spikes": (("time", "unit"), rng.poisson(rate))}, coords
    )
    terms = [bg.Lagged("movie", lags=10), bg.History(lags=5)]
    model = bg.GLM("spikes", terms, family="poisson")
    return _write({"movie + history": bg.fit(model, data, draws=_DRAWS, chains=_CHAINS)})


JOBS = {
    "report-demo": Job("four fits of 10,000 bins", _demo, 12.0, {"page_mb": 3.0}),
    "report-table": Job("a table of 2,000 x 8, two models", _table, 6.0),
    "report-population": Job("20 units x 30,000 bins, 4,000 draws", _population, 40.0),
}
