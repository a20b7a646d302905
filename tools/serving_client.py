"""Asks TensorFlow Serving, over REST, for the probabilities of pairs; no TensorFlow here.

    python -m tools.serving_client URL VOCAB TEXT_A TEXT_B

URL such as http://localhost:8501/v1/models/lcqmc, where an exported SavedModel of a
classifier is served; VOCAB the vocab.txt in its assets/.
"""

import json
import sys
import urllib.request

import tokenization

MAX_TOKENS = 60  # of either text


def ask(url, tokenizer, pairs):
    """[(text_a, text_b)] -> [[probability of each label]]."""
    rows = []
    for text_a, text_b in pairs:
        first = ["[CLS]"] + tokenizer.tokenize(text_a)[:MAX_TOKENS] + ["[SEP]"]
        second = tokenizer.tokenize(text_b)[:MAX_TOKENS] + ["[SEP]"]
        rows.append((tokenizer.convert_tokens_to_ids(first + second),
                     [0] * len(first) + [1] * len(second)))
    longest = max(len(ids) for ids, _ in rows)
    instances = [{"input_ids": ids + [0] * (longest - len(ids)),
                  "input_mask": [1] * len(ids) + [0] * (longest - len(ids)),
                  "segment_ids": segments + [0] * (longest - len(ids))}
                 for ids, segments in rows]
    request = urllib.request.Request(
        url + ":predict", json.dumps({"instances": instances}).encode("utf-8"),
        {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.loads(response.read().decode("utf-8"))["predictions"]


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit("error: Give URL, VOCAB and two texts.")
    print(ask(sys.argv[1], tokenization.FullTokenizer(sys.argv[2]), [sys.argv[3:]]))
