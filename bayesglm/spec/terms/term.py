"""What a term of the linear predictor says of itself, and the checks that all terms share.

A new term is one class with these facts, named in `table.TERMS`, and one builder of its columns in
``bayesglm.design``; whoever lays, writes, draws or stores a model asks the facts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, Protocol

from bayesglm.errors import ModelError
from bayesglm.spec.hints import prior_hint, shown
from bayesglm.spec.noun import put_plain_strings
from bayesglm.spec.numbers import Number
from bayesglm.spec.prior.positive import SCALE_PRIORS, ScalePrior
from bayesglm.spec.priors import (
    COEFFICIENT_PRIORS,
    CoefficientPrior,
    Normal,
    learned_scale,
)

PREDICTOR, FACTOR, SLOPE = "predictor", "factor", "slope"  # what a variable is to its term
NUMBERS, CURVE, LEVELS = "numbers", "curve", "levels"  # what a term is as a part of a product


type Pooled = bool | ScalePrior  # whether kernels of a population are alike, and how much


class Facts(NamedTuple):
    """What others ask of a kind of term.

    - `part`: what it is as a part of a product: numbers, a curve or levels; None where it is none.
    - `of_levels`: whether its coefficients are effects of levels that share a scale.
    - `of_steps`: whether they are steps of one change, ``<label>_mean`` times ``<label>_share``.
    - `is_product`: whether it changes what terms of fewer of its variables say, as an interaction
      does, or slopes that vary between groups.
    - `common_dims`: dims of its coefficients that bear these names whatever the term's own.
    """

    part: str | None = None
    of_levels: bool = False
    of_steps: bool = False
    is_product: bool = False
    common_dims: tuple[str, ...] = ()


class Option(NamedTuple):
    """How the shell's option of a term is explained; its flag is the class in small letters."""

    metavar: str
    help: str


class Term(Protocol):
    """A part of the linear predictor: its coefficients, and what it reads of the data."""

    own_dims: ClassVar[tuple[str, ...]]
    """Suffixes of the dims ``<label>_<suffix>`` that it makes beside those of the data."""
    facts: ClassVar[Facts]
    option: ClassVar[Option]

    @property
    def takes_model_prior(self) -> bool:
        """Whether the model's ``prior=`` holds for it where it has none of its own."""

    @property
    def is_lagged(self) -> bool:
        """Whether it reads samples at regular times before or after its own: then t, not i."""

    @property
    def reads_response(self) -> bool:
        """Whether it reads the response's own past."""

    @property
    def name(self) -> str | None:
        """The name that was given, if any."""

    @property
    def prior(self) -> CoefficientPrior | None:
        """The prior that was given, or the data decided; None until then."""

    @property
    def pooled(self) -> Pooled:
        """Whether those of a population share mean and scale; the prior of the scale, if said."""

    @property
    def label(self) -> str:
        """Name of the coefficients."""

    @property
    def roles(self) -> dict[str, str]:
        """What each variable is that it reads of the data, the response apart."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Variables of the data that it reads, the response apart."""

    def lag_range(self, step: float | None) -> range | None:
        """Return its lags in samples of ``step`` seconds; None where it has none."""

    def default_prior(self, scale: Number) -> CoefficientPrior:
        """Return the prior that it has where none is given, of a scale that the data tell."""

    def summand(self, response: str, index: str) -> str:
        """Write what it adds to eta of the sample ``index``, ``[t]`` or ``[i]``."""

    def symbol(self) -> str:
        """Write its coefficients with the places at which they stand."""

    @classmethod
    def from_text(cls, text: str) -> tuple[Term, ...]:
        """Read the terms that the shell's option says."""


def settled[T: Term](term: T, prior: CoefficientPrior | None, decided: Mapping[str, Any]) -> T:
    """Return a term as the first fit leaves it: its prior, and fields that the data decided.

    Other data are then laid by what the first had: their levels, knots or scales.
    """
    fields: Any = {"prior": prior, **decided}
    if all(getattr(term, name) is value for name, value in fields.items()):
        return term
    return dataclasses.replace(term, **fields)  # type: ignore[type-var]


def no_lags(term: Term, step: float | None) -> None:
    """Return no lags: the term reads each sample's own values."""


def bare_symbol(term: Term) -> str:
    """Write coefficients by their name alone."""
    return term.label


def normal_prior(term: Term, scale: Number) -> Normal:
    """Return the default prior of most terms: normal, each coefficient by itself."""
    return Normal(scale)


class OfOneVariable(Protocol):
    """A term that reads one variable."""

    @property
    def variable(self) -> str:
        """The variable."""

    @property
    def name(self) -> str | None:
        """The name that was given, if any."""

    @property
    def label(self) -> str:
        """Name of the coefficients."""


def label_of(term: OfOneVariable) -> str:
    """Name of the coefficients."""
    return term.name or term.variable


def predictor_of(term: OfOneVariable) -> dict[str, str]:
    """What the variable is that the term reads: a predictor."""
    return {term.variable: PREDICTOR}


def factor_of(term: OfOneVariable) -> dict[str, str]:
    """What the variable is that the term reads: a factor."""
    return {term.variable: FACTOR}


def variables_of(term: OfOneVariable) -> tuple[str, ...]:
    """The variable of the data that the term reads."""
    return (term.variable,)


def check_name(what: str, name: object) -> None:
    """Raise ModelError unless a name is one."""
    if not isinstance(name, str) or not name:
        raise ModelError(f"{what} must be a non-empty string, got {shown(name)}.")


def check_common(term: Term) -> None:
    """Check the fields that every term has."""
    put_plain_strings(term)
    if term.name is not None:
        check_name(f"{type(term).__name__} name", term.name)
    if term.prior is not None and not isinstance(term.prior, COEFFICIENT_PRIORS):
        allowed = ", ".join(prior.__name__ for prior in COEFFICIENT_PRIORS)
        raise ModelError(
            f"term {term.label!r}: prior must be one of {allowed} (or ridge, lasso, elastic_net, "
            f"group_lasso, smooth), got {shown(term.prior)}{prior_hint(term.prior)}."
        )


def check_pooled(term: Term) -> None:
    """Check how a term's coefficients are pooled: by which prior of their scale, around what."""
    if isinstance(term.pooled, bool):
        if not term.pooled:
            return
    elif not isinstance(term.pooled, SCALE_PRIORS):
        raise ModelError(
            f"term {term.label!r}: pooled must be True, False, or the prior of the scale that the "
            f"neurons of a population share (HalfNormal(0.5), say), got {shown(term.pooled)}."
        )
    is_normal = isinstance(term.prior, Normal) and learned_scale(term.prior) is None
    if term.prior is not None and not is_normal:
        raise ModelError(
            f"term {term.label!r}: with pooled= the prior is that of the mean over the neurons of "
            f"a population, and must be a Normal of a known scale, got {shown(term.prior)}."
        )
