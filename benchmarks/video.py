"""Videos: does the right clip come first, at the right second?

    python -m benchmarks.video [--frames scenes:32] [--seconds 1]

Twenty clips are made of the photos of the demo, in a temporary folder: each shows three to five of them for
two to four seconds, while the camera goes over them or nearer. They are ingested with `compact` and without
any words. The sixteen queries were written before anything was measured; the first hit is right if it is of
a clip that shows the photo, at a second at which that is to be seen. What the encoder itself can do is told
beside it: the same queries among the photos as pictures, whole and without words.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import av
import numpy as np
from av.video.stream import VideoStream

from api.cli.demo import demo_photos
from ingest.run import ingest
from ingest.sources import Description, SourceFile
from rag.build import Olhar, build
from rag.images import as_pillow, decode
from rag.questions import Question
from rag.settings import load_settings
from rag.types import Hit, Pixels, Query, Scope

SCOPE: Final = Scope("default", "films")
PHOTOS: Final = Scope("default", "photos")
CLIPS: Final = 20
SIZE: Final = (480, 360)
RATE: Final = 12
QUERIES: Final[Mapping[str, str]] = {
    "an astronaut in an orange suit": "astronaut.png",
    "a brick wall": "brick.png",
    "a man with a camera on a tripod": "camera.png",
    "a cat": "chelsea.png",
    "a cup of coffee": "coffee.png",
    "coins": "coins.png",
    "grass": "grass.png",
    "stones": "gravel.png",
    "a horse": "horse.png",
    "galaxies": "hubble_deep_field.jpg",
    "the moon": "moon.png",
    "a motorcycle": "motorcycle_left.png",
    "a page of text": "page.png",
    "a rocket": "rocket.jpg",
    "a Chinese temple": "china.jpg",
    "a flower": "flower.jpg",
}


@dataclass(frozen=True, slots=True)
class Shown:
    """A photo that a clip shows from one second to another."""

    photo: str
    start: float
    end: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", default="scenes:32")
    parser.add_argument("--seconds", type=float, default=1.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clips = made(Path(folder))
        settings = load_settings().model_copy(
            update={
                "data": Path(folder) / "data",
                "video_frames": given.frames,
                "video_seconds": given.seconds,
            }
        )
        with build(settings) as olhar:
            measure(olhar, Path(folder), clips)


def made(folder: Path) -> dict[str, list[Shown]]:
    """Write the clips; what each shows, by its name."""
    drawn = np.random.default_rng(0)
    photos = {Path(file.source).name: decode(file.read(), max_pixels=10**8) for file in demo_photos()}
    names, clips = sorted(photos), {}
    for number in range(CLIPS):
        # Each photo is in some clip, since the first ones take turns; the rest are drawn.
        others = [name for name in names if name != names[number % len(names)]]
        count = int(drawn.integers(2, 5))
        chosen = [names[number % len(names)], *drawn.choice(others, count, replace=False).tolist()]
        drawn.shuffle(chosen)
        name = f"clip-{number:02}.mp4"
        clips[name] = write(folder / name, [(one, photos[one]) for one in chosen], drawn)
    return clips


def write(path: Path, photos: Sequence[tuple[str, Pixels]], drawn: np.random.Generator) -> list[Shown]:
    """A clip of these photos, one after the other."""
    shown, count = [], 0
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for name, photo in photos:
            length = int(drawn.integers(2 * RATE, 4 * RATE + 1))
            shown.append(Shown(name, count / RATE, (count + length) / RATE))
            count += length
            for pixels in moving(photo, length, drawn):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return shown


def moving(photo: Pixels, length: int, drawn: np.random.Generator) -> Iterator[Pixels]:
    """The photo while the camera moves by up to a tenth of it and comes nearer, from 95 % of it to 80 %."""
    picture = as_pillow(photo)
    ratio = SIZE[0] / SIZE[1]
    height = min(picture.height, picture.width / ratio)
    from_x, from_y, to_x, to_y = drawn.random(4)
    near_first = bool(drawn.integers(2))
    for step in np.linspace(0, 1, length):
        part = 0.95 - 0.15 * (1 - step if near_first else step)
        wide, high = part * height * ratio, part * height
        x = (picture.width - wide) * (0.45 + 0.1 * (from_x + step * (to_x - from_x)))
        y = (picture.height - high) * (0.45 + 0.1 * (from_y + step * (to_y - from_y)))
        shown = picture.resize(SIZE, box=(x, y, x + wide, y + high))
        yield np.asarray(shown, dtype=np.uint8)


def measure(olhar: Olhar, folder: Path, clips: Mapping[str, Sequence[Shown]]) -> None:
    started = time.perf_counter()
    report = ingest(olhar, SCOPE, [SourceFile.of(folder / name) for name in clips])
    took = time.perf_counter() - started
    length = sum(shown[-1].end for shown in clips.values())
    frames = sum(int(file.reason.split()[0]) for file in report.files)
    shots = sum(len(shown) for shown in clips.values())
    print(f"{len(clips)} clips, {length:.0f} s, {shots} shots: {frames} frames kept in {took:.1f} s")
    ingest(olhar, PHOTOS, [replace(file, description=Description()) for file in demo_photos()])
    right = still = 0
    for query, photo in QUERIES.items():
        hit = olhar.pipeline.search(Question(SCOPE, Query(query), limit=1)).hits[0]
        told = tell(hit, clips)
        right += told == photo
        alone = olhar.pipeline.search(Question(PHOTOS, Query(query), limit=1)).hits[0].item.source
        still += Path(alone).name == photo
        print(f"{'right' if told == photo else 'WRONG'}  {query:32} {told} (of photos {Path(alone).name})")
    print(f"{right} of {len(QUERIES)} queries have the right clip and second first; {still} the photo alone")


def tell(hit: Hit, clips: Mapping[str, Sequence[Shown]]) -> str:
    """The photo that is to be seen where a hit points."""
    seconds = hit.item.seconds
    for shown in clips[Path(hit.item.source).name]:
        if seconds is not None and shown.start <= seconds < shown.end:
            return shown.photo
    return ""


if __name__ == "__main__":
    main()
