"""The picture of priors: shrinkage by mode and by mean is that of closed forms and quadrature."""

import numpy as np
import pytest
from drawn import assert_inside, legend_of, rendered
from priors import OF_COEFFICIENTS
from scipy.integrate import simpson
from scipy.stats import norm

import bayesglm as bg
from bayesglm.show.prior import Curves, _checked

Z = np.array([-5.0, -1.3, -0.2, 0.0, 0.7, 2.0, 5.5])
SINGLE = [
    prior for prior in OF_COEFFICIENTS if not (prior.traits.needs_dims or prior.traits.of_variance)
]
LEARNED = [bg.Normal(bg.HalfNormal(0.7)), bg.Laplace(bg.Exponential(0.4), loc=0.5)]


def refusal_of(prior):
    """What is said of a prior that has no density beside data; empty where it has one."""
    try:
        prior.logpdf([0.5, 1.0])
    except bg.ModelError as refusal:
        return str(refusal)
    return ""


def at_of(curves, w):
    """Coefficients as the prior takes them: of a group, each alone."""
    return w[:, None] if curves.is_together else w


def posterior_means(curves: Curves, z: np.ndarray) -> np.ndarray:
    """By Simpson in log distance from the centre, where the density may have no bound."""
    t = np.linspace(np.log(1e-9), np.log(14.0), 701)
    means = []
    for at in z:
        mass = first = 0.0
        for side in (-1.0, 1.0):
            w = curves.centre + side * np.exp(t)
            height = np.exp(curves.prior.logpdf(at_of(curves, w)) + t - 0.5 * (w - at) ** 2)
            mass, first = mass + simpson(height, x=t), first + simpson(w * height, x=t)
        means.append(first / mass)
    return np.array(means)


def test_closed_forms():
    normal, laplace = _checked(bg.Normal(0.5, loc=1.0)), _checked(bg.lasso(1.0))
    np.testing.assert_allclose(normal.means(Z), 1.0 + (Z - 1.0) * 0.2, atol=1e-9)
    np.testing.assert_allclose(normal.modes(Z), 1.0 + (Z - 1.0) * 0.2, atol=1e-12)
    soft = np.sign(Z) * np.maximum(np.abs(Z) - 1.0, 0.0)
    np.testing.assert_allclose(laplace.modes(Z), soft, atol=1e-12)
    # Two half-normals, each the tail of one moved by the slope of its side (Mitchell 1994).
    up, down = (norm.logcdf(sign * Z - 1.0) - sign * Z for sign in (1.0, -1.0))
    share = 1.0 / (1.0 + np.exp(down - up))
    means = share * ((Z - 1.0) + np.exp(norm.logpdf(Z - 1.0) - norm.logcdf(Z - 1.0)))
    means += (1.0 - share) * ((Z + 1.0) - np.exp(norm.logpdf(Z + 1.0) - norm.logcdf(-Z - 1.0)))
    np.testing.assert_allclose(laplace.means(Z), means, atol=1e-7)


@pytest.mark.parametrize("prior", [*SINGLE, *LEARNED], ids=repr)
def test_every_prior(prior, tmp_path):
    refusal = refusal_of(prior)
    if refusal:
        with pytest.raises(bg.ModelError) as told:
            bg.plot_prior(prior)
        assert str(told.value) == refusal
        return
    curves = _checked(prior)
    few = Z[[0, 5]]
    np.testing.assert_allclose(
        curves.means(few), posterior_means(curves, few), rtol=1e-4, atol=1e-4
    )
    modes = curves.modes(Z)
    if modes is not None:
        # No other value has a higher posterior density.
        others = np.linspace(-8.0, 8.0, 3201)
        away = 0.5 * (others - Z[:, None]) ** 2
        cost = away + curves.penalty(others, curves.log_density(others))
        own = 0.5 * (modes - Z) ** 2 + curves.penalty(modes, curves.log_density(modes))
        assert (own <= cost.min(axis=1) + 1e-9).all()
    figure = rendered(bg.plot_prior(prior, bg.Normal(1.0)), tmp_path)
    density, penalty, shrinkage = figure.axes
    x, heights = density.get_lines()[0].get_data()
    if curves.is_proper:
        np.testing.assert_allclose(heights, np.exp(curves.log_density(x)))
    assert penalty.get_lines()[0].get_ydata().min() == pytest.approx(0.0, abs=1e-3)
    at, means = shrinkage.get_lines()[2].get_data()
    np.testing.assert_allclose(means, curves.means(at))
    assert len(shrinkage.get_lines()) == (6 if modes is not None else 5)
    assert ("no bound" in figure.get_supxlabel()) == (not curves.has_penalty)
    assert ("improper" in figure.get_supxlabel()) == (not curves.is_proper)
    assert_inside(figure)


