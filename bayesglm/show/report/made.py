"""How the report was made: methods, seeds, times, versions; what makes it again; what to cite."""

from __future__ import annotations

import json
import platform
import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Any

from bayesglm.inference.tree.opened import PROJECTION, model_of, parameter_group
from bayesglm.show.report.parts import Cell, Code, Notes, Number, Part, Section, Table
from bayesglm.show.report.references import entries, references
from bayesglm.show.report.story import Story
from bayesglm.show.report.told import in_words

if TYPE_CHECKING:
    import xarray as xr

MOST_JSON = 20_000  # letters of a model that a page holds: chosen


def made(story: Story) -> tuple[Section, ...]:
    """Return how the fits were made, by what, and what makes them again."""
    notes = [note for name, fit in story.fits.items() for note in in_words(name, fit)]
    models, left_out = _models(story)
    return (
        Section(
            "How it was made",
            (
                fits_made(story),
                Notes(tuple(notes)),
                Part("What makes it again"),
                "With the same data, versions and machine these lines give the same numbers; where "
                "a fit was made with other options than these, write them as they were.",
                Code("Python", lines_again(story)),
                *models,
                *left_out,
                Part("Versions"),
                ", ".join(f"{name} {own}" for name, own in versions().items()) + ".",
                Part("To cite"),
                Notes(references(story)),
                Code("BibTeX of ArviZ, and of what it computed here", entries(story)),
            ),
        ),
    )


def fits_made(story: Story) -> Table:
    """Return a row for each fit: its method, draws, seed and time."""
    head = ("model", "method", "chains", "draws", "seed", "seconds", "samples", "parameters")
    rows = tuple(_row(name, fit) for name, fit in story.fits.items())
    return Table(head, rows, "The fits. Draws are of each chain.")


def _row(name: str, fit: xr.DataTree) -> tuple[Cell, ...]:
    attrs, group = fit.attrs, parameter_group(fit)
    drawn = "draw" in group.dims
    n = sum(
        int(one.size) // (group.sizes["chain"] * group.sizes["draw"] if drawn else 1)
        for one in group.data_vars.values()
    )
    return (
        name,
        str(attrs["method"]),
        _number(group.sizes["chain"] if drawn else None),
        _number(group.sizes["draw"] if drawn else None),
        _number(attrs.get("seed")),
        _number(attrs.get("wall_time_s"), "{:.2g}"),
        _number(attrs.get("n_samples")),
        _number(n),
    )


def _number(value: Any, form: str = "{:,.0f}") -> Cell:
    return "" if value is None else Number(float(value), form.format(value))


def lines_again(story: Story) -> str:
    """Return lines of Python that fit the models again and write the report."""
    reads = list(dict.fromkeys(v for fit in story.fits.values() for v in model_of(fit).variables))
    lines = ["import bayesglm as bg", "from pathlib import Path", ""]
    lines.append(f"data = ...  # with {', '.join(map(repr, reads))}")
    names = [f"model_{k}" for k in range(1, len(story.fits) + 1)]
    lines += [f"{one} = bg.GLM.from_json(Path('{one}.json').read_text())" for one in names]
    calls = zip(story.fits.items(), names, strict=True)
    if any(PROJECTION in fit.children for fit in story.fits.values()):
        lines.append("reference = ...  # the fit that was projected")
    lines += ["fits = {", *(f"    {name!r}: {_call(fit, one)}," for (name, fit), one in calls), "}"]
    scored = {name: one.kind for name, one in story.elpd.items()}
    others = {name: kind for name, kind in scored.items() if kind != "loo"}
    elpd = ", elpd=elpd" if others else ""
    if others:
        kinds = ", ".join(sorted(set(others.values())))
        lines.append(f"elpd = ...  # scores of {', '.join(map(repr, others))} ({kinds})")
    lines.append(f"bg.report(fits, 'report.html'{elpd}, question={story.question!r})")
    return "\n".join(lines)


def _call(fit: xr.DataTree, model: str) -> str:
    """Return the call that makes a fit of this kind."""
    group = parameter_group(fit)
    if "draw" not in group.dims:
        return f"bg.fit_map({model}, data)"
    if PROJECTION in fit.children:
        return f"bg.project(reference, terms={[term.label for term in model_of(fit).every_term]})"
    verb = "fit_mcmc" if fit.attrs["method"] == "nuts" else "fit"
    draws, chains = group.sizes["draw"], group.sizes["chain"]
    seed = fit.attrs.get("seed", 0)
    return f"bg.{verb}({model}, data, draws={draws}, chains={chains}, seed={seed})"


def _models(story: Story) -> tuple[list[Code], list[str]]:
    """Return the models as JSON, and a sentence on each that is too long for a page."""
    codes, left_out = [], []
    for k, (name, fit) in enumerate(story.fits.items(), 1):
        text = json.dumps(json.loads(model_of(fit).to_json()), ensure_ascii=False)  # on one line
        if len(text) > MOST_JSON:
            left_out.append(
                f"The model of {name} is too long to stand here ({len(text):,} letters of JSON): "
                f"it is in the fit, fits[{name!r}].attrs['model'], which goes to model_{k}.json."
            )
        else:
            codes.append(Code(f"model_{k}.json ({name})", text))
    return codes, left_out


def versions() -> dict[str, str]:
    """Return the versions of Python, of the package, and of what it needs."""
    own = {
        "Python": f"{platform.python_version()} ({platform.system()})",
        "bayesglm": version("bayesglm"),
    }
    for line in requires("bayesglm") or ():
        if "extra ==" in line:
            continue
        name = re.split(r"[\s<>=!~;\[(]", line, maxsplit=1)[0]
        try:
            own[name] = version(name)
        except PackageNotFoundError:  # of a part that this machine goes without
            own[name] = "(not installed)"
    return own
