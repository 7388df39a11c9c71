"""The family and the link of a model: known, and one of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bayesglm.errors import ModelError
from bayesglm.spec.families import FAMILY_NAMES, LINK_NAMES
from bayesglm.spec.hints import is_among, meant, shown
from bayesglm.spec.noun import put

if TYPE_CHECKING:
    from bayesglm.spec.model import GLM


def check_likelihood(model: GLM) -> None:
    """Raise ModelError where a model's family, link or edges are not known; drop a default link."""
    check_family(model.family)
    family = FAMILY_NAMES[model.family]
    if model.link is not None and not is_among(model.link, family.links):
        raise ModelError(
            f"family {model.family!r} does not go with link {shown(model.link)}; it allows "
            f"{', '.join(family.links)}." + _link_hint(model.link, family.links)
        )
    if model.link == family.links[0]:
        put(model, link=None)
    if not is_among(model.missing, ("raise", "drop")):
        raise ModelError(f"missing must be 'raise' or 'drop', got {shown(model.missing)}.")
    if not is_among(model.edges, ("drop", "zero")):
        raise ModelError(f"edges must be 'drop' or 'zero', got {shown(model.edges)}.")


def check_family(family: object) -> None:
    """Raise ModelError where a family is not known, and say which was meant."""
    if not is_among(family, FAMILY_NAMES):
        raise ModelError(
            f"unknown family {shown(family)}; the families are {', '.join(FAMILY_NAMES)}."
            + (
                meant("family", family, {name: of.also for name, of in FAMILY_NAMES.items()})
                or " One of your own is made known by register_family first."
            )
        )


def _link_hint(given: object, links: tuple[str, ...]) -> str:
    """Say which link was meant; of one that is not known at all, how it is made known."""
    found = meant("link", given, {link: LINK_NAMES[link].also for link in links})
    if found or is_among(given, LINK_NAMES):
        return found
    return " One of your own is made known by register_link first."
