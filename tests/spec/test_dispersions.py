"""What a model says of parameters beside the mean: priors, numbers, linear predictors."""

import pytest

import bayesglm as bg
from bayesglm.spec.families import FAMILY_NAMES, FamilyName

GROUPED = {"sigma": ["x", bg.Group("g"), bg.Lagged("s", lags=3)]}


def glm(dispersion, terms="x", **options):
    return bg.GLM("y", terms, dispersion=dispersion, **options)


def test_terms_bear_the_parameters_name():
    model = glm(GROUPED)
    assert [term.label for term in model.every_term] == ["x", "sigma_x", "sigma_g", "sigma_s"]
    assert [term.label for term in model.terms] == ["x"]
    assert model.variables == ("y", "x", "g", "s")
    named = glm({"sigma": bg.Linear("z", name="sigma_of_z")})
    assert named.every_term[-1].label == "sigma_of_z"
    assert glm(bg.HalfNormal(1.0)).predicted == {}


@pytest.mark.parametrize(
    "dispersion",
    [
        GROUPED,
        {"sigma": [bg.HalfNormal(2.0), bg.Linear("x", prior=bg.ridge(3.0))]},
        {"sigma": bg.HalfNormal(1.0)},
        {"sigma": 2.0},
        {"sigma": (bg.Linear("z"),)},
        {"sigma": None},
    ],
)
def test_it_is_written_and_read(dispersion):
    model = glm(dispersion)
    assert bg.GLM.from_json(model.to_json()) == model
    assert hash(bg.GLM.from_json(model.to_json())) == hash(model)
    assert eval(repr(model), {name: getattr(bg, name) for name in bg.__all__}) == model
    assert glm(model.dispersion) == model


def test_one_dispersion_by_name_is_the_same_as_without():
    assert glm({"sigma": bg.HalfNormal(1.0)}) == glm(bg.HalfNormal(1.0))
    assert glm({"sigma": 2}) == glm(2.0)
    assert glm({"sigma": None}) == glm(None)


def test_the_models_prior_is_of_the_means_terms():
    model = glm({"sigma": ["x"]}, prior=bg.ridge(1.0))
    mean, of_sigma = model.every_term
    assert model.prior_of(mean) == bg.ridge(1.0)
    assert model.prior_of(of_sigma) is None


def test_other_terms_are_put_in_their_places():
    model = glm(GROUPED)
    others = [bg.Linear("z"), *model.every_term[1:-1], bg.Linear("w", name="sigma_w")]
    changed = model.with_terms(others)
    assert list(changed.every_term) == others
    assert changed.with_terms(model.every_term) == model


def test_notation():
    lines = str(glm({"sigma": ["x", bg.Group("g")]}, offset="o")).splitlines()
    assert lines[0] == "y[i] ~ Normal(eta[i], sigma[i]²)"
    assert lines[2] == "log(sigma[i]) = sigma_intercept + sigma_x·x[i] + sigma_g[g[i]]"
    text = str(glm({"sigma": [bg.HalfNormal(2.0), bg.Linear("x", prior=bg.ridge(4.0))]}))
    assert "exp(sigma_intercept)  ~ HalfNormal(2)" in text
    assert "sigma_x               ~ Normal(0, 0.5²)" in text
    assert "\nsigma " not in text
    lagged = str(glm({"sigma": [bg.History(lags=2)]}))
    assert "log(sigma[t]) = sigma_intercept + Σₖ sigma_history[k]·y[t-k]" in lagged


FAULTS = {
    "the mean": ({"mu": ["x"]}, r"\['mu'\].*The terms of the mean are the model's own"),
    "a typo": ({"sigm": ["x"]}, "Did you mean 'sigma'"),
    "no term": ({"sigma": []}, "without terms"),
    "a number and terms": ({"sigma": [1.0, "x"]}, "1.0 fixes it, and it has terms as well"),
    "two priors": ({"sigma": [bg.HalfNormal(1.0), bg.HalfNormal(2.0), "x"]}, "give one"),
    "a name alone": ({"sigma": "x"}, r"write dispersion=\{'sigma': \['x'\]\}"),
    "terms without a name": (["x"], r"does not say of which parameter.*'sigma'"),
    "a term without a name": (bg.Linear("x"), "does not say of which parameter"),
    "a coefficient's prior": ({"sigma": ["x", bg.Normal(1.0)]}, "is no prior of sigma itself"),
    "a share's prior beside terms": ({"sigma": ["x", bg.Beta(1.0, 1.0)]}, "is no prior of sigma"),
    "a share's prior": (bg.Beta(1.0, 1.0), "prior of a positive parameter"),
    "the intercept's name": ({"sigma": ["intercept"]}, "'sigma_intercept' collides"),
    "the response": ({"sigma": ["y"]}, "predicts 'y' from itself"),
    "twice": ({"sigma": ["x", "x"]}, "two terms are named 'sigma_x'"),
    "nothing": ({}, "family 'gaussian' has sigma"),
    "a mapping": ({"sigma": {"x": 1}}, "or a list of terms, got"),
}


@pytest.mark.parametrize(("dispersion", "message"), FAULTS.values(), ids=FAULTS.keys())
def test_no_model(dispersion, message):
    with pytest.raises(bg.ModelError, match=message):
        glm(dispersion)


