"""Chances of intervals, in closed form and summed over nodes, against many digits."""

from dataclasses import replace
from itertools import pairwise, product

import mpmath as mp
import numpy as np
import pytest
from families import INTERVAL_KEYS, TRIALS, exact_mass, phi_of, trials_of

from bayesglm.numerics.families.censored import censored, endless, ends
from bayesglm.numerics.families.intervals import expected_between, log_mass
from bayesglm.numerics.families.nodes import Asked, draw_between, range_of
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.numerics.families.truncated import bounds, truncated
from bayesglm.spec.families import FAMILY_NAMES

INF = np.inf
SHARES = [(-INF, 0.03), (-INF, 0.6), (0.4, INF), (0.97, INF), (0.2, 0.21), (0.3, 0.9)]
NUMBERS = [(-INF, 0.02), (-INF, 1.5), (0.4, INF), (9.0, INF), (1.0, 1.001), (0.5, 3.0)]
COUNTS = [(-INF, 0.0), (-INF, 3.0), (0.0, INF), (5.0, INF), (1.0, 2.0), (0.0, 4.0)]
NEGATIVE = [(-INF, -6.0), (-4.0, -3.0)]
TAILED = [key for key in INTERVAL_KEYS if FAMILIES[key].tails is not None]
DEFAULTS = [key for key in INTERVAL_KEYS if key[1] == FAMILY_NAMES[key[0]].links[0]]
ETAS = (-1.3, 0.4)


def intervals_of(key):
    """Intervals of a family's responses, in the middle and in both tails."""
    if FAMILY_NAMES[key[0]].discrete:
        return COUNTS
    least, most = range_of(FAMILIES[key], None)
    if most == 1.0:
        return SHARES
    return NUMBERS if least == 0.0 else [*NUMBERS, *NEGATIVE]


def etas_of(key):
    family = FAMILIES[key]
    return [eta for eta in map(np.float64, (*ETAS, 2.1)) if family.domain.holds(eta)]


def mass(family, key, below, upto, eta, order, phi=None):
    phi = phi_of(key) if phi is None else phi
    trials = trials_of(key[0], np.array([TRIALS]))
    below, upto = np.array([below]), np.array([upto])
    return log_mass(family, below, upto, np.array([[eta]]), phi, trials, order)


def exact_log(key, below, upto, eta, phi):
    return mp.log(exact_mass(key, mp.mpf(below), mp.mpf(upto), eta, phi))


def slopes(function, at):
    """A function and its first two derivatives, by differences in many digits."""
    h = mp.mpf(10) ** -20
    low, here, high = function(at - h), function(at), function(at + h)
    return here, (high - low) / (2 * h), (high - 2 * here + low) / h**2


@pytest.mark.parametrize("key", INTERVAL_KEYS, ids="-".join)
def test_chances_and_their_slopes_in_eta_are_those_of_many_digits(key):
    phi = tuple(map(mp.mpf, phi_of(key)))
    for eta in etas_of(key):
        for below, upto in intervals_of(key):
            d = mass(FAMILIES[key], key, below, upto, eta, 2)
            with mp.workdps(120):
                exact = slopes(
                    lambda x, a=below, b=upto: exact_log(key, a, b, x, phi), mp.mpf(float(eta))
                )
            found = d.value[0], d.eta[0, 0], d.eta_eta[0, 0, 0]
            size = 1.0 + abs(found[1]) ** 2
            for one, many, tolerance in zip(found, exact, (1e-11, 1e-10, 1e-9), strict=True):
                assert one == pytest.approx(float(many), rel=tolerance, abs=tolerance * size)


@pytest.mark.parametrize(
    "key", [key for key in DEFAULTS if FAMILIES[key].dispersions], ids="-".join
)
def test_slopes_in_dispersions_are_those_of_many_digits(key):
    plain, eta = phi_of(key), mp.mpf("0.4")
    for below, upto in intervals_of(key):
        d = mass(FAMILIES[key], key, below, upto, 0.4, 2)
        for k in range(len(plain)):

            def at(x, k=k, a=below, b=upto):
                phi = [mp.mpf(v) for v in plain]
                phi[k] = x
                return exact_log(key, a, b, eta, phi)

            with mp.workdps(120):
                exact = slopes(at, mp.mpf(plain[k]))
            found = d.value[0], d.phi[k][0], d.phi_phi[k][k][0]
            size = 1.0 + abs(found[1]) ** 2
            for one, many in zip(found, exact, strict=True):
                assert one == pytest.approx(float(many), rel=1e-8, abs=1e-8 * size)


