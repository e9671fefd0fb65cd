"""The journey of a run: every stage, what it reads, what it writes, and what comes before it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from voicewright.core import training_events
from voicewright.core.paths import PROFILES_DIR, PROMPTS_DIR, REPO_DIR, TASKS_DIR, Run
from voicewright.recipe import recipes
from voicewright.recipe.schema import Asking

# What the tokens of a row depend on, and the steps to expect.
READ_BY_PREPARE = (
    "base_model", "sequence_len", "chat_template", "chat_template_jinja", "chat_template_kwargs", "special_tokens",
    "tokens", "micro_batch_size", "gradient_accumulation_steps", "num_epochs", "sample_packing",
)  # fmt: skip
Paths = Callable[[Run], list[Path]]


@dataclass(frozen=True)
class Stage:
    """One step of the journey."""

    name: str
    module: str
    """What is run: `python -m <module> <run> <arguments>`."""
    needs: tuple[str, ...]
    """The stages before it; theirs come first if they are stale."""
    keys: tuple[str, ...]
    """The recipe keys it reads, dotted."""
    inputs: Paths
    outputs: Paths
    arguments: tuple[str, ...] = ()
    served: str | Callable[[Run], str | None] | None = None
    """The arm that must be served meanwhile, or what says so for a run."""
    version: int = 1
    """Raised when the stage's output changes for the same input."""

    @property
    def arms(self) -> list[str]:
        """The arms that it generates."""
        return [arm for word in self.arguments if word.startswith("arm=") for arm in word[4:].split(",")]

    def command(self, run: Run) -> list[str]:
        script = [self.module, run.name, *self.arguments]
        arm = self.served(run) if callable(self.served) else self.served
        return [sys.executable, "-m", *script] if arm is None else while_served(run, arm, script)


def while_served(run: Run, arm: str, script: list[str]) -> list[str]:
    """The command that runs a script of ours, its module and words, while an arm is served."""
    python = [sys.executable, "-m"]
    return [*python, "serve.during", run.name, f"arm={arm}", "--", *python, *script]


def asks_its_own_model(run: Run) -> str | None:
    """The baseline, where prepare asks the run's own base model and nobody serves it."""
    recipe = recipes.load(run.name)
    data = recipe.data
    asked: list[Asking] = [data.qa] if any(source.shape == "qa" for source in data.sources.values()) else []
    asked += [data.expand] if data.expand else []
    ours = recipe.serve.engine == "vllm" and recipe.serve.url("baseline") in [each.url for each in asked]
    return "baseline" if ours else None


