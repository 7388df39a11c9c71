"""What makes a lesson good, as far as a program can tell: one record for each criterion."""

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import nbformat

from tools.notebooks import BADGES, INSTALL, needs_of, seconds_of, sections_of
from tools.notebooks import MAP as MAP_FILE

AT_HOME = "/".join(["", "home", "me"])  # a path of a machine, which no lesson may hold
MOST_LINES = 150  # of code on show
STUB = "...  # yours"
INTERACTIVE = ("00", "01", "02", "04", "05", "06", "07", "09")  # whose figures move
HEADING = re.compile(r"^## .+$", re.MULTILINE)
ASKED = re.compile(r'feedback\("(.+?)"\)')
REAL = re.compile(r"datasets\.(grasshopper|retina|steinmetz)\(|load_digits\(")
TRUTH = re.compile(r"truth|\btrue\b|we know|simulat", re.IGNORECASE)
FIT = re.compile(r"bg\.fit(_map|_laplace)?\(")
BEFORE = re.compile(
    r"before (the|a|any|you see a) (fit|data)|before any fit|prior predictive", re.IGNORECASE
)
AFTER = re.compile(
    r"after the fit|posterior predictive|plot_predictive\(|kind=\"response\"|bg\.simulate\(",
    re.IGNORECASE,
)
UNSEEDED = re.compile(r"default_rng\(\)|np\.random\.[a-z]+\((?<!default_rng\()|import random\b")
MACHINE = re.compile(r"/home/|/root/|/tmp/|/work/|/Users/|[A-Z]:\\\\")
MAP = MAP_FILE.read_text(encoding="utf-8")


class Lesson(NamedTuple):
    """A notebook's name and its cells but the two that every notebook begins with."""

    stem: str
    cells: list[Any]

    @property
    def text(self) -> str:
        return "\n".join(cell.source for cell in self.cells if cell.cell_type == "markdown")

    @property
    def of_code(self) -> list[Any]:
        return [cell for cell in self.cells if cell.cell_type == "code"]

    @property
    def code(self) -> str:
        return "\n".join(cell.source for cell in self.of_code)

    @property
    def folded(self) -> str:
        return "\n".join(cell.source for cell in self.of_code if is_folded(cell))

    @property
    def shown(self) -> str:
        return "\n".join(cell.source for cell in self.of_code if not is_folded(cell))

    @property
    def outputs(self) -> list[Any]:
        return [out for cell in self.of_code for out in cell.outputs]

    @property
    def said(self) -> str:
        return said_by(self.of_code)

    @property
    def stubs(self) -> list[int]:
        return [k for k, cell in enumerate(self.cells) if STUB in cell.source]

    @property
    def solutions(self) -> list[str]:
        return [
            cell.source.split("```python\n")[1].split("```")[0]
            for cell in self.cells
            if "<summary>Solution" in cell.source and "```python" in cell.source
        ]

    @property
    def heads(self) -> list[int]:
        return self.where(HEADING)

    @property
    def sections(self) -> list[str]:
        return [title for _, title in sections_of(self.cells)]

    def where(self, pattern: re.Pattern[str], kind: str | None = None) -> list[int]:
        """Which cells hold what matches, of one kind or of any."""
        return [
            k
            for k, cell in enumerate(self.cells)
            if kind in (None, cell.cell_type) and pattern.search(cell.source)
        ]


def is_folded(cell):
    return cell.metadata.get("jupyter", {}).get("source_hidden", False)


def said_by(cells):
    """Return what code cells have printed."""
    outputs = [out for cell in cells if cell.cell_type == "code" for out in cell.outputs]
    return "".join(out["text"] for out in outputs if out.output_type == "stream")


def read(path: Path) -> Lesson:
    cells = nbformat.read(path, as_version=4).cells
    return Lesson(path.stem, [cell for cell in cells if cell.id not in (BADGES, INSTALL)])


def opens_with_a_question(lesson):
    first = lesson.cells[0].source
    return "**The question:**" in first and "?*" in first


def ends_with_a_number(lesson):
    last = lesson.cells[lesson.heads[-1] :]
    return bool(re.search(r"\d", said_by(last))) and any("assert" in one.source for one in last)


def says_time_and_needs(lesson):
    wanted = ("**Time:**", "minutes", "20-minute path", "**You need:**")
    first = lesson.cells[0].source
    return all(words in first for words in wanted) and seconds_of(lesson.cells) is not None


def marks_the_short_path(lesson):
    return sum(is_short for is_short, _ in sections_of(lesson.cells)) >= 3


def shows_little_code(lesson):
    return sum(bool(line.strip()) for line in lesson.shown.splitlines()) <= MOST_LINES


def asks_for_predictions(lesson):
    return lesson.text.count("> **Predict:**") >= 3


