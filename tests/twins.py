"""The two engines side by side, by the package's own proof."""

from bayesglm.testing.twins import check_twin as compare

__all__ = ["compare"]
