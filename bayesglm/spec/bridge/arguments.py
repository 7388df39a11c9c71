"""What is given beside a convention: the library's settings, and what they depend on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any, NamedTuple

from bayesglm.errors import ModelError
from bayesglm.spec.bridge.penalty_numbers import positive_number
from bayesglm.spec.bridge.record import Convention, Switch, is_dispersed
from bayesglm.spec.bridge.table import CONVENTIONS, WITHOUT_EQUIVALENT
from bayesglm.spec.families import FAMILY_NAMES
from bayesglm.spec.hints import closest, shown
from bayesglm.spec.numbers import Number, frozen_number

ALWAYS_TOLD = ("n", "sigma", "phi")
PHI = "the dispersion phi of {} responses (1/alpha of gamma, 1/lam of inverse_gaussian)"
NEAR = 0.5  # likeness from which a convention is one misspelt; names share their library


class Given(NamedTuple):
    """Settings with their defaults, what is known beside them, and the family that they say."""

    settings: dict[str, Any]
    known: dict[str, Any]
    family: str
    says_family: bool


def convention_of(name: object) -> Convention:
    """Return the record of a convention; ModelError names the nearest, or why there is none."""
    if isinstance(name, str) and name in CONVENTIONS:
        return CONVENTIONS[name]
    if isinstance(name, str) and name in WITHOUT_EQUIVALENT:
        raise ModelError(f"{name} has no equivalent: {WITHOUT_EQUIVALENT[name]}.")
    if not isinstance(name, str):
        raise ModelError(
            f"a convention is said by its name, as 'sklearn.Ridge', got {shown(name)}; "
            "from_sklearn takes fitted estimators."
        )
    of_library = [one for one in CONVENTIONS if one.startswith(f"{name}.")]
    if of_library:
        raise ModelError(
            f"{name!r} is a library, and its estimators minimise different things; write one of "
            f"{', '.join(of_library)}."
        )
    known = [*CONVENTIONS, *WITHOUT_EQUIVALENT]
    short = {one.rpartition(".")[2].casefold(): one for one in reversed(known)}
    near = short.get(name.rpartition(".")[2].casefold())
    hint = f" Did you mean {near!r}?" if near else closest(name, known, NEAR)
    raise ModelError(f"no convention {name!r}.{hint} Known are {', '.join(CONVENTIONS)}.")


def sorted_out(record: Convention, given: Mapping[str, Any], reads: bool = True) -> Given:
    """Sort what is given into settings and knowledge, and check the names of both.

    ``reads`` says that a penalty is to be read, so that the settings that make it must be there;
    where one is to be written these are not known, and what they depend on is.
    """
    defaults = record.defaults
    others = (*ALWAYS_TOLD, *record.knowledge)
    beside = (record.family, *record.form.told_beside) if record.family else record.form.told_beside
    spelt = _spelt(record, given, (*(record.settings if reads else beside), *others))
    for name, value in spelt.items():
        _check_refused(record, name, value)
    settings = defaults | {name: value for name, value in spelt.items() if name in defaults}
    for switch in record.switches:
        settings[switch.name] = _switched(record, switch, settings[switch.name])
    for name, value in record.always.items():
        if settings[name] != value:
            raise ModelError(
                f"{record.name} is the convention of {name}={value!r}, got {shown(settings[name])}."
            )
    if reads and settings[record.form.strength] is None:
        raise ModelError(f"{record.name} needs {record.form.strength}=, the weight of its penalty.")
    family = _family(record, settings)
    known = {name: value for name, value in spelt.items() if name in others and value is not None}
    return Given(settings, known, family, bool(record.family) and record.family in spelt)


def told_n(record: Convention, known: Mapping[str, Any]) -> float:
    """Return n of a loss that is a mean, 1 of one that is a sum."""
    if not record.mean:
        return 1.0
    if "n" not in known:
        raise ModelError(
            f"n= is missing: the loss of {record.name} is a mean, and priors stand beside the sum "
            "of log-likelihoods; tell the number of samples, or of weighted ones their sum."
        )
    return positive_number("n", known["n"])


def told_phi(record: Convention, family: str, known: Mapping[str, Any]) -> float:
    """Return the dispersion in which a loss is measured, 1 where it is in log-likelihoods."""
    if not (record.losses[family].dispersed and is_dispersed(family)):
        return 1.0
    has_sigma = "sigma" in FAMILY_NAMES[family].dispersions
    if "sigma" in known and "phi" in known:
        raise ModelError("sigma and phi say the same, sigma² = phi; tell one of them.")
    if "sigma" in known and has_sigma:
        sigma = positive_number("sigma", known["sigma"])
        return sigma * sigma
    if "phi" in known:
        return positive_number("phi", known["phi"])
    name, what = ("sigma", "the sd of the noise") if has_sigma else ("phi", PHI.format(family))
    raise ModelError(
        f"{name}= is missing: {record.name} weighs its penalty against "
        f"{record.losses[family].text}, and the prior that this equals depends on how far "
        f"responses scatter; tell {what}."
    )


def told_number(record: Convention, name: str, why: str, known: Mapping[str, Any]) -> float:
    """Return a positive number that the data must tell."""
    if name not in known:
        raise ModelError(f"{name}= is missing: {record.name} {why}.")
    return positive_number(name, known[name])


def told_sds(record: Convention, known: Mapping[str, Any]) -> Number:
    """Return the sds of the columns that a convention standardises."""
    if "sds" not in known:
        raise ModelError(
            f"sds= is missing: {record.name} penalises the coefficients of standardised columns; "
            f"tell the sd of each column, with 1/n (numpy's std), or "
            f"{record.standardize.name if record.standardize else ''}=False."
        )
    return frozen_number("sds", known["sds"], positive=True)


def _spelt(record: Convention, given: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Return what is given by the names of the record; R's dots may be underscores."""
    spellings = {_plain(name): name for name in names} | {name: name for name in names}
    spelt: dict[str, Any] = {}
    for name, value in given.items():
        known = spellings.get(name) or spellings.get(_plain(name))
        if known is None:
            raise ModelError(_unknown(record, name, tuple(names)))
        if known in spelt:
            raise ModelError(f"{record.name}: {known} is given twice, as {name} as well.")
        spelt[known] = value.tolist() if hasattr(value, "tolist") else value
    return spelt


