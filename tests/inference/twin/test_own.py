"""Families and links of one's own: what is registered, what is refused, and in which words."""

import subprocess
import sys

import numpy as np
import pytest
from twins import compare

import bayesglm as bg
from bayesglm.numerics.families.table import FAMILIES
from bayesglm.spec.families import FAMILY_NAMES

RNG = np.random.default_rng(0)
X = RNG.normal(size=60)
DATA = {"y": RNG.poisson(np.exp(0.5 + 0.3 * X)).astype(float), "x": X, "n": np.full(60, 9.0)}


def log_density(y, mu):
    return y * np.log(mu) - (y + 1.0) * np.log1p(mu)


def geometric_twin(mu):
    import pymc as pm

    return pm.NegativeBinomial.dist(mu=mu, alpha=1.0)


def geometric(**changes):
    """Return geometric counts of one's own, some facts of them changed."""
    facts = {
        "name": "failures",
        "links": "log",
        "log_density": log_density,
        "twin": geometric_twin,
        "draw": lambda rng, mu: rng.geometric(1.0 / (1.0 + mu)) - 1,
        "valid": lambda y: (y >= 0) & (y == np.floor(y)),
        "support": "non-negative integers",
        "mu_range": (0.0, np.inf),
        "discrete": True,
        "concave_links": "log",
    }
    return bg.OwnFamily(**(facts | changes))


def shares_twin(mu, n):
    import pymc as pm

    return pm.Binomial.dist(n=n, p=mu)


def shares_density(y, mu, n):
    from scipy.special import gammaln, xlog1py, xlogy

    chance = gammaln(n + 1.0) - gammaln(y + 1.0) - gammaln(n - y + 1.0)
    return chance + xlogy(y, mu) + xlog1py(n - y, -mu)


SHARES = bg.OwnFamily(
    "shares",
    ("logit", "probit", "identity"),
    shares_density,
    shares_twin,
    draw=lambda rng, mu, n: rng.binomial(np.asarray(n, dtype=int), mu),
    valid=lambda y, n: (y >= 0) & (y <= n) & (y == np.floor(y)),
    support="integers from 0 to trials",
    mu_range=(0.0, 1.0),
    discrete=True,
    has_trials=True,
    concave_links=("logit", "probit", "identity"),
)


def test_a_family_with_trials_is_the_binomial():
    bg.register_family(SHARES)
    y = np.minimum(DATA["y"], 9.0)
    data = DATA | {"y": y}
    for link in ("logit", "probit"):
        models = [
            bg.GLM("y", "x", family=family, link=link, trials="n", prior=bg.Normal(1.0))
            for family in ("shares", "binomial")
        ]
        one, other = (bg.fit_map(model, data) for model in models)
        for name in ("intercept", "x"):
            assert float(one["map"][name]) == pytest.approx(float(other["map"][name]), rel=1e-8)
        for name in ("log_posterior", "log_likelihood", "deviance"):
            if name in other.attrs:
                assert one.attrs[name] == pytest.approx(other.attrs[name], rel=1e-10)
        assert bg.predict(one)["y"].values == pytest.approx(bg.predict(other)["y"].values)
    compare(models[0], data)


def test_a_link_beyond_the_means_range_has_the_density_zero_there():
    bg.register_family(SHARES)
    family = FAMILIES["shares", "identity"]
    eta = np.array([[-0.1, 0.3, 1.2]])
    d = family.derivatives(np.full(3, 2.0), eta, (), np.full(3, 5.0))
    assert np.isneginf(d.value[[0, 2]]).all()
    assert d.value[1] == pytest.approx(np.log(10 * 0.3**2 * 0.7**3))
    assert d.eta[0].tolist() == pytest.approx([0.0, 2 / 0.3 - 3 / 0.7, 0.0])


def test_separated_data_are_refused_under_a_flat_prior():
    bg.register_family(geometric())
    data = {"y": [0, 0, 0, 1, 3], "x": [1.0, 2.0, 1.5, 0.0, 0.0]}
    with pytest.raises(bg.DataError, match="the data are separated"):
        bg.fit_map(bg.GLM("y", "x", family="failures", prior=bg.Flat()), data)


def expm1(eta):
    return eta.expm1()


LINK = bg.OwnLink("log1p", np.expm1, expm1, families=("poisson",), domain=(0.0, np.inf))


