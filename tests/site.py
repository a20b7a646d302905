"""A server on this machine that serves files, and misbehaves where a test asks."""

import http.server
import re
import socket
import threading


class Site(object):
    """What the server has: path -> (body, behaviour); and what it was asked for."""

    def __init__(self):
        self.pages, self.asked, self.url = {}, [], None

    def add(self, path, body, behaviour="whole"):
        self.pages["/" + path] = (body, behaviour)
        return self.url + "/" + path


class Handler(http.server.BaseHTTPRequestHandler):
    """`breaks` ends each answer half-way; `deaf` does so and never resumes."""

    def do_GET(self):
        asked = self.headers.get("Range")
        self.server.site.asked.append((self.path, asked))
        if self.path not in self.server.site.pages:
            return self.send_error(404)
        body, behaviour = self.server.site.pages[self.path]
        start, end = re.match(r"bytes=(\d+)-(\d*)", asked or "bytes=0-").groups()
        start = 0 if behaviour == "deaf" else int(start)
        if start >= len(body):
            return self.send_error(416)
        answer = body[start:int(end) + 1 if end and behaviour != "deaf" else None]
        self.send_response(206 if asked and behaviour != "deaf" else 200)
        self.send_header("Content-Length", str(len(answer)))
        if asked and behaviour != "deaf":
            self.send_header("Content-Range", "bytes %d-%d/%d" % (
                start, start + len(answer) - 1, len(body)))
        kind = "text/html; charset=utf-8" if behaviour == "html" else "text/plain"
        self.send_header("Content-Type", kind)
        self.end_headers()
        half = (len(answer) + 1) // 2
        self.wfile.write(answer[:half] if behaviour in ("breaks", "deaf") else answer)
        return None

    def log_message(self, *_):
        pass


def serve():
    """Yields a Site while its server runs: the body of a fixture."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.site = Site()
    server.site.url = "http://127.0.0.1:%d" % server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server.site
    server.shutdown()
    server.server_close()


def closed_port_url():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return "http://127.0.0.1:%d/x" % listener.getsockname()[1]
