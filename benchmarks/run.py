"""Run cases and write their results: `python -m benchmarks.run [--quick] [CASE ...]`."""

import argparse
import datetime
import json
from pathlib import Path

from benchmarks.cases import (
    coupled,
    families,
    fields,
    formula,
    hierarchical,
    import_time,
    kfold,
    l1_path,
    l1_wide,
    ladder,
    lags,
    loo,
    map_dense,
    map_pymc,
    map_small,
    mixed,
    population,
    posterior,
    receptive_field,
    recording,
    report,
    scale,
)
from benchmarks.facts import facts
from benchmarks.table import read_all, render

CASES = {
    "map-dense": map_dense,
    "map-small": map_small,
    "map-pymc": map_pymc,
    "l1-path": l1_path,
    "l1-wide": l1_wide,
    "population": population,
    "coupled": coupled,
    "receptive-field": receptive_field,
    "recording": recording,
    "fields": fields,
    "lags": lags,
    "posterior": posterior,
    "hierarchical": hierarchical,
    "mixed": mixed,
    "loo": loo,
    "ladder": ladder,
    "kfold": kfold,
    "families": families,
    "formula": formula,
    "import": import_time,
    "scale": scale,
    "report": report,
}
RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Run the cases named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument(
        "--quick",
        action="store_true",
        help="a tenth of the work, to try the harness: prints the table and writes nothing",
    )
    asked = parser.parse_args()
    unknown = [name for name in asked.cases if name not in CASES]
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    machine = facts()
    for name in asked.cases or CASES:
        print(f"{name} ...", flush=True)
        case = CASES[name]
        contests, verdicts = case.run(asked.quick)
        record = {
            "case": name,
            "work": case.WORK,
            "date": datetime.date.today().isoformat(),
            "machine": machine,
            "contests": contests,
            "verdicts": verdicts,
        }
        if asked.quick:
            print(render([record]))
            continue
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        (RESULTS / "README.md").write_text(render(read_all(RESULTS)))
        print(render([record]))


if __name__ == "__main__":
    main()
