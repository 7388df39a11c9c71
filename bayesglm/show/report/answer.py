"""The question and its answer, first: in three sayings, with numbers and their uncertainty."""

from __future__ import annotations

import numpy as np

from bayesglm.inference.tree.opened import model_of
from bayesglm.results.changes import Change, strongest_changes
from bayesglm.results.scores.alike import QUESTIONS
from bayesglm.results.scores.elpd import summed
from bayesglm.show.report.changes_told import change_told
from bayesglm.show.report.parts import Entry, Section
from bayesglm.show.report.story import Story
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.names import CONSTANT, EVENTS

MOST_TOLD = 3  # changes that the answer tells: chosen
FORETELLS, EFFECTS, CAUTION = "Forecasts", "Effects", "Caution"


def answer(story: Story) -> tuple[Section, ...]:
    """Return what is asked, and what the models say to it: forecasts, effects, cautions."""
    changes = strongest_changes(story.fits[story.best])
    sayings = {
        FORETELLS: foretelling_told(story),
        EFFECTS: effects_told(story, changes),
        CAUTION: caution_told(story, changes),
    }
    told = tuple((heading, words) for heading, words in sayings.items() if words)
    return (Section("The question and the answer", (story.question, Entry("In short", told))),)


def foretelling_told(story: Story) -> str:
    """Say which model foretells best and by how much, or how well the only one does."""
    table = story.compared
    if table is None:
        return _of_one(story)
    apart: dict[str, bool] = table.attrs["told_apart"]
    best, second, *others = (f"“{name}”" for name in table.index)
    name = table.index[1]
    what = _left_out(story)
    gap = _gap(story, -table.loc[name, "elpd_diff"], table.attrs["errors"][name])
    worse = [name for name in table.index[1:] if apart[name]]
    alike = [name for name in table.index[1:] if not apart[name]]
    if not alike:
        than = second if not others else f"each of the {len(table) - 1} others"
        nearest = "by" if not others else f"{second}, the next, falls short of it by"
        return f"{best} foretells {what} better than {than}: {nearest} {gap}."
    if not worse:
        return (
            f"By how well they foretell {what}, the models cannot be told apart: {best} scores "
            f"highest, and {second} falls short of it by {gap}. That does not show that they are "
            "equally good."
        )
    return (
        f"{best} foretells {what} best, but cannot be told apart from {_listed(alike)}: {second} "
        f"falls short of it by {gap}. Told to be worse: {_listed(worse)}."
    )


def _left_out(story: Story) -> str:
    """Say what was scored: samples that were left out, or those that were yet to come."""
    kinds = {one.kind for one in story.elpd.values()}
    return "what was yet to come" if kinds & set(QUESTIONS) else "samples that were left out"


def _gap(story: Story, difference: float, error: float) -> str:
    """Say a difference of scores by the event, or what it makes of the chance of each sample."""
    assert story.compared is not None
    told = story.compared.attrs
    nats = f"{difference:.1f} ± {error:.1f} nats over {told['compared_on']}"
    if "events" in told:
        scale = told["events"] * np.log(2.0)
        bits = f"{difference / scale:z.3f} ± {error / scale:.3f} bits per event"
        return f"{bits} (± one standard error; {nats})"
    times = np.exp(difference / told["n_data_points"])
    kind = "probability" if FAMILY_NAMES[story.model.family].discrete else "density"
    return (
        f"{nats} (± one standard error), which makes the {kind} of each {times:.3g} times as high "
        "on average"
    )


