"""No password of a URL is ever shown; all else of the text stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.urls import without_password

passwords = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=6).map(
    lambda text: f"qz{text}"
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://root:hunter2@localhost:19530", "http://root:***@localhost:19530"),
        ("s3://key:secret@bucket/prefix", "s3://key:***@bucket/prefix"),
        ("https://:secret@host", "https://:***@host"),
        ("https://token@host/x", "https://***@host/x"),
        ("http://u:p/a@ss@host/x", "http://u:***@host/x"),
        ("simplecache::s3://k:s@b", "simplecache::s3://k:***@b"),
        (
            "cannot reach 'http://u:p@h', nor http://a:b@c.",
            "cannot reach 'http://u:***@h', nor http://a:***@c.",
        ),
    ],
)
def test_a_password_is_hidden(text: str, shown: str) -> None:
    assert without_password(text) == shown


@pytest.mark.parametrize(
    "text",
    ["", "./data/milvus.db", "http://localhost:11434", "http://[::1]:80/x", "http://h:80/a@b", "s3://b/x@2x",
     "write to me@example.org", "http://localhost:8000 and me@example.org"],
)  # fmt: skip
def test_a_text_without_one_is_unchanged(text: str) -> None:
    assert without_password(text) == text


@given(passwords)
def test_whatever_the_password_holds(password: str) -> None:
    assert password not in without_password(f"no answer from http://root:{password}@host:1/x today")


@given(passwords)
def test_hiding_twice_changes_nothing_more(password: str) -> None:
    once = without_password(f"s3://key:{password}@bucket")
    assert without_password(once) == once
