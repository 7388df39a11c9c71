"""Warnings: one helper says them all, and each points at the line of the caller."""

import ast
import functools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import bayesglm as bg

PACKAGE = Path(bg.__file__).parent
RNG = np.random.default_rng(3)
X = RNG.normal(size=80)
COUNTS = RNG.poisson(np.exp(0.5 * X))
DATA = {"y": COUNTS, "x": X, "z": RNG.normal(size=80)}
LONGER = bg.GLM("y", bg.Lagged("x", lags=9, prior=bg.Normal(1.0)), family="poisson")
PLAIN = bg.GLM("y", "x", family="poisson", prior=bg.Normal(1.0))
EXTREME = {"y": np.r_[COUNTS[:-1], 500], "x": X}


def calls_of_warn(tree):
    """Return the lines that call a function named ``warn`` of the module warnings."""
    called = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [
        one.lineno
        for one in called
        if isinstance(one, ast.Attribute)
        and one.attr in ("warn", "warn_explicit")
        and isinstance(one.value, ast.Name)
        and one.value.id == "warnings"
    ]


def test_one_helper_says_every_warning():
    callers, importers = {}, []
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        lines = calls_of_warn(tree)
        if lines:
            callers[path.relative_to(PACKAGE).as_posix()] = len(lines)
        importers += [
            path.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "warnings"
        ]
    assert callers == {"errors.py": 1}
    assert not importers


WARNED = {
    "loo of a history": lambda: bg.loo(
        bg.fit(bg.GLM("y", bg.History(lags=2, prior=bg.Normal(1.0)), family="poisson"), DATA)
    ),
    "loo of an outlier": lambda: bg.loo(bg.fit(PLAIN, EXTREME)),
    "compare": lambda: bg.compare({"lags": bg.fit(LONGER, DATA), "now": bg.fit(PLAIN, DATA)}),
    "scales at their end": lambda: bg.tune_prior(PLAIN, DATA, scales=[1e-3, 2e-3, 3e-3]),
}


@pytest.mark.parametrize("provoke", WARNED.values(), ids=WARNED.keys())
def test_warnings_point_at_the_callers_line(provoke):
    with pytest.warns(bg.BayesGLMWarning) as caught:
        provoke()
    assert {one.filename for one in caught} == {__file__}
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert all("bg." in lines[one.lineno - 1] for one in caught)


def test_a_folder_that_starts_with_the_packages_name_is_the_callers():
    script = Path(f"{PACKAGE}_of_mine.py")
    code = compile("tell('hear')", str(script), "exec")
    from bayesglm.errors import tell, telling_of

    with pytest.warns(bg.BayesGLMWarning, match="hear") as caught:
        exec(code, {"tell": tell})
    assert caught[0].filename == str(script)
    with pytest.warns(bg.BayesGLMWarning, match="^of a fold: hear"), telling_of("a fold"):
        tell("hear")
    with pytest.warns(bg.BayesGLMWarning, match="^hear"):
        tell("hear")


def test_the_line_that_asks_pandas_to_call_is_the_callers():
    unlogged = bg.GLM("y", "x", family="poisson", offset="km", prior=bg.Normal(1.0))
    frame = pd.DataFrame({**DATA, "km": RNG.uniform(100.0, 50_000.0, 80), "g": 1})
    with pytest.warns(bg.BayesGLMWarning, match="looks like an exposure") as caught:
        frame.groupby("g").apply(functools.partial(bg.fit_map, unlogged))
    assert {one.filename for one in caught} == {__file__}
