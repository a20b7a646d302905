"""What is suspicious about a task's examples: said as warnings, never an error."""

import collections
import logging

MOSTLY_ONE_LABEL = 0.95
MAX_LABELS_SHOWN = 20


def check_examples(splits):
    """{split: [Example]} -> [warning]; logs how often each label occurs."""
    warnings = []
    counts = {split: collections.Counter(example.label for example in examples
                                         if example.label is not None)
              for split, examples in splits.items()}
    for split, count in counts.items():
        warnings += _check_labels(split, count, counts.get("train", count))
    texts = {split: [example[1:3] for example in examples]
             for split, examples in splits.items()}
    for split, rows in texts.items():
        num_empty = sum(not all(text is None or text.strip() for text in row)
                        for row in rows)
        if num_empty:
            warnings.append("%s: %d rows have an empty text" % (split, num_empty))
        num_known = len(set(texts.get("train", ())).intersection(rows))
        if split != "train" and num_known:
            warnings.append("%d of the %d texts of %s are in train too: its score will "
                            "flatter" % (num_known, len(set(rows)), split))
    if "dev" in texts and texts["dev"] == texts.get("test"):
        warnings.append("dev and test are the same rows: what is best on dev is chosen "
                        "on test")
    return warnings


def _check_labels(split, count, train_count):
    total = sum(count.values())
    if not total:
        return []
    often = count.most_common()
    logging.info("%s labels: %s%s", split, ", ".join(
        "%s %d (%.1f %%)" % (label, number, 100.0 * number / total)
        for label, number in often[:MAX_LABELS_SHOWN]),
        ", ..." * (len(often) > MAX_LABELS_SHOWN))
    missing = sorted(set(train_count) - set(count))
    if len(often) == 1:
        return ["%s: every row has the label %r" % (split, often[0][0])]
    warnings = []
    if missing:
        warnings.append("%s has no row labelled %s" % (
            split, ", ".join(missing[:MAX_LABELS_SHOWN])))
    if often[0][1] > MOSTLY_ONE_LABEL * total:
        warnings.append("%s: %.1f %% of the rows have the label %r" % (
            split, 100.0 * often[0][1] / total, often[0][0]))
    return warnings
