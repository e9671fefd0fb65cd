"""voice.json: how much of the author's voice each arm has, and what the voice cost."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from voicewright.core.documents.base import Document
from voicewright.core.documents.intervals import Figure

Better = Literal["higher", "lower", "author"]
"""What is better of a measure: a higher value, a lower one, or one nearer the author's own."""
CopyVerdict = Literal["ok", "flag", "fail"]
AbilityOutcome = Literal["not worse", "worse", "inconclusive", "not available"]


class NearestAuthor(Document):
    """The other author who lies nearest, on the scale of voice transfer."""

    name: str
    value: float


class Reference(Document):
    """The levels that a measure is compared with, in the unit of the measure where nothing else is said."""

    base: float | None = None
    """The base model's, of a calibrated score: 0."""
    author: float | None = None
    """Mean over the passages of the training text."""
    author_band: tuple[float, float] | None = None
    """10th and 90th percentile over the passages of the training text."""
    heldout: float | Figure | None = None
    """The held-out text's: 100 where it is the scale's end, a figure where it is measured as the arms are."""
    heldout_level: Figure | None = None
    """Of a measure in percent of the held-out text: that text's own level, in the raw unit."""
    other_authors: float | None = None
    """Mean over other authors."""
    nearest_other_author: NearestAuthor | None = None
    gain_over_base: dict[str, Figure] = {}
    """By arm, how much better than the base model; below 0 where it is worse."""
    level: dict[str, Figure] = {}
    """By arm, of a measure in percent of the held-out text: the arm's level in the raw unit."""
    level_range: tuple[float, float | None] | None = None
    """Least and greatest possible level."""
    failed_over: float | None = None
    """The value above which the arm fails."""


class Measure(Document):
    """One measure of all arms."""

    title: str
    definition: str
    unit: str
    range: tuple[float | None, float | None] = (None, None)
    """Least and greatest possible value; None: unbounded."""
    better: Better = "author"
    arms: dict[str, Figure]
    reference: Reference


class View(Document):
    """Voice transfer of one group of features alone."""

    title: str
    definition: str
    arms: dict[str, Figure]


class Calibration(Document):
    """The scale of voice transfer and the amount of text that it rests on."""

    distance: dict[str, Figure] = {}
    """Distance to the author's training profile: of each arm, and of `heldout`."""
    other_authors: dict[str, float] = {}
    """Distances of other authors to the same profile, nearest first."""
    block_words: int
    """Words of each passage compared."""
    prompts_per_cluster: int
    clusters: int
    """Independent groups of prompts that are resampled."""
    heldout_blocks: int
    training_words: int
    views: dict[str, View] = {}
    by_domain: dict[str, dict[str, Figure]] = {}
    """Voice transfer by kind of prompt, then arm."""


class Overshoot(Document):
    """How often an arm shows one of the author's habits, compared with the author."""

    title: str
    unit: str
    author: float
    value: float
    times_the_author: float
    overdone: bool
    """Clearly more often than the author, and than the base model."""


class CopiedSpan(Document):
    """A span of words that an answer shares with the author's text."""

    words: int
    text: str
    """The span in lower case, without punctuation."""
    source: str
    """File, and the page or character span in it."""
    generation: str
    """Id of the answer."""
    author_text: str = ""
    """The place in the author's text, spelt as there."""


class CopyCounts(Document):
    """How much a set of texts shares, word for word, with an index."""

    longest_words: int
    coverage_percent: float
    """Share of all words that lie in a shared span of five words or more."""
    spans_over_10: int
    spans_over_20: int
    generations_flagged_percent: float
    """Share of the texts that hold a span of over 10 words."""
    generations: int


class CopyResult(CopyCounts):
    """The counts and what follows from them."""

    verdict: CopyVerdict


class ArmCopying(Document):
    """What an arm's answers share with the training text and with the held-out text."""

    training: CopyResult
    heldout: CopyResult
    shown: list[CopiedSpan] = []
    """The longest spans shared with the training text."""


class PrefixCopyCounts(CopyCounts):
    """What an arm's continuations of training text share with that text."""

    shown: list[CopiedSpan] = []


class PrefixCopying(Document):
    """Copying where it is likeliest: continuations of openings of training text."""

    definition: str
    arms: dict[str, PrefixCopyCounts]


class Copying(Document):
    """Word-for-word copying by every arm."""

    definition: str
    arms: dict[str, ArmCopying]
    author: CopyResult
    """What the author's own held-out text shares with the training text."""
    training_prefixes: PrefixCopying | None = None
    transfer_without_copies: dict[str, Figure] = {}
    """Voice transfer after copied spans were cut out; only of arms that copied."""


class AbilityFigure(Figure):
    """Agreement with the base model's answers, in percent of the base model's agreement with itself."""

    outcome: AbilityOutcome
    prompts: int


class TaskFigure(Figure):
    """Score on a task of lm-evaluation-harness less the base model's on the same questions, in points."""

    outcome: AbilityOutcome
    questions: int
    metric: str | None = None
    base: float | None = None
    """The base model's score, 0 to 100."""
    arm: float | None = None
    """The arm's score, 0 to 100."""


class TaskComparison(Document):
    """The tasks of lm-evaluation-harness that the recipe names; empty where it names none."""

    margin_points: float = 0.0
    """A score may fall by so many points before it counts as worse."""
    arms: dict[str, dict[str, TaskFigure]] = {}


class Leakage(Document):
    """How far answers outside the author's field moved towards the author."""

    percent_of_the_way: float


class Forgetting(Document):
    """What became of the base model's abilities."""

    margin_percent: float
    """Agreement with the base model may fall by so much before it counts as worse."""
    arms: dict[str, dict[str, AbilityFigure]]
    """By arm, then kind of prompt; `all` is all kinds together."""
    leakage: dict[str, Leakage] = {}
    tasks: TaskComparison = TaskComparison()


class TermUse(Document):
    """How often one of the author's own terms is used."""

    term: str
    author: int
    arms: dict[str, int]


class Frequency(Document):
    """A count and its rate."""

    count: int
    per_10_000_words: float


class PhraseUse(Document):
    """How often listed phrases are used, by the author and by each arm."""

    author: Frequency
    arms: dict[str, Frequency]


class OnePhraseUse(Document):
    """How often one listed phrase is used, by the author and by each arm."""

    phrase: str
    author: Frequency
    arms: dict[str, Frequency]


class MachinePhrases(Document):
    """Phrases that language models over-use."""

    total: PhraseUse = Field(alias="all")
    phrases: list[OnePhraseUse]
    """The most used."""


class VoiceReport(Document):
    """voice.json."""

    arms: list[str]
    measures: dict[str, Measure]
    calibration: Calibration
    overshoot: dict[str, dict[str, Overshoot]] = {}
    """By arm, then measure."""
    caricature: dict[str, list[str]] = {}
    """By arm, alarms in words."""
    copying: Copying
    forgetting: Forgetting
    own_terms: list[TermUse] = []
    slop: MachinePhrases
    notes: list[str] = []
    """What a reader must know before trusting the figures."""

    def figure(self, measure: str, arm: str) -> Figure | None:
        """The figure of one arm in one measure; None where the report has none."""
        return self.measures[measure].arms.get(arm) if measure in self.measures else None
