"""What `lfo` returns: ArviZ's own type, which says what blocks that overlap add up to."""

from __future__ import annotations

from dataclasses import dataclass

from arviz_stats.utils import ELPDDataLFO


@dataclass(kw_only=True, repr=False)
class LFO(ELPDDataLFO):
    """The elpd of the future by the past."""

    def _footer(self) -> str:
        horizon = self.forecast_horizon
        if horizon == 1:
            return super()._footer()
        return (
            f"{super()._footer()}\n\nBlocks of {horizon} moments overlap: elpd and p count a "
            f"moment up to {horizon} times,\nand se is that of such a sum."
        )
