"""Make a run's merged model the one in production, or take that back.

    python -m benchmarks.deploy RUN [anyway=REASON]
    python -m benchmarks.deploy rollback=1
    python -m benchmarks.deploy show=1

The choice is production.json beside runs/; `python -m serve.up "$(python -m benchmarks.deploy show=1)"` serves it.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly, notice
from voicewright.core.paths import Run, home
from voicewright.core.records import fingerprint, read_json, write_json


def production_path() -> Path:
    """Where the history of what was in production lies; its last entry is now."""
    return home() / "production.json"


def history() -> list[dict[str, Any]]:
    """What was deployed, in order; empty before the first."""
    path = production_path()
    return list(read_json(path)["history"]) if path.exists() else []


def deploy(run: Run, anyway: str | None) -> dict[str, Any]:
    """Put the run's merged model into production. Raises UserError where the evidence or the model is missing."""
    if not (run.merged_dir / "config.json").exists():
        raise UserError(f"{run.merged_dir}: no merged model", hint=f"make merge RUN={run.name}")
    decision = (
        read_json(run.decision_path) if run.decision_path.exists() else {"decision": None, "sentence": "no decision"}
    )
    if decision["decision"] != "deploy" and not anyway:
        raise UserError(f"run {run.name} is not to be deployed: {decision['sentence']}",
                        hint='look at report.html; anyway="the reason" deploys it and keeps the reason')  # fmt: skip
    entry = {
        "run": run.name,
        "model": str(run.merged_dir.relative_to(home())),
        "at": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "decision": decision["decision"],
        "anyway": anyway,
        "fingerprint": fingerprint(run.merged_dir),
    }
    write_json(production_path(), {"history": [*history(), entry]})
    return entry


def rollback() -> dict[str, Any] | None:
    """Take the last deployment back; returns what is in production now. Raises UserError where nothing is to undo."""
    past = history()
    if not past:
        raise UserError("nothing was deployed, so there is nothing to take back")
    if len(past) > 1 and not (home() / past[-2]["model"]).exists():
        raise UserError(
            f"the model before this one is gone: {past[-2]['model']}", hint=f"make merge RUN={past[-2]['run']}"
        )
    write_json(production_path(), {"history": past[:-1]})
    return past[-2] if len(past) > 1 else None


@exits_cleanly
def main() -> None:
    bare = not any("=" not in word for word in sys.argv[1:]) and len(sys.argv) > 1
    options: dict[str, str | None] = {"anyway": None, "rollback": None, "show": None}
    name, options = arguments.parse(__doc__, options, name=None if bare else "RUN")
    if options["rollback"]:
        now = rollback()
        print(f"in production: {now['run']}" if now else "nothing is in production")
    elif options["show"]:
        past = history()
        if not past:
            raise UserError("nothing is in production", hint="make deploy RECIPE=<name>")
        model = home() / past[-1]["model"]
        if fingerprint(model) != past[-1]["fingerprint"]:
            notice(f"{past[-1]['model']} has changed since it was deployed")
        print(model)
    else:
        entry = deploy(Run(name), options["anyway"])
        print(f"in production: {entry['run']}, {entry['model']}")


if __name__ == "__main__":
    main()
