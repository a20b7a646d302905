"""The training texts of a task without their labels, as text to pre-train on.

    python -m tools.task_text TASK DATA_DIR --output FILE

TASK is one of run_classifier.py's --task_name, and custom is a file of one's own.
A row is a document: of a pair each text is a line, of a single text each sentence. So a
masked character of one text can be looked up in the other. (Task-adaptive pre-training:
Gururangan et al. 2020, "Don't Stop Pretraining", section 4.)

Exit codes: 0 it is there; 2 a mistake in the call.
"""

import command_line
import errors
import sentences
import tasks
import text_files

COLUMNS = ("text_a", "text_b", "label")


def lines_of(example):
    """The lines of its document; one line alone is nothing to pre-train on."""
    if example.text_b is None:
        return sentences.split_sentences(example.text_a)
    return [" ".join(text.split()) for text in (example.text_a, example.text_b)]


def documents_of(examples):
    """[[line]]; raises errors.InputError if none has two lines."""
    documents = [lines for lines in map(lines_of, examples)
                 if len(lines) > 1 and all(lines)]
    if not documents:
        raise errors.InputError("No row has two sentences, so there is no pair of segments "
                                "to pre-train on.")
    return documents


def main(arguments=None):
    """Runs the command; raises errors.InputError for what a user can mend."""
    parser = command_line.Parser(
        prog="python -m tools.task_text", description=__doc__.split("\n\n")[0])
    parser.add_argument("task", metavar="TASK", choices=sorted(tasks.TASKS) + ["custom"])
    parser.add_argument("data_dir", metavar="DATA_DIR")
    parser.add_argument("--output", metavar="FILE", required=True)
    for column in COLUMNS:
        parser.add_argument("--" + column, metavar="COLUMN",
                            help="of the task custom: name or number, else guessed")
    options = parser.parse_args(arguments)
    columns = {column: getattr(options, column) for column in COLUMNS}
    is_custom = options.task == "custom"
    if not is_custom and any(columns.values()):
        parser.error("columns are named for the task custom alone")
    task = tasks.custom_task(**columns) if is_custom else tasks.TASKS[options.task]
    # Columns of a file without a header are guessed as in training, where labels are.
    examples, _ = tasks.read_examples(
        task, task.find_file(options.data_dir, "train"), needs_labels=is_custom)
    documents = documents_of(examples)
    text_files.write(options.output,
                     [line for lines in documents for line in lines + [""]])
    print("%s: %d documents, of %d rows." % (options.output, len(documents), len(examples)))


if __name__ == "__main__":
    command_line.run(main)
