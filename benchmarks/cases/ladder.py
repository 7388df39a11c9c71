"""ladder: leave-one-out where importance weights fail, against quadrature."""

import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

import bayesglm as bg
from benchmarks.verdict import verdict
from benchmarks.work import Array

WORK = (
    "Leave-one-out elpd of the roaches data of R's rstanarm (262 counts that vary far more than "
    "Poisson ones; sqrt(roach1), treatment, senior, offset log(exposure2), Normal(2.5) and "
    "Normal(5) on the intercept), read from R and never shipped: `loo`, whose weights fail, and "
    "`score`, from the same fits of ten seeds, against the log density of every row by quadrature "
    "over all four coefficients, with and without it, in plain numpy. Times are without the fit's."
)
_READ = (
    "suppressMessages(library(rstanarm)); data(roaches); "
    "write.csv(roaches, commandArgs(TRUE)[1], row.names=FALSE)"
)
_SDS = np.array([5.0, 2.5, 2.5, 2.5])
_STEP, _REACH = 0.8, 7.5  # of the grid, in sds of each posterior
_SEEDS = 10
_WITHIN = 1.0  # nats of the exact sum
_ERRORS = 3.0  # Monte-Carlo errors of the exact sum


def run(quick: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Score ten fits by both."""
    frame = _roaches()
    title = "roaches, n=262, 4,000 draws"
    names = ("bayesglm loo", "bayesglm score")
    if frame is None:
        rows = [{"solver": name, "status": "no rstanarm in R"} for name in names]
        absent = verdict(f"score within {_WITHIN:g} of the exact elpd", "no data", None)
        return [{"title": title, "rows": rows, "verdicts": [absent]}], []
    exact = _exact(frame)
    elpds: dict[str, list[float]] = {name: [] for name in names}
    times: dict[str, list[float]] = {name: [] for name in names}
    errors = []
    for seed in range(3 if quick else _SEEDS):
        fit = bg.fit(_model(), frame, seed=seed)
        for name, verb in zip(names, (bg.loo, bg.score), strict=True):
            began = time.perf_counter()
            scored = verb(fit)
            times[name].append(time.perf_counter() - began)
            elpds[name].append(scored.elpd)
        errors.append(scored.mcse)
    rows = [
        {
            "solver": name,
            "status": "timed",
            "seconds": times[name],
            "median_s": median(times[name]),
            "gap": float(np.abs(np.array(elpds[name]) - exact).max()),
        }
        for name in names
    ]
    away = np.abs(np.array(elpds[names[1]]) - exact)
    figure = f"{away.max():.2f} at most, from {exact:.2f}; loo {rows[0]['gap']:.1f}"
    share = float((away / np.array(errors)).max())
    verdicts = [
        verdict(f"score within {_WITHIN:g} of the exact elpd", figure, bool(away.max() < _WITHIN)),
        verdict(
            f"and within {_ERRORS:g} of the Monte-Carlo errors that it tells",
            f"{share:.1f} at most",
            share < _ERRORS,
        ),
    ]
    return [{"title": title, "rows": rows, "verdicts": verdicts}], []


def _roaches() -> pd.DataFrame | None:
    """Return the data as R has them, if it has them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "roaches.csv"
        command = ["Rscript", "--vanilla", "-e", _READ, str(path)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            return None
        frame = pd.read_csv(path).astype(float)
    frame["roach1"] = np.sqrt(frame["roach1"])
    return frame


def _model() -> bg.GLM:
    return bg.GLM(
        "y",
        ["roach1", "treatment", "senior"],
        "poisson",
        prior=bg.Normal(2.5),
        intercept=bg.Normal(5.0),
        exposure="exposure2",
    )


def _exact(frame: pd.DataFrame) -> float:
    """Return sum_i log Z(y) - log Z(y without i), each by the trapezoidal rule around its mode."""
    columns = frame[["roach1", "treatment", "senior"]].to_numpy()
    X = np.column_stack([np.ones(len(frame)), columns])
    y, offset = frame["y"].to_numpy(), np.log(frame["exposure2"].to_numpy())
    line = np.arange(-_REACH, _REACH + _STEP, _STEP)
    grid = np.stack(np.meshgrid(*[line] * 4), axis=-1).reshape(-1, 4)
    grid = grid[(grid**2).sum(axis=1) < _REACH**2]
    whole, mode = _log_evidence(X, y, offset, grid, np.array([3.0, 0.0, 0.0, 0.0]))
    every = np.arange(len(y))
    rest = [
        _log_evidence(X[keep], y[keep], offset[keep], grid, mode)[0]
        for keep in (every != i for i in every)
    ]
    return float(np.sum(whole - np.array(rest)))


def _log_evidence(X: Array, y: Array, offset: Array, grid: Array, b: Array) -> tuple[float, Array]:
    """Return log Z of a Poisson regression, and the mode, looked for from b."""
    for _ in range(50):
        mu = np.exp(offset + X @ b)
        precision = (X.T * mu) @ X + np.diag(_SDS**-2.0)
        step = np.linalg.solve(precision, X.T @ (y - mu) - b / _SDS**2)
        b = b + step
        if step @ precision @ step < 1e-16:
            break
    factor = np.linalg.cholesky(np.linalg.inv(precision))
    points = b + grid @ factor.T
    of_rows = points @ (X.T @ y) + y @ offset - np.exp(points @ X.T + offset).sum(axis=1)
    of_prior = -0.5 * ((points / _SDS) ** 2).sum(axis=1) - np.log(_SDS).sum()
    constant = -gammaln(y + 1.0).sum() - 2.0 * np.log(2.0 * np.pi)
    volume = 4.0 * np.log(_STEP) + np.log(np.diagonal(factor)).sum()
    return float(logsumexp(of_rows + of_prior) + constant + volume), b
