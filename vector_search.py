"""The nearest vectors by cosine, exactly, over blocks of any number.

Shapes: Q queries, N vectors of a block, H their width, K neighbours.
"""

import numpy as np

QUERIES_AT_ONCE = 256


def normalise(vectors):
    """[N, H] -> float32 [N, H] of length 1; zeros stay zeros."""
    vectors = np.asarray(vectors, np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0.0, lengths, 1.0)


class Nearest(object):
    """The best so far, for each query. What is kept grows with Q and K alone.

    Args:
      queries: [Q, H].
      top_k: K, how many to keep.
    """

    def __init__(self, queries, top_k):
        self._queries = normalise(queries)
        self._top_k = top_k
        self._seen = 0
        self._rows = [np.zeros([0], np.int64) for _ in self._queries]
        self._cosines = [np.zeros([0], np.float32) for _ in self._queries]

    def add(self, vectors):
        """The next block [N, H] of what is searched."""
        vectors = normalise(vectors)
        for start in range(0, len(self._queries), QUERIES_AT_ONCE):
            part = self._queries[start:start + QUERIES_AT_ONCE]
            for query, cosines in enumerate(part.dot(vectors.T), start):
                self._merge(query, cosines)
        self._seen += len(vectors)

    def _merge(self, query, cosines):
        cosines = np.concatenate([self._cosines[query], cosines])
        rows = np.concatenate([
            self._rows[query], np.arange(self._seen, self._seen + len(cosines)
                                         - len(self._rows[query]))])
        best = largest(cosines, self._top_k)
        self._rows[query], self._cosines[query] = rows[best], cosines[best]

    def results(self):
        """For each query [(row among all blocks, cosine)], best first."""
        return [list(zip(rows.tolist(), cosines.tolist()))
                for rows, cosines in zip(self._rows, self._cosines)]


def largest(values, count):
    """Places of the `count` largest of [N], in falling order; the first of equals."""
    places = np.arange(len(values))
    if count < len(values):
        bound = np.partition(values, len(values) - count)[len(values) - count]
        places = np.flatnonzero(values >= bound)
    return places[np.argsort(-values[places], kind="stable")][:count]
