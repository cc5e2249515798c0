"""A web service as `scripts/soak` runs it: a thread pool, array work, a cache, and a slow growth.

    service.py COUNTS GROWTH

It prints `READY port pid`, answers requests until it is asked for /stop, writes the independent count
of NumPy's blocks (tests/programs/count.py) to the file COUNTS and leaves. GROWTH is how many MiB a
minute it keeps and never reads again, as services do by mistake.

Each answer follows from the request alone, so two services that get the same requests give the same
answers.
"""

import functools
import json
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qsl, urlsplit

sys.path.insert(0, os.environ["SOAK_COUNT_FOLDER"])
import count  # imports NumPy
import numpy as np

count.start()

N_WORKERS = 4
KEPT_AT_ONCE = 64 << 10

kept = []
kept_lock = threading.Lock()
started = time.monotonic()


def keep_log_of_requests(mib_per_minute):
    """Keeps as much as is due by the clock."""
    with kept_lock:
        due = (time.monotonic() - started) / 60 * mib_per_minute * (1 << 20)
        while (len(kept) + 1) * KEPT_AT_ONCE <= due:
            kept.append(np.zeros(KEPT_AT_ONCE, np.uint8))  # grows


@functools.lru_cache(maxsize=64)
def series(key):
    """A measured series of 256 KiB; the most wanted ones stay in the cache."""
    return np.cumsum(np.random.default_rng(key).normal(size=32 << 10))


def image(n, seed):
    """Smooths an image by sums of its shifted views, and asks for the brightness of its parts."""
    frame = np.random.default_rng(seed).integers(0, 4096, (n, n), np.uint16)
    light = frame.astype(np.float32)
    inner = light[1:-1, 1:-1]
    smooth = (light[:-2, 1:-1] + light[2:, 1:-1] + light[1:-1, :-2] + light[1:-1, 2:] + inner) / 5
    return [float(part.mean()) for half in np.array_split(smooth, 4) for part in np.array_split(half, 4, 1)]


def statistics(n, seed):
    """Looks at windows of a cached series."""
    values = series(seed % 96)
    windows = np.lib.stride_tricks.sliding_window_view(values, n)[:: n // 2]
    return np.percentile(windows.mean(axis=1), [5, 50, 95]).tolist()


def solve(n, seed):
    """Fits a polynomial surface by small linear systems."""
    draws = np.random.default_rng(seed)
    total = 0.0
    for _ in range(8):
        points = draws.normal(size=(n, 6))
        total += float(np.linalg.solve(points.T @ points + np.eye(6), points.T @ points[:, 0])[0])
    return total


def small_steps(n, seed):
    """What a loop over records does: many arrays of a few numbers."""
    point, step = np.zeros(3), np.random.default_rng(seed).normal(size=(n, 3))
    for i in range(n):
        point = point * 0.99 + step[i]
    return point.tolist()


WORK = {"image": image, "statistics": statistics, "solve": solve, "small-steps": small_steps}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        url = urlsplit(self.path)
        name = url.path.strip("/")
        if name == "stop":
            # From another thread: it waits until the server's loop has ended.
            threading.Thread(target=self.server.shutdown).start()
            self.answer({})
            return
        asked = dict(parse_qsl(url.query))
        result = WORK[name](int(asked["n"]), int(asked["seed"]))
        keep_log_of_requests(self.server.mib_per_minute)
        self.answer({"result": result})

    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(HTTPServer):
    """Hands each request to a thread of a pool, and waits for none."""

    request_queue_size = 64

    def __init__(self, mib_per_minute):
        super().__init__(("127.0.0.1", 0), Handler)
        self.mib_per_minute = mib_per_minute
        self.pool = ThreadPoolExecutor(N_WORKERS)

    def process_request(self, request, client_address):
        self.pool.submit(self.handle_in_pool, request, client_address)

    def handle_in_pool(self, request, client_address):
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)


def main():
    server = Server(float(sys.argv[2]))
    print("READY", server.server_port, os.getpid(), flush=True)
    server.serve_forever()
    server.pool.shutdown()
    said = dict(count.counts(), grown_bytes=sum(one.nbytes for one in kept))
    with open(sys.argv[1], "w") as file:
        json.dump(said, file)
    # Nothing may be freed behind the count.
    os._exit(0)


if __name__ == "__main__":
    main()