@pytest.mark.parametrize("family", ["poisson", "failures"])
def test_a_link_of_ones_own_goes_with_any_family(family):
    bg.register_link(LINK)
    bg.register_family(geometric(links=("log", "log1p")))
    model = bg.GLM("y", "x", family=family, link="log1p", prior=bg.Normal(0.2))
    assert bg.GLM.from_json(model.to_json()) == model
    assert "log1p⁻¹(eta[i])" in str(model)
    compare(model, DATA, spread=0.02)
    found = bg.fit_map(model, DATA)
    assert found.attrs["gradient_norm"] < 1e-6
    eta = float(found["map"]["intercept"]) + X * float(found["map"]["x"])
    assert bg.predict(found)["y"].values == pytest.approx(np.expm1(eta))


def test_a_link_of_ones_own_that_is_the_familys_changes_nothing():
    bg.register_link(bg.OwnLink("mine", lambda eta: np.exp(-eta), lambda eta: 1 / eta, "gamma"))
    data = DATA | {"y": DATA["y"] + 0.5}
    models = [
        bg.GLM("y", "x", family="gamma", link=link, prior=bg.Normal(1.0)) for link in (None, "mine")
    ]
    one, other = (bg.fit_map(model, data) for model in models)
    assert float(one["map"]["x"]) == pytest.approx(-float(other["map"]["x"]), rel=1e-8)
    assert one.attrs["log_posterior"] == pytest.approx(other.attrs["log_posterior"], rel=1e-12)
    own, theirs = FAMILIES["gamma", "mine"], FAMILIES["gamma", "log"]
    y, eta, phi = np.array([0.3, 2.0]), np.array([[-0.4, 0.9]]), (np.array(0.7),)
    for name in ("cdf", "survival"):
        found = getattr(own, name)(y, eta, phi, None)
        assert found == pytest.approx(getattr(theirs, name)(y, -eta, phi, None))
    bends = [f.derivatives(y, sign * eta, phi, None) for f, sign in ((own, 1.0), (theirs, -1.0))]
    assert bends[0].eta_phi[0] == pytest.approx(-bends[1].eta_phi[0])
    assert bends[0].eta_eta == pytest.approx(bends[1].eta_eta)


def test_the_same_again_changes_nothing_and_another_must_be_said():
    family = geometric()
    bg.register_family(family)
    bg.register_family(family)
    other = geometric(notation="Other({mu})")
    with pytest.raises(bg.ModelError, match=r"'failures' is registered already.*replace=True"):
        bg.register_family(other)
    bg.register_family(other, replace=True)
    assert FAMILY_NAMES["failures"].notation == "Other({mu})"
    bg.register_link(LINK)
    bg.register_link(LINK)
    moved = bg.OwnLink("log1p", np.expm1, expm1, families="gamma", domain=(0.0, np.inf))
    with pytest.raises(bg.ModelError, match="link 'log1p' is registered already"):
        bg.register_link(moved)
    bg.register_link(moved, replace=True)
    assert "log1p" in FAMILY_NAMES["gamma"].links
    assert "log1p" not in FAMILY_NAMES["poisson"].links
    assert ("poisson", "log1p") not in FAMILIES


def fails(*given):
    raise ZeroDivisionError("of mine")


def betainc_density(y, mu):
    from scipy.special import betainc

    return np.log(betainc(mu, 2.0, 0.5))


REFUSED = {
    "the package's own": ({"name": "poisson"}, "'poisson' is one of the package's own"),
    "unknown link": ({"links": "logg"}, "names the link 'logg', which is not known.*'log'"),
    "link beyond": ({"links": "inverse_of_mine"}, "not known"),
    "mu beyond": ({"links": "probit", "mu_range": (0.5, 1)}, "takes mu beyond .0.5, 1., its mu_r"),
    "density": ({"log_density": fails}, "log_density failed: ZeroDivisionError: of mine"),
    "no derivative": ({"log_density": betainc_density}, "betainc has no derivatives here; write"),
    "draws": ({"draw": lambda rng, mu: -mu}, "draw gave .*, of which valid says"),
    "one draw": ({"draw": lambda rng, mu: 1.0}, "draw gave an array .. for mu of shape"),
    "infinite": ({"log_density": lambda y, mu: np.log(0.0 * mu)}, "which it drew, is .-inf"),
    "mean": ({"mean": fails}, "mean failed: ZeroDivisionError"),
    "cdf": ({"cdf": fails}, "cdf failed: ZeroDivisionError"),
}


@pytest.mark.parametrize(("changes", "message"), REFUSED.values(), ids=REFUSED)
def test_what_gives_no_density_is_refused(changes, message):
    before = dict(FAMILIES)
    with pytest.raises(bg.ModelError, match=message):
        bg.register_family(geometric(**changes))
    assert before == FAMILIES


