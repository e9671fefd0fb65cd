from __future__ import annotations

from pathlib import Path

import pytest

from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_json
from voicewright.pipeline import deployment


def finished_run(name: str, decision: str = "deploy") -> Run:
    run = Run(name)
    write_json(run.merged_dir / "config.json", {"name": name})
    write_json(run.decision_path, {"decision": decision, "sentence": f"{decision}: because.", "targets": {}})
    return run


def test_only_a_deploy_is_deployed_and_a_reason_is_kept(home: Path) -> None:
    with pytest.raises(UserError, match="is not to be deployed: do not deploy: because"):
        deployment.deploy(finished_run("a", "do not deploy"), None)
    assert deployment.history() == []
    deployment.deploy(finished_run("a", "do not deploy"), "the author likes it")
    assert deployment.history()[-1].anyway == "the author likes it"


def test_a_deployment_can_be_taken_back_to_what_was_before(home: Path) -> None:
    deployment.deploy(finished_run("a"), None)
    deployment.deploy(finished_run("b"), None)
    now = deployment.rollback()
    assert now is not None and now.run == "a"
    assert deployment.rollback() is None
    with pytest.raises(UserError, match="nothing to take back"):
        deployment.rollback()


def test_a_model_that_is_gone_is_not_gone_back_to(home: Path) -> None:
    first = finished_run("a")
    deployment.deploy(first, None)
    deployment.deploy(finished_run("b"), None)
    (first.merged_dir / "config.json").unlink()
    first.merged_dir.rmdir()
    with pytest.raises(UserError, match="the model before this one is gone"):
        deployment.rollback()
    assert deployment.history()[-1].run == "b"


def test_a_run_without_a_merged_model_is_refused(home: Path) -> None:
    with pytest.raises(UserError, match="no merged model"):
        deployment.deploy(Run("none"), "anyway")
