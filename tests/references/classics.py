"""Posteriors of classical data sets by Bambi: `python tests/references/classics.py`.

Bambi is of the extra `bench`. Writes classics.json beside this file: of each coefficient, in the
words of `bayesglm.summary`, the mean and sd of long chains, and their Monte-Carlo errors. The data
come with statsmodels. Every prior is said, and the intercept's is that of the raw one.
"""

import json
import re
from importlib.metadata import version
from pathlib import Path

import arviz as az
import bambi as bmb
from statsmodels.datasets import committee, grunfeld, spector

COLUMNS = ["mean", "sd", "mcse_mean", "mcse_sd"]


def normal(sigma, mu=0.0):
    return bmb.Prior("Normal", mu=mu, sigma=sigma)


def of_levels(sigma):
    return normal(bmb.Prior("HalfNormal", sigma=sigma))


def investment():
    """Return what eleven firms invested in twenty years, each in its own way (Grunfeld 1958)."""
    priors = {
        "Intercept": normal(200.0),
        "value": normal(1.0),
        "capital": normal(1.0),
        "1|firm": of_levels(200.0),
        "capital|firm": of_levels(0.5),
        "sigma": bmb.Prior("HalfStudentT", nu=4, sigma=100.0),
    }
    text = "invest ~ value + capital + (capital | firm)"
    return bmb.Model(text, grunfeld.load_pandas().data, priors=priors, center_predictors=False)


def teaching():
    """Return whose grades rose under which method of teaching (Spector & Mazzeo 1980)."""
    data = spector.load_pandas().data
    data["method"] = data["PSI"].map({0.0: "lectures", 1.0: "own pace"})
    priors = {
        "Intercept": normal(10.0, mu=-5.0),
        "GPA": normal(2.5),
        "method": normal(5.0),
        "GPA:method": normal(1.5),
        "TUCE": normal(0.5),
    }
    text = "GRADE ~ GPA * method + TUCE"
    return bmb.Model(text, data, family="bernoulli", priors=priors, center_predictors=False)


def bills():
    """Return how many bills each committee of the House got, by its staff (Gill 2001)."""
    data = committee.load_pandas().data
    data["standing"] = data["PRESTIGE"].map({0.0: "plain", 1.0: "prestige"})
    priors = {
        "Intercept": normal(2.0, mu=1.0),
        "SIZE": normal(0.1),
        "standing": normal(2.0),
        "SUBS": normal(0.5),
        "standing:SUBS": normal(0.5),
        "alpha": bmb.Prior("InverseGamma", alpha=0.5, beta=0.5),
    }
    text = "BILLS104 ~ SIZE + standing * SUBS + offset(log(STAFF))"
    return bmb.Model(text, data, family="negativebinomial", priors=priors, center_predictors=False)


def in_words(name):
    """Write a name of Bambi's as `bayesglm.summary` does."""
    name = name.replace("Intercept", "intercept")
    name = re.sub(r"^1\|(\w+)_sigma$", r"sd of \1", name)
    name = re.sub(r"^(\w+)\|(\w+)_sigma$", r"sd of \1 by \2", name)
    name = re.sub(r"^1\|(\w+)\[", r"\1[", name)
    return re.sub(r"^(\w+)\|(\w+)\[", r"\2.\1[", name)


def told(model):
    """Return the numbers of each coefficient, of 160,000 draws."""
    fit = model.fit(
        draws=40_000,
        tune=4_000,
        chains=4,
        inference_method="nutpie",
        random_seed=20240601,
        target_accept=0.95,
    )
    table = az.summary(fit, kind="all", ci_prob=0.94, ci_kind="eti", round_to="none")
    print(table)
    assert table["r_hat"].max() < 1.001
    rows = table[COLUMNS].to_numpy().tolist()
    return {in_words(name): row for name, row in zip(table.index, rows, strict=True)}


if __name__ == "__main__":
    packages = ("bambi", "pymc", "nutpie", "formulae")
    made_by = ", ".join(f"{name} {version(name)}" for name in packages)
    models = {one.__name__: told(one()) for one in (investment, teaching, bills)}
    lines = [f'  "made by": "{made_by}"', f'  "columns": {json.dumps(COLUMNS)}']
    for name, rows in models.items():
        inside = [f"    {json.dumps(word)}: {json.dumps(row)}" for word, row in rows.items()]
        lines.append(f'  "{name}": {{\n' + ",\n".join(inside) + "\n  }")
    path = Path(__file__).with_suffix(".json")
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
