"""What the stage `generate` writes of each arm: texts, likelihoods, mode tags, preference margins, harness scores."""

from __future__ import annotations

from typing import Literal

from voicewright.core.documents.base import Document
from voicewright.core.documents.intervals import Rate

# Kinds of prompt outside every author's field, of the prompt files `out_of_domain*`.
OUT_OF_DOMAIN = frozenset(("code", "mathematics", "facts", "practical", "creative"))


class DrawnWith(Document):
    """The sampling settings that a text was generated with; a setting that was not sent is absent."""

    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    repetition_penalty: float | None = None
    min_tokens: int | None = None
    stop: str | None = None
    skip_special_tokens: bool | None = None
    max_tokens: int


class Generation(Document):
    """A row of `generations/<arm>.jsonl` and of `prefixes/<arm>.jsonl`: one text of one arm for one prompt."""

    id: str
    """Hash of the model's weights, the request, the seed and the length limit."""
    arm: str
    prompt_id: str
    domain: str
    """heldout, training, or the field that the prompt file names."""
    set: str | None = None
    """heldout, training, or the prompt file's name."""
    sample: int
    """0, 1, ...: which of the prompt's samples."""
    seed: int | None = None
    before: str = ""
    """The turns before `prompt`, as one text; "" where the prompt stands alone."""
    prompt: str
    """The opening, or the last user turn."""
    text: str
    """The answer without mode tags, cut to `eval.max_words` words; "" where the request failed."""
    finish_reason: str | None = None
    completion_tokens: int | None = None
    model: str | None = None
    """The model's name at the endpoint."""
    model_hash: str | None = None
    """Hash of the weights where they are on this machine, else of the URL and the name."""
    sampling: DrawnWith | None = None
    passages: list[str] = []
    """Ids of the training rows shown before the prompt (arm `prompted`)."""
    reference: str | None = None
    """The author's own continuation or reply."""
    reference_source: str | None = None
    error: str | None = None
    """Why the endpoint refused the request; None where it answered."""

    @property
    def is_out_of_domain(self) -> bool:
        """Whether the prompt lies outside the author's field: by its file where that is known, else by its kind."""
        return self.set.startswith("out_of_domain") if self.set else self.domain in OUT_OF_DOMAIN


class Likelihood(Document):
    """A row of `likelihood/<arm>.jsonl`: how likely an arm finds one held-out passage."""

    id: str
    """The id of the held-out row."""
    arm: str
    model: str | None = None
    chars: int
    """Characters of the scored tokens."""
    tokens: int
    bits: float
    """-log2 p, summed over the scored tokens."""
    key: str | None = None
    """Hash of the weights, the context, the prompt format and the row."""


class LikelihoodStatus(Document):
    """`likelihood/<arm>.status.json`: whether the arm's likelihoods could be measured."""

    status: Literal["ok", "not available"]
    why: str | None = None
    rows: int
    """Held-out rows."""
    impossible: int = 0
    """Rows with a token of probability zero; they have no likelihood."""


class ModeAnswers(Document):
    """An arm's answers to the prompt of one held-out mode sample."""

    id: str
    mode: str
    answers: list[str]


class ModeTags(Document):
    """`tags/<arm>.json`: how often an arm answers in the tags of the prompt's mode."""

    arm: str
    identity: str | None = None
    """Hash of the weights, the settings and the samples."""
    held: dict[str, Rate]
    """By mode, and `all`: the share of answers in the right tags."""
    answers: list[ModeAnswers] = []


class PreferenceMargins(Document):
    """`preferred/<arm>.json`: how often and by how much an arm finds the better reply of a held-out pair likelier."""

    arm: str
    pairs: int
    accuracy: Rate
    margin_nats: float | None
    """Mean of log p(better) - log p(worse)."""
    reward_accuracy: Rate | None = None
    """As `accuracy`, less the baseline's margins; absent on the baseline."""
    reward_margin_nats: float | None = None
    margin_by_pair: dict[str, float] = {}


class TaskScores(Document):
    """An arm's scores on one task of lm-evaluation-harness."""

    metric: str | None
    """None where the task has no metric that scores each question."""
    values: dict[str, float]
    """By question number."""
    why: str | None = None
    """Why there is no metric."""


class LmEvalResult(Document):
    """`lm_eval/<arm>.json`: an arm's scores on the recipe's tasks."""

    arm: str
    identity: str | None = None
    """Hash of the weights, the settings, our tasks and the harness's version."""
    tasks: dict[str, TaskScores]
