"""Vectors over HTTP for many clients at once: Olhar against infinity, on the same random ViT-B/32.

    python -m benchmarks.infinity PHOTOS --python PEER [--clients 32] [--count 128] [--rounds 3]

PEER is the interpreter of an environment of its own that has `infinity-emb[torch,server,vision]`: its
requirements contradict Olhar's. PHOTOS is a folder with a `captions.jsonl`. Both serve the same weights with
torch on the processor, one text or picture a request, through the same form of OpenAI's embeddings; Olhar's
export of the weights to ONNX is measured beside them. They take turns, after a check that all give the same
vectors. Prints requests a second, and the median of the ratios of Olhar's to infinity's: more than 1 says
that Olhar is faster.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray
from transformers import CLIPImageProcessorPil

from benchmarks.embed_requests import Client, numbers
from benchmarks.encode_speed import ANY
from benchmarks.random_clip import random_vit_b_32
from benchmarks.serving import START_S, STOP_S, serving
from rag.encoders.export import export_dual
from rag.encoders.parity import Sample
from rag.evaluation.datasets import Photo, read_dataset
from rag.images import decode

PEER_MODEL: Final = "clip"
ALIKE: Final = 0.995
"""Cosine; the two scale pictures by libraries of their own."""
ALONE: Final = {"OLHAR_ENCODER_DEVICE": "cpu", "OLHAR_PREWARM": "false"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path, metavar="PHOTOS")
    parser.add_argument("--python", required=True, metavar="PEER", help="interpreter that has infinity-emb")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--count", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    photos = read_dataset(given.photos).photos[: given.count]
    with tempfile.TemporaryDirectory() as folder:
        weights = random_vit_b_32(Path(folder) / "clip")
        exported = Path(folder) / "exported"
        sample = Sample([decode(photos[0].path.read_bytes(), max_pixels=10**9, max_side=1024)], ["a"])
        export_dual(str(weights), exported, precision="fp32", sample=sample, limits=ANY)
        with (
            infinity(given.python, _for_peer(weights)) as peer,
            serving(photos[:2], {**ALONE, "OLHAR_ENCODER": str(weights)}) as olhar,
            serving(photos[:2], {**ALONE, "OLHAR_ENCODER": str(exported)}) as onnx,
            ThreadPoolExecutor(given.clients) as pool,
        ):
            servers = [
                Server("infinity", Client(peer), "/embeddings", PEER_MODEL),
                Server("Olhar", Client(olhar.url), "/v1/embeddings", str(weights)),
                Server("Olhar, ONNX", Client(onnx.url), "/v1/embeddings", str(exported)),
            ]
            check_alike(servers, photos)
            compare("text", servers, lambda: [_text(photo) for photo in photos], pool, given.rounds)
            compare("image", servers, lambda: [_picture(photo) for photo in photos], pool, given.rounds)


@dataclass(frozen=True, slots=True)
class Server:
    """Where one serves which model."""

    name: str
    client: Client
    path: str
    model: str

    def send(self, modality: str, given: str) -> bytes:
        """One text or picture, there and back."""
        own = {"modality": modality} if self.name == "infinity" else {}
        body = {"model": self.model, "input": [given], "encoding_format": "base64", **own}
        return self.client.post(self.path, json.dumps(body).encode(), "application/json")

    def vector(self, modality: str, given: str) -> NDArray[np.float32]:
        """Of length 1."""
        told = json.loads(self.send(modality, given))["data"][0]["embedding"]
        found = np.frombuffer(base64.b64decode(told), np.float32)
        return np.asarray(found / np.linalg.norm(found), np.float32)


def check_alike(servers: Sequence[Server], photos: Sequence[Photo]) -> None:
    """That the longest text and the first picture have the same vector everywhere."""
    longest = max((photo.captions[0] for photo in photos), key=len)
    for modality, given in (("text", longest), ("image", _picture(photos[0]))):
        expected = servers[0].vector(modality, given)
        for server in servers[1:]:
            if (found := float(server.vector(modality, given) @ expected)) < ALIKE:
                raise SystemExit(f"{modality}: cosine of {server.name} to {servers[0].name} is {found:.4f}")


def compare(
    what: str,
    servers: Sequence[Server],
    inputs: Callable[[], Sequence[str]],
    pool: ThreadPoolExecutor,
    rounds: int,
) -> None:
    """Print requests a second of each, and the ratios to the first; one round before warms up."""
    rates: list[list[float]] = []
    for _ in range(rounds + 1):
        rates.append([])
        for server in servers:
            fresh = inputs()
            started = time.perf_counter()
            list(pool.map(partial(server.send, what), fresh))
            rates[-1].append(len(fresh) / (time.perf_counter() - started))
    for place, server in enumerate(servers):
        rate = statistics.median(row[place] for row in rates[1:])
        ratio = statistics.median(row[place] / row[0] for row in rates[1:])
        print(f"{what}: {server.name} {rate:.1f} requests/s, {ratio:.2f} of infinity", flush=True)


def _for_peer(weights: Path) -> Path:
    """A copy as infinity's transformers (4) has it: the image processor in a file of its own.

    Infinity reads as many tokens of a text as ``max_length`` says: 20 without it, half of a caption or less.
    """
    copy = weights.with_name("peer")
    shutil.copytree(weights, copy)
    (copy / "processor_config.json").unlink()
    config = json.loads((copy / "config.json").read_text("utf-8"))
    config["max_length"] = config["text_config"]["max_position_embeddings"]
    (copy / "config.json").write_text(json.dumps(config))
    told = CLIPImageProcessorPil().to_dict() | {"image_processor_type": "CLIPImageProcessor"}
    (copy / "preprocessor_config.json").write_text(json.dumps(told, default=int))
    return copy


def _text(photo: Photo) -> str:
    return f"{photo.captions[0]} {next(numbers)}"  # one that no cache knows


def _picture(photo: Photo) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(photo.path.read_bytes()).decode()


@contextmanager
def infinity(python: str, weights: Path) -> Iterator[str]:
    """Its server on these weights, by its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        str(Path(python).with_name("infinity_emb")),
        "v2",
        "--model-id",
        str(weights),
        "--engine",
        "torch",
    ]
    told = [
        "--device",
        "cpu",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--served-model-name",
        str(weights),
    ]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, *told], stdout=log, stderr=log)
        try:
            until = time.monotonic() + START_S
            while time.monotonic() < until and process.poll() is None:
                try:
                    if httpx.get(f"http://127.0.0.1:{port}/health", timeout=5).status_code == 200:
                        yield f"http://127.0.0.1:{port}"
                        return
                except httpx.TransportError:
                    time.sleep(0.5)
            log.seek(0)
            raise SystemExit(f"infinity did not start:\n{log.read().decode(errors='replace')[-3000:]}")
        finally:
            process.terminate()
            process.wait(STOP_S)


if __name__ == "__main__":
    main()
