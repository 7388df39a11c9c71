"""What people type who come from elsewhere, and how it is written here: the ends of messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesglm.spec.noun import near

TYPO = 0.8  # likeness from which a word is a known one misspelt; 'beta_binomial' is no 'binomial'
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
    return near(name, known, TYPO)


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


def repr_of(value: Any) -> str:
    """Write a value for a message, and only its type where it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"a {type(value).__name__}"
