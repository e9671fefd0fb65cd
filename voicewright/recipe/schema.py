"""What a recipe may say, under our own keys; `axolotl:` and `vllm:` keep upstream's.

Each field's docstring says what it does; units are in the names.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from voicewright.core.documents.adaptations import FallbackStep
from voicewright.core.paths import PACKAGE_DIR

RowShape = Literal["completion", "chat", "preference"]
SHAPES_DIR = PACKAGE_DIR / "data" / "shapes"


class Section(BaseModel):
    """A mapping in which an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, validate_default=True)


# --- what is trained, and what neither model nor machine can do


class Dimensions(Section):
    """The shape of a decoder, enough to plan memory before anything is downloaded."""

    parameters: int
    """Number of weights."""
    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    tied_embeddings: bool = False
    active_parameters: int | None = None
    """Of a mixture of experts: the weights that one token goes through."""


class Sampling(Section):
    """How text is drawn from a model; the keys are those of the OpenAI-compatible API."""

    temperature: float = Field(0.8, ge=0)
    top_p: float = Field(0.95, gt=0, le=1)
    top_k: int | None = None
    repetition_penalty: float | None = Field(None, gt=0)


class Model(Section):
    """The base model."""

    name: str
    license: str
    """As on the hub: apache-2.0, mit, llama3.1, ..."""
    gated: bool = False
    """The hub asks for an accepted licence and a token (HF_TOKEN)."""
    chat: bool
    """The model follows instructions in its chat template; False means raw continuation."""
    context: int = Field(gt=0)
    """Longest sequence in tokens."""
    thinking: bool | None = None
    """Whether it thinks aloud before it answers; null: its template has no such switch."""
    smaller: str | None = None
    """The model of configs/model/ to fall back to when this one does not fit."""
    dimensions: Dimensions
    sampling: Sampling = Sampling()


class Hardware(Section):
    """The machine that trains."""

    name: str
    accelerator: Literal["cpu", "cuda", "mps"]
    memory_gb: float = Field(gt=0)
    """Memory of one accelerator (of the machine, where there is none)."""
    devices: int = Field(1, ge=1)
    """Accelerators of one machine."""
    nodes: int = Field(1, ge=1)
    """Machines that train together, each with `devices`."""
    rendezvous: str | None = None
    """Host and port of the first machine, the same on all: node1:29500"""
    rendezvous_id: str = "voicewright"
    teraflops: float | None = Field(None, gt=0)
    """Dense bfloat16 of one accelerator, for the time in `make plan`."""
    usd_per_hour: float | None = Field(None, ge=0)
    """What renting it costs, for `make plan`; null where nobody rents it."""
    free_gb: float | None = Field(None, gt=0)
    """Memory that must be free on each accelerator before a model is loaded; null: nobody looks."""


class EarlyStopping(Section):
    """When a run may end before its last step: once its loss falls by no more than its own noise."""

    watch: Literal["eval_loss", "loss"] = "eval_loss"
    window: int = Field(3, ge=2)
    """Losses averaged; the last window is compared with the one before it."""
    threshold: float = 1.0
    """The loss must fall by this many standard errors between the two."""
    patience: int = Field(2, ge=1)
    """Looks in a row that must find it flat."""
    min_exposure: float = Field(1.0, ge=0)
    """Epochs before which nothing is stopped: 1 when every row has been seen."""


class Limit(Section):
    """What a model or a machine cannot do. Keys are dotted paths into the recipe."""

    at_most: dict[str, float] = {}
    at_least: dict[str, float] = {}
    must_be: dict[str, Any] = {}
    instead: dict[str, dict[str, Any]] = {}
    """By key: a value that cannot be, and what takes its place. A value that is not named stays."""


class Limits(Section):
    """Applied after composing: a recipe's value is brought within, an explicit SET is an error."""

    method: Limit = Limit()
    """What a method is ruined by: an explicit SET may go beyond it."""
    model: Limit = Limit()
    hardware: Limit = Limit()


