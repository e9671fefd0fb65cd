"""What the blind comparison writes: pairs, their key, votes, ballots, judge qualifications and the verdict."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from voicewright.core.documents.base import Document
from voicewright.core.documents.intervals import Agreement, Rate
from voicewright.core.rows import Message

TESTED_ARM = "finetuned"
"""The arm under test: it comes first in every comparison that it takes part in."""
Side = Literal["x", "y"]
Choice = Literal["x", "y", "tie"]
Order = Literal["xy", "yx"]
"""Which text of a pair is shown first."""
RaterKind = Literal["reader", "judge", "built-in"]
"""reader: a person; judge: a model behind an endpoint; built-in: the stylometric judge."""


class Pair(Document):
    """One row of `blind/pairs.jsonl`: two texts on the same prompt, without the arms that wrote them."""

    id: str
    prompt_id: str = ""
    """The unit of inference: votes on one prompt are averaged. Absent: every pair is its own."""
    domain: str = "all"
    """The kind of prompt."""
    prompt: str = ""
    x: str
    y: str
    references: list[str] = []
    """Held-out passages of the author, for the question on voice."""
    key_sha256: str | None = None
    """SHA-256 of the `key.jsonl` that was committed to before the votes."""

    @model_validator(mode="after")
    def _is_its_own_prompt(self) -> Pair:
        self.prompt_id = self.prompt_id or self.id
        return self

    @property
    def texts(self) -> dict[Side, str]:
        return {"x": self.x, "y": self.y}


class PairKey(Document):
    """One row of `blind/key.jsonl`: the arms behind the two texts of a pair. The file's bytes are hashed."""

    id: str
    x: str
    """The arm that wrote text x."""
    y: str
    content: str | None = None
    """Hash of the prompt, the arms and the texts: a pair that is made again keeps its id and sides."""
    nonce: str | None = None
    """Random: keeps the committed hash from being guessed by trying all assignments of sides."""

    @property
    def arms(self) -> tuple[str, str]:
        return self.x, self.y


class LeftOutPair(Document):
    """A pair that was not made, and why."""

    prompt_id: str
    sample: int
    arms: list[str]
    why: str


class PairingSummary(Document):
    """`blind/pairing.json`: which arms were paired."""

    pairs: int
    versus: list[tuple[str, str]]
    left_out: list[LeftOutPair]


class CommittedTargets(Document):
    """`blind/targets.json`: the recipe's targets as they stood before the first vote."""

    transfer: float | None = None
    vocabulary: float | None = None
    structure: float | None = None
    markers: float | None = None
    pov: float | None = None
    blind: float | None = None
    prompted: float | None = None


class CaseTruth(Document):
    """The right answer of a qualification case."""

    kind: str
    right: Side
    """The side of the author's text; of the whole passage in a case on length."""
    passage: str
    """Hash of the author's passage, the unit of inference of the qualification."""


class QualificationCase(Pair):
    """One row of `blind/cases.jsonl`: a pair whose answer is known."""

    truth: CaseTruth


class Vote(Document):
    """One row of `blind/votes.jsonl` and of `blind/trials.jsonl`: one answer on one pair in one order."""

    pair: str
    judge: str
    """Name of the judge, or `reader-` and the id that the reader's page drew."""
    kind: RaterKind = "judge"
    question: str = "voice"
    order: Order = "xy"
    cache: str | None = None
    """Hash of everything that the answer depends on. A machine judge is not asked again what it has answered."""
    vote: Choice | None
    """None: unscored, neither a tie nor a loss."""
    reason: str | None = None
    reused: bool | None = None
    """Set where the answer was given to the same two texts under another pair's id."""
    input_tokens: int | None = None
    output_tokens: int | None = None
    tries: int | None = None
    error: str | None = None
    usd: float | None = None
    ms: int | None = None
    """Milliseconds that a reader took."""


class PreferenceRow(Document):
    """One row of `preferences.jsonl`: a pair that the votes decided, as training data for preference optimization."""

    id: str
    """Hash of the messages and the two replies."""
    source: str
    """The pair that it comes from."""
    lean: float
    """How far the votes agree on the chosen text: 1 is unanimity."""
    messages: list[Message]
    chosen: Message
    rejected: Message


class PacketPair(Document):
    """A pair as a reader sees it."""

    prompt: str = ""
    references: list[str] = []
    id: str
    x: str
    y: str


