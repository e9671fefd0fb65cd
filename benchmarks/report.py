"""One page with the decision, its evidence and where each figure came from: RUN -> report.html.

python -m benchmarks.report RUN
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from voicewright import command
from voicewright.errors import UserError, exits_cleanly
from voicewright.layout import Run
from voicewright.records import Row, read_json, read_rows, write_text

TEMPLATES_DIR = Path(__file__).parent / "templates"
SAMPLES = 3


def samples(run: Run) -> list[dict[str, Any]]:
    """The first texts of each arm on the same prompts, side by side."""
    by_arm: dict[str, dict[str, Row]] = {}
    for path in sorted(run.generations_dir.glob("*.jsonl")):
        by_arm[path.stem] = {row["prompt_id"]: row for row in read_rows(path) if row["sample"] == 0}
    shared = set.intersection(*(set(rows) for rows in by_arm.values())) if by_arm else set()
    chosen = sorted(shared)[:SAMPLES]
    return [
        {
            "prompt": next(iter(by_arm.values()))[p]["prompt"],
            "texts": {arm: rows[p]["text"] for arm, rows in by_arm.items()},
        }
        for p in chosen
    ]


@exits_cleanly
def main() -> None:
    name, _ = command.parse(__doc__, {})
    run = Run(name)
    if not run.decision_path.exists():
        raise UserError(f"{run.decision_path}: no decision to report", mend=f"make decide RUN={name}")
    manifest = json.dumps(read_json(run.manifest_path), indent=1) if run.manifest_path.exists() else "no manifest"
    # Texts come from models and manuscripts: everything is escaped, whatever the template forgets.
    engine = Environment(loader=FileSystemLoader(TEMPLATES_DIR), autoescape=True, undefined=StrictUndefined)
    page = engine.get_template("report.html.j2").render(
        run=name, decision=read_json(run.decision_path), samples=samples(run), manifest=manifest
    )
    write_text(run.report_path, page)
    print(run.report_path)


if __name__ == "__main__":
    main()
