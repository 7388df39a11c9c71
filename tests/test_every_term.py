"""Every kind of term: what it says of itself holds, and every part of the package knows it."""

import dataclasses

import numpy as np
import pytest
from terms import (
    EXAMPLES,
    IN_POPULATIONS,
    KINDS,
    OF_EVERY_KIND,
    N,
    columns_of,
    curve_in,
    lag_functions_in,
    rounding_of,
    sample_data,
)

import bayesglm as bg
from bayesglm.cli import main
from bayesglm.design.plan import plan_fit
from bayesglm.design.resolve import resolve
from bayesglm.inference.tree.opened import parameter_group
from bayesglm.spec.priors import COEFFICIENT_PRIORS
from bayesglm.spec.terms.term import settled

DATA = sample_data()
PRIOR = bg.Normal(0.5)


def glm(*terms, **options):
    return bg.GLM("poisson", terms, family="poisson", **options)


def with_prior(term):
    return dataclasses.replace(term, prior=PRIOR)


def arrays():
    return {name: DATA[name].values for name in DATA.data_vars}


def fitted(*terms):
    """Return a MAP, or draws where there is none."""
    if all(EXAMPLES[type(term).__name__].has_mode for term in terms):
        return bg.fit_map(glm(*terms), DATA)
    return bg.fit(glm(*terms), DATA, draws=500)


def average(found):
    """Return the mean over draws, if there are any."""
    return found.mean(("chain", "draw"), skipna=False) if "draw" in found.dims else found


def by_hand(term):
    """Return columns, and which samples see all that they read."""
    return columns_of(term, arrays(), "poisson")


def block_of(term):
    return plan_fit(glm(term, edges="zero"), DATA).designs[0].predictors.blocks[0]


@pytest.mark.parametrize("term", [*OF_EVERY_KIND, *IN_POPULATIONS], ids=repr)
def test_what_it_is_called(term):
    assert term.variables == tuple(term.roles)
    assert all(isinstance(word, str) and word for pair in term.roles.items() for word in pair)
    assert dataclasses.replace(term, name="other").label == "other"
    model = glm(term)
    for suffix in term.own_dims:
        with pytest.raises(bg.ModelError, match="collides with one that the model itself needs"):
            glm(term, bg.Linear("x", name=f"{term.label}_{suffix}"))
    index = "[t]" if term.is_lagged else "[i]"
    first, second, *_, last = str(model).splitlines()
    assert first.startswith(f"poisson{index} ~ Poisson")
    assert term.summand("poisson", index) in second
    assert all(name in second for name in (term.label, *term.variables))
    assert last.startswith(term.symbol())
    assert term.symbol().startswith(term.label)


@pytest.mark.parametrize("term", [*OF_EVERY_KIND, *IN_POPULATIONS], ids=repr)
def test_it_is_written_and_read(term):
    for one in (term, with_prior(term), settled(term, PRIOR, {})):
        assert bg.GLM.from_json(glm(one).to_json()) == glm(one)
        assert eval(repr(one), {name: getattr(bg, name) for name in bg.__all__}) == one
        assert hash(one) == hash(dataclasses.replace(one))


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_its_prior(term):
    prior = term.default_prior(2.0)
    assert isinstance(prior, COEFFICIENT_PRIORS)
    assert dataclasses.replace(term, prior=prior).prior == prior
    model = glm(term, prior=PRIOR)
    assert model.prior_of(term) == (PRIOR if term.takes_model_prior else None)
    assert model.prior_of(with_prior(term)) == PRIOR
    plan = resolve(plan_fit(glm(term), DATA))
    (stored,) = plan.model.terms
    assert type(stored.prior) is type(prior)
    # Nothing is left to be decided: the stored term is laid and resolved as it is.
    again = resolve(plan_fit(plan.model, DATA))
    assert again.model == plan.model
    one, other = (p.designs[0].predictors.blocks[0] for p in (plan, again))
    np.testing.assert_array_equal(one.columns(np.arange(N)), other.columns(np.arange(N)))


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_its_columns_are_those_by_hand(term):
    block, (X, _) = block_of(term), by_hand(term)
    X = X @ block.transform.natural(np.eye(block.size)).T
    rounding = rounding_of(term)
    assert (block.name, block.size) == (term.label, X.shape[1])
    for rows in (np.arange(N), np.arange(7, 20), np.array([0, 3, 4, 40, N - 1])):
        columns = block.columns(rows)
        np.testing.assert_allclose(columns, X[rows], rtol=rounding, atol=rounding)
        np.testing.assert_allclose(block.on(rows).dense(), columns, rtol=1e-14)
    assert len({block.label(k) for k in range(block.size)}) == block.size


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_its_coefficients_are_labelled(term):
    block = block_of(term)
    own = {f"{term.label}_{suffix}" for suffix in term.own_dims}
    of_data = {dim for name in term.variables for dim in DATA[name].dims}
    assert set(block.dims) <= own | of_data
    assert block.shape == tuple(len(block.coords[dim]) for dim in block.dims)
    assert block.shape[: len(block.unit_shape)] == block.unit_shape
    assert set(block.settles) <= {field.name for field in dataclasses.fields(term)}


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_its_lags(term):
    block, lags = block_of(term), term.lag_range(0.01)
    assert term.is_lagged == (lags is not None) == (not block.reads_own_rows)
    if lags is None:
        assert block.complete().all()
        return
    assert block.of_lags.lags.tolist() == list(lags)
    assert block.complete().tolist() == by_hand(term)[1].tolist()
    if term.reads_response:
        assert lags.start >= 1


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_columns_move_with_the_signal_where_it_says_so(term):
    block = block_of(term)
    centres = 1.0 + np.arange(block.signal.shape[1])
    moved = dataclasses.replace(block, signal=block.signal + centres)
    for rows in (np.arange(N), np.flatnonzero(block.complete())):
        expected = block.columns(rows) + block.moves(centres)
        moves = np.allclose(moved.columns(rows), expected, atol=1e-12)
        assert block.is_movable(rows) == moves


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_new_data_are_predicted_as_the_same_samples_of_the_fit(term):
    fit = fitted(with_prior(term))
    whole = average(bg.predict(fit)["poisson"])
    part = average(bg.predict(fit, DATA.isel(time=slice(15, 45)))["poisson"])
    told = np.isfinite(part.values)
    lags = term.lag_range(0.01) or range(1)
    first, last = max(lags.stop - 1, 0), len(told) + min(lags.start, 0)
    told[:first] = told[last:] = False  # an event beyond the ends is not seen there
    assert told.sum() >= 20
    np.testing.assert_allclose(part.values[told], whole.values[15:45][told], rtol=1e-12)


