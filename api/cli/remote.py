"""Commands carried out by the server that owns the data folder."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, get_args
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter

from api.classify_schemas import ClassifiedOut, ClassifyIn
from api.cli.backend import OnFile, read_picture
from api.cli.remote_administration import RemoteAdministration
from api.cli.remote_conversations import RemoteConversations
from api.key_schemas import SessionOut
from api.limits import FIELD_BYTES, UPLOAD_FILES
from api.moderation_schemas import ModeratedOut, ModerateIn, Packaged, ReviewOut, ReviewsOut, VerdictOut
from api.query_schemas import QueryIn, SearchIn
from api.schemas import AskOut, DuplicatesOut, FileOut, IngestOut, SearchOut
from api.teaching_schemas import ClassifierOut, ClassifiersOut, SortedOut, SortIn, TeachIn
from ingest.descriptions import shortened
from ingest.receipts import STATUSES, FileReceipt, Status
from ingest.sources import SourceFile
from rag.errors import BadSettings, Busy, Conflict, InvalidInput, NotFound, OlharError, Unavailable
from rag.records.reviews import Decision, State
from rag.settings import Settings
from rag.vision.curation.types import Coverage, Representatives
from rag.vision.fairness.history import Run
from rag.vision.fairness.types import Fairness
from rag.vision.fairness.types import Options as Audit
from rag.vision.quality.types import Options, Quality

BATCH_FILES = min(256, UPLOAD_FILES)
BATCH_BYTES = 64 * 2**20
DESCRIPTION_BYTES = FIELD_BYTES // 2
"""Of one batch. What surrounds the descriptions comes on top, and a single file may have more."""
PATIENCE = 5
"""So often is asked again where the server is busy, or the key has sent as much as it may."""
LONGEST_WAIT_S = 60.0
UPLOAD_SECONDS = 600.0
"""Deadline of one batch."""
GONE = (Unavailable, NotFound, Conflict, Busy, BadSettings)
"""What says that no file can be ingested now."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A file on its way: its place among all, its description as JSON, and what was cut from that."""

    place: int
    file: SourceFile
    data: bytes
    description: str
    note: str


