"""The stages of a run, in order: what each reads, what it writes, and which come before it.

`worker.py` says what each stage calls; `runner.py` decides which are stale and runs them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from voicewright.core import training_events
from voicewright.core.paths import PROFILES_DIR, PROMPTS_DIR, TASKS_DIR, Run, given_path
from voicewright.recipe import recipes
from voicewright.recipe.schema import Recipe

# What the tokens of a row depend on, and the number of steps.
READ_BY_PREPARE = (
    "base_model", "sequence_len", "chat_template", "chat_template_jinja", "chat_template_kwargs", "special_tokens",
    "tokens", "micro_batch_size", "gradient_accumulation_steps", "num_epochs", "sample_packing",
)  # fmt: skip
Paths = Callable[[Run, Recipe], list[Path]]


@dataclass(frozen=True)
class StageOptions:
    """What a command passes on to a stage."""

    force: str | None = None
    """The arm whose texts are made again."""
    agreed: bool = False
    """Whether the user agrees to what the judges cost."""

    def words(self) -> list[str]:
        """The words for the worker's command line."""
        return [*([f"force={self.force}"] if self.force else []), *(["yes=1"] if self.agreed else [])]

    @classmethod
    def read(cls, words: Sequence[str]) -> StageOptions:
        values = dict(word.split("=", 1) for word in words)
        return cls(values.get("force"), values.get("yes") == "1")


@dataclass(frozen=True)
class Stage:
    """One step of a run."""

    name: str
    needs: tuple[str, ...]
    """The stages before it; those that are stale run first."""
    keys: tuple[str, ...]
    """The recipe keys it reads, dotted."""
    inputs: Paths
    outputs: Paths
    arms: tuple[str, ...] = ()
    """The arms that it generates texts of."""
    version: int = 1
    """Raised when the stage's output changes for the same input."""
    module: str = "voicewright.pipeline.worker"
    """What runs it: `python -m <module> <stage> <run> [force=<arm>] [yes=1]`."""

    def command(self, run: Run, options: StageOptions) -> list[str]:
        return [sys.executable, "-m", self.module, self.name, run.name, *options.words()]


STAGES = (
    Stage(
        "prepare", needs=(),
        keys=("data", *(f"axolotl.{key}" for key in READ_BY_PREPARE)),
        inputs=lambda _, recipe: list(recipes.source_paths(recipe).values()),
        outputs=lambda run, _: [run.data_dir],
    ),
    Stage(
        "render", needs=(),  # a YAML can be looked at before there are rows
        keys=("axolotl", "method", "hardware", "data.sources", "data.expand"),
        inputs=lambda run, _: run.axolotls_rows,
        outputs=lambda run, _: [run.axolotl_path],
    ),
    Stage(
        "baseline", needs=("prepare",),
        keys=("eval", "axolotl.base_model", "model.sampling", "vllm"),
        inputs=lambda run, _: [*run.row_files("train", "heldout"), PROMPTS_DIR, TASKS_DIR],
        outputs=lambda run, _: [
            run.generations_path("baseline"), run.prefixes_path("baseline"), run.likelihood_path("baseline"),
        ],
        arms=("baseline", "prompted"), version=2,
    ),
    Stage(
        "train", needs=("prepare", "render"),
        keys=(),
        inputs=lambda run, recipe: [run.axolotl_path, *run.axolotls_rows, *_parents_model(recipe)],
        outputs=lambda run, _: [run.adapter_dir],
    ),
    Stage(
        "merge", needs=("train",),
        keys=(),
        inputs=lambda run, _: [run.axolotl_path, run.adapter_dir, run.choice_path, *_checkpoint_comparison(run)],
        outputs=lambda run, _: [run.merged_dir],
    ),
    Stage(
        "generate", needs=("baseline", "merge"),
        keys=("eval", "model.sampling", "vllm"),
        inputs=lambda run, _: [run.merged_dir, *run.row_files("train", "heldout"), PROMPTS_DIR, TASKS_DIR],
        outputs=lambda run, _: [
            run.generations_path("finetuned"), run.prefixes_path("finetuned"), run.likelihood_path("finetuned"),
        ],
        arms=("finetuned",), version=2,
    ),
    Stage(
        "voice", needs=("generate",),
        keys=("eval", "targets"),
        inputs=lambda run, _: [
            *run.row_files(), run.generations_dir, run.prefixes_dir, run.likelihood_dir, run.lm_eval_dir, PROFILES_DIR,
        ],
        outputs=lambda run, _: [run.voice_path],
        version=2,
    ),
    Stage(
        "pair", needs=("generate",),
        keys=("eval", "blind", "targets"),
        inputs=lambda run, _: [run.generations_dir, *run.row_files("train", "heldout")],
        outputs=lambda run, _: [run.pairs_path, run.key_path, run.targets_path],
    ),
    Stage(
        "judge", needs=("pair",),
        keys=("judges", "blind", "data.sources"),
        inputs=lambda run, _: [run.pairs_path, run.generations_path("baseline"), *run.row_files()],
        outputs=lambda run, _: [run.votes_path, run.qualification_path],
        version=2,
    ),
    Stage(
        "packet", needs=("pair",),
        keys=("blind",),
        inputs=lambda run, _: [run.pairs_path, run.key_path],
        outputs=lambda run, _: [run.packet_path],
    ),
    Stage(
        "verdict", needs=("judge",),
        keys=("blind",),
        inputs=lambda run, _: [run.pairs_path, run.key_path, run.votes_path, run.qualification_path],
        outputs=lambda run, _: [run.verdict_path],
    ),
    Stage(
        "decide", needs=("voice", "verdict"),
        keys=("targets", "blind"),
        inputs=lambda run, _: [run.voice_path, run.verdict_path, run.votes_path, run.targets_path],
        outputs=lambda run, _: [run.decision_path],
    ),
    Stage(
        "report", needs=("decide", "packet"),
        keys=("published",),
        inputs=lambda run, _: [
            run.decision_path, run.voice_path, run.verdict_path, run.qualification_path, run.stats_path,
            run.generations_dir, training_events.path_in(run.adapter_dir), run.tags_dir, run.preferred_dir,
        ],
        outputs=lambda run, _: [run.report_path, run.report_path.with_suffix(".md")],
        version=3,
    ),
)  # fmt: skip


def stages_until(target: str) -> list[Stage]:
    """The stages that lead to `target`, in order, `target` included."""
    names = {target}
    for stage in reversed(STAGES):
        if stage.name in names:
            names |= set(stage.needs)
    return [stage for stage in STAGES if stage.name in names]


def _checkpoint_comparison(run: Run) -> list[Path]:
    """What `make checkpoints` measured, where the user chose to merge its best."""
    chose_best = run.choice_path.exists() and run.choice_path.read_text(encoding="utf-8").strip() == "best"
    return [run.checkpoints_path] if chose_best else []


def _parents_model(recipe: Recipe) -> list[Path]:
    """The merged model that a run starts from, where it comes after another."""
    return [given_path(str(recipe.axolotl["base_model"]))] if recipe.after else []
