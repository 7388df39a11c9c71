"""Posteriors of mixed models by numpyro: `python -m tests.references.mixed`.

numpyro is of the extra `bench`. Writes mixed.json beside this file: of each coefficient, in the
words of `bayesglm.summary`, the mean and sd of 100,000 draws by NUTS (of more coefficients than
rows, whose draws are all but independent, 20,000), and their Monte-Carlo errors;
and of each data set the sum of the responses times 1, 2, 3, ..., by which another stream of random
numbers is noticed. Of more coefficients than rows what the rows do not span has its prior: NUTS
moves the linear predictors, in whitened coordinates, and a coefficient given these is normal.
"""

import json
import sys
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from arviz_stats.base import array_stats
from numpyro.infer import MCMC, NUTS

from tests import mixed

type Array = np.ndarray
type Row = list[float]
COLUMNS = ["mean", "sd", "mcse_mean", "mcse_sd"]
WARMUP, DRAWS, CHAINS = 2_000, 25_000, 4
WIDE_WARMUP, WIDE_DRAWS = 1_000, 5_000
# Of levels and of coefficients so many are written, evenly spaced.
SHOWN = 8
PATH = Path(__file__).with_suffix(".json")


def sample(
    model: Callable[[], None],
    target_accept: float = 0.9,
    warmup: int = WARMUP,
    draws: int = DRAWS,
) -> dict[str, Array]:
    """Return draws of every site, (chain, draw, ...)."""
    kernel = NUTS(model, target_accept_prob=target_accept)
    mcmc = MCMC(
        kernel,
        num_warmup=warmup,
        num_samples=draws,
        num_chains=CHAINS,
        chain_method="sequential",
        progress_bar=False,
    )
    mcmc.run(jax.random.PRNGKey(mixed.SEED), extra_fields=("diverging", "num_steps"))
    extra = mcmc.get_extra_fields()
    print(f"  divergences {extra['diverging'].sum()}, steps {extra['num_steps'].mean():.0f}")
    return {name: np.asarray(one) for name, one in mcmc.get_samples(group_by_chain=True).items()}


def moments(draws: Array, beyond: float = 0.0) -> Row:
    """Return mean and sd of draws (chain, draw), with their errors.

    The draws may be means of what then varies by a variance ``beyond`` around them.
    """
    assert array_stats.rhat(draws) < 1.005, array_stats.rhat(draws)
    mean, squares = draws.mean(), (draws - draws.mean()) ** 2
    sd = np.sqrt(squares.mean() + beyond)
    of_mean = draws.std() / np.sqrt(array_stats.ess(draws, method="mean"))
    of_squares = squares.std() / np.sqrt(array_stats.ess(squares, method="mean"))
    return [float(one) for one in (mean, sd, of_mean, of_squares / (2.0 * sd))]


def shown(n: int) -> Array:
    """Return which of n levels or coefficients are written."""
    return np.linspace(0, n - 1, SHOWN).astype(int)


def effects(name: str, n: int, scale: Any) -> Any:
    """Sample the effects of n levels, as their scale times standard normal ones."""
    unit = numpyro.sample(f"{name}_unit", dist.Normal(0.0, 1.0).expand([n]).to_event(1))
    return numpyro.deterministic(name, scale * unit)


def regression(
    data: dict[str, Array], columns: list[str], groups: dict[str, int], respond: Any
) -> Callable[[], None]:
    """Return a regression on columns with Normal(0, 1) coefficients and intercepts of groups."""
    X = jnp.stack([jnp.asarray(data[name]) for name in columns], axis=1)

    def model() -> None:
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5))
        w = numpyro.sample("w", dist.Normal(0.0, 1.0).expand([len(columns)]).to_event(1))
        eta = eta + X @ w
        for name, n in groups.items():
            scale = numpyro.sample(f"sd of {name}", dist.HalfNormal(1.0))
            eta = eta + effects(name, n, scale)[data[name]]
        numpyro.sample("y", respond(eta), obs=jnp.asarray(data["y"]))

    return model


def told(
    draws: dict[str, Array], term: str, columns: list[str], groups: list[str]
) -> dict[str, Row]:
    """Return the moments of a regression's intercept, coefficients, scales and some levels."""
    rows = {"intercept": moments(draws["intercept"])}
    rows |= {f"{term}[{one}]": moments(draws["w"][..., k]) for k, one in enumerate(columns)}
    rows |= {f"sd of {name}": moments(draws[f"sd of {name}"]) for name in groups}
    for name in groups:
        some = shown(draws[name].shape[-1])
        rows |= {f"{name}[{k}]": moments(draws[name][..., k]) for k in some}
    return rows


def herds(data: dict[str, Array]) -> dict[str, Row]:
    columns = ["period1", "period2", "period3"]
    trials = jnp.asarray(data["trials"])
    binomial = partial(dist.Binomial, trials)
    model = regression(data, columns, {"herd": 15}, lambda eta: binomial(logits=eta))
    return told(sample(model, 0.95), "period", columns, ["herd"])


