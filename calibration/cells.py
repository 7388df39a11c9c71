"""What is simulated: a record for every family, prior and method.

Parameters, predictors and responses are drawn here by hand, and log-likelihoods written down
again, so that nothing of the package under test is used to test it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import bayesglm as bg

Array = np.ndarray
type Parameters = dict[str, Any]  # arrays, or floats for the truth's scalars

COLUMNS = ("x1", "x2", "x3")
N_ROWS = 60
N_LEVELS, ROWS_PER_LEVEL = 8, 10
MOST_TRIALS = 8
INTERCEPT = bg.Normal(1.0, loc=0.5)
SIGMA_DF = 4.0


class World(NamedTuple):
    """How parameters are drawn, and the model that says so."""

    draw: Callable[[np.random.Generator], Parameters]
    terms: tuple[bg.Linear | bg.Group, ...]
    dispersion: bg.HalfStudentT | bg.HalfNormal


class Simulated(NamedTuple):
    """One simulation: the data, and the parameters that made them."""

    data: dict[str, Array]
    truth: Parameters


@dataclass(frozen=True)
class Cell:
    """One row of the table: a family, the prior of its coefficients, a method of inference."""

    family: str
    prior: str
    method: str

    @property
    def name(self) -> str:
        """The cell's name on the command line and in the table."""
        return f"{self.family}-{self.prior}-{self.method}"

    def model(self) -> bg.GLM:
        """Return the model whose posterior is checked, proper in every parameter."""
        world = WORLDS[self.prior]
        return bg.GLM(
            "y",
            world.terms,
            family=self.family,
            intercept=INTERCEPT,
            dispersion=world.dispersion if self.family == "gaussian" else None,
            trials="trials" if self.family == "binomial" else None,
        )

    def simulate(self, rng: np.random.Generator) -> Simulated:
        """Draw parameters from the prior, predictors, and responses given both."""
        truth = WORLDS[self.prior].draw(rng)
        if self.family != "gaussian":
            del truth["sigma"]
        data = _predictors(rng, self.prior)
        eta = linear_predictor(data, truth)
        if self.family == "binomial":
            data["trials"] = rng.integers(1, MOST_TRIALS + 1, len(eta))
        return Simulated({**data, "y": _respond(rng, self.family, eta, data, truth)}, truth)

    def fit(self, data: dict[str, Array], draws: int, chains: int, seed: int) -> Any:
        """Sample the posterior by the cell's method."""
        return METHODS[self.method](self.model(), data, draws=draws, chains=chains, seed=seed)


def _normal(rng: np.random.Generator) -> Parameters:
    w = np.array([0.0, 0.5, -0.5]) + np.array([0.3, 0.6, 0.9]) * rng.normal(size=3)
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _laplace(rng: np.random.Generator) -> Parameters:
    # The difference of two exponentials of mean b is Laplace with scale b.
    w = np.array([0.2, 0.4, 0.6]) * (rng.exponential(size=3) - rng.exponential(size=3))
    return {"intercept": 0.5 + rng.normal(), "w": w, "sigma": abs(rng.standard_t(SIGMA_DF))}


def _group(rng: np.random.Generator) -> Parameters:
    scale = abs(rng.normal())
    return {
        "intercept": 0.5 + rng.normal(),
        "w": 0.5 * rng.normal(size=1),
        "g_scale": scale,
        "g": scale * rng.normal(size=N_LEVELS),
        "sigma": abs(rng.normal()),
    }


def _linear(columns: tuple[str, ...], prior: bg.Normal | bg.Laplace) -> bg.Linear:
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
    "group": World(
        _group,
        (
            _linear(COLUMNS[:1], bg.Normal(0.5)),
            bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))),
        ),
        bg.HalfNormal(1.0),
    ),
}
FAMILIES = ("gaussian", "bernoulli", "binomial", "poisson")
METHODS: dict[str, Callable[..., Any]] = {
    "fit": bg.fit,
    "nuts": partial(bg.fit_mcmc, engine="native"),
}
CELLS = {
    cell.name: cell
    for cell in (
        Cell(family, prior, method) for method in METHODS for prior in WORLDS for family in FAMILIES
    )
}


def linear_predictor(data: dict[str, Array], parameters: Parameters) -> Array:
    """Return eta, ``(..., rows)``, for parameters with any leading dims."""
    w = parameters["w"]
    X = np.stack([data[name] for name in COLUMNS[: w.shape[-1]]])
    eta = np.asarray(parameters["intercept"])[..., None] + w @ X
    return eta + parameters["g"][..., data["g"]] if "g" in parameters else eta


def quantities(cell: Cell, data: dict[str, Array], parameters: Parameters) -> dict[str, Array]:
    """Return every scalar whose rank is taken, each with the parameters' leading dims.

    All parameters, of the levels the first only; and the log-likelihood, which looks at all of
    them and the data at once (Modrák et al. 2025), up to a constant in the data.
    """
    found = {"intercept": np.asarray(parameters["intercept"])}
    w = parameters["w"]
    found |= {name: w[..., k] for k, name in enumerate(COLUMNS[: w.shape[-1]])}
    for name in ("sigma", "g_scale"):
        if name in parameters:
            found[name] = np.asarray(parameters[name])
    if "g" in parameters:
        found["g[0]"] = parameters["g"][..., 0]
    return found | {"log_likelihood": _log_likelihood(cell.family, data, parameters)}


def _log_likelihood(family: str, data: dict[str, Array], parameters: Parameters) -> Array:
    y, eta = data["y"], linear_predictor(data, parameters)
    if family == "gaussian":
        sigma = np.asarray(parameters["sigma"])[..., None]
        each = -0.5 * ((y - eta) / sigma) ** 2 - np.log(sigma)
    elif family == "poisson":
        each = y * eta - np.exp(eta)
    else:
        each = y * eta - data.get("trials", 1) * np.logaddexp(0.0, eta)
    return each.sum(axis=-1)


def _predictors(rng: np.random.Generator, prior: str) -> dict[str, Array]:
    """Draw predictors: correlated, and one with a mean, which a centred intercept would feel."""
    if prior == "group":
        level = np.repeat(np.arange(N_LEVELS), ROWS_PER_LEVEL)
        return {"x1": rng.normal(size=len(level)), "g": level}
    z = rng.normal(size=(3, N_ROWS))
    return {"x1": z[0], "x2": 0.6 * z[0] + 0.8 * z[1], "x3": 1.0 + 0.7 * z[2]}


def _respond(
    rng: np.random.Generator,
    family: str,
    eta: Array,
    data: dict[str, Array],
    truth: Parameters,
) -> Array:
    if family == "gaussian":
        return eta + truth["sigma"] * rng.normal(size=len(eta))
    if family == "poisson":
        return rng.poisson(np.exp(eta))
    return rng.binomial(data.get("trials", 1), 1.0 / (1.0 + np.exp(-eta)))
