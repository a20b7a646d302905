"""The HTTP service over a predictor.Predictor: what is asked, checked and answered.

JSON in and out; every error is {"error": {"status", "message"}}, and no request's content
is logged. The paths are described in resources/similarity_openapi.json.
"""

import asyncio
import collections
import hmac
import json
import logging
import os
import time
import traceback

import falcon
import falcon.asgi

import batching
import errors
import service_metrics

RESOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "resources")
POOLINGS = ("cls", "max", "mean")

Limits = collections.namedtuple("Limits", [
    "max_body_bytes", "max_rows", "max_characters", "timeout_seconds"])


class Service(object):
    """What all paths share.

    Args:
      predictor: answers; its probabilities and vectors are computed in a thread.
      limits: Limits of a request.
      api_key: what clients must send as `Authorization: Bearer KEY`; None for no key.
      batch_window: seconds to wait for company.
      max_waiting: rows that may wait.
    """

    def __init__(self, predictor, limits, api_key=None, batch_window=0.002,
                 max_waiting=4096):
        self.predictor = predictor
        self.limits = limits
        self.api_key = api_key
        self.is_stopping = False
        self.metrics = service_metrics.Metrics()
        self.batcher = batching.Batcher(
            self._compute, predictor.batch_size, batch_window, max_waiting)

    def close(self):
        self.batcher.close()

    def _compute(self, kind, rows):
        if kind == "classify":
            return self.predictor.probabilities(rows)
        if kind == "answer":
            return self.predictor.answer(rows)
        pooling, layers = kind
        return self.predictor.embed(rows, pooling, layers)

    async def answer(self, kind, rows):
        """Answers to rows; raises falcon.HTTPError where that takes too long."""
        try:
            return await asyncio.wait_for(
                self.batcher.submit(kind, rows), self.limits.timeout_seconds)
        except batching.Busy:
            raise falcon.HTTPServiceUnavailable(
                description="Too many requests are waiting; try again.", retry_after=1)
        except asyncio.TimeoutError:
            raise falcon.HTTPServiceUnavailable(
                description="No answer within %g seconds; try again with fewer texts."
                % self.limits.timeout_seconds, retry_after=5)

    async def read_object(self, req):
        """The JSON object of a request's body, within the limits."""
        if (req.content_type or "").split(";")[0].strip().lower() != "application/json":
            raise falcon.HTTPUnsupportedMediaType(
                description="Send Content-Type: application/json.")
        if (req.content_length or 0) > self.limits.max_body_bytes:
            raise self._too_large()
        try:
            body = await asyncio.wait_for(
                self._read_body(req.stream), self.limits.timeout_seconds)
        except asyncio.TimeoutError:
            raise falcon.HTTPError(
                falcon.HTTP_408, description="The body did not come within %g seconds."
                % self.limits.timeout_seconds, headers={"Connection": "close"})
        try:
            value = json.loads(body.decode("utf-8"))
        except (ValueError, RecursionError):
            raise falcon.HTTPBadRequest(description="The body is not JSON in UTF-8.")
        if not isinstance(value, dict):
            raise _unprocessable("The body must be a JSON object.")
        return value

    async def _read_body(self, stream):
        parts, size = [], 0
        async for part in stream:
            size += len(part)
            if size > self.limits.max_body_bytes:
                raise self._too_large()
            parts.append(part)
        return b"".join(parts)

    def _too_large(self):
        return falcon.HTTPPayloadTooLarge(
            description="The body may have at most %d bytes." % self.limits.max_body_bytes)

    def read_rows(self, value, name, may_be_single):
        """value[name] as a list of texts and pairs, within the limits."""
        rows = value.get(name)
        if not isinstance(rows, list):
            raise _unprocessable("%r must be a list." % name)
        if len(rows) > self.limits.max_rows:
            raise falcon.HTTPPayloadTooLarge(
                description="%r may have at most %d items, found %d." % (
                    name, self.limits.max_rows, len(rows)))
        for number, row in enumerate(rows):
            texts = [row] if may_be_single and isinstance(row, str) else row
            if not isinstance(texts, list) or len(texts) != 1 + (texts is row) or not all(
                    isinstance(text, str) for text in texts):
                raise _unprocessable("%s[%d] must be %s." % (
                    name, number, "a text, or a list of two texts" if may_be_single
                    else "a list of two texts"))
            if max(map(len, texts)) > self.limits.max_characters:
                raise falcon.HTTPPayloadTooLarge(
                    description="%s[%d]: a text may have at most %d characters." % (
                        name, number, self.limits.max_characters))
        return rows


def _unprocessable(message):
    return falcon.HTTPUnprocessableEntity(description=message)


def _check_names(value, names):
    unknown = sorted(set(value) - set(names))
    if unknown:
        raise _unprocessable("Unknown field %.60r; known: %s." % (
            unknown[0], ", ".join(names)))


class Classify(object):
    """/v1/classify and /v1/similarity: probabilities of labels."""

    def __init__(self, service, name, may_be_single):
        self._service = service
        self._name = name
        self._may_be_single = may_be_single

    async def on_post(self, req, resp):
        service = self._service
        if service.predictor.labels is None:
            raise _unprocessable("This model has no classifier; see /healthz.")
        if not self._may_be_single and service.predictor.similar_label is None:
            raise _unprocessable(
                "This model tells no pairs of the same meaning, but %s; use /v1/classify."
                % ", ".join((service.predictor.labels or ["no labels"])[:20]))
        value = await service.read_object(req)
        _check_names(value, [self._name])
        rows = service.read_rows(value, self._name, self._may_be_single)
        scores = await service.answer("classify", rows)
        resp.media = {"results": list(map(service.predictor.describe, scores))}


