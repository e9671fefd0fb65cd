"""The parity of a merged model with what was trained, and of a server with the merged model."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.training.engine import write_stats
from voicewright.core.documents.endpoint import Completion, ServedModel
from voicewright.core.documents.training import Parity, ScoredText
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR, Run
from voicewright.core.records import write_json, write_rows
from voicewright.judging import panel
from voicewright.metrics.samples import read_author_texts
from voicewright.recipe import recipes
from voicewright.serving.client import Answer, Client
from voicewright.serving.endpoints import while_served
from voicewright.training import parity

GOOD: dict[str, Any] = {
    "tensors": 56,
    "worst_relative": 0.005,
    "worst_tensor": "a",
    "tokens": 100,
    "mean_abs_nats": 0.006,
    "adapter_moved_nats": 0.3,
}


def test_a_merge_within_rounding_passes() -> None:
    parity.check(Parity.model_validate(GOOD), Run("r"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"worst_relative": 0.05},
        {"mean_abs_nats": 0.1},
        {"worst_relative": float("nan")},
        {"mean_abs_nats": float("nan")},
    ],
)
def test_a_merge_that_differs_is_refused_with_the_figures(wrong: dict[str, float]) -> None:
    with pytest.raises(UserError, match="not the one that was trained"):
        parity.check(Parity.model_validate(GOOD | wrong), Run("r"))


def test_a_server_that_computes_something_else_is_found_out_by_the_same_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = [None, {"7": {"logprob": -1.0}}, {"9": {"logprob": -2.5}}]
    completion = Completion.model_validate({"choices": [{"text": "", "prompt_logprobs": entries}]})
    monkeypatch.setattr(Client, "models", lambda self: [ServedModel(id="m")])
    monkeypatch.setattr(Client, "ask", lambda self, request: Answer("", completion))
    text = ScoredText(ids=[5, 7, 9], log_probabilities=[-1.0, -2.0])
    assert parity.served_difference("http://x", [text]) == (0.25, 2)


@pytest.mark.parametrize(("dtype", "refused"), [("float32", True), ("auto", False)])
def test_only_a_server_that_does_not_round_is_checked(
    dtype: str, refused: bool, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipes.load("demo", ["hardware=gpu_24gb", f"vllm.dtype={dtype}"], run="test")
    write_json(Run("test").parity_tokens_path, [])
    monkeypatch.setattr(parity, "served_difference", lambda url, texts: (0.02, 100))
    if refused:
        with pytest.raises(UserError, match="another tokenizer or another model"):
            parity.check_served(Run("test"), "http://127.0.0.1:1/v1")
    else:
        parity.check_served(Run("test"), "http://127.0.0.1:1/v1")
        assert "not checked" in capsys.readouterr().out


CHAT: list[dict[str, Any]] = [
    {"role": "user", "content": "Where were you?"},
    {"role": "assistant", "content": "Somebody else's words.", "train": False},
    {"role": "assistant", "content": "I walked.", "train": True},
    {"role": "assistant", "content": "look_up(river)", "tool_calls": [{"id": "1"}]},
]
OF_MODES = {"mode": "emulation", "text": "<user>Where?</user><assistant>I walked.</assistant>"}
PAIR = {"messages": CHAT[:1], "chosen": CHAT[2], "rejected": {"role": "assistant", "content": "At home."}}


@pytest.mark.parametrize(
    ("shape", "payload"), [("chat", {"messages": CHAT}), ("completion", OF_MODES), ("preference", PAIR)]
)
def test_parity_judges_and_profiles_read_the_same_words(shape: str, payload: dict[str, Any], home: Path) -> None:
    run = Run("test")
    write_rows(run.rows_path(shape, "val"), [{"id": "1", "source": "a", "tokens": 9, **payload}])
    write_stats(run, shape)
    assert parity.parity_texts(run) == panel.author_texts(run, "val") == ["I walked."]
    assert read_author_texts(run, "val").texts == ["I walked."]


def scale_a_tensor(path: Path, key: str, factor: float) -> None:
    """Multiply one bfloat16 or float32 tensor of a safetensors file in place."""
    data = bytearray(path.read_bytes())
    length = int.from_bytes(data[:8], "little")
    entry = json.loads(data[8 : 8 + length])[key]
    begin, end = (8 + length + offset for offset in entry["data_offsets"])
    if entry["dtype"] == "F32":
        data[begin:end] = (np.frombuffer(data[begin:end], "<f4") * factor).astype("<f4").tobytes()
    else:
        assert entry["dtype"] == "BF16"
        wide = (np.frombuffer(data[begin:end], "<u2").astype("<u4") << 16).view("<f4") * np.float32(factor)
        data[begin:end] = ((wide.view("<u4") + 0x8000) >> 16).astype("<u2").tobytes()
    path.write_bytes(data)


@pytest.mark.engine
@pytest.mark.usefixtures("in_engine_home")
def test_a_real_merge_passes_and_one_with_a_tensor_scaled_by_a_twentieth_does_not(
    trained: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "voicewright.pipeline.worker", "merge", trained.name],
        cwd=REPO_DIR, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    assert "parity:" in result.stdout
    assert (trained.merged_dir / "model_card.md").exists() and (trained.merged_dir / "Modelfile").exists()

    recipe = recipes.load(trained.name)
    with while_served(recipe, "finetuned") as url:
        parity.check_served(trained, url)
    assert "served against merged: 0.000" in capsys.readouterr().out

    wrong = trained.merged_dir.with_name("scaled")
    shutil.copytree(trained.merged_dir, wrong)
    key = "model.layers.3.mlp.up_proj.weight"
    scale_a_tensor(wrong / "model.safetensors", key, 1.05)
    checkpoint = trained.adapter_dir / "checkpoint-12"
    figures = parity.compare_with_adapter(trained, "models/tiny-base", checkpoint, wrong, four_bit=False)
    assert figures.worst_tensor == key
    with pytest.raises(UserError, match=r"up_proj.weight differs by (4\.9|5\.0)%"):
        parity.check(figures, trained)
