"""Families and links of one's own are made known to every table that knows the package's."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bayesglm.errors import BayesGLMError, ModelError
from bayesglm.inference.twin.likelihoods import LIKELIHOODS, MEANS
from bayesglm.numerics.families.own import CURVES, curve_of, family_records, under
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.hints import an, closest, shown
from bayesglm.spec.own import OwnFamily, OwnLink

# What this process was told of: families and links of one's own, by name.
OWN_FAMILIES: dict[str, OwnFamily] = {}
OWN_LINKS: dict[str, OwnLink] = {}


def register_family(family: OwnFamily, replace: bool = False) -> None:
    """Make a family of one's own known: from then on every verb takes it as the package's own.

    It is known to this process alone. Files name a family and do not hold it: register it before
    `load` and `GLM.from_json`, and in every process of a pool that did not fork from this one;
    threads share it. `bayesglm.testing.check_family` proves it.

    Its log density is tried at once, with its derivatives.

    Parameters
    ----------
    family : OwnFamily
        The family.
    replace : bool
        Whether it may take the place of another of one's own with the same name, as when a cell of
        a notebook is run again. Fits keep their numbers; what is asked of them later is computed
        by the new one. Families of the package cannot be replaced.

    Raises
    ------
    ModelError
        A name that is taken, a link that is not known, or functions that do not give a density:
        the message says which function failed and how.

    Examples
    --------
    The logarithms of lognormal responses are normal; mu is their median.

    >>> import bayesglm as bg
    >>> import numpy as np
    >>> from scipy.special import ndtr
    >>> def twin(mu, sigma):
    ...     import pymc as pm
    ...     return pm.LogNormal.dist(mu=np.log(mu), sigma=sigma)
    >>> def log_density(y, mu, sigma):
    ...     z = (np.log(y) - np.log(mu)) / sigma
    ...     return -0.5 * z**2 - np.log(sigma) - np.log(y) - 0.5 * np.log(2 * np.pi)
    >>> bg.register_family(bg.OwnFamily(
    ...     "lognormal", "log", log_density, twin,
    ...     draw=lambda rng, mu, sigma: mu * rng.lognormal(0.0, sigma, np.shape(mu)),
    ...     valid=lambda y: y > 0,
    ...     support="positive numbers",
    ...     dispersions=bg.OwnDispersion("sigma", bg.HalfNormal(1.0), deviance_power=-2.0),
    ...     mean=lambda mu, sigma: mu * np.exp(0.5 * sigma**2),
    ...     mu_range=(0, np.inf), has_unit=True, concave_links="log",
    ...     cdf=lambda y, mu, sigma: ndtr((np.log(y) - np.log(mu)) / sigma),
    ...     notation="LogNormal(median {mu}, sigma)",
    ... ))
    >>> data = {"y": [1.0, 2.5, 2.0, 6.0, 9.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0]}
    >>> model = bg.GLM("y", "x", family="lognormal", prior=bg.Flat(), dispersion=bg.Flat())
    >>> print(model)
    y[i] ~ LogNormal(median exp(eta[i]), sigma)
    eta[i] = intercept + x·x[i]
    intercept             ~ Flat                no penalty
    x                     ~ Flat                no penalty
    sigma                 ~ Flat                no penalty
    >>> fitted = bg.fit_map(model, data)
    >>> line = np.polyfit(data["x"], np.log(data["y"]), 1)
    >>> bool(np.allclose(line, [fitted["map"]["x"], fitted["map"]["intercept"]]))
    True
    """
    _check_kind("register_family", family, OwnFamily)
    if OWN_FAMILIES.get(family.name) == family:
        return
    _check_free("family", family.name, FAMILY_NAMES, OWN_FAMILIES, replace)
    unknown = [link for link in family.links if link not in CURVES or link not in MEANS]
    if unknown:
        raise ModelError(
            f"family {family.name!r} names the link {unknown[0]!r}, which is not known; known are "
            f"{', '.join(MEANS)}.{closest(unknown[0], MEANS)} One of your own is registered first."
        )
    records = family_records(family)
    for (_, link), record in records.items():
        _try(family, link, record)
    for key in [key for key in FAMILIES if key[0] == family.name]:
        del FAMILIES[key]
    OWN_FAMILIES[family.name] = family
    FAMILY_NAMES[family.name] = family.words
    FAMILIES.update(records)
    LIKELIHOODS[family.name] = _twin(family)


def register_link(link: OwnLink, replace: bool = False) -> None:
    """Make a link of one's own known to the families that it names, and to one's own families.

    As `register_family`, it holds for this process alone. A family of the package is computed under
    it by way of its default link, so that a probability within rounding of 0 or 1 is 0 or 1.

    Parameters
    ----------
    link : OwnLink
        The link.
    replace : bool
        Whether it may take the place of another of one's own with the same name.

    Raises
    ------
    ModelError
        A name that is taken, a family that is not known or takes no such link, or a mean that
        cannot be computed or differentiated.

    Examples
    --------
    >>> import bayesglm as bg
    >>> import numpy as np
    >>> def twin(eta):
    ...     import pytensor.tensor as pt
    ...     return pt.exp(eta**3)
    >>> bg.register_link(bg.OwnLink("cubic", lambda eta: np.exp(eta**3), twin, families="poisson",
    ...                             notation="exp({eta}³)"))
    >>> print(bg.GLM("y", [], family="poisson", link="cubic"))
    y[i] ~ Poisson(exp(eta[i]³))
    eta[i] = intercept
    intercept             ~ Flat                no penalty
    """
    _check_kind("register_link", link, OwnLink)
    if OWN_LINKS.get(link.name) == link:
        return
    _check_free("link", link.name, LINK_NAMES, OWN_LINKS, replace)
    curve = curve_of(link)
    _of_user(
        f"link {link.name!r}: mean",
        lambda: curve.derivatives(np.array([curve.domain.inside]), 2),
    )
    records = [_under(link, name) for name in link.families]
    _forget_link(link.name)
    OWN_LINKS[link.name] = link
    CURVES[link.name] = curve
    LINK_NAMES[link.name] = link.words
    MEANS[link.name] = link.twin
    for record in records:
        words = FAMILY_NAMES[record.name]
        FAMILY_NAMES[record.name] = _with_links(words, (*words.links, link.name))
        FAMILIES[record.name, link.name] = record
    for name, own in OWN_FAMILIES.items():
        if link.name in own.links:
            FAMILIES.update(family_records(own))
            FAMILY_NAMES[name] = own.words


def _forget_link(name: str) -> None:
    """Take a link that is replaced from the families that had it."""
    for family in [family for family, link in FAMILIES if link == name]:
        del FAMILIES[family, name]
        words = FAMILY_NAMES[family]
        FAMILY_NAMES[family] = _with_links(
            words, tuple(link for link in words.links if link != name)
        )


def _with_links(words: Any, links: tuple[str, ...]) -> Any:
    return dataclasses.replace(words, links=links)


def _under(link: OwnLink, name: str) -> Family:
    """Return the record of one of the package's families under a link of one's own."""
    if name not in FAMILY_NAMES:
        raise ModelError(
            f"link {link.name!r} is for the family {name!r}, which is not known; known are "
            f"{', '.join(FAMILY_NAMES)}.{closest(name, FAMILY_NAMES)}"
        )
    key = (name, FAMILY_NAMES[name].links[0])
    if name in OWN_FAMILIES or key not in FAMILIES:
        which = "is your own: name the link among its links" if name in OWN_FAMILIES else "has none"
        raise ModelError(f"link {link.name!r}: family {name!r} {which}; leave it out of families=.")
    return under(link, FAMILIES[key])


def _twin(own: OwnFamily) -> Callable[..., dict[str, Any]]:
    """Return the entry of a family of one's own in the table of likelihoods."""

    def likelihood(link: Any, eta: Any, phi: dict[str, Any], trials: Any) -> dict[str, Any]:
        last = (trials,) if own.has_trials else ()
        return {"made": own.twin(link(eta), *(phi[one.name] for one in own.dispersions), *last)}

    return likelihood