@pytest.mark.parametrize("key", INTERVAL_KEYS, ids="-".join)
def test_mixed_slopes_are_differences_of_slopes(key):
    phi, h = phi_of(key), 1e-5
    rows = list(product(intervals_of(key), etas_of(key)))
    (below, upto), eta = (
        np.transpose([one for one, _ in rows]),
        np.array([[one for _, one in rows]]),
    )
    trials = trials_of(key[0], np.full(len(rows), TRIALS))

    def chances(phi, order):
        return log_mass(FAMILIES[key], below, upto, eta, tuple(phi), trials, order)

    d = chances(phi, 2)
    for k, moves in enumerate(h * np.eye(len(phi))):
        up, down = chances(phi + moves, 1), chances(phi - moves, 1)
        of_eta = (up.eta[0] - down.eta[0]) / (2.0 * h)
        np.testing.assert_allclose(d.eta_phi[k][0], of_eta, rtol=1e-5, atol=1e-7)
        for j in range(len(phi)):
            of_phi = (up.phi[j] - down.phi[j]) / (2.0 * h)
            np.testing.assert_allclose(d.phi_phi[k][j], of_phi, rtol=1e-5, atol=1e-7)


# Where nearly all counts are zeros, and those that are not may be large.
RARE = {
    ("negative_binomial", "log"): [(2.0, (2e-5,)), (-9.0, (1.5,)), (-1.0, (1e-9,))],
    ("negative_binomial1", "log"): [(-9.0, (1e3,)), (-9.0, (0.4,))],
    ("hurdle_poisson", "log"): [(3.0, (1e-6,)), (-7.0, (0.3,))],
    ("zero_inflated_poisson", "log"): [(4.0, (1e-7,)), (-7.0, (0.3,))],
    ("zero_inflated_negative_binomial", "log"): [(2.0, (1e-4, 1e-3)), (-9.0, (0.4, 2.0))],
    ("poisson", "log"): [(-9.0, ())],
}


@pytest.mark.parametrize("key", RARE, ids="-".join)
@pytest.mark.parametrize("below", [0.0, 2.0])
def test_chances_of_rare_counts_keep_their_digits(key, below):
    h = mp.mpf(10) ** -20
    for eta, phi in RARE[key]:
        d = mass(FAMILIES[key], key, below, INF, eta, 2, phi=phi)
        point = [mp.mpf(eta), *map(mp.mpf, phi)]

        def at(*steps, point=point):
            """The log chance some steps of h from the point in some parameters."""
            moved = list(point)
            for which, step in steps:
                moved[which] += step * h * point[which]
            return exact_log(key, below, INF, moved[0], moved[1:])

        firsts = [d.eta[0, 0], *(one[0] for one in d.phi)]
        seconds = {(0, 0): d.eta_eta[0, 0, 0]}
        for k, (crossed, line) in enumerate(zip(d.eta_phi, d.phi_phi, strict=True), start=1):
            seconds[0, k] = crossed[0, 0]
            seconds |= {(j, k): one[0] for j, one in enumerate(line[:k], start=1)}
        with mp.workdps(120):
            assert d.value[0] == pytest.approx(float(at()), rel=1e-11)
            for k, one in enumerate(firsts):
                slope = (at((k, 1)) - at((k, -1))) / (2 * h * point[k])
                assert one == pytest.approx(float(slope), rel=1e-10, abs=1e-10 * (1.0 + abs(one)))
            for (j, k), one in seconds.items():
                up, down = at((j, 1), (k, 1)), at((j, -1), (k, -1))
                mixed = at((j, 1), (k, -1)) + at((j, -1), (k, 1))
                bend = (up + down - mixed) / (4 * h**2 * point[j] * point[k])
                size = 1.0 + abs(firsts[j] * firsts[k])
                assert one == pytest.approx(float(bend), rel=1e-9, abs=1e-9 * size)


@pytest.mark.parametrize("key", RARE, ids="-".join)
def test_what_is_left_by_zeros_is_summed_over_them_alone(key):
    """However far those counts reach that are not zero."""
    plain, places = FAMILIES[key], []

    def kernel(y, *others):
        places.append(np.max(y))
        return plain.kernel(y, *others)

    family = replace(plain, kernel=kernel)
    for eta, phi in RARE[key]:
        mass(family, key, 0.0, INF, eta, 2, phi=phi)
        asked = Asked(np.zeros(1), np.array([INF]), np.array([[eta]]), phi, None)
        mean = expected_between(family, asked)[0]
        with mp.workdps(60):
            many, point = tuple(map(mp.mpf, phi)), mp.mpf(eta)
            exact = float(plain.mean(np.array([[eta]]), phi, None)[0]) / exact_mass(
                key, mp.mpf(0), mp.inf, point, many
            )
        assert mean == pytest.approx(float(exact), rel=1e-12)
    assert max(places) <= 1.0


