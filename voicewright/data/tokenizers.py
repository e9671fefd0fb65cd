"""Counting tokens as the base model will, with its own tokenizer, and finding its control tokens in a text."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tiktoken
from tokenizers import AddedToken, Tokenizer

from voicewright.core import credentials
from voicewright.core.errors import UserError
from voicewright.core.paths import given_path
from voicewright.data.errors import Unreadable

Count = Callable[[list[str]], list[int]]

# Nothing that weighs gigabytes: the tokenizer and what its chat template needs.
TOKENIZER_FILES = [f"{stem}.json" for stem in ("tokenizer", "tokenizer_config", "special_tokens_map", "config")]
TOKENIZER_FILES += ["chat_template.jinja"]
BATCH = 512
# Texts of each call on which the fast count is compared with the exact one.
COMPARED_TEXTS = 20
# GPT-2's pattern, which the pre-tokenizer ByteLevel stands for when it names none.
GPT2_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
# Spellings that are no writer's words, whatever model is trained.
_ANY_MODEL = re.compile(r"<\|[a-z_]{3,30}\|>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE)


@dataclass(frozen=True)
class TokenCounter:
    """A base model's tokenizer."""

    folder: Path
    tokenizer: Tokenizer
    added_tokens: int
    """Tokens that training adds to a raw passage: what the tokenizer puts around it, and the end of text."""
    eos: str | None = None
    """The spelling of the end of text."""
    control_tokens: tuple[str, ...] = ()
    """The spellings of the model's control tokens."""
    fast: tiktoken.Encoding | None = None
    """The same tokenizer in tiktoken, where it is byte-level BPE."""

    def count(self, texts: list[str]) -> list[int]:
        """Tokens of each text on its own, without special tokens."""
        counts: list[int] = []
        for start in range(0, len(texts), BATCH):
            batch = self.tokenizer.encode_batch_fast(texts[start : start + BATCH], add_special_tokens=False)
            counts += [len(encoding) for encoding in batch]
        return counts

    def estimate(self, texts: list[str]) -> list[int]:
        """Tokens of each text by tiktoken, to plan cuts by; by `count` where the two differ on a part of the texts."""
        if self.fast is None:
            return self.count(texts)
        compared = texts[:: max(1, len(texts) // COMPARED_TEXTS)]
        if fast_count(self.fast, compared) != self.count(compared):
            return self.count(texts)
        return fast_count(self.fast, texts)


def load(base_model: str, axolotl: Mapping[str, Any] | None = None) -> TokenCounter:
    """The tokenizer of a local folder or of a hub id, with what a recipe's `axolotl:` adds to it.

    Raises UserError where there is none.
    """
    special_tokens = dict((axolotl or {}).get("special_tokens") or {})
    additional = special_tokens.pop("additional_special_tokens", None) or []
    folder = find(base_model)
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise UserError(f"{folder}: no tokenizer.json there", hint="point axolotl.base_model at a folder that has one")
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.add_special_tokens([str(token) for token in (*special_tokens.values(), *additional) if token])
    tokenizer.add_tokens([AddedToken(token, normalized=False) for token in (axolotl or {}).get("tokens") or []])
    config_path = folder / "tokenizer_config.json"
    eos = json.loads(config_path.read_text(encoding="utf-8")).get("eos_token") if config_path.is_file() else None
    eos = special_tokens.get("eos_token") or (eos.get("content") if isinstance(eos, dict) else eos)
    control = tuple(token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special)
    return TokenCounter(folder, tokenizer, len(tokenizer.encode("").ids) + 1, eos, control, load_fast(path))


def find(base_model: str) -> Path:
    """The folder with the tokenizer, fetched from the hub if `base_model` is not a local folder."""
    for folder in (Path(base_model).expanduser(), given_path(base_model)):
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


def control_token_pattern(tokens: Iterable[str]) -> re.Pattern[str]:
    """Matches the model's own control tokens, and those of any other model."""
    own = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True) if len(token) > 2)
    return re.compile(f"{own}|{_ANY_MODEL.pattern}" if own else _ANY_MODEL.pattern, re.IGNORECASE)


def without_control_tokens(text: str, tokens: re.Pattern[str], *, remove: bool) -> tuple[str, int]:
    """The text without control tokens, and how many there were. Raises Unreadable at the first one unless `remove`.

    The model would read them as commands, not as words.
    """
    first = tokens.search(text)
    if first is None:
        return text, 0
    if not remove:
        raise Unreadable(
            f"spells {first[0]!r}, which the model reads as a command and not as words; take it out, "
            "or set data.special_tokens=remove"
        )
    return tokens.subn("", text)


def load_fast(tokenizer_path: Path) -> tiktoken.Encoding | None:
    """A tokenizer.json as a tiktoken encoding, None if it is not plain byte-level BPE.

    It plans where to cut; the tokens that a row states are always counted by the model's own tokenizer.
    """
    tokenizer = json.loads(tokenizer_path.read_text(encoding="utf-8"))
    model = tokenizer["model"]
    pattern = _split_pattern(tokenizer.get("pre_tokenizer"))
    if model.get("type") != "BPE" or pattern is None or tokenizer.get("normalizer") or model.get("byte_fallback"):
        return None
    byte_of = _bytes_by_character()
    try:
        ranks = {bytes([byte]): rank for rank, byte in enumerate(byte_of.values())}
        for merge in model["merges"]:
            left, right = merge.split(" ") if isinstance(merge, str) else merge
            merged = bytes(byte_of[c] for c in left + right)
            ranks.setdefault(merged, len(ranks))
    except (KeyError, ValueError):
        return None  # not byte-level after all
    return tiktoken.Encoding("model", pat_str=pattern, mergeable_ranks=ranks, special_tokens={})


def fast_count(encoding: tiktoken.Encoding, texts: Sequence[str]) -> list[int]:
    """Tokens of each text."""
    return [len(encoding.encode_ordinary(text)) for text in texts]


def _split_pattern(pre: Any) -> str | None:
    """The splitting pattern of a pre-tokenizer, None for one that does not split by a single pattern."""
    steps = pre.get("pretokenizers", [pre]) if pre else []
    pattern = None
    for step in steps:
        regex = (step.get("pattern") or {}).get("Regex")
        if step["type"] == "Split" and regex and pattern is None and step.get("behavior") == "Isolated":
            pattern = str(regex)
        elif step["type"] == "ByteLevel" and not step.get("add_prefix_space"):
            pattern = pattern or (GPT2_PATTERN if step.get("use_regex", True) else None)
        else:
            return None
    return pattern


def _bytes_by_character() -> dict[str, int]:
    """GPT-2's table: each byte stands as a printable character, those that are none as one from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(b): b for b in printable} | {chr(256 + i): b for i, b in enumerate(others)}
