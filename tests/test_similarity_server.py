"""The service as a process: right answers under load, no way to upset it, a page."""

import os
import sys

import pytest

pytest.importorskip("falcon", reason="needs requirements-server.txt")

import predictor
import text_files
from benchmarks import service_load
from tests import chromium
from tests import toy
from tests import toy_models

PAIRS = [tuple(line.split("\t")[:2]) for line in toy.pairs(50, 3).splitlines()]
SCRIPT = os.path.join(toy.ROOT, "similarity_server.py")
SCREENSHOTS = os.environ.get("ALBERT_SCREENSHOTS")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return toy_models.fine_tuned(tmp_path_factory.mktemp("model"), "b")


@pytest.fixture(scope="module")
def expected(folder):
    with predictor.Predictor(folder) as model:
        return [answer["similarity"] for answer in model.predict(PAIRS)]


@pytest.fixture(scope="module")
def server(folder):
    with service_load.Server(folder, "--timeout", "4") as started:
        yield started
        assert started.process.poll() is None, started.said


def test_many_clients_get_the_predictors_answers(server, expected):
    result = service_load.load(server, PAIRS, expected, 300, 16)
    assert result.wrong == [] and len(result.seconds) == 300
    connection = server.connect()
    connection.request("GET", "/metrics")
    counted = connection.getresponse().read().decode("utf-8")
    assert 'albert_requests_total{path="/v1/similarity",status="200"} 300' in counted


def test_malformed_requests_are_refused_and_the_server_goes_on(server, expected):
    counts, wrong = service_load.assault(server, 150, 16, slow_share=0.03)
    assert wrong == []
    assert {status for _, status in counts} == {400, 404, 408, 413, 415, 422}
    assert service_load.load(server, PAIRS, expected, 20, 4).wrong == []


def test_a_connection_on_which_nothing_comes_is_closed(server):
    connection = server.connect(timeout=60)
    connection.connect()
    connection.sock.sendall(b"POST /v1/similarity HTTP/1.1\r\nHost")
    assert connection.sock.recv(100) == b""


def test_what_is_asked_is_not_logged(server):
    assert PAIRS[0][0] not in "".join(server.said)
    assert "Traceback" not in "".join(server.said)


def test_sigterm_under_load_loses_no_request(folder, expected):
    with service_load.Server(folder) as server:
        answered, refused, lost = service_load.stop_under_load(server, PAIRS, 8, 0.5)
        assert server.process.wait(30) == 0
    assert lost == 0 and refused == 8 and answered > 0


def test_mistakes_of_who_starts_it_are_one_line(folder, server):
    for arguments, message in [
            (["--port", str(server.port)], "Cannot listen"),
            (["--prot", "1"], "Did you mean --port?"),
            (["--port", "99999"], "Cannot listen")]:
        status, said = toy.run([sys.executable, "-W", "ignore", SCRIPT, "--model_dir",
                                folder] + arguments)
        assert status == 2 and message in said and said.count("\n") == 1, said


# The page.

@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.BINARY is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with chromium.Browser(tmp_path_factory.mktemp("browser")) as started:
        yield started


def address(server):
    return "http://127.0.0.1:%d/" % server.port


def picture(browser, name):
    if SCREENSHOTS:
        browser.screenshot(os.path.join(SCREENSHOTS, name + ".png"))


def test_two_sentences_typed_by_keyboard_are_compared(browser, server, expected):
    browser.open(address(server), 1280, 800)
    browser.run("document.getElementById('text-a').focus()")
    browser.type(PAIRS[0][0])
    browser.press("Tab", 9)
    browser.type(PAIRS[0][1])
    browser.press("Enter", 13, modifiers=2)
    score = browser.wait("document.getElementById('score').textContent")
    assert score == "%.4f" % expected[0]
    assert browser.run("document.getElementById('history').rows.length") == 1
    assert "ms" in browser.run("document.getElementById('detail').textContent") or (
        "毫秒" in browser.run("document.getElementById('detail').textContent"))
    picture(browser, "pair_desktop")


def test_a_table_is_uploaded_and_its_scores_are_downloaded(browser, server, tmp_path):
    browser.open(address(server), 1280, 800)
    rows = ["%s\t%s" % pair for pair in PAIRS]
    rows[3:3] = ["", '"天\t地"\t玄', '他说"好"\t"天']
    path = toy.write(tmp_path / "pairs.tsv", "\n".join(rows) + "\n")
    browser.run("document.getElementById('tab-pair').focus()")
    browser.press("ArrowRight", 39)
    browser.choose_file("#file", path)
    browser.wait("!document.getElementById('download').disabled")
    assert browser.run("document.getElementById('rows').rows.length") == len(rows)
    picture(browser, "batch_desktop")
    browser.run("document.getElementById('download').click()")
    target = os.path.join(browser.folder, "scores.tsv")
    browser.wait("new Promise(done => setTimeout(() => done(true), 300))")
    lines = text_files.read_texts(target)
    _, read = text_files.read_pairs(path)
    with predictor.Predictor(os.path.dirname(server_model(server))) as model:
        answers = model.predict([pair for _, pair in read])
    assert len(lines) == len(rows)
    for row, line, answer in zip(rows, lines, answers):
        assert line.startswith(row + "\t")
        value, label = line[len(row) + 1:].split("\t")
        assert abs(float(value) - answer["similarity"]) < 2e-6
        assert label == answer["label"]


def server_model(server):
    """The path of the weights that a server said it had loaded."""
    said, = [line for line in server.said if line.startswith("Weights from ")]
    return said[len("Weights from "):].split(":")[0]


def test_mistakes_are_told_on_the_page(browser, server):
    browser.open(address(server), 1280, 800)
    browser.run("document.getElementById('tab-batch').click()")
    browser.run("document.getElementById('pairs').value = '天\\t地\\n天'")
    browser.run("document.getElementById('run').click()")
    said = browser.wait("document.getElementById('batch-error').textContent")
    assert "2" in said


def test_the_page_speaks_both_languages_and_fits_a_phone(browser, server):
    browser.open(address(server), 360, 740)
    for _ in range(2):
        language = browser.run("document.documentElement.lang")
        title = browser.run("document.querySelector('h1').textContent")
        assert title == {"zh": "两句话是不是一个意思？",
                         "en": "Do two sentences mean the same?"}[language]
        for tab in ("pair", "batch"):
            browser.run("document.getElementById('tab-%s').click()" % tab)
            assert browser.run("document.documentElement.scrollWidth") <= 360
            picture(browser, "%s_phone_%s" % (tab, language))
        browser.run("document.getElementById('language').click()")


def test_the_page_needs_nothing_from_elsewhere():
    with open(os.path.join(toy.ROOT, "resources", "similarity.html"),
              encoding="utf-8") as source:
        page = source.read()
    assert "http:" not in page and "https:" not in page and "src=" not in page