@pytest.mark.parametrize("below", [0.0, 3.0])
def test_lines_of_one_row_are_each_summed_over_their_own_side(below):
    """Of lines side by side one is next to a Poisson, of another large counts are all there is."""
    family, key = FAMILIES["negative_binomial", "log"], ("negative_binomial", "log")
    etas, alphas = np.array([2.0, -9.0, 1.0]), np.array([2e-5, 1.5, 3.0])
    rows = np.full(2, below), np.full(2, INF)
    eta, phi = np.stack([etas, etas + 0.1], axis=1)[None], (alphas[:, None],)
    lines = log_mass(family, *rows, eta, phi, None, 2)
    means = expected_between(family, Asked(*rows, eta, phi, None))
    for line, row in np.ndindex(3, 2):
        at, alpha = eta[0, line, row], (alphas[line],)
        one = mass(family, key, below, INF, at, 2, phi=alpha)
        asked = Asked(rows[0][:1], rows[1][:1], np.array([[at]]), alpha, None)
        for many, alone in (
            (lines.value[line, row], one.value[0]),
            (lines.eta_eta[0, 0, line, row], one.eta_eta[0, 0, 0]),
            (lines.phi[0][line, row], one.phi[0][0]),
            (means[line, row], expected_between(family, asked)[0]),
        ):
            assert many == pytest.approx(alone, rel=1e-12)


