"""Does the server say what was merged? The same tokens, asked of an endpoint, against the merged model in float32.

python -m train.served RUN [url=http://127.0.0.1:8002/v1]     without url the merged model is served meanwhile

A server that computes in float32 must agree; one in 16 bits rounds, so its difference is told and not judged.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any

from voicewright.cli import arguments
from voicewright.core import processes
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import read_json
from voicewright.pipeline.stages import while_served
from voicewright.recipe import recipes

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
        raise UserError(f"{url}{path}: {error}", hint="make parity serves it meanwhile") from None


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
    name, options = arguments.parse(__doc__, {"url": None})
    run, wanted = Run(name), recipes.load(name)
    path = run.dir / "parity_tokens.json"
    if not path.exists():
        raise UserError(f"{path} is not there", hint=f"make merge RUN={name}")
    if options["url"] is None:
        words = ["train.served", name, f"url={wanted.serve.url('finetuned')}"]
        sys.exit(processes.run(while_served(run, "finetuned", words), cwd=REPO_DIR).code)
    nats, count = difference(options["url"].rstrip("/"), read_json(path))
    exact = wanted.vllm.get("dtype") == "float32"
    judged = "" if exact else "; not judged, the server rounds to 16 bits (vllm.dtype: float32 in the recipe does not)"
    print(f"served against merged: {nats:.5f} nats a token on {count} tokens{judged}")
    if exact and not nats <= TOLERANCE_NATS:
        raise UserError(
            f"the server differs by {nats:.4f} nats a token (tolerance {TOLERANCE_NATS}, in float32): its tokenizer or "
            "its model is another",
            hint=f"make stop RUN={name}, and again",
        )


if __name__ == "__main__":
    main()
