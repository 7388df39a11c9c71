"""What people type who come from elsewhere, and how it is written here: the ends of messages."""

from __future__ import annotations

OF_MODELS = ("fit", "fit_map", "fit_laplace", "fit_mcmc", "to_pymc", "kfold", "tune_prior")
OF_FITS = ("predict", "loo", "kernels", "save", "plot_posterior")
PENALTIES = ("ridge", "lasso", "elastic_net", "smooth")


def call_of(formula: str) -> str:
    """Write the call of GLM that a formula, or the name of a response, is meant to be.

    >>> call_of("y ~ 0 + x + z")
    "GLM('y', ['x', 'z'], intercept=None)"
    """
    response, _, right = formula.partition("~")
    parts = [part.strip() for part in right.replace("-", "+-").split("+")]
    names = [part for part in parts if part not in ("", "0", "1", "-1")]
    terms = names if names and all(name.isidentifier() for name in names) else ["x"]
    intercept = ", intercept=None" if {"0", "-1"} & set(parts) else ""
    return f"GLM({response.strip() or 'y'!r}, {terms!r}{intercept})"


def prior_hint(given: object) -> str:
    """Say how a prior is written that was given as a number, a word, a class or a function."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        if given > 0:
            return f"; write Normal({given:g}) for a standard deviation, or ridge({given:g})"
        return "; write Flat() for no penalty"
    name = given if isinstance(given, str) else getattr(given, "__name__", "")
    plain = str(name).strip().casefold().replace("-", "_")
    also = {"l2": "ridge(1.0)", "l1": "lasso(1.0)", "elasticnet": "elastic_net(1.0, 1.0)"}
    also |= {"none": "Flat()", "flat": "Flat()", "normal": "Normal(1.0)", "laplace": "Laplace(1.0)"}
    also |= {"elastic_net": "elastic_net(1.0, 1.0)"}
    also |= {penalty: f"{penalty}(1.0)" for penalty in PENALTIES if penalty not in also}
    return f"; write {also[plain]}" if plain in also else ""


def verb_hint(name: str) -> str:
    """Say that a verb looked for on a model is a function.

    >>> verb_hint("fit")
    ': a model is a description, and verbs are functions; write bayesglm.fit(model, data)'
    """
    other = {"sample": "fit", "optimize": "fit_map", "train": "fit"}.get(name, name)
    if other in OF_MODELS:
        call = f"{other}(model, data)"
    elif other in OF_FITS:
        call = f"{other}(fit), of fit = bayesglm.fit(model, data)"
    else:
        return ""
    return f": a model is a description, and verbs are functions; write bayesglm.{call}"