@pytest.mark.parametrize("key", TAILED, ids="-".join)
def test_closed_forms_are_what_nodes_sum_to(key):
    """Two ways to one number, in tails down to exp(-5000)."""
    summed = replace(FAMILIES[key], tails=None)
    for eta in etas_of(key):
        for below, upto in [*intervals_of(key), (60.0, INF), (-INF, 1e-4), (30.0, 40.0)]:
            one, other = (mass(f, key, below, upto, eta, 2) for f in (FAMILIES[key], summed))
            if one.value[0] < -5000.0:
                continue
            np.testing.assert_allclose(one.value, other.value, rtol=1e-11, atol=1e-13)
            np.testing.assert_allclose(one.eta, other.eta, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(
                one.eta_eta, other.eta_eta, rtol=1e-7, atol=1e-12 * (1 + float(one.eta[0, 0]) ** 2)
            )
            for a, b in zip(one.phi, other.phi, strict=True):
                np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


def test_normal_tails_keep_their_digits_far_out():
    family = FAMILIES["gaussian", "identity"]
    for z in (-1e5, -1e3, -50.0, -39.9, -5.0, 5.0):
        d = family.tails(np.array([z]), np.zeros((1, 1)), (1.0,), None, 2, above=False)
        with mp.workdps(80):
            log = [mp.log(mp.erfc(-mp.mpf(z) / mp.sqrt(2)) / 2)]
            hazard = mp.npdf(mp.mpf(z)) / (mp.erfc(-mp.mpf(z) / mp.sqrt(2)) / 2)
            log += [-hazard, -hazard * (z + hazard)]
        found = d.value[0], d.eta[0, 0], d.eta_eta[0, 0, 0]
        assert found == pytest.approx([float(one) for one in log], rel=1e-12)


@pytest.mark.parametrize("key", DEFAULTS, ids="-".join)
def test_parts_of_a_range_add_up_to_certainty(key):
    family, rng = FAMILIES[key], np.random.default_rng(3)
    eta, trials = rng.normal(size=(1, 200)), trials_of(key[0], np.full(200, TRIALS))
    phi = phi_of(key)
    y = np.clip(family.draw(rng, eta, phi, trials), -INF, 0.999 if key[0] == "beta" else INF)
    ends_at = (np.full(200, -INF), y, y + (1.0 if FAMILY_NAMES[key[0]].discrete else 1e-3), INF)
    parts = [
        log_mass(family, np.broadcast_to(a, 200), np.broadcast_to(b, 200), eta, phi, trials, 0)
        for a, b in pairwise(ends_at)
    ]
    np.testing.assert_allclose(sum(np.exp(one.value) for one in parts), 1.0, atol=1e-12)


def seen_rows(key):
    """A row of each kind: exact, left, right, interval."""
    (_, left), (right, _) = intervals_of(key)[1:3]
    a, b = intervals_of(key)[-1]
    exact = b
    return ends(np.array([exact, -INF, right, a]), np.array([exact, left, INF, b]))


@pytest.mark.parametrize("key", DEFAULTS, ids="-".join)
def test_rows_count_the_density_of_what_is_exact_and_the_chance_of_what_is_not(key):
    plain, y, phi = FAMILIES[key], seen_rows(key), phi_of(key)
    trials = trials_of(key[0], np.full(4, TRIALS))
    eta = np.array([[0.3, -0.2, 0.1, 0.6]])
    d = censored(plain).derivatives(y, eta, phi, trials)
    chances = log_mass(
        plain,
        y["below"][1:],
        y["upto"][1:],
        eta[:, 1:],
        phi,
        None if trials is None else trials[1:],
        2,
    )
    first = plain.derivatives(
        y["upto"][:1], eta[:, :1], phi, None if trials is None else trials[:1]
    )
    np.testing.assert_allclose(d.value, [*first.value, *chances.value], rtol=1e-13)
    np.testing.assert_allclose(d.eta[0], [*first.eta[0], *chances.eta[0]], rtol=1e-13)
    # Of many models side by side, each row of a line, and of lines of responses.
    many = np.stack([eta[0], eta[0] + 0.1])[None]
    lines = censored(plain).kernel(np.stack([y, y]), many, phi, trials, 1)
    for k in range(2):
        one = censored(plain).kernel(y, many[:, k], phi, trials, 1)
        np.testing.assert_allclose(lines.value[k], one.value, rtol=1e-12, atol=1e-14)
        np.testing.assert_allclose(lines.eta[:, k], one.eta, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("key", DEFAULTS, ids="-".join)
def test_densities_between_bounds_add_up_to_one(key):
    plain, phi = FAMILIES[key], phi_of(key)
    below, upto = intervals_of(key)[-1]
    family = truncated(plain, plain)
    if FAMILY_NAMES[key[0]].discrete:
        y, steps = np.arange(below + 1.0, upto + 1.0), 1.0
    else:
        places, steps = np.polynomial.legendre.leggauss(60)
        y = 0.5 * (below + upto) + 0.5 * (upto - below) * places
        steps = 0.5 * (upto - below) * steps
    n = len(y)
    known = bounds(np.full(n, below), np.full(n, upto), trials_of(key[0], np.full(n, TRIALS)))
    eta = np.full((1, n), 0.4)
    p = np.exp(family.log_likelihood(y, eta, phi, known)) * steps
    assert p.sum() == pytest.approx(1.0, rel=1e-10)
    np.testing.assert_allclose(family.mean(eta, phi, known), (p * y).sum(), rtol=1e-9)
    half = y <= y[n // 2]
    np.testing.assert_allclose(
        family.cdf(y, eta, phi, known) + family.survival(y, eta, phi, known), 1.0, rtol=1e-10
    )
    assert p[half].sum() == pytest.approx(family.cdf(y, eta, phi, known)[n // 2], abs=0.05)


@pytest.mark.parametrize("key", DEFAULTS, ids="-".join)
@pytest.mark.parametrize("which", [-1, 3], ids=["middle", "tail"])
def test_draws_between_bounds_have_the_means_there(key, which):
    family, (below, upto) = FAMILIES[key], intervals_of(key)[which]
    n = 1000
    trials = trials_of(key[0], np.full(n, TRIALS))
    asked = Asked(np.full(n, below), np.full(n, upto), np.full((1, n), 0.4), phi_of(key), trials)
    y = draw_between(family, asked, np.random.default_rng(5))
    assert np.all((y > below) & (y <= upto) & family.valid(y, trials))
    mean = expected_between(family, asked)[0]
    assert abs(y.mean() - mean) < 4.5 * y.std() / np.sqrt(n) + 1e-12


@pytest.mark.parametrize("key", INTERVAL_KEYS, ids="-".join)
def test_cut_off_sides_push_where_chances_rise(key):
    """Along the push of an interval its log chance never falls."""
    family = FAMILIES[key]
    up, down = endless(family)
    trials = trials_of(key[0], np.full(1, TRIALS))
    for push, (below, upto) in ((up, intervals_of(key)[2]), (down, intervals_of(key)[1])):
        y = ends(np.array([below]), np.array([upto]))
        assert censored(family).push(y, trials)[0] == push
        if push:
            etas = [0.5 * push * k for k in range(8)]
            chances = [mass(family, key, below, upto, eta, 0).value[0] for eta in etas]
            assert np.all(np.diff(chances) >= -1e-12)


@pytest.mark.parametrize(
    "key", [("gaussian", "identity"), ("gamma", "log"), ("exponential", "log")]
)
def test_saturated_densities_of_many_draws_are_those_of_each(key):
    family = FAMILIES[key]
    seen = ends(np.array([1.0, 2.0, 0.5]), np.array([1.0, np.inf, 0.5]))
    draws = np.array([[0.7], [1.9]])
    phi = [draws for _ in family.dispersions]
    found = np.broadcast_to(censored(family).saturated(seen, phi, None), (2, 3))
    for k, value in enumerate(draws[:, 0]):
        own = [np.float64(value) for _ in family.dispersions]
        expected = family.saturated(seen["upto"], own, None)
        np.testing.assert_allclose(found[k], np.where([True, False, True], expected, 0.0))
