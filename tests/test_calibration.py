"""Simulation-based calibration in small; and that the check itself can fail."""

import numpy as np
import pytest
from matplotlib.image import imread
from scipy.stats import binomtest, norm

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES
from benchmarks.facts import facts
from calibration.bands import bands, count_below, p_value
from calibration.cells import CELLS, METHODS, THOROUGH, Cell, quantities
from calibration.figure import draw
from calibration.simulation import CHAINS, ENOUGH, LONGER, RANKED, simulate
from calibration.table import render
from calibration.verdict import POINTS, calibrated, judge, worst
from calibration.worlds import WORLDS

N = 300
# A calibrated cell fails by chance, once the random numbers change, at most so often.
RARELY = 1e-3


def normal_ranks(seed, bias=0.0, sd=1.0):
    """Return ranks of N truths from N(0, 1) among draws from N(bias, sd²)."""
    rng = np.random.default_rng(seed)
    truth, draws = rng.normal(size=N), bias + sd * rng.normal(size=(RANKED, N))
    return np.sum(draws < truth, axis=0)


def p_of(ranks, points=POINTS, n_draws=RANKED):
    return p_value(count_below(ranks, n_draws, points), len(ranks))


def test_counts_below_each_edge():
    np.testing.assert_array_equal(count_below(np.array([0, 1, 3, 3]), 3, 4), [1, 2, 2])
    np.testing.assert_array_equal(count_below(np.array([3, 0, 3, 1]), 3, 2), [2])
    with pytest.raises(ValueError, match="cannot be cut"):
        count_below(np.array([0]), 3, 3)


def test_one_edge_is_a_binomial_test():
    for below in (2, 7, 10):
        assert p_value(np.array([below]), 20) == pytest.approx(binomtest(below, 20).pvalue)


@pytest.mark.parametrize(("n", "points", "probability"), [(50, 20, 0.9), (300, 100, 0.95)])
def test_bands_hold_uniform_ranks_as_often_as_they_say(n, points, probability):
    rng = np.random.default_rng(0)
    lower, upper = bands(n, points, probability)
    repeats = 4000
    below = np.array([count_below(rng.integers(0, 200, n), 199, points) for _ in range(repeats)])
    held = np.mean(np.all((below >= lower) & (below <= upper), axis=1))
    error = np.sqrt(probability * (1 - probability) / repeats)
    # Counts are whole numbers, so the probability can be no nearer than a little above.
    assert -4 * error < held - probability < 4 * error + 0.005
    # Pointwise bands of the same probability hold them far less often.
    pointwise = norm.ppf(0.5 + probability / 2)
    z = np.arange(1, points) / points
    narrow = np.abs(below - n * z) <= pointwise * np.sqrt(n * z * (1 - z))
    assert np.mean(np.all(narrow, axis=1)) < probability - 0.2


def test_p_values_and_bands_agree_and_p_values_are_honest():
    rng = np.random.default_rng(1)
    n, points = 100, 50
    lower, upper = bands(n, points, 0.95)
    found = np.empty(2000)
    for k in range(len(found)):
        below = count_below(rng.integers(0, RANKED + 1, n), RANKED, points)
        found[k] = p_value(below, n)
        assert (found[k] > 0.05) == np.all((below >= lower) & (below <= upper))
    for level in (0.01, 0.05, 0.2, 0.5):
        error = np.sqrt(level * (1 - level) / len(found))
        assert np.mean(found <= level) == pytest.approx(level, abs=4 * error)


@pytest.mark.parametrize(
    "wrong",
    [{"sd": 0.7}, {"sd": 1.5}, {"bias": 0.4}, {"bias": -0.4}],
    ids=["too narrow", "too wide", "too high", "too low"],
)
def test_wrong_posteriors_leave_the_bands(wrong):
    assert p_of(normal_ranks(0)) > 0.05
    # The level at which a table of 24 cells with 6 quantities each is judged.
    for seed in range(5):
        assert p_of(normal_ranks(seed, **wrong)) < 0.05 / (24 * 6)


def small(cell, n=50, first=0):
    """Return the record of a small calibration, of n simulations from one number on."""
    numbers = range(first, first + n)
    return judge(cell.name, [simulate(cell, index, draws=250) for index in numbers])


# A cell of every family, of so few simulations that only what is plainly wrong is seen.
OTHERS = [
    name
    for name, cell in CELLS.items()
    if cell.method == "fit" and cell.prior in ("normal", "mild") and cell.family not in THOROUGH
]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_no_posterior_of_any_family_is_plainly_wrong(name):
    record = small(CELLS[name], 15)
    assert not record["failures"]
    assert record["p"] > RARELY


