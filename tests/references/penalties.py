"""Penalised fits by glum, nemos, celer, skglm and pyglmnet, to be compared with priors.

`python tests/references/penalties.py` writes penalties.csv (the data) and penalties_python.json
(what each library was told, and found) beside this file; `penalties.R` does so for R's.
"""

import importlib.metadata
import json
from pathlib import Path

import celer
import glum
import jax
import nemos
import numpy as np
import pandas as pd
import pyglmnet
import skglm

FOLDER = Path(__file__).parent
N, SIGMA, PHI = 120, 0.7, 0.3
COLUMNS = ["a", "b", "c", "d"]


def made_data():
    """Return columns of different sds and means, and responses of several families."""
    rng = np.random.default_rng(20240501)
    z = rng.normal(size=(N, 4))
    z[:, 1] += 0.5 * z[:, 0]
    x = np.round(z * [1.0, 0.5, 2.0, 1.5] + [0.3, -0.2, 1.0, 0.0], 4)
    eta = 0.4 + x @ [0.5, -0.8, 0.1, 0.0]
    score = np.stack([0.0 * eta, eta - 0.5, -0.6 * eta], axis=1)
    frame = pd.DataFrame(x, columns=COLUMNS)
    frame["gaussian"] = np.round(eta + SIGMA * rng.normal(size=N), 4)
    frame["bernoulli"] = (rng.logistic(size=N) < eta).astype(int)
    frame["poisson"] = rng.poisson(np.exp(0.7 * eta))
    frame["gamma"] = np.round(rng.gamma(1.0 / PHI, PHI * np.exp(0.7 * eta)) + 1e-3, 4)
    frame["inverse_gaussian"] = np.round(rng.wald(np.exp(0.3 * eta), 3.0) + 1e-3, 4)
    frame["categorical"] = np.argmax(score + rng.gumbel(size=(N, 3)), axis=1)
    return frame


def told(convention, family, settings, known, intercept, coefficients):
    """Return one entry: what the library was told, and what it found."""
    return {
        "convention": convention,
        "family": family,
        "settings": settings,
        "known": known,
        "intercept": float(np.squeeze(intercept)),
        "coefficients": np.ravel(coefficients).astype(float).tolist(),
    }


def by_glum(x, frame):
    """Fit glum's families, ridge and lasso, columns scaled or not."""
    ridge = {"alpha": 0.1, "l1_ratio": 0.0}
    cases = [
        ("gaussian", {"alpha": 0.2, "l1_ratio": 0.3}, {"sigma": SIGMA}),
        ("poisson", ridge, {}),
        ("poisson", {"alpha": 0.15, "l1_ratio": 0.5, "scale_predictors": True}, {}),
        ("bernoulli", {"alpha": 0.05, "l1_ratio": 1.0, "P1": [1.0, 0.5, 2.0, 0.5]}, {}),
        ("gamma", {"alpha": 0.1, "l1_ratio": 0.4}, {"phi": PHI}),
        ("inverse_gaussian", {**ridge, "P2": [2.0, 1.0, 0.5, 0.5]}, {"phi": 0.4}),
        ("tweedie", ridge, {"phi": 1.3}),
        ("negative_binomial", {"alpha": 0.1, "l1_ratio": 0.5}, {}),
    ]
    words = {"bernoulli": "binomial", "inverse_gaussian": "inverse.gaussian"}
    words |= {"tweedie": "tweedie (1.5)", "negative_binomial": "negative.binomial (0.5)"}
    links = dict.fromkeys(("gamma", "inverse_gaussian", "tweedie", "negative_binomial"), "log")
    for family, settings, known in cases:
        settings = {**settings, "family": words.get(family, family)}
        plain = {k: np.array(v) if isinstance(v, list) else v for k, v in settings.items()}
        fit = glum.GeneralizedLinearRegressor(
            **plain, link=links.get(family, "auto"), gradient_tol=1e-13, max_iter=2000
        ).fit(x, frame[family if family in frame else "poisson"].to_numpy(float))
        if settings.get("scale_predictors"):
            known = {**known, "sds": x.std(axis=0).tolist()}
        yield told("glum", family, settings, {**known, "n": N}, fit.intercept_, fit.coef_)


def by_nemos(x, frame):
    """Fit nemos' regularizers."""
    families = {"poisson": "Poisson", "bernoulli": "Bernoulli", "gaussian": "Gaussian"}
    families |= {"gamma": "Gamma"}
    cases = [
        ("Ridge", "poisson", 0.1),
        ("Ridge", "gaussian", 0.3),
        ("Ridge", "gamma", 0.2),
        ("Ridge", "bernoulli", [0.1, 0.2, 0.05, 0.3]),
        ("Lasso", "poisson", 0.05),
        ("Lasso", "gaussian", 0.2),
        ("Lasso", "gamma", 0.05),
        ("ElasticNet", "poisson", (0.1, 0.3)),
        ("ElasticNet", "gaussian", (0.2, 0.6)),
        ("ElasticNet", "gamma", (0.1, 0.6)),
        ("GroupLasso", "poisson", 0.08),
        ("GroupLasso", "gaussian", 0.2),
        ("GroupLasso", "gamma", 0.05),
    ]
    for regularizer, family, strength in cases:
        chosen = regularizer
        if regularizer == "GroupLasso":
            chosen = nemos.regularizer.GroupLasso(mask=np.ones((1, 4)))
        smooth = regularizer == "Ridge"
        fit = nemos.glm.GLM(
            observation_model=families[family],
            inverse_link_function=jax.numpy.exp if family == "gamma" else None,
            regularizer=chosen,
            regularizer_strength=np.array(strength) if isinstance(strength, list) else strength,
            solver_name="LBFGS" if smooth else "ProximalGradient",
            solver_kwargs={"tol": 1e-14, "maxiter": 200_000},
        ).fit(x, frame[family].to_numpy(float))
        settings = {
            "regularizer": regularizer,
            "regularizer_strength": strength,
            "observation_model": families[family],
        }
        known = {"n": N}
        known |= {"gaussian": {"sigma": SIGMA}, "gamma": {"phi": PHI}}.get(family, {})
        yield told(f"nemos.{regularizer}", family, settings, known, fit.intercept_, fit.coef_)