class Remote:
    """A ``Backend`` over HTTP. Files are sent, since the server reads no paths that it is told."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._max_bytes = settings.max_bytes
        self._limit = settings.limit
        wait = settings.llm_load_seconds + settings.llm_first_seconds + settings.llm_answer_seconds
        # A question waits for a reranker that is being loaded, and then for what it reads.
        wait += 2 * settings.rerank_seconds
        self._settings = settings
        self._http = httpx.Client(
            base_url=url,
            timeout=httpx.Timeout(wait, connect=5),
            trust_env=False,
            headers=key_headers(settings),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def check_tenant(self) -> None:
        """Raises Conflict where the key is another tenant's than the one that is set, and as ``send``."""
        mine, its = self._settings.tenant, SessionOut.model_validate(self.send("GET", "/session")).tenant
        if "tenant" in self._settings.model_fields_set and mine != its:
            raise Conflict(
                f"OLHAR_TENANT is {mine!r} here, and the key of OLHAR_API_KEY is one of {its!r}; "
                "leave OLHAR_TENANT out, or set a key of that tenant"
            )

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut:
        """As in process. When the server cannot do anything now, the files that are left have failed."""
        done: dict[int, FileOut] = {}

        def keep(place: int, outcome: FileOut) -> None:
            done[place] = outcome
            on_file(outcome)

        gone = ""
        try:
            for batch in self._batches(files, keep, all_captions):
                for sent, outcome in self._outcomes(batch, collection, all_captions):
                    keep(sent.place, outcome)
        except GONE as error:
            gone = str(error)
        for place, file in enumerate(files):
            if place not in done:
                keep(place, _receipt(file, "failed", gone))
        counts = Counter(outcome.status for outcome in done.values())
        ordered = [done[place] for place in range(len(files))]
        return IngestOut(collection=collection, files=ordered, counts={s: counts[s] for s in STATUSES})

    def search(self, wanted: SearchIn, pictures: Sequence[Path], sound: Path | None = None) -> SearchOut:
        if wanted.limit is None:
            wanted = wanted.model_copy(update={"limit": self._limit})
        return SearchOut.model_validate(self._ask("/v1/search", wanted, pictures, sound))

    def ask(self, wanted: QueryIn, pictures: Sequence[Path], sound: Path | None = None) -> AskOut:
        return AskOut.model_validate(self._ask("/v1/ask", wanted, pictures, sound))

    def picture(self, item_id: str, *, collection: str) -> bytes:
        route = f"/v1/items/{quote(item_id)}/original"
        return self._answered("GET", route, params={"collection": collection}).content

    def duplicates(self, distance: int, *, collection: str) -> DuplicatesOut:
        route = f"/v1/collections/{collection}/duplicates"
        return DuplicatesOut.model_validate(self.send("GET", route, params={"distance": distance}))

    def thumbnail(self, item_id: str, *, collection: str) -> bytes:
        route = f"/v1/items/{quote(item_id)}/thumbnail"
        return self._answered("GET", route, params={"collection": collection}).content

    def fairness(self, options: Audit, *, collection: str) -> Fairness:
        route = f"/v1/collections/{collection}/fairness"
        return TypeAdapter(Fairness).validate_python(self.send("POST", route, json=asdict(options)))

    def audits(self, *, collection: str) -> list[Run]:
        return TypeAdapter(list[Run]).validate_python(
            self.send("GET", f"/v1/collections/{collection}/fairness")
        )

    def representatives(self, count: int, sample: int, seed: int, *, collection: str) -> Representatives:
        route, query = f"/v1/collections/{collection}/representatives", {"count": count, "sample": sample}
        found = self.send("GET", route, params={**query, "seed": seed})
        return TypeAdapter(Representatives).validate_python(found)

    def coverage(
        self, labels: Sequence[str], least: int, sample: int, seed: int, *, collection: str
    ) -> Coverage:
        asked = {"labels": list(labels), "least": least, "sample": sample, "seed": seed}
        found = self.send("POST", f"/v1/collections/{collection}/coverage", json=asked)
        return TypeAdapter(Coverage).validate_python(found)

    def quality(self, options: Options, *, collection: str) -> Quality:
        route = f"/v1/collections/{collection}/quality"
        return TypeAdapter(Quality).validate_python(self.send("GET", route, params=asdict(options)))

    def classify(self, wanted: ClassifyIn, picture: Path) -> ClassifiedOut:
        return ClassifiedOut.model_validate(self._ask("/v1/classify", wanted, [picture]))

    def sort(self, collection: str, wanted: SortIn) -> SortedOut:
        body = wanted.model_dump(exclude_unset=True)
        route = f"/v1/collections/{quote(collection)}/classify"
        return SortedOut.model_validate(self.send("POST", route, json=body, timeout=UPLOAD_SECONDS))

    def teach(self, collection: str, wanted: TeachIn) -> ClassifierOut:
        route, body = f"/v1/collections/{quote(collection)}/classifiers", wanted.model_dump()
        return ClassifierOut.model_validate(self.send("POST", route, json=body))

    def classifiers(self, collection: str) -> ClassifiersOut:
        route = f"/v1/collections/{quote(collection)}/classifiers"
        return ClassifiersOut.model_validate(self.send("GET", route))

    def forget_classifier(self, collection: str, name: str) -> None:
        self._answered("DELETE", f"/v1/collections/{quote(collection)}/classifiers/{quote(name)}")

    def moderate(self, picture: Path | None, text: str, policy: str) -> VerdictOut:
        self._check_policy(policy)
        wanted = ModerateIn.model_validate({"text": text or None, "policy": policy or None})
        pictures = [] if picture is None else [picture]
        return VerdictOut.model_validate(self._ask("/v1/moderate", wanted, pictures))

    def moderate_collection(self, collection: str, policy: str, *, apply: bool) -> ModeratedOut:
        self._check_policy(policy)
        body = {"policy": policy or None, "apply": apply}
        route = f"/v1/collections/{quote(collection)}/moderate"
        return ModeratedOut.model_validate(self.send("POST", route, json=body, timeout=UPLOAD_SECONDS))

    def _check_policy(self, policy: str) -> None:
        if policy not in ("", *get_args(Packaged)):
            raise InvalidInput(
                f"the server at {self._url} reads no policy that it is told ({policy}): set OLHAR_MODERATION "
                "where it runs, or name a packaged policy"
            )

    def reviews(self, state: State | None, limit: int) -> ReviewsOut:
        query = {"limit": limit, **({"state": state} if state else {})}
        return ReviewsOut.model_validate(self.send("GET", "/v1/moderation", params=query))

    def decide(self, review: str, decision: Decision, note: str) -> ReviewOut:
        body = {"decision": decision, "note": note}
        return ReviewOut.model_validate(self.send("POST", f"/v1/moderation/{quote(review)}", json=body))

    @property
    def administration(self) -> RemoteAdministration:
        return RemoteAdministration(self.send)

    @property
    def conversations(self) -> RemoteConversations:
        return RemoteConversations(self.send, self._answered)

    def _ask(
        self,
        route: str,
        wanted: QueryIn | ClassifyIn | ModerateIn,
        pictures: Sequence[Path],
        sound: Path | None = None,
    ) -> Any:
        fields = wanted.model_dump(exclude_unset=True, exclude_none=True)
        sent = [*(("image", path) for path in pictures), *([] if sound is None else [("sound", sound)])]
        if not sent:
            return self._post(route, json=fields)
        files = [(key, (path.name, read_picture(path, self._max_bytes))) for key, path in sent]
        return self._post(route, data={name: _in_form(value) for name, value in fields.items()}, files=files)

    def _batches(
        self, files: Sequence[SourceFile], keep: Callable[[int, FileOut], None], all_captions: bool
    ) -> Iterator[list[_Sent]]:
        """Files with their bytes, as many as one request takes; receipts for those that cannot be read."""
        batch: list[_Sent] = []
        size = described = 0
        for place, file in enumerate(files):
            try:
                sent = self._read(place, file, all_captions)
            except (OSError, OlharError) as error:
                keep(place, _refused(file, error))
                continue
            full = (
                size + len(sent.data) > BATCH_BYTES or described + len(sent.description) > DESCRIPTION_BYTES
            )
            if batch and (full or len(batch) == BATCH_FILES):
                yield batch
                batch, size, described = [], 0, 0
            batch.append(sent)
            size += len(sent.data)
            described += len(sent.description)
        if batch:
            yield batch

    def _read(self, place: int, file: SourceFile, all_captions: bool) -> _Sent:
        data = file.read() if file.path is None else read_picture(file.path, self._max_bytes)
        description, note = shortened(file.description, all_captions=all_captions)
        fields = {
            "source": file.source if file.replaces else None,
            "caption": description.caption,
            "captions": description.captions,
            "tags": description.tags,
            "metadata": dict(description.metadata),
            "origin": description.caption_origin or description.tags_origin or "upload",
        }
        return _Sent(place, file, data, json.dumps(fields), note)

    def _outcomes(
        self, batch: Sequence[_Sent], collection: str, all_captions: bool
    ) -> Iterator[tuple[_Sent, FileOut]]:
        """What became of each file; a batch that is refused is halved until the file at fault stands alone.

        Raises what is in ``GONE``, since then no file is to blame.
        """
        try:
            outcomes = self._upload(batch, collection, all_captions)
        except GONE:
            raise
        except OlharError as error:
            if len(batch) == 1:
                yield batch[0], _refused(batch[0].file, error)
                return
            half = len(batch) // 2
            yield from self._outcomes(batch[:half], collection, all_captions)
            yield from self._outcomes(batch[half:], collection, all_captions)
            return
        yield from zip(batch, outcomes, strict=True)

    def _upload(self, batch: Sequence[_Sent], collection: str, all_captions: bool) -> list[FileOut]:
        answer = self._post(
            f"/v1/collections/{collection}/items?wait=true",
            data={
                "descriptions": f"[{','.join(sent.description for sent in batch)}]",
                "all_captions": str(all_captions).lower(),
            },
            # What is no place goes as a name: then nothing is replaced by it.
            files=[("files", ("-" if sent.file.replaces else sent.file.source, sent.data)) for sent in batch],
            timeout=httpx.Timeout(UPLOAD_SECONDS, connect=5),
        )
        outcomes = IngestOut.model_validate(answer).files
        return [
            outcome.model_copy(update={"reason": "; ".join(filter(None, (outcome.reason, sent.note)))})
            for sent, outcome in zip(batch, outcomes, strict=True)
        ]

    def _post(self, route: str, **body: Any) -> Any:
        return self.send("POST", route, **body)

    def send(self, method: str, route: str, **given: Any) -> Any:
        """What the server answers, as JSON. One that asks for patience is asked again later.

        Raises BadSettings where it asks for a key, Unavailable, and what its status means.
        """
        response = self._answered(method, route, **given)
        try:
            return response.json()
        except ValueError:
            raise Unavailable(f"what answers at {self._url} is not Olhar") from None

    def _answered(self, method: str, route: str, **given: Any) -> httpx.Response:
        response = self._request(method, route, **given)
        for _ in range(PATIENCE):
            if response.status_code != 429:
                break
            time.sleep(_seconds(response))
            response = self._request(method, route, **given)
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _request(self, method: str, route: str, **given: Any) -> httpx.Response:
        try:
            return self._http.request(method, route, **given)
        except httpx.TimeoutException:
            raise Unavailable(f"the server at {self._url} did not answer in time; try again") from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the server at {self._url} broke off: {error or type(error).__name__}"
            ) from None

    def _refusal(self, response: httpx.Response) -> OlharError:
        if response.status_code != 401:
            return _refusal(response)
        if not self._settings.api_key.get_secret_value():
            return BadSettings(
                f"the server at {self._url} asks for a key: set OLHAR_API_KEY to one "
                "(`olhar keys create NAME --scope read --scope write` makes one)"
            )
        return BadSettings(
            f"the server at {self._url} does not take the key of OLHAR_API_KEY: it is not known there, was "
            "revoked, or has expired (`olhar keys list`)"
        )


