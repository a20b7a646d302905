"""What a run that made pre-training records met and made: counted, told and drawn."""

import collections
import functools
import importlib
import logging
import threading
import time
import unicodedata

_HISTOGRAMS = ("sentences_per_document", "tokens_per_instance", "words_per_group",
               "tokens_per_word", "unknowns")
_LONGEST_DOCUMENT = 100  # sentences; longer ones share the last bar
_LONGEST_WORD = 12
_MAX_UNKNOWNS = 20000
_NUM_SHOWN_UNKNOWNS = 20
_SECONDS_BETWEEN_LINES = 5


class Counts:
    """Sums and histograms that add up over the parts of a run.

    totals: documents, sentences, text_tokens (of the text, once), unknown_tokens,
    documents_without_pair, instances, tokens (of the instances), swapped, masked,
    replaced_by_mask, kept, bytes.
    """

    def __init__(self, totals=(), histograms=None):
        self.totals = collections.Counter(totals)
        self.histograms = {name: collections.Counter() for name in _HISTOGRAMS}
        for name, bars in (histograms or {}).items():
            for bar, number in bars:
                self.histograms[name][bar] += number

    def as_json(self):
        """Arguments of an equal Counts, as JSON can hold them."""
        return {"totals": dict(self.totals),
                "histograms": {name: sorted(bars.items())
                               for name, bars in self.histograms.items()}}

    def add(self, other):
        self.totals.update(other.totals)
        for name, bars in other.histograms.items():
            self.histograms[name].update(bars)
        self._forget_rare_unknowns()

    def add_document(self, lines, num_tokens, unknowns):
        """One document of `num_tokens` tokens, before it is duplicated."""
        self.totals.update(documents=1, sentences=len(lines), text_tokens=num_tokens,
                           unknown_tokens=len(unknowns))
        length = min(len(lines), _LONGEST_DOCUMENT)
        self.histograms["sentences_per_document"][length] += 1
        if unknowns:
            self.histograms["unknowns"].update(unknowns)
            self._forget_rare_unknowns()

    def add_instances(self, instances, mask_id):
        """All instances of one document."""
        if not instances:
            self.totals["documents_without_pair"] += 1
            return
        lengths = [len(instance.token_ids) for instance in instances]
        self.histograms["tokens_per_instance"].update(lengths)
        totals = self.totals
        totals["instances"] += len(instances)
        totals["tokens"] += sum(lengths)
        totals["swapped"] += sum([instance.is_swapped for instance in instances])
        if not hasattr(instances[0], "masked_positions"):
            return
        words, groups = [], []
        for instance in instances:
            words += instance.word_lengths
            groups += instance.group_lengths
            totals["masked"] += len(instance.masked_positions)
            totals["kept"] += instance.num_kept
            totals["replaced_by_mask"] += instance.token_ids.count(mask_id)
        self.histograms["tokens_per_word"].update(words)
        self.histograms["words_per_group"].update(groups)

    def _forget_rare_unknowns(self):
        unknowns = self.histograms["unknowns"]
        if len(unknowns) > 2 * _MAX_UNKNOWNS:
            self.histograms["unknowns"] = collections.Counter(
                dict(unknowns.most_common(_MAX_UNKNOWNS)))


