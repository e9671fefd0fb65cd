"""Real trainings of the other kinds: preferences with early stopping, two processes, and memory that runs out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.training import engine
from voicewright.core import training_events
from voicewright.core.documents.adaptations import Adaptation
from voicewright.core.documents.base import read_documents
from voicewright.core.paths import REPO_DIR, SAMPLE_DIR, Run
from voicewright.core.records import read_json, read_rows, write_rows
from voicewright.data.trained_tokens import Segment
from voicewright.pipeline import row_display
from voicewright.recipe import recipes
from voicewright.training import checkpoints
from voicewright.training.oom_fallback import RECIPE_CHANGED

pytestmark = [pytest.mark.engine, pytest.mark.usefixtures("in_engine_home")]


def settings_without(*keys: str) -> list[str]:
    """The overrides of a small run, less those that begin so."""
    return [word for word in engine.SMALL if not word.startswith(keys)]


def test_preferences_train_and_stop_early_with_every_look_recorded() -> None:
    rule = ["watch=loss", "window=2", "threshold=1000000", "patience=1", "min_exposure=0.25"]
    stopping = [f"early_stopping.{word}" for word in rule]
    kind = ["method=dpo", "data.sources.sample.shape=preference", "tracking=tensorboard"]
    settings = [*settings_without("method="), *kind, *stopping]
    run = engine.begin("prefers", settings, shape="preference", rows=40)
    output = engine.finish(run)
    events = training_events.read(run.adapter_dir)
    looks = [event for event in events if event.event == "decision"]
    assert [event.step for event in looks] == [4, 6]
    assert all({"drop", "noise", "ratio", "exposure", "strikes"} <= event.to_json().keys() for event in looks)
    assert "ended early: loss fell by" in output and "trained 6 steps" in output
    assert checkpoints.is_finished(run)
    assert any("rewards/accuracies" in event.to_json() for event in events)
    assert list(run.adapter_dir.rglob("events.out.tfevents.*")), "tensorboard has nothing to show"


def test_two_processes_take_the_steps_of_one_and_learn_the_same(trained: Run) -> None:
    run = engine.begin("two", [*engine.SMALL, "hardware=cpu_x2", "axolotl.micro_batch_size=1"])
    engine.finish(run)
    begins = [event for event in training_events.read(run.adapter_dir) if event.event == "begin"]
    assert [event.max_steps for event in begins] == [12]
    assert engine.last_losses(run) == pytest.approx(engine.last_losses(trained), abs=1e-3)


def test_memory_that_runs_out_in_mid_run_halves_the_batch_and_goes_on_from_the_last_step() -> None:
    """The first updates are of short rows; those after them need more than an address-space limit allows."""
    sizes = ["axolotl.micro_batch_size=32", "axolotl.gradient_accumulation_steps=1", "axolotl.sequence_len=256"]
    order = ["axolotl.curriculum_sampling=true", "axolotl.shuffle_merged_datasets=false"]
    counts = ("axolotl.max_steps=", "axolotl.save_steps=", "axolotl.sequence_len=")
    settings = settings_without(*counts)
    run = engine.begin("hungry", [*settings, *sizes, *order, "axolotl.max_steps=4", "axolotl.save_steps=1"])
    texts = engine.paragraphs(128)
    short, long = [" ".join(text.split()[:6]) for text in texts[:64]], [text * 4 for text in texts[64:]]
    write_rows(run.rows_path("completion", "train"), engine.completion_rows([*short, *long]))
    engine.render(run)

    limit = f"ulimit -v {engine.BETWEEN_8192_AND_4096_TOKENS_KB};"
    launcher = engine.launch(run, before=limit)
    output, _ = launcher.communicate(timeout=engine.PATIENCE_S)
    assert launcher.returncode == RECIPE_CHANGED, output
    assert "ran out of memory" in output and "it resumes from step 2" in output
    (adaptation,) = read_documents(run.dir / "adapted.jsonl", Adaptation)
    assert adaptation.step == "batch" and adaptation.steps_lost == 0

    engine.render(run)
    engine.finish(run, before=limit)
    assert [event.step for event in training_events.read(run.adapter_dir) if event.event == "begin"] == [0, 2]
    now = recipes.load(run.name).axolotl
    assert (now["micro_batch_size"], now["gradient_accumulation_steps"]) == (16, 2)
    assert checkpoints.is_finished(run)


@pytest.mark.long
def test_make_train_takes_steps_of_the_fallback_until_the_run_fits(engine_home: Path) -> None:
    """30 rows of 512 tokens do not fit the address space, nor do 30 of 256; two times 15 do."""
    sizes = ["micro_batch_size=30", "gradient_accumulation_steps=1", "sequence_len=512", "max_steps=2", "eval_steps=2"]
    schedule = ["save_steps=2", "saves_per_epoch=null", "evals_per_epoch=null"]
    words = ["method=lora", "data.max_tokens=510", "out_of_memory=[sequence,batch]"]
    words += [f"axolotl.{word}" for word in (*sizes, *schedule)]

    def make_train() -> str:
        command = f"ulimit -v {engine.BETWEEN_8192_AND_4096_TOKENS_KB}; exec make train RECIPE=demo RUN=fallback"
        env = {**os.environ, "SET": " ".join(words)}
        done = subprocess.run(["bash", "-c", command], cwd=REPO_DIR, env=env, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    output, run = make_train(), Run("fallback")
    assert output.count("training ran out of memory (") == 2
    assert "Next: sequence: axolotl.sequence_len=256" in output and "rows are cut anew, to at most 254 tokens" in output
    assert "Next: batch: axolotl.micro_batch_size=15 axolotl.gradient_accumulation_steps=2" in output
    assert [step.step for step in read_documents(run.dir / "adapted.jsonl", Adaptation)] == ["sequence", "batch"]
    lengths = [row["tokens"] for path in run.row_files() for row in read_rows(path)]
    assert 128 < max(lengths) <= 254
    assert checkpoints.is_finished(run) and "train" in read_json(run.manifest_path)
    assert "everything up to train is up to date" in make_train()


def test_a_base_made_of_a_folder_of_text_is_pretrained_and_published_whole(in_engine_home: Path) -> None:
    base = in_engine_home / "base"
    words = [str(SAMPLE_DIR), f"out={base}", "vocab=600", "hidden=64", "layers=2", "context=256"]
    result = subprocess.run(
        [sys.executable, "-m", "train.new_base", *words], cwd=REPO_DIR, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    config = read_json(base / "config.json")
    assert (config["vocab_size"], config["num_attention_heads"], config["num_hidden_layers"]) == (600, 2, 2)

    small = settings_without("method=", "axolotl.lora")
    sizes = ["axolotl.micro_batch_size=2", "axolotl.warmup_steps=1", f"axolotl.base_model={base}"]
    run = engine.begin("pretrained", [*small, *sizes], of="tiny_base")
    engine.finish(run)
    losses = engine.last_losses(run)
    assert losses[12] < losses[1]

    merged = subprocess.run(
        [sys.executable, "-m", "voicewright.pipeline.worker", "merge", run.name],
        cwd=REPO_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert merged.returncode == 0, merged.stderr
    published = {path.name for path in run.merged_dir.iterdir()}
    assert {"model.safetensors", "config.json", "tokenizer.json", "model_card.md", "Modelfile"} <= published
    assert not published & {"optimizer.pt", "trainer_state.json", "training_args.bin", "rng_state.pth"}


# After the manner of gpt-oss (harmony) and of Qwen3 with thinking off; None is the tiny base's own, ChatML.
HARMONY = (
    "{% for m in messages %}<|start|>{{ m.role }}{% if m.role == 'assistant' %}<|channel|>final{% endif %}<|message|>"
    "{{ m.content }}{% if m.role == 'assistant' and loop.last %}<|return|>{% else %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)
EMPTY_THOUGHT = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>"
    "\n\n{% endif %}{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)
TEMPLATES = [
    ("chatml", None),
    pytest.param("harmony", HARMONY, marks=pytest.mark.long),
    pytest.param("empty thought", EMPTY_THOUGHT, marks=pytest.mark.long),
]


LONG_CHAT = [
    {"role": "system", "content": "You are a clerk."},
    {"role": "user", "content": "Who was it?"},
    {"role": "assistant", "content": "Somebody else's words.", "train": False},
    {"role": "user", "content": "And then? "},
    {"role": "assistant", "content": "It rained — a great deal.\n\nThen it stopped.", "train": True},
]


def compare_segments(run: Run) -> list[list[Segment]]:
    """The rows as we show them, which are those that Axolotl reads, each with the same tokens trained on."""
    ours = row_display.tokenized_rows(run, 100)
    axolotls = row_display.axolotl_rows(run, 100)
    assert sorted(ours) == sorted(axolotls)
    return ours


@pytest.mark.parametrize(("name", "template"), TEMPLATES)
def test_what_is_trained_on_in_a_chat_is_the_answer_whatever_the_template(
    name: str, template: str | None, engine_home: Path
) -> None:
    base = engine_home / f"base-{name[:5]}"
    shutil.copytree(REPO_DIR / "models" / "tiny-base", base)
    if template:
        (base / "chat_template.jinja").write_text(template)
    words = ["data.sources.sample.shape=chat", f"axolotl.base_model={base}", "axolotl.sequence_len=512"]
    run = engine.begin(f"chats-{name[:5]}", [*settings_without("axolotl.sequence_len="), *words], shape="chat")
    path = run.rows_path("chat", "train")
    write_rows(path, [*read_rows(path), {"id": "long", "source": "test", "tokens": 40, "messages": LONG_CHAT}])
    for row in compare_segments(run):
        read = " ".join(segment.text.strip() for segment in row if not segment.is_trained)
        trained = " ".join(segment.text.strip() for segment in row if segment.is_trained)
        assert ("Go on." in read) != ("It rained" in trained) and "assistant" not in trained
        assert "Somebody else" not in trained and "think" not in trained
        assert ("think" in read) == (name == "empty thought")


@pytest.mark.parametrize("shape", ["completion", "preference"])
def test_the_other_shapes_are_shown_as_axolotl_reads_them(shape: str, engine_home: Path) -> None:
    method = "dpo" if shape == "preference" else "lora"
    words = [f"method={method}", f"data.sources.sample.shape={shape}"]
    run = engine.begin(f"shown-{shape}", [*settings_without("method="), *words], shape=shape)
    if shape == "completion":
        path = run.rows_path(shape, "train")
        tagged = "<user>Who was it?</user>\n<assistant>It rained.</assistant>"
        write_rows(path, [*read_rows(path), {"id": "tagged", "source": "test", "tokens": 20, "text": tagged}])
    assert len(compare_segments(run)) == 16 + (shape == "completion")


def test_every_epoch_has_the_rows_in_another_order() -> None:
    """At a rate of zero a row has the same loss whenever it comes: the losses tell the order."""
    counts = ("axolotl.max_steps=", "axolotl.save_steps=", "axolotl.eval_steps=")
    settings = settings_without(*counts)
    sizes = ["micro_batch_size=1", "gradient_accumulation_steps=1", "num_epochs=2", "save_steps=16", "eval_steps=16"]
    run = engine.begin("reshuffled", [*settings, *(f"axolotl.{size}" for size in sizes)], rows=8)
    tree = yaml.safe_load(run.axolotl_path.read_text()) | {"learning_rate": 0.0}
    run.axolotl_path.write_text(yaml.safe_dump(tree))
    engine.finish(run)
    losses = [loss for _, loss in sorted(engine.last_losses(run).items())]
    first, second = losses[:8], losses[8:]
    assert sorted(first) == pytest.approx(sorted(second), abs=1e-4) and first != pytest.approx(second, abs=1e-4)
