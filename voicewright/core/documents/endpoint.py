"""What an OpenAI-compatible endpoint answers, as far as it is read here."""

from __future__ import annotations

from pydantic import BaseModel, Field, FiniteFloat, NonNegativeInt


class TokenLogprob(BaseModel):
    """A token's natural log-probability; vLLM writes minus infinity as -9999."""

    logprob: FiniteFloat


class ChatMessage(BaseModel):
    """The message of an answer, or a piece of it in a stream."""

    content: str | None = None


class Choice(BaseModel):
    """One answer: `text` of a raw completion, `message` of a chat."""

    text: str | None = None
    message: ChatMessage | None = None
    finish_reason: str | None = None
    prompt_logprobs: list[dict[str, TokenLogprob] | None] | None = None
    """vLLM's, of each prompt token by its id; None for the first token, which nothing precedes."""


class Usage(BaseModel):
    """Tokens that were read and written."""

    prompt_tokens: NonNegativeInt | None = None
    completion_tokens: NonNegativeInt | None = None

    @property
    def total(self) -> int:
        return (self.prompt_tokens or 0) + (self.completion_tokens or 0)


class Completion(BaseModel):
    """The answer to /completions or /chat/completions."""

    choices: list[Choice] = Field(min_length=1)
    usage: Usage | None = None

    def text(self, *, chat: bool) -> str | None:
        """The first answer's text, "" where it is null; None where it has no such field."""
        choice = self.choices[0]
        if chat:
            return None if choice.message is None else choice.message.content or ""
        return choice.text or "" if "text" in choice.model_fields_set else None


class ChoicePart(BaseModel):
    """A piece of an answer in a stream."""

    text: str | None = None
    delta: ChatMessage | None = None


class CompletionPart(BaseModel):
    """One event of a streamed answer; the last may have no choices."""

    choices: list[ChoicePart] = Field(default_factory=list)

    @property
    def text(self) -> str:
        if not self.choices:
            return ""
        choice = self.choices[0]
        return (choice.delta.content if choice.delta else choice.text) or ""


class ServedModel(BaseModel):
    """An entry of /models."""

    id: str
    root: str | None = None
    """vLLM: the folder or hub name that is loaded."""
    max_model_len: int | None = None
    """vLLM: the longest sequence in tokens."""
    parent: str | None = None
    """vLLM: of an adapter, the id of its base model."""
    owned_by: str | None = None
    """"vllm" where vLLM serves it."""


class ServedModels(BaseModel):
    """The answer to /models."""

    data: list[ServedModel]


class Tokens(BaseModel):
    """The answer to vLLM's /tokenize."""

    tokens: list[int]


class Detokenized(BaseModel):
    """The answer to vLLM's /detokenize."""

    prompt: str
