"""The readers' packet: one page of pairs that names no arm and needs no network, and a local server for it.

The file `blind/packet.html` can be mailed: it opens in a browser without a network. Ballots come back as files, or are
handed in here while the page is served; `ballots` merges both.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from voicewright.core.documents.base import write_document
from voicewright.core.documents.judging import Packet, PacketPair, PacketQuestion, Pair
from voicewright.core.errors import UserError, notice
from voicewright.core.paths import Run
from voicewright.core.records import content_id, write_text
from voicewright.judging.ballots import read_ballot
from voicewright.judging.pairs import read_key, read_pairs
from voicewright.recipe.schema import Blind
from voicewright.serving.server import next_free_port, port_holder

TEMPLATES_DIR = Path(__file__).parent / "templates"
QUESTIONS = {
    "voice": "Which text is more likely the author’s?",
    "quality": "Whoever wrote them: which text is better written?",
}
WORDS_PER_MINUTE = 220
MAX_BALLOT_BYTES = 4 * 2**20


def build_packet(pairs: Sequence[Pair]) -> Packet:
    """What the page holds of the pairs, sorted by id; the packet's id is a hash of it.

    Readers are asked about voice only where every pair has passages of the author beside it.
    """
    packet_pairs = [
        PacketPair(prompt=pair.prompt, references=pair.references, id=pair.id, x=pair.x, y=pair.y)
        # The order of the file tells of the run; the order of random ids tells nothing.
        for pair in sorted(pairs, key=lambda pair: pair.id)
    ]
    names = ["voice", "quality"] if all(pair.references for pair in packet_pairs) else ["quality"]
    questions = [PacketQuestion(name=name, text=QUESTIONS[name]) for name in names]
    content = [[pair.to_json() for pair in packet_pairs], [question.to_json() for question in questions]]
    return Packet(id=content_id(content, 24), pairs=packet_pairs, questions=questions)


def render_packet(packet: Packet) -> str:
    """The packet as one HTML file. Its policy admits style and script by their hash, so that no other script runs."""
    style = (TEMPLATES_DIR / "packet.css").read_text(encoding="utf-8")
    script = (TEMPLATES_DIR / "packet.js").read_text(encoding="utf-8")
    words = sum(len(" ".join([p.x, p.y, p.prompt, *p.references[:1]]).split()) for p in packet.pairs)
    engine = Environment(loader=FileSystemLoader(TEMPLATES_DIR), autoescape=True, undefined=StrictUndefined)
    return engine.get_template("packet.html.j2").render(
        style=Markup(style),  # noqa: S704 (our own file)
        script=Markup(script),  # noqa: S704
        style_sha=_sha256(style),
        script_sha=_sha256(script),
        packet=Markup(_escaped_json(packet)),  # noqa: S704 (escaped)
        n_pairs=len(packet.pairs),
        n_questions=len(packet.questions),
        asks_voice=packet.questions[0].name == "voice",
        minutes=max(5, round(words / WORDS_PER_MINUTE / 5) * 5),
    )


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _escaped_json(packet: Packet) -> str:
    """JSON that cannot end the element it stands in, whatever the texts hold."""
    text = json.dumps(packet.to_json(), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def write_packet(run: Run, blind: Blind, n_pairs: int | None = None) -> Packet:
    """Write blind/packet.html and the packet behind it; `n_pairs` is `blind.reader_pairs` where it is not given.

    Readers see the comparison that `targets.blind` is about, in the stratified order of pairs.jsonl.
    """
    pairs = read_pairs(run.pairs_path, hint=f"make pair RUN={run.name}")
    key = read_key(run.key_path, pairs)
    compared = [pair for pair in pairs if blind.against[0] in key[pair.id].arms]
    packet = build_packet(compared[: n_pairs or blind.reader_pairs])
    write_document(run.packets_dir / f"{packet.id}.json", packet)
    write_text(run.packet_path, render_packet(packet))
    return packet


def serve_packet(run: Run, packet: Packet, port: int = 8010) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C; where `port` is in use, on the next one that is free."""
    with packet_server(run, packet, port) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        print(f"{url} until Ctrl-C; ballots that are handed in go to {run.ballots_dir}", flush=True)
        server.serve_forever()


def packet_server(run: Run, packet: Packet, port: int) -> ThreadingHTTPServer:
    """A server of the page at the first free port from `port` on."""
    free_port = next_free_port("127.0.0.1", port)
    if free_port != port:
        notice(f"port {port} is in use by {port_holder(port)}: the page is served at port {free_port}")
    return ThreadingHTTPServer(("127.0.0.1", free_port), _ballot_handler(run, packet))


def _ballot_handler(run: Run, packet: Packet) -> type[BaseHTTPRequestHandler]:
    """A handler that gives the page and writes each ballot that is handed in to a file of `run.ballots_dir`."""
    html = render_packet(packet)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Readers' requests are not logged."""

        def do_GET(self) -> None:
            if self.path == "/" and self._is_local():
                self._answer(200, html, "text/html; charset=utf-8")
            else:
                self._answer(404, "There is nothing here.")

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if self.path != "/ballot" or not self._is_local() or not 0 < size <= MAX_BALLOT_BYTES:
                self._answer(404, "There is nothing here.")
                return
            try:
                ballot = read_ballot(self.rfile.read(size).decode("utf-8", "replace"), "the ballot")
                if ballot.packet != packet.id:
                    raise UserError("the ballot is of another packet; reload the page")
            except UserError as error:
                self._answer(400, str(error))
                return
            # The reader's id becomes a file name: only what packet.js draws is accepted.
            if not (ballot.reader.isascii() and ballot.reader.isalnum()):
                self._answer(400, "the ballot has no reader")
                return
            write_document(run.ballots_dir / f"{ballot.reader}.json", ballot)
            self._answer(200, "Handed in. Thank you.")

        def _is_local(self) -> bool:
            """Refuse pages of other origins, which a browser would let talk to this address."""
            host = (self.headers.get("Host") or "").partition(":")[0]
            origin = self.headers.get("Origin")
            return host in ("127.0.0.1", "localhost") and origin in (None, f"http://{self.headers.get('Host')}")

        def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("X-Content-Type-Options", "nosniff")
            self.end_headers()
            self.wfile.write(data)

    return Handler
