"""A local server of judges with faults, each under its name as a model, for the tests of judging."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TEXT = re.compile(r"\[\w+ text (\d)\]\n(.*?)\n\[\w+ end\]", re.DOTALL)
# The made-up author's favourite word, by which a good judge knows the author.
MARK = "lantern"


class Bench(ThreadingHTTPServer):
    """The server, and what it was asked: how often by model, with which keys, how many at once."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.keys: set[str] = set()
        self.bodies: list[dict[str, Any]] = []
        self.alive = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Bench

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        model = body["model"]
        bench = self.server
        bench.asked[model] += 1
        bench.keys.add(self.headers.get("Authorization", ""))
        bench.bodies.append(body)
        if model == "dies" and bench.asked[model] > 30 and bench.alive:
            self.connection.close()
            return
        if model in ("429", "500", "401", "400"):
            self._reply(int(model), {"error": {"message": f"no, and your key is {self.headers['Authorization']}"}})
            return
        if model == "slow":
            time.sleep(0.6)
        if model == "late":
            time.sleep(0.02)
        first, second = (text for _, text in sorted(TEXT.findall(body["messages"][1]["content"])))
        content = json.dumps({"reason": "so it seems", "choice": choose(model, first, second)})
        if model == "malformed" or (model == "careless" and len(body["messages"]) == 2):
            content = "I would say: " + content[:20]
        usage = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}
        message = {"role": "assistant", "content": content}
        self._reply(
            200,
            {
                "id": "1",
                "object": "chat.completion",
                "created": 1,
                "model": model,
                "usage": usage,
                "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
            },
        )

    def _reply(self, status: int, value: Any) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def choose(model: str, first: str, second: str) -> str:
    """What the judge of that name answers."""
    if model == "first":
        return "1"
    if model == "longest":
        return "1" if len(first) > len(second) else "2"
    if model == "random":
        return "12"[hashlib.sha256((first + second).encode()).digest()[0] % 2]
    if model == "obeys" and ("disregard the question" in first) != ("disregard the question" in second):
        return "1" if "disregard the question" in first else "2"
    marks = first.count(MARK), second.count(MARK)
    return "tie" if marks[0] == marks[1] else "1" if marks[0] > marks[1] else "2"


@contextmanager
def bench_of_judges() -> Iterator[Bench]:
    bench = Bench()
    thread = threading.Thread(target=bench.serve_forever, daemon=True)
    thread.start()
    try:
        yield bench
    finally:
        bench.shutdown()
        bench.server_close()
        thread.join()
