"""Names that no fit can bear, and text that no file holds as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import category

LONGEST_NAME = 240  # bytes; files take 255, and names with a suffix are derived from a name
OF_STORES = ("zarr.json", ".zarray", ".zgroup", ".zattrs")
# Coordinates that pointwise values carry, so that those of two fits can be paired.
OBSERVED, TRIALS = "observed_response", "observed_trials"
WEIGHTS, POSITION = "frequency_weight", "sample_position"
INTERVAL = "observed_interval"
# Of values of samples that are scored jointly: how many these are, and which, as a hash.
N_JOINT, WHICH_JOINT = "n_joint_samples", "joint_samples"
# Beside them, of responses that count events: how many, and their log density at a constant rate.
EVENTS, CONSTANT = "observed_events", "constant_rate_elpd"
JOINT = (N_JOINT, WHICH_JOINT)
CARRIED = (OBSERVED, TRIALS, WEIGHTS, POSITION, INTERVAL, EVENTS, CONSTANT, *JOINT)
PARTS_OF_PATHS = "/\\"
_SURROGATE = re.compile("[\ud800-\udfff]")


def fault_of(name: str) -> str | None:
    """Say what is wrong with the name of a variable, a dim or a term; None where nothing is.

    >>> fault_of("rate"), fault_of("a/b")
    (None, "a name cannot hold '/'")
    """
    if not name:
        return "a name cannot be empty"
    for part in PARTS_OF_PATHS:
        if part in name:
            return f"a name cannot hold {part!r}"
    kinds = {category(character) for character in name} if not name.isprintable() else set()
    if "Cc" in kinds:
        return "a name cannot hold control characters"
    if "Cs" in kinds:
        return "a name cannot hold half of a surrogate pair, which no file can store"
    if not name.strip(".") or name in OF_STORES:
        return f"files keep the name {name!r} for themselves"
    if len(name.encode()) > LONGEST_NAME:
        return f"a name cannot be longer than {LONGEST_NAME} bytes, as files store it"
    return None


def is_storable(text: str) -> bool:
    r"""Say whether files hold a text as it is: no NUL, at which it would end, no half of a pair.

    >>> is_storable("naïve"), is_storable("bell\x00"), is_storable("\ud800")
    (True, False, False)
    """
    return "\0" not in text and (text.isascii() or not _SURROGATE.search(text))


def first_repeat[T](names: Iterable[T]) -> T | None:
    """Return the first that stands there a second time, None where each stands once.

    >>> first_repeat(["a", "b", "a"])
    'a'
    """
    seen: set[T] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None
