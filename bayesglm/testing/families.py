"""The conformance test of families: the package's own pass it, and so must one of one's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from bayesglm.errors import BayesGLMError, ConformanceError, ModelError
from bayesglm.inference.map import fit_map
from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES, OF_LEVELS
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.model import GLM
from bayesglm.spec.prior.apart import Normal
from bayesglm.testing.places import TRIALS, Place, place_of
from bayesglm.testing.records import CHECKS
from bayesglm.testing.twins import check_twin

N_LEVELS = 3  # of the responses of labels
N_ROWS = 60  # of the data on which models are fitted
LEAST_SLOPE = 1e-5  # of the log posterior at a mode, in units of the parameters


def check_family(
    name: str,
    link: str | None = None,
    dispersions: Mapping[str, Any] | None = None,
    models: bool = True,
) -> tuple[str, ...]:
    """Raise ConformanceError unless all that a family says of itself agrees.

    It is the test that the families of the package pass, under each of their links. Of the record:

    - draws are admissible responses, the same from the same seed, and have the mean that is said;
    - densities add up to one over all responses, and responses to their mean;
    - first and second derivatives, in eta and in every dispersion, are those of finite differences;
    - the cumulative distribution, where there is one, adds up the density;
    - the saturated density is the largest, and deviances go with the powers of dispersions;
    - what is claimed holds: concavity, where separated responses push, where solvers start;
    - arrays broadcast, and no density is nan or infinite, however far eta is out.

    Of models on data drawn from it: value and gradient equal those in PyMC to 1e-9 and 1e-8, with
    every dispersion a parameter and with a predictor for each; no slope is left at the MAP; and the
    model comes back from its JSON.

    Parameters
    ----------
    name : str
        The family; one's own is registered first.
    link : str, optional
        One link; all of them by default.
    dispersions : mapping of str to number, optional
        Where dispersions are held for the checks of the record; where solvers start by default.
    models : bool
        Whether models are compared with PyMC as well, which takes some seconds a link.

    Returns
    -------
    tuple of str
        What was checked, ``"link: check"``, in order.

    Raises
    ------
    ConformanceError
        Every check that failed, under which link, and by how much.
    ModelError
        A family or a link that is not known.

    Examples
    --------
    >>> import bayesglm as bg
    >>> checked = bg.testing.check_family("poisson", link="log", models=False)
    >>> checked[:2]
    ('log: draws are responses', 'log: the density adds up to one')
    """
    done, failed = [], []
    for of_link in _links(name, link):
        for check, call in _calls(name, of_link, dispersions or {}, models).items():
            title = f"{of_link}: {check}"
            try:
                call()
            except (AssertionError, BayesGLMError) as error:
                failed.append(f"{title}: {' '.join(str(error).split())}")
            except Exception as error:  # of a function of the family's, whichever it is
                failed.append(f"{title}: {type(error).__name__}: {error}")
            done.append(title)
    if failed:
        raise ConformanceError(
            f"family {name!r} fails {len(failed)} of {len(done)} checks:\n" + "\n".join(failed)
        )
    return tuple(done)


def _links(name: str, link: str | None) -> tuple[str, ...]:
    if name not in FAMILY_NAMES:
        raise ModelError(
            f"unknown family {shown(name)}; the families are {', '.join(FAMILY_NAMES)}."
            f"{closest(name, FAMILY_NAMES)} One of your own is made known by register_family first."
        )
    links = FAMILY_NAMES[name].links
    if link is not None and link not in links:
        raise ModelError(
            f"family {name!r} does not go with link {shown(link)}; it allows {', '.join(links)}."
        )
    return links if link is None else (link,)


def _calls(
    name: str, link: str, stated: Mapping[str, Any], models: bool
) -> dict[str, Callable[[], Any]]:
    """Return the checks of a family under one link, by what they say."""
    calls: dict[str, Callable[[], Any]] = {}
    for reference, record in _records(name, link).items():
        place = place_of(record, stated)
        for check in CHECKS:
            calls[check.__name__.replace("_", " ") + reference] = partial(check, place)
    if models:
        place = next(iter(place_of(one, stated) for one in _records(name, link).values()))
        calls["models agree with PyMC"] = partial(_check_models, name, link, place)
    return calls


def _records(name: str, link: str) -> dict[str, Family]:
    """Return the records of a family: of levels with a reference and, if it may be, without."""
    if (name, link) in FAMILIES:
        return {"": FAMILIES[name, link]}
    make, labels = OF_LEVELS[name, link], FAMILY_NAMES[name].labels
    records = {"": make(N_LEVELS, 0)}
    if labels is not None and labels.each:
        records[" without a reference"] = make(N_LEVELS, None)
    return records


def _check_models(name: str, link: str, place: Place) -> None:
    """Compare models of data that are drawn from the family, and their modes, with PyMC's."""
    words, rng = FAMILY_NAMES[name], np.random.default_rng(0)
    x, family = rng.normal(size=N_ROWS), place.family
    eta = place.over_channels(0.3 * x)
    trials = np.full(N_ROWS, TRIALS) if words.needs_trials else None
    data = {"y": family.draw(rng, eta, place.phi, place.trials), "x": x}
    options: dict[str, Any] = {"intercept": None if words.increasing else Normal(1.0)}
    if trials is not None:
        data["n"], options["trials"] = trials, "n"
    if family.n_levels:
        options["levels"] = tuple(range(family.n_levels))
        data["y"] = data["y"].astype(int).T
    spread = 0.3 if family.domain.is_real_line else 0.01
    model = GLM("y", "x", family=name, link=link, prior=Normal(0.5), **options)
    assert GLM.from_json(model.to_json()) == model, "the model's JSON says another model"
    check_twin(model, data, spread=spread)
    predicted = {one: ["x"] for one in words.dispersions if words.link_of(one)}
    if predicted:
        own = GLM("y", "x", family=name, link=link, dispersion=predicted, **options)
        check_twin(own, data, spread=spread)
    slope = fit_map(model, data).attrs["gradient_norm"]
    assert slope < LEAST_SLOPE * N_ROWS, f"at the mode there is a slope of {slope:.3g}"
