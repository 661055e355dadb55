"""Mails of any kind are shown, and none is touched."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from console_mails import Maildir, letter

from console.maildir import Mailbox

AT = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def maildir(tmp_path: Path) -> Maildir:
    return Maildir(tmp_path / "mailbox")


@pytest.fixture
def mailbox(maildir: Maildir) -> Mailbox:
    return Mailbox(maildir.new.parent)


def test_a_mailbox_that_is_not_there_is_empty(tmp_path):
    assert Mailbox(tmp_path / "none").files() == {}
    assert Mailbox(tmp_path / "none").letter("x") is None


def test_new_and_seen_mails_are_listed_newest_first(maildir, mailbox):
    maildir.add("1.a.host", letter("a@example.net", "First", "one"), AT)
    maildir.add("2.b.host", letter("b@example.net", "Second", "two"), AT.replace(hour=7))
    (maildir.new / "1.a.host").rename(maildir.new.parent / "cur" / "1.a.host:2,S")
    assert list(mailbox.files()) == ["2.b.host", "1.a.host"]
    assert mailbox.letter("1.a.host").text == "one\n"


def test_a_mail_without_html_has_none(maildir, mailbox):
    maildir.add("1", letter("a@example.net", "Plain", "text only"), AT)
    assert mailbox.letter("1").html is None


@pytest.mark.parametrize("raw", [
    b"", b"\xff\xfe\x00", b"Subject: half", b"Content-Type: multipart/alternative; boundary=x\n\n--x\n",
    b"Subject: =?bad?q?=ZZ?=\nTo: <<<>>>,,\n\nbody", b"Content-Type: text/plain; charset=klingon\n\n\xe9\xe8",
    b"Content-Type: text/html\nContent-Transfer-Encoding: base64\n\n!!!",
])  # fmt: skip
def test_a_broken_mail_is_shown_as_far_as_it_goes(maildir, mailbox, raw):
    maildir.add("1", raw, AT)
    files = mailbox.files()
    assert mailbox.headings(["1"], files)[0].subject
    assert mailbox.letter("1") is not None


def test_a_mail_is_found_by_its_message_id(maildir, mailbox):
    maildir.add("1", letter("a@example.net", "One", "1", message_id="<one@example.net>"), AT)
    maildir.add("2", letter("a@example.net", "Two", "2", message_id="<two@example.net>"), AT)
    assert mailbox.find({"<two@example.net>", "<three@example.net>"}) == {"<two@example.net>": "2"}
    assert mailbox.find(set()) == {}