@pytest.mark.parametrize("term", OF_EVERY_KIND, ids=repr)
def test_its_columns_times_its_coefficients_are_its_share_of_eta(term):
    columns, seen = by_hand(term)
    fit = fitted(with_prior(term))
    found = average(parameter_group(fit))
    w = found[term.label].values.ravel()
    eta = columns @ w + float(found["intercept"])
    linear = average(bg.predict(fit, kind="linear")["poisson"])
    np.testing.assert_allclose(linear[seen], eta[seen], rtol=1e-10, atol=1e-12)
    assert np.isnan(linear[~seen]).all()
    if EXAMPLES[type(term).__name__].has_mode:
        # There the prior holds what the residuals pull.
        pull = columns[seen].T @ (DATA["poisson"].values[seen] - np.exp(eta[seen]))
        np.testing.assert_allclose(pull, w / PRIOR.scale**2, atol=1e-6)
    node, curve, kernel = bg.kernels(fit)[term.label], curve_in(term), w
    if curve is not None:
        at = [node[name].values for name in ("value", "value_2") if name in node.dims]
        laid = EXAMPLES[type(curve).__name__].curve(curve, arrays(), *at)
        kernel = (laid @ w.reshape(laid.shape[1], -1)).T.ravel()
    functions = lag_functions_in(term)
    if functions is not None:
        kernel = (functions @ w.reshape(functions.shape[1], -1)).ravel()
        assert node["lag"].values.tolist() == list(term.lag_range(0.01))
    np.testing.assert_allclose(node["link"].values.ravel(), kernel, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shell_says_it(kind, tmp_path, capsys):
    name = kind.__name__.lower()
    example = EXAMPLES[kind.__name__]
    term = example.terms[0]
    assert kind.from_text(example.text) == (term,)
    with pytest.raises(SystemExit):
        main(["fit", "--help"])
    assert f"--{name} {kind.option.metavar}" in capsys.readouterr().out
    table = tmp_path / "data.csv"
    DATA.drop_vars("movie").to_dataframe().to_csv(table)
    asked = ["--response", "poisson", "--family", "poisson", f"--{name}", example.text]
    assert main(["fit", str(table), *asked, "--draws", "50", "--chains", "2"]) == 0
    index = "[t]" if term.is_lagged else "[i]"
    assert term.summand("poisson", index) in capsys.readouterr().out


@pytest.mark.parametrize("has_mode", [True, False])
def test_all_together_in_verbs_and_report(has_mode, tmp_path):
    examples = [one for one in EXAMPLES.values() if one.has_mode == has_mode]
    terms = [one.terms[0] for one in examples]
    with_basis = [
        one for each in examples for one in each.terms if lag_functions_in(one) is not None
    ]
    terms += map(with_prior, with_basis[:1])
    names = [f"term_{k}" for k in range(len(terms))]
    prior = bg.Normal(0.2)  # of nearly as many coefficients as there are samples
    terms = [
        dataclasses.replace(term, name=name, prior=prior)
        for term, name in zip(terms, names, strict=True)
    ]
    fit = bg.fit_laplace(glm(*terms), DATA, draws=50, chains=2) if has_mode else fitted(*terms)
    again = bg.load(bg.save(fit, tmp_path / "fit.nc"))
    assert set(bg.kernels(again).children) == set(names)
    page = bg.report({"all": again}, tmp_path / "page.html").read_text()
    assert all(name in page for name in names)
