"""What a fit's checks certified, from its attributes, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bayesglm.spec.numbers import number_text

# The attributes of checks, and which of several neurons' is told: the worst.
WORST: dict[str, Any] = {
    "n_divergent": sum,
    "max_rhat": max,
    "min_ess": min,
    "khat": max,
    "importance_ess": min,
    "accepted": min,
    "top_size": max,
    "level_acceptance": min,
    "quadrature_error": max,
    "n_nodes": max,
    "block_khat": max,
    "block_share": min,
}


def certificate(attrs: Mapping[Any, Any]) -> str:
    """Say what was checked of a fit whose levels were taken apart; nothing of one that was whole.

    >>> certificate({"method": "nuts"})
    ''
    >>> certificate({
    ...     "top_size": 5, "khat": 0.12, "level_acceptance": 0.93, "worst_level": "lena",
    ...     "levels_of": "who", "quadrature_error": 0.004,
    ... })  # doctest: +NORMALIZE_WHITESPACE
    'Certified: k-hat 0.12 in the 5 dimensions beside the effects of who; level by level, given
    these, the effects are exact draws, of which at least 93% of proposals were accepted
    (who=lena); the integrals over them are right to 0.004 nats in all'
    """
    if "top_size" not in attrs:
        return ""
    group = attrs.get("levels_of", "")
    beside = f" beside the effects of {group}" if group else " of the top"
    checks = {"khat": "k-hat {:.2f}", "max_rhat": "r-hat at most {:.2f}"}
    first = [words.format(attrs[name]) for name, words in checks.items() if name in attrs]
    parts = [f"{' and '.join(first) or 'drawn'} in the {attrs['top_size']:,} dimensions{beside}"]
    if "level_acceptance" in attrs:
        where = f" ({group}={attrs['worst_level']})" if "worst_level" in attrs else ""
        parts.append(
            "level by level, given these, the effects are exact draws, of which at least "
            f"{attrs['level_acceptance']:.0%} of proposals were accepted{where}"
        )
    elif group:
        parts.append("the effects themselves were not checked level by level")
    if "block_khat" in attrs:
        parts.append(
            "block by block, given these, the effects are draws weighted exactly, with a k-hat of "
            f"at most {attrs['block_khat']:.2f}, of which {attrs['block_share']:.0%} or more count"
        )
    if "quadrature_error" in attrs:
        error = number_text(float(f"{attrs['quadrature_error']:.2g}"))
        parts.append(f"the integrals over them are right to {error} nats in all")
    return f"Certified: {'; '.join(parts)}"
