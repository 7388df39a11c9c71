"""Comparisons and slopes by Python's marginaleffects: `python tests/references/effects.py`.

marginaleffects, statsmodels and polars < 2 are of no extra of this package: install them apart.
Reads the data of effects.json, which effects.R makes, and writes effects_python.json beside this
file: estimates and standard errors of each quantity, in the order told there.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import statsmodels.api as sm
import statsmodels.formula.api as smf
from marginaleffects import avg_comparisons, avg_predictions, avg_slopes, comparisons, slopes

FOLDER = Path(__file__).parent
DATA = json.loads((FOLDER / "effects.json").read_text())["data"]
TIGHT = {"tol": 1e-15, "maxiter": 200}
ROWS = 8  # of unit-level results are kept


def frame(name: str) -> pd.DataFrame:
    """Return a data set, its words as categories."""
    data = pd.DataFrame(DATA[name])
    words = data.columns[[not pd.api.types.is_numeric_dtype(one) for one in data.dtypes]]
    numbers = data.columns.difference(words)
    return data.astype(dict.fromkeys(words, "category") | dict.fromkeys(numbers, float))


def forward(step: float) -> Any:
    """Return the contrast from each value to that value and a step, R's default."""
    return lambda x: pl.DataFrame({"lo": x, "hi": x + step})


def told(result: Any, rows: int | None = None) -> dict[str, list[Any]]:
    """Return what a result tells, in columns; of its first rows."""
    table = result.to_pandas() if hasattr(result, "to_pandas") else result.data.to_pandas()
    known = ("term", "contrast", "education", "cyl", "Class", "hypothesis", "estimate", "std_error")
    return {
        name: table[name].astype(object).tolist()[:rows] for name in known if name in table.columns
    }


case = smf.glm(
    "case ~ education * age + spontaneous + induced",
    frame("infertility"),
    family=sm.families.Binomial(),
).fit(**TIGHT)
cars = smf.ols("mpg ~ hp * cyl + wt", frame("cars")).fit()
log_cars = smf.glm(
    "mpg ~ hp + wt", frame("cars"), family=sm.families.Gamma(sm.families.links.Log())
).fit(**TIGHT)
ship_frame = frame("ship")
ship = smf.glm(
    "survived ~ Class * Sex + Age",
    ship_frame,
    family=sm.families.Binomial(),
    freq_weights=ship_frame["Freq"],
).fit(**TIGHT)

results = {
    f"case age {what}{where}": told(
        avg_comparisons(case, variables={"age": forward(5.0)}, comparison=what, by=by)
    )
    for what in ("difference", "ratio", "lnratio", "lnor")
    for where, by in (("", True), (" by education", "education"))
}
results |= {
    f"case education {what}": told(avg_comparisons(case, variables={"education": what}))
    for what in ("reference", "pairwise", "sequential")
}
results |= {
    f"case age {what}": told(avg_comparisons(case, variables={"age": what}))
    for what in ("sd", "2sd", "iqr", "minmax")
}
results |= {
    f"case age {what}": told(avg_slopes(case, variables="age", slope=what, by="education"))
    for what in ("dydx", "eyex", "dyex", "eydx")
}
results["case units"] = told(comparisons(case, variables={"age": [25, 35]}), ROWS)
results["case slopes of units"] = told(slopes(case, variables="age"), ROWS)
results["case means"] = told(avg_predictions(case, by="education"))
results |= {
    f"case means {what}": told(avg_predictions(case, by="education", hypothesis=what))
    for what in ("~ pairwise", "~ reference", "~ sequential", "b0 - 2 * b2 = 0")
}
results |= {
    "cars slopes": told(avg_slopes(cars, variables="hp", by="cyl")),
    "cars means": told(avg_predictions(cars, by="cyl")),
    "log cars slopes": told(avg_slopes(log_cars, variables="hp")),
    "log cars ratio": told(
        avg_comparisons(log_cars, variables={"hp": [100, 200]}, comparison="ratio")
    ),
    "ship sex": told(avg_comparisons(ship, variables="Sex", by="Class", wts="Freq")),
    "ship sex lnor": told(
        avg_comparisons(ship, variables="Sex", by="Class", wts="Freq", comparison="lnor")
    ),
    "ship means": told(avg_predictions(ship, by="Class", wts="Freq")),
}
packages = ", ".join(f"{name} {version(name)}" for name in ("marginaleffects", "statsmodels"))
made_by = f"{packages}, Python {sys.version.split()[0]}"
lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in results.items()]
text = ",\n".join([f'  "made by": {json.dumps(made_by)}', *lines])
(FOLDER / "effects_python.json").write_text(f"{{\n{text}\n}}\n")
