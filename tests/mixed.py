"""Mixed models of well-known shapes on data simulated by seed, and as the package says them.

tests/references/mixed.py samples the same posteriors by another library.
"""

from typing import NamedTuple

import numpy as np

import bayesglm as bg

type Array = np.ndarray
SEED = 20_260_916
# The precisions of the ridge under which more coefficients than rows are looked at.
RIDGES = (0.1, 1.0, 10.0, 100.0)
N_WIDE, P_WIDE = 276, 691


class Mixed(NamedTuple):
    """A model, and the data that it is fitted to."""

    model: bg.GLM
    data: dict[str, Array]


def herds() -> Mixed:
    """Return cases among the cattle of 15 herds in four periods, on 56 rows."""
    rng = np.random.default_rng([SEED, 1])
    herd, period = (np.delete(one.ravel(), [3, 18, 29, 55]) for one in np.indices((15, 4)))
    of_period = np.array([0.0, -1.0, -1.1, -1.6])
    trials = rng.integers(2, 35, len(herd))
    eta = -1.4 + of_period[period] + 0.65 * rng.normal(size=15)[herd]
    data = {f"period{k}": (period == k).astype(float) for k in (1, 2, 3)}
    data |= {"herd": herd, "trials": trials, "y": rng.binomial(trials, 1.0 / (1.0 + np.exp(-eta)))}
    model = bg.GLM(
        "y",
        [
            bg.Linear(["period1", "period2", "period3"], name="period", prior=bg.Normal(1.0)),
            bg.Group("herd", prior=bg.Normal(bg.HalfNormal(1.0))),
        ],
        family="binomial",
        trials="trials",
        intercept=bg.Normal(2.5),
    )
    return Mixed(model, data)


def ticks() -> Mixed:
    """Return counts on 403 chicks of 118 broods in 63 places, with an effect of each chick."""
    rng = np.random.default_rng([SEED, 2])
    place_of = np.concatenate([np.arange(63), rng.integers(63, size=55)])
    brood = np.concatenate([np.arange(118), rng.integers(118, size=285)])
    place, chick = place_of[brood], np.arange(403)
    year, height = rng.integers(3, size=118)[brood], rng.normal(size=63)[place]
    effects = (
        0.55 * rng.normal(size=403)[chick]
        + 0.75 * rng.normal(size=118)[brood]
        + 0.5 * rng.normal(size=63)[place]
    )
    eta = 0.4 + np.array([0.0, 1.1, -0.9])[year] - 0.8 * height + effects
    data = {f"year{k}": (year == k).astype(float) for k in (1, 2)}
    data |= {"height": height, "chick": chick, "brood": brood, "place": place}
    data["y"] = rng.poisson(np.exp(eta))
    groups = [bg.Group(name, prior=bg.Normal(bg.HalfNormal(1.0))) for name in OF_TICKS]
    columns = ["year1", "year2", "height"]
    model = bg.GLM(
        "y",
        [bg.Linear(columns, name="common", prior=bg.Normal(1.0)), *groups],
        family="poisson",
        intercept=bg.Normal(2.5),
    )
    return Mixed(model, data)


OF_TICKS = ("chick", "brood", "place")


def reactions() -> Mixed:
    """Return times of reaction of 18 subjects on 10 days, each subject with its own slope."""
    rng = np.random.default_rng([SEED, 3])
    subject, day = (one.ravel() for one in np.indices((18, 10)))
    intercepts, slopes = rng.multivariate_normal([0.0, 0.0], [[625.0, 45.0], [45.0, 36.0]], 18).T
    mean = 250.0 + intercepts[subject] + (10.5 + slopes[subject]) * day
    data = {"subject": subject, "days": day.astype(float), "y": mean + 25.0 * rng.normal(size=180)}
    model = bg.GLM(
        "y",
        [
            bg.Linear("days", prior=bg.Normal(20.0)),
            bg.Group(
                "subject",
                slopes="days",
                correlated=bg.LKJ(2.0),
                prior=bg.Normal(bg.HalfNormal([50.0, 20.0])),
            ),
        ],
        intercept=bg.Normal(100.0, loc=250.0),
        dispersion=bg.HalfStudentT(50.0, df=4),
    )
    return Mixed(model, data)


def counts() -> Mixed:
    """Return counts in 50 groups of 10 rows, with two common predictors."""
    rng = np.random.default_rng([SEED, 4])
    group = np.repeat(np.arange(50), 10)
    X = rng.normal(size=(500, 2))
    eta = 0.5 + X @ [0.3, -0.2] + 0.5 * rng.normal(size=50)[group]
    data = {"x1": X[:, 0], "x2": X[:, 1], "g": group, "y": rng.poisson(np.exp(eta))}
    model = bg.GLM(
        "y",
        [
            bg.Linear(["x1", "x2"], name="common", prior=bg.Normal(1.0)),
            bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))),
        ],
        family="poisson",
        intercept=bg.Normal(2.5),
    )
    return Mixed(model, data)


def wide(lam: float) -> Mixed:
    """Return labels of 276 rows and 691 columns under a ridge of this precision."""
    rng = np.random.default_rng([SEED, 5])
    X = rng.normal(size=(N_WIDE, P_WIDE))
    eta = X @ (3.0 / np.sqrt(P_WIDE) * rng.normal(size=P_WIDE))
    y = (rng.random(N_WIDE) < 1.0 / (1.0 + np.exp(-eta))).astype(float)
    model = bg.GLM(
        "y",
        [bg.Linear("X", prior=bg.ridge(lam))],
        family="bernoulli",
        intercept=bg.Normal(2.5),
    )
    return Mixed(model, {"X": X, "y": y})
