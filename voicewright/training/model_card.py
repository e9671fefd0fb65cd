"""What goes with a merged model: model_card.md, and a Modelfile for Ollama."""

from __future__ import annotations

from pathlib import Path

import yaml

from voicewright.core.documents.base import read_document
from voicewright.core.documents.stats import SplitStats, Stats
from voicewright.core.documents.training import Parity
from voicewright.core.paths import Run
from voicewright.core.records import write_text
from voicewright.core.rows import PromptFormat, read_prompt_format
from voicewright.recipe.schema import Recipe
from voicewright.training import memory
from voicewright.training.checkpoints import Checkpoint

SETTINGS = (
    "adapter", "lora_r", "lora_alpha", "lora_dropout", "load_in_4bit", "rl", "rl_beta", "sequence_len",
    "sample_packing", "num_epochs", "max_steps", "micro_batch_size", "gradient_accumulation_steps", "learning_rate",
    "lr_scheduler", "optimizer", "bf16", "fp16", "seed",
)  # fmt: skip
# Ollama reserves memory for the whole context.
MAX_OLLAMA_CONTEXT = 8192


def write(folder: Path, recipe: Recipe, base: str, checkpoint: Checkpoint, parity: Parity | None) -> None:
    """Write both files beside the merged weights. `parity`: None where every weight was trained."""
    prompt_format = read_prompt_format(Run(recipe.run).stats_path)
    write_text(folder / "model_card.md", model_card(recipe, base, checkpoint, parity, prompt_format))
    write_text(folder / "Modelfile", modelfile(recipe, prompt_format))


def model_card(
    recipe: Recipe, base: str, checkpoint: Checkpoint, parity: Parity | None, prompt_format: PromptFormat
) -> str:
    """The card: the data, the training, the parity with what was trained, how to prompt it, and its limits."""
    head = {
        "base_model": base,
        "license": recipe.model.license,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["voicewright", "axolotl", recipe.method],
    }
    eval_loss = "not evaluated" if checkpoint.eval_loss is None else f"{checkpoint.eval_loss:.4f}"
    lines = [
        "---", yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip(), "---", "",
        f"# {recipe.run}", "",
        f"{recipe.model.name} ({memory.download_gb(recipe):.1f} GB in 16 bits) fine-tuned to a writer's voice by "
        f"{recipe.method}, recipe `{recipe.recipe}`, step {checkpoint.step}.", "",
        "## Data", "", *_data(recipe), "",
        "## Training", "", "| | |", "|---|---|",
        *(f"| {key} | {recipe.axolotl[key]} |" for key in SETTINGS if recipe.axolotl.get(key) is not None),
        f"| validation loss | {eval_loss} |", "",
        "## Parity with what was trained", "", *_parity(parity), "",
        "## How to prompt it", "", *_prompting(recipe, prompt_format), "",
        "## Limits", "",
        f"- It keeps the license of its base, {recipe.model.license}, and the errors of its base.",
        "- It writes in one writer's manner. It may repeat passages of its training text: see the report on copying.",
        "- Whether it is close enough to the voice is answered by the run's report, not by this card.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _data(recipe: Recipe) -> list[str]:
    names = ", ".join(f"{name} ({source.shape})" for name, source in recipe.data.sources.items())
    stats = read_document(Run(recipe.run).stats_path, Stats)
    rows: dict[str, SplitStats] = dict(stats.splits)
    if synthetic := stats.synthetic:
        rows[f"train: synthetic, by {synthetic.by}"] = synthetic
    return [
        f"Sources: {names}.", "", "| split | rows | words | tokens |", "|---|---|---|---|",
        *(f"| {name} | {split.rows:,} | {split.words:,} | {split.tokens:,} |" for name, split in rows.items()),
    ]  # fmt: skip


def _parity(parity: Parity | None) -> list[str]:
    if parity is None:
        return ["Every weight was trained, so the checkpoint is the model; nothing was merged."]
    compared = (
        f"Merged weights were compared with base plus adapter, tensor by tensor ({parity.tensors}): the worst differs "
        f"by {parity.worst_relative:.2%}. On {parity.tokens:,} validation tokens the log-probabilities differ by "
        f"{parity.mean_abs_nats:.4f} nats on average, where training moved the base by "
        f"{parity.adapter_moved_nats:.4f}."
    )
    if parity.unquantised_gap_nats is None:
        return [compared]
    return [
        compared, "",
        "It was trained beside the base in 4 bits, and holds the base as those rounded it. The adapter on the base "
        f"before 4 bits would differ from it by {parity.unquantised_gap_nats:.4f} nats a token.",
    ]  # fmt: skip


def _prompting(recipe: Recipe, prompt_format: PromptFormat) -> list[str]:
    sampling = recipe.model.sampling
    how = "with messages in its chat template" if prompt_format.is_chat else "with raw text, which it continues"
    lines = [f"Prompt it {how}; temperature {sampling.temperature}, top_p {sampling.top_p}."]
    if prompt_format.system:
        lines += ["", f"System prompt it was trained with: {prompt_format.system}"]
    return lines


def modelfile(recipe: Recipe, prompt_format: PromptFormat) -> str:
    """For `ollama create NAME -f Modelfile`, which converts the safetensors of this folder."""
    sampling = recipe.model.sampling
    lines = [f"# ollama create {recipe.run.lower()} -f Modelfile", "FROM ."]
    if not prompt_format.is_chat:
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    if prompt_format.system:
        system = prompt_format.system.replace('"""', "'''")
        lines.append(f'SYSTEM """{system}"""')
    parameters = {
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k,
        "repeat_penalty": sampling.repetition_penalty, "num_ctx": min(recipe.model.context, MAX_OLLAMA_CONTEXT),
    }  # fmt: skip
    lines += [f"PARAMETER {key} {value}" for key, value in parameters.items() if value is not None]
    return "\n".join(lines) + "\n"
