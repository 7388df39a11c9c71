"""Steps go back and keep volumes; trees turn where recursive ones do, and leave targets alone."""

import numpy as np
import pytest
from scipy import stats

from bayesglm.inference.nuts.trees import Trees, rotating, straight

STEPS = [straight, rotating]


def normal(z):
    return -0.5 * np.vecdot(z, z), -z


def bent(z):
    """x ~ N(0, 1), y ~ N(x**2 / 2, 0.7**2), v ~ N(0, 1), w ~ N(0, exp(v))."""
    x, y, v, w = z.T
    off, narrow = (y - 0.5 * x**2) / 0.49, w * np.exp(-v)
    value = -0.5 * (x**2 + 0.49 * off**2 + v**2 + v + w * narrow)
    return value, np.stack([x * off - x, -off, 0.5 * w * narrow - v - 0.5, -narrow], axis=1)


def draw_bent(rng, n):
    x, e, v, f = rng.standard_normal((4, n))
    return np.stack([x, 0.5 * x**2 + 0.7 * e, v, np.exp(0.5 * v) * f], axis=1)


def moved(step, state, time):
    """Return z and p ``(m, 2, size)`` after one step."""
    z, p = state[:, 0].copy(), state[:, 1].copy()
    step(z, p, bent(z)[1].copy(), np.full((len(z), 1), time), bent)
    return np.stack([z, p], axis=1)


def energy(state):
    return 0.5 * np.vecdot(state[:, 1], state[:, 1]) - bent(state[:, 0])[0]


@pytest.mark.parametrize("step", STEPS)
def test_steps_go_back_and_keep_volumes(step):
    start = np.random.default_rng(0).normal(size=(20, 2, 4))
    np.testing.assert_allclose(moved(step, moved(step, start, 0.3), -0.3), start, atol=1e-12)
    one, width = start[0].ravel(), 1e-5
    either = np.stack([one + sign * width * np.eye(8) for sign in (1.0, -1.0)])
    ends = moved(step, either.reshape(16, 2, 4), 0.3).reshape(2, 8, 8)
    jacobian = (ends[0] - ends[1]) / (2.0 * width)
    assert abs(np.linalg.det(jacobian)) == pytest.approx(1.0, abs=1e-8)


@pytest.mark.parametrize("step", STEPS)
def test_errors_of_energy_are_of_second_order(step):
    start = np.random.default_rng(1).normal(size=(200, 2, 4))

    def error(n):
        state = start
        for _ in range(n):
            state = moved(step, state, 0.4 / n)
        return np.median(np.abs(energy(state) - energy(start)))

    assert error(16) / error(32) == pytest.approx(4.0, rel=0.1)


def test_rotating_steps_are_exact_for_a_standard_normal():
    z, p = np.random.default_rng(2).normal(size=(2, 30, 5))
    before = np.square([z, p]).sum(axis=(0, 2))
    rotating(z, p, -z, np.full((30, 1), 1.3), normal)
    np.testing.assert_allclose(np.square([z, p]).sum(axis=(0, 2)), before, rtol=1e-12)


def has_turned(path):
    """Say it of leaves in the order of time, as it is defined, all blocks in it included."""
    if len(path) == 1:
        return False
    half = len(path) // 2
    ends = [(path[0], path[-1]), (path[0], path[half]), (path[half - 1], path[-1])]
    back = any(
        (last[0] - first[0]) @ first[1] <= 0 or (last[0] - first[0]) @ last[1] <= 0
        for first, last in ends
    )
    return back or has_turned(path[:half]) or has_turned(path[half:])


def recursive_end(step, slopes, start, sides, size, deepest):
    """Return depth and steps of a tree, and its leaves, from the sides to which it grew."""
    path, steps = [start], 0
    for depth, side in enumerate(sides):
        time = size if side else -size
        z, p = path[-1] if side else path[0]
        new = []
        for _ in range(2**depth):
            z, p = z[None].copy(), p[None].copy()
            step(z, p, slopes(z)[1].copy(), np.full((1, 1), time), slopes)
            z, p, steps = z[0], p[0], steps + 1
            new.append((z, p))
            # A half ends with the first block in it that has turned.
            ends = [k for k in range(1, depth + 1) if len(new) % 2**k == 0]
            halves = [k for k in range(1, depth + 1) if len(new) % 2**k == 2 ** (k - 1) + 1]
            early = any(
                (new[-1][0] - new[-1 - 2 ** (k - 1)][0]) @ at[1] * (1 if side else -1) <= 0
                for k in halves
                if k > 1
                for at in (new[-1], new[-1 - 2 ** (k - 1)])
            )
            blocks = [new[-(2**k) :] for k in ends]
            if early or any(has_turned(block if side else block[::-1]) for block in blocks):
                return depth, steps, path
        path = path + new if side else new[::-1] + path
        if has_turned(path) or depth + 1 == deepest:
            return depth + 1, steps, path
    raise AssertionError("the tree went on")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("size", [0.12, 0.35, 0.95])
