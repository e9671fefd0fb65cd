"""Bytes into text, whatever editor wrote them."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from voicewright.data.errors import Unreadable

_MARKS = [
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
]


_BINARY = "holds binary data, not text; save it as UTF-8 text, or give the .docx, .odt, .rtf, .epub or .pdf itself"


@dataclass(frozen=True)
class Decoded:
    """A text and the encoding it was in."""

    text: str
    encoding: str


def decode(data: bytes) -> Decoded:
    """UTF-8, a marked UTF-16 or UTF-32, an unmarked UTF-16, or Windows-1252. Raises Unreadable with the line."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strictly(data, encoding)
    sample = data[:4096]
    if b"\0" in sample:
        # Western text in UTF-16 has a zero in nearly every second byte.
        for offset, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
            half = sample[offset::2]
            if half and half.count(0) > 0.7 * len(half) and sample[1 - offset :: 2].count(0) == 0:
                return _strictly(data, encoding)
        raise Unreadable(_BINARY, where=str(data[: data.index(b"\0")].count(b"\n") + 1))
    try:
        return Decoded(data.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
    controls = sum(byte < 9 or 13 < byte < 32 for byte in sample)
    if controls > 0.02 * len(sample):
        raise Unreadable(_BINARY, where=str(line))
    try:
        return Decoded(data.decode("cp1252"), "cp1252")
    except UnicodeDecodeError:
        raise Unreadable("is neither UTF-8 nor Windows-1252 from here on; save it as UTF-8", where=str(line)) from None


def _strictly(data: bytes, encoding: str) -> Decoded:
    try:
        return Decoded(data.decode(encoding), encoding.removesuffix("-sig"))
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Unreadable(f"is torn: not valid {encoding} from here on; save it as UTF-8", where=str(line)) from None