def ticks(data: dict[str, Array]) -> dict[str, Row]:
    columns, groups = ["year1", "year2", "height"], {"chick": 403, "brood": 118, "place": 63}
    model = regression(data, columns, groups, lambda eta: dist.Poisson(jnp.exp(eta)))
    return told(sample(model), "common", columns, list(groups))


def counts(data: dict[str, Array]) -> dict[str, Row]:
    columns = ["x1", "x2"]
    model = regression(data, columns, {"g": 50}, lambda eta: dist.Poisson(jnp.exp(eta)))
    return told(sample(model), "common", columns, ["g"])


def reactions(data: dict[str, Array]) -> dict[str, Row]:
    subject, days = data["subject"], jnp.asarray(data["days"])

    def model() -> None:
        intercept = numpyro.sample("intercept", dist.Normal(250.0, 100.0))
        slope = numpyro.sample("days", dist.Normal(0.0, 20.0))
        scales = numpyro.sample("scales", dist.HalfNormal(jnp.array([50.0, 20.0])).to_event(1))
        factor = numpyro.sample("factor", dist.LKJCholesky(2, 2.0))
        unit = numpyro.sample("unit", dist.Normal(0.0, 1.0).expand([18, 2]).to_event(2))
        each = numpyro.deterministic("effects", unit @ (scales[:, None] * factor).T)
        sigma = numpyro.sample("sigma", HalfStudentT(4.0, 50.0))
        mean = intercept + each[subject, 0] + (slope + each[subject, 1]) * days
        numpyro.sample("y", dist.Normal(mean, sigma), obs=jnp.asarray(data["y"]))

    draws = sample(model, 0.95)
    rows = {name: moments(draws[name]) for name in ("intercept", "days", "sigma")}
    words = ("sd of subject", "sd of days by subject")
    rows |= {word: moments(draws["scales"][..., k]) for k, word in enumerate(words)}
    word = "correlation of intercept and days by subject"
    rows[word] = moments(draws["factor"][..., 1, 0])
    for k, word in enumerate(("subject", "subject.days")):
        rows |= {f"{word}[{one}]": moments(draws["effects"][..., one, k]) for one in shown(18)}
    return rows


def HalfStudentT(df: float, scale: float) -> Any:
    return dist.FoldedDistribution(dist.StudentT(df, 0.0, scale))


def wide(lam: float, data: dict[str, Array]) -> dict[str, Row]:
    """Sample eta = b + X w, w ~ Normal(0, I/lam), as b + L z with z standard normal."""
    X, y = data["X"], jnp.asarray(data["y"])
    kernel = X @ X.T / lam
    factor = jnp.asarray(np.linalg.cholesky(kernel))

    def model() -> None:
        z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([len(y)]).to_event(1))
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5)) + factor @ z
        numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)

    draws = sample(model, 0.8, WIDE_WARMUP, WIDE_DRAWS)
    # E[w given z] = X' K^-1 L z / lam, and what varies beyond is the prior off the rows' span.
    some = shown(X.shape[1])
    onto = np.linalg.solve(np.asarray(factor).T, np.eye(len(y)))
    onto = X[:, some].T @ onto / lam
    beyond = 1.0 / lam - np.sum(onto**2, axis=1)
    w = draws["z"] @ onto.T
    rows = {"intercept": moments(draws["intercept"])}
    return rows | {f"X[{k}]": moments(w[..., i], beyond[i]) for i, k in enumerate(some)}


def checksum(y: Array) -> float:
    return float(np.sum(y * np.arange(1, len(y) + 1)))


CASES: dict[str, tuple[mixed.Mixed, Callable[[dict[str, Array]], dict[str, Row]]]] = {
    "herds": (mixed.herds(), herds),
    "counts": (mixed.counts(), counts),
    "reactions": (mixed.reactions(), reactions),
    "ticks": (mixed.ticks(), ticks),
    **{f"wide {lam:g}": (mixed.wide(lam), partial(wide, lam)) for lam in mixed.RIDGES},
}


def write(models: dict[str, dict[str, Any]]) -> None:
    """Write what there is, a coefficient a line."""
    packages = ("numpyro", "jax", "arviz-stats", "numpy")
    made_by = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [f'  "made by": "{made_by}"', f'  "columns": {json.dumps(COLUMNS)}']
    for name, one in models.items():
        inside = [f'    "checksum": {one["checksum"]!r}']
        inside += [
            f"    {json.dumps(word)}: {json.dumps(row)}"
            for word, row in one.items()
            if word != "checksum"
        ]
        lines.append(f'  "{name}": {{\n' + ",\n".join(inside) + "\n  }")
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    before = json.loads(PATH.read_text()) if PATH.exists() else {}
    models = {name: before[name] for name in CASES if name in before}
    for name in sys.argv[1:] or CASES:
        print(name, flush=True)
        data = CASES[name][0].data
        models[name] = {"checksum": checksum(data["y"]), **CASES[name][1](data)}
        for word, row in models[name].items():
            print(f"  {word}: {row}", flush=True)
        write(models)
