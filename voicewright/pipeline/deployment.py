"""Which run's merged model is in production: `production.json` beside runs/, whose last entry is now."""

from __future__ import annotations

import time
from pathlib import Path

from voicewright.core.documents.base import read_document, write_document
from voicewright.core.documents.decision import Decision
from voicewright.core.documents.deployment import Deployment, Deployments
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run, home
from voicewright.core.records import fingerprint


def production_path() -> Path:
    """Where the history of deployments lies."""
    return home() / "production.json"


def history() -> list[Deployment]:
    """What was deployed, in order; empty before the first."""
    path = production_path()
    return read_document(path, Deployments).history if path.exists() else []


def deploy(run: Run, anyway: str | None = None) -> Deployment:
    """Put the run's merged model into production; `anyway` is the reason to do so against its decision.

    Raises UserError where the evidence or the model is missing.
    """
    if not (run.merged_dir / "config.json").exists():
        raise UserError(f"{run.merged_dir}: no merged model", hint=f"make merge RUN={run.name}")
    decision = read_document(run.decision_path, Decision) if run.decision_path.exists() else None
    if (decision is None or decision.decision != "deploy") and not anyway:
        raise UserError(
            f"run {run.name} is not to be deployed: {decision.sentence if decision else 'no decision'}",
            hint=f'make deploy RUN={run.name} ANYWAY="the reason" deploys it and records the reason',
        )
    deployment = Deployment(
        run=run.name,
        model=str(run.merged_dir.relative_to(home())),
        at=time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        decision=decision.decision if decision else None,
        anyway=anyway,
        fingerprint=fingerprint(run.merged_dir),
    )
    write_document(production_path(), Deployments(history=[*history(), deployment]))
    return deployment


def rollback() -> Deployment | None:
    """Take the last deployment back; returns what is in production now. Raises UserError where nothing is to undo."""
    deployments = history()
    if not deployments:
        raise UserError("nothing was deployed, so there is nothing to take back")
    before = deployments[-2] if len(deployments) > 1 else None
    if before and not (home() / before.model).exists():
        raise UserError(f"the model before this one is gone: {before.model}", hint=f"make merge RUN={before.run}")
    write_document(production_path(), Deployments(history=deployments[:-1]))
    return before


def production_model() -> Path:
    """The folder of the model in production. Raises UserError where there is none."""
    deployments = history()
    if not deployments:
        raise UserError("nothing is in production", hint="make deploy RUN=<run>")
    model = home() / deployments[-1].model
    if fingerprint(model) != deployments[-1].fingerprint:
        notice(f"{deployments[-1].model} has changed since it was deployed")
    return model
