"""SentencePiece models for tests, trained in a process of their own: beside TensorFlow
1.15 its trainer (not its reader) ends in a segmentation fault."""

import subprocess
import sys

FLAGS = ("--input=%s --model_prefix=%s --vocab_size=%d --hard_vocab_limit=false "
         "--pad_id=0 --unk_id=1 --bos_id=-1 --eos_id=-1 --minloglevel=2 "
         "--control_symbols=[CLS],[SEP],[MASK]")


def train(text, prefix, vocab_size):
    """Trains on the file `text`; returns the path of the model."""
    subprocess.run(
        [sys.executable, "-c", "import sys, sentencepiece\n"
         "sentencepiece.SentencePieceTrainer.Train(sys.argv[1])",
         FLAGS % (text, prefix, vocab_size)], check=True)
    return "%s.model" % prefix
