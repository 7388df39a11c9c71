"""What the ranks of a cell say, and what those of all cells say together.

Every quantity has a p-value against uniform ranks (`bands.p_value`). A cell's p-value is its
smallest times the number of quantities (Bonferroni), so at most 5% of calibrated cells leave their
own 95% bands. The table divides once more, by its number of cells: if everything is calibrated,
no cell leaves the table's bands with probability at least 95%.
"""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

import numpy as np

from calibration.bands import count_below, p_value
from calibration.simulation import RANKED, Outcome

POINTS = 100  # edges of the ECDF, as many as there are ranks
LEVEL = 0.05
INTERVAL = 0.9  # central intervals whose coverage is told

type Record = dict[str, Any]


def judge(name: str, outcomes: Sequence[Outcome]) -> Record:
    """Return a cell's record: what goes into its JSON file, but for machine and date."""
    ranked = [one for one in outcomes if not one.fault]
    names = list(ranked[0].ranks) if ranked else []
    ranks = {quantity: [one.ranks[quantity] for one in ranked] for quantity in names}
    p_values = {
        quantity: p_value(count_below(np.array(found), RANKED, POINTS), len(found))
        for quantity, found in ranks.items()
    }
    covered = {quantity: _coverage(np.array(found)) for quantity, found in ranks.items()}
    return {
        "cell": name,
        "simulations": len(outcomes),
        "p": min(1.0, len(names) * min(p_values.values())) if ranked else 0.0,
        "p_values": p_values,
        "covered": covered,
        "methods": dict(Counter(one.method for one in ranked)),
        "longer": sum(one.longer for one in ranked),
        "smallest_ess": min((one.ess for one in ranked), default=0.0),
        "divergent_fits": sum(one.diverging > 0 for one in ranked),
        "divergences": sum(one.diverging for one in ranked),
        "warned_fits": sum(bool(one.warned) for one in outcomes),
        "warnings": dict(Counter(text for one in outcomes for text in one.warned)),
        "failures": dict(Counter(one.fault for one in outcomes if one.fault)),
        "median_s": median(one.seconds for one in outcomes),
        "ranks": ranks,
    }


def worst(record: Record) -> str:
    """Return the quantity whose ranks are the least uniform."""
    return min(record["p_values"], key=record["p_values"].get, default="")


def calibrated(record: Record, n_cells: int) -> bool:
    """Say whether a cell lies within the bands of a table of so many, with no fit failed."""
    return not record["failures"] and record["p"] > LEVEL / n_cells


def _coverage(ranks: np.ndarray) -> float:
    """Return how often the truth lay in the central interval: the middle ranks, of RANKED + 1."""
    tail = (1 - INTERVAL) / 2 * (RANKED + 1)
    return float(np.mean((ranks >= tail) & (ranks < RANKED + 1 - tail)))
