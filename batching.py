"""Requests of many clients joined into batches.

Whoever comes within a short time of the first, or while another batch is computed,
shares its batch. One batch is computed at a time, in a thread of its own.
"""

import asyncio
import collections
import concurrent.futures

_Request = collections.namedtuple("_Request", ["kind", "rows", "answer"])


class Busy(Exception):
    """So many rows wait that one more would have to wait too long."""


class Batcher(object):
    """Answers rows through `compute(kind, rows)`, which returns an answer for each.

    Args:
      compute: called in the thread; only rows of equal kind are joined.
      max_rows: of a batch, but a request is never torn apart.
      window: seconds to wait for company.
      max_waiting: rows that may wait.
    """

    def __init__(self, compute, max_rows, window, max_waiting):
        self._compute = compute
        self._max_rows = max_rows
        self._window = window
        self._max_waiting = max_waiting
        self._requests = collections.deque()
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._worker = None
        self.num_waiting = 0
        self.batch_sizes = collections.Counter()

    async def submit(self, kind, rows):
        """The answers to `rows`, in their order. Raises Busy, or what compute raised."""
        if not rows:
            return []
        if self.num_waiting + len(rows) > self._max_waiting:
            raise Busy()
        loop = asyncio.get_event_loop()
        request = _Request(kind, rows, loop.create_future())
        self._requests.append(request)
        self.num_waiting += len(rows)
        if self._worker is None or self._worker.done():
            self._worker = loop.create_task(self._work())
        return await request.answer

    def close(self):
        """Ends the thread when it has nothing to compute."""
        self._thread.shutdown()

    async def _work(self):
        """Computes batches until nobody waits."""
        if sum(len(each.rows) for each in self._requests) < self._max_rows:
            await asyncio.sleep(self._window)
        while self._requests:
            batch = self._take_batch()
            if batch:
                await self._answer(batch)

    def _take_batch(self):
        """The longest waiting request, and later ones of its kind that fit with it."""
        batch, others, size = [], [], 0
        while self._requests and size < self._max_rows:
            request = self._requests.popleft()
            if request.answer.cancelled():
                self.num_waiting -= len(request.rows)
            elif batch and (request.kind != batch[0].kind
                            or size + len(request.rows) > self._max_rows):
                others.append(request)
            else:
                batch.append(request)
                size += len(request.rows)
        self._requests.extendleft(reversed(others))
        return batch

    async def _answer(self, batch):
        rows = [row for request in batch for row in request.rows]
        self.batch_sizes[len(rows)] += 1
        answers, error = None, None
        try:
            answers = await asyncio.get_event_loop().run_in_executor(
                self._thread, self._compute, batch[0].kind, rows)
        except Exception as raised:  # each of the requests gets it
            error = raised
        start = 0
        for request in batch:
            part = slice(start, start + len(request.rows))
            start = part.stop
            self.num_waiting -= len(request.rows)
            if request.answer.cancelled():
                continue
            if error is None:
                request.answer.set_result(answers[part])
            else:
                request.answer.set_exception(error)
