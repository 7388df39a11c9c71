"""What is seen in a view of goodness of fit, in sentences with numbers."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from bayesglm.show.report.goodness_figures import Panels
from bayesglm.show.report.goodness_views import View
from bayesglm.show.report.traces import Trace

MOST_NAMED = 4  # units that a sentence names


def sentences(panels: Panels, view: View) -> tuple[str, ...]:
    """Say, model by model, how many places or units are as they should be, and which are not."""
    models = dict.fromkeys(name for traces in panels.values() for name in traces)
    own = {
        name: {panel: traces[name] for panel, traces in panels.items() if name in traces}
        for name in models
    }
    return tuple(f"{name}: {_of_model(traces, view)}." for name, traces in own.items())


def _of_model(traces: Mapping[str, Trace], view: View) -> str:
    if view.is_noted:
        notes = {name: one.note for name, one in traces.items() if one.note}
        every = [f"{name} {note}" if name else note for name, note in notes.items()]
        return "; ".join(every) or "what was expected beside what was observed"
    if len(traces) == 1:
        (one,) = traces.values()
        return _of_curve(one, view.of) if view.is_whole else _of_places(one, view.places)
    if view.is_whole:
        outside = [name for name, one in traces.items() if not one.inside.all()]
        told = f"of {len(traces)} curves {len(traces) - len(outside)} stay inside their bands"
        return f"{told}; {_named(outside)} {_do(outside)} not" if outside else told
    inside = sum(int(one.inside.sum()) for one in traces.values())
    n = sum(len(one.x) for one in traces.values())
    worst = min(traces, key=lambda name: float(traces[name].inside.mean()))
    few = traces[worst]
    return (
        f"{inside:,} of {n:,} {view.places} are inside their bands ({inside / n:.0%}; 94% in a "
        f"true model), the fewest of {worst} ({int(few.inside.sum())} of {len(few.x)})"
    )


def _of_curve(trace: Trace, of: str) -> str:
    """Say whether a curve stays inside its band, and where it is furthest outside."""
    note = f" ({trace.note})" if trace.note else ""
    if trace.inside.all():
        k = int(np.argmax(np.abs(trace.observed)))
        return (
            f"the curve stays inside the band{note}, furthest from zero at {trace.x[k]:.2g}, where "
            f"it is {trace.observed[k]:+.2g} and the band {trace.lower[k]:+.2g} to "
            f"{trace.upper[k]:+.2g}"
        )
    beyond = np.maximum(trace.observed - trace.upper, trace.lower - trace.observed)
    k = int(np.argmax(beyond))
    low, high = (float(np.interp(u, trace.x, trace.observed)) for u in (0.1, 0.9))
    end = trace.upper[k] if trace.observed[k] > trace.upper[k] else trace.lower[k]
    return (
        f"the curve leaves the band{note}, furthest at {trace.x[k]:.2g}, where it is "
        f"{trace.observed[k]:+.2g} and the band ends at {end:+.2g}"
        f"; {0.1 + low:.0%} of {of} lie in the lowest tenth of what is expected and "
        f"{0.1 - high:.0%} in the highest"
    )


def _of_places(trace: Trace, places: str) -> str:
    """Say at how many places what was observed is inside its band, and where it is not."""
    inside, n = trace.inside, len(trace.x)
    told = f"{int(inside.sum())} of {n} {places} are inside their bands"
    if inside.all():
        return told
    beyond = np.where(
        inside, 0.0, np.maximum(trace.observed - trace.upper, trace.lower - trace.observed)
    )
    k = int(np.argmax(beyond))
    where = trace.labels[k] if trace.labels else f"{trace.x[k]:.3g}"
    return (
        f"{told}; furthest outside at {where}, where {trace.observed[k]:.3g} was observed and "
        f"{trace.lower[k]:.3g} to {trace.upper[k]:.3g} are those of a true model"
    )


def _named(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return f"{', '.join(names[:MOST_NAMED])}{f' and {more} more' if more > 0 else ''}"


def _do(names: list[str]) -> str:
    return "do" if len(names) > 1 else "does"
