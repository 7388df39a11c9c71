"""Posteriors of mixed models are those of long runs of another library (tests/references)."""

import json
from pathlib import Path

import mixed
import numpy as np
import pytest

import bayesglm as bg

TOLD = json.loads((Path(__file__).parents[1] / "references" / "mixed.json").read_text())
DRAWS = 1_500  # of each of four chains


def agree(name, case):
    model, data = case
    told = dict(TOLD[name])
    # Another stream of random numbers would be other data.
    assert np.sum(data["y"] * np.arange(1, len(data["y"]) + 1)) == pytest.approx(
        told.pop("checksum"), rel=1e-12
    )
    table = bg.summary(bg.fit(model, data, draws=DRAWS))
    mean, sd, of_mean, _ = np.array(list(told.values())).T
    ours = table.loc[list(told)]
    assert ours["ess"].min() > 1_000
    error = ours["sd"] / np.sqrt(ours["ess"])
    apart = np.abs(ours["mean"] - mean)
    assert (apart < 4.0 * np.hypot(of_mean, error)).all()
    assert (apart < 0.1 * sd).all()
    assert (np.abs(ours["sd"] / sd - 1.0) < 0.05).all()


@pytest.mark.parametrize("make", [mixed.herds, mixed.counts, mixed.reactions])
def test_means_and_sds_of_groups_are_those_of_long_runs(make):
    agree(make.__name__, make())


@pytest.mark.slow
@pytest.mark.parametrize("lam", [0.1, 10.0])
def test_means_and_sds_of_more_coefficients_than_rows_are_those_of_long_runs(lam):
    agree(f"wide {lam:g}", mixed.wide(lam))
