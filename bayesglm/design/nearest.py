"""What was meant where a family cannot have some responses: the nearest family that can."""

from __future__ import annotations

import numpy as np

from bayesglm.numerics.families.record import Family
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

Array = np.ndarray

# Numbers of every kind: of two families that fit, the one that has fewer of these says more.
KINDS = (-40.5, -3.5, -1.0, 0.0, 0.001, 0.25, 0.5, 0.999, 1.0, 2.0, 3.0, 7.0, 12.25, 40.0, 400.0)
MOST_TRIALS = 1e15  # more than any response that is a whole number in floats


def remedy(family: Family, y: Array) -> str:
    """Return what to do about responses that a family of numbers cannot have, or nothing.

    >>> remedy(FAMILIES["poisson", "log"], np.array([0.5, 2.0]))
    " Did you mean family='gamma'?"
    """
    words, found = family.words, np.unique(y)
    if words.needs_trials and _has(family, y, MOST_TRIALS):
        return " Name the number of all trials as trials=; no response can be above it."
    if words.circular:
        return " Angles are in radians: numpy.angle(numpy.exp(1j * numpy.deg2rad(y))) of degrees."
    if words.labels is not None and len(found) == words.labels.most and _are_whole(found):
        return f" Two levels of other names are said so: levels={[int(one) for one in found]}."
    if _is_of_shares(family) and _has(family, y[(y != 0.0) & (y != 1.0)], None):
        return " (y * (n - 1) + 0.5) / n of all n responses y moves those of 0 and 1 inside."
    other = _narrowest(words.circular, family.name, y)
    return f" Did you mean family={other!r}?" if other else ""


def _narrowest(circular: bool, than: str, y: Array) -> str | None:
    """Return the family of numbers, other than one, that has all responses and the fewest others.

    Families of directions take any small number for one, and those of trials need a count of them.
    """
    kinds, fits = np.array(KINDS), {}
    for name, words in FAMILY_NAMES.items():
        record = FAMILIES.get((name, words.links[0]))
        if record is None or name == than or words.needs_trials or words.circular != circular:
            continue
        if _has(record, y, None):
            fits[name] = int(np.broadcast_to(record.valid(kinds, None), kinds.shape).sum())
    return min(fits, key=lambda name: fits[name]) if fits else None


def _is_of_shares(family: Family) -> bool:
    """Say whether responses lie between 0 and 1, anywhere there and not at the ends."""
    return family.valid(np.array([0.0, 0.5, 1.0, 1.5]), None).tolist() == [
        False,
        True,
        False,
        False,
    ]


def _has(family: Family, y: Array, trials: float | None) -> bool:
    return bool(np.all(family.valid(y, trials)))


def _are_whole(y: Array) -> bool:
    return bool(np.all(y == np.floor(y)))
