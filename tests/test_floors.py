"""The plan of the house: who may import whom, and what no module does."""

import ast
import glob
import os
import re

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

# Every flat module and what of ours it may import; those of floor 0 are open to all.
MAY_IMPORT = {
    # floor 0
    "errors": set(), "storage": set(), "version": set(),
    "simplified": set(), "tflite_file": set(),
    # floor 1
    "reading_comprehension_data": set(), "reading_comprehension_scoring": set(),
    "args": set(), "batching": set(), "service_metrics": set(), "vector_search": set(),
    "command_line": set(), "characters": set(), "checkpoints": set(), "data_checks": set(),
    "data_report": set(), "devices": set(), "features": set(), "flag_groups": set(),
    "flops": set(), "formulas": set(), "huggingface": set(), "initializers": set(),
    "lamb_optimizer": set(), "masking": set(),
    "metrics": set(),
    "parallel": set(), "readers": set(), "records": set(), "run_record": set(),
    "segmentation": set(), "sentences": set(), "transformer": {"formulas", "initializers"},
    # floor 2
    "corpus": {"sentences"},
    "curves": {"run_record"},
    "hooks": {"run_record"},
    "pretraining_records": {"records"},
    "modeling": {"checkpoints", "initializers", "transformer"},
    "modeling_google": {"initializers", "transformer"},
    "optimization": {"lamb_optimizer"},
    "reading_comprehension_answers": {"reading_comprehension_scoring"},
    "reading_comprehension_windows": {"features"},
    "report": {"run_record"},
    "service": {"batching", "service_metrics"},
    "tasks": {"readers"},
    "text_files": {"readers"},
    "tokenization": {"characters"},
    "engines": {"tflite_file"},
    # floor 3
    "encoding": {"tasks"},
    "export_formats": {"engines", "tflite_file"},
    "model_files": {"checkpoints", "modeling", "modeling_google", "run_record", "tasks",
                    "tokenization"},
    "conversion": {"modeling", "modeling_google", "transformer"},
    "instances": {"corpus", "data_report", "masking", "records", "segmentation",
                  "tokenization"},
    "predictions": {"report", "run_record"},
    "shards": {"corpus", "records"},
    "pretraining_input": {"features", "masking", "records"},
    "training": {"checkpoints", "devices", "hooks", "optimization", "run_record"},
    # floor 4
    "labelling": {"encoding"},
    "classification": {"checkpoints", "data_checks", "encoding", "features", "initializers",
                       "tasks", "training", "transformer"},
    "fine_tuning": {"checkpoints", "curves", "features", "hooks", "predictions",
                    "run_record", "training"},
    "create_pretraining_data_flags": {"flag_groups", "instances", "masking",
                                      "segmentation"},
    "reading_comprehension_model": {"features", "initializers", "run_record", "training",
                                    "transformer"},
    "pretraining": {"devices", "formulas", "hooks", "initializers", "optimization",
                    "training", "transformer"},
    "pretraining_data": {"features", "masking", "pretraining_input",
                         "pretraining_records", "run_record", "tokenization"},
    "pretraining_meta": {"instances", "segmentation"},
    # floor 5
    "classifier": {"classification", "curves", "features", "fine_tuning", "metrics",
                   "predictions", "report", "run_record", "tasks"},
    "common_flags": {"classification", "flag_groups", "hooks", "optimization",
                     "pretraining", "tasks", "tokenization"},
    "exported_model": {"engines", "labelling", "tokenization"},
    "inference": {"checkpoints", "classification", "devices", "encoding", "pretraining",
                  "reading_comprehension_model"},
    "pretrainer": {"checkpoints", "curves", "devices", "flops", "hooks", "pretraining",
                   "pretraining_data", "pretraining_input", "pretraining_records",
                   "run_record", "training"},
    "reading_comprehension": {
        "curves", "features", "fine_tuning", "reading_comprehension_answers",
        "reading_comprehension_data", "reading_comprehension_model",
        "reading_comprehension_scoring", "reading_comprehension_windows", "report",
        "run_record", "simplified"},
    "question_answering": {
        "reading_comprehension_answers", "reading_comprehension_data",
        "reading_comprehension_model", "reading_comprehension_windows", "simplified"},
    # floor 6
    "predictor": {"encoding", "inference", "labelling", "masking", "model_files",
                  "question_answering", "tokenization"},
    "sweep": {"classification", "classifier", "fine_tuning", "metrics", "predictions",
              "run_record"},
    "export_graph": {"classification", "encoding", "inference", "pretraining",
                     "reading_comprehension_model"},
    # floor 7
    "export_check": {"encoding", "export_graph"},
    "model_flags": {"args", "command_line", "exported_model", "predictor"},
    # scripts
    "export_model": {"command_line", "export_check", "export_formats", "export_graph",
                     "model_files", "reading_comprehension_model", "run_record", "tasks",
                     "tokenization"},
    "extract_features": {"args", "command_line", "model_flags", "predictor", "text_files",
                         "vector_search"},
    "similarity": {"command_line", "model_flags", "text_files"},
    "similarity_server": {"command_line", "model_flags", "service"},
    "convert_albert_tf_checkpoint_to_pytorch": {"command_line"},
    "create_pretraining_data": {
        "corpus", "create_pretraining_data_flags", "data_report", "instances", "parallel",
        "pretraining_meta", "shards"},
    "create_pretraining_data_beam": {
        "corpus", "create_pretraining_data_flags", "data_report", "instances",
        "pretraining_meta"},
    "run_classifier": {"sweep", "common_flags", "modeling"},
    "test_changes": {"corpus", "create_pretraining_data", "instances", "modeling",
                     "modeling_google", "records", "tokenization"},
    "run_classifier_sp_google": {"sweep", "common_flags", "modeling_google"},
    "run_reading_comprehension": {
        "common_flags", "modeling", "modeling_google", "reading_comprehension",
        "reading_comprehension_data", "reading_comprehension_model"},
    "run_pretraining": {"common_flags", "modeling", "pretrainer"},
    "run_pretraining_google": {"common_flags", "modeling_google", "pretrainer"},
}
FLOOR_0 = {"errors", "storage", "version"}
MAY_HAVE_FLAGS = re.compile(
    r"^(run_.*|common_flags|flag_groups|create_pretraining_data.*)$")


