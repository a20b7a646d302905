"""The scores, against cases worked out by hand."""

import pytest

import reading_comprehension_data as data
import reading_comprehension_scoring as scoring


def question(*answers, **more):
    return data.Question(more.pop("id", "q"), "?", "passage", [
        data.Answer(text, 0) for text in answers], more.pop("is_impossible", False))


@pytest.mark.parametrize("text, tokens", [
    ("约翰Smith，生于1902年。", ["约", "翰", "smith", "生", "于", "1902", "年"]),
    ("3.14 and U.S army", ["3.14", "and", "u.s", "army"]),
    ("a-b c_d", ["ab", "cd"]), ("（A），B", ["ab"]), ("50%", ["50", "%"]),
    ("  ", []), ("。，", []), ("Ｆｕｌｌ 宽", ["ｆｕｌｌ", "宽"])])
def test_tokens_are_ideographs_and_words(text, tokens):
    assert scoring.mixed_segmentation(text) == tokens


@pytest.mark.parametrize("first, second, length", [
    ("abcdef", "zabcy", 3), ("abc", "abc", 3), ("abab", "baba", 3), ("abc", "xyz", 0),
    ("", "abc", 0), ("axbxc", "abc", 1)])
def test_the_longest_common_run_has_no_gap(first, second, length):
    assert scoring.longest_common_run(first, second) == length
    assert scoring.longest_common_run(second, first) == length


# prediction, answers, EM, F1. F1 = 2PR / (P + R) = 2 * common / (predicted + gold).
CMRC = [
    ("1902年", ["1902年"], 1.0, 1.0),
    ("1902年。", ["1902年"], 1.0, 1.0),  # punctuation does not count
    ("《红楼梦》", ["红楼梦"], 1.0, 1.0),
    ("SMITH", ["smith"], 1.0, 1.0),
    ("北京市", ["北京"], 0.0, 0.8),  # 2 of 3 and 2: 4 / 5
    ("在北京大学", ["北京市大学"], 0.0, 0.4),  # the longest run is 2 of 5 and 5
    ("约翰 Smith 先生", ["约翰Smith"], 0.0, 0.75),  # 3 of 5 and 3: 6 / 8
    ("上海", ["北京", "上海"], 1.0, 1.0),  # the best of several
    ("上海市", ["上海", "上海市区"], 0.0, 6 / 7.0),  # 2*3 / (3+4) beats 4 / 5
    ("", ["北京"], 0.0, 0.0),
    ("广州", ["北京"], 0.0, 0.0),
]


@pytest.mark.parametrize("prediction, answers, em, f1", CMRC)
def test_cmrc_scores_are_those_of_the_table(prediction, answers, em, f1):
    assert scoring.score_question(prediction, question(*answers), "cmrc") == (
        pytest.approx(em), pytest.approx(f1))


SQUAD = [
    ("the Normans", ["Normans"], 1.0, 1.0),  # articles do not count
    ("in France.", ["France"], 0.0, 2 / 3.0),
    ("b c b", ["b b d"], 0.0, 2 / 3.0),  # both b count
    ("Denmark, Iceland", ["Iceland and Denmark"], 0.0, 0.8),  # a bag: order is free
    ("", ["France"], 0.0, 0.0),
]


@pytest.mark.parametrize("prediction, answers, em, f1", SQUAD)
def test_squad_scores_are_those_of_the_table(prediction, answers, em, f1):
    assert scoring.score_question(prediction, question(*answers), "squad") == (
        pytest.approx(em), pytest.approx(f1))


@pytest.mark.parametrize("metric", sorted(scoring.METRICS))
def test_perfect_predictions_have_full_marks(metric):
    questions = [question("北京", "上海", id="1"), question("U.S. 3.14，x", id="2"),
                 question(id="3", is_impossible=True)]
    predictions = {"1": "上海", "2": "U.S. 3.14，x", "3": ""}
    result = scoring.evaluate(questions, predictions, metric)
    assert (result["f1"], result["em"], result["average"]) == (100.0, 100.0, 100.0)
    assert (result["total"], result["skip"]) == (3, 0)


def test_a_missing_id_is_wrong_and_counted():
    questions = [question("北京", id="1"), question("上海", id="2")]
    assert scoring.evaluate(questions, {"1": "北京", "9": "上海"}, "cmrc") == {
        "average": 50.0, "f1": 50.0, "em": 50.0, "total": 2, "skip": 1}


def test_impossible_questions_are_right_only_when_left_without_an_answer():
    questions = [question("France", id="1"), question(id="2", is_impossible=True),
                 question(id="3", is_impossible=True)]
    result = scoring.evaluate(questions, {"1": "", "2": "", "3": "Paris"}, "squad")
    assert result["em"] == pytest.approx(100 / 3.0)
    assert result["has_answer"]["em"] == 0.0
    assert result["no_answer"]["em"] == result["no_answer"]["f1"] == 50.0