# --- models that are asked


class EndpointSettings(Section):
    """A model behind an OpenAI-compatible endpoint, how patiently it is asked, and what its tokens cost."""

    url: str | None = None
    """The base URL, for example http://127.0.0.1:8000/v1"""
    model: str | None = None
    """The model's name there; null takes the first that it lists."""
    api_key_env: str | None = None
    """The environment variable (or line of `.env`) with the key; null for a server that asks for none. The key itself
    never stands in a recipe."""
    timeout_s: float = Field(60, gt=0)
    """How long one try may take."""
    max_retries: int = Field(2, ge=0)
    """Tries after the first."""
    first_delay_s: float = Field(1.0, gt=0)
    """Pause before the first retry; doubled each time, with jitter."""
    concurrency: int = Field(4, ge=1)
    """Requests under way at a time."""
    requests_per_minute: float | None = Field(None, gt=0)
    price_per_million_input: float = Field(0, ge=0)
    """US dollars a million tokens read."""
    price_per_million_output: float = Field(0, ge=0)
    """US dollars a million tokens written."""


# --- what `prepare` makes of the sources


@functools.cache
def shapes() -> dict[str, RowShape]:
    """The shapes of voicewright/data/shapes/, and the rows that each makes.

    They are read from the `@shape` lines of its files: a recipe is validated without importing what reads material.
    """
    lines = (line for path in sorted(SHAPES_DIR.glob("*.py")) for line in path.read_text(encoding="utf-8").splitlines())
    matches = (re.fullmatch(r'@shape\("(\w+)", rows="(completion|chat|preference)"\)', line) for line in lines)
    return {match[1]: cast(RowShape, match[2]) for match in matches if match}


class Source(Section):
    """A file, a folder or a glob with material."""

    path: str
    sample: str = "manuscripts/sample"
    """Used, with a notice, where `path` is below manuscripts/ and not there yet."""
    shape: str = "completion"
    """What is made of it. completion: passages; continuation: fragment and what follows; qa: questions that a
    passage answers; chat, instruction, preference: rows of that kind; modes: memories for the cognitive modes; and
    whatever else voicewright/data/shapes/ has a module for."""
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
            raise ValueError(f"expected a shape of voicewright/data/shapes/: {', '.join(shapes())}")
        return shape


class Continuation(Section):
    """Fragments of a manuscript, each with what follows it."""

    words: int = Field(350, ge=20)
    """Length of a fragment and of its continuation; less where two would not fit in max_tokens."""
    overlap: int = Field(50, ge=0)
    """Words of a fragment that the next one begins with."""
    instruction: str = "Continue this passage in the same voice:"
    """Put before the fragment; empty for the fragment alone."""


class Asking(EndpointSettings):
    """A model that is asked while rows are made."""

    url: str = "http://127.0.0.1:8000/v1"
    api_key_env: str | None = "OPENAI_API_KEY"
    concurrency: int = Field(8, ge=1)
    timeout_s: float = Field(120, gt=0)
    coverage: float = Field(0.9, gt=0, le=1)
    """The stage is done when this share of what was asked for is there."""


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
    example_passages: int = Field(3, ge=1)
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


# --- where models answer, what they are asked, who judges, and what must be reached


