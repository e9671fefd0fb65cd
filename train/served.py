"""Does the server say what was merged? The same tokens, asked of an endpoint, against the merged model in float32.

python -m train.served RUN [url=http://127.0.0.1:8002/v1]

Meant for a server in float32: python -m serve.during RUN arm=finetuned -- python -m train.served RUN
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from voicewright import command, recipe
from voicewright.errors import UserError, exits_cleanly
from voicewright.layout import Run
from voicewright.records import read_json

# Two engines in float32 differ by the order in which they add.
TOLERANCE_NATS = 0.005
TIMEOUT_S = 300.0


def ask(url: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """One request to an OpenAI-compatible server. Raises UserError where it does not answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{url}{path}", data, {"Content-Type": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.load(answer)
    except (urllib.error.URLError, TimeoutError) as error:
        raise UserError(f"{url}{path}: {error}", mend="make serve ARM=finetuned") from None


def log_probabilities(answer: dict[str, Any], ids: Sequence[int]) -> list[float]:
    """What a server gives to each token but the first, from vLLM's `prompt_logprobs`."""
    given = answer["choices"][0].get("prompt_logprobs")
    if not given:
        raise UserError("the server does not report log-probabilities of a prompt: only vLLM does")
    return [float(entry[str(token)]["logprob"]) for entry, token in zip(given[1:], ids[1:], strict=True)]


def difference(url: str, rows: Sequence[dict[str, Any]]) -> tuple[float, int]:
    """Mean absolute difference in nats a token, and the number of tokens."""
    model = ask(url, "/models")["data"][0]["id"]
    total, count = 0.0, 0
    for row in rows:
        body = {"model": model, "prompt": row["ids"], "max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        served = log_probabilities(ask(url, "/completions", body), row["ids"])
        total += sum(abs(a - b) for a, b in zip(served, row["log_probabilities"], strict=True))
        count += len(served)
    return total / count, count


@exits_cleanly
def main() -> None:
    name, options = command.parse(__doc__, {"url": None})
    run, wanted = Run(name), recipe.load(name)
    path = run.dir / "parity_tokens.json"
    if not path.exists():
        raise UserError(f"{path} is not there", mend=f"make merge RUN={name}")
    nats, count = difference((options["url"] or wanted.serve.url("finetuned")).rstrip("/"), read_json(path))
    print(f"served against merged: {nats:.5f} nats a token on {count} tokens")
    if nats > TOLERANCE_NATS:
        raise UserError(
            f"the server differs by {nats:.4f} nats a token (tolerance {TOLERANCE_NATS}, in float32)",
            mend='SET="vllm.dtype=float32"; if it still differs, the chat template, tokenizer or model is another',
        )


if __name__ == "__main__":
    main()
