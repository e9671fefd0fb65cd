"""Write the readers' packet of a run, and serve it on this machine: RUN -> blind/packet.html.

    python -m benchmarks.blind RUN [serve=1] [port=8010] [pairs=20]

The file can be mailed: it opens with a double click and needs no network. Ballots come back as files
(`python -m benchmarks.ballots RUN files=a.json,b.json`), or are handed in here when the page is served.
"""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from voicewright.cli import arguments
from voicewright.core.errors import UserError, exits_cleanly
from voicewright.core.paths import Run
from voicewright.core.records import write_json, write_text
from voicewright.judging import ballots
from voicewright.judging import packet as packets
from voicewright.judging import pairs as pair_files
from voicewright.recipe import recipes

MOST_BYTES = 4 * 2**20


def handler_of(run: Run, html: str, packet_id: str) -> type[BaseHTTPRequestHandler]:
    """A handler that gives the page and keeps the ballots handed in, each as a file to be merged."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            """Readers' requests are nobody's business."""

        def do_GET(self) -> None:
            if self.path == "/" and self._is_local():
                self._answer(200, html, "text/html; charset=utf-8")
            else:
                self._answer(404, "There is nothing here.")

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            if self.path != "/ballot" or not self._is_local() or not 0 < size <= MOST_BYTES:
                self._answer(404, "There is nothing here.")
                return
            try:
                ballot = ballots.read(self.rfile.read(size).decode("utf-8", "replace"), "the ballot")
                if ballot.packet != packet_id:
                    raise UserError("the ballot is of another packet; reload the page")
            except UserError as error:
                self._answer(400, str(error))
                return
            # The reader's id becomes a file name, so it must be what packet.js draws and nothing else.
            if not (ballot.reader.isascii() and ballot.reader.isalnum()):
                self._answer(400, "the ballot has no reader")
                return
            document = {
                "ballot": 1,
                "packet": ballot.packet,
                "reader": ballot.reader,
                "votes": ballot.votes,
                "comments": ballot.comments,
                "sum": ballots.checksum(ballot.packet, ballot.reader, ballot.votes, ballot.comments),
            }
            write_json(run.blind_dir / "ballots" / f"{ballot.reader}.json", document)
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


def serve(run: Run, html: str, packet_id: str, port: int) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C. Raises UserError when the port is taken."""
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler_of(run, html, packet_id))
    except OSError:
        raise UserError(f"port {port} is in use", hint="port=8011, or any free one") from None
    print(
        f"http://127.0.0.1:{server.server_port}/ until Ctrl-C; ballots handed in go to {run.blind_dir / 'ballots'}",
        flush=True,
    )
    with server:
        server.serve_forever()


@exits_cleanly
def main() -> None:
    name, options = arguments.parse(__doc__, {"serve": None, "port": "8010", "pairs": None})
    run, settings = Run(name), recipes.load(name)
    pairs = pair_files.read(run.pairs_path)
    key = pair_files.read_key(run.key_path, pairs)
    # Readers' time is short: they judge the comparison that the target speaks of, in the file's stratified order.
    first = [pair for pair in pairs if settings.blind.against[0] in key[pair["id"]]]
    packet = packets.contents(first[: int(options["pairs"] or settings.blind.reader_pairs)])
    html = packets.page(packet)
    # Earlier packets stay, so that a ballot on its way is still counted after the packet was made anew.
    write_json(run.blind_dir / "packets" / f"{packet['id']}.json", packet)
    write_text(run.packet_path, html)
    print(f"{len(packet['pairs'])} pairs for readers in {run.blind_dir / 'packet.html'}")
    if options["serve"] == "1":
        serve(run, html, packet["id"], int(options["port"] or 8010))


if __name__ == "__main__":
    main()
