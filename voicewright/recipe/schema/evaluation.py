"""Where models answer, what they are asked, who judges, and what must be reached."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from voicewright.recipe.schema.section import Section


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
    attempts: int = Field(6, ge=1)
    """How often a request is sent before the endpoint counts as dead."""
    timeout_s: float = Field(600, gt=0)
    """How long one request may take."""
    seed: int = 20
    bootstrap: int = Field(2000, ge=100)
    """Resamples behind each interval."""
    imposters: str | None = None
    """Figures of other authors (`python -m benchmarks.style.imposters FOLDER FILE.npz`); null for the shipped."""


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


class Judge(Section):
    """One judge of the blind comparison."""

    kind: Literal["stylometric", "endpoint"] = "stylometric"
    """stylometric: built in, no network, voice only; endpoint: a model behind an OpenAI-compatible API."""
    model: str | None = None
    """The model's name at the endpoint."""
    url: str | None = None
    """The endpoint's base URL, for example http://127.0.0.1:8000/v1"""
    key_env: str | None = None
    """The environment variable (or line of `.env`) that holds the key; None for a server that asks for none."""
    questions: list[str] = ["voice", "quality", "rubric"]
    """What it is asked, each separately: voice, quality, items of `blind.rubric` by name, or rubric for all of them."""
    temperature: float | None = Field(0.0, ge=0)
    """None leaves it out: some models refuse the setting."""
    max_tokens: int = Field(400, ge=16)
    token_limit: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """The name the endpoint gives to the limit on an answer's length."""
    answer_format: Literal["schema", "object", "text"] = "schema"
    """What the endpoint can be held to: a JSON schema, some JSON object, or nothing."""
    concurrency: int = Field(4, ge=1)
    requests_per_minute: float | None = Field(None, gt=0)
    timeout_s: float = Field(60, gt=0)
    input_price: float = Field(0, ge=0)
    """US dollars a million tokens read."""
    output_price: float = Field(0, ge=0)
    """US dollars a million tokens written."""
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


class Court(Section):
    """The known pairs a judge is tried on before its votes count."""

    cases: int = Field(24, ge=4)
    """Pairs a kind of case, each judged in both orders."""
    words: int = Field(200, ge=40)
    """Length of the passages it must tell apart; no more than the pairs usually have."""
    unscored: float = Field(0.05, ge=0, le=1)
    """A judge that leaves a larger share unscored loses its vote."""
    manuscripts: str | None = None
    """A folder of other authors' texts as impostors, better the nearer they are to the author's kind; None for ours."""


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
    """Judging that is estimated to cost more waits for `yes=1`."""
    stop_above_usd: float | None = Field(None, gt=0)
    """Judging ends where the counted cost reaches this."""
    court: Court = Court()
    seed: int = 20
