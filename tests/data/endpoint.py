"""A server of our own with answers that a test sets; it stores the requests."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Endpoint:
    """By default two questions to each request, numbered as they come."""

    def __init__(self) -> None:
        self.requests: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.answer: Callable[[int], tuple[int, str]] = lambda n: (
            200,
            json.dumps({"questions": [f"Why {n}?", f"How {n}?"]}),
        )
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None:
                pass

            def do_GET(self) -> None:
                self.reply(200, {"object": "list", "data": [{"id": "asker", "object": "model"}]})

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with endpoint.lock:
                    endpoint.requests.append(request)
                    n = len(endpoint.requests)
                status, text = endpoint.answer(n)
                message = {"role": "assistant", "content": text}
                usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
                self.reply(
                    status, {"choices": [{"index": 0, "message": message}], "usage": usage, "error": {"message": text}}
                )

            def reply(self, status: int, body: Any) -> None:
                data = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
