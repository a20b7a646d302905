"""The service under load, bounded: `python -m benchmarks.service_load --model_dir PATH`.

Starts similarity_server.py on a free port and asks it from many clients at once. Every
answer is held against the predictor's; then come malformed requests, each of which must
get a 4xx; then SIGTERM under load, which must lose no request that was taken. Prints
p50, p99, pairs/s and the server's memory, and exits 1 where anything was wrong.
"""

import argparse
import collections
import http.client
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import predictor
import text_files

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JSON = {"Content-Type": "application/json"}
TOLERANCE = 1e-5
PATHS = ("/v1/similarity", "/v1/classify", "/v1/embed")

# seconds: of each request; wrong: descriptions of what was not as it should be.
Result = collections.namedtuple("Result", ["seconds", "rows", "wrong"])


class Server(object):
    """similarity_server.py in a process of its own. Use as a context."""

    def __init__(self, model_dir, *flags):
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", os.path.join(ROOT, "similarity_server.py"),
             "--port", "0", "--model_dir", model_dir] + list(flags),
            stderr=subprocess.PIPE, universal_newlines=True)
        self.said = []
        for line in self.process.stderr:
            self.said.append(line)
            found = re.match(r"http://127\.0\.0\.1:(\d+)/", line)
            if found:
                self.port = int(found.group(1))
                break
        else:
            raise RuntimeError("the server did not start: %s" % "".join(self.said))
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in self.process.stderr:
            self.said.append(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

    def connect(self, timeout=60):
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def memory(self):
        """MiB that the process holds in memory."""
        with open("/proc/%d/status" % self.process.pid) as source:
            return int(re.search(r"VmRSS:\s+(\d+)", source.read()).group(1)) / 1024.0


def post(connection, path, value):
    """(status, answer) of a JSON request."""
    connection.request("POST", path, json.dumps(value), JSON)
    response = connection.getresponse()
    return response.status, json.loads(response.read().decode("utf-8"))


def in_threads(number, work):
    """Calls work(0), work(1), ... at the same time; raises what one of them raised."""
    raised = []

    def guarded(i):
        try:
            work(i)
        except BaseException as error:
            raised.append(error)
    threads = [threading.Thread(target=guarded, args=(i,)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if raised:
        raise raised[0]


def load(server, pairs, expected, num_requests, num_clients):
    """Requests of one to four pairs each, one after the other from each client.

    Args:
      server: a Server.
      pairs: to choose from.
      expected: the similarity of each.
      num_requests, num_clients: in all.

    Returns a Result.
    """
    seconds, wrong = [], []
    rows = [0] * num_clients

    def client(number):
        rng = random.Random(number)
        connection = server.connect()
        for _ in range(number, num_requests, num_clients):
            chosen = [rng.randrange(len(pairs)) for _ in range(rng.randint(1, 4))]
            started = time.time()
            status, answer = post(connection, "/v1/similarity",
                                  {"pairs": [pairs[i] for i in chosen]})
            seconds.append(time.time() - started)
            rows[number] += len(chosen)
            if status != 200 or len(answer["results"]) != len(chosen):
                wrong.append("status %d: %.200s" % (status, answer))
                continue
            for i, result in zip(chosen, answer["results"]):
                if abs(result["similarity"] - expected[i]) > TOLERANCE:
                    wrong.append("%s: %.8f, expected %.8f" % (
                        pairs[i], result["similarity"], expected[i]))
        connection.close()

    in_threads(num_clients, client)
    return Result(seconds, sum(rows), wrong)


def _body(path, items):
    return json.dumps({"pairs" if path == PATHS[0] else "texts": items}).encode("utf-8")


def _values(rng, path):
    """JSON that is not what the path asks for."""
    name = "pairs" if path == PATHS[0] else "texts"
    return rng.choice([
        [], {}, None, 7, {"other": []}, {name: None}, {name: "天"}, {name: {"a": "b"}},
        {name: [1]}, {name: [None]}, {name: [["天"]]}, {name: [["天", 1]]},
        {name: [["天", "地", "玄"]]}, {name: [{"a": 1}]}, {name: [], "more": 1},
        {name: [[["天"], "地"]]}])


def malformed(rng):
    """(kind, path, headers, parts of the body) of a request that cannot be answered."""
    path = rng.choice(PATHS)
    good = _body(path, [["天", "地"]])
    kind = rng.choice(["broken", "values", "utf-8", "deep", "type", "long text", "many",
                       "declared", "large", "empty", "path"])
    body, headers = good, dict(JSON)
    if kind == "broken":
        body = good[:rng.randrange(len(good) - 1)] + rng.choice([b"", b"}", b"\0", b"]]"])
    elif kind == "values":
        body = json.dumps(_values(rng, path)).encode("utf-8")
    elif kind == "utf-8":
        body = good[:12] + rng.choice([b"\xff", b"\xc3\x28", b"\xed\xa0\x80"]) + good[12:]
    elif kind == "deep":
        body = rng.choice([b"[", b'{"pairs":']) * rng.choice([2000, 100000])
    elif kind == "type":
        headers = rng.choice([{}, {"Content-Type": "text/plain"}, {"Content-Type": "\xff"}])
    elif kind == "long text":
        body = _body(path, [["天" * 20000, "地"]])
    elif kind == "many":
        body = _body(path, [["天", "地"]] * 5000)
    elif kind == "declared":
        headers["Content-Length"] = str(10 ** rng.randint(7, 12))
    elif kind == "large":
        body = b" " * (3 << 20)
    elif kind == "empty":
        body = b""
    else:
        path = rng.choice(["/v1/none", "/v1/similarity/x", "/%ff", "/v1"])
    return kind, path, headers, [body]


def send(server, path, headers, parts, pause=0.0):
    """The status of a request whose body comes in parts, with pauses between them."""
    connection = server.connect()
    try:
        connection.putrequest("POST", path)
        if "Content-Length" not in headers:
            headers = dict(headers, **{"Content-Length": str(sum(map(len, parts)))})
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        for part in parts:
            try:
                connection.send(part)
            except OSError:  # answered and closed before the end; the answer is there
                break
            time.sleep(pause)
        response = connection.getresponse()
        answer = json.loads(response.read().decode("utf-8"))
        if answer["error"]["status"] != response.status or "Traceback" in str(answer):
            return -1
        return response.status
    finally:
        connection.close()


def assault(server, num_requests, num_clients, slow_share=0.01):
    """Malformed requests; returns ({(kind, status): number}, what was not refused)."""
    counts, wrong = collections.Counter(), []

    def client(number):
        rng = random.Random(number)
        for _ in range(number, num_requests, num_clients):
            kind, path, headers, parts = malformed(rng)
            pause = 0.0
            if rng.random() < slow_share:
                kind, path, headers, pause = "slow", PATHS[0], JSON, 0.25
                parts = [b"%c" % c for c in _body(path, [["天", "地"]] * 9)]
            try:
                status = send(server, path, headers, parts, pause)
            except (OSError, ValueError, http.client.HTTPException) as error:
                status = type(error).__name__
            counts[kind, status] += 1
            if not isinstance(status, int) or not 400 <= status < 500:
                wrong.append((kind, path, status))

    in_threads(num_clients, client)
    return counts, wrong


def stop_under_load(server, pairs, num_clients, seconds):
    """SIGTERM while all clients ask. Returns (answered, refused, lost).

    A request is lost when its connection was taken and no whole answer came.
    """
    counts = collections.Counter()
    stopped = threading.Event()

    def client(number):
        rng = random.Random(number)
        connection = None
        while not stopped.is_set() or counts["lost"] == 0:
            try:
                connection = connection or server.connect()
                if connection.sock is None:
                    connection.connect()
            except OSError:
                counts["refused"] += 1
                return
            try:
                status, _ = post(connection, "/v1/similarity",
                                 {"pairs": [rng.choice(pairs)]})
                counts["answered" if status == 200 else "lost"] += 1
            except (OSError, http.client.HTTPException):
                counts["lost"] += 1
                return

    def stop():
        time.sleep(seconds)
        server.process.send_signal(signal.SIGTERM)
        stopped.set()

    in_threads(num_clients + 1, lambda i: stop() if i == num_clients else client(i))
    return counts["answered"], counts["refused"], counts["lost"]


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def _report_load(server, args, pairs, expected):
    part = max(1, min(1000, args.requests // 2))
    num_wrong = 0
    for name, number in (("first", part), ("middle", args.requests - 2 * part),
                         ("last", part)):
        if not number:
            continue
        started = time.time()
        result = load(server, pairs, expected, number, args.clients)
        took = time.time() - started
        num_wrong += len(result.wrong)
        print("%-6s %6d requests, %d clients: p50 %.1f ms, p99 %.1f ms, %.0f pairs/s, "
              "%d wrong, memory %.1f MiB" % (
                  name, number, args.clients, 1e3 * percentile(result.seconds, 0.5),
                  1e3 * percentile(result.seconds, 0.99), result.rows / took,
                  len(result.wrong), server.memory()), flush=True)
        print("".join("    %s\n" % wrong for wrong in result.wrong[:5]), end="")
    return num_wrong


def _report_assault(server, args, pairs, expected):
    counts, wrong = assault(server, args.malformed, args.clients)
    print("%d malformed requests: %s" % (args.malformed, ", ".join(
        "%s %s: %d" % (kind, status, n) for (kind, status), n in sorted(
            counts.items(), key=str))))
    print("not refused: %d %s; memory %.1f MiB" % (len(wrong), wrong[:5], server.memory()))
    after = load(server, pairs, expected, args.clients, args.clients)
    print("afterwards: %d answers, %d wrong" % (after.rows, len(after.wrong)), flush=True)
    return len(wrong) + len(after.wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model_dir", required=True)
    parser.add_argument("--pairs", default=os.path.join(
        ROOT, "data", "lcqmc_sample", "test.txt"))
    parser.add_argument("--requests", type=int, default=10000)
    parser.add_argument("--malformed", type=int, default=5000)
    parser.add_argument("--clients", type=int, default=32)
    args = parser.parse_args()
    pairs = [pair for _, pair in text_files.read_pairs(args.pairs)[1]]
    with predictor.Predictor(args.model_dir) as model:
        expected = [answer["similarity"] for answer in model.predict(pairs)]
    with Server(args.model_dir, "--timeout", "5") as server:
        num_wrong = _report_load(server, args, pairs, expected)
        num_wrong += _report_assault(server, args, pairs, expected)
        answered, refused, lost = stop_under_load(server, pairs, args.clients, 2.0)
        code = server.process.wait(30)
    print("SIGTERM under load: %d answered, then %d clients refused, %d lost; exit code %d"
          % (answered, refused, lost, code))
    sys.exit(1 if num_wrong or lost or code else 0)


if __name__ == "__main__":
    main()
