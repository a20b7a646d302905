"""Which sentences of an extracted document are worth pre-training on.

Menus, titles and other short strings, code, mostly foreign text and remains of markup
are dropped; half-width punctuation beside a Han character becomes the full-width one.
"""

import re

import sentences

MIN_HAN = 6
MAX_CHARACTERS = 400
# How much of a sentence must be Chinese, blanks aside; the rest are names and commands.
MIN_CHINESE_SHARE = 0.5

_HAN = re.compile("[\u3400-\u9fff]")
_CHINESE = re.compile("[\u3400-\u9fff，。、；：？！…—“”‘’「」『』《》（）·]")
_FULL_WIDTH = {",": "，", ";": "；", ":": "：", "?": "？", "!": "！", ".": "。"}
_HALF_WIDTH_MARK = re.compile(
    "(?<=[\u3400-\u9fff”」』）])(?:[,;:?!]|\\.(?=\\s|$|[\u3400-\u9fff”」』）)]))"
    "|[,;:?!](?= *[\u3400-\u9fff])")
_NEEDLESS_BLANK = re.compile(
    "(?<=[\u3400-\u9fff，。、；：？！）」』》]) +(?=[\u3400-\u9fff])"
    "|(?<=[，。、；：？！）」』》]) +| +(?=[，。、；：？！）」』》])")
_ONE_FORM = str.maketrans(
    {"\xa0": " ", "\u3000": " ", "\u200b": None, "．": "。", "｡": "。"})
_PAIRS = ("「」", "『』", "《》", "（）", "()")
_BULLET = re.compile(r"^(?:[•·●○■□◆►▪*+]|-(?=\s)|o(?=\s))+\s*")
_ENDS = re.compile("[。！？；：…][”’」』）】》)\\]\"']*$")
# Signs of code, of a lost operand, of drawings, of templates, of another language.
_REMAINS = re.compile(
    "[{}\\\\|<>$│├└─━┌┐\ufffd\u3040-\u30ff\uac00-\ud7a3\x00-\x1f]"
    "|“”|‘’|「」|『』|（）|《》|\\(\\)|\"\"|''|[，、]{2}|[，、：][。；]|。。")
_BROKEN_START = re.compile("^[，。、；：！？）”’」』》,.;:!?)\\]]")
# Frequent characters that simplified text does not use, one a sentence at most.
_TRADITIONAL = re.compile(
    "[們個這時來對說還國會發進樣經學問開關長見點電動話應與無從現實體機將為當處種業樂數據檔"
    "選項設務資訊網頁輸執預關閉顯覽編輯參變連單號碼規則節結給雖讓認過邊運東車門馬書語氣場親"
    "強張歲頭題類願難離雙條極標準確買賣質費軟輕較轉農遠違達遲適鄉醫鐵錢錯鏡間陽階際隨險韓"
    "響領頻顧風飛飯館騎驗魚鳥麗齊齒龍龜聲聽聯職臺舊葉藝藥蘇處術衛複觀記許論證識譯議護讀豐]")


def normalise(text):
    """Full-width punctuation beside Han characters, and no blanks between the two."""
    text = text.translate(_ONE_FORM)
    text = _HALF_WIDTH_MARK.sub(lambda match: _FULL_WIDTH[match.group()], text)
    return _NEEDLESS_BLANK.sub("", re.sub(" +", " ", text)).strip()


def han_characters(text):
    """How many Han characters the text has."""
    return len(_HAN.findall(text))


def is_prose(sentence):
    """Whether it is a finished, mostly Chinese sentence of sensible length."""
    return (MIN_HAN <= han_characters(sentence)
            and len(sentence) <= MAX_CHARACTERS
            and bool(_ENDS.search(sentence))
            and not _REMAINS.search(sentence)
            and not _BROKEN_START.match(sentence)
            and all(sentence.count(left) == sentence.count(right)
                    for left, right in _PAIRS)
            and len(_CHINESE.findall(sentence))
            >= MIN_CHINESE_SHARE * len("".join(sentence.split())))


def is_traditional(text):
    """Whether the text is written in traditional characters."""
    return len(_TRADITIONAL.findall(text)) > max(1, 0.02 * len(text))


def clean(paragraphs, keep_traditional=False):
    """The sentences of a document's paragraphs that are prose, in order."""
    found = []
    for paragraph in paragraphs:
        for sentence in sentences.split_sentences(normalise(paragraph)):
            sentence = _BULLET.sub("", sentence)
            unwanted = is_traditional(sentence) and not keep_traditional
            if is_prose(sentence) and not unwanted:
                found.append(sentence)
    return found