class Answer(object):
    """/v1/answer: answers to questions, cut out of passages."""

    def __init__(self, service):
        self._service = service

    async def on_post(self, req, resp):
        service = self._service
        if not service.predictor.finds_answers:
            raise _unprocessable("This model finds no answers in passages.")
        value = await service.read_object(req)
        _check_names(value, ["questions"])
        rows = service.read_rows(value, "questions", False)
        resp.media = {"answers": await service.answer("answer", rows)}


class Embed(object):
    """/v1/embed: vectors."""

    def __init__(self, service):
        self._service = service

    async def on_post(self, req, resp):
        service = self._service
        value = await service.read_object(req)
        _check_names(value, ["texts", "pooling", "layers"])
        pooling, layers = value.get("pooling", "mean"), value.get("layers", [-1])
        if pooling not in POOLINGS:
            raise _unprocessable("'pooling' must be one of %s." % ", ".join(POOLINGS))
        if not isinstance(layers, list) or not 0 < len(layers) <= 100 or not all(
                type(layer) is int for layer in layers):
            raise _unprocessable("'layers' must be a list of whole numbers.")
        rows = service.read_rows(value, "texts", True)
        vectors = await service.answer((pooling, tuple(layers)), rows)
        resp.media = {"dimension": service.predictor.hidden_size,
                      "vectors": [[round(float(x), 7) for x in v] for v in vectors]}


class Health(object):
    """/healthz: whether it serves, what, and within which limits."""

    def __init__(self, service):
        self._service = service

    async def on_get(self, req, resp):
        service = self._service
        if service.is_stopping:
            raise falcon.HTTPServiceUnavailable(description="Stopping.")
        resp.media = {
            "status": "ok", "labels": service.predictor.labels,
            "similar_label": service.predictor.similar_label,
            "finds_answers": service.predictor.finds_answers,
            "limits": service.limits._asdict()}


class Metrics(object):
    """/metrics."""

    def __init__(self, service):
        self._service = service

    async def on_get(self, req, resp):
        resp.content_type = "text/plain; version=0.0.4; charset=utf-8"
        resp.text = self._service.metrics.text(self._service.batcher)


class File(object):
    """A file of resources/, read once."""

    def __init__(self, name, content_type):
        with open(os.path.join(RESOURCES, name), "rb") as source:
            self._content = source.read()
        self._content_type = content_type

    async def on_get(self, req, resp):
        resp.content_type = self._content_type
        # The page needs nothing from anywhere else.
        resp.set_header("Content-Security-Policy", "default-src 'self' 'unsafe-inline' "
                        "blob: data:; frame-ancestors 'none'")
        resp.data = self._content


class Middleware(object):
    """The key before, the counting after every request."""

    def __init__(self, service, access_log):
        self._service = service
        self._access_log = access_log

    async def process_request(self, req, resp):
        req.context.started = time.time()
        key = self._service.api_key
        if key is None or not req.path.startswith(("/v1/", "/metrics")):
            return
        given = (req.get_header("Authorization") or "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, b"Bearer " + key.encode("utf-8")):
            raise falcon.HTTPUnauthorized(
                description="Send the key: Authorization: Bearer KEY.",
                challenges=["Bearer"])

    async def process_response(self, req, resp, resource, req_succeeded):
        seconds = time.time() - req.context.started
        status = int(resp.status[:3])
        path = req.uri_template or "other"
        self._service.metrics.add_request(path, status, seconds)
        resp.set_header("X-Content-Type-Options", "nosniff")
        if self._service.is_stopping:
            resp.set_header("Connection", "close")
        if self._access_log:
            logging.info("%s %s %d %.1f ms", req.method, path, status, 1000.0 * seconds)


def _write_error(req, resp, error):
    resp.content_type = falcon.MEDIA_JSON
    resp.data = json.dumps({"error": {
        "status": int(error.status[:3]), "message": error.description or error.title}},
        ensure_ascii=False).encode("utf-8", "replace")


async def _refuse_input(req, resp, error, params):
    del params
    _write_error(req, resp, _compose(resp, _unprocessable(str(error))))


async def _hide(req, resp, error, params):
    """A defect of ours: where it is goes to the log, what was asked does not."""
    del params
    logging.error("%s in %s:\n%s", type(error).__name__, req.uri_template,
                  "".join(traceback.format_tb(error.__traceback__)))
    _write_error(req, resp, _compose(resp, falcon.HTTPInternalServerError(
        description="The service has a defect here; its log says where.")))


def _compose(resp, error):
    resp.status = error.status
    return error


def make_app(service, access_log=False):
    """The ASGI application."""
    app = falcon.asgi.App(middleware=[Middleware(service, access_log)])
    app.set_error_serializer(_write_error)
    app.add_error_handler(Exception, _hide)
    app.add_error_handler(errors.InputError, _refuse_input)
    app.add_route("/v1/similarity", Classify(service, "pairs", False))
    app.add_route("/v1/classify", Classify(service, "texts", True))
    app.add_route("/v1/embed", Embed(service))
    app.add_route("/v1/answer", Answer(service))
    app.add_route("/healthz", Health(service))
    app.add_route("/metrics", Metrics(service))
    app.add_route("/openapi.json", File("similarity_openapi.json", falcon.MEDIA_JSON))
    app.add_route("/", File("similarity.html", "text/html; charset=utf-8"))
    return app
