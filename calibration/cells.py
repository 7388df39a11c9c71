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
from calibration.likelihoods import LIKELIHOODS, Likelihood
from calibration.worlds import COLUMNS, GROUPINGS, WORLDS, Array, Parameters

MOST_TRIALS = 8


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

    @property
    def has_sigma(self) -> bool:
        """Whether its dispersion is the world's sigma."""
        return self.family == "gaussian"

    @property
    def likelihood(self) -> Likelihood:
        """How its responses are drawn, and how likely they are."""
        return LIKELIHOODS[self.family]

    def model(self) -> bg.GLM:
        """Return the model whose posterior is checked, proper in every parameter."""
        world = WORLDS[self.prior]
        stated = {name: one.prior for name, one in self.likelihood.dispersions.items()}
        if self.has_sigma:
            stated["sigma"] = world.sigma
        if world.predicted is not None:
            first = next(iter(stated))
            # Its intercept has the family's default prior, the one that stands here.
            stated[first] = [bg.Linear("x1", prior=world.predicted)]
        options = {"intercept": world.intercept, **self.likelihood.options}
        return bg.GLM("y", world.terms, family=self.family, dispersion=stated or None, **options)

    def simulate(self, rng: np.random.Generator) -> Simulated:
        """Draw parameters from the prior, predictors, and responses given both."""
        likelihood, world = self.likelihood, WORLDS[self.prior]
        each = [world.draw(rng) for _ in range(likelihood.n_predictors)]
        truth = (
            each[0] if len(each) == 1 else {k: np.stack([one[k] for one in each]) for k in each[0]}
        )
        sigma = truth.pop("sigma")
        if likelihood.options.get("intercept", world.intercept) is None:
            del truth["intercept"]
        if self.has_sigma:
            truth["sigma"] = sigma
        truth |= {name: one.draw(rng) for name, one in likelihood.dispersions.items()}
        if world.predicted is not None:
            first = next(iter(likelihood.dispersions))
            truth[f"{first}_intercept"] = np.log(truth.pop(first))
            truth[f"{first}_x1"] = world.predicted.scale * rng.normal()
        data = world.predictors(rng)
        n_rows = len(next(iter(data.values())))
        if "trials" in likelihood.options:
            data["trials"] = rng.integers(1, MOST_TRIALS + 1, n_rows)
        eta, phi = linear_predictor(data, truth), dispersions(self.family, data, truth)
        return Simulated({**data, "y": likelihood.respond(rng, eta, data, phi)}, truth)

    def fit(self, data: dict[str, Array], draws: int, chains: int, seed: int) -> Any:
        """Sample the posterior by the cell's method."""
        return METHODS[self.method](self.model(), data, draws=draws, chains=chains, seed=seed)


METHODS: dict[str, Callable[..., Any]] = {
    "fit": bg.fit,
    "nuts": partial(bg.fit_mcmc, engine="native"),
}
# Families that are simulated under every prior; of the others one says most.
THOROUGH = ("gaussian", "bernoulli", "binomial", "poisson")
# Responses next to the ends of their range are no floats of their own, where effects are large.
MILD = ("beta",)
BESIDE = (
    ("gaussian", "precision"),
    ("poisson", "uniform"),
    ("negative_binomial", "group"),
    ("gamma", "group"),
    ("gaussian", "correlated"),
    ("negative_binomial", "predicted"),
    ("weibull", "predicted"),
    ("poisson", "few_groups"),
    ("poisson", "many_slopes"),
    ("gaussian", "crossed"),
    ("poisson", "crossed"),
    ("poisson", "each_row"),
    ("bernoulli", "wide"),
)
PAIRS = (
    *((family, prior) for prior in ("normal", "laplace", "group") for family in THOROUGH),
    *(
        (family, "mild" if family in MILD else "normal")
        for family in LIKELIHOODS
        if family not in THOROUGH
    ),
    *BESIDE,
)
# NUTS takes long over so many levels.
LARGE = (Cell("poisson", "many_groups", "fit"), Cell("binomial", "many_groups", "fit"))
# NUTS seldom moves between spike and slab, and says so.
DRAWN_APART = tuple(Cell(family, "spike_slab", "fit") for family in THOROUGH)
# What fit draws by NUTS itself.
DRAWN_BY_NUTS = (
    Cell("gaussian", "horseshoe", "fit"),
    Cell("bernoulli", "horseshoe", "fit"),
    Cell("gaussian", "variance", "fit"),
)
CELLS = {
    cell.name: cell
    for cell in (
        *(Cell(*pair, method) for method in METHODS for pair in PAIRS),
        *LARGE,
        *DRAWN_APART,
        *DRAWN_BY_NUTS,
    )
}


def linear_predictor(data: dict[str, Array], parameters: Parameters) -> Array:
    """Return eta, ``(..., rows)``, for parameters with any leading dims."""
    w = parameters["w"]
    X = data["X"].T if "X" in data else np.stack([data[name] for name in COLUMNS[: w.shape[-1]]])
    eta = np.asarray(parameters.get("intercept", 0.0))[..., None] + w @ X
    if "g_correlation" in parameters:
        g, level = parameters["g"], data["g"]
        return eta + g[..., 0, level] + g[..., 1, level] * data["x1"]
    return eta + sum(parameters[name][..., data[name]] for name in GROUPINGS if name in parameters)


def dispersions(family: str, data: dict[str, Array], parameters: Parameters) -> Parameters:
    """Return every dispersion of a family, each with an axis for the rows behind."""
    names = ("sigma",) if family == "gaussian" else tuple(LIKELIHOODS[family].dispersions)
    return {name: _along_rows(name, data, parameters) for name in names}


def _along_rows(name: str, data: dict[str, Array], parameters: Parameters) -> Array:
    if name in parameters:
        return np.asarray(parameters[name])[..., None]
    first, slope = (
        np.asarray(parameters[f"{name}_{part}"])[..., None] for part in ("intercept", "x1")
    )
    return np.exp(first + slope * data["x1"])


def quantities(cell: Cell, data: dict[str, Array], parameters: Parameters) -> dict[str, Array]:
    """Return every scalar whose rank is taken, each with the parameters' leading dims.

    All parameters, of the levels the first only, of a group and of a response; and the
    log-likelihood, which looks at all of them and the data at once (Modrák et al. 2025), up to a
    constant in the data.
    """
    several = cell.likelihood.n_predictors > 1
    found = {}
    for name, value in parameters.items():
        value = np.asarray(value)
        if several:  # of the first linear predictor
            value = value[..., 0, :] if name == "w" else value[..., 0]
        if name == "w":
            found |= {one: value[..., k] for k, one in enumerate(COLUMNS[: value.shape[-1]])}
        elif name == "g_correlation":
            found["correlation"] = value[..., 0, 1]
        elif name in ("g", "g_scale") and "g_correlation" in parameters:
            of_effects = value[..., 0] if name == "g" else value
            found |= {f"{name}[{one}]": of_effects[..., k] for k, one in enumerate(("1", "x1"))}
        elif name in GROUPINGS:
            found[f"{name}[0]"] = value[..., 0]
        elif name == "cutpoint":
            found |= {f"cutpoint[{k}]": value[..., k] for k in range(value.shape[-1])}
        else:
            found[name] = value
    eta, phi = linear_predictor(data, parameters), dispersions(cell.family, data, parameters)
    each = cell.likelihood.log_density(data["y"], eta, data, phi)
    return found | {"log_likelihood": each.sum(axis=-1)}