STAGES = (
    Stage(
        "prepare", "prepare.build", needs=(),
        keys=("data", *(f"axolotl.{key}" for key in READ_BY_PREPARE)),
        inputs=lambda run: list(recipes.source_paths(recipes.load(run.name)).values()),
        outputs=lambda run: [run.data_dir],
        served=asks_its_own_model,
    ),
    Stage(
        "render", "train.render", needs=(),  # a YAML can be looked at before there are rows
        keys=("axolotl", "method", "hardware", "data.sources", "data.expand"),
        inputs=lambda run: run.axolotls_rows,
        outputs=lambda run: [run.axolotl_path],
    ),
    Stage(
        "baseline", "benchmarks.generate", needs=("prepare",),
        keys=("eval", "axolotl.base_model", "model.sampling", "vllm"),
        inputs=lambda run: [*run.row_files("train", "heldout"), PROMPTS_DIR, TASKS_DIR],
        outputs=lambda run: [
            run.generations_path("baseline"), run.prefixes_path("baseline"), run.likelihood_path("baseline"),
        ],
        arguments=("arm=baseline,prompted",), served="baseline", version=2,
    ),
    Stage(
        "train", "train.launch", needs=("prepare", "render"),
        keys=(),
        inputs=lambda run: [run.axolotl_path, *run.axolotls_rows, *parents_model(run)],
        outputs=lambda run: [run.adapter_dir],
    ),
    Stage(
        "merge", "train.merge", needs=("train",),
        keys=(),
        inputs=lambda run: [run.axolotl_path, run.adapter_dir, run.choice_path, *comparison(run)],
        outputs=lambda run: [run.merged_dir],
    ),
    Stage(
        "generate", "benchmarks.generate", needs=("baseline", "merge"),
        keys=("eval", "model.sampling", "vllm"),
        inputs=lambda run: [run.merged_dir, *run.row_files("train", "heldout"), PROMPTS_DIR, TASKS_DIR],
        outputs=lambda run: [
            run.generations_path("finetuned"), run.prefixes_path("finetuned"), run.likelihood_path("finetuned"),
        ],
        arguments=("arm=finetuned",), served="finetuned", version=2,
    ),
    Stage(
        "voice", "benchmarks.voice", needs=("generate",),
        keys=("eval", "targets"),
        inputs=lambda run: [
            *run.row_files(), run.generations_dir, run.prefixes_dir, run.likelihood_dir, run.lm_eval_dir, PROFILES_DIR,
        ],
        outputs=lambda run: [run.voice_path],
        version=2,
    ),
    Stage(
        "pair", "benchmarks.pair", needs=("generate",),
        keys=("eval", "blind", "targets"),
        inputs=lambda run: [run.generations_dir, *run.row_files("train", "heldout")],
        outputs=lambda run: [run.pairs_path, run.key_path, run.targets_path],
    ),
    Stage(
        "judge", "benchmarks.judge", needs=("pair",),
        keys=("judges", "blind", "data.sources"),
        inputs=lambda run: [run.pairs_path, run.generations_path("baseline"), *run.row_files()],
        outputs=lambda run: [run.votes_path, run.qualification_path],
        version=2,
    ),
    Stage(
        "packet", "benchmarks.blind", needs=("pair",),
        keys=("blind",),
        inputs=lambda run: [run.pairs_path, run.key_path],
        outputs=lambda run: [run.packet_path],
    ),
    Stage(
        "verdict", "benchmarks.verdict", needs=("judge",),
        keys=("blind",),
        inputs=lambda run: [run.pairs_path, run.key_path, run.votes_path, run.qualification_path],
        outputs=lambda run: [run.verdict_path],
    ),
    Stage(
        "decide", "benchmarks.decide", needs=("voice", "verdict"),
        keys=("targets", "blind"),
        inputs=lambda run: [run.voice_path, run.verdict_path, run.votes_path, run.targets_path],
        outputs=lambda run: [run.decision_path],
    ),
    Stage(
        "report", "benchmarks.report", needs=("decide", "packet"),
        keys=("published",),
        inputs=lambda run: [
            run.decision_path, run.voice_path, run.verdict_path, run.qualification_path, run.stats_path,
            run.generations_dir,
            training_events.path_in(run.adapter_dir), run.tags_dir, run.preferred_dir,
        ],
        outputs=lambda run: [run.report_path, run.report_path.with_suffix(".md")],
        version=3,
    ),
)  # fmt: skip


def comparison(run: Run) -> list[Path]:
    """What `make checkpoints` found, where the user chose to merge its best."""
    chose_best = run.choice_path.exists() and run.choice_path.read_text(encoding="utf-8").strip() == "best"
    return [run.checkpoints_path] if chose_best else []


def parents_model(run: Run) -> list[Path]:
    """The merged model that a run starts from, where it comes after another."""
    recipe = recipes.load(run.name)
    return [REPO_DIR / str(recipe.axolotl["base_model"])] if recipe.after else []


def journey(target: str) -> list[Stage]:
    """The stages that lead to `target`, in order."""
    wanted = {target}
    for stage in reversed(STAGES):
        if stage.name in wanted:
            wanted |= set(stage.needs)
    return [stage for stage in STAGES if stage.name in wanted]