# Cells of levels, and of more coefficients than rows.
OF_LEVELS = [
    name
    for name, cell in CELLS.items()
    if cell.method == "fit"
    and cell.prior in ("few_groups", "many_groups", "many_slopes", "crossed", "each_row", "wide")
]


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_LEVELS)
def test_no_posterior_of_levels_is_plainly_wrong(name):
    # From the seventh on: one before it goes to NUTS by levels, which its own tests hold.
    record = small(CELLS[name], 12, first=7)
    assert not record["failures"]
    assert record["p"] > RARELY


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gaussian-normal-fit", "poisson-normal-fit"])
def test_posteriors_hold_the_truth_as_often_as_they_say(name):
    record = small(CELLS[name])
    assert not record["failures"]
    assert not record["warnings"]
    assert record["p"] > RARELY
    assert sum(record["methods"].values()) == record["simulations"] == 50


def distorted(change):
    """Return a method whose draws of the coefficients are changed: a sampler with a fault."""

    def method(model, data, draws, chains, seed):
        fitted = bg.fit(model, data, draws=draws, chains=chains, seed=seed)
        posterior = fitted["posterior"].to_dataset()
        w = posterior["w"]
        posterior["w"] = change(w, w.mean(("chain", "draw")), w.std(("chain", "draw")))
        fitted["posterior"] = posterior
        return fitted

    return method


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [lambda w, mean, sd: mean + 0.5 * (w - mean), lambda w, mean, sd: w + sd],
    ids=["narrow", "shifted"],
)
def test_a_faulty_sampler_is_found_out(change, monkeypatch):
    monkeypatch.setitem(METHODS, "faulty", distorted(change))
    record = small(Cell("bernoulli", "normal", "faulty"))
    assert not record["failures"]
    assert record["p"] < RARELY
    assert worst(record) in ("x1", "x2", "x3", "log_likelihood")
    # What was not tampered with stands.
    assert record["p_values"]["intercept"] > 0.05


def test_a_fit_that_fails_is_counted_and_never_calibrated(monkeypatch, tmp_path):
    def method(model, data, draws, chains, seed):
        if data["y"][0]:
            raise bg.ConvergenceError("no mode")
        return bg.fit(model, data, draws=draws, chains=chains, seed=seed)

    monkeypatch.setitem(METHODS, "failing", method)
    record = small(Cell("bernoulli", "normal", "failing"), 12)
    n_failed = record["failures"]["ConvergenceError: no mode"]
    assert 0 < n_failed < 12
    assert all(len(ranks) == 12 - n_failed for ranks in record["ranks"].values())
    assert not calibrated({**record, "p": 1.0}, 1)
    assert calibrated({**record, "p": 1.0, "failures": {}}, 1)
    found = {**record, "cell": "bernoulli-normal-fit", "date": "", "machine": facts(), "wall_s": 0}
    page = render([found])
    assert f"failed {n_failed} times: ConvergenceError: no mode" in page
    assert "Outside: bernoulli-normal-fit." in page
    draw([found], tmp_path / "one.png")
    draw([{**found, "ranks": {}}], tmp_path / "none.png")
    assert not np.array_equal(imread(tmp_path / "one.png"), imread(tmp_path / "none.png"))


def test_simulations_depend_on_cell_and_number_alone():
    cell = CELLS["binomial-normal-fit"]
    one, again, other = (simulate(cell, index, draws=250) for index in (3, 3, 4))
    assert one.ranks == again.ranks
    assert one.ranks != other.ranks
    assert one.longer is False


def test_a_fit_of_too_few_effective_draws_is_run_longer():
    short = simulate(CELLS["binomial-normal-fit"], 3, draws=80)
    assert short.longer
    assert ENOUGH <= short.ess <= LONGER * 80 * CHAINS


@pytest.mark.parametrize("name", list(CELLS))
def test_truths_have_the_models_parameters(name):
    cell = CELLS[name]
    simulated = cell.simulate(np.random.default_rng(0))
    best = quantities(cell, simulated.data, simulated.truth)
    assert set(best) >= {"x1", "log_likelihood"}
    has_cutpoints = bool(FAMILY_NAMES[cell.family].increasing)
    assert ("intercept" in best) != has_cutpoints
    parts = {name.split("_")[0].split("[")[0] for name in best}
    assert parts >= set(FAMILY_NAMES[cell.family].dispersions)
    assert any("g_scale" in name for name in best) == WORLDS[cell.prior].has_groups
    # Leading dims are those of draws, and each draw is looked at for itself.
    stacked = {
        key: np.stack([[value, value + 0.01]] * CHAINS) for key, value in simulated.truth.items()
    }
    drawn = quantities(cell, simulated.data, stacked)
    for key, value in best.items():
        assert drawn[key].shape == (CHAINS, 2)
        np.testing.assert_allclose(drawn[key][:, 0], value)
