"""Run the lessons and store them: `python -m tools.notebooks [--keep] [NUMBER ...]`.

Each gets its badges and the cell that installs the package where it is missing, is run from top to
bottom, and is stored in one form, so that a change shows as what it is: a widget, which moves only
where a kernel runs, is not stored, and of a page that stands in a cell its picture is. With
``--keep`` the stored outputs stay, and nothing is run. The map's list of sections follows.
"""

import argparse
import configparser
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"
MAP, LIST = FOLDER / "README.md", "## What is in each lesson"  # a list that this tool writes
FOLDED = {"jupyter": {"source_hidden": True}, "tags": ["hide-input"]}
BADGES, INSTALL = "badges", "install"  # ids of the two cells that this tool puts first
WIDGET = "application/vnd.jupyter.widget-view+json"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}


def paths(numbers=()):
    """Return the files of the lessons in their order: all, or those whose numbers are named."""
    every = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
    return [path for path in every if not numbers or path.stem[:2] in numbers]


def home():
    """Return the address of the project's repository, as setup.cfg has it."""
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    return settings["metadata"]["url"]


def badges(stem):
    """Return the text of the first cell: where a reader can run the lesson without installing."""
    where = home().removeprefix("https://github.com/")
    colab = f"https://colab.research.google.com/github/{where}/blob/main/notebooks/{stem}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{where}/main?labpath=notebooks%2F{stem}.ipynb"
    return (
        f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def install():
    """Return the code of the second cell, which installs the package where it is missing."""
    return (
        "import importlib.util\n\n"
        'if importlib.util.find_spec("bayesglm") is None:                # on Colab\n'
        f'    %pip install --quiet "bayesglm[notebooks] @ git+{home()}"'
    )


def still(outputs):
    """Return what of a cell's outputs is the same each time, and reads without a kernel."""
    kept = []
    for output in outputs:
        data = output.get("data", {})
        if WIDGET in data:
            continue
        if "image/png" in data:
            data.pop("text/html", None)
        kept.append(output)
    return kept


def canonical(notebook, stem):
    """Return a notebook with its first two cells, ids and counts in order, and what is still."""
    lesson = [cell for cell in notebook.cells if cell.id not in (BADGES, INSTALL)]
    first = nbformat.v4.new_markdown_cell(badges(stem), id=BADGES)
    second = nbformat.v4.new_code_cell(install(), id=INSTALL, metadata=FOLDED)
    cells, count = [first, second, *lesson], 0
    for k, cell in enumerate(cells):
        is_folded = cell.metadata.get("jupyter", {}).get("source_hidden", False)
        cell.metadata = nbformat.from_dict(FOLDED if is_folded else {})
        cell.id = cell.id if k < 2 else f"cell-{k:03d}"
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = still(cell.outputs)
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    return nbformat.v4.new_notebook(cells=cells, metadata=METADATA)


def run(notebook):
    """Run a notebook from top to bottom; raises on the first cell that fails."""
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()


def seconds_of(cells):
    """Return how long a lesson says that it runs, in seconds, or None where it does not say it."""
    found = re.search(r"offline in about\s+(\d+) s", cells[0].source)
    return int(found[1]) if found else None


def needs_of(cells):
    """Return the numbers of the lessons that a lesson says one needs, in order."""
    said = re.search(r"\*\*You need:\*\*(.*?)\.\s", cells[0].source, re.DOTALL)
    named = re.findall(r"notebooks?((?: and|\s|\d)+)", said[1] if said else "")
    return sorted(set(re.findall(r"\d", " ".join(named))))


def sections_of(cells):
    """Return the sections of a lesson: is each on the short path, and its title."""
    heads = [line for c in cells if c.cell_type == "markdown" for line in c.source.splitlines()]
    found = [re.fullmatch(r"## (▶ )?(\d\.\d .+|The answer)", line) for line in heads]
    return [(one[1] is not None, one[2]) for one in found if one]


def contents():
    """Return the sections of all lessons, as the map lists them; ▶ is the short path."""
    listed = []
    for path in paths():
        cells = nbformat.read(path, as_version=4).cells
        title = next(c.source for c in cells if c.source.startswith("# ")).splitlines()[0]
        sections = " · ".join(f"{'▶ ' * short}{name}" for short, name in sections_of(cells))
        listed.append(f"**{title.removeprefix('# ')}** {sections}\n")
    return "\n".join(listed)


def main():
    """Store the lessons that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tools.notebooks", description=__doc__)
    parser.add_argument("numbers", nargs="*", help="of lessons, such as 03; all by default")
    parser.add_argument("--keep", action="store_true", help="keep the outputs that are stored")
    asked = parser.parse_args()
    found = paths(asked.numbers)
    if not found:
        sys.exit(f"no lesson is called {', '.join(asked.numbers)}; they are 00 to 09.")
    for path in found:
        began = time.perf_counter()
        notebook = canonical(nbformat.read(path, as_version=4), path.stem)
        if not asked.keep:
            run(notebook)
            notebook = canonical(notebook, path.stem)
        nbformat.write(notebook, path)
        seconds, size = time.perf_counter() - began, path.stat().st_size / 1e3
        said = seconds_of([cell for cell in notebook.cells if cell.id not in (BADGES, INSTALL)])
        ran = "" if asked.keep else f"{seconds:.0f} s (it says {said}), "
        print(f"{path.stem}: {ran}{size:.0f} kB", flush=True)
    kept, _, _ = MAP.read_text(encoding="utf-8").partition(LIST)
    MAP.write_text(f"{kept}{LIST}\n\n{contents()}", encoding="utf-8")


if __name__ == "__main__":
    main()