def by_celer_and_skglm(x, frame):
    """Fit the estimators of both, with and without weights of columns."""
    weights = [1.0, 0.5, 2.0, 0.5]
    tight = {"tol": 1e-14}
    gaussian = {"n": N, "sigma": SIGMA}
    net, group = {"alpha": 0.2, "l1_ratio": 0.4}, {"alpha": 0.2, "groups": 4}
    logistic = {"alpha": 0.05, "l1_ratio": 0.6}
    cases = [
        ("celer", "Lasso", "gaussian", {"alpha": 0.2}, gaussian),
        ("celer", "Lasso", "gaussian", {"alpha": 0.1, "weights": weights}, gaussian),
        ("celer", "ElasticNet", "gaussian", net, gaussian),
        ("celer", "ElasticNet", "gaussian", {**net, "weights": weights}, gaussian),
        ("celer", "GroupLasso", "gaussian", group, gaussian),
        ("celer", "GroupLasso", "gaussian", {**group, "weights": [1.5]}, gaussian),
        ("celer", "LogisticRegression", "bernoulli", {"C": 0.3, "penalty": "l1"}, {}),
        ("skglm", "Lasso", "gaussian", {"alpha": 0.2}, gaussian),
        ("skglm", "WeightedLasso", "gaussian", {"alpha": 0.1, "weights": weights}, gaussian),
        ("skglm", "ElasticNet", "gaussian", net, gaussian),
        ("skglm", "GroupLasso", "gaussian", {**group, "weights": [1.5]}, gaussian),
        ("skglm", "Lasso", "gaussian", {"alpha": 0.1, "positive": True}, gaussian),
        ("skglm", "SparseLogisticRegression", "bernoulli", logistic, {"n": N}),
    ]
    for library, name, family, settings, known in cases:
        module = celer if library == "celer" else skglm
        plain = {k: np.array(v) if isinstance(v, list) else v for k, v in settings.items()}
        more = {"max_iter": 2000} if name == "SparseLogisticRegression" else {}
        fit = getattr(module, name)(**plain, **tight, **more)
        fit = fit.fit(np.asfortranarray(x), frame[family].to_numpy())
        yield told(f"{library}.{name}", family, settings, known, fit.intercept_, fit.coef_)


def by_pyglmnet(x, frame):
    """Fit pyglmnet's distributions to the first two columns.

    Its batch gradient thresholds by reg_lambda·alpha after steps of any learning rate, so that a
    rate of 1 alone leads to the minimum of its objective; of two columns it converges.
    """
    np.float = float  # a name that numpy has dropped and pyglmnet 1.1 uses
    cases = [
        ("poisson", "softplus", {"reg_lambda": 0.1, "alpha": 0.0}, {}),
        ("poisson", "softplus", {"reg_lambda": 0.05, "alpha": 0.6}, {}),
        ("gaussian", "gaussian", {"reg_lambda": 0.2, "alpha": 0.3}, {"sigma": SIGMA}),
        ("bernoulli", "binomial", {"reg_lambda": 0.02, "alpha": 1.0}, {}),
        ("bernoulli", "probit", {"reg_lambda": 0.05, "alpha": 0.5}, {}),
    ]
    for family, distribution, settings, known in cases:
        settings = {**settings, "distr": distribution}
        fit = pyglmnet.GLM(
            **settings, solver="batch-gradient", learning_rate=1.0, max_iter=30_000, tol=1e-15
        )
        fit.beta0_, fit.beta_ = 0.0, np.zeros(2)
        fit = fit.fit(x[:, :2], frame[family].to_numpy(float))
        yield told("pyglmnet", family, settings, {**known, "n": N}, fit.beta0_, fit.beta_)


def main():
    """Write the data and what was found."""
    jax.config.update("jax_enable_x64", True)
    frame = made_data()
    frame.to_csv(FOLDER / "penalties.csv", index=False)
    x = frame[COLUMNS].to_numpy()
    names = ("glum", "nemos", "celer", "skglm", "pyglmnet")
    entries = []
    for fits in (by_glum, by_nemos, by_celer_and_skglm, by_pyglmnet):
        entries += fits(x, frame)
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    written = json.dumps({"made by": versions, "fits": entries}, indent=1)
    (FOLDER / "penalties_python.json").write_text(written + "\n")


if __name__ == "__main__":
    main()
