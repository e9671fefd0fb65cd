"""What is shown of a training: curves, time left, the choice among checkpoints, tables, cards."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from tests.reporting import reports
from voicewright.core import training_events
from voicewright.core.documents.base import parse, write_documents
from voicewright.core.documents.voice_report import CopyVerdict, VoiceReport
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import write_json
from voicewright.core.training_events import TrainingEvent
from voicewright.pipeline import checkpoint_comparison, sweep
from voicewright.pipeline.checkpoint_comparison import Figures
from voicewright.recipe import recipes
from voicewright.training import launch_commands, model_card, monitor, push, row_display
from voicewright.training.checkpoints import Checkpoint


def log(step: int, at: float, **values: float) -> TrainingEvent:
    return TrainingEvent.model_validate({"event": "log", "step": step, "time": at, **values})


EVENTS = [
    TrainingEvent(event="begin", step=0, max_steps=10, time=0.0),
    log(1, 10.0, loss=4.0, learning_rate=1e-3),
    log(2, 12.0, loss=3.0, learning_rate=1e-3),
    log(2, 13.0, eval_loss=3.5),
    log(3, 14.0, loss=2.0, learning_rate=5e-4),
]


def test_a_curve_goes_from_high_to_low() -> None:
    assert monitor.blocks([3.0, 2.0, 1.0]) == "█▅▁"
    assert monitor.blocks([1.0]) == "▁" and monitor.blocks([]) == ""
    assert len(monitor.blocks([float(i) for i in range(1000)])) <= monitor.WIDTH


def test_the_time_left_follows_the_pace_of_the_last_steps() -> None:
    assert monitor.seconds_left(EVENTS, 10) == 14.0
    assert monitor.seconds_left(EVENTS[:2], 10) is None


def test_a_step_taken_again_after_a_stop_counts_with_its_last_figure() -> None:
    assert training_events.curve([*EVENTS, log(2, 20.0, loss=9.0)], "loss") == [(1, 4.0), (2, 9.0), (3, 2.0)]


def test_the_monitor_shows_a_stopped_run_with_the_way_on(home: Path) -> None:
    run = Run(recipes.load("demo").run)
    run.adapter_dir.mkdir(parents=True)
    write_documents(training_events.path_in(run.adapter_dir), EVENTS)
    console = Console(record=True, width=120)
    console.print(monitor.view(run))
    said = console.export_text()
    assert "make train goes on" in said and "3 of 10" in said and "3.5" in said and "lowest 2 at step 3" in said


def figures(
    step: int, transfer: float | None, high: float | None = None, copies: bool = False, bits: float | None = None
) -> Figures:
    return Figures(step, 3.0 - step / 100, transfer, transfer if high is None else high, 5.0, copies, bits)


def test_an_undertrained_epoch_is_passed_over_where_its_transfer_is_told_from_the_highest() -> None:
    chosen, why = checkpoint_comparison.pick([figures(10, 12.0, 30.0, bits=1.9), figures(20, 41.0, 60.0, bits=2.0)])
    assert chosen.step == 20 and "as near to the voice" in why


def test_where_chance_could_order_the_transfers_the_fewest_bits_decide() -> None:
    undertrained, trained, overtrained = (
        figures(10, 44.0, 60.0, bits=2.1), figures(20, 41.0, 57.0, bits=1.9), figures(30, 40.0, 56.0, bits=2.0),
    )  # fmt: skip
    assert checkpoint_comparison.pick([undertrained, trained, overtrained])[0].step == 20


def test_without_bits_the_highest_transfer_is_chosen() -> None:
    assert checkpoint_comparison.pick([figures(10, 12.0), figures(20, 41.0), figures(30, 38.0)])[0].step == 20


def test_a_checkpoint_that_copies_is_passed_over() -> None:
    assert checkpoint_comparison.pick([figures(10, 30.0), figures(20, 60.0, copies=True)])[0].step == 10


def test_copying_is_what_the_voice_report_fails_and_not_a_phrase() -> None:
    def voice(verdict: CopyVerdict) -> VoiceReport:
        report = parse(VoiceReport, reports.voice(), "voice")
        copying = report.copying.arms["finetuned"]
        report.copying.arms = {"checkpoint-7": copying}
        copying.training.verdict = verdict
        return report

    assert checkpoint_comparison.fails(voice("fail"), 7)
    assert not checkpoint_comparison.fails(voice("flag"), 7) and not checkpoint_comparison.fails(voice("fail"), 8)


def test_without_transfer_bits_decide_and_without_those_the_evaluation_loss() -> None:
    assert checkpoint_comparison.pick([figures(1, None, bits=2.0), figures(2, None, bits=1.5)])[0].step == 2
    assert checkpoint_comparison.pick([figures(1, None), figures(2, None)])[0].step == 2


def test_the_best_checkpoint_is_known_only_after_the_comparison(home: Path) -> None:
    run = Run("demo")
    with pytest.raises(UserError, match="make checkpoints"):
        checkpoint_comparison.best(run)
    write_json(run.dir / "checkpoints.json", {"best": 20})
    assert checkpoint_comparison.best(run) == "20"


def test_a_sweep_is_every_combination_in_order() -> None:
    assert sweep.combinations(["model=a,b", "axolotl.lora_r=8,16", "hardware=cpu"]) == [
        ["model=a", "axolotl.lora_r=8", "hardware=cpu"],
        ["model=a", "axolotl.lora_r=16", "hardware=cpu"],
        ["model=b", "axolotl.lora_r=8", "hardware=cpu"],
        ["model=b", "axolotl.lora_r=16", "hardware=cpu"],
    ]
    assert sweep.combinations(["axolotl.lora_target_modules=[q_proj,k_proj]"]) == [
        ["axolotl.lora_target_modules=[q_proj,k_proj]"]
    ]


def test_a_card_tells_the_base_the_licence_the_settings_and_the_parity(home: Path) -> None:
    wanted = recipes.compose("visions").recipe
    parity = {
        "tensors": 291, "worst_relative": 0.004, "tokens": 1234, "mean_abs_nats": 0.005, "adapter_moved_nats": 0.4,
        "unquantised_gap_nats": 0.0893,
    }  # fmt: skip
    text = model_card.model_card(wanted, "meta-llama/Llama-3.1-8B-Instruct", Checkpoint(30, home, 2.5, True), parity)
    for said in ("license: llama3.1", "step 30", "| lora_r | 16 |", "0.40%", "0.0050 nats", "0.0893 nats", "2.5000"):
        assert said in text


def test_a_modelfile_asks_as_the_model_was_trained(home: Path) -> None:
    wanted = recipes.compose("visions", run="test").recipe
    assert 'TEMPLATE """{{ .Prompt }}"""' in model_card.modelfile(wanted)
    system = 'You are """the author""".'
    write_json(Run("test").stats_path, {"format": {"prompt": "chat", "system": system}, "splits": {}})
    said = model_card.modelfile(wanted)
    assert "TEMPLATE" not in said and said.count('"""') == 2 and "PARAMETER temperature 0.8" in said