def _listed(names: list[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"“{name}”" for name in names[:most]) + more


def _of_one(story: Story) -> str:
    """Say how well one fit foretells, or tells its own data."""
    name = story.best
    said = []
    one = story.elpd.get(name)
    alone = len(story.fits) == 1
    if one is not None:
        scores = one.elpd_i
        if CONSTANT in scores.coords and float(scores.coords[EVENTS].sum()) > 0.0:
            gain = np.asarray((scores - scores.coords[CONSTANT]).values, dtype=float).ravel()
            scored = gain[np.isfinite(gain)]  # of a subsample some are
            _, error, _ = summed(scored, np.zeros(scored.size))
            error *= np.sqrt(gain.size / scored.size)
            error = float(np.hypot(error, getattr(one, "subsampling_se", None) or 0.0))
            total = float(one.elpd - scores.coords[CONSTANT].sum())
            scale = float(scores.coords[EVENTS].sum()) * np.log(2.0)
            better = "better than" if total > 2.0 * error else "not clearly better than"
            said.append(
                f"foretells {_left_out(story)} {better} one constant rate, by "
                f"{total / scale:z.3f} ± {error / scale:.3f} bits per event (± one standard error)"
            )
        else:
            mean, error = one.elpd / one.n_data_points, one.se / one.n_data_points
            said.append(
                f"foretells {_left_out(story)} with a log density of {mean:z.3f} ± {error:.3f} "
                "each, on average"
            )
    explained = explained_told(story, name)
    if explained:
        said.append(explained)
    only = "The only model" if alone else f"“{name}”"
    told = f"{only} {' and '.join(said)}." if said else ""
    if one is None and not story.has_posterior:
        told += " A MAP estimate is not scored on samples that were left out: fit() is."
    return told.strip()


def explained_told(story: Story, name: str) -> str:
    """Say what share of the deviance a fit explains of its own data; empty where it has none."""
    scores = story.checks[name]["scores"].to_dataset() if name in story.checks else {}
    if "deviance_explained" not in scores:
        return ""
    values = np.atleast_1d(scores["deviance_explained"].values)
    values = values[np.isfinite(values)]
    if not len(values):
        return ""
    if values.max() < 0.005:
        return "explains none of the deviance of the data that it was fitted to"
    if len(values) == 1:
        return f"explains {values[0]:z.0%} of the deviance of the data that it was fitted to"
    return (
        f"explains {np.median(values):z.0%} of the deviance of the data that it was fitted to "
        f"(median of {len(values)} units, from {values.min():z.0%} to {values.max():z.0%})"
    )


def effects_told(story: Story, changes: list[Change]) -> str:
    """Say what the strongest terms of the best model do, in units of the data."""
    if not changes:
        return "The model that is told has no predictors whose effects could be told."
    by_term = _by_term(changes)
    ranked = sorted(by_term, key=lambda term: -_strength(by_term[term]))
    told = [_term_told(by_term[term]) for term in ranked[:MOST_TOLD]]
    more = len(ranked) - len(told)
    also = (
        f" {more} weaker term{'s' if more > 1 else ''} stand among the estimates." if more else ""
    )
    sure = " Brackets hold 94% of the posterior." if story.has_posterior else ""
    return f"In “{story.best}”, {'; '.join(told)}.{also}{sure}"


def _by_term(changes: list[Change]) -> dict[str, list[Change]]:
    terms: dict[str, list[Change]] = {}
    for one in changes:
        terms.setdefault(one.term, []).append(one)
    return terms


def _strength(changes: list[Change]) -> float:
    return float(np.median([one.strength for one in changes]))


def _term_told(changes: list[Change]) -> str:
    """Say what one term does; of a population in the unit of median strength, and in how many."""
    if len(changes) == 1:
        return change_told(changes[0])
    ordered = sorted(changes, key=lambda one: one.strength)
    middle, last = ordered[(len(ordered) - 1) // 2], ordered[-1]
    told = change_told(middle)
    directed = [one for one in changes if not one.is_sd]
    sure = sum(one.leaves_out_zero for one in directed)
    has_draws = np.isfinite(middle.lower)
    direction = (
        f"; its direction is told in {sure} of {len(directed)} units"
        if directed and has_draws
        else ""
    )
    return (
        f"{told} in the unit of median strength, “{middle.unit}”, and most in “{last.unit}”"
        f"{direction}"
    )


def caution_told(story: Story, changes: list[Change]) -> str:
    """Say what is not to be concluded."""
    parts = [
        "These are associations in the data at hand: they do not say what would happen to "
        f"{story.response} if a predictor were changed."
    ]
    doubtful = _doubtful(changes)
    if doubtful:
        parts.append(
            f"Of {_listed(doubtful)} the data do not tell the direction, which does not show that "
            "there is no effect."
        )
    if not story.has_posterior:
        parts.append("A MAP estimate has no uncertainty: no number here says how sure it is.")
    elif any("map" in fit.children for fit in story.fits.values()):
        maps = [name for name, fit in story.fits.items() if "map" in fit.children]
        parts.append(f"{_listed(maps)}: MAP estimates without uncertainty, and not compared.")
    if any(model_of(fit).has_history for fit in story.fits.values()):
        parts.append(
            "A term of history stands for whatever made the past predict the present, unobserved "
            "inputs among them."
        )
    return " ".join(parts)


def _doubtful(changes: list[Change]) -> list[str]:
    """Return the terms of whose change no unit's interval leaves out zero."""
    by_term = _by_term(changes)
    return [
        term
        for term, own in by_term.items()
        if any(np.isfinite(one.lower) and not one.is_sd for one in own)
        and not any(one.leaves_out_zero or one.is_sd for one in own)
    ]