def key_headers(settings: Settings) -> dict[str, str]:
    """What a request needs where the server asks for a key; nothing if none is set."""
    key = settings.api_key.get_secret_value()
    return {"authorization": f"Bearer {key}"} if key else {}


def _seconds(response: httpx.Response) -> float:
    """How long the server asks to wait, within reason."""
    told = response.headers.get("retry-after", "")
    return min(float(told) if told.isdecimal() else 5.0, LONGEST_WAIT_S)


def _in_form(value: object) -> str:
    return json.dumps(value) if isinstance(value, list | bool) else str(value)


def _refused(file: SourceFile, error: Exception) -> FileOut:
    return _receipt(file, "quarantined" if isinstance(error, InvalidInput) else "failed", str(error))


def _receipt(file: SourceFile, status: Status, reason: str) -> FileOut:
    return FileOut.of(file.refused or FileReceipt(file.source, status, "", reason))


def _refusal(response: httpx.Response) -> OlharError:
    """The error that a response means. A bug of the server (500) need not meet the next file."""
    try:
        problem = response.json()
        detail = str(problem.get("detail") or problem.get("title"))
    except (ValueError, AttributeError):
        detail = f"the server answered {response.status_code}"
    if response.status_code >= 500:
        return OlharError(detail) if response.status_code == 500 else Unavailable(detail)
    kinds: dict[int, type[OlharError]] = {
        403: Conflict, 404: NotFound, 405: NotFound, 409: Conflict, 429: Busy,
    }  # fmt: skip
    return kinds.get(response.status_code, InvalidInput)(detail)