def test_one_machine_is_one_process_and_several_are_torchrun_with_the_same_words() -> None:
    wanted = recipes.compose("visions").recipe
    assert launch_commands.axolotl_command(wanted, None)[-2:] == ["--launcher", "python"]
    cluster = recipes.compose("visions", ["hardware=cluster_2x8x80gb"]).recipe
    words = launch_commands.axolotl_command(cluster, Path("checkpoint-4"))
    after = words[words.index("--") + 1 :]
    assert after == [
        "--nnodes=2", "--nproc_per_node=8", "--rdzv_backend=c10d", "--rdzv_endpoint=node1:29500",
        "--rdzv_id=voicewright",
    ]  # fmt: skip
    assert "--resume-from-checkpoint=checkpoint-4" in words[: words.index("--")]
    script = launch_commands.slurm_script(cluster)
    assert "#SBATCH --nodes=2" in script and "#SBATCH --gpus-per-node=8" in script and "--nnodes=2" in script


def test_what_is_only_read_is_dimmed() -> None:
    text = row_display.styled([("Question? ", False), ("Answer.", True)])
    assert text.plain == "Question? Answer."
    assert [(text.plain[s.start : s.end], s.style) for s in text.spans] == [("Question? ", "dim")]


def test_pushing_makes_a_private_repository_and_asks_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "--private" in push.upload_command("folder", "me/mine")
    monkeypatch.setattr("sys.stdin.isatty", lambda: False)
    assert not push.agreed("Upload?")
