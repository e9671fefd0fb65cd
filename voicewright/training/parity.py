"""Whether a merged model is the one that was trained, and whether a server computes what it computes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, islice
from pathlib import Path

from voicewright.core.documents.base import parse, read_documents
from voicewright.core.documents.endpoint import Completion
from voicewright.core.documents.training import Parity, ScoredText
from voicewright.core.errors import UserError
from voicewright.core.paths import Run
from voicewright.core.records import dumps, read_json, write_text
from voicewright.core.rows import TrainingRow
from voicewright.recipe import recipes
from voicewright.serving.client import Answer, Client, ClientSettings, Failure, Request
from voicewright.training import axolotl_scripts

PARITY_ROWS = 8
# Rounding to bf16 and NF4's double quantisation leave 0.5% on a tensor and 0.006 nats on a token (measured on the
# tiny base); one tensor scaled by 1.05 shows as 5%.
TENSOR_TOLERANCE = 0.02
TOLERANCE_NATS = 0.02
# Two engines in float32 differ by the order in which they add.
SERVED_TOLERANCE_NATS = 0.005
SERVED_TIMEOUT_S = 300.0


def parity_texts(run: Run) -> list[str]:
    """The author's words in the first validation rows: what judges and profiles read."""
    rows = chain.from_iterable(read_documents(path, TrainingRow) for path in run.row_files("val"))
    return list(islice((row.author_text for row in rows if row.author_text), PARITY_ROWS))


def compare_with_adapter(run: Run, base: str, checkpoint_dir: Path, merged_dir: Path, *, four_bit: bool) -> Parity:
    """Compare a merged model with base plus adapter, see axolotl_env/parity.py; writes parity_tokens.json."""
    answer = axolotl_scripts.run_script(
        "parity.py",
        {
            "base": base,
            "adapter": str(checkpoint_dir),
            "merged": str(merged_dir),
            "four_bit": four_bit,
            "texts": list(parity_texts(run)),
        },
        task="comparing the merged model with base plus adapter",
        log_path=run.logs_dir / "merge.log",
    )
    texts = [parse(ScoredText, text, "parity.py") for text in answer["texts"]]
    write_text(run.parity_tokens_path, dumps([text.to_json() for text in texts]))
    return parse(Parity, answer["parity"], "parity.py")


def check(parity: Parity, run: Run) -> None:
    """Raise UserError if the merged model is not the one that was trained."""
    problems = []
    if not parity.worst_relative <= TENSOR_TOLERANCE:
        problems.append(
            f"{parity.worst_tensor} differs by {parity.worst_relative:.1%} from base plus adapter "
            f"(tolerance {TENSOR_TOLERANCE:.0%})"
        )
    if not parity.mean_abs_nats <= TOLERANCE_NATS:
        problems.append(
            f"log-probabilities differ by {parity.mean_abs_nats:.4f} nats a token on average "
            f"(tolerance {TOLERANCE_NATS}; the adapter itself moved the base by {parity.adapter_moved_nats:.4f})"
        )
    if problems:
        hint = f"make merge RUN={run.name} FORCE=merge"
        raise UserError(["the merged model is not the one that was trained:", *problems], hint=hint)


# --- the served model


def check_served(run: Run, url: str) -> None:
    """Compare what a server computes with the merged model in float32, and print it.

    A server that computes in float32 must agree; one in 16 bits rounds, so its difference is printed and not checked.
    Raises UserError if it differs by more than SERVED_TOLERANCE_NATS.
    """
    if not run.parity_tokens_path.exists():
        raise UserError(f"{run.parity_tokens_path} does not exist", hint=f"make merge RUN={run.name}")
    entries = read_json(run.parity_tokens_path)
    texts = [parse(ScoredText, entry, f"{run.parity_tokens_path}: entry {n}") for n, entry in enumerate(entries)]
    nats, tokens = served_difference(url, texts)
    is_exact = recipes.load(run.name).vllm.get("dtype") == "float32"
    note = "" if is_exact else "; not checked, the server rounds to 16 bits (vllm.dtype=float32 does not)"
    print(f"served against merged: {nats:.5f} nats a token on {tokens} tokens{note}")
    if is_exact and not nats <= SERVED_TOLERANCE_NATS:
        raise UserError(
            f"the server differs by {nats:.4f} nats a token (tolerance {SERVED_TOLERANCE_NATS}, in float32): it loaded "
            "another tokenizer or another model",
            hint=f"make stop RUN={run.name}, then make parity RUN={run.name}",
        )


def served_difference(url: str, texts: Sequence[ScoredText]) -> tuple[float, int]:
    """Mean absolute difference in nats a token between a server and the merged model, and the number of tokens."""
    total, count = 0.0, 0
    with Client(ClientSettings(url, timeout_s=SERVED_TIMEOUT_S)) as client:
        models = client.models()
        if isinstance(models, Failure) or not models:
            reason = models.reason if isinstance(models, Failure) else "it lists no model"
            raise UserError(f"{url}: {reason}", hint="leave URL out: the command then starts the server itself")
        for text in texts:
            sampling = {"temperature": 0, "prompt_logprobs": 0}
            answer = client.ask(Request(models[0].id, max_tokens=1, prompt=text.ids, sampling=sampling))
            if not isinstance(answer, Answer):
                raise UserError(f"{url}: {answer.reason}")
            served = prompt_log_probabilities(answer.completion, text.ids)
            total += sum(abs(a - b) for a, b in zip(served, text.log_probabilities, strict=True))
            count += len(served)
    return total / count, count


def prompt_log_probabilities(completion: Completion, ids: Sequence[int]) -> list[float]:
    """What a server gives to each token but the first. Raises UserError for a server that is not vLLM."""
    entries = completion.choices[0].prompt_logprobs
    scored = list(zip((entries or [])[1:], ids[1:], strict=False))
    if len(scored) != len(ids) - 1 or any(entry is None or str(token) not in entry for entry, token in scored):
        raise UserError("the server does not report log-probabilities of a prompt: only vLLM does")
    return [entry[str(token)].logprob for entry, token in scored if entry is not None]
