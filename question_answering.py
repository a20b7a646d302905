"""Questions on passages for a model that is asked: windows in, answers out.

What predictor.Predictor.answer is made of; the rules are those of reading_comprehension.
"""

import dataclasses

import reading_comprehension_answers as decoding
import reading_comprehension_data as data
import reading_comprehension_model as span_model
import reading_comprehension_windows as windowing
import simplified


class Questions(object):
    """Pairs (question, passage) on their way to answers.

    Args:
      rows: the pairs.
      tokenizer: a tokenization.FullTokenizer.
      prefix: the weights; how they were trained stands beside them.
      longest: tokens that the model can take.
      n_best_size: candidates of each answer.

    Raises errors.InputError for a passage with nothing to read.
    """

    def __init__(self, rows, tokenizer, prefix, longest, n_best_size):
        known = span_model.read_settings(prefix)
        options = span_model.Options(output_dir="", n_best_size=n_best_size, **{
            name: known[name] for name in span_model.READING_SETTINGS if name in known})
        options = dataclasses.replace(
            options, max_seq_length=min(options.max_seq_length, longest))
        windowing.check_sizes(options)
        self._threshold = known.get("no_answer_threshold")
        self._questions = [data.Question(str(number), question, passage, [], False)
                           for number, (question, passage) in enumerate(rows)]
        self._windows = windowing.Windows(
            self._questions, tokenizer, options,
            simplified.convert if options.convert_to_simplified else None)
        self._decoder = decoding.Decoder(self._windows, options)

    def encoded(self):
        """[(input_ids, segment_ids)] of all windows."""
        rows = [self._windows.row(number, None)
                for number in range(len(self._windows.windows))]
        return [(row["input_ids"], row["segment_ids"]) for row in rows]

    def add(self, numbers, starts, ends):
        """Log-probabilities [N, S] of the windows with these numbers."""
        for number, start, end in zip(numbers, starts, ends):
            self._decoder.add(number, start, end)

    def answers(self):
        """[{"answer", "start", "end", "probability", "candidates"}], one a pair.

        An answer stands at passage[start:end]; it is "", from 0 to 0, where the model was
        trained to say that there is none, and says so. Its probability is that of the
        best candidate.
        """
        found = self._decoder.answers()
        chosen = decoding.choose(found, self._questions, self._threshold)
        results = []
        for question, answer in zip(self._questions, found):
            candidates = [{"answer": c.text, "start": c.start,
                           "end": c.start + len(c.text), "probability": c.probability}
                          for c in answer.candidates]
            best = dict(candidates[0])
            if not chosen[question.id]:
                best.update(answer="", start=0, end=0)
            results.append(dict(best, candidates=candidates))
        return results
