"""Says what is wrong with this machine, or with the files of a model.

    python -m tools.doctor                                     this machine
    python -m tools.doctor CONFIG CHECKPOINT VOCAB [RECORDS]   whether these fit

Without arguments it runs on any Python 3, whatever is missing. CHECKPOINT is a folder, a
prefix or any of its files; RECORDS are pre-training records, as file names and globs with
commas between them. One line for each question; where the answer is bad, it says what to
do.

Exit codes: 0 nothing is wrong; 1 something is; 2 a mistake in the call.
"""

import command_line
from tools import machine_check


def examine_model(options):
    """Prints the findings about a model's files; returns the exit code."""
    # Needs numpy and TensorFlow, which this machine may lack.
    from tools import model_check
    all_good = True
    for finding in model_check.Examination(
            options.config, options.checkpoint, options.vocab, options.records).findings():
        mark = {True: "ok ", False: "BAD", None: " - "}[finding.good]
        print("%s  %-22s %s" % (mark, finding.question, finding.answer))
        all_good = all_good and finding.good
    return 0 if all_good else 1


def examine_machine():
    """Prints the findings about this machine; returns the exit code."""
    findings = machine_check.findings(machine_check.observe())
    for finding in findings:
        print("\n".join(machine_check.lines(finding)))
    states = [finding.state for finding in findings]
    print("%d problem(s), %d warning(s)" % (
        states.count(machine_check.PROBLEM), states.count(machine_check.WARNING)))
    return 1 if machine_check.PROBLEM in states else 0


def main(arguments=None):
    """Runs the command; returns the exit code."""
    parser = command_line.Parser(
        prog="python -m tools.doctor", description=__doc__.split("\n\n")[0])
    for name, help_text in (("config", "a JSON file"), ("checkpoint", "the weights"),
                            ("vocab", "vocab.txt"),
                            ("records", "TFRecord files for pre-training")):
        parser.add_argument(name, metavar=name.upper(), nargs="?", help=help_text)
    options = parser.parse_args(arguments)
    if options.config is None:
        return examine_machine()
    if options.vocab is None:
        parser.error("give CONFIG, CHECKPOINT and VOCAB, or nothing to examine the machine")
    return examine_model(options)


if __name__ == "__main__":
    command_line.run(main)
