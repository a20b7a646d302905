"""What a service counts, as Prometheus reads it (its text format 0.0.4)."""

import bisect
import collections

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
ROWS = (1, 2, 4, 8, 16, 32, 64, 128)


class Histogram(object):
    """Counts of values up to each of `bounds`."""

    def __init__(self, bounds):
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value, times=1):
        self._counts[bisect.bisect_left(self._bounds, value)] += times
        self._sum += value * times

    def lines(self, name, labels=""):
        """Lines of the text format; `labels` such as path="/v1/embed"."""
        total, comma = 0, "," * bool(labels)
        for bound, count in zip(self._bounds + ("+Inf",), self._counts):
            total += count
            yield '%s_bucket{%s%sle="%s"} %d' % (name, labels, comma, bound, total)
        braces = "{%s}" % labels if labels else ""
        yield "%s_sum%s %.6f" % (name, braces, self._sum)
        yield "%s_count%s %d" % (name, braces, total)


class Metrics(object):
    """Of requests, by path and status; of batches, by what a Batcher has counted."""

    def __init__(self):
        self._requests = collections.Counter()
        self._seconds = {}

    def add_request(self, path, status, seconds):
        self._requests[path, status] += 1
        self._seconds.setdefault(path, Histogram(SECONDS)).add(seconds)

    def text(self, batcher):
        """All of it."""
        lines = ["# TYPE albert_requests_total counter"]
        lines += ['albert_requests_total{path="%s",status="%d"} %d' % (path, status, count)
                  for (path, status), count in sorted(self._requests.items())]
        lines.append("# TYPE albert_request_seconds histogram")
        for path, seconds in sorted(self._seconds.items()):
            lines += seconds.lines("albert_request_seconds", 'path="%s"' % path)
        sizes = Histogram(ROWS)
        for size, times in batcher.batch_sizes.items():
            sizes.add(size, times)
        lines.append("# TYPE albert_batch_rows histogram")
        lines += sizes.lines("albert_batch_rows")
        lines += ["# TYPE albert_waiting_rows gauge",
                  "albert_waiting_rows %d" % batcher.num_waiting]
        return "\n".join(lines) + "\n"
