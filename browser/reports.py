"""The reports that a browser opens: the demo, a table, groups, a population, and hostile names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

import bayesglm as bg
from bayesglm.demo import run
from bayesglm.show.report.writing import write_page
from tests.blocks import figure_of, page_of

SEED, DRAWS = 0, 500


def demo(path: Path) -> None:
    """The demo, on the first three seconds of its recording."""
    short = bg.datasets.grasshopper().isel(time=slice(0, 3000))
    run(path, data=short, draws=DRAWS // 2, say=lambda words: None)


def table(path: Path) -> None:
    """Customers who stay or leave, by two models."""
    rng = np.random.default_rng(SEED)
    n = 400
    frame = pd.DataFrame(
        {
            "age": rng.normal(45.0, 12.0, n).round(),
            "visits": rng.poisson(4.0, n),
            "region": rng.choice(["north", "south", "east", "west"], n),
        }
    )
    eta = -0.5 + 0.05 * (frame.age - 45) - 0.2 * frame.visits + 0.8 * (frame.region == "east")
    frame["left"] = np.where(rng.random(n) < 1 / (1 + np.exp(-eta)), "yes", "no")
    formulas = {"full": "left ~ age + visits + region", "age only": "left ~ age"}
    fits = {
        name: bg.fit(bg.formula(text, family="bernoulli"), frame, draws=DRAWS)
        for name, text in formulas.items()
    }
    bg.report(fits, path, title="Which customers leave?")


def grouped(path: Path) -> None:
    """Pupils in schools: with the schools' own levels, and without."""
    rng = np.random.default_rng(SEED)
    school = np.repeat([f"school {k}" for k in range(30)], 12)
    level = np.repeat(rng.normal(0.0, 4.0, 30), 12)
    hours = rng.gamma(2.0, 2.0, school.size)
    frame = pd.DataFrame({"school": school, "hours": hours})
    frame["score"] = 50.0 + level + 1.5 * hours + rng.normal(0.0, 6.0, school.size)
    fits = {
        name: bg.fit(bg.formula(text), frame, draws=DRAWS)
        for name, text in {
            "schools": "score ~ hours + (1 | school)",
            "hours": "score ~ hours",
        }.items()
    }
    bg.report(fits, path, title="Do hours of work tell the score?")


def population(path: Path) -> None:
    """Six cells that hear one sound, and a cell that hears nothing."""
    rng = np.random.default_rng(SEED)
    n = 2000
    sound = np.convolve(rng.normal(size=n + 4), np.ones(5) / 2, "valid")
    gain = np.array([0.6, -0.4, 0.3, 0.0, 0.5, -0.2])
    rates = np.exp(-2.0 + sound[:, None] * gain)
    data = xr.Dataset(
        {
            "spikes": (("time", "cell"), rng.poisson(rates)),
            "sound": ("time", sound, {"units": "dB"}),
        },
        coords={"time": np.arange(n) * 0.005, "cell": [f"cell {k}" for k in "abcdef"]},
    )
    terms = [bg.Lagged("sound", lags=6, prior=bg.Normal(0.3)), bg.History(lags=5)]
    fits = {
        "sound and history": bg.fit(bg.GLM("spikes", terms, "poisson"), data, draws=DRAWS),
        "sound": bg.fit(bg.GLM("spikes", terms[:1], "poisson"), data, draws=DRAWS),
    }
    bg.report(fits, path, title="What do six cells hear?")


def hostile(path: Path) -> None:
    """Every block, its names long, foreign, and formulas."""
    name = "=HYPERLINK('x')</script><b>" + "n" * 150 + "שלום \U0001f600"
    write_page(path, page_of(name, figure_of(name, 3000), n_rows=130))


REPORTS: dict[str, Callable[[Path], None]] = {
    one.__name__: one for one in (demo, table, grouped, population, hostile)
}
