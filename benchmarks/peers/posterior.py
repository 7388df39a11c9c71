"""Draws from one posterior: Normal(0, 2.5) on the intercept, Normal(0, 1) on the coefficients.

Groups add an intercept for each, Normal(0, scale), and HalfNormal(1) on the scale. Every sampler
returns four chains of a thousand draws after the warm-up that it chooses itself, or that its
documentation shows; building and compiling the model is inside the clock.
"""

import logging
from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np

from benchmarks.solver import Setting, Solver
from benchmarks.work import Array, Drawn, Work

CHAINS, DRAWS = 4, 1000
_BOTH = ("bernoulli", "poisson")


def scalars(intercept: Any, coef: Any, *others: Any) -> Array:
    """Put scalars ``(chain, draw)`` and arrays ``(chain, draw, k)`` side by side."""
    parts = [np.asarray(part, dtype=float) for part in (intercept, coef, *others)]
    return np.concatenate([part.reshape(*part.shape[:2], -1) for part in parts], axis=-1)


def importing(*names: str) -> Callable[[Work], Work]:
    """Return a preparation that imports what is otherwise imported at first use."""
    return partial(_import, names)


def _import(names: tuple[str, ...], work: Work) -> Work:
    for name in names:
        import_module(name)
    import xarray as xr

    # With their first coordinates xarray and pandas import what array libraries they find.
    xr.Dataset(coords={"number": [0], "name": ["one"]})
    return work


def _fit_bayesglm(work: Work, setting: Setting) -> Any:
    import bayesglm as bg

    terms: list[Any] = [bg.Linear("X", prior=bg.Normal(1.0))]
    data = {"y": work.y, "X": work.X}
    if work.groups is not None:
        terms.append(bg.Group("g", prior=bg.Normal(bg.HalfNormal(1.0))))
        data["g"] = work.groups
    model = bg.GLM("y", terms, family=work.spec.family, intercept=bg.Normal(2.5))
    verb = getattr(bg, setting["verb"])
    return verb(model, data, draws=DRAWS, chains=CHAINS, seed=setting["seed"])


def _read_bayesglm(fitted: Any) -> Drawn:
    group = fitted["posterior"]
    others = (group["g_scale"].values, group["g"].values) if "g" in group else ()
    draws = scalars(group["intercept"].values, group["X"].values, *others)
    return Drawn(draws, fitted.attrs.get("importance_ess"))


def _pymc_model(work: Work) -> Any:
    import pymc as pm

    with pm.Model() as model:
        eta = pm.Normal("intercept", 0.0, 2.5) + work.X @ pm.Normal("w", shape=work.X.shape[1])
        if work.groups is not None:
            unit = pm.Normal("unit", shape=work.spec.many)
            effects = pm.Deterministic("effects", pm.HalfNormal("scale") * unit)
            eta = eta + effects[work.groups]
        if work.spec.family == "bernoulli":
            pm.Bernoulli("y", logit_p=eta, observed=work.y)
        else:
            pm.Poisson("y", mu=pm.math.exp(eta), observed=work.y)
    return model


def _fit_pymc(work: Work, setting: Setting) -> Any:
    import nutpie

    compiled = nutpie.compile_pymc_model(_pymc_model(work))
    draws, seed = setting.get("draws", DRAWS), setting["seed"]
    return nutpie.sample(compiled, draws=draws, chains=CHAINS, seed=seed, progress_bar=False)


def _read_pymc(tree: Any) -> Drawn:
    group = tree["posterior"]
    others = (group["scale"].values, group["effects"].values) if "scale" in group else ()
    return Drawn(scalars(group["intercept"].values, group["w"].values, *others))


def _prepare_bambi(work: Work) -> Any:
    """Lay out the table that Bambi takes."""
    import pandas as pd

    _import(("bambi", "nutpie"), work)
    logging.disable(logging.INFO)  # it tells of every fit
    table = pd.DataFrame(work.X, columns=[f"x{k}" for k in range(work.X.shape[1])])
    table["y"] = work.y.astype(int)
    if work.groups is not None:
        table["g"] = work.groups.astype(str)
    return work, table


