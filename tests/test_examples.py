"""Worked examples: what they compute is right, and what was simulated comes out again."""

import importlib.util
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import xarray as xr


def example(name):
    path = Path(__file__).parents[1] / "examples" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"example_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def glm_hmm():
    return example("glm_hmm")


@pytest.fixture(scope="module")
def latent_ar():
    return example("latent_ar")


def test_the_forward_algorithm_against_all_paths(glm_hmm):
    rng, n, k = np.random.default_rng(0), 4, 3
    log_choice = np.log(rng.random((2, n, k)))
    log_steps = np.log(rng.dirichlet(np.ones(k), (2, n, k)))
    total, state, pair = glm_hmm.forward_backward.py_func(log_choice, log_steps)
    expected, of_state, of_pair = 0.0, np.zeros((2, n, k)), np.zeros((2, n, k, k))
    for s in range(2):
        for path in product(range(k), repeat=n):
            log_p = -np.log(k) + sum(log_choice[s, t, z] for t, z in enumerate(path))
            log_p += sum(log_steps[s, t, path[t - 1], path[t]] for t in range(1, n))
            for t, z in enumerate(path):
                of_state[s, t, z] += np.exp(log_p)
                if t:
                    of_pair[s, t, path[t - 1], z] += np.exp(log_p)
        chance = of_state[s, 0].sum()
        expected += np.log(chance)
        of_state[s] /= chance
        of_pair[s] /= chance
    assert total == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(state, of_state, rtol=1e-10)
    np.testing.assert_allclose(pair, of_pair, rtol=1e-10)


def test_its_slopes_are_probabilities_of_states(glm_hmm):
    rng, h = np.random.default_rng(1), 1e-6
    log_choice, log_steps = rng.normal(size=(2, 5, 3)), rng.normal(size=(2, 5, 3, 3))
    _, state, pair = glm_hmm.forward_backward.py_func(log_choice, log_steps)
    for at in [(0, 0, 1), (1, 3, 2)]:
        moved = [log_choice.copy(), log_choice.copy()]
        moved[0][at] += h
        moved[1][at] -= h
        ahead, behind = (glm_hmm.forward_backward.py_func(one, log_steps)[0] for one in moved)
        assert state[at] == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)
    for at in [(0, 1, 1, 0), (1, 4, 2, 2)]:
        moved = [log_steps.copy(), log_steps.copy()]
        moved[0][at] += h
        moved[1][at] -= h
        ahead, behind = (glm_hmm.forward_backward.py_func(log_choice, one)[0] for one in moved)
        assert pair[at] == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)


def test_states_have_the_same_names_whatever_their_numbers(glm_hmm):
    k = 3
    numbers = range(k)

    def posterior(order):
        rng = np.random.default_rng(3)
        base = {name: rng.normal(size=(k, 2, 5)) for name in glm_hmm.NAMES}
        steps, known = rng.random((2, 5, k, k)), rng.random((2, 5, 7, k))
        variables = {}
        for name, values in base.items():
            prefix = "to" if name == "tired" else "state"
            for j in numbers:
                value, dims = values[order[j]], ("chain", "draw")
                if name == "previous":
                    value, dims = value[..., None], (*dims, f"state{j}_previous_lag")
                variables[f"{prefix}{j}_{name}"] = (dims, value)
        variables["transition"] = (
            ("chain", "draw", "state", "next_state"),
            steps[:, :, order][:, :, :, order],
        )
        variables["state_probability"] = (
            ("chain", "draw", "choice_made", "which"),
            known[..., order],
        )
        coords = dict.fromkeys(("state", "next_state", "which"), numbers)
        return xr.Dataset(variables, coords=coords)

    first, other = (glm_hmm.named(posterior(order)) for order in ([0, 1, 2], [2, 0, 1]))
    xr.testing.assert_identical(first.drop_vars("which"), other.drop_vars("which"))
    assert (first["contrast"].sel(state="engaged") == first["contrast"].max("state")).all()
    left, right = (first["intercept"].sel(state=state) for state in ("left", "right"))
    assert (left <= right).all()


def assert_within(draws, truth, sds=3.0):
    """Assert that a truth lies within so many posterior sds of the mean."""
    away = (draws.mean(("chain", "draw")) - truth) / draws.std(("chain", "draw"))
    assert float(abs(away).max()) < sds


@pytest.mark.slow
def test_states_of_a_mouse_are_found(glm_hmm):
    simulated = glm_hmm.simulate(n_sessions=8, n_trials=64, seed=1)
    posterior = glm_hmm.sample(glm_hmm.build(simulated.data), draws=150, chains=1)
    for name in ("contrast", "intercept", "previous", "tired"):
        assert_within(posterior[name], glm_hmm.TRUTH[name])
    decoded = posterior["state_probability"].mean(("chain", "draw")).argmax("state")
    assert np.mean(decoded.values == simulated.states) > 0.7


@pytest.mark.slow
def test_a_drive_that_nobody_recorded_is_found(latent_ar):
    data = latent_ar.simulate(n=200, seed=1)
    posterior = latent_ar.sample(latent_ar.build(data), draws=150, chains=1)
    for name in ("stimulus", "level", "rho", "sd"):
        assert_within(posterior[name], latent_ar.TRUTH[name])
    drive = posterior["drive"].mean(("chain", "draw"))
    assert np.corrcoef(drive, data["drive"].sel(time=drive["time"]))[0, 1] > 0.7
