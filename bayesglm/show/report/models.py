"""The models: each as its equation, its penalties, and beliefs in units of the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bayesglm.inference.tree.opened import model_of
from bayesglm.results.explain import Explanation, explain_fit
from bayesglm.results.explain_facts import Told
from bayesglm.results.explain_words import BELIEF, DATA, PRIOR, SHARE, said
from bayesglm.show.report.parts import Block, Code, Entry, Notes, Part, Section, Table
from bayesglm.show.report.story import Story

MOST_EXPLAINED = 12  # parameters whose beliefs are written out: chosen
OF_MODELS = (
    "Each prior is a penalty on the sum of log-likelihoods: a Normal prior is ridge, a Laplace "
    "prior the lasso. The MAP estimate is the penalised optimum; the posterior says what else the "
    "data allow. Below each equation: its priors as beliefs in units of the data, and how much of "
    "the estimates these decided."
)
SHARED = "Priors that several models share"


@dataclass(frozen=True)
class _Saying:
    """What is said of one parameter of one model: to all units alike, and what the data made."""

    name: str
    prior: str
    belief: str
    decided: str

    @property
    def key(self) -> tuple[str, str, str]:
        """What two models share that say the same of it."""
        return self.name, self.prior, self.belief


def models(story: Story) -> tuple[Section, ...]:
    """Return every model as it is written, and what its priors say."""
    explained = {name: explain_fit(fit, regions=False) for name, fit in story.fits.items()}
    sayings = {name: _sayings(one) for name, one in explained.items()}
    holders: dict[tuple[str, str, str], list[str]] = {}
    for name, own in sayings.items():
        for one in own:
            holders.setdefault(one.key, []).append(name)
    blocks: list[Block] = [OF_MODELS]
    left = MOST_EXPLAINED
    shared = {key: names for key, names in holders.items() if len(names) > 1}
    told_of_shared, rest = _shared(sayings, shared, left)
    left -= len(told_of_shared)
    for name, fit in story.fits.items():
        own = [one for one in sayings[name] if one.key not in shared]
        blocks += [Part(name), Code("Equation and priors", str(model_of(fit)))]
        blocks += [_entry(one) for one in own[:left]]
        rest += own[max(left, 0) :]
        left = max(0, left - len(own))
        if explained[name].notes:
            blocks.append(Notes(explained[name].notes))
    if told_of_shared:
        blocks += [Part(SHARED), *told_of_shared]
    if rest:
        blocks += [Part("Priors of the others"), _table(rest)]
    return (Section("The models", tuple(blocks)),)


def _shared(
    sayings: dict[str, list[_Saying]],
    shared: dict[tuple[str, str, str], list[str]],
    most: int,
) -> tuple[list[Entry], list[_Saying]]:
    """Return entries of what models share, and the sayings for which there is no place."""
    entries: list[Entry] = []
    rest: list[_Saying] = []
    for key, names in shared.items():
        of = {name: next(one for one in sayings[name] if one.key == key) for name in names}
        first = of[names[0]]
        if len(entries) == most:
            rest.append(first)
            continue
        decided = "; ".join(f"{name}: {one.decided}" for name, one in of.items() if one.decided)
        everywhere = len(names) == len(sayings)
        where = "all models" if everywhere else ", ".join(names)
        entries.append(_entry(first, f"{first.name} ({where})", decided))
    return entries, rest


def _entry(one: _Saying, name: str = "", decided: str = "") -> Entry:
    parts = ((PRIOR, one.prior), (BELIEF, one.belief), (SHARE, decided or one.decided))
    return Entry(name or one.name, tuple((head, text) for head, text in parts if text))


def _table(rest: list[_Saying]) -> Table:
    rows = tuple((one.name, one.prior, one.belief) for one in rest)
    return Table(("parameter", PRIOR, BELIEF), rows)


def _sayings(explained: Explanation) -> list[_Saying]:
    """Return what is said of each parameter, of a population once where units are alike."""
    by_name: dict[str, list[Told]] = {}
    for told in explained.terms:
        by_name.setdefault(told.name, []).append(told)
    return [_saying(own) for own in by_name.values()]


def _saying(own: list[Told]) -> _Saying:
    """Return what is said of one parameter, in all units of a population."""
    every = [dict(said(told)) for told in own]
    first, n = every[0], len(own)
    prior, belief = first[PRIOR], first.get(BELIEF, "")
    if any(one.get(BELIEF, "") != belief or one[PRIOR] != prior for one in every):
        belief = f"of {own[0].neuron}, others being scaled by their own data: {belief}"
    contradicted = [told for told in own if told.decided and told.decided.contradicted]
    decided = _decided_of_units(own) if n > 1 else first.get(SHARE, "")
    if contradicted and n == 1:
        decided = f"{decided}; {first[DATA]}" if decided else first[DATA]
    elif contradicted:
        named = ", ".join(told.neuron for told in contradicted[:3])
        more = f" and {len(contradicted) - 3} more" if len(contradicted) > 3 else ""
        decided += f"; the data contradict it in {len(contradicted)} of {n} units ({named}{more})"
    return _Saying(own[0].name, prior, belief, decided)


def _decided_of_units(own: list[Told]) -> str:
    """Say how much data decide of a parameter in the units of a population."""
    edf = np.array([np.nan if told.decided is None else told.decided.edf for told in own])
    edf = edf[np.isfinite(edf)]
    if not len(edf) or own[0].decided is None:
        return ""
    return (
        f"effective parameters: {np.median(edf):.2g} of {own[0].decided.size} in the median unit, "
        f"from {edf.min():.2g} to {edf.max():.2g}"
    )
