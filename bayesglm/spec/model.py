"""The model: one frozen description, read by every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from bayesglm.errors import ModelError
from bayesglm.spec.dispersions import (
    Predictor,
    Stated,
    frozen_dispersions,
    predictors_of,
    stated_of,
    with_terms,
)
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.hints import an, call_of, prior_hint, shown, verb_hint
from bayesglm.spec.likelihood import check_likelihood
from bayesglm.spec.model_names import check_names
from bayesglm.spec.noun import noun, put, put_plain_strings
from bayesglm.spec.priors import (
    COEFFICIENT_PRIORS,
    CoefficientPrior,
    Flat,
    learned_scale,
)
from bayesglm.spec.response_levels import COUNTS_OF_LEVELS, FIRST, Reference, check_labels
from bayesglm.spec.seen import Censored, Truncated, check_seen, seen_roles
from bayesglm.spec.terms.levels import Levels
from bayesglm.spec.terms.table import as_terms
from bayesglm.spec.terms.term import Term

ROLES = ("trials", "offset", "exposure", "weights")


@noun
class GLM:
    """A generalized linear model: response, terms, family, link and priors.

    eta = offset + log(exposure) + intercept + sum over terms of X w, y ~ family(g^-1(eta)); the
    log posterior is sum(weight * log p(y | eta)) + log p(w) + log p(dispersion): sums, never
    means, so each prior is the penalty it equals (McCullagh & Nelder 1989; Tibshirani 1996).

    Parameters
    ----------
    response : str
        The variable of the data to explain.
    terms : term, str, or sequence of them
        `Linear`, `Lagged`, `History`, `Coupling`, `Group`, `Category`, `Interaction`, `Spline`,
        `Basis`; a bare string is ``Linear(name)``, or ``Category(name)`` where that variable holds
        words or categories.
    family : str
        gaussian, student_t, bernoulli, binomial, poisson; negative_binomial, negative_binomial1,
        zero_inflated_poisson, zero_inflated_negative_binomial, hurdle_poisson, beta_binomial;
        gamma, inverse_gaussian, exponential, weibull, tweedie, beta, von_mises; categorical,
        multinomial, ordinal.
    link : str, optional
        The family's default by default; an unknown one is answered with those that it takes.
    prior : prior, optional
        Prior of terms that have none of their own (`Group` and `Spline` apart). Without either, a
        weakly informative Normal scaled by the data (2.5 sd(y)/sd(x) on the scale of a gaussian
        response, 2.5/sd(x) elsewhere: rstanarm's and Bambi's rule), resolved once at the first
        fit and stored.
    intercept : prior or None
        Prior of the raw intercept (no `RandomWalk`, which needs dims); ``Flat()`` by default,
        None removes the intercept.
    dispersion : prior, number or mapping, optional
        Of gaussian's sigma: a prior of sigma itself (`HalfNormal`, `HalfStudentT`,
        `Exponential`, `Flat`), or a fixed number. By default HalfStudentT(sd(y)). By the name of
        the parameter, of which a family may have several, ``{"sigma": HalfNormal(1.0)}``. A list
        of terms makes the parameter a linear predictor of its own, on its own link:
        ``{"sigma": ["x", Group("g")]}`` is log(sigma) = sigma_intercept + sigma_x x + sigma_g[g].
        A prior in the list is that of sigma itself where all terms are zero, by default what it
        is without terms (`Flat` is no penalty on sigma_intercept); terms without one get
        Normal(1/sd(x)).
    trials : str, optional
        Binomial only, and required there: the variable with the number of trials. Those of a
        multinomial are the sums of its counts, which such a variable may say once more: new data
        without counts then have it.
    offset : str, optional
        The variable with a known part of eta.
    exposure : str, optional
        On a log link: the variable by which each mean is multiplied (a time, a distance, a number
        of people), positive. Its logarithm is added to eta, beside any ``offset``.
    weights : str, optional
        The variable with frequency weights (a weight of 2 is the row twice).
    edges : {"drop", "zero"}
        Samples without a full past (or future, for negative lags) are left out, or see zeros.
    missing : {"raise", "drop"}
        Samples that read a missing value, their own or at some lag, are refused, or left out
        (``n_missing`` of them; predictions of such are NaN). Empty words count as missing.
    levels : sequence of str, int or bool, optional
        Of a response of labels: all its levels, in their order. By default those of the data at
        the first fit, which the stored model keeps: categories of pandas in their own order, other
        labels sorted. A bernoulli response is 1 where it is the second of two. Of a multinomial
        response, whose counts have a dim of the levels beside the samples', those of its labels
        that are counted, in their order.
    reference : label, optional
        The level that the others are held against, the first by default.
    censored : str or (str, str), optional
        The variable that says by words how each response y is seen: ``"none"`` exactly,
        ``"left"`` up to y, ``"right"`` beyond y (of counts y or more), ``"interval"`` beyond y and
        up to the second variable's number. A sample counts log P of what was seen of it:
        log P(Y > y) where it is ``"right"``. Predictions are of Y itself.
    truncated : (lower, upper), optional
        The bounds between which responses are seen at all, both included: numbers, names of
        variables, or None. A sample counts log p(y) - log P(lower <= Y <= upper), and predicted
        means and responses are those between the bounds. Labels and angles take neither.

    Raises
    ------
    ModelError
        Anything that cannot be a model: an unknown family, a link the family does not allow, two
        terms of one name, a reserved name.

    Examples
    --------
    >>> import bayesglm as bg
    >>> model = bg.GLM("spikes", [bg.Lagged("stimulus", lags=25, prior=bg.ridge(1.0))],
    ...                family="poisson")
    >>> model
    GLM('spikes', [Lagged('stimulus', lags=25, prior=Normal(1.0))], family='poisson')
    >>> print(model)
    spikes[t] ~ Poisson(exp(eta[t]))
    eta[t] = intercept + Σₖ stimulus[k]·stimulus[t-k]
    intercept             ~ Flat                no penalty
    stimulus[k=0..24]     ~ Normal(0, 1²)       ridge(1) = 1/2 · Σ stimulus²
    >>> bg.GLM.from_json(model.to_json()) == model
    True
    """

    response: str
    terms: Any  # kept as a tuple of terms
    family: str = "gaussian"
    link: str | None = None
    prior: CoefficientPrior | None = None
    intercept: CoefficientPrior | None = Flat()
    dispersion: Stated | Mapping[str, Any] | None = None
    trials: str | None = None
    offset: str | None = None
    exposure: str | None = None
    weights: str | None = None
    edges: str = "drop"
    levels: Levels = None
    reference: Reference = FIRST
    censored: Censored = None
    truncated: Truncated = None
    missing: str = "raise"

    def __post_init__(self) -> None:
        put_plain_strings(self)
        _check_no_formula(self)
        put(self, terms=as_terms(self.terms))
        check_likelihood(self)
        check_labels(self)
        check_seen(self)
        _check_priors(self)
        _check_roles(self)
        check_names(self)

    @property
    def link_name(self) -> str:
        """The link, the family's default where none was given."""
        return self.link or FAMILY_NAMES[self.family].links[0]

    @property
    def predicted(self) -> dict[str, Predictor]:
        """The parameters beside the mean that have a linear predictor of their own, by name."""
        return predictors_of(self.dispersion)

    @property
    def every_term(self) -> tuple[Any, ...]:
        """The terms of all linear predictors, the mean's first."""
        others = (term for one in self.predicted.values() for term in one.terms)
        return (*self.terms, *others)

    def with_terms(self, terms: Sequence[Term], **fields: Any) -> GLM:
        """Return the model with others for `every_term`, in that order, and with other fields."""
        kept, own = list(terms), {}
        mean, kept = kept[: len(self.terms)], kept[len(self.terms) :]
        for name, one in self.predicted.items():
            own[name], kept = tuple(kept[: len(one.terms)]), kept[len(one.terms) :]
        dispersion = with_terms(fields.pop("dispersion", self.dispersion), own)
        return replace(self, terms=tuple(mean), dispersion=dispersion, **fields)

    def dispersion_of(self, name: str) -> Any:
        """Return what is said of one of the family's dispersions; None where the data decide."""
        return stated_of(self.dispersion, name)

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable of the data that the model reads, the response first."""
        names = [self.response]
        for term in self.every_term:
            names.extend(term.variables)
        names.extend(self.roles.values())
        return tuple(dict.fromkeys(names))

    @property
    def roles(self) -> dict[str, str]:
        """Variables with something known of each sample, by what they are: trials, offset, ..."""
        known = {role: name for role in ROLES if (name := getattr(self, role))}
        return known | seen_roles(self)

    @property
    def has_history(self) -> bool:
        """Whether the response's own past is a predictor."""
        return any(term.reads_response for term in self.every_term)

    def prior_of(self, term: Term) -> CoefficientPrior | None:
        """Return the prior of a term: its own, the model's, or None where the data decide.

        The model's is that of the mean's terms.
        """
        if term.prior is not None or not term.takes_model_prior:
            return term.prior
        others = self.every_term[len(self.terms) :]
        return None if term.label in [one.label for one in others] else self.prior

    def to_json(self) -> str:
        """Write the model as JSON text that `from_json` reads back to an equal model."""
        from bayesglm.spec.codec import to_json

        return to_json(self)

    @staticmethod
    def from_json(text: str) -> GLM:
        """Read a model from the JSON text that `to_json` wrote.

        Raises
        ------
        ModelError
            Text that is no JSON, or JSON that says no model.
        """
        from bayesglm.spec.codec import from_json

        return from_json(text)

    def __str__(self) -> str:
        from bayesglm.spec.notation import model_text

        return model_text(self)

    def _repr_html_(self) -> str:
        from bayesglm.spec.cards import card, formula_part

        return card(f"GLM of {self.response}", [formula_part(str(self))])

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> None:
            hint = "" if name.startswith("_") else verb_hint(name)
            raise AttributeError(f"'GLM' object has no attribute {name!r}{hint}")


