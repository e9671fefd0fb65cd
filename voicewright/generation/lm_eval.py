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
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import REPO_DIR, TASKS_DIR, Run
from voicewright.core.records import Row, content_id, fingerprint, read_json, read_rows, write_json, write_text
from voicewright.recipe.schema import Recipe
from voicewright.serving import endpoint as served
from voicewright.serving.endpoint import Endpoint

ENVIRONMENT = "lm_eval"


def measure(settings: Recipe, arm: str, endpoint: Endpoint) -> None:
    """Have lm_eval/<arm>.json on disk, where the recipe names tasks; what was asked of the same model stays.

    Raises UserError where the harness cannot be installed or fails.
    """
    wanted = settings.eval.lm_eval
    path = Run(settings.run).lm_eval_path(arm)
    if not wanted.tasks:
        # Left from when the recipe had tasks, it would still count.
        path.unlink(missing_ok=True)
        return
    pins = fingerprint(environments.requirements_path(ENVIRONMENT))
    identity = content_id([endpoint.model_hash, wanted.model_dump(), fingerprint(TASKS_DIR), pins])
    if not path.exists() or read_json(path)["identity"] != identity:
        with tempfile.TemporaryDirectory() as folder:
            ask(settings, arm, endpoint, Path(folder))
            write_json(path, {"arm": arm, "identity": identity, "tasks": read(Path(folder))})
    for task, found in read_json(path)["tasks"].items():
        values = list(found["values"].values())
        said = f"{sum(values) / len(values):.3f} on {len(values)} questions" if values else found["why"]
        print(f"{arm}: {task}: {found['metric'] or 'not available'}, {said}")


def ask(settings: Recipe, arm: str, endpoint: Endpoint, folder: Path) -> None:
    """Run the harness, which writes what it finds into `folder`."""
    run, limits = Run(settings.run), settings.eval
    python = environments.python(ENVIRONMENT)
    config = folder / "config.yaml"
    write_text(config, yaml.safe_dump(arguments(settings, endpoint, folder)))
    notice(f"{arm}: lm-evaluation-harness asks {', '.join(limits.lm_eval.tasks)}")
    log_path, record_path = run.logs_dir / f"lm_eval-{arm}.log", run.child_path(f"lm_eval-{arm}")
    processes.stop(record_path)  # one that outlived a killed launcher
    child = processes.start(
        [str(python), "-m", "lm_eval", "run", "--config", str(config)],
        log_path=log_path,
        record_path=record_path,
        env={**environments.environment_variables(ENVIRONMENT), "OPENAI_API_KEY": served.key()},
    )
    try:
        code = child.popen.wait()
    finally:
        processes.stop(record_path)
    if code:
        raise UserError(
            [f"{arm}: lm-evaluation-harness failed ({log_path}):", *processes.tail(log_path, 6)],
            hint="eval.lm_eval.tasks=[] leaves it out; its own tasks need the hub, those in benchmarks/tasks do not",
        )


def arguments(settings: Recipe, endpoint: Endpoint, folder: Path) -> dict[str, Any]:
    """The harness's configuration, in its own key names."""
    limits = settings.eval
    base = str(settings.axolotl["base_model"])
    local = REPO_DIR / Path(base).expanduser()
    return {
        "model": "local-completions",
        "model_args": {
            "model": endpoint.model,
            "base_url": f"{endpoint.url}/completions",
            # Every arm's questions are cut into tokens alike.
            "tokenizer_backend": "huggingface",
            "tokenizer": str(local) if local.is_dir() else base,
            # A chat template brings its own.
            "add_bos_token": not limits.lm_eval.apply_chat_template,
            "max_length": endpoint.context or settings.model.context,
            "num_concurrent": limits.concurrency,
            "max_retries": limits.attempts,
            "timeout": int(limits.timeout_s),
        },
        **limits.lm_eval.model_dump(),
        "include_path": str(TASKS_DIR),
        "output_path": str(folder),
        "log_samples": True,
        "seed": limits.seed,
    }


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """By task: the metric, and its value for every question by the question's number.

    A task has the first of its metrics that is a number for each question and better when higher, under its first
    filter; one without such a metric says why.
    """
    [results] = folder.rglob("results_*.json")
    better = read_json(results)["higher_is_better"]
    found = {}
    for path in sorted(folder.rglob("samples_*.jsonl")):
        task = path.stem.removeprefix("samples_").rpartition("_")[0]
        rows = list(read_rows(path))
        metric = next((name for name in rows[0]["metrics"] if better[task].get(name) and _numbers(rows, name)), None)
        values = {str(r["doc_id"]): float(r[metric]) for r in rows if metric and r["filter"] == rows[0]["filter"]}
        why = None if metric else "it has no metric that says of each question whether it was answered well"
        found[task] = {"metric": metric, "values": values, "why": why}
    return found


def _numbers(rows: list[Row], metric: str) -> bool:
    return all(isinstance(row.get(metric), int | float) for row in rows)
