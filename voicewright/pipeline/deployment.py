"""Which run's merged model is in production: `production.json` beside runs/, whose last entry is now."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from voicewright.core.errors import UserError, notice
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


def production_model() -> Path:
    """The folder of the model in production. Raises UserError where there is none."""
    past = history()
    if not past:
        raise UserError("nothing is in production", hint="make deploy RUN=<run>")
    model = home() / str(past[-1]["model"])
    if fingerprint(model) != past[-1]["fingerprint"]:
        notice(f"{past[-1]['model']} has changed since it was deployed")
    return model