class Serve(Section):
    """Where the two endpoints are. Their arguments are under `vllm:`."""

    engine: Literal["vllm", "external"] = "vllm"
    """external: somebody else's OpenAI-compatible servers at the two URLs."""
    host: str = "127.0.0.1"
    baseline_port: int = Field(8000, ge=1, le=65535)
    finetuned_port: int = Field(8002, ge=1, le=65535)
    baseline_url: str | None = None
    """For external: for example http://127.0.0.1:11434/v1"""
    finetuned_url: str | None = None
    adapters_port: int = Field(8004, ge=1, le=65535)
    """One server with the base and any number of adapters: checkpoints, or many runs side by side."""
    ready_timeout_s: int = Field(900, gt=0)
    """How long a server may take to load before it counts as stuck."""

    def url(self, arm: str) -> str:
        """The base URL at which an arm answers; prompted is the baseline asked in another way."""
        if arm in ("baseline", "prompted"):
            given, port = self.baseline_url, self.baseline_port
        elif arm == "finetuned":
            given, port = self.finetuned_url, self.finetuned_port
        else:
            given, port = None, self.adapters_port
        if self.engine == "external" and given:
            return given.rstrip("/")
        return f"http://{'127.0.0.1' if self.host == '0.0.0.0' else self.host}:{port}/v1"  # noqa: S104


class LmEval(Section):
    """Tasks of lm-evaluation-harness, in its own key names; it is installed for the first recipe that asks for some."""

    tasks: list[str] = []
    """Its own (their data comes from the hub), those in `benchmarks/tasks/`, or the path of a task's YAML."""
    limit: int | None = Field(500, ge=1)
    """Questions a task; None for all."""
    num_fewshot: int | None = Field(None, ge=0)
    """None for what each task says."""
    apply_chat_template: bool = False


class Eval(Section):
    """What is generated and measured."""

    prompts: list[str] = ["narrative"]
    """Files of `benchmarks/prompts/` without their ending; [] for held-out openings alone."""
    openings: int = Field(24, ge=0)
    """How many openings of held-out passages are continued."""
    training_prefixes: int = Field(8, ge=0)
    """How many openings of training passages are continued as well, to see what was learnt by heart; 0 for none."""
    opening_words: int = Field(60, ge=1)
    samples: int = Field(2, ge=1)
    """Generations a prompt, each with a seed of its own."""
    max_words: int = Field(300, ge=20)
    """Length of a generation, the same for every arm."""
    prompted_passages: int = Field(3, ge=0)
    """Training passages shown to the base model in the `prompted` arm; 0 leaves the arm out."""
    tokens_per_word: float = Field(2.0, gt=1)
    """An answer may have this many tokens for each of `max_words`, so that words, not tokens, set its length."""
    likelihood: bool = True
    """Also ask each arm for the log-probabilities of the held-out passages."""
    lm_eval: LmEval = LmEval()
    """What else the base could do, question by question."""
    concurrency: int = Field(32, ge=1)
    max_retries: int = Field(5, ge=0)
    """Tries after the first, before the endpoint counts as dead."""
    timeout_s: float = Field(600, gt=0)
    """How long one request may take."""
    seed: int = 20
    bootstrap: int = Field(2000, ge=100)
    """Resamples behind each interval."""
    imposters: str | None = None
    """Figures of other authors (`make imposters CORPUS=folder OUT=file.npz`); null for the shipped."""


class Targets(Section):
    """What the fine-tuned model must reach: the lower 95% bound above each."""

    transfer: float = 60
    vocabulary: float = 70
    structure: float = 65
    markers: float = 50
    pov: float = 80
    blind: float = 60
    """Blind win rate over the first arm of `blind.against`, in percent, ties counting half."""
    prompted: float = 50
    """Blind win rate over the base model shown the author's passages, in percent."""


class Judge(EndpointSettings):
    """One judge of the blind comparison."""

    kind: Literal["stylometric", "endpoint"] = "stylometric"
    """stylometric: built in, no network, voice only; endpoint: a model behind an OpenAI-compatible API."""
    questions: list[str] = ["voice", "quality", "rubric"]
    """What it is asked, each separately: voice, quality, items of `blind.rubric` by name, or rubric for all of them."""
    temperature: float | None = Field(0.0, ge=0)
    """None leaves it out: some models refuse the setting."""
    max_retries: int = Field(2, ge=0, le=2)
    """Tries after the first, two at most; then the vote is unscored."""
    max_tokens: int = Field(400, ge=16)
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name the endpoint gives to the limit on an answer's length."""
    answer_format: Literal["schema", "object", "text"] = "schema"
    """What the endpoint can be held to: a JSON schema, some JSON object, or nothing."""
    extra: dict[str, Any] = {}
    """More of the endpoint's own request fields, sent as they are."""

    @model_validator(mode="after")
    def _an_endpoint_says_where_and_what(self) -> Judge:
        if self.kind == "endpoint" and not (self.model and self.url):
            raise ValueError("an endpoint judge needs model and url")
        return self


