"""Whether a model of cognitive modes answers each mode's prompt in that mode's tags.

Each held-out sample is cut before its answer and put to the arm a few times; an answer holds if it opens with the
mode's tag, closes it, and shows no tag of another mode before that. `benchmarks.generate` measures it with the rest and
writes tags/<arm>.json in the run's folder.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Sequence
from typing import Any

from voicewright.core.errors import UserError
from voicewright.core.modes import TAGS, is_sample, question
from voicewright.core.paths import Run
from voicewright.core.records import Row, content_id, read_json, read_rows, write_json
from voicewright.generation import prompts
from voicewright.recipe.schema import Recipe
from voicewright.serving import old_client as client
from voicewright.serving.endpoint import Endpoint
from voicewright.serving.old_client import Dead, Refused, Request
from voicewright.stats import intervals

SAMPLES = 4
ALL_TAGS = re.compile(rf"</?({'|'.join(tag for pair in TAGS.values() for tag in pair)})>")


def holds(answer: str, mode: str) -> bool:
    """Whether an answer opens with the mode's tag, closes it, and has no other mode's tag before that."""
    tag = TAGS[mode][1]
    found = re.match(rf"\s*<{tag}>(.*?)</{tag}>", answer, re.DOTALL)
    return found is not None and bool(found[1].strip()) and not ALL_TAGS.search(found[1])


def measured(rows: Sequence[Row], answers: Sequence[Sequence[str]]) -> dict[str, Any]:
    """By mode and for all: the share of answers that hold, with its interval over prompts."""
    shares = [sum(holds(answer, row["mode"]) for answer in each) / len(each)
              for row, each in zip(rows, answers, strict=True)]  # fmt: skip
    found: dict[str, Any] = {}
    for mode in (*TAGS, "all"):
        mine = [share for share, row in zip(shares, rows, strict=True) if mode in (row["mode"], "all")]
        found[mode] = intervals.clustered_rate(mine).to_json()
    return found


async def _answers(rows: Sequence[Row], endpoint: Endpoint, settings: Recipe) -> list[list[str]]:
    limits, patience = settings.eval, prompts.patience(settings.eval)
    room = math.ceil(limits.max_words * limits.tokens_per_word)
    gate = asyncio.Semaphore(limits.concurrency)
    async with client.connect(endpoint, patience) as connection:

        async def one(row: Row, sample: int) -> str:
            seed = int(content_id([limits.seed, row["id"], sample], 8), 16) % 2**31
            request = Request(question(row), None, room, seed, prompts.sampling(settings.model.sampling))
            async with gate:
                return (await client.ask(connection, endpoint, request, patience)).text

        each = [asyncio.gather(*(one(row, sample) for sample in range(SAMPLES))) for row in rows]
        return [list(answers) for answers in await asyncio.gather(*each)]


def measure(settings: Recipe, arm: str, endpoint: Endpoint) -> None:
    """Have tags/<arm>.json on disk, where the run's data has modes; a model that has answered is not asked again.

    Raises UserError where the endpoint stops answering.
    """
    run = Run(settings.run)
    held_out = run.rows_path("completion", "heldout")
    rows = [row for row in read_rows(held_out) if is_sample(row)] if held_out.exists() else []
    if not rows:
        return
    path = run.tags_path(arm)
    asked = [settings.eval.model_dump(), settings.model.sampling.model_dump(), SAMPLES, [row["id"] for row in rows]]
    identity = content_id([endpoint.model_hash, *asked])
    if not path.exists() or read_json(path).get("identity") != identity:
        try:
            answers = asyncio.run(_answers(rows, endpoint, settings))
        except (Dead, Refused) as error:
            raise UserError(
                f"{arm}: {endpoint.url} stopped answering in the modes' tags ({error})",
                hint="once the server is up again, the same command counts them anew",
            ) from None
        kept = [{"id": row["id"], "mode": row["mode"], "answers": each}
                for row, each in zip(rows, answers, strict=True)]  # fmt: skip
        write_json(path, {"arm": arm, "identity": identity, "held": measured(rows, answers), "answers": kept})
    for mode, figure in read_json(path)["held"].items():
        if figure["value"] is not None:
            print(f"{arm}, {mode}: tags held in {figure['value']:.0%} ({figure['low']:.0%} to {figure['high']:.0%}) "
                  f"of the answers to {figure['n_prompts']} prompts")  # fmt: skip
