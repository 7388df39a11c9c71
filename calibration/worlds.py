"""Worlds: how coefficients and predictors are drawn by hand, and the model that says so."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import bayesglm as bg

Array = np.ndarray
type Parameters = dict[str, Any]  # arrays, or floats for the truth's scalars

COLUMNS = ("x1", "x2", "x3")
N_ROWS = 60
N_LEVELS, ROWS_PER_LEVEL = 8, 10
FEW, MANY, ROWS_OF_MANY = 20, 500, 5  # levels, and rows of each
N_WIDE, P_WIDE = 40, 100  # fewer rows than columns
GROUPINGS = ("g", "h")
SIGMA_DF = 4.0
ETA = 2.0  # of the correlation of effects


def _three(rng: np.random.Generator) -> dict[str, Array]:
    """Draw predictors: correlated, and one with a mean, which a centred intercept would feel."""
    z = rng.normal(size=(3, N_ROWS))
    return {"x1": z[0], "x2": 0.6 * z[0] + 0.8 * z[1], "x3": 1.0 + 0.7 * z[2]}


def _in_levels(
    rng: np.random.Generator, levels: int = N_LEVELS, rows: int = ROWS_PER_LEVEL
) -> dict[str, Array]:
    """Draw a predictor, and levels of so many rows each."""
    level = np.repeat(np.arange(levels), rows)
    return {"x1": rng.normal(size=len(level)), "g": level}


def _crossing(rng: np.random.Generator) -> dict[str, Array]:
    """Draw a predictor, and levels of two groupings in which each meets any other."""
    data = _in_levels(rng, FEW, N_LEVELS)
    return {**data, "h": rng.permutation(np.tile(np.arange(N_LEVELS), FEW))}


def _columns(rng: np.random.Generator) -> dict[str, Array]:
    """Draw more columns than rows, of which the sums have a standard deviation of 3."""
    return {"X": 3.0 / np.sqrt(P_WIDE) * rng.normal(size=(N_WIDE, P_WIDE))}


class World(NamedTuple):
    """How coefficients and predictors are drawn, and the model that says so.

    A `draw` also gives a sigma, which a family without one does not take. Of a `predicted` world
    the family's first dispersion has a linear predictor, of x1 under ``predicted`` as a prior.
    """

    draw: Callable[[np.random.Generator], Parameters]
    terms: tuple[bg.Linear | bg.Group, ...]
    sigma: bg.HalfStudentT | bg.HalfNormal
    intercept: bg.Normal = bg.Normal(1.0, loc=0.5)
    predicted: bg.Normal | None = None
    predictors: Callable[[np.random.Generator], dict[str, Array]] = _three

    @property
    def has_groups(self) -> bool:
        """Whether there are effects of levels, whose scale is learned."""
        return any(isinstance(term, bg.Group) for term in self.terms)


def _normal(rng: np.random.Generator) -> Parameters:
    w = np.array([0.0, 0.5, -0.5]) + np.array([0.3, 0.6, 0.9]) * rng.normal(size=3)
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _laplace(rng: np.random.Generator) -> Parameters:
    # The difference of two exponentials of mean b is Laplace with scale b.
    w = np.array([0.2, 0.4, 0.6]) * (rng.exponential(size=3) - rng.exponential(size=3))
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _spike_slab(rng: np.random.Generator) -> Parameters:
    wide = rng.random(3) < np.array([0.5, 0.3, 0.7])
    w = np.where(wide, 0.8, 0.05) * rng.normal(size=3)
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _horseshoe(rng: np.random.Generator) -> Parameters:
    # A half-Cauchy is the size of a Student t of one degree of freedom, 1/InverseGamma a gamma.
    wide = np.square(0.3 * rng.standard_t(1) * rng.standard_t(1, size=3))
    slab = 8.0 / rng.gamma(4.0)
    w = np.sqrt(slab / (slab / wide + 1.0)) * rng.normal(size=3)
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _variance(rng: np.random.Generator) -> Parameters:
    sigma, r2 = abs(rng.standard_t(SIGMA_DF)), rng.beta(2.0, 3.0)
    scale = sigma * np.sqrt(r2 / (1.0 - r2) * rng.dirichlet(np.full(3, 0.8)))
    w = scale / np.array([1.0, 1.0, 0.7]) * rng.normal(size=3)
    return {"intercept": 0.5 + rng.normal(), "w": w, "w_r2": r2, "sigma": sigma}


def _group(
    rng: np.random.Generator,
    scale_of: Callable[[np.random.Generator], float] = lambda rng: abs(rng.normal()),
    levels: tuple[int, ...] = (N_LEVELS,),
) -> Parameters:
    scales = [scale_of(rng) for _ in levels]
    drawn: Parameters = {"intercept": 0.5 + rng.normal(), "w": 0.5 * rng.normal(size=1)}
    for name, scale, n in zip(GROUPINGS, scales, levels, strict=False):
        drawn |= {f"{name}_scale": scale, name: scale * rng.normal(size=n)}
    return {**drawn, "sigma": abs(rng.normal())}


def _correlated(rng: np.random.Generator, levels: int = N_LEVELS) -> Parameters:
    # Of two effects LKJ(eta) is Beta(eta, eta), stretched to (-1, 1).
    scales, rho = np.abs(rng.normal(size=2)), 2.0 * rng.beta(ETA, ETA) - 1.0
    z = rng.normal(size=(2, levels))
    return {
        "intercept": 0.5 + rng.normal(),
        "w": 0.5 * rng.normal(size=1),
        "g_scale": scales,
        "g_correlation": np.array([[1.0, rho], [rho, 1.0]]),
        "g": scales[:, None] * np.stack([z[0], rho * z[0] + np.sqrt(1.0 - rho**2) * z[1]]),
        "sigma": abs(rng.normal()),
    }


def _wide(rng: np.random.Generator) -> Parameters:
    return {
        "intercept": 0.5 + rng.normal(),
        "w": rng.normal(size=P_WIDE),
        "sigma": abs(rng.normal()),
    }


def _few(rng: np.random.Generator, scale: float) -> Parameters:
    intercept, *w = scale * rng.normal(size=4)
    return {"intercept": intercept, "w": np.array(w), "sigma": abs(rng.normal())}


def _groups(above: Any, names: tuple[str, ...] = ("g",)) -> tuple[bg.Linear | bg.Group, ...]:
    groups = (bg.Group(name, prior=bg.Normal(above)) for name in names)
    return (_linear(COLUMNS[:1], bg.Normal(0.5)), *groups)


def _correlating() -> tuple[bg.Linear | bg.Group, ...]:
    prior = bg.Normal(bg.HalfNormal(1.0))
    group = bg.Group("g", slopes="x1", correlated=bg.LKJ(ETA), prior=prior)
    return (_linear(COLUMNS[:1], bg.Normal(0.5)), group)


def _linear(columns: tuple[str, ...], prior: Any) -> bg.Linear:
    return bg.Linear(columns, name="w", prior=prior)


WORLDS = {
    "normal": World(
        _normal,
        (_linear(COLUMNS, bg.Normal((0.3, 0.6, 0.9), loc=(0.0, 0.5, -0.5))),),
        bg.HalfStudentT(1.0, df=SIGMA_DF),
    ),
    "laplace": World(
        _laplace,
        (_linear(COLUMNS, bg.Laplace((0.2, 0.4, 0.6))),),
        bg.HalfStudentT(1.0, df=SIGMA_DF),
    ),
    "spike_slab": World(
        _spike_slab,
        (_linear(COLUMNS, bg.SpikeSlab(0.8, spike=0.05, probability=(0.5, 0.3, 0.7))),),
        bg.HalfStudentT(1.0, df=SIGMA_DF),
    ),
    "horseshoe": World(
        _horseshoe,
        (_linear(COLUMNS, bg.Horseshoe(0.3, slab_scale=2.0**0.5, slab_df=8.0)),),
        bg.HalfStudentT(1.0, df=SIGMA_DF),
    ),
    "variance": World(
        _variance,
        (_linear(COLUMNS, bg.R2D2(0.4, 0.8, precision=5.0, predictor_sd=(1.0, 1.0, 0.7))),),
        bg.HalfStudentT(1.0, df=SIGMA_DF),
    ),
    "group": World(
        _group,
        _groups(bg.HalfNormal(1.0)),
        bg.HalfNormal(1.0),
        predictors=_in_levels,
    ),
    "precision": World(
        partial(_group, scale_of=lambda rng: rng.gamma(2.0, 1.0 / 0.5) ** -0.5),
        _groups(bg.Precision(bg.Gamma(2.0, 0.5))),
        bg.HalfNormal(1.0),
        predictors=_in_levels,
    ),
    "uniform": World(
        partial(_group, scale_of=lambda rng: rng.uniform(0.0, 1.5)),
        _groups(bg.Uniform(0.0, 1.5)),
        bg.HalfNormal(1.0),
        predictors=_in_levels,
    ),
    "correlated": World(_correlated, _correlating(), bg.HalfNormal(1.0), predictors=_in_levels),
    "few_groups": World(
        partial(_group, levels=(FEW,)),
        _groups(bg.HalfNormal(1.0)),
        bg.HalfNormal(1.0),
        predictors=partial(_in_levels, levels=FEW, rows=ROWS_OF_MANY),
    ),
    "many_groups": World(
        partial(_group, levels=(MANY,)),
        _groups(bg.HalfNormal(1.0)),
        bg.HalfNormal(1.0),
        predictors=partial(_in_levels, levels=MANY, rows=ROWS_OF_MANY),
    ),
    "many_slopes": World(
        partial(_correlated, levels=FEW),
        _correlating(),
        bg.HalfNormal(1.0),
        predictors=partial(_in_levels, levels=FEW, rows=ROWS_PER_LEVEL),
    ),
    "crossed": World(
        partial(_group, levels=(FEW, N_LEVELS)),
        _groups(bg.HalfNormal(1.0), GROUPINGS),
        bg.HalfNormal(1.0),
        predictors=_crossing,
    ),
    "each_row": World(
        partial(_group, levels=(N_ROWS,)),
        _groups(bg.HalfNormal(1.0)),
        bg.HalfNormal(1.0),
        predictors=partial(_in_levels, levels=N_ROWS, rows=1),
    ),
    "wide": World(
        _wide,
        (bg.Linear("X", name="w", prior=bg.Normal(1.0)),),
        bg.HalfNormal(1.0),
        predictors=_columns,
    ),
    "predicted": World(
        partial(_few, scale=0.5),
        (_linear(COLUMNS, bg.Normal(0.5)),),
        bg.HalfNormal(1.0),
        bg.Normal(0.5),
        predicted=bg.Normal(0.5),
    ),
    "mild": World(
        partial(_few, scale=0.3),
        (_linear(COLUMNS, bg.Normal(0.3)),),
        bg.HalfNormal(1.0),
        bg.Normal(0.3),
    ),
}
