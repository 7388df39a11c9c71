"""The models: each as its equation, its penalties, and beliefs in units of the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from bayesglm.inference.tree.opened import model_of
from bayesglm.results.explain import Explanation, explain_fit
from bayesglm.results.explain_facts import Told
from bayesglm.results.explain_words import DATA, belief_told, said
from bayesglm.show.report.parts import Cell, Code, Notes, Number, Section, Table
from bayesglm.show.report.story import Story

MOST_TOLD = 12  # parameters whose priors stand on the page: chosen
MOST_NAMED = 3  # units of a population that a sentence names: chosen
OF_MODELS = (
    "Each prior is a penalty on the sum of log-likelihoods: a Normal prior is ridge, a Laplace "
    "prior the lasso. The MAP estimate is the penalised optimum; the posterior says what else the "
    "data allow."
)
OF_PRIORS = (
    "What each prior believes, in units of the data, and what share of the estimate it decides: 0% "
    "is the data's alone, 100% the prior's. Of several models the shares stand in their order."
)
HEAD = ("parameter", "belief, with 94% probability", "prior", "decides")


@dataclass(frozen=True)
class _Row:
    """What is said of one parameter of one model, or of several that say the same of it.

    ``shares`` are those that the prior decides, of each model, unit by unit. ``against`` are
    sentences on what the data contradict.
    """

    name: str
    models: tuple[str, ...]
    prior: str
    belief: str
    shares: tuple[tuple[float, ...], ...]
    against: tuple[str, ...]

    @property
    def key(self) -> tuple[str, str, str]:
        """What two models share that say the same of it."""
        return self.name, self.prior, self.belief


def models(story: Story) -> tuple[Section, ...]:
    """Return every model as it is written, and what its priors say, what models share once."""
    explained = {name: explain_fit(fit, regions=False) for name, fit in story.fits.items()}
    rows: dict[tuple[str, str, str], _Row] = {}
    for name, one in explained.items():
        for row in _rows(name, one):
            known = rows.get(row.key)
            rows[row.key] = row if known is None else _joined(known, row)
    every = list(rows.values())
    written = (Code(story.called(name), str(model_of(fit))) for name, fit in story.fits.items())
    said_beside = [f"{name}: {note}" for name, one in explained.items() for note in one.notes]
    notes = (*(sentence for row in every for sentence in row.against), *said_beside)
    table = _table(every, list(story.fits))
    blocks = (OF_MODELS, *written, OF_PRIORS, table, *((Notes(notes),) if notes else ()))
    return (Section("The models", blocks),)


def _joined(one: _Row, other: _Row) -> _Row:
    """Return a row of several models that say the same of a parameter."""
    return replace(
        one,
        models=(*one.models, *other.models),
        shares=(*one.shares, *other.shares),
        against=(*one.against, *other.against),
    )


def _table(rows: list[_Row], names: list[str]) -> Table:
    several = len(names) > 1
    head = (*HEAD, "in") if several else HEAD
    return Table(head, tuple(_cells(row, names) for row in rows), most=MOST_TOLD)


def _cells(row: _Row, names: list[str]) -> tuple[Cell, ...]:
    where = "all models" if len(row.models) == len(names) else ", ".join(row.models)
    own: tuple[Cell, ...] = (row.name, row.belief, row.prior, _share(row))
    return (*own, where) if len(names) > 1 else own


def _share(row: _Row) -> Cell:
    """Write what share a prior decides: in each model, of a population with its range."""
    written: list[tuple[str, float]] = []
    for shares in row.shares:
        known = np.array([one for one in shares if np.isfinite(one)])
        if not len(known):
            written.append(("–", np.nan))
            continue
        text = f"{np.median(known):.0%}"
        ends = f"{known.min():.0%}", f"{known.max():.0%}"
        if ends[0] != ends[1]:
            text += f" ({ends[0]} to {ends[1]} over units)"
        written.append((text, float(np.median(known))))
    texts = list(dict.fromkeys(text for text, _ in written))
    return Number(written[0][1], texts[0]) if len(texts) == 1 else ", ".join(t for t, _ in written)


def _rows(model: str, explained: Explanation) -> list[_Row]:
    """Return what is said of each parameter, of a population once where units are alike."""
    by_name: dict[str, list[Told]] = {}
    for told in explained.terms:
        by_name.setdefault(told.name, []).append(told)
    return [_row(model, own) for own in by_name.values()]


def _row(model: str, own: list[Told]) -> _Row:
    """Return what is said of one parameter, in all units of a population."""
    first, beliefs = own[0], [belief_told(told, sure="") for told in own]
    belief = beliefs[0]
    if len(set(beliefs)) > 1:
        belief = f"of {first.neuron}, others being scaled by their own data: {belief}"
    shares = tuple(
        np.nan if told.decided is None else 1.0 - told.decided.edf / max(told.decided.size, 1)
        for told in own
    )
    against = [k for k, told in enumerate(own) if told.decided and told.decided.contradicted]
    said_against: tuple[str, ...] = ()
    if against and len(own) == 1:
        said_against = (
            f"{model}, the data on the prior of {first.name}: {dict(said(first))[DATA]}.",
        )
    elif against:
        named = ", ".join(own[k].neuron for k in against[:MOST_NAMED])
        more = f" and {len(against) - MOST_NAMED} more" if len(against) > MOST_NAMED else ""
        said_against = (
            f"{model}: the data contradict the prior of {first.name} in {len(against)} of "
            f"{len(own)} units ({named}{more}).",
        )
    return _Row(first.name, (model,), first.prior, belief, (shares,), said_against)
