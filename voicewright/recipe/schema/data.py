"""What `prepare` makes of the sources."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import Field, field_validator, model_validator

from voicewright.core.paths import REPO_DIR
from voicewright.recipe.schema.section import Section

RowShape = Literal["completion", "chat", "preference"]
SHAPES_DIR = REPO_DIR / "voicewright" / "data" / "shapes"


def shapes() -> dict[str, RowShape]:
    """The shapes that prepare has, and the rows each makes: its modules, by their folders."""
    of_rows: tuple[RowShape, ...] = get_args(RowShape)
    return {
        path.stem: rows for rows in of_rows for path in sorted((SHAPES_DIR / rows).glob("*.py")) if path.stem[0] != "_"
    }


class Source(Section):
    """A file, a folder or a glob with material."""

    path: str
    sample: str = "manuscripts/sample"
    """Used, with a notice, where `path` is below manuscripts/ and not there yet."""
    shape: str = "completion"
    """What is made of it. completion: passages; continuation: fragment and what follows; qa: questions that a
    passage answers; chat, instruction, preference: rows of that kind; modes: memories for the cognitive modes; and
    whatever else prepare/shapes/ has a module for."""
    weight: float = Field(1.0, gt=0)
    """How often its training rows are drawn: 1 once, 2 twice, 0.5 every other one."""
    voice: str = "assistant"
    """In chats: the role, or the name of the speaker, whose turns are learnt."""
    system: str | list[str] | None = None
    """System prompt of its rows, or a list that one is drawn from for each row; null leaves those of the source."""

    @property
    def row_shape(self) -> RowShape:
        """The folder of `data/` that its rows go to, which tells Axolotl's dataset type."""
        return shapes()[self.shape]

    @field_validator("shape")
    @classmethod
    def _prepare_has_it(cls, shape: str) -> str:
        if shape not in shapes():
            raise ValueError(f"expected a shape of prepare/shapes/: {', '.join(shapes())}")
        return shape


class Continuation(Section):
    """Fragments of a manuscript, each with what follows it."""

    words: int = Field(350, ge=20)
    """Length of a fragment and of its continuation; less where two would not fit in max_tokens."""
    overlap: int = Field(50, ge=0)
    """Words of a fragment that the next one begins with."""
    instruction: str = "Continue this passage in the same voice:"
    """Put before the fragment; empty for the fragment alone."""


class Asking(Section):
    """A model behind an OpenAI-compatible endpoint, asked while rows are made."""

    url: str = "http://127.0.0.1:8000/v1"
    model: str | None = None
    """The model's name there; null takes the first that it lists."""
    key_variable: str = "OPENAI_API_KEY"
    """The environment variable (or line of .env) with the key. The key itself never stands in a recipe."""
    coverage: float = Field(0.9, gt=0, le=1)
    """The stage is done when this share of what was asked for is there."""
    tries: int = Field(3, ge=1)
    wait_s: float = Field(1.0, gt=0)
    """First pause between tries; doubled each time, with jitter."""
    concurrency: int = Field(8, ge=1)
    timeout_s: float = Field(120, gt=0)
    price_in: float = Field(0.0, ge=0)
    """Of a million prompt tokens, in the currency you pay in."""
    price_out: float = Field(0.0, ge=0)


class Questions(Asking):
    """Questions that a passage answers."""

    per_passage: int = Field(2, ge=1)
    persona: str = "You are the author of this book. Answer in your own voice."
    """System prompt of the rows."""


class Expansion(Asking):
    """Further passages in the author's style, written by a model that is shown training passages.

    They are trained on and labelled; they are never validated on, held out, or taken for the author's own words.
    """

    share: float = Field(0.25, gt=0, le=1)
    """Their words for each word of the author's that is trained on."""
    shown: int = Field(3, ge=1)
    """How many of the author's passages each is written after."""
    words: int = Field(400, ge=50)
    """Of one passage; less where the model's context has no room for it beside those shown."""
    temperature: float = Field(0.9, ge=0)


class Modes(Section):
    """Memories as samples of three cognitive modes."""

    types: dict[str, Literal["dual", "emulation", "agent"]] = {}
    """The mode that each type of memory is for. configs/data/modes.yaml has the usual mapping."""
    only: list[Literal["dual", "emulation", "agent"]] = []
    """The modes to train; empty for all three."""
    fillers: list[str] = []
    """Phrases that say nothing; taken out where a reply begins with one, and counted where they remain."""
    family: str | None = None
    """A file of configs/data/families/ whose prefixes wrap the roles in place of the model's own template."""


class Data(Section):
    """What `prepare` makes of the sources."""

    sources: dict[str, Source]
    """By name: lists do not merge, mappings do."""
    min_tokens: int = Field(64, ge=1)
    """Chunks are no shorter, save where a chapter is."""
    max_tokens: int = Field(480, ge=16)
    """Chunks are no longer, ever."""
    val_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of the words that Axolotl evaluates on, in whole chapters."""
    heldout_share: float = Field(0.1, gt=0, lt=0.5)
    """Share of the words that training never sees and the benchmarks measure against, in whole chapters."""
    split: Literal["auto", "work", "chapter"] = "auto"
    """What is held out whole. auto: a work when there are three or more, else chapters."""
    seed: int = 20
    max_rows: int | None = Field(None, ge=10)
    """For a small first run: this many rows at most, drawn from all of them."""
    plain_punctuation: bool = False
    """Make curly quotes straight and dashes of every length a hyphen."""
    special_tokens: Literal["refuse", "remove"] = "refuse"
    """What to do with a text that spells the model's own control tokens."""
    mask_personal: bool = False
    """Put [e-mail], [phone], [secret] in place of personal data and keys in the rows."""
    continuation: Continuation = Continuation()
    qa: Questions = Questions()
    expand: Expansion | None = None
    modes: Modes = Modes()

    @model_validator(mode="after")
    def _bounds_leave_a_range(self) -> Data:
        if self.min_tokens > self.max_tokens:
            raise ValueError(f"min_tokens {self.min_tokens} is above max_tokens {self.max_tokens}")
        return self

    @model_validator(mode="after")
    def _preferences_stand_alone(self) -> Data:
        shapes = {source.row_shape for source in self.sources.values()}
        if "preference" in shapes and len(shapes) > 1:
            raise ValueError("preference sources cannot be mixed with others: DPO trains on pairs alone")
        return self

    @model_validator(mode="after")
    def _prose_is_what_can_be_expanded(self) -> Data:
        if self.expand and any(source.shape != "completion" for source in self.sources.values()):
            raise ValueError("expand writes passages of prose: every source must be of shape completion")
        return self