def test_names_and_what_cannot_be_drawn(tmp_path):
    figure = rendered(bg.plot_prior(bg.ElasticNet(1 / 3, ratio=2 / 3), bg.ridge(2.0)), tmp_path)
    assert legend_of(figure)[1] == ["ElasticNet(0.3333, ratio=0.6667)", "Normal(0.7071)"]
    with pytest.raises(bg.DataError, match="needs a prior"):
        bg.plot_prior()
    with pytest.raises(bg.DataError, match=r"draws priors.*got 'lasso'"):
        bg.plot_prior("lasso")
    for several in ([bg.ridge(1.0)], {"lasso": bg.lasso(1.0)}):
        with pytest.raises(bg.DataError, match=r"draws priors.*one by one: plot_prior\(\*priors\)"):
            bg.plot_prior(several)
    with pytest.raises(bg.DataError, match=r"draws priors.*got <class .*Laplace"):
        bg.plot_prior(bg.ridge(1.0), bg.Laplace)
    with pytest.raises(bg.ModelError, match="says nothing of a single coefficient"):
        bg.plot_prior(bg.smooth(1.0))
    with pytest.raises(bg.ModelError, match="does not fit"):
        bg.plot_prior(bg.Normal((0.1, 1.0, 2.0)))
    with pytest.raises(bg.ModelError, match="says nothing of a single coefficient"):
        bg.plot_prior(bg.Normal(1.0, loc=(0.0, 1.0)))


def test_a_notebook_without_pyplot_shows_the_picture():
    from IPython.core.formatters import DisplayFormatter

    shown, _ = DisplayFormatter().format(bg.plot_prior(bg.Normal(1.0)))
    assert shown["image/png"].startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("prior", "density"),
    [
        (bg.Precision(bg.Gamma(2.0, 1.0)), lambda x: 2.0 * x**-5.0 * np.exp(-(x**-2.0))),
        (bg.Variance(bg.Gamma(0.5, 2.0)), lambda x: np.exp(-2.0 * x**2)),
        (bg.Gamma(0.5, 1.0), lambda x: x**-0.5 * np.exp(-x)),
        (bg.Uniform(1.0, 4.0), lambda x: 1.0 * (x >= 1.0) * (x <= 4.0)),
        (bg.Beta(0.5, 0.5), lambda x: 1.0 / np.sqrt(x * (1.0 - x))),
    ],
    ids=lambda one: "" if callable(one) else repr(one),
)
def test_priors_of_one_side_have_no_other(prior, density, tmp_path):
    """Means by the midpoint rule in the square of the sine, between ends, and of u^2 elsewhere."""
    curves = _checked(prior)
    u = (np.arange(200_000) + 0.5) / 200_000
    has_end = isinstance(prior, bg.Beta)
    x = np.square(np.sin(0.5 * np.pi * u)) if has_end else 15.0 * u**2
    mass = density(x) * (np.sin(np.pi * u) if has_end else u)
    for z in (-1.0, 0.5, 3.0):
        beside = mass * np.exp(-0.5 * (x - z) ** 2)
        assert curves.means(np.array([z]))[0] == pytest.approx(beside @ x / beside.sum(), rel=2e-3)
    assert np.exp(curves.log_density(np.array([-0.5]))) == 0.0
    assert_inside(rendered(bg.plot_prior(prior), tmp_path))


def test_priors_that_no_estimate_is_beside_are_refused():
    for prior in (bg.Normal(1e-200), bg.Normal(1.0, loc=1e30), bg.Uniform(100.0, 200.0)):
        with pytest.raises(bg.ModelError, match="say its numbers in standard errors"):
            bg.plot_prior(prior)