class Published(Section):
    """A figure that others reported of the same recipe; the report shows it beside the run's own."""

    label: str
    value: str
    ours: str | None = Field(None, pattern=r"^(steps|loss|eval_loss|minutes|memory_gb|agreement|blind(\.\w+)?)$")
    """The run's figure that stands beside it: steps, loss, eval_loss, minutes, memory_gb, blind, blind.<kind of prompt>
    or agreement."""
    model: str | None = None
    """The model that it is of; another one's run has no figure to put beside it."""


class QualificationSettings(Section):
    """The pairs of known authorship that a judge must tell apart before its votes count."""

    cases: int = Field(24, ge=4)
    """Pairs a kind of case, each judged in both orders."""
    words: int = Field(200, ge=40)
    """Length of the passages it must tell apart; no more than the pairs usually have."""
    max_unscored: float = Field(0.05, ge=0, le=1)
    """A judge that leaves a larger share unscored loses its vote."""
    manuscripts: str | None = None
    """A folder of other authors' texts as imposters, better the nearer they are to the author's kind; None for ours."""


class Blind(Section):
    """The blind comparison."""

    against: list[str] = ["baseline", "prompted"]
    """Arms that the fine-tuned model is paired with; the first is the one `targets.blind` speaks of."""
    references: int = Field(2, ge=1, le=3)
    """Held-out passages of the author that a judge sees beside a pair."""
    max_words: int = Field(250, ge=20)
    """Both texts of a pair end at a sentence before this many words."""
    rubric: dict[str, str] = {}
    """Questions of the recipe's own, by name."""
    reader_pairs: int = Field(20, ge=1)
    """How many pairs a reader's packet holds."""
    looks: int = Field(1, ge=1)
    """How often the verdict may be looked at before it is final; each look's interval is widened accordingly."""
    ask_above_usd: float = Field(1.0, ge=0)
    """Judging that is estimated to cost more waits for `YES=1`."""
    stop_above_usd: float | None = Field(None, gt=0)
    """Judging ends where the counted cost reaches this."""
    judge_qualification: QualificationSettings = QualificationSettings()
    seed: int = 20


class Recipe(Section):
    """A composed recipe: everything one run does."""

    recipe: str
    """The recipe's name."""
    run: str
    """The run's name, a folder under runs/."""
    model: Model
    method: Literal["qlora", "lora", "full", "dpo", "pretrain"]
    after: str | None = None
    """The recipe whose merged model this one starts from; it runs first."""
    early_stopping: EarlyStopping | None = None
    out_of_memory: list[FallbackStep] = ["batch", "sequence", "rank", "model"]
    """What is tried, in this order, when training runs out of memory. batch: a smaller micro batch, goes on;
    sequence: half the length, shorter rows, starts anew; rank: half the rank, anew; model: `model.smaller`, anew."""
    shorter_rows: list[int] = []
    """The lengths that `sequence` goes down to, one after the other, where half of it is not what is wanted."""
    hardware: Hardware
    data: Data
    axolotl: dict[str, Any]
    """Exactly what Axolotl reads, in its own key names."""
    vllm: dict[str, Any] = {}
    """vLLM's arguments, in its own key names."""
    serve: Serve = Serve()
    eval: Eval = Eval()
    targets: Targets = Targets()
    judges: dict[str, Judge] = {}
    blind: Blind = Blind()
    published: list[Published] = []
    """What others reported of the same."""
    limits: Limits = Limits()