def test_names_that_clash():
    with pytest.raises(bg.ModelError, match="two terms are named 'sigma_x'"):
        glm({"sigma": ["x"]}, terms=bg.Linear("z", name="sigma_x"))
    with pytest.raises(bg.ModelError, match="'sigma_intercept' collides"):
        glm({"sigma": ["x"]}, terms=bg.Linear("z", name="sigma_intercept"))
    assert glm(None, terms=bg.Linear("z", name="sigma_intercept")).terms[0].label


def test_a_family_without_dispersion_has_nothing_to_predict():
    with pytest.raises(bg.ModelError, match="has no dispersion"):
        glm({"sigma": ["x"]}, family="poisson")


def test_json_that_says_no_predictor():
    text = glm({"sigma": ["x"]}).to_json().replace('"name": "sigma_x"', '"name": "sigma_y"')
    assert bg.GLM.from_json(text).every_term[-1].label == "sigma_y"
    with pytest.raises(bg.ModelError, match="dispersion names"):
        bg.GLM.from_json(glm({"sigma": ["x"]}).to_json().replace('"sigma",', '"nu",'))


def test_shares_lie_between_0_and_1():
    def of_psi(dispersion):
        return bg.GLM("y", "x", family="zero_inflated_poisson", dispersion=dispersion)

    assert of_psi(bg.Beta(2.0, 1.0)).dispersion == bg.Beta(2.0, 1.0)
    assert of_psi({"psi": [bg.Beta(2.0, 1.0), "x"]}).predicted["psi"].prior == bg.Beta(2.0, 1.0)
    text = str(of_psi({"psi": ["x"]}))
    assert "logit(psi[i]) = psi_intercept + psi_x·x[i]" in text
    assert "y[i] ~ 0 with 1 - psi[i], else" in text
    with pytest.raises(bg.ModelError, match=r"psi.*between 0 and 1, got 3"):
        of_psi(3.0)
    with pytest.raises(bg.ModelError, match=r"prior of a share \(Beta, Uniform, Flat\)"):
        of_psi(bg.HalfNormal(1.0))
    with pytest.raises(bg.ModelError, match="is no prior of psi itself"):
        of_psi({"psi": [bg.HalfNormal(1.0), "x"]})


def test_powers_lie_between_their_ends():
    def of_p(p):
        return bg.GLM("y", "x", family="tweedie", dispersion={"p": p})

    whole = bg.Uniform(1.01, 1.99)
    assert of_p(whole).dispersion_of("p") == whole
    assert bg.GLM.from_json(of_p(whole).to_json()) == of_p(whole)
    assert "p                     ~ Uniform(1.01, 1.99) no penalty" in str(of_p(whole))
    text = str(of_p(["x", whole]))
    assert "variance phi μ^p[i]" in text
    assert "logit((p[i] - 1.01)/0.98) = p_intercept + p_x·x[i]" in text
    assert "1.01 + 0.98·(1/(1 + exp(-p_intercept))) ~ Uniform(1.01, 1.99)" in text
    for p in (bg.Uniform(1.2, 1.8), ["x", bg.Uniform(0.0, 1.0)]):
        with pytest.raises(bg.ModelError, match=r"'p' lies between .*write Uniform\(1.01, 1.99\)"):
            of_p(p)
    with pytest.raises(bg.ModelError, match=r"p.*between 1.01 and 1.99, got 2"):
        of_p(2.0)
    with pytest.raises(bg.ModelError, match=r"or a prior between these \(Uniform, Flat\)"):
        of_p(bg.Beta(1.0, 1.0))
    for lower, upper in ((2.0, 1.0), (1.0, 1.0), ([1.0, 1.1], 2.0)):
        with pytest.raises(bg.ModelError, match="Uniform lower must"):
            bg.Uniform(lower, upper)


def test_several_dispersions_are_said_by_name(monkeypatch):
    words = FamilyName(links=("identity",), dispersions=("width", "nu"), notation="T({mu}, width)")
    monkeypatch.setitem(FAMILY_NAMES, "wide", words)

    def wide(dispersion):
        return bg.GLM("y", "x", family="wide", dispersion=dispersion)

    model = wide({"nu": ["x"], "width": bg.HalfNormal(1.0)})
    assert list(model.dispersion) == ["width", "nu"]
    assert model == wide({"width": bg.HalfNormal(1.0), "nu": ["x"]})
    assert bg.GLM.from_json(model.to_json()) == model
    lines = str(model).splitlines()
    assert lines[0] == "y[i] ~ T(eta[i], width)"
    assert lines[2] == "log(nu[i]) = nu_intercept + nu_x·x[i]"
    assert lines[-1].startswith("width                 ~ HalfNormal(1)")
    fixed = wide({"nu": 4})
    assert fixed.dispersion_of("nu") == 4.0
    assert fixed.dispersion_of("width") is None
    assert "nu                    = 4" in str(fixed).splitlines()
    assert wide({"nu": None}).dispersion is None
    with pytest.raises(bg.ModelError, match=r"the parameters width, nu; say by name.*'width'"):
        wide(bg.HalfNormal(1.0))
    with pytest.raises(bg.ModelError, match=r"the parameters width, nu; say by name"):
        wide(2.0)


def test_a_parameter_that_takes_no_predictor(monkeypatch):
    words = FamilyName(links=("logit",), dispersions=("cutpoint",), dispersion_links=("",))
    monkeypatch.setitem(FAMILY_NAMES, "cut", words)
    with pytest.raises(bg.ModelError, match=r"'cutpoint'.*takes no linear predictor"):
        bg.GLM("y", "x", family="cut", dispersion={"cutpoint": ["x"]})
