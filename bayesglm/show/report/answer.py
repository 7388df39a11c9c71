"""The question, first."""

from __future__ import annotations

from bayesglm.show.report.parts import Section
from bayesglm.show.report.story import Story


def answer(story: Story) -> tuple[Section, ...]:
    """Return what is asked."""
    return (Section("The question", (story.question,)),)
