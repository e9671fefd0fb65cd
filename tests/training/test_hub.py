"""What the hub says of a base model, asked before gigabytes are downloaded."""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from voicewright.core import hub
from voicewright.core.errors import UserError
from voicewright.recipe import recipes
from voicewright.training import base_model

LLAMA = '{"architectures": ["LlamaForCausalLM"], "max_position_embeddings": 8192}'
HEADER = json.dumps({"model.layers.0.mlp.fc1.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
ONE_FILE = (struct.pack("<Q", len(HEADER)) + HEADER.encode() + bytes(4)).decode("latin-1")
# By path: the status, and the content or the hub's error code.
ANSWERS = {
    "/me/good/config.json": (200, LLAMA),
    "/me/short/config.json": (200, '{"architectures": ["BertForMaskedLM"], "max_position_embeddings": 512}'),
    "/me/gated/config.json": (401, "GatedRepo"),
    "/me/broken/config.json": (500, ""),
    "/me/bare/config.json": (200, LLAMA),
    "/me/bare/tokenizer_config.json": (200, '{"pad_token": null}'),
    "/me/bare/model.safetensors.index.json": (200, '{"weight_map": {"model.layers.0.mlp.fc1.weight": "1"}}'),
    "/me/single/config.json": (200, LLAMA),
    "/me/single/model.safetensors": (200, ONE_FILE),
    "/me/templated/config.json": (200, LLAMA),
    "/me/templated/tokenizer_config.json": (200, '{"pad_token": "<pad>"}'),
    "/me/templated/chat_template.jinja": (200, "{{ messages }}"),
    "/me/half/config.json": (200, LLAMA),
    "/me/half/tokenizer_config.json": (200, '{"pad_token": "<pad>"}'),
    "/me/half/chat_template.jinja": (503, ""),
}
MODELS = {path.rpartition("/")[0] for path in ANSWERS}


class Hub(BaseHTTPRequestHandler):
    """Answers for a model's files as the hub does."""

    def do_HEAD(self) -> None:
        path = self.path.replace("/resolve/main", "")
        missing = "EntryNotFound" if path.rpartition("/")[0] in MODELS else "RepoNotFound"
        status, content = ANSWERS.get(path, (404, missing))
        self.send_response(status)
        if status == 200:
            self.send_header("ETag", f'"{abs(hash(content))}"')
            self.send_header("X-Repo-Commit", "a" * 40)
            self.send_header("Content-Length", str(len(content.encode("latin-1"))))
        elif content:
            self.send_header("X-Error-Code", content)
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        status, content = ANSWERS.get(self.path.replace("/resolve/main", ""), (404, ""))
        if status == 200:
            self.wfile.write(content.encode("latin-1"))

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(autouse=True)
def pretend_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = HTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield
    server.shutdown()


def check(name: str, *overrides: str) -> None:
    recipe = recipes.compose("visions", list(overrides)).recipe
    base_model.check_hub(recipe.model_copy(update={"axolotl": {**recipe.axolotl, "base_model": name}}))


def test_a_model_that_can_be_had_is_let_through() -> None:
    check("me/good")


def test_a_gated_model_asks_for_a_token_and_then_for_the_licence(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"gated(.|\n)*HF_TOKEN="):
        check("me/gated")
    monkeypatch.setenv("HF_TOKEN", "hf_x")
    with pytest.raises(UserError, match="does not give it to this HF_TOKEN"):
        check("me/gated")


def test_a_model_that_does_not_exist_is_named() -> None:
    with pytest.raises(UserError, match="me/nothing: the hub has no such model"):
        check("me/nothing")


def test_a_model_of_another_kind_and_a_shorter_context_are_told_at_once() -> None:
    with pytest.raises(UserError) as caught:
        check("me/short")
    assert len(caught.value.problems) == 2


def test_what_the_tokenizer_lacks_and_modules_that_are_not_there_are_told_before_the_download() -> None:
    chats = ["data.sources.visions.shape=chat", "axolotl.special_tokens=null", "axolotl.lora_target_modules=[fc1,fc3]"]
    with pytest.raises(UserError) as caught:
        check("me/bare", *chats)
    problems = "\n".join(caught.value.problems)
    assert "no pad token" in problems and "no chat template" in problems and "no fc3, did you mean fc1?" in problems
    check("me/templated", *chats)
    check("me/half", *chats)  # a file that did not come is not one that is missing


def test_the_modules_of_a_model_in_one_file_are_read_from_its_header() -> None:
    check("me/single", "axolotl.lora_target_modules=[fc1]")
    with pytest.raises(UserError, match="no fc3, did you mean fc1"):
        check("me/single", "axolotl.lora_target_modules=[fc1,fc3]")


def test_a_folder_of_this_machine_is_never_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "fetch_file", lambda name, _: pytest.fail(f"asked the hub for {name}"))
    check("merged_models/not-made-yet")


def test_a_hub_that_does_not_answer_is_no_mistake_of_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    check("me/broken")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    check("me/nothing")
