"""`data/stats.json`: the prompt format, the splits, what was dropped, and the checks of a run's training data."""

from __future__ import annotations

from typing import Literal

from voicewright.core.documents.base import Document
from voicewright.core.rows import PromptFormat


class SplitStats(Document):
    """The size of one split."""

    rows: int
    words: int
    """Words that the loss is taken on."""
    tokens: int
    chapters: int
    """Chapters or threads."""
    works: int


class SyntheticStats(SplitStats):
    """Rows that a model wrote in the author's style: trained on, in no split."""

    by: str
    """The model that wrote them."""
    tokens_in: int
    tokens_out: int
    cost: float
    """In the currency of the recipe's prices."""


class Drop(Document):
    """Material that was left out or changed, and why."""

    source: str
    reason: str
    words: int


class ReasonCount(Document):
    """How often something was dropped for one reason, and how many words."""

    times: int
    words: int


class BoundsException(Document):
    """A row outside the token bounds, or cut inside a sentence."""

    id: str
    source: str
    tokens: int
    reason: str


class BoundsCheck(Document):
    """The token bounds of a row, and the rows that do not keep them."""

    min_tokens: int
    max_tokens: int
    exceptions: list[BoundsException]
    """The first 500."""
    exceptions_in_all: int


class TokenHistogram(Document):
    """Tokens by row: `counts[i]` rows lie between `edges[i]` and `edges[i + 1]`."""

    edges: list[float]
    counts: list[int]
    total: int
    mean: float | None = None
    shortest: int | None = None
    longest: int | None = None


class TrainingEstimate(Document):
    """Optimizer steps and packing to expect of the training rows."""

    rows: int
    batch: int
    """Rows of one optimizer step, over all devices."""
    steps_an_epoch: int
    steps: int
    packing: bool
    packs: int
    """Sequences that hold all rows if they are packed."""
    rows_a_pack: int | float
    pack_fill: int | float


class SourceStats(Document):
    """What one source of the recipe was made into."""

    path: str
    """What was read, which may be the sample in its place."""
    shape: str
    weight: float
    files: int
    rows: int
    training_rows: int
    """After mixing by weight."""


class ExactDuplicate(Document):
    """A row with the same words as an earlier one."""

    id: str
    same_as: str


class NearDuplicate(Document):
    """A row whose word 5-grams nearly are those of an earlier one."""

    id: str
    like: str
    jaccard: float


class Leak(Document):
    """A row that stands in part in the training rows."""

    id: str
    share: float
    """Of its runs of thirteen words."""


class DuplicatesCheck(Document):
    """Rows that occur twice; the first 200 of each kind."""

    exact: list[ExactDuplicate]
    near: list[NearDuplicate]
    leaks_val: list[Leak]
    leaks_heldout: list[Leak]


class HealthFinding(Document):
    """A row with a flaw of its text, and what shows it."""

    id: str
    language: str | None = None
    line: str | None = None
    token: str | None = None


class HealthCheck(Document):
    """Flaws of the text, by kind: mojibake, control_characters, other_language, repeated_lines, control_tokens."""

    language: str | None
    """The language of most rows; None where there is too little text to tell."""
    counts: dict[str, int]
    rows: dict[str, list[HealthFinding]]
    """The first 50 of each kind."""


class PersonalFinding(Document):
    """A row that holds personal data; the data itself is not repeated."""

    id: str
    kinds: list[str]


class PersonalCheck(Document):
    """Personal data and keys, by kind: e-mail, phone, secret."""

    counts: dict[str, int]
    rows: list[PersonalFinding]


class QuestionStats(Document):
    """Passages of a source of shape qa that have questions, and what asking took."""

    passages: int
    covered: int
    tokens_in: int
    tokens_out: int
    cost: float


class ModeMetric(Document):
    """One property of the samples of cognitive modes, beside its target."""

    name: str
    value: int | float
    target: str
    status: Literal["green", "amber", "red"]
    fix: str | None
    """What to do where the status is not green."""


class SentenceLengths(Document):
    """Words of a sentence."""

    mean: int | float
    sd: int | float
    median: int | float


class OutlierChapter(Document):
    """A chapter that differs from the others in a feature by more than 3.5 robust deviations."""

    work: str
    section: str
    feature: str
    value: float
    usual: float


class PassageCuration(Document):
    """What one passage is like."""

    id: str
    words: int
    kind: str
    you_per_1000: float


class CurationReport(Document):
    """What the passages of a manuscript are like. Shares are of passages unless the name says otherwise."""

    passages: int
    words: int
    shortest_words: int
    longest_words: int
    share_900_to_2100_words: float
    share_ending_with_scene: float
    share_ending_with_paragraph: float
    kinds: dict[str, float]
    """Shares of action, dialogue, introspection and exposition."""
    share_second_person: float
    you_per_1000: float
    italics_per_1000: float
    dialogue_share: float
    """Of words."""
    sentence_words: SentenceLengths
    distinctive_words: list[str]
    outlier_chapters: list[OutlierChapter]
    by_passage: list[PassageCuration]


class DataChecks(Document):
    """What was checked before training."""

    bounds: BoundsCheck
    tokens: TokenHistogram
    training: TrainingEstimate
    split_by: str
    """What the splits kept whole: works, chapters, threads, scenes, exchanges or passages."""
    sources: dict[str, SourceStats]
    duplicates: DuplicatesCheck
    health: HealthCheck
    personal: PersonalCheck
    qa: dict[str, QuestionStats] | None = None
    """By source."""
    modes: list[ModeMetric] | None = None
    curation: CurationReport | None = None
    """Of prose."""


class Stats(Document):
    """The whole of stats.json. It is written last: its presence says that all rows are there."""

    format: PromptFormat
    splits: dict[str, SplitStats]
    """train, val and heldout, over all shapes."""
    shapes: dict[str, dict[str, SplitStats]]
    """The same for each row shape: completion, chat, preference."""
    synthetic: SyntheticStats | None = None
    dropped: list[Drop]
    """The first 500."""
    dropped_by_reason: dict[str, ReasonCount]
    """By reason, figures in it replaced by n."""
    checks: DataChecks

    @property
    def trained(self) -> list[SplitStats]:
        """What is trained on: the split train, and the synthetic rows beside it."""
        return [self.splits["train"], *([self.synthetic] if self.synthetic else [])]
