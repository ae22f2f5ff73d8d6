"""Requests that nobody would think of: `python -m benchmarks.fuzz` sends thousands to a real server.

Schemathesis makes them from the OpenAPI document: of every operation some that fit it and some that do not.
No answer may be a bug, and each has to have a status, a type and a shape that the document names.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, reject, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import HypothesisDeprecationWarning
from PIL import Image
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.errors import InvalidSchema
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from ingest.worker import Worker
from rag.build import build
from rag.settings import Settings
from tests.loopback import running

CHECKS: Final = [
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
SECONDS: Final = 60
"""For one answer."""
COLOURS: Final = ((200, 30, 30), (30, 200, 30), (30, 30, 200))


@dataclass
class Report:
    """How many answers of each status there were, and what was wrong, one of a kind for each operation."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: dict[str, str] = field(default_factory=dict)

    @property
    def cases(self) -> int:
        """How many requests were sent."""
        return sum(self.statuses.values())


@dataclass(frozen=True, slots=True)
class Target:
    """A server to be asked, its OpenAPI document, and what is there to be named in paths."""

    url: str
    document: Mapping[str, Any]
    known: Mapping[str, str]


@contextmanager
def target(data: Path, models: Path | None = None) -> Iterator[Target]:
    """A real server over a real system in the folder ``data``, with three pictures."""
    with build(Settings(data=data, models=models, ocr="off")) as olhar:
        olhar.warm()
        with Worker(olhar) as worker:
            app = create_app(olhar, worker.wake)
            with running(app) as url:
                yield Target(url, app.openapi(), _filled(url))


def fuzz(at: Target, cases: int, number: int = 0) -> Report:
    """Send ``cases`` requests of each operation, those of the seed ``number``; deletions come last."""
    report = Report()
    schema = schemathesis.openapi.from_dict(dict(at.document))
    found = [result.ok() for result in schema.get_all_operations() if isinstance(result, Ok)]
    assert len(found) == sum(map(len, at.document["paths"].values()))
    with requests.Session() as session:
        session.trust_env = False  # no proxy
        for operation in sorted(found, key=lambda one: one.method.upper() == "DELETE"):
            cases_of = st.one_of([operation.as_strategy(generation_mode=mode) for mode in GenerationMode])
            _attack(_made(cases_of), at, session, report, cases, number)
    return report


@st.composite
def _made(draw: st.DrawFn, cases_of: st.SearchStrategy[Case[Any]]) -> tuple[Case[Any], bool]:
    """A request, and whether its path is to name what is there."""
    try:
        return draw(cases_of), draw(st.booleans())
    except InvalidSchema:  # Schemathesis made of the schema, to contradict it, one that nothing fits
        reject()


def _attack(
    made: st.SearchStrategy[tuple[Case[Any], bool]],
    at: Target,
    session: requests.Session,
    report: Report,
    cases: int,
    number: int,
) -> None:
    @seed(number)
    @settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(made)
    def sent(one: tuple[Case[Any], bool]) -> None:
        case, real = one
        if real and case.method.upper() != "DELETE":
            _name_what_is_there(case, at.known)
        _send(case, at.url, session, report)

    sent()


def _name_what_is_there(case: Case[Any], known: Mapping[str, str]) -> None:
    for name in case.path_parameters or {}:
        if name in known:
            case.path_parameters[name] = known[name]
    if case.query:
        case.query.pop("collection", None)


def _send(case: Case[Any], url: str, session: requests.Session, report: Report) -> None:
    # Drawn at random, a length makes no request of HTTP at all: the server hangs up before Olhar sees it.
    for name in [name for name in case.headers or {} if name.lower() == "content-length"]:
        del case.headers[name]
    response = case.call(base_url=url, session=session, timeout=SECONDS)
    report.statuses[response.status_code] += 1
    try:
        # 503 is no bug: under load a part may be slow to say how it is.
        bug = [] if response.status_code == 503 else [not_a_server_error]
        case.validate_response(response, checks=[*bug, *CHECKS])
    except FailureGroup as group:
        for failure in group.exceptions:
            key = f"{case.operation.label}: {getattr(failure, 'title', failure)}"
            answer = f"{response.status_code} {response.text[:500]}"
            report.wrong.setdefault(key, f"{failure}\n{case.as_curl_command()}\n{answer}")


def _filled(url: str) -> Mapping[str, str]:
    """Names of what is there, after three pictures were put in."""
    with requests.Session() as session:
        session.trust_env = False
        sent: dict[str, Any] = {
            "files": [("files", (f"{n}.png", _picture(colour))) for n, colour in enumerate(COLOURS)],
            "timeout": SECONDS,
        }
        place = f"{url}/v1/collections/default/items"
        job = session.post(place, **sent).json()["id"]
        item = session.post(f"{place}?wait=true", **sent).json()["files"][0]["item_id"]
        links = session.post(f"{url}/v1/links", json={"items": [item]}, timeout=SECONDS).json()["links"]
    link = links[0]["original"].rpartition("/")[2]
    return {"item_id": item, "job_id": job, "link": link, "name": "default"}


def _picture(colour: tuple[int, int, int]) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), colour).save(out, "PNG")
    return out.getvalue()


def main(arguments: Sequence[str] | None = None) -> int:
    """1 when an answer was wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=3000, help="requests in all (3,000)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder, target(Path(folder)) as at:
        operations = sum(map(len, at.document["paths"].values()))
        warnings.simplefilter("ignore", HypothesisDeprecationWarning)  # of Schemathesis's own strategies
        report = fuzz(at, -(-asked.cases // operations), asked.seed)
    for name, said in report.wrong.items():
        print(f"{name}\n{said}\n")
    told = ", ".join(f"{status}: {count}" for status, count in sorted(report.statuses.items()))
    print(f"{report.cases} requests, {len(report.wrong)} kinds of wrong answers ({told})")
    return 1 if report.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
