"""What is asked of a sampler, what it gives, and nutpie's run on a compiled density."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bayesglm.errors import ConvergenceError
from bayesglm.inference.nuts.trace import kept_columns, let_workers_end, reason_of, rectangle
from bayesglm.numerics.rows.parallel import n_threads

Array = np.ndarray
# nutpie's names of what goes into ``sample_stats``, under ArviZ's own.
STATS = {
    "acceptance_rate": "mean_tree_accept",
    "diverging": "diverging",
    "energy": "energy",
    "n_steps": "n_steps",
    "step_size": "step_size",
    "tree_depth": "depth",
}


class Settings(NamedTuple):
    """What is asked of the sampler.

    ``beside`` says whether there are draws of other neurons, not to be lost by an interruption.
    """

    draws: int
    chains: int
    seed: int
    tune: int | None = None
    target_accept: float = 0.8
    engine: str = "auto"
    beside: bool = False


class Run(NamedTuple):
    """What is stored of every kept draw: arrays ``(chain, draw, ...)``; what is told of the run."""

    columns: dict[str, Array]
    interrupted: bool
    told: str = ""

    def stats(self) -> dict[str, Array]:
        """Return what goes into ``sample_stats``."""
        return {name: self.columns[name] for name in STATS}


def run_compiled(
    compiled: Any, settings: Settings, seed: int, watched: bool, options: dict[str, Any]
) -> Run:
    """Run nutpie; when interrupted, keep the draws that are finished.

    Raises ConvergenceError in place of nutpie's errors, which are RuntimeErrors with the places of
    their Rust code, and pyo3's panics, which no ``except Exception`` catches.
    """
    import nutpie

    chosen = {"cores": min(settings.chains, n_threads())} | options
    if settings.tune is not None:
        chosen["tune"] = settings.tune
    try:
        sampler = nutpie.sample(
            compiled,
            draws=settings.draws,
            chains=settings.chains,
            seed=seed,
            target_accept=settings.target_accept,
            progress_bar=watched,
            return_raw_trace=True,
            blocking=False,
            **chosen,
        )
        try:
            trace, interrupted = sampler.wait(), False
        except KeyboardInterrupt:
            trace, interrupted = sampler.abort(), True
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        let_workers_end()
        raise ConvergenceError(f"the NUTS sampler stopped: {reason_of(error)}") from error
    stored = {*STATS.values(), "logp"}
    chains = [
        kept_columns(drawn, stats, stored)
        for drawn, stats in zip(*trace.get_arrow_trace(), strict=True)
    ]
    lengths = np.array([len(chain["logp"]) for chain in chains])
    if not lengths.any():
        raise KeyboardInterrupt("interrupted before the first draw was kept")
    members, length = rectangle(lengths)
    ours = {theirs: name for name, theirs in STATS.items()}
    columns = {
        ours.get(name, name): np.stack([chains[k][name][:length] for k in members])
        for name in chains[0]
    }
    return Run(columns, interrupted)
