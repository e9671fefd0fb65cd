"""Zip-based books (.docx, .epub, .odt), opened with limits: they may come from strangers."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from xml.etree.ElementTree import Element

import defusedxml.ElementTree as ElementTree
from defusedxml.common import DefusedXmlException

from voicewright.data.errors import Unreadable

# A long illustrated novel is some 50 MB; a bomb is gigabytes from a few kilobytes.
MAX_BYTES = 300 * 2**20
MAX_RATIO = 200


def is_zip(head: bytes) -> bool:
    """Whether a file that begins so is an archive."""
    return head.startswith(b"PK\x03\x04")


def names(path: Path) -> set[str]:
    """The names of the files in the archive."""
    with opened(path) as archive:
        return set(archive.namelist())


def mimetype(path: Path) -> bytes:
    """The media type that the archive states; empty where it states none."""
    with opened(path) as archive:
        return part(archive, "mimetype").strip() if "mimetype" in archive.namelist() else b""


def opened(path: Path) -> zipfile.ZipFile:
    """The archive. Raises Unreadable for a damaged one, and for one whose declared sizes are those of a zip bomb."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, NotImplementedError) as error:
        raise Unreadable(f"is a damaged archive ({error}); save it again from the program that wrote it") from None
    size = sum(info.file_size for info in archive.infolist())
    packed = sum(info.compress_size for info in archive.infolist()) or 1
    if size > MAX_BYTES or (size > 2**20 and size / packed > MAX_RATIO):
        archive.close()
        raise Unreadable(f"unpacks to {size / 2**20:,.0f} MiB from {packed / 2**20:.1f} MiB: a zip bomb, or not a book")
    return archive


def part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One file of the archive, never more than its header declared."""
    try:
        with archive.open(name) as file:
            data = file.read(archive.getinfo(name).file_size + 1)
    except KeyError:
        raise Unreadable(f"has no {name} inside; save it again from the program that wrote it") from None
    except (zipfile.BadZipFile, zlib.error, RuntimeError, OSError, EOFError) as error:
        raise Unreadable(f"is damaged or encrypted at {name} ({error})") from None
    if len(data) > archive.getinfo(name).file_size:
        raise Unreadable(f"declares a false size for {name}: a zip bomb")
    return data


def xml(data: bytes, name: str) -> Element:
    """Parse XML in which no entity is declared. Raises Unreadable for entity bombs and external entities."""
    try:
        root: Element = ElementTree.fromstring(data, forbid_dtd=False, forbid_entities=True, forbid_external=True)
    except DefusedXmlException:
        raise entities(name) from None
    except ElementTree.ParseError as error:
        raise Unreadable(f"has broken XML in {name}: {error}") from None
    return root


def entities(name: str) -> Unreadable:
    """The error for a part that declares XML entities."""
    return Unreadable(
        f"declares XML entities in {name}, which no book needs: an entity bomb or a file thief; "
        "convert it anew, or take it out"
    )
