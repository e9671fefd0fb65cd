"""The file of an arm's generations: what is done is kept, what no longer holds is dropped, the rest is asked."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import openai

from voicewright.core import modes
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run, home
from voicewright.core.records import Row, content_id, drop_torn_row, read_rows, write_rows
from voicewright.generation import openings
from voicewright.generation.prompts import Ask, sampling_of
from voicewright.serving import old_client as client
from voicewright.serving.endpoint import Endpoint
from voicewright.serving.old_client import Answer, Dead, Patience, Refused


def identity(ask: Ask, endpoint: Endpoint, max_words: int) -> str:
    """What a generation follows from: the weights, the request, the seed and the length it is cut to."""
    request = ask.request
    parts = [endpoint.model_hash, request.prompt, request.messages, request.sampling, request.max_tokens, request.seed]
    return content_id([*parts, max_words], 16)


def row(ask: Ask, endpoint: Endpoint, arm: str, max_words: int, answer: Answer | None, error: str | None) -> Row:
    """A generation as its file says it.

    `text` is without the tags of a mode, and cut to `max_words` words, so that all arms have one length.
    """
    said = answer.text if answer else ""
    text = openings.first_words(modes.bare(said) if ask.prompt.framed else said, max_words)
    return {
        "id": identity(ask, endpoint, max_words),
        "arm": arm,
        "prompt_id": ask.prompt.id,
        "domain": ask.prompt.domain,
        "set": ask.prompt.set,
        "sample": ask.sample,
        "seed": ask.request.seed,
        "before": ask.prompt.before,
        "prompt": ask.prompt.text,
        "text": text,
        "finish_reason": answer.finish_reason if answer else None,
        "completion_tokens": answer.completion_tokens if answer else None,
        "model": endpoint.model,
        "model_hash": endpoint.model_hash,
        "sampling": sampling_of(ask),
        "passages": ask.passages,
        "reference": ask.prompt.reference,
        "reference_source": ask.prompt.reference_source,
        "error": error,
    }


def begin(path: Path, wanted: dict[str, Ask], arm: str, endpoint: Endpoint, *, force: bool) -> list[str]:
    """Bring the file to what still holds; return the ids that are yet to be asked.

    Rows that no longer follow from the prompts, the settings or the model go, and so do failed ones. What another
    arm or run has already asked of the same model is taken over.
    """
    drop_torn_row(path)
    rows = list(read_rows(path)) if path.exists() else []
    kept = {} if force else {r["id"]: r for r in rows if r["id"] in wanted and not r["error"]}
    missing = set(wanted) - set(kept)
    found = {} if force or not missing else elsewhere(path, endpoint.model_hash, missing)
    for key, other in found.items():
        # The answer is the same; whose prompt it is, and under which arm and name, is said anew.
        ask = wanted[key]
        ours = row(ask, endpoint, arm, 0, None, None)
        answer = {name: other[name] for name in ("id", "text", "finish_reason", "completion_tokens", "error")}
        kept[key] = {**ours, **answer}
    if list(kept.values()) != rows:
        write_rows(path, kept.values())
    return [key for key in wanted if key not in kept]


def elsewhere(path: Path, model_hash: str, ids: set[str]) -> dict[str, Row]:
    """Finished generations with these ids in other arms' and runs' files."""
    found: dict[str, Row] = {}
    for other in sorted((home() / "runs").glob(f"*/{path.parent.name}/*.jsonl")):
        if other == path:
            continue
        with other.open(encoding="utf-8") as file:
            # Most files are of other models: look before parsing.
            lines = [line for line in file if model_hash in line and line.endswith("\n")]
        if lines:
            found |= {r["id"]: r for r in read_rows(other) if r.get("id") in ids and not r.get("error")}
    return found


async def ask_all(
    path: Path,
    wanted: dict[str, Ask],
    ids: list[str],
    endpoint: Endpoint,
    arm: str,
    *,
    max_words: int,
    concurrency: int,
    patience: Patience,
    progress: Callable[[Row], None],
) -> None:
    """Ask what is missing, `concurrency` at a time, and append each answer as it comes.

    A request that the endpoint refuses is kept with its error. Raises UserError when the endpoint is dead.
    """

    async def one(connection: openai.AsyncOpenAI, key: str) -> Row:
        answer, error = None, None
        try:
            answer = await client.ask(connection, endpoint, wanted[key].request, patience)
        except Refused as refusal:
            error = str(refusal)
        return row(wanted[key], endpoint, arm, max_words, answer, error)

    try:
        await client.append_each(path, ids, one, endpoint, patience, concurrency=concurrency, progress=progress)
    except Dead as dead:
        done = sum(1 for r in read_rows(path) if not r["error"])
        raise UserError(
            [
                f"{arm}: {endpoint.url} stopped answering ({dead})",
                f"{done} of {len(wanted)} generations are kept in {path}",
            ],
            hint="once the server is up again, the same command goes on from there",
        ) from None


def finish(path: Path, wanted: dict[str, Ask], arm: str) -> list[Row]:
    """Put the file into the order of the prompts, so that equal content is an equal file; return its rows.

    Raises UserError when every request was refused: that is no result, but a mistake.
    """
    by_id = {r["id"]: r for r in read_rows(path)} if path.exists() else {}
    rows = [by_id[key] for key in wanted if key in by_id]
    if rows and all(r["error"] for r in rows):
        raise UserError(f"{arm}: the endpoint refused every request: {rows[0]['error']}")
    write_rows(path, rows)
    return rows


@contextmanager
def only_writer(run: Run, arm: str) -> Iterator[None]:
    """Wait until no other process writes this arm's files (one may have outlived a killed launcher)."""
    lock_path = run.dir / "children" / f"generate-{arm}.lock"
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    with lock_path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            notice(f"{arm}: another command is generating it already; waiting for that one")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
