"""What goes with a merged model: model_card.md, and a Modelfile for Ollama."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from voicewright.core.paths import Run
from voicewright.core.records import read_json, write_text
from voicewright.recipe.schema import Recipe
from voicewright.training import checkpoints, memory

SETTINGS = (
    "adapter", "lora_r", "lora_alpha", "lora_dropout", "load_in_4bit", "rl", "rl_beta", "sequence_len",
    "sample_packing", "num_epochs", "max_steps", "micro_batch_size", "gradient_accumulation_steps", "learning_rate",
    "lr_scheduler", "optimizer", "bf16", "fp16", "seed",
)  # fmt: skip


def model_card(wanted: Recipe, base: str, checkpoint: checkpoints.Checkpoint, parity: dict[str, Any]) -> str:
    """The card: what it was made from, how, how far it is what was trained, and what it is not for."""
    head = {
        "base_model": base,
        "license": wanted.model.licence,
        "library_name": "transformers",
        "pipeline_tag": "text-generation",
        "tags": ["voicewright", "axolotl", wanted.method],
    }
    evaluated = "not evaluated" if checkpoint.eval_loss is None else f"{checkpoint.eval_loss:.4f}"
    lines = [
        "---", yaml.safe_dump(head, sort_keys=False, allow_unicode=True).strip(), "---", "",
        f"# {wanted.run}", "",
        f"{wanted.model.name} ({memory.download_gb(wanted):.1f} GB in 16 bits) fine-tuned to a writer's voice by "
        f"{wanted.method}, recipe `{wanted.recipe}`, step {checkpoint.step}.", "",
        "## Data", "", *_data(wanted), "",
        "## Training", "", "| | |", "|---|---|",
        *(f"| {key} | {wanted.axolotl[key]} |" for key in SETTINGS if wanted.axolotl.get(key) is not None),
        f"| validation loss | {evaluated} |", "",
        "## Is it what was trained?", "", *_parity(parity), "",
        "## How to ask it", "", *_asking(wanted), "",
        "## Limits", "",
        f"- It keeps the licence of its base, {wanted.model.licence}, and what its base gets wrong.",
        "- It writes in one writer's manner. It may repeat passages that it was trained on: see the report on copying.",
        "- Whether it is close enough to the voice is a question for the run's report, not for this card.", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _data(wanted: Recipe) -> list[str]:
    path = Run(wanted.run).stats_path
    names = ", ".join(f"{name} ({source.shape})" for name, source in wanted.data.sources.items())
    if not path.exists():
        return [f"Sources: {names}."]
    told = read_json(path)
    rows = dict(told["splits"])
    if made := told.get("synthetic"):
        rows[f"train: synthetic, by {made['by']}"] = made
    return [
        f"Sources: {names}.", "", "| split | rows | words | tokens |", "|---|---|---|---|",
        *(f"| {name} | {s['rows']:,} | {s['words']:,} | {s['tokens']:,} |" for name, s in rows.items()),
    ]  # fmt: skip


def _parity(figures: dict[str, Any]) -> list[str]:
    if not figures:
        return ["Every weight was trained, so the checkpoint is the model; nothing was merged."]
    said = (
        f"Merged weights were compared with base plus adapter, tensor by tensor ({figures['tensors']}): the worst "
        f"differs by {figures['worst_relative']:.2%}. On {figures['tokens']:,} validation tokens the log-probabilities "
        f"differ by {figures['mean_abs_nats']:.4f} nats on average, where training moved the base by "
        f"{figures['adapter_moved_nats']:.4f}."
    )
    if (gap := figures["unquantised_gap_nats"]) is None:
        return [said]
    return [
        said, "",
        f"It was trained beside the base in 4 bits, and holds the base as those rounded it. The adapter on the base "
        f"before 4 bits would differ from it by {gap:.4f} nats a token.",
    ]  # fmt: skip


def prompt_format(wanted: Recipe) -> dict[str, Any]:
    """How prepare says that a prompt must be put; raw where nothing was prepared."""
    path = Run(wanted.run).stats_path
    return dict(read_json(path).get("format") or {}) if path.exists() else {"prompt": "raw"}


def _asking(wanted: Recipe) -> list[str]:
    how, sampling = prompt_format(wanted), wanted.model.sampling
    kind = "in its chat template" if how.get("prompt") == "chat" else "with raw text, which it goes on writing"
    lines = [f"Ask it {kind}; temperature {sampling.temperature}, top_p {sampling.top_p}."]
    if how.get("system"):
        lines += ["", f"System prompt it was trained with: {how['system']}"]
    return lines


def modelfile(wanted: Recipe) -> str:
    """For `ollama create NAME -f Modelfile`, which converts the safetensors of this folder."""
    how, sampling = prompt_format(wanted), wanted.model.sampling
    lines = [f"# ollama create {wanted.run.lower()} -f Modelfile", "FROM ."]
    if how.get("prompt") != "chat":
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    if how.get("system"):
        said = str(how["system"]).replace('"""', "'''")
        lines.append(f'SYSTEM """{said}"""')
    parameters = {
        "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k,
        "repeat_penalty": sampling.repetition_penalty, "num_ctx": min(wanted.model.context, 8192),
    }  # fmt: skip
    lines += [f"PARAMETER {key} {value}" for key, value in parameters.items() if value is not None]
    return "\n".join(lines) + "\n"


def write(folder: Path, wanted: Recipe, base: str, checkpoint: checkpoints.Checkpoint, parity: dict[str, Any]) -> None:
    """Put both beside the merged weights."""
    write_text(folder / "model_card.md", model_card(wanted, base, checkpoint, parity))
    write_text(folder / "Modelfile", modelfile(wanted))
