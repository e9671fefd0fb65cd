"""The file of an arm's generations: rows that still hold stay, outdated ones go, the rest is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import filelock

from voicewright.core.documents.base import parse_line, read_documents, write_documents
from voicewright.core.documents.generation import Generation
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run, home
from voicewright.core.records import content_id, drop_torn_row
from voicewright.core.rows import without_mode_tags
from voicewright.core.text import first_words
from voicewright.generation.prompts import GenerationRequest
from voicewright.serving.client import Answer, Failure, Outcome, Request
from voicewright.serving.endpoint import Endpoint

Requests = Mapping[str, GenerationRequest]
"""What an arm is asked, by the id of the generation, in the order of the prompts."""


def identity(request: Request, endpoint: Endpoint, max_words: int) -> str:
    """What a generation follows from: the weights, the request, the seed and the length it is cut to."""
    messages = None if request.messages is None else [message.to_json() for message in request.messages]
    parts = [endpoint.model_hash, request.prompt, messages, request.sampling, request.max_tokens, request.seed]
    return content_id([*parts, max_words], 16)


def by_id(requests: list[GenerationRequest], endpoint: Endpoint, max_words: int) -> dict[str, GenerationRequest]:
    """The requests by the identity of their generations."""
    ids = [identity(each.request, endpoint, max_words) for each in requests]
    return {key: replace(each, request=replace(each.request, id=key)) for key, each in zip(ids, requests, strict=True)}


def generation(asked: GenerationRequest, endpoint: Endpoint, arm: str, max_words: int, outcome: Outcome) -> Generation:
    """The row of an outcome.

    `text` is without the tags of a mode, and cut to `max_words` words, so that all arms have one length.
    """
    answer = outcome if isinstance(outcome, Answer) else None
    text = answer.text if answer else ""
    return Generation(
        id=asked.request.id,
        arm=arm,
        prompt_id=asked.prompt.id,
        domain=asked.prompt.domain,
        set=asked.prompt.set,
        sample=asked.sample,
        seed=asked.request.seed,
        before=asked.prompt.before,
        prompt=asked.prompt.text,
        text=first_words(without_mode_tags(text) if asked.prompt.framed else text, max_words),
        finish_reason=answer.finish_reason if answer else None,
        completion_tokens=answer.completion_tokens if answer else None,
        model=endpoint.model,
        model_hash=endpoint.model_hash,
        sampling=asked.drawn_with,
        passages=asked.passages,
        reference=asked.prompt.reference,
        reference_source=asked.prompt.reference_source,
        error=outcome.reason if isinstance(outcome, Failure) else None,
    )


def keep_valid(path: Path, requests: Requests, arm: str, endpoint: Endpoint, *, force: bool) -> int:
    """Bring the file to what still holds; return how many generations are yet to be asked.

    Rows that no longer follow from the prompts, the settings or the model go, and so do failed ones. What another
    arm or run has already asked of the same model is taken over.
    """
    drop_torn_row(path)
    rows = list(read_documents(path, Generation)) if path.exists() else []
    valid = {} if force else {row.id: row for row in rows if row.id in requests and not row.error}
    missing = set(requests) - set(valid)
    for key, other in ({} if force or not missing else elsewhere(path, endpoint.model_hash, missing)).items():
        # The answer is the same; whose prompt it is, and under which arm and name, is this arm's.
        ours = generation(requests[key], endpoint, arm, 0, Failure("unscored", ""))
        answer = {name: getattr(other, name) for name in ("text", "finish_reason", "completion_tokens", "error")}
        valid[key] = ours.model_copy(update=answer)
    if list(valid.values()) != rows:
        write_documents(path, valid.values())
    return len(requests) - len(valid)


def elsewhere(path: Path, model_hash: str, ids: set[str]) -> dict[str, Generation]:
    """Finished generations with these ids in other arms' and runs' files."""
    rows: dict[str, Generation] = {}
    for other in sorted((home() / "runs").glob(f"*/{path.parent.name}/*.jsonl")):
        if other == path:
            continue
        with other.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                # Most files are of other models: look before parsing.
                if model_hash in line and line.endswith("\n"):
                    row = parse_line(Generation, line, f"{other}:{number}")
                    if row.id in ids and not row.error:
                        rows[row.id] = row
    return rows


def ask(
    path: Path,
    requests: Requests,
    endpoint: Endpoint,
    arm: str,
    *,
    max_words: int,
    progress: Callable[[Generation], None],
) -> None:
    """Ask what the file does not hold yet, and append each answer as it comes.

    A request that the endpoint refuses has a row with its error. Raises UserError when the endpoint stops answering.
    """

    def row(request: Request, outcome: Outcome) -> Generation:
        if isinstance(outcome, Failure) and outcome.kind != "refused":
            done = sum(1 for each in read_documents(path, Generation) if not each.error)
            raise UserError(
                [
                    f"{arm}: {endpoint.url} stopped answering ({outcome.reason})",
                    f"{done} of {len(requests)} generations are kept in {path}",
                ],
                hint="once the server is up again, the same command goes on from there",
            )
        return generation(requests[request.id], endpoint, arm, max_words, outcome)

    endpoint.client.ask_all(
        [each.request for each in requests.values()],
        append_to=path, model=Generation, key=lambda row: row.id, row=row, progress=progress,
    )  # fmt: skip


def finish(path: Path, requests: Requests, arm: str) -> list[Generation]:
    """Put the file into the order of the prompts, so that equal content is an equal file; return its rows.

    Raises UserError when every request was refused: that is no result, but a mistake.
    """
    by_id = {row.id: row for row in read_documents(path, Generation)} if path.exists() else {}
    rows = [by_id[key] for key in requests if key in by_id]
    if rows and all(row.error for row in rows):
        raise UserError(f"{arm}: the endpoint refused every request: {rows[0].error}")
    write_documents(path, rows)
    return rows


@contextmanager
def only_writer(run: Run, arm: str) -> Iterator[None]:
    """Wait until no other process writes this arm's files (one may have outlived a killed launcher)."""
    lock_path = run.children_dir / f"generate-{arm}.lock"
    lock_path.parent.mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(lock_path)
    try:
        lock.acquire(blocking=False)
    except filelock.Timeout:
        notice(f"{arm}: another command is generating it already; waiting for that one")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
