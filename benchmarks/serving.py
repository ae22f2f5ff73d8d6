"""`olhar serve` in a process of its own, on a free port of this machine, over a folder that goes away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from rag.evaluation.datasets import Photo

OLHAR = (sys.executable, "-c", "from api.cli.app import main; main()")
START_S = 180
STOP_S = 60


@dataclass(frozen=True, slots=True)
class Served:
    """Where it listens, and its process."""

    url: str
    process: int


@contextmanager
def serving(photos: Sequence[Photo], env: Mapping[str, str]) -> Iterator[Served]:
    """A server whose collection holds these photos, each with its first caption."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        settings = {"OLHAR_DATA": f"{folder}/data", "OLHAR_PORT": str(port), **env}
        environment = {**os.environ, **settings}
        _put(photos, Path(folder) / "photos")
        subprocess.run(
            [*OLHAR, "ingest", f"{folder}/photos"], env=environment, check=True, stdout=subprocess.DEVNULL
        )
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen([*OLHAR, "serve"], env=environment, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, process)
            yield Served(url, process.pid)
        finally:
            process.terminate()
            process.wait(STOP_S)


def _put(photos: Sequence[Photo], folder: Path) -> None:
    folder.mkdir()
    for photo in photos:
        shutil.copy(photo.path, folder / photo.path.name)
        if photo.captions:
            (folder / photo.path.name).with_suffix(".txt").write_text(photo.captions[0], "utf-8")


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=30).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("the server did not start")