class PacketQuestion(Document):
    """A question that readers answer on every pair."""

    name: str
    text: str


class Packet(Document):
    """`blind/packets/<id>.json`: what one readers' page holds."""

    id: str
    """Hash of the pairs and the questions."""
    pairs: list[PacketPair]
    questions: list[PacketQuestion]


class BallotVote(Document):
    """One answer on a ballot."""

    pair: str
    question: str
    order: Order
    vote: Choice
    ms: int


class Ballot(Document):
    """`blind/ballots/<reader>.json`: one reader's answers on one packet, as the page gives them."""

    ballot: int = 1
    packet: str
    reader: str
    votes: list[BallotVote]
    comments: dict[str, str]
    """By pair."""
    checksum: str = Field(alias="sum")


class JudgeQualification(Document):
    """How one judge did on the cases whose answer is known, and whether its votes count."""

    qualified: bool
    why: str
    faults: list[str] = []
    """What costs the vote."""
    remarks: list[str] = []
    """What does not."""
    figures: dict[str, Rate] = {}
    """By kind of case: how often the right text was chosen (identical: a tie; length: the longer)."""
    position: Rate | None = None
    """How often the text shown first won."""
    unscored: float = 0.0
    cases: int = 0
    words: int = 0
    """Length of the passages, at most."""


class JudgeQualifications(Document):
    """`blind/court.json`: the qualification of every judge, by name."""

    judges: dict[str, JudgeQualification] = {}


class DecidingRate(Rate):
    """The win rate that the decision reads: readers and endpoint judges; only without both, the built-in judge."""

    independent: bool
    """Whether somebody other than the built-in judge has voted."""
    raters: list[str] = []
    coverage: float | None
    """Share of the votes due that were scored."""
    worst_case_low: float | None
    """Lower bound with every missing vote counted against the arm under test."""
    best_case_high: float | None
    bootstrap_low: float | None = None
    bootstrap_high: float | None = None


class LengthBias(Document):
    """Whether the longer text wins."""

    longer_wins: Rate
    length_adjusted: Rate
    """The win rate at equal length, by a logistic regression."""


class QuestionResult(Document):
    """The win rates of arm `a` on one question."""

    deciding: DecidingRate
    readers: Rate
    judges: Rate
    built_in: Rate
    together: Rate
    by_rater: dict[str, Rate]
    by_domain: dict[str, Rate]
    majority: Rate
    """Share of the prompts on which most votes preferred arm `a`, with Wilson's interval."""
    ties: float | None
    length: LengthBias | None
    by_prompt: dict[str, float]
    """The mean score of arm `a` on each prompt, from the deciding votes."""


class Comparison(Document):
    """All votes on the pairs of two arms."""

    a: str
    """The arm whose win rate is given; the fine-tuned one where it takes part."""
    b: str
    pairs: int
    questions: dict[str, QuestionResult]


class Rater(Document):
    """How one reader or judge voted, whatever the arms."""

    kind: RaterKind
    counts: bool
    why: str
    opinions: int
    unscored: int
    coverage: float
    ties: float | None
    flip_rate: Rate
    """How often the two orders of a pair got different answers."""
    first_wins: Rate
    usd: float = 0.0


class QuestionAgreement(Document):
    """Agreement on one question. A group of fewer than two raters is absent."""

    readers: Agreement | None = None
    judges: Agreement | None = None
    all: Agreement | None = None
    cohen: dict[str, Rate]
    """Of every two raters."""


class Strengths(Document):
    """Bradley-Terry strengths of the arms, which sum to 1; None and the reason where they cannot be estimated."""

    strengths: dict[str, float] | None
    why: str | None


class Verdict(Document):
    """`blind/verdict.json`: what the votes say."""

    win_rate: dict[str, DecidingRate]
    """By question, of the first comparison."""
    arms: list[str]
    """Of the first comparison."""
    level: float
    """Of the intervals: 0.95, or more where several looks were planned."""
    looks: int
    comparisons: list[Comparison]
    raters: dict[str, Rater]
    agreement: dict[str, QuestionAgreement]
    strengths: Strengths | None
    """Where three arms or more met."""
    votes: int = 0
    votes_on_unknown_pairs: int = Field(0, alias="strangers")
    """Votes on pairs that are not among the pairs; they are not counted."""
