"""What a model says of its family's parameters beside the mean: priors, numbers, or predictors."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from numbers import Real
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.noun import noun, put
from bayesglm.spec.numbers import Number, entries, frozen_number
from bayesglm.spec.priors import (
    CUTPOINT_PRIORS,
    DISPERSION_PRIORS,
    DispersionPrior,
    Flat,
    learned_scale,
)
from bayesglm.spec.terms.table import TERMS, as_terms
from bayesglm.spec.terms.term import Term


@noun
class Predictor:
    """A linear predictor of a parameter of the family, on that parameter's own link.

    The labels of its terms start with the name of the parameter: ``sigma_x``. ``prior`` is that of
    the parameter itself where every term is zero; None where the data decide.
    """

    terms: tuple[Term, ...]
    prior: DispersionPrior | None = None

    def __post_init__(self) -> None:
        put(self, terms=as_terms(self.terms))
        if self.prior is not None and not isinstance(self.prior, DISPERSION_PRIORS):
            raise ModelError(
                f"the prior of a parameter with terms must be one of {_names(DISPERSION_PRIORS)}, "
                f"got {shown(self.prior)}."
            )

    def __repr__(self) -> str:
        said = [] if self.prior is None else [repr(self.prior)]
        return f"[{', '.join([*said, *map(repr, self.terms)])}]"


type Stated = DispersionPrior | Number | Predictor


@noun
class Dispersions(Mapping[str, Stated]):
    """What is said of several parameters, or of one that has a predictor, by their names."""

    entries: tuple[tuple[str, Stated], ...]

    def __post_init__(self) -> None:
        pairs = self.entries if isinstance(self.entries, tuple) else (self.entries,)
        for pair in pairs:
            if not (isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str)):
                raise ModelError(
                    "dispersions are pairs of a parameter's name and what is said of it, got "
                    f"{shown(pair)}."
                )
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            twice = next(name for name in names if names.count(name) > 1)
            raise ModelError(f"dispersions name {twice!r} twice; say once what holds for it.")

    def __getitem__(self, name: str) -> Stated:
        return dict(self.entries)[name]

    def __iter__(self) -> Iterator[str]:
        return iter(name for name, _ in self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __hash__(self) -> int:
        return hash(self.entries)

    def __repr__(self) -> str:
        return repr(dict(self.entries))


def frozen_dispersions(family: str, given: Any) -> Stated | Dispersions | None:
    """Return what is said of a family's dispersions in the one form in which models keep it.

    That of a family with one dispersion is its prior or number; by name stand those of several, and
    predictors. Parameters of which nothing is said are left out.
    """
    names = FAMILY_NAMES[family].dispersions
    if given is None:
        return None
    if not names:
        raise ModelError(f"family {family!r} has no dispersion; remove dispersion={shown(given)}.")
    by_name = given if isinstance(given, Mapping) else _for_the_only(family, given)
    unknown = [name for name in by_name if name not in names]
    if unknown or not by_name:
        raise ModelError(
            f"dispersion names {unknown}; family {family!r} has {', '.join(names)}."
            f"{_unknown_hint(unknown, names)}"
        )
    stated = {
        name: _stated(family, name, by_name[name])
        for name in names
        if by_name.get(name) is not None
    }
    for name, one in stated.items():
        if isinstance(one, Predictor) and not FAMILY_NAMES[family].link_of(name):
            raise ModelError(
                f"{name!r} of family {family!r} takes no linear predictor; give it a prior."
            )
    several = len(names) > 1 or any(isinstance(one, Predictor) for one in stated.values())
    if several and stated:
        return Dispersions(tuple(stated.items()))
    return next(iter(stated.values()), None)


def stated_of(dispersion: Any, name: str) -> Any:
    """Return what is said of one parameter, None where nothing is."""
    return dispersion.get(name) if isinstance(dispersion, Dispersions) else dispersion


def predictors_of(dispersion: Any) -> dict[str, Predictor]:
    """Return the predictors of parameters beside the mean, by name."""
    if not isinstance(dispersion, Dispersions):
        return {}
    return {name: one for name, one in dispersion.entries if isinstance(one, Predictor)}


def is_fixed(stated: Any) -> bool:
    """Say whether a parameter is known: one number, or one of each neuron."""
    return isinstance(stated, (float, tuple))


def with_terms(dispersion: Any, terms: Mapping[str, tuple[Term, ...]]) -> Any:
    """Return the same with other terms in the predictors that ``terms`` names."""
    if not terms:
        return dispersion
    entries = (
        (name, dataclasses.replace(one, terms=terms[name]) if name in terms else one)
        for name, one in dispersion.entries
    )
    return Dispersions(tuple(entries))


def _for_the_only(family: str, given: Any) -> dict[str, Any]:
    """Return by name what was given without one, which says enough of a single parameter."""
    names = FAMILY_NAMES[family].dispersions
    if _has_terms(given):
        raise ModelError(
            f"dispersion={shown(given)} has terms, and does not say of which parameter; write "
            f"dispersion={{{names[0]!r}: [...]}}."
        )
    if len(names) > 1:
        raise ModelError(
            f"family {family!r} has the parameters {', '.join(names)}; say by name what holds for "
            f"which: dispersion={{{names[0]!r}: {shown(given)}}}."
        )
    return {names[0]: given}


def _has_terms(given: Any) -> bool:
    return _is_list_of_terms(given) or isinstance(given, (Predictor, *TERMS))


def _unknown_hint(unknown: list, names: tuple[str, ...]) -> str:
    if "mu" in unknown:
        return " The terms of the mean are the model's own."
    return closest(unknown[0], names) if unknown else ""


def _stated(family: str, name: str, given: Any) -> Stated:
    """Return what is said of one parameter: a prior, a number, or a linear predictor."""
    if name in FAMILY_NAMES[family].increasing:
        return _several(name, given)
    low, high = FAMILY_NAMES[family].range_of(name)
    kinds = tuple(kind for kind in DISPERSION_PRIORS if _suits(kind, low, high))
    if isinstance(given, kinds):
        return _within(name, given, low, high)
    if isinstance(given, Predictor):
        given = [*([] if given.prior is None else [given.prior]), *given.terms]
    if isinstance(given, TERMS) or _is_list_of_terms(given):
        parts = given if isinstance(given, (list, tuple)) else [given]
        made = _of_parts(name, parts, kinds)
        _within(name, made.prior, low, high)
        _without_end(name, made.prior, high)
        return made
    if isinstance(given, (Real, tuple, list)) or hasattr(given, "tolist"):
        number = frozen_number(f"dispersion ({name})", given, positive=low == 0.0)
        outside = [one for one in entries(number) if not low < one < high]
        if outside:
            raise ModelError(
                f"dispersion ({name}) must lie between {low:g} and {high:g}, got {outside[0]:g}."
            )
        return number
    raise ModelError(
        f"dispersion of {name!r} must be a {_kind_of_number(low, high)} or a "
        f"{_kind_of_prior(low, high)} ({_names(kinds)}), or a list of terms, got "
        f"{shown(given)}{_predictor_hint(name, given)}."
    )


def _several(name: str, given: Any) -> Stated:
    """Return what is said of a parameter that is several numbers, each above the last."""
    if isinstance(given, CUTPOINT_PRIORS) and learned_scale(given) is None:
        return given
    if isinstance(given, (tuple, list)) or hasattr(given, "tolist"):
        numbers = frozen_number(f"dispersion ({name})", given)
        if not _increases(numbers):
            raise ModelError(
                f"dispersion ({name}): fixed numbers must increase, got {shown(given)}."
            )
        return numbers
    raise ModelError(
        f"dispersion of {name!r} must be increasing numbers or a prior of real numbers "
        f"({_names(CUTPOINT_PRIORS)}), got {shown(given)}."
    )


def _increases(values: Any) -> bool:
    """Say whether fixed numbers are several in a row, or of several neurons, that increase."""
    if not isinstance(values, tuple):
        return False
    if isinstance(values[0], tuple):
        return all(map(_increases, values))
    return all(below < above for below, above in pairwise(values))


def _suits(kind: Any, low: float, high: float) -> bool:
    """Say whether a kind of prior is one of parameters between two ends; none at all suits all."""
    if kind is Flat:
        return True
    own_ends = kind.traits.bounded and kind.traits.ends is None
    return own_ends or (
        kind.traits.bounded == (high < math.inf) and kind.traits.ends in (None, (low, high))
    )


def _within(name: str, prior: Any, low: float, high: float) -> Any:
    """Return a prior of a parameter; ModelError where its ends are others than the parameter's.

    That of a parameter without an upper end may have one.
    """
    lower, upper = getattr(prior, "lower", low), getattr(prior, "upper", high)
    if high == math.inf and lower < low:
        raise ModelError(
            f"{name!r} is positive, and {prior!r} begins below zero; write "
            f"{type(prior).__name__}(0, {upper:g})."
        )
    if high < math.inf and (lower, upper) != (low, high):
        raise ModelError(
            f"{name!r} lies between {low:g} and {high:g}, and {prior!r} between other ends; write "
            f"{type(prior).__name__}({low:g}, {high:g})."
        )
    return prior


def _without_end(name: str, prior: Any, high: float) -> None:
    """Raise ModelError where a prior ends before its parameter, of which a predictor is to tell."""
    if getattr(prior, "upper", high) < high:
        raise ModelError(
            f"{prior!r} ends at {prior.upper:g}, and {name!r} has a linear predictor, which goes "
            "beyond; take a prior of all positive numbers, HalfNormal say."
        )


def _kind_of_number(low: float, high: float) -> str:
    return "positive number" if high == math.inf else f"number between {low:g} and {high:g}"


def _kind_of_prior(low: float, high: float) -> str:
    if high == math.inf:
        return "prior of a positive parameter"
    return "prior of a share" if (low, high) == (0.0, 1.0) else "prior between these"


def _names(kinds: tuple[Any, ...]) -> str:
    return ", ".join(kind.__name__ for kind in kinds)


def _predictor_hint(name: str, given: Any) -> str:
    if not isinstance(given, str):
        return ""
    return f"; write dispersion={{{name!r}: [{given!r}]}} for a predictor of {name}"


def _is_list_of_terms(given: Any) -> bool:
    if not isinstance(given, (list, tuple)):
        return False
    return not given or any(isinstance(part, (str, *TERMS)) for part in given)


def _of_parts(name: str, parts: Sequence[Any], kinds: tuple[Any, ...]) -> Predictor:
    """Return the predictor that a list says, of terms and perhaps a prior of some kinds."""
    numbers = [part for part in parts if isinstance(part, Real)]
    if numbers:
        raise ModelError(
            f"dispersion of {name!r}: {numbers[0]!r} fixes it, and it has terms as well; give a "
            "number or terms, not both."
        )
    priors = [part for part in parts if hasattr(part, "traits")]
    unfit = [prior for prior in priors if not isinstance(prior, kinds)]
    if unfit:
        raise ModelError(
            f"dispersion of {name!r}: {unfit[0]!r} beside the terms is no prior of {name} itself; "
            f"give one of {_names(kinds)}, and terms their own by prior=."
        )
    if len(priors) > 1:
        raise ModelError(
            f"dispersion of {name!r} has the priors {shown(priors)} beside its terms; give one, "
            f"that of {name} where all terms are zero."
        )
    kept = as_terms([part for part in parts if not hasattr(part, "traits")])
    if not kept:
        raise ModelError(
            f"dispersion of {name!r} is a list without terms; name a predictor in it, or give a "
            "prior or a number."
        )
    return Predictor(tuple(_named(name, term) for term in kept), *priors)


def _named(name: str, term: Term) -> Term:
    if term.label.startswith(f"{name}_"):
        return term
    return dataclasses.replace(term, name=f"{name}_{term.label}")  # type: ignore[type-var]
