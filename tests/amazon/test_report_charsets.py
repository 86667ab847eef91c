"""Processing reports in the charsets that sellers' accounts get them in, true labels and false."""

from __future__ import annotations

import codecs

import pytest
from pydantic import SecretStr

from pipeline.amazon.charsets import text_of
from pipeline.amazon.feed_documents import (
    MessageOutcome,
    MessageResult,
    UnreadableReport,
    read,
    results,
)

JAPANESE = "確認済みです。ファイルの処理に失敗しました"
WESTERN = "bereits bestätigt — für “Größe”, déjà não"
ACCEPTED = MessageResult(MessageOutcome.ACCEPTED)


def report(words: str, declared: str) -> str:
    """One message accepted, one refused, with these words."""
    return (
        f'<?xml version="1.0" encoding="{declared}"?>\n'
        "<AmazonEnvelope><MessageType>ProcessingReport</MessageType><Message>"
        "<MessageID>1</MessageID><ProcessingReport><StatusCode>Complete</StatusCode>"
        "<ProcessingSummary><MessagesProcessed>2</MessagesProcessed>"
        "<MessagesSuccessful>1</MessagesSuccessful><MessagesWithError>1</MessagesWithError>"
        "<MessagesWithWarning>0</MessagesWithWarning></ProcessingSummary><Result>"
        "<MessageID>2</MessageID><ResultCode>Error</ResultCode>"
        f"<ResultMessageCode>18028</ResultMessageCode><ResultDescription>{words}"
        "</ResultDescription></Result></ProcessingReport></Message></AmazonEnvelope>"
    )


@pytest.mark.parametrize(
    ("words", "declared", "written"),
    [
        (JAPANESE, "UTF-8", "utf-8"),
        (JAPANESE, "UTF-8", "utf-8-sig"),
        (JAPANESE, "windows-31j", "cp932"),
        (JAPANESE, "Shift_JIS", "cp932"),
        (JAPANESE, "x-sjis", "cp932"),
        (JAPANESE, "EUC-JP", "euc_jp"),
        (JAPANESE, "ISO-2022-JP", "iso2022_jp"),
        (JAPANESE, "UTF-16", "utf-16"),
        (JAPANESE, "UTF-16", "utf-16-le"),
        (JAPANESE, "UTF-16", "utf-16-be"),
        (WESTERN, "windows-1252", "cp1252"),
        (WESTERN, "ISO-8859-1", "cp1252"),
        ("bestätigt, übergrößt", "ISO-8859-1", "latin-1"),
        # What says of itself what it is not.
        (JAPANESE, "UTF-8", "cp932"),
        (JAPANESE, "UTF-8", "euc_jp"),
        (JAPANESE, "UTF-8", "iso2022_jp"),
        (JAPANESE, "UTF-8", "utf-16"),
        (JAPANESE, "Shift_JIS", "utf-8"),
        (JAPANESE, "Shift_JIS", "euc_jp"),
        (JAPANESE, "no-such-charset", "cp932"),
        (WESTERN, "UTF-8", "cp1252"),
        (WESTERN, "UTF-8", "utf-16"),
        (WESTERN, "windows-1252", "utf-8"),
        (WESTERN, "US-ASCII", "cp1252"),
        # Charsets of other countries' accounts, and rarer ones of Japan's.
        ("確認済み①", "Shift_JIS-2004", "shift_jis_2004"),
        ("確認済みé", "ISO-2022-JP-2", "iso2022_jp_2"),
        ("订单已确认 γ", "UTF-8", "iso2022_jp_2"),
        ("订单已确认", "GB2312", "gb2312"),
        ("订单已确认", "HZ", "hz"),
        ("訂單已確認", "Big5", "big5"),
        ("訂單已確認", "Big5-HKSCS", "big5hkscs"),
        ("이미 확인되었습니다", "EUC-KR", "euc_kr"),
        ("이미 확인되었습니다", "ISO-2022-KR", "iso2022_kr"),
        ("już potwierdzono", "windows-1250", "cp1250"),
        ("już potwierdzono", "ISO-8859-2", "iso8859_2"),
        ("sipariş zaten onaylandı", "ISO-8859-9", "iso8859_9"),
        ("تم التأكيد بالفعل", "windows-1256", "cp1256"),
        ("כבר אושר", "windows-1255", "cp1255"),
        ("כבר אושר", "ISO-8859-8", "iso8859_8"),
        ("ยืนยันแล้ว", "TIS-620", "tis_620"),
        ("đã xác nhận", "UTF-8", "utf-8"),
        ("bestätigt", "macintosh", "mac_roman"),
        ("bestätigt", "cp850", "cp850"),
    ],
)
def test_a_report_reads_alike_in_every_charset(words: str, declared: str, written: str) -> None:
    content = report(words, declared).encode(written)
    assert results(read(content), [1, 2]) == {
        1: ACCEPTED,
        2: MessageResult(MessageOutcome.REFUSED, "Amazon's code 18028", SecretStr(words)),
    }


@pytest.mark.parametrize(
    "content_type",
    ["", "text/xml", "text/xml; charset=UTF-8", "text/xml; charset=ISO-8859-1", "x; charset=nix"],
)
@pytest.mark.parametrize(
    ("words", "declared", "written"),
    [
        (JAPANESE, "windows-31j", "cp932"),
        (JAPANESE, "UTF-8", "utf-8"),
        (WESTERN, "UTF-8", "cp1252"),
    ],
)
def test_a_false_content_type_changes_nothing(
    content_type: str, words: str, declared: str, written: str
) -> None:
    assert words in text_of(report(words, declared).encode(written), content_type)


def test_the_answers_charset_counts_before_the_declaration() -> None:
    content = report("пример", "windows-1252").encode("cp1251")
    assert "пример" in text_of(content, "text/xml; charset=windows-1251")


def test_a_letter_cut_off_and_a_control_letter_spoil_nothing_else() -> None:
    cut = report("確認済", "UTF-8").encode().replace("済".encode(), "済".encode()[:2])
    vertical_tab = report("a\x0bb", "UTF-8").encode()
    assert results(read(cut), [1, 2])[1] == ACCEPTED
    assert results(read(cut), [1, 2])[2].outcome == MessageOutcome.REFUSED
    assert results(read(vertical_tab), [1, 2])[2].words == SecretStr("ab")


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("a &#11;b", "a b"),
        ("a&#xFFFE;b", "ab"),
        ("a&#228;b&#9999999;", "aäb"),
        ("Müller & Co &amp; Co", "Müller & Co & Co"),
        ("AT&T&nbsp;x", "AT&T&nbsp;x"),
        ("quantity < 2 <3", "quantity < 2 <3"),
    ],
)
def test_signs_in_its_words_do_not_make_a_report_unreadable(written: str, words: str) -> None:
    read_ = results(read(report(written, "UTF-8").encode()), [1, 2])
    assert read_[1] == ACCEPTED
    assert (read_[2].outcome, read_[2].words) == (MessageOutcome.REFUSED, SecretStr(words))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>Service Unavailable</html",
        codecs.BOM_UTF16_LE + b"<\0a",
        bytes(range(256)),
        b'<?xml version="1.0" encoding="Shift_JIS"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    ],
)
def test_what_is_no_report_is_unreadable(content: bytes) -> None:
    with pytest.raises(UnreadableReport):
        read(content)
