"""Every inverse link against arithmetic of many digits, over the whole of its domain."""

import mpmath as mp
import numpy as np
import pytest

from bayesglm.numerics.families.binary_links import BINARY_LINKS
from bayesglm.numerics.families.links import DIRECTIONS, LOG_MEANS, MEANS

ETAS = np.array(
    [
        *(-1e5, -745.2, -300.0, -40.1, -26.0, -5.2, -4.01, -2.31, -1.0, -0.71, -0.69, -0.3, -1e-9),
        *(0.0, 1e-9, 0.2, 0.5, 0.69, 0.71, 0.9, 1.0 - 1e-9, 2.0, 4.01, 20.0, 40.1, 300.0, 1e5),
    ]
)


def double_log(x):
    """Return 1 - exp(-exp(x)) and exp(-exp(x)), the latter nothing beyond as many digits as any."""
    rest = mp.exp(-mp.exp(x)) if x < 9 else mp.mpf(0)
    return (-mp.expm1(-mp.exp(x)) if x < 9 else mp.mpf(1)), rest


PROBABILITIES = {
    "logit": lambda x: (1 / (1 + mp.exp(-x)), 1 / (1 + mp.exp(x))),
    "probit": lambda x: tuple(mp.erfc(side * x / mp.sqrt(2)) / 2 for side in (-1, 1)),
    "cauchit": lambda x: tuple(mp.mpf(1) / 2 + side * mp.atan(x) / mp.pi for side in (1, -1)),
    "cloglog": lambda x: double_log(x),
    "loglog": lambda x: double_log(-x)[::-1],
    "log": lambda x: (mp.exp(x), -mp.expm1(x)),
    "identity": lambda x: (x, 1 - x),
}
CURVES = {
    ("mean", "identity"): lambda x: x,
    ("mean", "log"): mp.exp,
    ("mean", "inverse"): lambda x: 1 / x,
    ("mean", "sqrt"): lambda x: x * x,
    ("mean", "softplus"): lambda x: mp.log1p(mp.exp(x)),
    ("log mean", "log"): lambda x: x,
    ("log mean", "identity"): mp.log,
    ("log mean", "inverse"): lambda x: -mp.log(x),
    ("log mean", "sqrt"): lambda x: 2 * mp.log(x),
    ("log mean", "softplus"): lambda x: mp.log(mp.log1p(mp.exp(x))),
    ("direction", "tan_half"): lambda x: 2 * mp.atan(x),
    ("direction", "identity"): lambda x: x,
}
TABLES = {"mean": MEANS, "log mean": LOG_MEANS, "direction": DIRECTIONS}


def exact_derivatives(function, at):
    """Return a function and two derivatives, by central differences in many digits."""
    at = mp.mpf(float(at))
    h = mp.mpf(10) ** -(mp.mp.dps // 4)
    low, here, high = function(at - h), function(at), function(at + h)
    return here, (high - low) / (2 * h), (high - 2 * here + low) / h**2


def check(values, exact, tolerance, at):
    for value, number in zip(values, exact, strict=True):
        if abs(number) > 1.7e308:
            assert float(value) == float(mp.sign(number)) * np.inf, at
        else:
            error = abs(mp.mpf(float(value)) - number)
            lost = abs(exact[0]) * mp.mpf("1e-30") + mp.mpf("5e-308")  # by the differences
            assert error <= tolerance * abs(number) + lost, (at, value)


def inherited(link, eta):
    """exp(-x) inherits the rounding of x: eta^2 / 2 in probit, exp(|eta|) in the double logs."""
    exponent = {"probit": eta * eta / 2, "cloglog": np.exp(min(eta, 7.0))}
    exponent["loglog"] = np.exp(min(-eta, 7.0))
    return 4e-16 * min(exponent.get(link, 0.0), 750.0)


def inside(link):
    return ETAS[link.domain.holds(ETAS)]


def test_every_link_is_tried():
    assert set(PROBABILITIES) == set(BINARY_LINKS)
    assert set(CURVES) == {(kind, name) for kind, table in TABLES.items() for name in table}


@pytest.mark.parametrize("name", BINARY_LINKS)
def test_probabilities_and_their_slopes(name):
    link = BINARY_LINKS[name]
    for eta in inside(link):
        with mp.workdps(100 if abs(eta) < 50 else 1400):
            exact = exact_derivatives(lambda x: PROBABILITIES[name](x)[0], eta)
        found = (link.probability(np.array([eta]))[0], *(s[0] for s in link.slopes(eta[None])))
        check(found, exact, 3e-15 + inherited(name, eta), (name, eta))


@pytest.mark.parametrize("side", [0, 1], ids=["p", "q"])
@pytest.mark.parametrize("name", BINARY_LINKS)
def test_logarithms_of_both_sides(name, side):
    link = BINARY_LINKS[name]
    for eta in inside(link):
        if abs(eta) > 300.0 and name in ("cloglog", "loglog", "probit", "logit"):
            continue  # in as many digits as are tried, one side is exactly nothing
        with mp.workdps(200 if abs(eta) < 6 else 400 if abs(eta) < 20 else 900):
            sides = PROBABILITIES[name](mp.mpf(float(eta)))
            if sides[side] in (0, 1):
                continue
            exact = exact_derivatives(lambda x: mp.log(PROBABILITIES[name](x)[side]), eta)
        found = [pair[side][0] for pair in link.logs(eta[None], 2)]
        check(found, exact, 1e-14 + inherited(name, eta), (name, eta))
        if link.log_p is not None and side == 0:
            np.testing.assert_allclose(
                [one[0] for one in link.log_p(eta[None], 2)], found, rtol=1e-14, atol=1e-300
            )


@pytest.mark.parametrize("name", BINARY_LINKS)
def test_log_concave_says_the_sign_of_the_curvature(name):
    link = BINARY_LINKS[name]
    eta = np.linspace(-30.0, 30.0, 401)
    bends = link.logs(eta[link.domain.holds(eta)], 2)[2]
    assert all(np.all(one <= 0.0) for one in bends) == link.log_concave


@pytest.mark.parametrize(("kind", "name"), CURVES, ids=lambda one: one)
def test_curves_and_their_derivatives(kind, name):
    curve = TABLES[kind][name]
    for eta in inside(curve):
        with mp.workdps(100 if abs(eta) < 20 else 900):
            exact = exact_derivatives(CURVES[kind, name], eta)
        found = [float(np.squeeze(one)) for one in curve.derivatives(eta[None], 2)]
        assert found[0] == curve.value(eta[None])[0]
        check(found, exact, 1e-14, (kind, name, eta))


@pytest.mark.parametrize("link", [*BINARY_LINKS.values(), *MEANS.values(), *LOG_MEANS.values()])
def test_a_place_inside_the_domain_lies_there(link):
    domain = link.domain
    assert domain.holds(np.array([domain.inside])).all()
    assert not domain.holds(np.array([domain.low, domain.high])).any()
    assert domain.is_real_line == domain.holds(np.array([-1e300, 1e300])).all()