def has_exercises_in_the_middle(lesson):
    stubs, heads = lesson.stubs, lesson.heads
    return (
        len(stubs) == len(lesson.solutions) >= 3
        and heads[0] < stubs[0] < stubs[-1] < heads[-1]
        and all(lesson.text.count(f"### Exercise {k + 1}:") == 1 for k in range(len(stubs)))
    )


def stubs_wait_for_an_answer(lesson):
    k = len(lesson.stubs)
    return all(f"exercise {j + 1} is not answered yet" in lesson.said for j in range(k))


def folds_its_solutions(lesson):
    return lesson.text.count("<details><summary>Solution") == len(lesson.solutions)


def folds_its_tests(lesson):
    tests = [f"def check_{k + 1}(" in lesson.folded for k in range(len(lesson.stubs))]
    return all(tests) and "def check_" not in lesson.shown


def asserts_what_it_states(lesson):
    return lesson.folded.count("assert ") >= 10


def sets_penalty_beside_prior(lesson):
    tables = [part for part in lesson.text.split("\n\n") if part.lstrip().startswith("|")]
    return any("penalty" in table and "prior" in table for table in tables)


def shows_map_is_the_penalised_optimum(lesson):
    return "MAP is the penalised optimum" in lesson.text + lesson.code


def predicts_before_and_after_a_fit(lesson):
    before, fits, after = lesson.where(BEFORE), lesson.where(FIT, "code"), lesson.where(AFTER)
    return any(b <= fit <= a for b in before[:1] for fit in fits for a in after[-1:])


def gives_intervals_and_errors(lesson):
    return "94%" in lesson.said and "SE" in lesson.said and "±" in lesson.said


def knows_the_truth_first(lesson):
    truth = [k for k in lesson.where(TRUTH, "markdown") if k >= lesson.heads[0]]
    return bool(truth) and all(k > truth[0] for k in lesson.where(REAL, "code"))


def is_seeded(lesson):
    return not UNSEEDED.search(lesson.code)


def repairs_a_misconception(lesson):
    heading = re.search(r"^### (▶ )?A misconception: ", lesson.text, re.MULTILINE)
    return heading is not None and "epaired" in lesson.text


def says_what_it_cannot_tell(lesson):
    return "> **What this cannot tell.**" in lesson.text


def moves_over_a_figure_that_stands_still(lesson):
    if lesson.stem[:2] not in INTERACTIVE:
        return True
    moving = lesson.where(re.compile(r"ipywidgets\.inter"), "code")
    near = lesson.cells[max(0, moving[0] - 6) : moving[0] + 1] if moving else []
    return any("show(" in cell.source for cell in near)


def tells_its_pictures_in_words(lesson):
    pictures = [out for out in lesson.outputs if "image/png" in out.get("data", {})]
    told = [out.metadata.get("image/png", {}).get("alt", "") for out in pictures]
    return len(told) >= 3 and all(40 < len(words) < 400 for words in told)


def asks_for_feedback_in_each_section(lesson):
    asked: dict[str, list[str]] = {title: [] for title in lesson.sections}
    title = ""
    for cell in lesson.cells:
        title = ([title] + [one for _, one in sections_of([cell])])[-1]
        if cell.cell_type == "code" and is_folded(cell):
            for one in ASKED.findall(cell.source):
                asked.setdefault(title, []).append(one)
    wanted = {title: [title.replace('"', "'")] for title in lesson.sections}
    last = lesson.sections[-1]
    return asked in (wanted, wanted | {last: []})


def has_run_in_order(lesson):
    counts = [cell.execution_count for cell in lesson.of_code]
    return counts == list(range(2, len(counts) + 2))  # the first is the cell that installs


def has_run_clean(lesson):
    errors = [out for out in lesson.outputs if out.output_type == "error"]
    return not errors and not [out for out in lesson.outputs if out.get("name") == "stderr"]


def names_no_machine(lesson):
    return not MACHINE.search(lesson.said + lesson.text + lesson.code)


def is_in_the_map(lesson):
    line = next((one for one in MAP.splitlines() if f"]({lesson.stem}.ipynb)" in one), "")
    needed = re.findall(r"\d", line.rstrip(" |").rpartition("|")[2])
    return bool(line) and needed == needs_of(lesson.cells)


def changed(old: str, new: str) -> Callable[[Lesson], Lesson]:
    """Return what replaces a text wherever it stands in a lesson's cells."""

    def change(lesson: Lesson) -> Lesson:
        for cell in lesson.cells:
            cell.source = cell.source.replace(old, new)
        return lesson

    return change


def said_otherwise(old: str, new: str) -> Callable[[Lesson], Lesson]:
    """Return what replaces a text in all that a lesson has printed."""

    def change(lesson: Lesson) -> Lesson:
        for out in lesson.outputs:
            if out.output_type == "stream":
                out["text"] = out["text"].replace(old, new)
        return lesson

    return change