def _check_no_formula(model: GLM) -> None:
    if isinstance(model.response, str) and "~" in model.response:
        raise ModelError(
            f"response {model.response!r} is a formula, and GLM takes names; write bayesglm."
            f"{call_of(model.response)}."
        )


def _check_priors(model: GLM) -> None:
    increasing = FAMILY_NAMES[model.family].increasing
    if increasing and model.intercept is not None:
        if model.intercept != Flat():
            raise ModelError(
                f"intercept={model.intercept!r}: {an(model.family)} response has none, since its "
                f"{increasing[0]}s are; leave it out, and give those a prior: "
                f"dispersion={model.intercept!r}."
            )
        put(model, intercept=None)
    allowed = ", ".join(prior.__name__ for prior in COEFFICIENT_PRIORS)
    if model.prior is not None and not isinstance(model.prior, COEFFICIENT_PRIORS):
        raise ModelError(
            f"prior must be one of {allowed}, got {shown(model.prior)}{prior_hint(model.prior)}."
        )
    if model.intercept is not None and not isinstance(model.intercept, COEFFICIENT_PRIORS):
        raise ModelError(
            f"intercept must be one of {allowed}, or None, got {shown(model.intercept)}"
            f"{_intercept_hint(model.intercept)}."
        )
    if model.intercept is not None and model.intercept.traits.needs_dims:
        raise ModelError(
            f"intercept={model.intercept!r}: a {type(model.intercept).__name__} needs dims, and an "
            "intercept has none; use Normal, Laplace, StudentT or Flat."
        )
    if learned_scale(model.intercept) is not None:
        raise ModelError(
            f"intercept={model.intercept!r}: a single coefficient says next to nothing of its own "
            "scale; give the intercept's prior a number."
        )
    put(model, dispersion=frozen_dispersions(model.family, model.dispersion))


