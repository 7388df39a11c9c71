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

Array = np.ndarray
type Parameters = dict[str, Any]  # arrays, or floats for the truth's scalars

COLUMNS = ("x1", "x2", "x3")
N_ROWS = 60
N_LEVELS, ROWS_PER_LEVEL = 8, 10
MOST_TRIALS = 8
SIGMA_DF = 4.0
ETA = 2.0  # of the correlation of effects


class World(NamedTuple):
    """How coefficients are drawn, and the model that says so.

    A `draw` also gives a sigma, which a family without one does not take. Of a `predicted` world
    the family's first dispersion has a linear predictor, of x1 under ``predicted`` as a prior.
    """

    draw: Callable[[np.random.Generator], Parameters]
    terms: tuple[bg.Linear | bg.Group, ...]
    sigma: bg.HalfStudentT | bg.HalfNormal
    intercept: bg.Normal = bg.Normal(1.0, loc=0.5)
    predicted: bg.Normal | None = None

    @property
    def has_groups(self) -> bool:
        """Whether there are effects of levels, whose scale is learned."""
        return any(isinstance(term, bg.Group) for term in self.terms)


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
        data = _predictors(rng, self.prior)
        n_rows = len(data["x1"])
        if "trials" in likelihood.options:
            data["trials"] = rng.integers(1, MOST_TRIALS + 1, n_rows)
        eta, phi = linear_predictor(data, truth), dispersions(self.family, data, truth)
        return Simulated({**data, "y": likelihood.respond(rng, eta, data, phi)}, truth)

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
) -> Parameters:
    scale = scale_of(rng)
    return {
        "intercept": 0.5 + rng.normal(),
        "w": 0.5 * rng.normal(size=1),
        "g_scale": scale,
        "g": scale * rng.normal(size=N_LEVELS),
        "sigma": abs(rng.normal()),
    }


def _correlated(rng: np.random.Generator) -> Parameters:
    # Of two effects LKJ(eta) is Beta(eta, eta), stretched to (-1, 1).
    scales, rho = np.abs(rng.normal(size=2)), 2.0 * rng.beta(ETA, ETA) - 1.0
    z = rng.normal(size=(2, N_LEVELS))
    return {
        "intercept": 0.5 + rng.normal(),
        "w": 0.5 * rng.normal(size=1),
        "g_scale": scales,
        "g_correlation": np.array([[1.0, rho], [rho, 1.0]]),
        "g": scales[:, None] * np.stack([z[0], rho * z[0] + np.sqrt(1.0 - rho**2) * z[1]]),
        "sigma": abs(rng.normal()),
    }


def _few(rng: np.random.Generator, scale: float) -> Parameters:
    intercept, *w = scale * rng.normal(size=4)
    return {"intercept": intercept, "w": np.array(w), "sigma": abs(rng.normal())}


def _groups(above: Any) -> tuple[bg.Linear | bg.Group, ...]:
    return (_linear(COLUMNS[:1], bg.Normal(0.5)), bg.Group("g", prior=bg.Normal(above)))


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
    ),
    "precision": World(
        partial(_group, scale_of=lambda rng: rng.gamma(2.0, 1.0 / 0.5) ** -0.5),
        _groups(bg.Precision(bg.Gamma(2.0, 0.5))),
        bg.HalfNormal(1.0),
    ),
    "uniform": World(
        partial(_group, scale_of=lambda rng: rng.uniform(0.0, 1.5)),
        _groups(bg.Uniform(0.0, 1.5)),
        bg.HalfNormal(1.0),
    ),
    "correlated": World(
        _correlated,
        (
            _linear(COLUMNS[:1], bg.Normal(0.5)),
            bg.Group("g", slopes="x1", correlated=bg.LKJ(ETA), prior=bg.Normal(bg.HalfNormal(1.0))),
        ),
        bg.HalfNormal(1.0),
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
        *DRAWN_APART,
        *DRAWN_BY_NUTS,
    )
}


def linear_predictor(data: dict[str, Array], parameters: Parameters) -> Array:
    """Return eta, ``(..., rows)``, for parameters with any leading dims."""
    w = parameters["w"]
    X = np.stack([data[name] for name in COLUMNS[: w.shape[-1]]])
    eta = np.asarray(parameters.get("intercept", 0.0))[..., None] + w @ X
    if "g" not in parameters:
        return eta
    g, level = parameters["g"], data["g"]
    if "g_correlation" not in parameters:
        return eta + g[..., level]
    return eta + g[..., 0, level] + g[..., 1, level] * data["x1"]


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
        elif name == "g":
            found["g[0]"] = value[..., 0]
        elif name == "cutpoint":
            found |= {f"cutpoint[{k}]": value[..., k] for k in range(value.shape[-1])}
        else:
            found[name] = value
    eta, phi = linear_predictor(data, parameters), dispersions(cell.family, data, parameters)
    each = cell.likelihood.log_density(data["y"], eta, data, phi)
    return found | {"log_likelihood": each.sum(axis=-1)}


def _predictors(rng: np.random.Generator, prior: str) -> dict[str, Array]:
    """Draw predictors: correlated, and one with a mean, which a centred intercept would feel."""
    if WORLDS[prior].has_groups:
        level = np.repeat(np.arange(N_LEVELS), ROWS_PER_LEVEL)
        return {"x1": rng.normal(size=len(level)), "g": level}
    z = rng.normal(size=(3, N_ROWS))
    return {"x1": z[0], "x2": 0.6 * z[0] + 0.8 * z[1], "x3": 1.0 + 0.7 * z[2]}