SAID = {
    "no word": (lambda: geometric(name="two words"), "name must be a word of letters"),
    "a keyword": (lambda: geometric(name="lambda"), "name must be a word"),
    "no function": (lambda: geometric(draw=3.0), "draw must be a function, got 3.0"),
    "no link": (lambda: geometric(links=()), "needs a link"),
    "ends": (lambda: geometric(mu_range=(1, 0)), "mu_range must be two ends, the lower first"),
    "misspelt": (lambda: geometric(sampler=3), "takes .*, and no 'sampler'"),
    "reserved": (lambda: bg.OwnDispersion("chain", bg.Flat()), "'chain': the name is reserved"),
    "a number": (lambda: bg.OwnDispersion("k", 3.0), "prior must be one of HalfNormal"),
    "start": (lambda: bg.OwnDispersion("k", bg.Flat(), "logit", 2.0), "between 0 and 1, got 2.0"),
    "real": (lambda: bg.OwnDispersion("k", bg.Flat(), "identity"), "link must be 'log'"),
    "twice": (
        lambda: geometric(dispersions=[bg.OwnDispersion("k", bg.Flat())] * 2),
        "two dispersions of one name",
    ),
    "no record": (lambda: bg.register_family("poisson"), "takes an OwnFamily, got 'poisson'"),
    "no link record": (lambda: bg.register_link("log"), "register_link takes an OwnLink"),
    "levels": (
        lambda: bg.register_link(bg.OwnLink("mine", np.exp, expm1, "ordinal")),
        "'ordinal' has none",
    ),
    "unknown family": (
        lambda: bg.register_link(bg.OwnLink("mine", np.exp, expm1, "poison")),
        "'poison', which is not known.*Did you mean 'poisson'",
    ),
    "the package's link": (lambda: bg.register_link(bg.OwnLink("log", np.exp, expm1)), "package's"),
    "no mean": (
        lambda: bg.register_link(bg.OwnLink("mine", fails, expm1)),
        "mean failed: ZeroDivisionError",
    ),
}


@pytest.mark.parametrize(("call", "message"), SAID.values(), ids=SAID)
def test_what_is_no_record_says_what_to_write(call, message):
    with pytest.raises(bg.ModelError, match=message):
        call()


def test_a_file_of_a_family_that_is_not_registered_says_so(tmp_path):
    bg.register_family(geometric())
    bg.save(bg.fit_map(bg.GLM("y", "x", family="failures"), DATA), tmp_path / "fit.nc")
    code = f"import bayesglm as bg; bg.predict(bg.load({str(tmp_path / 'fit.nc')!r}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "ModelError: unknown family 'failures'" in done.stderr
    assert "One of your own is made known by register_family first." in done.stderr


def test_a_model_under_a_link_that_is_not_registered_says_so():
    text = '{"type": "GLM", "response": "y", "terms": ["x"], "family": "gamma", "link": "of_mine"}'
    with pytest.raises(bg.ModelError, match=r"link 'of_mine'.*made known by register_link first"):
        bg.GLM.from_json(text)
    with pytest.raises(bg.ModelError, match=r"does not go with link 'logit'; it allows [\w, ]+\.$"):
        bg.GLM("y", "x", family="gamma", link="logit")


def test_the_default_prior_may_be_scaled_by_the_data():
    def normal(y, mu, sigma):
        return -0.5 * ((y - mu) / sigma) ** 2 - np.log(sigma) - 0.5 * np.log(2.0 * np.pi)

    sigma = bg.OwnDispersion("sigma", lambda mean, sd: bg.HalfStudentT(sd), deviance_power=-2.0)
    bg.register_family(
        bg.OwnFamily(
            "normal_of_mine",
            "identity",
            normal,
            twin=fails,
            draw=lambda rng, mu, sigma: rng.normal(mu, sigma),
            valid=np.isfinite,
            support="numbers",
            dispersions=sigma,
            has_unit=True,
        )
    )
    one, other = (
        bg.fit_map(bg.GLM("y", "x", family=f), DATA) for f in ("normal_of_mine", "gaussian")
    )
    for name in ("intercept", "x", "sigma"):
        assert float(one["map"][name]) == pytest.approx(float(other["map"][name]), rel=1e-7)
    stored = (bg.GLM.from_json(fit.attrs["model"]) for fit in (one, other))
    assert len({model.dispersion for model in stored}) == 1
