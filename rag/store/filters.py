"""Filter objects to Milvus' filter language. Nothing else writes that language or escapes for it.

A condition on ``metadata.<key>`` of an item without that key does not hold, so its negation does.
Ordering (``lt`` …) compares numbers with numbers and texts with texts; an item whose metadata
holds something of another kind is matched neither by the comparison nor by its negation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rag.errors import InvalidInput
from rag.filter_size import MAX_CONDITIONS, Containing, alternatives, conditions
from rag.store.schema import FILTERABLE, METADATA
from rag.types import AllOf, AnyOf, Filter, Not, Scope, Where

MAX_DEPTH = 32
MAX_VALUES = 10_000
INT64 = 2**63 - 1

ANYONE = 'tenant != ""'
"""Holds for every item of every tenant: for rebuilding a store, never for a request."""

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_OPPOSITE = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "le": "gt", "gt": "le"}
_NEVER, _ALWAYS = 'id == ""', 'id != ""'
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "\r": r"\r", "\t": r"\t"})


def compile_filter(scope: Scope, where: Filter | None = None, *extra: str) -> str:
    """The filter of one request: its tenant, its collection if it names one, ``where`` and ``extra``.

    ``extra`` holds expressions that this module made. Raises InvalidInput for an unknown field, an
    operator or value that does not fit the field, text that is not Unicode, or too deep or wide a filter.
    """
    if not scope.tenant or scope.collection == "":
        raise InvalidInput("a scope needs a tenant, and a collection that is not empty")
    parts = [f"tenant == {quote(scope.tenant)}"]
    if scope.collection is not None:
        parts.append(f"scope == {quote(scope_key(scope.tenant, scope.collection))}")
    if where is not None:
        parts.append(_compile(where, negated=False, depth=0))
        _check_width(where)
    return " and ".join((*parts, *extra))


def scope_key(tenant: str, collection: str) -> str:
    """The value of the partition key; two scopes never share one."""
    return f"{len(tenant)}:{tenant}:{collection}"


def one_of(ids: Sequence[str]) -> str:
    """Holds for the items of these ids."""
    return f"id in [{', '.join(quote(i) for i in ids)}]"


def made_of(sha256s: Sequence[str]) -> str:
    """Holds for the items of these contents, of every tenant: for originals, never for a request."""
    return f"{ANYONE} and content_hash in [{', '.join(quote(s) for s in sha256s)}]"


def after(item_id: str) -> str:
    """Holds for the items that come later in order of id."""
    return f"id > {quote(item_id)}"


def having(field: str) -> str:
    """Holds for the items whose boolean field is true."""
    return f"{field} == true"


def quote(text: str) -> str:
    """A string literal. Only these five escapes exist in every back end; all else stands raw."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"{text!r} is not valid Unicode text") from None
    return f'"{text.translate(_ESCAPES)}"'


def _check_width(where: Filter) -> None:
    count = conditions(where)
    if count > MAX_CONDITIONS:
        raise InvalidInput(
            f"the filter makes {count} conditions; {MAX_CONDITIONS} are allowed: give fewer values, "
            f"or put those of a stored field into one `in` (each value of {METADATA}.<key> makes one)"
        )


def _compile(part: Filter | Containing, *, negated: bool, depth: int) -> str:
    """Negation is pushed down to the conditions: there it needs no three-valued logic."""
    if depth > MAX_DEPTH:
        raise InvalidInput(f"a filter may be nested {MAX_DEPTH} deep; write it flatter")
    if isinstance(part, Not):
        return _compile(part.part, negated=not negated, depth=depth + 1)
    if isinstance(part, Where):
        return _condition(part, negated=negated)
    if isinstance(part, Containing):
        return _containing(part, negated=negated)
    if not isinstance(part, AllOf | AnyOf):
        raise InvalidInput(f"a filter is made of Where, AllOf, AnyOf and Not, not of {part!r}")
    conjunction = isinstance(part, AllOf) != negated
    parts = alternatives(part) if isinstance(part, AnyOf) else part.parts
    compiled = [_compile(p, negated=negated, depth=depth + 1) for p in parts]
    if not compiled:
        return _ALWAYS if conjunction else _NEVER
    return f"({(' and ' if conjunction else ' or ').join(compiled)})"