def _fit_bambi(prepared: Any, setting: Setting) -> Any:
    import bambi as bmb

    work, table = prepared
    names = [f"x{k}" for k in range(work.X.shape[1])]
    priors = {
        "Intercept": bmb.Prior("Normal", mu=0.0, sigma=2.5),
        **{name: bmb.Prior("Normal", mu=0.0, sigma=1.0) for name in names},
    }
    terms = " + ".join(names)
    if work.groups is not None:
        terms += " + (1|g)"
        scale = bmb.Prior("HalfNormal", sigma=1.0)
        priors["1|g"] = bmb.Prior("Normal", mu=0.0, sigma=scale)
    family = work.spec.family
    model = bmb.Model(f"y ~ {terms}", table, family=family, priors=priors, center_predictors=False)
    return model.fit(
        draws=DRAWS,
        tune=1000,
        chains=CHAINS,
        random_seed=setting["seed"],
        inference_method="nutpie",
        progressbar=False,
    )


def _read_bambi(tree: Any) -> Drawn:
    group = tree["posterior"]
    coef = [group[f"x{k}"].values for k in range(sum(str(n).startswith("x") for n in group))]
    others = ()
    if "1|g" in group:
        levels = np.argsort(group["1|g"]["g__factor_dim"].values.astype(int))
        others = (group["1|g_sigma"].values, group["1|g"].values[..., levels])
    return Drawn(scalars(group["Intercept"].values, np.stack(coef, axis=-1), *others))


def prepare_numpyro(work: Work) -> Work:
    """Make a device for each chain: more cannot be made once JAX has begun."""
    import jax
    import numpyro

    _import(("numpyro.distributions", "numpyro.infer"), work)
    jax.config.update("jax_platforms", "cpu")
    numpyro.set_host_device_count(CHAINS)
    assert len(jax.devices()) == CHAINS
    return work


def _fit_numpyro(work: Work, setting: Setting) -> Any:
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist

    def model(X: Any, y: Any, groups: Any) -> None:
        eta = numpyro.sample("intercept", dist.Normal(0.0, 2.5))
        eta = eta + X @ numpyro.sample("w", dist.Normal(0.0, 1.0).expand([X.shape[1]]).to_event(1))
        if groups is not None:
            scale = numpyro.sample("scale", dist.HalfNormal(1.0))
            each = dist.Normal(0.0, 1.0).expand([work.spec.many]).to_event(1)
            effects = numpyro.deterministic("effects", scale * numpyro.sample("unit", each))
            eta = eta + effects[groups]
        if work.spec.family == "bernoulli":
            numpyro.sample("y", dist.Bernoulli(logits=eta), obs=y)
        else:
            numpyro.sample("y", dist.Poisson(jnp.exp(eta)), obs=y)

    mcmc = numpyro.infer.MCMC(
        numpyro.infer.NUTS(model),
        num_warmup=1000,
        num_samples=DRAWS,
        num_chains=CHAINS,
        chain_method=setting["chain_method"],
        progress_bar=False,
    )
    groups = None if work.groups is None else jnp.asarray(work.groups)
    mcmc.run(jax.random.PRNGKey(setting["seed"]), jnp.asarray(work.X), jnp.asarray(work.y), groups)
    return {name: np.asarray(one) for name, one in mcmc.get_samples(group_by_chain=True).items()}


def _read_numpyro(found: Any) -> Drawn:
    others = (found["scale"], found["effects"]) if "scale" in found else ()
    return Drawn(scalars(found["intercept"], found["w"], *others))


def _bayesglm(name: str, verb: str, *imports: str) -> Solver:
    return Solver(
        name,
        ("bayesglm",),
        _fit_bayesglm,
        _read_bayesglm,
        ({"verb": verb},),
        importing("bayesglm.inference.fit", "arviz_stats.base", *imports),
        _BOTH,
    )


def _pymc(name: str, setting: Setting) -> Solver:
    needs = ("pymc", "nutpie")
    return Solver(name, needs, _fit_pymc, _read_pymc, (setting,), importing(*needs), _BOTH)


FIT = _bayesglm("bayesglm", "fit")
FIT_MCMC = _bayesglm("bayesglm fit_mcmc", "fit_mcmc", "nutpie", "pymc")

SAMPLERS = (
    FIT,
    FIT_MCMC,
    Solver(
        "Bambi, nutpie",
        ("bambi", "nutpie"),
        _fit_bambi,
        _read_bambi,
        ({},),
        _prepare_bambi,
        _BOTH,
    ),
    _pymc("PyMC, nutpie", {}),
    *(
        Solver(
            f"numpyro, {method}",
            ("numpyro",),
            _fit_numpyro,
            _read_numpyro,
            ({"chain_method": method},),
            prepare_numpyro,
            _BOTH,
        )
        for method in ("vectorized", "parallel")
    ),
)

# So long a run that its own error hardly counts beside those of the others.
REFERENCE = _pymc("reference", {"draws": 20_000})
