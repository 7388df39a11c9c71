"""What people type who misspell a word or come from elsewhere, and how it is written here."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Mapping, Set

TYPO = 0.8  # likeness from which a word is a known one misspelt; 'beta_binomial' is no 'binomial'
LONGEST_SHOWN = 60  # letters of a value in a message
OF_MODELS = ("fit", "fit_map", "fit_laplace", "fit_mcmc", "to_pymc", "kfold", "tune_prior")
OF_FITS = ("predict", "loo", "kernels", "save", "plot_posterior")
PENALTIES = ("ridge", "lasso", "elastic_net", "group_lasso", "smooth")
# Verbs and terms of other packages, and what is written for them.
VERBS_ELSEWHERE = {
    "s": "bayesglm.Spline('x')",
    "bs": "bayesglm.Basis('x', 'bs', df=5)",
    "cr": "bayesglm.Basis('x', 'cr', df=4)",
    "poly": "bayesglm.Basis('x', 'poly', df=3)",
    "plot_forest": "arviz.plot_forest(fit)",
    "plot_trace": "arviz.plot_trace(fit)",
    "posterior_predictive": "bayesglm.predict(fit, kind='response')",
    "sample": "bayesglm.fit(model, data)",
    "waic": "bayesglm.loo(fit)",
    "plot": "bayesglm.plot_posterior(fit)",
    "read": "bayesglm.load(path)",
    "write": "bayesglm.save(fit, path)",
    "maxent": "bayesglm.elicit('x', -1.0, 1.0)",
    **dict.fromkeys(
        ("cross_val_score", "cv_glm", "vfold_cv"),
        "bayesglm.cross_validate(model, data)",
    ),
    **dict.fromkeys(
        ("GridSearchCV", "LassoCV", "LogisticRegressionCV", "RidgeCV", "cv_glmnet"),
        "bayesglm.tune_prior(model, data, method='kfold', scoring='deviance')",
    ),
    **dict.fromkeys(
        ("Model", "brm", "glmer", "lmer", "logit", "mixedlm", "ols", "stan_glm", "stan_glmer"),
        "bayesglm.fit(bayesglm.formula('y ~ x + (1 | g)'), data)",
    ),
    **dict.fromkeys(("anova", "loo_compare"), "bayesglm.compare({'a': fit, 'b': other})"),
    **dict.fromkeys(
        ("loo_model_weights", "pp_average", "weight_predictions"),
        "bayesglm.stack({'a': fit, 'b': other})",
    ),
    **dict.fromkeys(
        ("coef", "confint", "fixef", "icc", "odds_ratio", "ranef", "VarCorr"),
        "bayesglm.summary(fit)",
    ),
}
ESTIMATORS_ELSEWHERE = (
    *("BayesianRidge", "ElasticNetCV", "GammaRegressor", "Lasso", "LinearRegression"),
    *("LogisticRegression", "PoissonRegressor", "Ridge", "TweedieRegressor"),
)
VERBS_ELSEWHERE |= dict.fromkeys(
    ESTIMATORS_ELSEWHERE, "bayesglm.from_sklearn(estimator), of a fitted one"
)
# What is looked for on fits of other packages, and the call that gives it here.
OF_FITS_ELSEWHERE = {
    **dict.fromkeys(
        ("bic", "aic", "deviance", "elpd_loo", "llf", "score", "waic"), "bayesglm.loo(fit)"
    ),
    **dict.fromkeys(
        ("bse", "coef", "coef_", "coefficients", "conf_int", "intercept_", "params", "pvalues"),
        "bayesglm.summary(fit)",
    ),
    **dict.fromkeys(
        ("fittedvalues", "get_prediction", "predict_proba"), "bayesglm.predict(fit, data)"
    ),
    "kernels": "bayesglm.kernels(fit)",
    "loo": "bayesglm.loo(fit)",
    "plot": "bayesglm.plot_posterior(fit)",
    "plot_posterior": "bayesglm.plot_posterior(fit)",
    "predict": "bayesglm.predict(fit, data)",
    "report": "bayesglm.report({'model': fit}, path)",
    "save": "bayesglm.save(fit, path)",
    "summary": "bayesglm.summary(fit)",
}
# Functions in formulas of other packages, and what is written in formulas here.
FUNCTIONS_ELSEWHERE = {
    **dict.fromkeys(("as.factor", "categorical", "factor", "ordered"), "C(x)"),
    "relevel": "C(x, reference='b')",
    "Q": "a name in backticks, `such as this`",
    "cc": "s(x, cyclic=True, bounds=[0, 24])",
    "lag": "Lagged(x, lags=5)",
    "ns": "cr(x, df=4), or s(x), whose smoothness is learned",
    **dict.fromkeys(("gp", "hsgp", "lo"), "s(x), a smooth curve"),
    **dict.fromkeys(("t2", "ti"), "te(x, z), a surface over both"),
}
# Arguments of these functions elsewhere.
ARGUMENTS_ELSEWHERE = {
    "bs": "each s(x) is a penalised spline; bs(x, df=5) and cr(x, df=5) have no penalty, and "
    "effects of levels are (1 | g)",
    "by": "a curve of each level is s(x):g",
}
# What stands before ~ elsewhere.
RESPONSES_ELSEWHERE = {
    "Surv": "write time | cens(status) ~ ..., whose status is a word: none, right, left, interval",
    "cbind": "write p(successes, trials) ~ ...",
    **dict.fromkeys(("c", "mvbind"), "write a formula for each response"),
    **dict.fromkeys(("as.factor", "factor", "ordered"), "write its name, as families of labels do"),
}
# What the fields of nouns are called elsewhere.
FIELDS_ELSEWHERE = {"mu": "loc", "mean": "loc", "sigma": "scale", "sd": "scale", "std": "scale"}
FIELDS_ELSEWHERE |= dict.fromkeys(("C", "alpha", "l1_ratio", "lam", "lambda_"), "prior")
FIELDS_ELSEWHERE |= {
    "nu": "df",
    "y": "response",
    "formula": "terms",
    "lag": "lags",
    "k": "df",
    "penalty": "prior",
}


def call_of(said: str) -> str:
    """Write the call that a formula, or the name of a response, is meant to be.

    >>> call_of("y ~ x + z"), call_of("y")
    ("formula('y ~ x + z')", "GLM('y', ['x'])")
    """
    return f"formula({said!r})" if "~" in said else f"GLM({said.strip() or 'y'!r}, ['x'])"


def prior_hint(given: object) -> str:
    """Say how a prior is written that was given as a number, a word, a class or a function."""
    if isinstance(given, (int, float)) and not isinstance(given, bool):
        if 0 < given <= sys.float_info.max:
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


def fit_hint(name: str) -> str:
    """Say which function gives what was looked for on a fit.

    >>> fit_hint("params"), fit_hint("sizes")
    (': verbs are functions; write bayesglm.summary(fit)', '')
    """
    call = OF_FITS_ELSEWHERE.get(name)
    return f": verbs are functions; write {call}" if call else ""


def closest(word: object, known: Iterable[str], likeness: float = 0.6) -> str:
    """Return " Did you mean 'x'?" for the nearest known word, or an empty string."""
    close = difflib.get_close_matches(str(word), list(known), n=1, cutoff=likeness)
    return f" Did you mean {close[0]!r}?" if close else ""


def meant(what: str, given: object, known: Mapping[str, tuple[str, ...]]) -> str:
    """Say which known word was meant by another word for it, by an object of its name, or a typo.

    ``known`` holds the words and what each is called elsewhere. Returns an empty string where
    nothing is near.

    >>> meant("family", "ols", {"gaussian": ("normal", "ols"), "poisson": ()})
    " Write family='gaussian'."
    """
    is_word = isinstance(given, str)
    name = str(given) if is_word else getattr(given, "__name__", type(given).__name__)
    plain = name.strip().casefold().replace("-", "_").replace(" ", "_")
    for word, others in known.items():
        if plain in others or (plain == word and not is_word):
            return f" Write {what}={word!r}."
    return closest(plain, known, TYPO)


def name_hint(name: str, known: Iterable[str]) -> str:
    """Say what is written for a name that the package does not have.

    >>> name_hint("waic", ()), name_hint("glm", ["GLM"])
    ('; write bayesglm.loo(fit).', ". Did you mean 'GLM'?")
    """
    if name in VERBS_ELSEWHERE:
        return f"; write {VERBS_ELSEWHERE[name]}."
    folded = {one.casefold(): one for one in known}
    close = difflib.get_close_matches(name.casefold(), list(folded), n=1, cutoff=TYPO)
    return f". Did you mean {folded[close[0]]!r}?" if close else ""


def is_among(word: object, known: Iterable[str]) -> bool:
    """Say whether a word is known; what is no word is none of them, whatever it equals.

    >>> is_among("mean", ("mean", "linear")), is_among(["mean"], ("mean", "linear"))
    (True, False)
    """
    return isinstance(word, str) and word in list(known)


def is_unordered(names: object) -> bool:
    """Say whether names are a set, or the keys or columns of something that holds more than them.

    >>> is_unordered({"x", "z"}), is_unordered(("x", "z"))
    (True, False)
    """
    return isinstance(names, (Mapping, Set)) or hasattr(names, "columns")


def an(word: str) -> str:
    """Write a word with its article.

    >>> an("ordinal"), an("poisson")
    ('an ordinal', 'a poisson')
    """
    return f"{'an' if word[0].lower() in 'aeiou' else 'a'} {word}"


def shown(given: object) -> str:
    """Write a value for a message: on one line, and cut short.

    >>> shown("x"), shown(range(3)), len(shown(list(range(1000))))
    ("'x'", 'range(0, 3)', 60)
    """
    line = " ".join(repr(given).split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 3] + "..."
