"""`formula`: the model that a Wilkinson formula says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.formula.algebra import INTERCEPT, Sum, expand
from bayesglm.spec.formula.arithmetic import known_function
from bayesglm.spec.formula.functions import term_of
from bayesglm.spec.formula.groups import group_text, merged_groups
from bayesglm.spec.formula.response import response_of
from bayesglm.spec.formula.syntax import Call, Name, Node, Pair, parse
from bayesglm.spec.formula.values import variable_of
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.likelihood import check_family
from bayesglm.spec.model import GLM
from bayesglm.spec.terms.term import Term


def formula(
    text: str,
    family: str = "gaussian",
    link: str | None = None,
    priors: Mapping[str, Any] | None = None,
    dispersion: Any = None,
    **fields: Any,
) -> GLM:
    """Return the model that a formula says, the same as a list of terms would.

    Nothing in a formula is run, and no name is looked up but in the data, at the fit. A variable of
    words or categories is a `Category`. Truth values count as 0 and 1, as everywhere; ``C(flag)``
    makes them levels, ``flag[True]``, both of which have a coefficient where there is no intercept.

    ==========================================  ====================================================
    ``y ~ x + z``, ``- 1`` or ``0 +``           predictors; without an intercept
    ``a:b``, ``a * b``, ``a / b``, ``b %in% a``  a product; ``a + b + a:b``; ``a + a:b``; ``a:b``
    ``(a + b + c)**2``                          all products of up to two
    ``C(g)``, ``C(g, Sum)``, ``C(g, reference="b", levels=[...])``   `Category`
    ``s(x, df=8)``, ``mo(x)``                   `Spline`, penalised; `Monotonic`
    ``bs(x, df=5)``, ``cr(x, df=5)``, ``poly(x, 2)``    `Basis`: columns without a penalty
    ``log(x)``, ``scale(x)``, ``I(x**2 / z)``   columns that are computed
    ``(1 | g)``, ``(1 + x | g)``, ``(x || g)``  `Group`: intercepts, slopes, correlated or not
    ``(1 | a/b)``, ``(1 | a:b)``                nested and crossed groups
    ``offset(x)``, ``offset(log(km))``          a known part of eta; an exposure
    ``p(y, n) ~``, ``y | trials(n) ~``          binomial counts among trials
    ``y | weights(w) + rate(km) + cens(status) + trunc(lb=0) ~``   as brms writes them
    ``Lagged(x, lags=25)``, ``History(lags=10)``    any term by its own name
    ==========================================  ====================================================

    Parameters
    ----------
    text : str
        The formula.
    family, link : str
        As in `GLM`.
    priors : mapping, optional
        Priors by the names of terms, ``{"age": Normal(1.0), "a:b": lasso(2.0), "intercept": ...}``.
    dispersion : prior, number or mapping, optional
        As in `GLM`; a formula's right side makes a parameter a linear predictor of its own:
        ``{"sigma": "~ x + (1 | g)"}``.
    **fields
        Other fields of `GLM`.

    Returns
    -------
    GLM

    Raises
    ------
    ModelError
        A text that is no formula, an operator or function that is unknown, or anything that `GLM`
        refuses.

    Notes
    -----
    Wilkinson & Rogers 1973, "Symbolic description of factorial models for analysis of variance",
    Applied Statistics 22:392-399; groups as in lme4 (Bates et al. 2015).

    Examples
    --------
    >>> import bayesglm as bg
    >>> bg.formula("churn ~ age + (1 | region) + offset(log(months))", family="poisson")
    GLM('churn', [Linear('age'), Group('region')], family='poisson', exposure='months')
    """
    if not isinstance(text, str):
        raise ModelError(f"a formula is a string such as 'y ~ x', got {shown(text)}.")
    if "data" in fields or hasattr(family, "columns"):
        raise ModelError(
            f"a formula is read before the data; write fit(formula({shown(text)}), data)."
        )
    tree = _both_sides(text)
    if isinstance(tree.left, Pair) and tree.left.operator == "~":
        raise ModelError(f"formula {shown(text)} has more than one ~; write one.")
    check_family(family)
    response, said = response_of(tree.left)
    whole = expand(tree.right)
    terms = _terms(whole)
    if INTERCEPT not in whole.products:
        said["intercept"] = None
    said |= _known(whole, link or _default_link(family))
    _check_said_once(said, fields, text)
    model = GLM(
        response,
        terms,
        family=family,
        link=link,
        dispersion=_dispersion(dispersion),
        **{**said, **fields},
    )
    return model if priors is None else _with_priors(model, priors)


def _both_sides(text: str) -> Pair:
    """Return a formula as read, with what stands before ~ and behind it."""
    left, tilde, _ = text.partition("~")
    if not tilde:
        response, _, right = text.partition("=")
        write = f"{response.strip()[:40] or 'y'} ~ {right.strip()[:40] or 'x'}"
        raise ModelError(f"formula {shown(text)} has no ~; write {write!r}.")
    if not left.strip():
        raise ModelError(f"formula {shown(text)} has no response; write 'y ~ ...'.")
    tree = parse(text)
    if not isinstance(tree, Pair) or tree.operator != "~":
        raise ModelError(
            f"formula {shown(text)} has a ~ inside a call; write formula('y ~ x'), and predictors "
            "of other parameters as dispersion={'sigma': '~ z'}."
        )
    return tree


def _terms(whole: Sum) -> list[Term]:
    """Return the terms of a right side; of several of one name calls and groups get their text."""
    made = [(term_of(own), own) for key, own in whole.products.items() if key != INTERCEPT]
    terms = [(term, ":".join(map(str, own)), isinstance(own[0], Name)) for term, own in made]
    terms += [(group, group_text(group), False) for group in merged_groups(whole.groups)]
    labels = [term.label for term, _, _ in terms]
    return [
        dataclasses.replace(term, name=text.replace("/", "÷"))  # type: ignore[type-var]
        if labels.count(term.label) > 1 and not is_plain
        else term
        for term, text, is_plain in terms
    ]


def _default_link(family: object) -> str | None:
    known = FAMILY_NAMES.get(family) if isinstance(family, str) else None
    return known.links[0] if known else None


def _known(whole: Sum, link: str | None) -> dict[str, str]:
    """Return the fields that offsets say: on a log link that of a logarithm is an exposure."""
    said: dict[str, str] = {}
    for call in whole.known:
        if len(call.given) != 1 or call.named:
            raise ModelError(f"formula: {call} takes one variable.")
        field, variable = "offset", call.given[0]
        is_log = link is not None and link in LINK_NAMES and LINK_NAMES[link].is_log
        inside = _in_log(variable) if is_log else None
        if inside is not None:
            field, variable = "exposure", inside
        if field in said:
            raise ModelError(
                f"formula: more than one {field}; add them up in one column of the data."
            )
        said[field] = variable_of(variable, f"{call.function}()")
    return said


def _in_log(node: Node) -> Name | None:
    """Return the variable of which something is the logarithm; None of anything else."""
    if isinstance(node, Call) and known_function(node.function) == "log" and len(node.given) == 1:
        return node.given[0] if isinstance(node.given[0], Name) else None
    return None


def _check_said_once(said: Mapping[str, Any], fields: Mapping[str, Any], text: str) -> None:
    for name in said:
        if fields.get(name) is not None:
            raise ModelError(
                f"{name}={shown(fields[name])} and the formula {shown(text)} both say {name}; "
                "leave one out."
            )


def _dispersion(given: Any) -> Any:
    """Return what `GLM` takes of dispersions: right sides of formulas as lists of terms."""
    if not isinstance(given, Mapping):
        return given
    return {name: _right_side(name, one) for name, one in given.items()}


def _right_side(name: object, given: Any) -> Any:
    if not isinstance(given, str):
        return given
    left, tilde, right = given.rpartition("~")
    if not tilde or left.strip() not in ("", name):
        raise ModelError(
            f"dispersion {name!r}: {shown(given)} is no right side; write {'~ ' + right.strip()!r}."
        )
    whole = expand(parse(right))
    if INTERCEPT not in whole.products or whole.known:
        raise ModelError(
            f"dispersion {name!r}: {shown(given)} has no intercept, or an offset; its predictor "
            "has an intercept always, and no offset."
        )
    return _terms(whole)


def _with_priors(model: GLM, priors: Mapping[str, Any]) -> GLM:
    """Return the model with priors by the names of its terms."""
    if not isinstance(priors, Mapping):
        raise ModelError(
            f"priors are a mapping such as {{'x': Normal(1.0)}}, got {shown(priors)}; one prior of "
            "all terms is prior=."
        )
    labels = [term.label for term in model.every_term]
    known = ("intercept", *labels)
    for name in priors:
        if name not in known:
            raise ModelError(
                f"priors name {name!r}, and the terms are {', '.join(known)}.{closest(name, known)}"
            )
    terms = [
        dataclasses.replace(term, prior=priors[term.label]) if term.label in priors else term
        for term in model.every_term
    ]
    fields = {"intercept": priors["intercept"]} if "intercept" in priors else {}
    return model.with_terms(terms, **fields)
