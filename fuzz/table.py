"""The outcomes as a page."""

from __future__ import annotations

from collections import Counter
from typing import Any

from fuzz.files import Row
from fuzz.models import FINE, Outcome


def render(models: list[Outcome], files: list[Row], machine: dict[str, Any], seconds: float) -> str:
    """Write a line for each verb and each mutation, and one for each fault."""
    head = (
        f"`make fuzz`: {len({one.index for one in models})} random models and {len(files)} mutated "
        f"files in {seconds / 60:.0f} minutes on {machine['cores']} cores."
    )
    return "\n".join(["# Random models, mutated files", "", head, *_models(models), *_files(files)])


def _models(models: list[Outcome]) -> list[str]:
    kinds = [*FINE, *sorted({one.outcome for one in models} - set(FINE))]
    counts = Counter((one.verb, one.outcome) for one in models)
    lines = [
        "",
        "Each model goes through `fit_map` and two verbs. *Right*: finite and, for `fit_map`, "
        "within 1e-5 posterior standard deviations of the optimum by 120 digits. *Refused*: an "
        "error of the package's own. Anything else is a fault.",
        "",
        "| verb | " + " | ".join(kinds) + " | longest |",
        "|---|" + "---:|" * (len(kinds) + 1),
    ]
    for verb in dict.fromkeys(one.verb for one in models):
        row = " | ".join(str(counts[verb, kind]) for kind in kinds)
        longest = max(one.seconds for one in models if one.verb == verb)
        lines.append(f"| `{verb}` | {row} | {longest:.1f} s |")
    faults = [one for one in models if one.outcome not in FINE]
    if faults:
        lines += ["", "| number | verb | fault | model |", "|---:|---|---|---|"]
        lines += [
            f"| {one.index} | `{one.verb}` | {one.outcome}: {one.words} | `{one.model}` |"
            for one in faults
        ]
    return lines


def _files(files: list[Row]) -> list[str]:
    if not files:
        return [""]
    lines = [
        "",
        "Each file is loaded: the tree that was saved, or a DataError, within 5 s. Anything else "
        "is a fault.",
        "",
        "| mutation | tree | DataError | faults | longest |",
        "|---|---:|---:|---:|---:|",
    ]
    for mutation in dict.fromkeys(row.mutation for row in files):
        own = [row for row in files if row.mutation == mutation]
        trees = sum(row.good and row.outcome == "tree" for row in own)
        refused = sum(row.good and row.outcome == "DataError" for row in own)
        faults, longest = len(own) - trees - refused, max(row.seconds for row in own)
        lines.append(f"| {mutation} | {trees} | {refused} | {faults} | {longest:.2f} s |")
    return [*lines, ""]
