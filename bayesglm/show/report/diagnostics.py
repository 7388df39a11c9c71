"""How far to believe the fits: how each was made, and what to mind."""

from __future__ import annotations

from bayesglm.show.report.parts import Notes, Section
from bayesglm.show.report.story import Story
from bayesglm.show.report.told import in_words


def diagnostics(story: Story) -> tuple[Section, ...]:
    """Return, in words, how each fit was made and what to mind."""
    notes = [note for name, fit in story.fits.items() for note in in_words(name, fit)]
    return (Section("How far to believe it", (Notes((*notes, *story.said)),)),)
