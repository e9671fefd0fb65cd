"""A server that answers as vLLM does, or misbehaves as a test says, and records the requests."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
# What to do with the n-th request for text: None for a proper answer, else (status, raw body, headers).
Behaviour = Callable[[int, Body], tuple[int, bytes, dict[str, str]] | None]


@dataclass
class Pretender:
    """The server's knobs and its memory."""

    name: str = "baseline"
    root: str = "somewhere"
    adapters: list[str] = field(default_factory=list)
    tokenizes: bool = True
    logprobs: bool = True
    delay_s: float = 0.0
    behave: Behaviour = lambda _n, _body: None
    write: Callable[[Body], str] = lambda body: f"answer {body['seed']} " + "word " * 50
    requests: list[Body] = field(default_factory=list)
    everything: tuple[int, bytes] | None = None
    """A status and a body for every request, whatever it is."""
    keys_sent: set[str] = field(default_factory=set)
    """The Authorization headers of the requests for text."""
    refusing: bool = False
    url: str = ""
    most_at_once: int = 0
    at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def keys(self) -> list[tuple[str, int]]:
        """The (prompt, seed) of every request for text."""
        return [(json.dumps(body.get("prompt") or body.get("messages")), body["seed"]) for body in self.requests]


@contextmanager
def running(pretender: Pretender) -> Iterator[Pretender]:
    """Serve on a free port until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(pretender))
    server.daemon_threads = True
    threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True).start()
    pretender.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield pretender
    finally:
        server.shutdown()
        server.server_close()


def _handler(pretender: Pretender) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body are two packets; the second would wait 40 ms for the first to be acknowledged.
        disable_nagle_algorithm = True

        def log_message(self, *_: Any) -> None:
            pass

        def reply(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            for key, text in (headers or {}).items():
                self.send_header(key, text)
            with contextlib.suppress(BrokenPipeError):  # a client that was killed waits no more
                self.end_headers()
                self.wfile.write(data)

        def do_GET(self) -> None:
            if pretender.everything:
                self.reply(*pretender.everything)
                return
            names = [pretender.name, *pretender.adapters]
            about = {"root": pretender.root, "max_model_len": 1024, "parent": None}
            self.reply(200, {"data": [{"id": name, **about} for name in names]})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if pretender.everything:
                self.reply(*pretender.everything)
            elif self.path in ("/tokenize", "/detokenize") and not pretender.tokenizes:
                self.reply(404, {"error": "not found"})
            elif self.path == "/tokenize":
                text = body.get("prompt") or "".join(m["content"] for m in body["messages"])
                self.reply(200, {"tokens": [ord(c) for c in text], "count": len(text)})
            elif self.path == "/detokenize":
                self.reply(200, {"prompt": "".join(chr(t) for t in body["tokens"])})
            elif "prompt_logprobs" in body:
                self.likelihood(body)
            else:
                self.text(body)

        def likelihood(self, body: Body) -> None:
            if pretender.refusing:
                self.hang_up()
                return
            choice: Body = {"text": "x", "index": 0, "finish_reason": "length"}
            if pretender.logprobs:
                choice["prompt_logprobs"] = [None, *({str(t): {"logprob": -0.5}} for t in body["prompt"][1:])]
            self.reply(200, {"id": "1", "object": "text_completion", "created": 1, "model": "m", "choices": [choice]})

        def hang_up(self) -> None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)

        def text(self, body: Body) -> None:
            with pretender.lock:
                n = len(pretender.requests)
                pretender.requests.append(body)
                pretender.keys_sent.add(self.headers.get("Authorization", ""))
                pretender.at_once += 1
                pretender.most_at_once = max(pretender.most_at_once, pretender.at_once)
            time.sleep(pretender.delay_s)
            reply = pretender.behave(n, body)
            with pretender.lock:
                pretender.at_once -= 1
            if pretender.refusing:
                self.hang_up()
            elif reply is not None:
                self.reply(*reply)
            else:
                text = pretender.write(body)
                payload = (
                    {"text": text}
                    if self.path == "/v1/completions"
                    else {"message": {"role": "assistant", "content": text}}
                )
                self.reply(
                    200,
                    {
                        "id": "1",
                        "object": "x",
                        "created": 1,
                        "model": body["model"],
                        "choices": [{"index": 0, "finish_reason": "stop", **payload}],
                        "usage": {"prompt_tokens": 1, "completion_tokens": 52, "total_tokens": 53},
                    },
                )

    return Handler
