"""The shape `chat`: conversations, cut between exchanges where they are longer than a row."""

from voicewright.data.chats import make

__all__ = ["make"]
