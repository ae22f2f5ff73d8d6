"""Whether what is stored is what was sent: nothing lost, nothing doubled, every receipt true."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

from benchmarks.chaos_files import Lane, Sent
from rag.build import Olhar
from rag.images import decode
from rag.types import Item, Scope, content_hash, item_id

PAGE = 500
SIDE = 1024


def check_receipts(olhar: Olhar, job_id: str, files: Sequence[Sent], *, retried: bool) -> Iterator[str]:
    """What is wrong with the receipts of a job, of which files were ``retried`` or not."""
    rows = olhar.records.jobs.files(olhar.settings.tenant, job_id, limit=10 * len(files))
    sent = {file.source: file for file in files}
    if sorted(row.source for row in rows) != sorted(sent):
        yield f"job {job_id} has not the files that were sent"
    numbers = sorted(row.number or 0 for row in rows)
    # What is retried gets a receipt with a new number, and the old number is not used again.
    good = numbers == list(range(1, len(files) + 1)) or (retried and len({0, *numbers}) == len(files) + 1)
    if not good:
        yield f"the receipts of job {job_id} are not numbered from 1 to {len(files)}"
    for row in rows:
        if row.source in sent and row.status not in sent[row.source].allowed:
            yield f"{row.source}: receipt {row.status!r} ({row.reason})"
    made = Counter(content_hash(sent[row.source].data) for row in rows if row.status == "indexed")
    yield from (f"{sha256} was told as indexed {count} times" for sha256, count in made.items() if count > 1)


def check_items(olhar: Olhar, lane: Lane) -> Iterator[str]:
    """What is wrong with the items of a collection."""
    scope = Scope(olhar.settings.tenant, lane.name)
    expected = {item_id(scope, sha256): (sha256, who) for sha256, who in lane.stored().items()}
    items = _items(olhar, scope)
    counts = Counter(item.id for item in items)
    yield from (f"{item} is there {count} times" for item, count in counts.items() if count > 1)
    yield from (f"{item} is lost" for item in expected.keys() - counts.keys())
    yield from (f"{item} is there for nothing" for item in counts.keys() - expected.keys())
    for item in items:
        sha256, sources = expected.get(item.id, (item.content_hash, set(item.sources)))
        if item.content_hash != sha256 or Counter(item.sources) != Counter(sources):
            yield f"{item.id} has the sources {sorted(item.sources)}, not {sorted(sources)}"
        if item.caption not in {lane.now[source].caption for source in sources if source in lane.now}:
            yield f"{item.id} has another's caption"
    places = olhar.records.places.of(scope, list(lane.now))
    told = {place.source: place.item_id for place in places}
    yield from (
        f"the records do not place {file.source} where it is"
        for file in lane.now.values()
        if told.get(file.source) != item_id(scope, content_hash(file.data))
    )
    yield from _unfound(olhar, scope, lane)


def lost_originals(olhar: Olhar, wanted: Iterable[str]) -> Iterator[str]:
    """Contents that are stored and whose original is not there."""
    there = set(_names(olhar.settings.originals))
    yield from (f"the original {sha256} is lost" for sha256 in wanted if sha256 not in there)


def left_over(olhar: Olhar, wanted: Collection[str]) -> int:
    """How many files lie in the folders of originals and uploads that nothing needs: kills leave them."""
    originals = [
        name for name in _names(olhar.settings.originals) if name.removesuffix(".webp") not in wanted
    ]
    return len(originals) + len(list(_names(olhar.settings.staged)))


def _unfound(olhar: Olhar, scope: Scope, lane: Lane) -> Iterator[str]:
    """Pictures that a search by their own pixels does not find."""
    files = list(lane.now.values())
    for some in (files[start : start + 64] for start in range(0, len(files), 64)):
        vectors = olhar.encoder.encode_images([decode(f.data, max_pixels=10**6, max_side=SIDE) for f in some])
        for file, vector in zip(some, vectors, strict=True):
            wanted = item_id(scope, content_hash(file.data))
            hits = olhar.store.search(scope, "image", "image", vector, limit=5)
            if wanted not in [hit for hit, _ in hits]:
                yield f"a search for {file.source} by its own picture does not find it"


def _items(olhar: Olhar, scope: Scope) -> list[Item]:
    found: list[Item] = []
    while page := olhar.store.scan(scope, "image", after=found[-1].id if found else "", limit=PAGE):
        found += page
    return found


def _names(folder: str) -> Iterator[str]:
    return (path.name for path in Path(folder).rglob("*") if path.is_file())