def modules():
    return sorted(os.path.basename(p)[:-3] for p in glob.glob(os.path.join(ROOT, "*.py")))


def tree_of(module):
    with open(os.path.join(ROOT, module + ".py"), encoding="utf-8") as source:
        return ast.parse(source.read())


def imports_of(module):
    found = set()
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.update("%s.%s" % (node.module, alias.name) for alias in node.names)
    return found


@pytest.mark.parametrize("module", modules())
def test_a_module_imports_only_what_the_plan_lists(module):
    assert module in MAY_IMPORT, "%s.py is not in the plan: add it to MAY_IMPORT" % module
    ours = {name.split(".")[0] for name in imports_of(module)} & set(MAY_IMPORT)
    assert ours - FLOOR_0 <= MAY_IMPORT[module]


def test_the_plan_has_no_circle():
    done, left = set(), dict(MAY_IMPORT)
    while left:
        free = [m for m, allowed in left.items() if allowed <= done]
        assert free, "a circle among %s" % sorted(left)
        done.update(free)
        for module in free:
            del left[module]


@pytest.mark.parametrize("module", modules())
def test_only_scripts_know_flags_and_nobody_uses_contrib_or_star(module):
    imported = imports_of(module)
    assert not [name for name in imported if "contrib" in name or name.endswith("*")]
    if not MAY_HAVE_FLAGS.match(module):
        assert not [name for name in imported if name.startswith("absl")]


@pytest.mark.parametrize("module", modules())
def test_library_code_does_not_print_to_standard_output(module):
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print":
            assert "file" in {keyword.arg for keyword in node.keywords}
