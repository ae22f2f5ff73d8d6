"""What the tests of the sandbox let a child do."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np

from ingest.ocr import Reading
from rag.errors import BadDocument
from tests.ingest.documents.conftest import png


def size(data: bytes) -> int:
    return len(data)


def pid() -> int:
    return os.getpid()


def refuse(reason: str) -> None:
    raise BadDocument(reason)


def stumble() -> None:
    raise ZeroDivisionError("by nought")


def die() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def leave(code: int) -> None:
    os._exit(code)


def hang(started: str = "") -> None:
    if started:
        Path(started).write_text(str(os.getpid()))
    time.sleep(1000)


def grow(megabytes: int) -> int:
    return int(np.ones(megabytes * 2**17).nbytes)


def unsendable() -> object:
    return threading.Lock()


def interrupts_are_ignored() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def reading(data: bytes, max_pixels: int) -> Reading:
    return Reading("some words", 0.9) if data and max_pixels else Reading()


def die_of_png(data: bytes, max_pixels: int) -> Reading:
    if data == png(1):
        die()
    return reading(data, max_pixels)


def hang_over(data: bytes, max_pixels: int) -> Reading:
    hang()
    return reading(data, max_pixels)


def refuse_decoding(data: bytes, max_pixels: int) -> None:
    raise BadDocument(f"{len(data)} bytes and {max_pixels} pixels in the child")


def decode_for_ever(data: bytes, max_pixels: int) -> None:
    hang()
    refuse_decoding(data, max_pixels)


def die_of_frames(data: bytes, wanted: object, max_pixels: int, seconds: float) -> None:
    del data, wanted, max_pixels, seconds
    die()


def die_of_video(data: bytes, name: str, sampling: object, max_pixels: int, seconds: float) -> None:
    del data, name, sampling, max_pixels, seconds
    die()


def die_of_sound(data: bytes, name: str, most: int, seconds: float) -> None:
    del data, name, most, seconds
    die()
