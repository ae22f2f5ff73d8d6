"""Commands carried out by the server that owns the data folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from api.cli.backend import OnFile, read_picture
from api.limits import UPLOAD_BYTES, UPLOAD_FILES
from api.schemas import AskOut, FileOut, IngestOut, SearchOut
from ingest.receipts import STATUSES, Status
from ingest.sources import SourceFile
from rag.errors import InvalidInput, OlharError, Unavailable
from rag.settings import Settings

BATCH_FILES = min(64, UPLOAD_FILES)
BATCH_BYTES = min(32 * 2**20, UPLOAD_BYTES)


class Remote:
    """A ``Backend`` over HTTP. Files are sent, since the server reads no paths that it is told."""

    def __init__(self, url: str, settings: Settings) -> None:
        self._url = url
        self._max_bytes = settings.max_bytes
        wait = settings.llm_load_seconds + settings.llm_answer_seconds
        self._http = httpx.Client(base_url=url, timeout=httpx.Timeout(wait, connect=5), trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def ingest(
        self, files: Sequence[SourceFile], *, collection: str, all_captions: bool, on_file: OnFile
    ) -> IngestOut:
        done: list[FileOut] = []

        def take(outcomes: Sequence[FileOut]) -> None:
            for outcome in outcomes:
                done.append(outcome)
                on_file(outcome)

        for batch, unread in self._batches(files):
            take(unread)
            if batch:
                take(self._upload(batch, collection, all_captions).files)
        counts = Counter(outcome.status for outcome in done)
        return IngestOut(collection=collection, files=done, counts={s: counts[s] for s in STATUSES})

    def search(self, text: str, image: Path | None, *, collection: str, limit: int | None) -> SearchOut:
        return SearchOut.model_validate(self._ask("/v1/search", text, image, collection, limit))

    def ask(self, question: str, image: Path | None, *, collection: str, limit: int | None) -> AskOut:
        return AskOut.model_validate(self._ask("/v1/ask", question, image, collection, limit))

    def _ask(self, route: str, text: str, image: Path | None, collection: str, limit: int | None) -> Any:
        fields = {"text": text, "collection": collection}
        if limit is not None:
            fields["limit"] = str(limit)
        picture = {} if image is None else {"image": (image.name, read_picture(image, self._max_bytes))}
        if picture:
            return self._post(route, data=fields, files=picture)
        return self._post(route, json={**fields, **({} if limit is None else {"limit": limit})})

    def _batches(
        self, files: Sequence[SourceFile]
    ) -> Iterator[tuple[list[tuple[SourceFile, bytes]], list[FileOut]]]:
        """Files with their bytes, as many as one request takes, and those that could not be read."""
        batch: list[tuple[SourceFile, bytes]] = []
        unread: list[FileOut] = []
        size = 0
        for file in files:
            if file.refused is not None:
                unread.append(FileOut.of(file.refused))
                continue
            try:
                data = file.read() if file.path is None else read_picture(file.path, self._max_bytes)
            except (OSError, OlharError) as error:
                status: Status = "quarantined" if isinstance(error, InvalidInput) else "failed"
                unread.append(FileOut(source=file.source, status=status, item_id="", reason=str(error)))
                continue
            if batch and (len(batch) == BATCH_FILES or size + len(data) > BATCH_BYTES):
                yield batch, unread
                batch, unread, size = [], [], 0
            batch.append((file, data))
            size += len(data)
        yield batch, unread

    def _upload(
        self, batch: Sequence[tuple[SourceFile, bytes]], collection: str, all_captions: bool
    ) -> IngestOut:
        descriptions = [
            {
                "source": file.source,
                "caption": file.description.caption,
                "captions": list(file.description.captions),
                "tags": list(file.description.tags),
                "metadata": dict(file.description.metadata),
            }
            for file, _ in batch
        ]
        answer = self._post(
            f"/v1/collections/{collection}/items",
            data={"descriptions": json.dumps(descriptions), "all_captions": str(all_captions).lower()},
            files=[("files", (f"{i}", data)) for i, (_, data) in enumerate(batch)],
        )
        return IngestOut.model_validate(answer)

    def _post(self, route: str, **body: Any) -> Any:
        try:
            response = self._http.post(route, **body)
        except httpx.TimeoutException:
            raise Unavailable(f"the server at {self._url} did not answer in time; try again") from None
        except httpx.HTTPError as error:
            raise Unavailable(
                f"the server at {self._url} broke off: {error or type(error).__name__}"
            ) from None
        if response.is_success:
            return response.json()
        raise _refusal(response)


def _refusal(response: httpx.Response) -> OlharError:
    try:
        problem = response.json()
        detail = str(problem.get("detail") or problem.get("title"))
    except ValueError:
        detail = f"the server answered {response.status_code}"
    return Unavailable(detail) if response.status_code >= 500 else InvalidInput(detail)
