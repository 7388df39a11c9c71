"""The conventions in words: what each minimises, the weights of the prior, and their table."""

from __future__ import annotations

from collections.abc import Iterator

from bayesglm.spec.bridge.penalty_numbers import Part
from bayesglm.spec.bridge.record import Convention, Loss, is_dispersed
from bayesglm.spec.bridge.table import CONVENTIONS, WITHOUT_EQUIVALENT
from bayesglm.spec.families import FAMILY_NAMES

POWERS_OF_SD = {"lam1": "sd", "lam2": "sd²"}

HEAD = """# Penalties of other libraries as priors

`bg.penalty_to_prior(convention, **settings)` reads the settings of another library as the prior
that they are, and `bg.prior_to_penalty(prior, convention, n=, sigma=)` writes a prior as such
settings. What each minimises decides how: a prior is a penalty on the *sum* of log-likelihoods,
lam1 · Σ|w| + lam2/2 · Σ w² (`bg.elastic_net(lam1, lam2)`: a Laplace, a Normal, or both at once). n
is the number of samples, or the sum of their weights; sigma the sd of gaussian noise; phi the
dispersion of any family: sigma² of gaussian, 1/alpha of gamma, 1/lam of inverse_gaussian responses,
phi of tweedie, 1 of the others. Of groups the prior is lam · Σ √size·‖w_g‖, size being the number
of members, and of walks lam/2 · Σ (Δw)². sd is that of a column with 1/n, the factor of lam where
columns are standardised; sd_y the response's.

This file is made of the records that compute (`bayesglm/spec/bridge`), by `python -m
bayesglm.spec.bridge.words`, and each row is held to the library's own fit to 1e-6.

| convention | responses | minimises | prior | intercept | standardised | besides |
|---|---|---|---|---|---|---|
"""
NONE = """
## No equivalent

| what | why |
|---|---|
"""


def table() -> str:
    """Write every convention as Markdown.

    >>> print(table().splitlines()[0])
    # Penalties of other libraries as priors
    """
    rows = [
        _row(record, families, loss)
        for record in CONVENTIONS.values()
        for families, loss in by_loss(record)
    ]
    refused = [
        (f"{record.name}, {name} other than {_values(harmless)}", reason)
        for record in CONVENTIONS.values()
        for name, (harmless, reason) in record.refused.items()
    ]
    nothing = [f"| {what} | {why} |" for what, why in (*WITHOUT_EQUIVALENT.items(), *refused)]
    return HEAD + "\n".join(rows) + "\n" + NONE + "\n".join(nothing) + "\n"


def by_loss(record: Convention) -> Iterator[tuple[list[str], Loss]]:
    """Run through the losses of a convention, each with its families."""
    for loss in dict.fromkeys(record.losses.values()):
        yield [family for family, one in record.losses.items() if one == loss], loss


def objective(record: Convention, loss: Loss) -> str:
    """Write what a convention minimises.

    >>> objective(CONVENTIONS["sklearn.Ridge"], CONVENTIONS["sklearn.Ridge"].losses["gaussian"])
    'Σ (y - eta)² + alpha · Σ w²'
    """
    below = f"{2 if loss.halved else ''}{'n' if record.mean else ''}"
    below = f"({below})" if len(below) > 1 else below
    before = f"1/{below} · " if below else ""
    strength = f"{record.form.strength} · " if record.form.stands_before_the_loss else ""
    return f"{strength}{before}{loss.text} + {record.form.text()}"


def weights_in_words(record: Convention, families: list[str], loss: Loss) -> dict[str, str]:
    """Write the weights of the prior's penalty as functions of settings, and of n and phi.

    >>> lasso = CONVENTIONS["sklearn.Lasso"]
    >>> weights_in_words(lasso, ["gaussian"], lasso.losses["gaussian"])
    {'lam1': 'n·alpha/sigma²'}
    """
    dispersed = loss.dispersed and any(map(is_dispersed, families))
    has_sigma = all("sigma" in FAMILY_NAMES[family].dispersions for family in families)
    phi = ("sigma²" if has_sigma else "phi",) if dispersed else ()
    written = {}
    for name, part in record.form.parts().items():
        responses = (
            ("sd_y",) if name == "lam2" and set(families) <= set(record.unit_response) else ()
        )
        written[name] = _quotient(
            Part(
                (*(("n",) if record.mean else ()), *part.above),
                (*part.below, *phi, *responses),
                part.number / loss.multiple,
            )
        )
    return written


def _quotient(part: Part) -> str:
    """Write a product over another."""
    above, below = list(part.above), list(part.below)
    if part.number > 1.0:
        above.insert(0, f"{part.number:g}")
    elif part.number < 1.0:
        below.insert(0, f"{1.0 / part.number:g}")
    over = "·".join(above) or "1"
    if not below:
        return over
    return f"{over}/{below[0]}" if len(below) == 1 else f"{over}/({'·'.join(below)})"


def _row(record: Convention, families: list[str], loss: Loss) -> str:
    weights = weights_in_words(record, families, loss)
    prior = record.form.says or ", ".join(f"{name} = {text}" for name, text in weights.items())
    switch = record.standardize
    standardised = "no"
    if switch is not None:
        factors = ", ".join(f"{name}·{POWERS_OF_SD[name]}" for name in weights)
        state = "by default" if switch.default else "not by default"
        standardised = f"`{switch.name}`, {state}: {factors}"
    intercept = "penalised as a column" if record.constant_column else "free"
    if record.scaled_intercept is not None:
        intercept = f"free; by {record.scaled_intercept.on} penalised"
    cells = [
        f"`{record.name}`",
        ", ".join(families),
        objective(record, loss),
        prior,
        intercept,
        standardised,
        record.note,
    ]
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _values(harmless: tuple[object, ...]) -> str:
    return " or ".join(map(repr, harmless))


if __name__ == "__main__":
    print(table(), end="")