def _unknown(record: Convention, name: str, names: tuple[str, ...]) -> str:
    """Say that a name is none that may be given here, and which are."""
    if name in record.settings:
        return f"{record.name}: {name} is among the settings that are asked for; leave it out."
    of_interest = [one for one in names if one not in (*record.neutral, *record.refused)]
    return (
        f"{record.name} has no setting {name!r}; its penalty depends on "
        f"{', '.join(dict.fromkeys(of_interest))}.{closest(name, names)}"
    )


def _plain(name: str) -> str:
    return name.replace(".", "_").rstrip("_")


def _check_refused(record: Convention, name: str, value: Any) -> None:
    harmless, reason = record.refused.get(name, ((value,), ""))
    if not any(value is one or value == one for one in harmless):
        raise ModelError(f"{record.name} with {name}={shown(value)} has no equivalent: {reason}.")


def _switched(record: Convention, switch: Switch, value: Any) -> bool:
    """Say whether a switch is on."""
    for state, position in ((True, switch.on), (False, switch.off)):
        if type(value) is type(position) and value == position:
            return state
        if isinstance(value, Real) and isinstance(position, Real) and value == position:
            return state
    raise ModelError(
        f"{record.name}: {switch.name} must be {switch.on!r} or {switch.off!r}, got {shown(value)}."
    )


def _family(record: Convention, settings: dict[str, Any]) -> str:
    """Return our name of the family that the settings say."""
    first = next(iter(record.losses))
    if not record.family or settings[record.family] is None:
        return first
    said = settings[record.family]
    if record.family_of is not None:
        number = frozen_number(record.family, said)
        family = None if isinstance(number, tuple) else record.family_of(number)
    else:
        # A word may bring a number of the family's own: "tweedie (1.5)".
        word = said.partition("(")[0].strip() if isinstance(said, str) else None
        family = record.words.get(word) if word is not None else None
    if family is None:
        words = ", ".join(map(repr, record.words)) or record.note
        hint = closest(said, record.words) if isinstance(said, str) else ""
        raise ModelError(
            f"{record.name}: {record.family}={shown(said)} is no family of this convention; it has "
            f"{words}.{hint}"
        )
    return family
