"""Tasks of lm-evaluation-harness, put to an arm that is served: which questions it gets right, one by one.

An option, `eval.lm_eval.tasks` in a recipe. The harness (EleutherAI, MIT) lies in an environment of its own and asks
over HTTP, so it needs no PyTorch. The data of its own tasks comes from the hub; ours are in benchmarks/tasks.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from voicewright.core import environments, processes
from voicewright.core.documents.base import Document, read_document, read_documents, write_document
from voicewright.core.documents.generation import LmEvalResult, TaskScores
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import TASKS_DIR, Run, given_path
from voicewright.core.records import content_id, fingerprint, write_text
from voicewright.recipe.schema import Recipe
from voicewright.serving.endpoint import Endpoint

ENVIRONMENT = "lm_eval"


class HarnessResults(Document):
    """The harness's results_*.json, as far as it is read."""

    higher_is_better: dict[str, dict[str, bool]]
    """By task and metric."""


class HarnessSample(Document):
    """A row of the harness's samples_*.jsonl; each metric is a further field under its name."""

    doc_id: int
    filter: str
    metrics: list[str]

    def value(self, metric: str) -> object:
        return (self.model_extra or {}).get(metric)


def measure(recipe: Recipe, arm: str, endpoint: Endpoint) -> LmEvalResult | None:
    """Have lm_eval/<arm>.json on disk, where the recipe names tasks; what was asked of the same model stays.

    Returns None where it names none. Raises UserError where the harness cannot be installed or fails.
    """
    settings = recipe.eval.lm_eval
    path = Run(recipe.run).lm_eval_path(arm)
    if not settings.tasks:
        # From when the recipe had tasks; it would still count.
        path.unlink(missing_ok=True)
        return None
    pins = fingerprint(environments.requirements_path(ENVIRONMENT))
    identity = content_id([endpoint.model_hash, settings.model_dump(), fingerprint(TASKS_DIR), pins])
    result = read_document(path, LmEvalResult) if path.exists() else None
    if result is None or result.identity != identity:
        with tempfile.TemporaryDirectory() as folder:
            run_harness(recipe, arm, endpoint, Path(folder))
            result = LmEvalResult(arm=arm, identity=identity, tasks=read_scores(Path(folder)))
        write_document(path, result)
    for task, scores in result.tasks.items():
        values = list(scores.values.values())
        summary = f"{sum(values) / len(values):.3f} on {len(values)} questions" if values else scores.why
        print(f"{arm}: {task}: {scores.metric or 'not available'}, {summary}")
    return result


def run_harness(recipe: Recipe, arm: str, endpoint: Endpoint, folder: Path) -> None:
    """Run the harness, which writes its results and samples into `folder`."""
    run = Run(recipe.run)
    python = environments.python(ENVIRONMENT)
    config_path = folder / "config.yaml"
    write_text(config_path, yaml.safe_dump(arguments(recipe, endpoint, folder)))
    notice(f"{arm}: lm-evaluation-harness asks {', '.join(recipe.eval.lm_eval.tasks)}")
    log_path, record_path = run.logs_dir / f"lm_eval-{arm}.log", run.child_path(f"lm_eval-{arm}")
    processes.stop(record_path)  # one that outlived a killed launcher
    child = processes.start(
        [str(python), "-m", "lm_eval", "run", "--config", str(config_path)],
        log_path=log_path,
        record_path=record_path,
        env={
            **environments.environment_variables(ENVIRONMENT),
            "OPENAI_API_KEY": endpoint.client.settings.key() or "none",
        },
    )
    try:
        code = child.popen.wait()
    finally:
        processes.stop(record_path)
    if code:
        raise UserError(
            [f"{arm}: lm-evaluation-harness failed ({log_path}):", *processes.tail(log_path, 6)],
            hint=f'make generate RUN={run.name} SET="eval.lm_eval.tasks=[]" leaves it out; its own tasks need the hub, '
            "those in benchmarks/tasks do not",
        )


def arguments(recipe: Recipe, endpoint: Endpoint, folder: Path) -> dict[str, Any]:
    """The harness's configuration, in its own key names."""
    base = str(recipe.axolotl["base_model"])
    local = given_path(base)
    return {
        "model": "local-completions",
        "model_args": {
            "model": endpoint.model,
            "base_url": f"{endpoint.url}/completions",
            # Every arm's questions are cut into tokens alike.
            "tokenizer_backend": "huggingface",
            "tokenizer": str(local) if local.is_dir() else base,
            # A chat template brings its own.
            "add_bos_token": not recipe.eval.lm_eval.apply_chat_template,
            "max_length": endpoint.context or recipe.model.context,
            "num_concurrent": recipe.eval.concurrency,
            "max_retries": recipe.eval.max_retries + 1,
            "timeout": int(recipe.eval.timeout_s),
        },
        **recipe.eval.lm_eval.model_dump(),
        "include_path": str(TASKS_DIR),
        "output_path": str(folder),
        "log_samples": True,
        "seed": recipe.eval.seed,
    }


def read_scores(folder: Path) -> dict[str, TaskScores]:
    """By task: the metric, and its value for every question by the question's number.

    A task has the first of its metrics that is a number for each question and better when higher, under its first
    filter; one without such a metric says why.
    """
    [results_path] = folder.rglob("results_*.json")
    higher_is_better = read_document(results_path, HarnessResults).higher_is_better
    tasks = {}
    for path in sorted(folder.rglob("samples_*.jsonl")):
        task = path.stem.removeprefix("samples_").rpartition("_")[0]
        samples = list(read_documents(path, HarnessSample))
        metrics = [name for name in samples[0].metrics if higher_is_better[task].get(name)]
        metric = next((name for name in metrics if all(isinstance(s.value(name), int | float) for s in samples)), None)
        values = {
            str(sample.doc_id): float(str(sample.value(metric)))
            for sample in samples
            if metric and sample.filter == samples[0].filter
        }
        why = None if metric else "it has no metric that says of each question whether it was answered well"
        tasks[task] = TaskScores(metric=metric, values=values, why=why)
    return tasks