def test_trees_end_where_recursive_ones_do(step, size):
    rng, m, deepest = np.random.default_rng(3), 40, 6
    z = draw_bent(rng, m)
    trees = Trees(bent, z, rng, step, deepest)
    trees.size[:] = size
    momenta = trees.p.copy()
    sides, open_rows, depths = [{} for _ in range(m)], set(range(m)), set()
    while open_rows:
        for row in open_rows:
            sides[row][int(trees.depth[row])] = int(trees.side[row])
        ended = trees.step()
        for row in open_rows.intersection(ended.tolist()):
            open_rows.remove(row)
            if trees.diverged[row]:
                continue
            grown = [sides[row][k] for k in sorted(sides[row])]
            start = z[row], momenta[row]
            depth, steps, path = recursive_end(step, bent, start, grown, size, deepest)
            assert (trees.depth[row], trees.n_steps[row]) == (depth, steps)
            leaves = np.array([leaf[0] for leaf in path])
            assert np.abs(leaves - trees.drawn.z[row]).max(axis=1).min() < 1e-9
            depths.add(depth)
        trees.begin(ended)
    assert len(depths) > 1


@pytest.mark.parametrize(("step", "size"), [(straight, 0.6), (rotating, 0.5)])
def test_a_target_is_left_as_it_is(step, size):
    """Exact draws, each moved by a few trees whose steps are long, are as good as exact ones."""
    rng, n = np.random.default_rng(4), 20_000
    trees = Trees(bent, draw_bent(rng, n), rng, step)
    trees.size[:] = size
    taken, accepted = np.zeros(n, dtype=int), []
    while taken.min() < 3:
        ended = trees.step()
        go_on = ended[taken[ended] < 3]
        accepted.append(trees.accepted[go_on] / trees.n_steps[go_on])
        taken[go_on] += 1
        trees.begin(go_on[taken[go_on] < 3])
        done = taken >= 3
        trees.size[done] = 0.0  # who has taken three stands still
        if len(ended) > len(go_on):
            trees.begin(np.setdiff1d(ended, go_on))
        if done[go_on].any():
            trees.begin(go_on[done[go_on]])
    assert 0.5 < np.concatenate(accepted).mean() < 0.95
    x, y, v, w = trees.drawn.z.T
    for exact in (x, (y - 0.5 * x**2) / 0.7, v, w * np.exp(-0.5 * v)):
        assert stats.kstest(exact, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(x, v)[0, 1]) < 4.0 / np.sqrt(n)


def test_a_density_without_slope_ends_at_the_deepest():
    def constant(z):
        return np.zeros(len(z)), np.zeros(z.shape)

    trees = Trees(constant, np.zeros((3, 2)), np.random.default_rng(5), deepest=4)
    for _ in range(14):
        assert not len(trees.step())
    assert trees.step().tolist() == [0, 1, 2]
    assert trees.n_steps.tolist() == [15, 15, 15]


def test_walkers_that_are_left_out_change_nothing_for_the_others():
    z = np.random.default_rng(6).normal(size=(6, 3))
    whole, part = (Trees(normal, z, np.random.default_rng(7)) for _ in range(2))
    for trees in (whole, part):
        trees.size[:] = 0.2
        for _ in range(4):
            trees.begin(trees.step())
    some = np.array([0, 2, 3, 5])
    part.keep(some)
    part.leaf.z[...], part.p[...] = whole.leaf.z[some], whole.p[some]
    for trees in (whole, part):
        trees.rng = np.random.default_rng(8)
        trees.step()
    np.testing.assert_allclose(part.leaf.z, whole.leaf.z[some])
    assert part.n_steps.tolist() == whole.n_steps[some].tolist()


@pytest.mark.parametrize("step", STEPS)
def test_energies_are_those_of_places_with_their_momenta(step):
    """What they exceed minus the log density by is |p|^2 / 2 of standard normal momenta."""
    m = 4_000
    rng = np.random.default_rng(5)
    trees = Trees(bent, draw_bent(rng, m), rng, step)
    trees.size[:] = 0.2
    pending = np.ones(m, dtype=bool)
    kinetic = np.empty(m)
    while pending.any():
        ended = trees.step()
        new = ended[pending[ended]]
        kinetic[new] = trees.drawn.energy[new] + trees.drawn.value[new]
        pending[new] = False
        trees.begin(ended)
    assert kinetic.min() > 0.0
    told = stats.kstest(kinetic, stats.gamma(4 / 2).cdf)
    assert told.pvalue > 1e-3


def test_energies_of_walkers_that_stay_are_of_new_momenta():
    rng = np.random.default_rng(6)
    trees = Trees(normal, rng.standard_normal((50, 2)), rng, straight)
    trees.size[:] = 1e6  # every step diverges
    energies = []
    for _ in range(2):
        ended = trees.step()
        assert len(ended) == 50
        assert trees.diverged.all()
        np.testing.assert_array_equal(trees.drawn.energy, trees.start_energy)
        energies.append(trees.drawn.energy.copy())
        trees.begin(ended)
    assert (energies[0] != energies[1]).all()