def _check_kind(verb: str, given: object, kind: type) -> None:
    if not isinstance(given, kind):
        raise ModelError(f"{verb} takes {an(kind.__name__)}, got {shown(given)}.")


def _check_free(
    what: str, name: str, known: Mapping[str, Any], own: Mapping[str, Any], replace: bool
) -> None:
    """Raise ModelError where a name is taken."""
    if name in own and not replace:
        raise ModelError(
            f"{what} {name!r} is registered already, with other functions; take another name, or "
            f"say register_{what}(..., replace=True)."
        )
    if name in known and name not in own:
        raise ModelError(
            f"{what} {name!r} is one of the package's own, which cannot be replaced; take another "
            "name."
        )


def _try(own: OwnFamily, link: str, record: Family) -> None:
    """Call every function of a family at one place, and raise ModelError where one fails."""
    eta = np.full((1, 3), record.domain.inside)
    phi = tuple(np.asarray(one.first) for one in own.dispersions)
    trials = np.full(3, 5.0) if own.has_trials else None
    rng, what = np.random.default_rng(0), f"family {own.name!r} under link {link!r}"
    y = _of_user(f"{what}: draw", lambda: record.draw(rng, eta, phi, trials))
    if y.shape != (3,):
        raise ModelError(
            f"{what}: draw gave an array {y.shape} for mu of shape (3,); give a response for each "
            "mu."
        )
    valid = _of_user(f"{what}: valid", lambda: record.valid(y, trials))
    if valid.shape != y.shape or not valid.all():
        raise ModelError(f"{what}: draw gave {y.tolist()}, of which valid says {valid.tolist()}.")
    density = f"{what}: log_density"
    value = _of_user(density, lambda: record.log_likelihood(y, eta, phi, trials))
    _of_user(density, lambda: record.derivatives(y, eta, phi, trials))
    if not np.all(np.isfinite(value)):
        raise ModelError(f"{density} of {y.tolist()}, which it drew, is {value.tolist()}.")
    _of_user(f"{what}: mean", lambda: record.mean(eta, phi, trials))
    _of_user(f"{what}: saturated", lambda: record.saturated(y, phi, trials))
    if record.cdf is not None and record.survival is not None:
        of_response = {"cdf": record.cdf, "survival": record.survival}
        for name, function in of_response.items():
            _of_user(f"{what}: {name}", partial(function, y, eta, phi, trials))


def _of_user(what: str, call: Callable[[], Any]) -> Any:
    """Return what a user's function gives; where it fails, a ModelError says which did."""
    try:
        return call()
    except BayesGLMError as error:
        raise ModelError(f"{what}: {error}") from error
    except Exception as error:
        raise ModelError(f"{what} failed: {type(error).__name__}: {error}.") from error
