"""Reading text: what is tolerated, and what is an error with its place."""

import io

import pytest

import corpus
import errors


def read(data, **options):
    return list(corpus.read_documents(io.BytesIO(data), "text.txt", **options))


def test_blank_lines_separate_documents():
    text = "\n一。\n二。\n\n \u3000\n三。\n\n\n".encode("utf-8")
    assert read(text) == [["一。", "二。"], ["三。"]]


def test_byte_order_mark_crlf_and_a_missing_last_newline_are_tolerated():
    assert read("\ufeff一。\r\n二。\r\n\r\n三。".encode("utf-8")) == [["一。", "二。"], ["三。"]]


def test_unicode_line_separators_do_not_end_a_line():
    assert read("一\u2028二\x0b三\n".encode("utf-8")) == [["一\u2028二\x0b三"]]


def test_gb18030_is_an_error_with_its_byte_unless_named():
    data = "第一行\n".encode("utf-8") + "第二行\n".encode("gb18030")
    message = r"text\.txt: byte 10 is not UTF-8.*GB18030"
    with pytest.raises(errors.InputError, match=message):
        read(data)
    assert read("第一行\n第二行\n".encode("gb18030"), encoding="GB18030") == [
        ["第一行", "第二行"]]


def test_binary_data_is_an_error_with_its_byte():
    with pytest.raises(errors.InputError, match="byte 4 is 0, so this is not a text"):
        read(b"abc\n\x00\x01")


def test_an_endless_line_is_an_error_and_a_line_of_a_megabyte_is_not():
    assert [len(lines[0]) for lines in read(b"a" * (1 << 20))] == [1 << 20]
    with pytest.raises(errors.InputError, match="line at byte 2 is longer than 4 MB"):
        read(b"a\n" + b"a" * (5 << 20))


def test_a_text_without_blank_lines_becomes_documents_of_bounded_size():
    documents = read(("一" * 999 + "。\n").encode("utf-8") * 700)
    assert [len(lines) for lines in documents] == [301, 301, 98]


def test_paragraphs_are_split_on_wish():
    text = "他说：“走吧！”我们走了。\n后来呢？\n".encode("utf-8")
    assert read(text, split_sentences=True) == [["他说：“走吧！”", "我们走了。", "后来呢？"]]


def test_files_are_found_once_and_sorted(tmp_path):
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text("x")
    pattern = str(tmp_path / "*.txt")
    both = corpus.find_files("%s, %s" % (pattern, tmp_path / "a.txt"))
    assert both == [str(tmp_path / "a.txt"), str(tmp_path / "b.txt")]


def test_a_pattern_without_a_file_is_named_even_beside_one_with(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(errors.InputError, match=r"no file matches '.*none\*\.txt'"):
        corpus.find_files("%s,%s" % (tmp_path / "a.txt", tmp_path / "none*.txt"))


def test_empty_files_alone_are_an_error(tmp_path):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(errors.InputError, match="all empty"):
        corpus.find_files(str(tmp_path / "a.txt"))


@pytest.mark.parametrize("encoding", ["utf-16", "klingon"])
def test_encodings_without_plain_newlines_are_refused(encoding):
    with pytest.raises(errors.InputError, match="--encoding=%s" % encoding):
        corpus.check_encoding(encoding)


def test_the_key_of_a_document_depends_on_text_and_seed_alone():
    key = corpus.document_key(["一。", "二。"], 1)
    assert key == corpus.document_key(["一。", "二。"], 1) == (
        9892516613613246262)  # on every Python: records must not change
    assert len({key, corpus.document_key(["一。", "二。"], 2),
                corpus.document_key(["一。"], 1)}) == 3
