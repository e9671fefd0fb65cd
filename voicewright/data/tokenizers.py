"""Counting tokens exactly as the base model will: with its own tokenizer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiktoken
from tokenizers import AddedToken, Tokenizer

from voicewright.core import credentials
from voicewright.core.errors import UserError
from voicewright.core.paths import REPO_DIR
from voicewright.data import fast_tokens as quick

Count = Callable[[list[str]], list[int]]

# Nothing that weighs gigabytes: the tokenizer and what its chat template needs.
TOKENIZER_FILES = [f"{stem}.json" for stem in ("tokenizer", "tokenizer_config", "special_tokens_map", "config")]
TOKENIZER_FILES += ["chat_template.jinja"]
BATCH = 512
# Texts of each call on which the fast count is compared with the exact one.
PROVEN = 20


@dataclass(frozen=True)
class Counter:
    """A base model's tokenizer."""

    dir: Path
    tokenizer: Tokenizer
    specials: int
    """Tokens that training adds to a raw passage: what the tokenizer puts around it, and the end of text."""
    eos: str | None = None
    """How the end of text is spelt."""
    control: tuple[str, ...] = ()
    """How the model's control tokens are spelt."""
    quick: tiktoken.Encoding | None = None
    """The same tokenizer in tiktoken, where it is byte-level BPE."""

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text on its own, without special tokens."""
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            batch = self.tokenizer.encode_batch_fast(texts[start : start + BATCH], add_special_tokens=False)
            counts += [len(encoding) for encoding in batch]
        return counts

    def estimate(self, texts: list[str]) -> list[int]:
        """Tokens of each text, fast, to plan by; equal to `count` on a part of the texts, or it is `count`."""
        if self.quick is None:
            return self.count(texts)
        proof = texts[:: max(1, len(texts) // PROVEN)]
        if quick.count(self.quick, proof) != self.count(proof):
            return self.count(texts)
        return quick.count(self.quick, texts)


def load(base_model: str, axolotl: Mapping[str, Any] | None = None) -> Counter:
    """The tokenizer of a local folder or of a hub id, with what a recipe's `axolotl:` adds to it.

    Raises UserError if neither has one.
    """
    named = dict((axolotl or {}).get("special_tokens") or {})
    more = named.pop("additional_special_tokens", None) or []
    folder = find(base_model)
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{folder}: no tokenizer.json there", hint="point axolotl.base_model at a folder that has one")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.add_special_tokens([str(token) for token in (*named.values(), *more) if token])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in (axolotl or {}).get("tokens") or []])
    config_path = folder / "tokenizer_config.json"
    eos = json.loads(config_path.read_text(encoding="utf-8")).get("eos_token") if config_path.is_file() else None
    control = tuple(token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special)
    spelt = named.get("eos_token") or (eos.get("content") if isinstance(eos, dict) else eos)
    return Counter(folder, tokenizer, len(tokenizer.encode("").ids) + 1, spelt, control, quick.load(path))


def find(base_model: str) -> Path:
    """The folder with the tokenizer, fetched from the hub if `base_model` is not a local folder."""
    for folder in (Path(base_model).expanduser(), REPO_DIR / base_model):
        if folder.is_dir():
            return folder
    # Imported late: most runs never ask the hub.
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(base_model, allow_patterns=TOKENIZER_FILES, token=credentials.find("HF_TOKEN")))
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise UserError(
            f"axolotl.base_model {base_model!r} is neither a folder nor a model of the hub within reach ({reason})",
            hint="sign in with HF_TOKEN if the model is gated, or set axolotl.base_model to a downloaded folder",
        ) from None
