"""Filters as people write them: ``tags:beach taken>=2024 -camera:X100 (place:Lisboa OR place:Porto)``.

Conditions side by side all hold; ``OR`` and brackets make alternatives, ``-`` or ``NOT`` the contrary.
docs/search.md has the whole syntax.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NoReturn

from rag.errors import InvalidInput
from rag.filter_size import conditions
from rag.filter_times import TIMES, during
from rag.types import AllOf, AnyOf, Filter, FilterOp, FilterValue, Not, Where

MAX_CHARACTERS: Final = 4_096
MAX_DEPTH: Final = 8
"""Brackets and negations inside one another."""
MAX_VALUES: Final = 1_000
MAX_CONDITIONS: Final = 300
"""Of what is written; what a search adds has room beside them."""

Sign = Literal[":", "=", "!=", "<", "<=", ">", ">="]

TEXTS: Final = {
    name: name
    for name in ("id", "collection", "kind", "modality", "part", "parent_id", "content_hash", "phash")
}
LISTS: Final = {"tags": "tags", "tag": "tags", "source": "sources", "sources": "sources"}
NUMBERS: Final = {"page": "page"}
ANY_OF: Final = {
    "camera": ("camera_model", "camera_make", "camera"),
    "place": ("city", "location", "state", "country", "place"),
}
"""What a name looks for in the metadata: these keys, as picture files and sidecars name them."""
METADATA: Final = "metadata."
HAS: Final[dict[str, Filter]] = {
    "caption": Where("caption", "ne", ""),
    "ocr": Where("ocr", "ne", ""),
    "image": Where("has_image", "eq", True),
    "time": Where("taken_at", "ne", 0),
    "place": AnyOf(
        (
            Where("metadata.latitude", "ge", -90),
            *(Where(METADATA + key, "gt", "") for key in ANY_OF["place"]),
        )
    ),
}
NAMES: Final = (*TEXTS, "tags", "source", *NUMBERS, *TIMES, *ANY_OF, "has", "metadata.KEY")
SEARCHED: Final = ("caption", "ocr", "text", "title")

_OPS: Final[dict[Sign, FilterOp]] = {
    ":": "eq", "=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge",
}  # fmt: skip
_SIGN = re.compile(r"!=|<=|>=|[:=<>]")
_NAME = re.compile(r"[^\s:=<>!\"(),]+")
_WORD = re.compile(r"[^\s\"(),]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_INTEGER = re.compile(r"[+-]?\d{1,19}")
_DECIMAL = re.compile(r"[+-]?\d{1,19}\.\d{1,19}")


@dataclass(frozen=True, slots=True)
class _Value:
    text: str
    quoted: bool
    column: int


def parse_filter(text: str) -> Filter:
    """The filter that a text means. Raises InvalidInput, naming the column (from 1), where it means none."""
    return _Reader(text).filter()


class _Reader:
    """One pass over the text, by recursive descent: ``or`` of ``and`` of conditions."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._depth = 0
        self._widths: list[tuple[int, int]] = []

    def filter(self) -> Filter:
        if len(self._text) > MAX_CHARACTERS:
            self._refuse(f"{len(self._text)} characters; {MAX_CHARACTERS} are allowed", MAX_CHARACTERS)
        self._skip()
        if self._at == len(self._text):
            self._refuse("it is empty; write a condition such as tags:beach, or leave it out")
        found = self._either()
        if self._at < len(self._text):
            self._refuse("this bracket closes none" if self._peek() == ")" else "a condition is needed here")
        self._check_width(conditions(found))
        return found

    def _check_width(self, count: int) -> None:
        if count > MAX_CONDITIONS:
            _, widest = max(self._widths, key=lambda one: one[0])
            why = f"the filter makes {count} conditions, most of them here; {MAX_CONDITIONS} are allowed"
            self._refuse(f"{why}: give fewer values, or look at one key, as in metadata.city=…", widest)

    def _either(self) -> Filter:
        parts = [self._all()]
        while self._keyword("OR"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))

    def _all(self) -> Filter:
        parts = [self._one()]
        while self._at < len(self._text) and self._peek() != ")" and not self._ahead("OR"):
            self._keyword("AND")
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else AllOf(tuple(parts))

    def _one(self) -> Filter:
        self._skip()
        if self._peek() == "-" or self._ahead("NOT"):
            if not self._keyword("NOT"):
                self._at += 1
            return self._deeper(lambda: Not(self._one()))
        if self._peek() == "(":
            return self._deeper(self._bracket)
        return self._condition()

    def _bracket(self) -> Filter:
        opened = self._at
        self._at += 1
        found = self._either()
        if self._peek() != ")":
            self._refuse("this bracket is not closed", opened)
        self._at += 1
        self._skip()
        return found

    def _deeper(self, read: Callable[[], Filter]) -> Filter:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._refuse(f"brackets and negations may stand {MAX_DEPTH} deep; write it flatter")
        found = read()
        self._depth -= 1
        return found

    def _condition(self) -> Filter:
        start = self._at
        name = self._name()
        sign = self._sign(name, start)
        values = [self._value()]
        while self._peek() == ",":
            self._at += 1
            values.append(self._value())
        if len(values) > MAX_VALUES:
            self._refuse(f"{len(values)} values; {MAX_VALUES} are allowed", start)
        if len(values) > 1 and sign not in (":", "=", "!="):
            self._refuse(f"{sign} takes one value", values[1].column)
        self._skip()
        found = self._meaning(name, sign, values, start)
        self._widths.append((conditions(found), start))
        return found

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if found is None:
            self._refuse("a condition is needed here, such as tags:beach")
        self._at = found.end()
        name = found[0]
        if name == METADATA and self._peek() == '"':
            name += self._value().text
        return name

    def _sign(self, name: str, start: int) -> Sign:
        found = _SIGN.match(self._text, self._at)
        if found is None:
            self._refuse(f"after {name!r} comes one of : = != < <= > >= and a value, as in tags:beach", start)
        self._at = found.end()
        return found[0]  # type: ignore[return-value]  # the pattern knows these signs alone

    def _value(self) -> _Value:
        start = self._at
        quoted = _QUOTED.match(self._text, start)
        word = _WORD.match(self._text, start)
        if quoted is not None:
            self._at = quoted.end()
            return _Value(re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL), True, start)
        if word is None:
            self._refuse(
                "this quotation mark is not closed" if self._peek() == '"' else "a value is needed here"
            )
        self._at = word.end()
        return _Value(word[0], False, start)

    def _meaning(self, name: str, sign: Sign, values: list[_Value], start: int) -> Filter:
        if name == "has":
            return self._has(sign, values)
        one = self._reader_of(name, start)
        positive: Sign = "=" if sign == "!=" else sign
        parts = tuple(one(positive, value) for value in values)
        found = parts[0] if len(parts) == 1 else self._any_of(name, values) or AnyOf(parts)
        return Not(found) if sign == "!=" else found

    def _any_of(self, name: str, values: list[_Value]) -> Filter | None:
        """One list for all values, of the fields that take one."""
        if name in TEXTS:
            return Where(TEXTS[name], "in", tuple(value.text for value in values))
        if name in NUMBERS:
            return Where(NUMBERS[name], "in", tuple(self._whole(name, value) for value in values))
        return None

    def _reader_of(self, name: str, start: int) -> Callable[[Sign, _Value], Filter]:
        if name in TEXTS:
            return lambda sign, value: Where(TEXTS[name], _OPS[sign], value.text)
        if name in LISTS:
            return lambda sign, value: self._listed(name, sign, value)
        if name in NUMBERS:
            return lambda sign, value: Where(NUMBERS[name], _OPS[sign], self._whole(name, value))
        if name in TIMES:
            return lambda sign, value: self._timed(name, sign, value)
        if name in ANY_OF:
            keys = ANY_OF[name]
            return lambda sign, value: AnyOf(tuple(self._told(METADATA + k, sign, value) for k in keys))
        if name.startswith(METADATA) and name != METADATA:
            return lambda sign, value: self._told(name, sign, value)
        known = f"no field is called {name!r}; there are {', '.join(NAMES)}"
        searched = f"{name!r} is searched, not filtered: put its words into the question"
        return self._refuse(searched if name in SEARCHED else known, start)

    def _has(self, sign: Sign, values: list[_Value]) -> Filter:
        unknown = next((value for value in values if value.text not in HAS), None)
        if unknown is not None or sign != ":":
            what = f"has: takes {', '.join(HAS)}; -has:… for those without"
            self._refuse(what, (unknown or values[0]).column)
        parts = tuple(HAS[value.text] for value in values)
        return parts[0] if len(parts) == 1 else AnyOf(parts)

    def _listed(self, name: str, sign: Sign, value: _Value) -> Filter:
        if sign not in (":", "="):
            self._refuse(f"{name} is a list; write {name}:VALUE or {name}!=VALUE", value.column)
        return Where(LISTS[name], "contains", value.text)

    def _timed(self, name: str, sign: Sign, value: _Value) -> Filter:
        try:
            return during(TIMES[name], sign, value.text)
        except InvalidInput as error:
            self._refuse(str(error), value.column)

    def _whole(self, name: str, value: _Value) -> int:
        if value.quoted or not _INTEGER.fullmatch(value.text):
            self._refuse(f"{name} is a whole number, not {value.text!r}", value.column)
        return int(value.text)

    def _told(self, field: str, sign: Sign, value: _Value) -> Filter:
        """Metadata is whatever was said of a picture: ``:`` looks for texts, numbers and entries of lists."""
        plain = _plain(value)
        if isinstance(plain, bool) and sign not in (":", "="):
            self._refuse("true and false have no order; use : or !=", value.column)
        if sign != ":":
            return Where(field, _OPS[sign], plain)
        kinds: list[FilterValue] = [plain] if isinstance(plain, str) else [plain, value.text]
        return AnyOf(tuple(Where(field, op, kind) for kind in kinds for op in ("eq", "contains")))

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _ahead(self, word: str) -> bool:
        """Whether this word stands here by itself."""
        end = self._at + len(word)
        return self._text[self._at : end] == word and (self._text[end : end + 1] or " ") in ' \t\r\n()"-'

    def _keyword(self, word: str) -> bool:
        if not self._ahead(word):
            return False
        self._at += len(word)
        self._skip()
        return True

    def _skip(self) -> None:
        while self._peek().isspace():
            self._at += 1

    def _refuse(self, why: str, at: int | None = None) -> NoReturn:
        raise InvalidInput(f"where, column {(self._at if at is None else at) + 1}: {why}")


def _plain(value: _Value) -> str | int | float | bool:
    """A number or truth where it looks like one and is not quoted, else the text."""
    if value.quoted:
        return value.text
    if value.text in ("true", "false"):
        return value.text == "true"
    if _INTEGER.fullmatch(value.text) and abs(int(value.text)) < 2**63:
        return int(value.text)
    return float(value.text) if _DECIMAL.fullmatch(value.text) else value.text
