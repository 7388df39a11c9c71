"""The outcomes as a page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fuzz.models import FINE, Outcome


def render(every: list[Outcome], machine: dict[str, Any], seconds: float) -> str:
    """Write a line for each verb, and one for each fault."""
    kinds = [*FINE, *sorted({one.outcome for one in every} - set(FINE))]
    counts = Counter((one.verb, one.outcome) for one in every)
    verbs = list(dict.fromkeys(one.verb for one in every))
    models = len({one.index for one in every})
    longest = {verb: max(one.seconds for one in every if one.verb == verb) for verb in verbs}
    lines = [
        "# Random models",
        "",
        f"{models} models, each through `fit_map` and two verbs, in {seconds / 60:.0f} minutes on "
        f"{machine['cores']} cores. *Right*: finite and, for `fit_map`, within 1e-5 posterior "
        "standard deviations of the optimum by 120 digits. *Refused*: an error of the package's "
        "own. Anything else is a fault.",
        "",
        "| verb | " + " | ".join(kinds) + " | longest |",
        "|---|" + "---:|" * (len(kinds) + 1),
    ]
    for verb in verbs:
        row = " | ".join(str(counts[verb, kind]) for kind in kinds)
        lines.append(f"| `{verb}` | {row} | {longest[verb]:.1f} s |")
    faults = [one for one in every if one.outcome not in FINE]
    if faults:
        lines += ["", "| number | verb | fault | model |", "|---:|---|---|---|"]
        lines += [
            f"| {one.index} | `{one.verb}` | {one.outcome}: {one.words} | `{one.model}` |"
            for one in faults
        ]
    return "\n".join(lines) + "\n"