def _condition(where: Where, *, negated: bool) -> str:
    if where.field.startswith(METADATA + "."):
        return _metadata(where, negated=negated)
    kind = FILTERABLE.get(where.field)
    if kind is None:
        raise InvalidInput(
            f"cannot filter by {where.field!r}; fields are {', '.join(FILTERABLE)} and {METADATA}.<key>"
        )
    literal = _LITERALS[kind]
    if where.op == "contains" and kind == "list":
        return _containing(Containing(where.field, (where.value,)), negated=negated)
    if where.op == "in" and kind in ("text", "number"):
        values = ", ".join(literal(Where(where.field, "eq", v)) for v in _values(where))
        if not values:
            return _ALWAYS if negated else _NEVER
        return f"{where.field} {'not in' if negated else 'in'} [{values}]"
    if where.op in _SIGNS and (kind in ("text", "number") or (kind == "truth" and where.op in ("eq", "ne"))):
        return f"{where.field} {_sign(where.op, negated)} {literal(where)}"
    raise InvalidInput(f"{where.op!r} does not fit the field {where.field!r}, which holds a {kind}")


def _metadata(where: Where, *, negated: bool) -> str:
    path = _path(where.field)
    if where.op == "contains":
        return _containing(Containing(where.field, (where.value,)), negated=negated)
    if where.op == "in":
        # Milvus Lite has no `in` for what stands in JSON.
        parts = tuple(Where(where.field, "eq", v) for v in _values(where))
        return _compile(AnyOf(parts), negated=negated, depth=0)
    if where.op not in _SIGNS:
        raise InvalidInput(f"unknown operator {where.op!r}; there are {', '.join(_SIGNS)}, in and contains")
    if isinstance(where.value, bool) and where.op not in ("eq", "ne"):
        raise InvalidInput(f"{where.field}: true and false have no order; use eq or ne")
    # `ne` is the negation of `eq`, so an item without the key satisfies it.
    missing = where.op == "ne" if not negated else where.op != "ne"
    comparison = f"{path} {_sign(where.op, negated)} {_any_literal(where)}"
    # Parenthesised: on a server `exists` binds weaker than `or`.
    return f"(not (exists {path}) or {comparison})" if missing else comparison


def _containing(part: Containing, *, negated: bool) -> str:
    """One call for all values. With a list also for a single one of metadata: the form without takes no
    negative number on Milvus Lite."""
    wheres = [Where(part.field, "contains", value) for value in part.values]
    if len(wheres) > MAX_VALUES:
        raise InvalidInput(f"{part.field} contains …: {len(wheres)} values; {MAX_VALUES} are allowed")
    if part.field.startswith(METADATA + "."):
        call = f"json_contains_any({_path(part.field)}, [{', '.join(map(_any_literal, wheres))}])"
    elif FILTERABLE.get(part.field) != "list":
        return _condition(wheres[0], negated=negated)  # which says why it does not fit
    else:
        call = f"array_contains_any({part.field}, [{', '.join(map(_text_literal, wheres))}])"
    return f"(not {call})" if negated else call


def _path(field: str) -> str:
    key = field.removeprefix(METADATA + ".")
    if not key:
        raise InvalidInput(f"{field!r} names no key; write {METADATA}.<key>")
    return f"{METADATA}[{quote(key)}]"


def _sign(op: str, negated: bool) -> str:
    return _SIGNS[_OPPOSITE[op] if negated else op]


def _values(where: Where) -> Sequence[str] | Sequence[int]:
    if isinstance(where.value, str | bytes) or not isinstance(where.value, Sequence):
        raise InvalidInput(f"{where.field} in …: a list of values is needed, not {where.value!r}")
    if len(where.value) > MAX_VALUES:
        raise InvalidInput(f"{where.field} in …: {len(where.value)} values; {MAX_VALUES} are allowed")
    return where.value


def _text_literal(where: Where) -> str:
    if not isinstance(where.value, str):
        raise InvalidInput(f"{where.field} holds text, so it cannot be compared with {where.value!r}")
    return quote(where.value)


def _number_literal(where: Where) -> str:
    value = where.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A fraction would be cut off by an index on the field, and compared exactly without one.
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > INT64:
        raise InvalidInput(f"{where.field} holds whole numbers of 64 bits; {where.value!r} is none")
    return str(value)


def _truth_literal(where: Where) -> str:
    if not isinstance(where.value, bool):
        raise InvalidInput(f"{where.field} is true or false, not {where.value!r}")
    return "true" if where.value else "false"


def _any_literal(where: Where) -> str:
    value = where.value
    if isinstance(value, bool):
        return _truth_literal(where)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, float) and math.isfinite(value):
        return repr(value)
    if isinstance(value, int):
        return _number_literal(where)
    raise InvalidInput(f"{where.field} cannot be compared with {value!r}; use a text, number, true or false")


_LITERALS: dict[str, Callable[[Where], str]] = {
    "text": _text_literal,
    "number": _number_literal,
    "truth": _truth_literal,
    "list": _text_literal,
}
