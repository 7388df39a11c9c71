"""One simulation: draw the truth, fit, and rank the truth among the posterior's draws."""

import re
import time
import warnings
import zlib
from typing import Any, NamedTuple

import numpy as np

from calibration.cells import Cell, Parameters, quantities

Array = np.ndarray
SEED = 20260801
DRAWS, CHAINS = 1000, 2  # chains of `fit`'s own length; two, because warm-up is what costs
RANKED = 99  # draws among which the truth is ranked: 100 possible ranks
# Thinned to RANKED of at least so many effective draws, neighbours are all but independent.
ENOUGH = 2 * RANKED
LONGER = 4  # times as many draws, once, where they are worth fewer than ENOUGH


class Outcome(NamedTuple):
    """What a simulation gave. `fault` says why there are no ranks.

    `method` is what the fit says of itself, `ess` the smallest effective size of the ranked
    quantities, `warned` what all of its fits warned of; numbers are left out of texts.
    """

    ranks: dict[str, int]
    method: str = ""
    ess: float = 0.0
    longer: bool = False
    diverging: int = 0
    warned: tuple[str, ...] = ()
    seconds: float = 0.0
    fault: str = ""


def simulate(cell: Cell, index: int, draws: int = DRAWS) -> Outcome:
    """Run the cell's simulation of this number, which depends on nothing but its arguments."""
    source = np.random.SeedSequence([SEED, zlib.crc32(cell.name.encode()), index])
    world, ranking = (np.random.default_rng(one) for one in source.spawn(2))
    seed = int(source.generate_state(1)[0])
    simulated = cell.simulate(world)
    truth = quantities(cell, simulated.data, simulated.truth)
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        try:
            for length in (draws, LONGER * draws):
                fitted = cell.fit(simulated.data, length, CHAINS, seed)
                drawn = quantities(cell, simulated.data, _parameters(fitted, simulated.truth))
                ess = _smallest_ess(fitted, drawn)
                if ess >= ENOUGH:
                    break
            ranks = {name: _rank(ranking, drawn[name], truth[name]) for name in truth}
        except Exception as error:  # any fault of a fit is a figure in the table
            seconds = time.perf_counter() - began
            fault = _say(type(error), error)
            return Outcome({}, warned=_texts(heard), seconds=seconds, fault=fault)
    return Outcome(
        ranks,
        fitted.attrs["method"],
        ess,
        longer=length > draws,
        diverging=int(fitted["sample_stats"].get("diverging", np.zeros(1)).sum()),
        warned=_texts(heard),
        seconds=time.perf_counter() - began,
    )


def _parameters(fitted: Any, truth: Parameters) -> Parameters:
    """Return the draws of every parameter, ``(chain, draw, ...)``, in the order of the truth."""
    drawn = fitted["posterior"].to_dataset().transpose("chain", "draw", ...)
    return {
        name: drawn[name].values.reshape(*drawn[name].shape[:2], *np.shape(value))
        for name, value in truth.items()
    }


def _smallest_ess(fitted: Any, drawn: dict[str, Array]) -> float:
    """Return the smallest bulk size, and where draws were weighted what the weights leave."""
    from arviz_stats.base import array_stats

    sizes = [float(array_stats.ess(values)) for values in drawn.values()]
    return min([*sizes, float(fitted.attrs.get("importance_ess", np.inf))])


def _rank(rng: np.random.Generator, draws: Array, truth: Array) -> int:
    """Return how many of RANKED evenly spaced draws lie below the truth, ties broken by lot."""
    every = draws.ravel()
    if not np.all(np.isfinite(every)):
        raise ValueError("a posterior draw is not finite")
    thinned = every[:: every.size // RANKED][:RANKED]
    ties = np.count_nonzero(thinned == truth)
    return int(np.count_nonzero(thinned < truth) + rng.integers(ties + 1))


def _texts(heard: list[warnings.WarningMessage]) -> tuple[str, ...]:
    return tuple(_say(one.category, one.message) for one in heard)


def _say(kind: type, message: object) -> str:
    """Return what went wrong without its numbers, so that equal faults can be counted."""
    plain = re.sub(r"[-+]?[0-9]+([.,][0-9]+)*(e[-+]?[0-9]+)?", "#", str(message))
    return f"{kind.__name__}: {plain}"
