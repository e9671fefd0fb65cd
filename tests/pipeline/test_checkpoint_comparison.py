"""The choice among the checkpoints of a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reporting import reports
from voicewright.core.documents.base import write_document
from voicewright.core.documents.training import CheckpointComparison, CheckpointScores
from voicewright.core.documents.voice_report import CopyVerdict, VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.pipeline.checkpoint_comparison import choose_best, fails_for_copying
from voicewright.training import checkpoints


def scores(
    step: int, transfer: float | None, high: float | None = None, copies: bool = False, bits: float | None = None
) -> CheckpointScores:
    return CheckpointScores(
        step=step,
        eval_loss=3.0 - step / 100,
        transfer=transfer,
        transfer_high=transfer if high is None else high,
        copying=5.0,
        copies=copies,
        bits=bits,
    )


def test_an_undertrained_epoch_is_passed_over_where_its_transfer_is_told_from_the_highest() -> None:
    best, why = choose_best([scores(10, 12.0, 30.0, bits=1.9), scores(20, 41.0, 60.0, bits=2.0)])
    assert best.step == 20 and "as near to the voice" in why


def test_where_chance_could_order_the_transfers_the_fewest_bits_decide() -> None:
    undertrained, trained, overtrained = (
        scores(10, 44.0, 60.0, bits=2.1), scores(20, 41.0, 57.0, bits=1.9), scores(30, 40.0, 56.0, bits=2.0),
    )  # fmt: skip
    assert choose_best([undertrained, trained, overtrained])[0].step == 20


def test_without_bits_the_highest_transfer_is_chosen() -> None:
    assert choose_best([scores(10, 12.0), scores(20, 41.0), scores(30, 38.0)])[0].step == 20


def test_a_checkpoint_that_copies_is_passed_over() -> None:
    assert choose_best([scores(10, 30.0), scores(20, 60.0, copies=True)])[0].step == 10


def test_copying_is_what_the_voice_report_fails_and_not_a_phrase() -> None:
    def voice(verdict: CopyVerdict) -> VoiceReport:
        report = reports.voice_report()
        copying = report.copying.arms["finetuned"]
        report.copying.arms = {"checkpoint-7": copying}
        copying.training.verdict = verdict
        return report

    assert fails_for_copying(voice("fail"), 7)
    assert not fails_for_copying(voice("flag"), 7) and not fails_for_copying(voice("fail"), 8)


def test_without_transfer_bits_decide_and_without_those_the_evaluation_loss() -> None:
    assert choose_best([scores(1, None, bits=2.0), scores(2, None, bits=1.5)])[0].step == 2
    assert choose_best([scores(1, None), scores(2, None)])[0].step == 2


def test_the_best_checkpoint_is_known_only_after_the_comparison(home: Path) -> None:
    run = Run("demo")
    with pytest.raises(UserError, match="make checkpoints RUN=demo"):
        checkpoints.compared_best(run)
    write_document(run.checkpoints_path, CheckpointComparison(best=20, why="", checkpoints=[scores(20, 1.0)]))
    assert checkpoints.compared_best(run) == "20"