def _intercept_hint(given: object) -> str:
    if isinstance(given, bool):
        return "; write intercept=None for none" if not given else "; leave it out"
    nothing = isinstance(given, Real) and given == 0
    return "; write intercept=None for none" if nothing else prior_hint(given)


def _check_roles(model: GLM) -> None:
    if not isinstance(model.response, str) or not model.response:
        several = isinstance(model.response, (list, tuple))
        raise ModelError(
            f"response must be the name of a variable, got {shown(model.response)}."
            + (f" {COUNTS_OF_LEVELS}" if several else "")
        )
    for role in ROLES:
        name = getattr(model, role)
        if name is not None and (not isinstance(name, str) or not name):
            raise ModelError(f"{role} must be the name of a variable, got {shown(name)}.")
        if name == model.response:
            raise ModelError(f"{role}={name!r} is the response itself; name another variable.")
    needs_trials = FAMILY_NAMES[model.family].needs_trials
    if needs_trials and model.trials is None:
        raise ModelError(
            f"family {model.family!r} needs trials=, the variable with the number of trials of "
            "each sample; for 0/1 responses use family 'bernoulli'."
        )
    counts_levels = FAMILY_NAMES[model.family].counts_levels
    if model.trials is not None and not (needs_trials or counts_levels):
        raise ModelError(
            f"trials={model.trials!r} is the count variable of a binomial, and family "
            f"{model.family!r} has none. To mark trials in time, give the data a 'trial' "
            "coordinate instead: lags never cross it."
        )
    if model.exposure is not None and not LINK_NAMES[model.link_name].is_log:
        logs = [
            f"{name!r} (link={link!r})"
            for name, of in FAMILY_NAMES.items()
            for link in of.links
            if LINK_NAMES[link].is_log
        ]
        raise ModelError(
            f"exposure={model.exposure!r} multiplies the mean, which on a log link is an offset; "
            f"the link of this {model.family} model is {model.link_name!r}. Take a log link, as "
            f"{' and '.join(logs)} have, or say a known part of eta as offset=."
        )
