"""The two engines side by side: the native log posterior and PyMC's, value and gradient."""

import re

import numpy as np

import bayesglm as bg
from bayesglm.inference.problem.problem import open_problems


def compare(model, data, seed=0, rtol=1e-9, gradient_rtol=1e-8, spread=0.3):
    """Assert equal value and gradient, with and without the Jacobian, at a random theta."""
    compiled = bg.to_pymc(model, data)
    problems = open_problems(model, data)
    rng = np.random.default_rng(seed)
    thetas = [p.start(p.unconstrained) + spread * rng.normal(size=p.natural.size) for p in problems]
    point, order = compiled.initial_point(0), []
    for variable in compiled.value_vars:
        name = re.sub("_[a-z]+__$", "", variable.name)  # as PyMC calls what it transforms
        parts = [t[p.places[name]] for t, p in zip(thetas, problems, strict=True)]
        point[variable.name] = np.concatenate(parts).reshape(np.shape(point[variable.name]))
        order.append(name)
    both = (False, True)
    asked = [f(jacobian=j) for j in both for f in (compiled.logp, compiled.dlogp)]
    found = iter(compiled.compile_fn(asked, mode="FAST_COMPILE", on_unused_input="ignore")(point))
    for jacobian in both:
        value, slope = next(found), next(found)
        native, gradients = 0.0, []
        for problem, theta in zip(problems, thetas, strict=True):
            objective = problem.unconstrained if jacobian else problem.natural
            at = theta if jacobian else problem.natural_thetas(theta)
            native += objective.log_density(at[None])[0]
            slope_of = gradient(objective, at)
            if not jacobian:
                problem.unconstrained.registry.pull_coefficients(theta, slope_of)
            gradients.append(slope_of)
        expected = np.concatenate(
            [g[p.places[name]] for name in order for g, p in zip(gradients, problems, strict=True)]
        )
        np.testing.assert_allclose(native, value, rtol=rtol)
        np.testing.assert_allclose(
            expected, slope, rtol=gradient_rtol, atol=1e-8 * abs(slope).max()
        )


def gradient(objective, theta):
    """Return the slope of the whole log density, kinks and learned scales included."""
    if not objective.registry.scales:
        return objective.evaluate(theta).gradient - objective.kinks.slope(theta)
    found = objective.rowwise.terms(objective.w(theta), objective.phi(theta))
    slope = objective.prior_slope(theta)[1]
    objective.add_likelihood_slope(theta, found.w, found.phi, slope)
    return slope