def with_cells(order: Callable[[list[Any]], list[Any]]) -> Callable[[Lesson], Lesson]:
    """Return what gives a lesson other cells, or the same in another order."""
    return lambda lesson: lesson._replace(cells=order(lesson.cells))


def without_words(lesson: Lesson) -> Lesson:
    for out in lesson.outputs:
        out.metadata = {}
    return lesson


def run_backwards(lesson: Lesson) -> Lesson:
    for cell, count in zip(lesson.of_code, range(len(lesson.of_code) + 1, 1, -1), strict=True):
        cell.execution_count = count
    return lesson


def warned(lesson: Lesson) -> Lesson:
    lesson.of_code[0].outputs.append(nbformat.v4.new_output("stream", name="stderr", text="hm"))
    return lesson


def at_the_end(mark: str) -> Callable[[Lesson], Lesson]:
    """Return what moves all cells that hold a mark behind all others."""
    return with_cells(lambda cells: sorted(cells, key=lambda cell: mark in cell.source))


class Criterion(NamedTuple):
    """What a lesson must be, and ways to break a lesson that is so; each must be noticed."""

    holds: Callable[[Lesson], bool]
    breaks: tuple[Callable[[Lesson], Lesson], ...]


def criterion(holds: Callable[[Lesson], bool], *breaks: Callable[[Lesson], Lesson]) -> Criterion:
    return Criterion(holds, breaks)


CRITERIA = (
    criterion(opens_with_a_question, changed("**The question:**", "**The topic:**")),
    criterion(
        ends_with_a_number,
        with_cells(lambda cells: [c for c in cells if c.cell_type == "markdown"]),
        changed("assert ", "print "),
    ),
    criterion(
        says_time_and_needs,
        changed("**You need:**", "**Nice:**"),
        changed("offline in about", "offline, for"),
    ),
    criterion(marks_the_short_path, changed("▶ ", "")),
    criterion(
        shows_little_code,
        with_cells(lambda cells: [*cells, nbformat.v4.new_code_cell("x = 1\n" * MOST_LINES)]),
    ),
    criterion(asks_for_predictions, changed("> **Predict:**", "> **Note:**")),
    criterion(
        has_exercises_in_the_middle,
        changed(STUB, "pass"),
        at_the_end(STUB),
        changed("### Exercise 2:", "### Exercise 1:"),
    ),
    criterion(stubs_wait_for_an_answer, said_otherwise("2 is not answered yet", "2 is right")),
    criterion(
        folds_its_solutions,
        changed("<details><summary>Solution", "<details open><summary>Solution"),
    ),
    criterion(folds_its_tests, changed("def check_2(", "def try_2(")),
    criterion(asserts_what_it_states, changed("assert ", "print ")),
    criterion(sets_penalty_beside_prior, changed("penalty", "cost")),
    criterion(shows_map_is_the_penalised_optimum, changed("penalised optimum", "optimum")),
    criterion(
        predicts_before_and_after_a_fit,
        changed("before any data", "now"),
        changed("bg.simulate(", "print("),
        with_cells(lambda cells: cells[::-1]),
    ),
    criterion(
        gives_intervals_and_errors,
        said_otherwise("94%", "most"),
        said_otherwise("SE", ""),
        said_otherwise("±", ""),
    ),
    criterion(
        knows_the_truth_first,
        changed("import numpy as np", "bg.datasets.grasshopper(1)"),
    ),
    criterion(
        is_seeded,
        changed("import numpy as np", "import numpy as np\nnp.random.normal(3)"),
        changed("import numpy as np", "import numpy as np\nrng = np.random.default_rng()"),
    ),
    criterion(
        repairs_a_misconception,
        changed("### A misconception", "### A thought"),
        changed("epaired", "old"),
    ),
    criterion(says_what_it_cannot_tell, changed("What this cannot tell", "What this tells")),
    criterion(
        moves_over_a_figure_that_stands_still,
        changed("ipywidgets.inter", "ipywidgets.o"),
        changed("show(", "draw("),
    ),
    criterion(tells_its_pictures_in_words, without_words),
    criterion(
        asks_for_feedback_in_each_section,
        changed("feedback(", "print("),
        at_the_end('feedback("'),
    ),
    criterion(has_run_in_order, run_backwards),
    criterion(has_run_clean, warned),
    criterion(
        names_no_machine,
        changed("import numpy", f"# {AT_HOME}\nimport numpy"),
        said_otherwise("exercise", AT_HOME),
    ),
    criterion(
        is_in_the_map,
        lambda lesson: lesson._replace(stem="05_another"),
        changed("notebook 2 (", "notebook 4 ("),
    ),
)


def broken(path: Path, how: Callable[[Lesson], Lesson]) -> Lesson:
    """Return a lesson broken in one way, apart from the one that was read."""
    return how(copy.deepcopy(read(path)))
