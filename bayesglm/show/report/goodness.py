"""Goodness of fit: what each model foretells of its own data, against what was observed."""

from __future__ import annotations

from bayesglm.inference.tree.opened import model_of
from bayesglm.show.figures import not_drawn
from bayesglm.show.report.cells import number, share
from bayesglm.show.report.goodness_figures import MOST_PANELS, Panels, panels_figure
from bayesglm.show.report.goodness_views import VIEWS, View
from bayesglm.show.report.goodness_words import sentences
from bayesglm.show.report.parts import Block, Cell, Notes, Part, Picture, Section, Table
from bayesglm.show.report.seen import Seen
from bayesglm.show.report.story import Story
from bayesglm.show.report.traces import TIME_RESCALING

OF_CENSORED = (
    "Censored responses are seen in part: of each no more is known than an interval. So neither "
    "their means nor their distribution can be held against drawn ones; residuals, uniform inside "
    "the interval, can."
)


def goodness(story: Story) -> tuple[Section, ...]:
    """Return how each model's predictions of its own data agree with these."""
    seen = {story.called(name): one for name, one in story.seen.items()}
    notes = tuple(f"{name}: {why}" for name, why in story.unchecked.items())
    if not seen:
        return (Section("Goodness of fit", notes),) if notes else ()
    blocks: list[Block] = [_introduction(story, seen)]
    if any(model_of(fit).censored is not None for fit in story.fits.values()):
        blocks.append(OF_CENSORED)
    blocks.append(_scores(seen))
    for name, view in VIEWS.items():
        panels = _panels(name, seen)
        if panels:
            blocks += _told(story, view, panels, next(iter(seen.values())).step)
    return (Section("Goodness of fit", (*blocks, *notes)),)


def _introduction(story: Story, seen: dict[str, Seen]) -> str:
    draws = {one.draws for one in seen.values() if one.draws > 1}
    by = f" by {min(draws)} of its posterior draws, evenly spaced," if draws else ""
    maps = [name for name, fit in story.fits.items() if "posterior" not in fit.children]
    without = (
        f" Of a MAP ({', '.join(maps)}) the band leaves out the uncertainty of its own estimates."
        if maps
        else ""
    )
    return (
        f"Each model is held{by} against the data that it was fitted to: this shows misfit, and "
        "not how well it foretells others. Bands hold 94% of what a true model would make of the "
        f"data.{without}"
    )


def _panels(name: str, seen: dict[str, Seen]) -> Panels:
    """Return the traces of one view: by unit or level, then by model."""
    panels: dict[str, dict[str, object]] = {}
    for model, one in seen.items():
        for label, made in zip(one.labels, one.units, strict=True):
            unit = f"{one.population} {label}" if one.population else ""
            for level, trace in made[name].items():
                title = ", ".join(filter(None, (unit, level)))
                panels.setdefault(title, {})[model] = trace
    return panels  # type: ignore[return-value]


def _told(story: Story, view: View, panels: Panels, step: float | None) -> tuple[Block, ...]:
    """Return a view as a heading, what is seen in words, and the picture."""
    look = view.look(story.model, step)
    said = sentences(panels, view)
    left_out = list(panels)[MOST_PANELS:]
    note = not_drawn("panels", left_out, "their numbers are in the data of the figure")
    figure = panels_figure(panels, look, note)
    alt = " ".join((f"{view.title}.", *said))
    picture = Picture(figure, view.caption, alt, _numbers(panels, view, look.x))
    return Part(view.title), Notes(said), picture


def _numbers(panels: Panels, view: View, x: str) -> Table:
    """Return the numbers of a picture, a row for each place."""
    rows: list[tuple[Cell, ...]] = []
    several = list(panels) != [""]
    has_expected = any(
        one.expected is not None for traces in panels.values() for one in traces.values()
    )
    for panel, traces in panels.items():
        for model, trace in traces.items():
            for k, place in enumerate(trace.x):
                where: Cell = trace.labels[k] if trace.labels else number(place)
                values = [trace.observed[k], trace.lower[k], trace.upper[k]]
                if has_expected:
                    values.append(float("nan") if trace.expected is None else trace.expected[k])
                first = (panel,) if several else ()
                rows.append((*first, model, where, *(number(one) for one in values)))
    head = (*(("of",) if several else ()), "model", x, "observed", "lower", "upper")
    return Table((*head, *(("expected",) if has_expected else ())), tuple(rows))


COLUMNS = {
    ("scores", "deviance_explained"): "deviance explained",
    ("scores", "mcfadden_r2"): "McFadden's R²",
    ("scores", "bits_per_spike"): "bits per event, in sample",
    ("quantile_residuals", "mean"): "mean of residuals",
    ("quantile_residuals", "sd"): "sd of residuals",
    ("quantile_residuals", "p_value"): "p of residuals (KS)",
    (TIME_RESCALING, "p_value"): "p of time rescaling (KS)",
    ("autocorrelation", "share_outside"): "lags outside 94%",
}
SHARES = ("deviance_explained", "mcfadden_r2", "share_outside")


def _scores(seen: dict[str, Seen]) -> Table:
    """Return what the checks say in numbers, a row for each model and unit."""
    population = next(iter(seen.values())).population
    known = [
        (part, name)
        for part, name in COLUMNS
        if any(part in one.check.children and name in one.check[part] for one in seen.values())
    ]
    rows: list[tuple[Cell, ...]] = []
    for model, one in seen.items():
        for k, label in enumerate(one.labels):
            cells: list[Cell] = [model, label] if population else [model]
            for part, name in known:
                value = float("nan")
                if part in one.check.children and name in one.check[part]:
                    node = one.check[part].to_dataset()
                    value = float(node[name].values.ravel()[k])
                cells.append(share(value) if name in SHARES else number(value))
            rows.append(tuple(cells))
    head = ("model", *((population,) if population else ()), *(COLUMNS[one] for one in known))
    caption = (
        "In sample. Residuals are normal quantiles: mean 0 and sd 1 in a true model; a small p "
        "says that their distribution is another."
    )
    return Table(head, tuple(rows), caption)
