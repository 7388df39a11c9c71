"""What is said of a library's convention: one record, of which arithmetic and words are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bayesglm.spec.bridge.forms import Form
from bayesglm.spec.families import FAMILY_NAMES


@dataclass(frozen=True)
class Loss:
    """How an objective writes the likelihood: ``text`` is ``whole`` times -Σ log p(y), or its half.

    One that is ``dispersed`` is that times phi, the dispersion of an exponential family: sigma² of
    gaussian responses, 1/alpha of gamma ones, 1 of counts.
    """

    text: str
    whole: float = 1.0
    halved: bool = False
    dispersed: bool = False

    @property
    def multiple(self) -> float:
        """What -Σ log p(y) is multiplied by, beside phi."""
        return self.whole / 2.0 if self.halved else self.whole


SQUARES = Loss("Σ (y - eta)²", whole=2.0, dispersed=True)
HALF_SQUARES = Loss("Σ (y - eta)²", whole=2.0, halved=True, dispersed=True)
HALF_DEVIANCE = Loss("Σ deviance(y, mu)", whole=2.0, halved=True, dispersed=True)
LOGS = Loss("Σ -log p(y)")
MARGINAL = Loss("-log ∫ Π p(y | w) p(w) dw")
LOGS_AT_ONE = Loss("Σ -log p(y | phi=1)", dispersed=True)


@dataclass(frozen=True)
class Switch:
    """A setting with two values, of which ``on`` does something."""

    name: str
    on: Any = True
    off: Any = False
    default: Any = False

    def place(self, is_on: bool) -> Any:
        """Return the value that turns it on or off."""
        return self.on if is_on else self.off


@dataclass(frozen=True)
class ScaledIntercept:
    """An intercept that is that of a column of ``scaling`` where ``setting`` is ``on``."""

    setting: str
    on: str
    scaling: str


@dataclass(frozen=True)
class Convention:
    """How one fit of one library weighs likelihood and penalty.

    The objective is the loss, over n where ``mean``, and the penalty of ``form``. ``losses`` are by
    our name of a family, the library's default first; ``words`` are the library's words for
    families, and ``family`` the setting that says one. ``family_of`` reads it where it is a number.
    ``family_is_setting`` says whether the call that takes the penalty takes that, too.

    ``no_intercept`` is the switch that leaves the intercept out. ``constant_column`` says that the
    intercept is a column as any other, penalised as these are; ``scaled_intercept`` says where it
    is one of another number. ``standardize`` is the switch under which coefficients are those of
    columns over their sds. ``unit_response`` are families whose responses are divided by their sd
    as well, so that an L2 penalty counts 1/sd(y) times. ``positive`` is the switch under which no
    coefficient is negative.

    ``neutral`` are settings that do not move the optimum, ``refused`` those that do in a way that
    no prior says, with their harmless values and the reason. ``always`` is set beside the penalty,
    ``with_kink`` where it has a kink. ``only_read`` says why settings cannot be written, where the
    fit finds them. ``note`` goes into the table of conventions.
    """

    name: str
    form: Form
    losses: Mapping[str, Loss]
    mean: bool = False
    family: str = ""
    words: Mapping[str, str] = field(default_factory=dict)
    family_of: Callable[[float], str | None] | None = None
    family_is_setting: bool = True
    no_intercept: Switch | None = None
    constant_column: bool = False
    scaled_intercept: ScaledIntercept | None = None
    standardize: Switch | None = None
    unit_response: tuple[str, ...] = ()
    positive: Switch | None = None
    neutral: tuple[str, ...] = ()
    refused: Mapping[str, tuple[tuple[Any, ...], str]] = field(default_factory=dict)
    always: Mapping[str, Any] = field(default_factory=dict)
    with_kink: Mapping[str, Any] = field(default_factory=dict)
    only_read: str = ""
    note: str = ""

    @property
    def switches(self) -> tuple[Switch, ...]:
        """The switches that the record has."""
        all_three = (self.no_intercept, self.standardize, self.positive)
        return tuple(switch for switch in all_three if switch is not None)

    @property
    def defaults(self) -> dict[str, Any]:
        """The settings that the arithmetic reads, with what the library takes by default."""
        values = dict(self.form.defaults)
        if self.family:
            values[self.family] = None
        values |= {switch.name: switch.default for switch in self.switches}
        if self.scaled_intercept is not None:
            values |= {self.scaled_intercept.setting: None, self.scaled_intercept.scaling: 1.0}
        return values | dict(self.always)

    @property
    def settings(self) -> tuple[str, ...]:
        """Every setting that may be given, those that do not move the optimum included."""
        return (*self.defaults, *self.refused, *self.neutral)

    @property
    def knowledge(self) -> tuple[str, ...]:
        """What may be told of data and model, beside n, sigma and phi."""
        return (
            *(("sds",) if self.standardize else ()),
            *(("sd_y",) if self.unit_response else ()),
            *(("constant",) if self.constant_column else ()),
            *self.form.knowledge,
        )


def is_dispersed(family: str) -> bool:
    """Say whether the deviance of a family is divided by a dispersion phi.

    >>> is_dispersed("gamma"), is_dispersed("poisson")
    (True, False)
    """
    return any(FAMILY_NAMES[family].deviance_powers)