class Progress:
    """A line every few seconds: how much is done, how fast, how long it will take."""

    def __init__(self, num_bytes):
        self._num_bytes = num_bytes
        self._done = 0
        self._started = self._told = time.time()

    def tell(self, num_bytes, totals):
        """`num_bytes` of text more are done; `totals` as in Counts."""
        self._done += num_bytes
        now = time.time()
        if now - self._told < _SECONDS_BETWEEN_LINES and self._done < self._num_bytes:
            return
        self._told = now
        seconds = max(now - self._started, 1e-3)
        left = seconds * (self._num_bytes - self._done) / max(self._done, 1)
        logging.info(
            "%.1f of %.1f MB: %.2f MB/s, %d documents/s, %d instances/s, "
            "%d:%02d:%02d left",
            self._done / 1e6, self._num_bytes / 1e6, self._done / 1e6 / seconds,
            totals["documents"] / seconds, totals["instances"] / seconds,
            left // 3600, left // 60 % 60, left % 60)


def summarize(counts, max_seq_length, dupe_factor):
    """Counts -> {name: number}: the rates that report and meta file show."""
    totals = counts.totals
    masked = totals["masked"]
    random_replaced = masked - totals["replaced_by_mask"] - totals["kept"]
    in_pairs = totals["tokens"] - 3 * totals["instances"]
    return {
        "documents": totals["documents"],
        "documents_without_pair": totals["documents_without_pair"],
        "sentences": totals["sentences"],
        "sentences_per_document": _share(totals["sentences"], totals["documents"]),
        "text_tokens": totals["text_tokens"],
        "unknown_share": _share(totals["unknown_tokens"], totals["text_tokens"]),
        "instances": totals["instances"],
        "tokens_per_instance": _share(totals["tokens"], totals["instances"]),
        "padding_share": 1 - _share(totals["tokens"],
                                    max_seq_length * totals["instances"]),
        "unused_text_share": 1 - _share(in_pairs, dupe_factor * totals["text_tokens"]),
        "swapped_share": _share(totals["swapped"], totals["instances"]),
        "masked_tokens": masked,
        "masked_share": _share(masked, totals["tokens"]),
        "mask_share": _share(totals["replaced_by_mask"], masked),
        "kept_share": _share(totals["kept"], masked),
        "random_share": _share(random_replaced, masked),
    }


def _share(part, whole):
    return round(part / whole, 6) if whole else 0.0


def describe(counts, summary, seconds):
    """-> the report as text."""
    lines = [
        "documents              {documents:,}, of {sentences_per_document:.1f} "
        "sentences; {documents_without_pair:,} gave no pair",
        "text                   {text_tokens:,} tokens; {unused_text_share:.2%} of "
        "them in no instance (cut to length, or a lone sentence)",
        "unknown tokens         {unknown_share:.2%}" + _describe_unknowns(counts),
        "instances              {instances:,}, of {tokens_per_instance:.1f} tokens; "
        "padding {padding_share:.2%}",
        "swapped pairs          {swapped_share:.2%}"]
    if summary["masked_tokens"]:
        lines += [
            "masked tokens          {masked_share:.2%} of all: {mask_share:.2%} [MASK]"
            ", {kept_share:.2%} kept, {random_share:.2%} random",
            "masked words, tokens   " + _describe_bars(
                counts.histograms["tokens_per_word"], _LONGEST_WORD),
            "masked groups, words   " + _describe_bars(
                counts.histograms["words_per_group"], _LONGEST_WORD)]
    if seconds:
        lines.append(
            "rate                   {:,.0f} instances/s a worker, {:,.0f} s of work"
            .format(summary["instances"] / seconds, seconds))
    return "\n".join(line.format(**summary) if "{" in line else line for line in lines)


def _describe_unknowns(counts):
    shown = _most_frequent_unknowns(counts)
    if not shown:
        return ""
    return "; most frequent: " + "  ".join(
        "%s %d" % (_printable(text), number) for text, number in shown)


def _most_frequent_unknowns(counts):
    unknowns = counts.histograms["unknowns"].items()
    return sorted(unknowns, key=lambda item: (-item[1], item[0]))[:_NUM_SHOWN_UNKNOWNS]


def _printable(text):
    text = text.replace("{", "{{").replace("}", "}}")
    if text and not any(unicodedata.category(char).startswith("C") for char in text):
        return text
    return "+".join("U+%04X" % ord(char) for char in text) or "?"


def _describe_bars(bars, last):
    total = sum(bars.values())
    shown = ["%d: %.1f %%" % (bar, 100 * number / total)
             for bar, number in sorted(bars.items()) if bar <= last]
    rest = sum(number for bar, number in bars.items() if bar > last)
    if rest:
        shown.append("more: %.1f %%" % (100 * rest / total))
    return "  ".join(shown)


@functools.lru_cache(maxsize=None)
def prepare_to_draw():
    """Loads what `draw` needs, once, while this process has nothing else to do."""
    threading.Thread(
        target=importlib.import_module, args=("matplotlib.backends.backend_agg",),
        daemon=True).start()


def draw(counts, summary, path):
    """Six small charts as a PNG file at `path`. Needs matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 7))
    figure.subplots_adjust(left=0.05, right=0.98, bottom=0.06, top=0.95,
                           wspace=0.45, hspace=0.25)
    FigureCanvasAgg(figure)
    axes = [figure.add_subplot(2, 3, index) for index in range(1, 7)]
    charts = [("sentences_per_document", "documents by number of sentences"),
              ("tokens_per_instance", "instances by number of tokens"),
              ("tokens_per_word", "masked words by number of tokens"),
              ("words_per_group", "masked groups by number of words")]
    for axis, (name, title) in zip(axes, charts):
        _draw_histogram(axis, counts.histograms[name], title)
    _draw_shares(axes[4], summary)
    _draw_unknowns(axes[5], counts, summary)
    figure.savefig(path, dpi=90, format="png")


def _draw_histogram(axis, bars, title):
    from matplotlib.ticker import MaxNLocator

    axis.set_title(title)
    if not bars:
        return
    low, high = min(bars), max(bars)
    width = max(1, (high - low + 1) // 40)
    binned = collections.Counter()
    for bar, number in bars.items():
        binned[low + (bar - low) // width * width] += number
    axis.bar(list(binned), list(binned.values()), width=0.9 * width,
             align="edge" if width > 1 else "center")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_shares(axis, summary):
    names = [("padding_share", None), ("unused_text_share", None),
             ("swapped_share", 0.5), ("masked_share", None), ("mask_share", 0.8),
             ("kept_share", 0.1), ("random_share", 0.1)]
    axis.set_title("shares (| marks the expected value)")
    for row, (name, expected) in enumerate(reversed(names)):
        axis.barh(row, summary[name])
        axis.text(summary[name], row, " %.2f %%" % (100 * summary[name]), va="center")
        if expected:
            axis.plot([expected, expected], [row - 0.4, row + 0.4], color="black")
    axis.set_yticks(range(len(names)))
    axis.set_yticklabels([name for name, _ in reversed(names)])
    axis.set_xlim(0, 1.25)  # leaves room for the numbers


def _draw_unknowns(axis, counts, summary):
    # By code point: a machine without a Chinese font would draw empty boxes.
    shown = _most_frequent_unknowns(counts)[::-1]
    axis.set_title("unknown tokens, %.2f %% of the text"
                   % (100 * summary["unknown_share"]))
    axis.barh(range(len(shown)), [number for _, number in shown])
    axis.set_yticks(range(len(shown)))
    axis.set_yticklabels([_code_points(text) for text, _ in shown], fontsize=7)


def _code_points(text):
    shown = " ".join("U+%04X" % ord(char) for char in text[:3])
    return shown + " ..." if len(text) > 3 else shown
