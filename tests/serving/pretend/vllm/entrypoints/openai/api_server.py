"""Takes vLLM's place in tests of starting and stopping: the same command line, a child of its own, no model.

PRETEND=crash ends with an error, PRETEND=hang never gets ready, PRETEND_DELAY_S is the time it takes to load.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

parser = argparse.ArgumentParser()
for name in ("--model", "--served-model-name", "--host", "--port"):
    parser.add_argument(name)
options, _ = parser.parse_known_args()

# As vLLM's engine does, it ignores a hangup and would outlive its parent.
engine = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(f"engine {engine.pid}", flush=True)
if os.environ.get("PRETEND") == "crash":
    engine.kill()
    raise ValueError("Free memory on device is less than desired GPU memory utilization")
while os.environ.get("PRETEND") == "hang":
    time.sleep(1)
time.sleep(float(os.environ.get("PRETEND_DELAY_S", "0")))


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = json.dumps({"data": [{"id": options.served_model_name, "root": options.model}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer((options.host, int(options.port)), Handler).serve_forever(poll_interval=0.02)
