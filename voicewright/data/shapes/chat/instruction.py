"""The shape `instruction`: a request and its answer, a conversation of one exchange."""

from voicewright.data.chats import make

__all__ = ["make"]
