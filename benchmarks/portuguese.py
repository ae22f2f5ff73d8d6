"""How well questions in Portuguese find photos, and whether the user is told of the language.

    python -m benchmarks.portuguese FOLDER [--queries benchmarks/portuguese_queries.jsonl]

FOLDER holds photos and their `captions.jsonl`. Each query is a translation, made for this benchmark, of a
caption of one photo; only that photo is right, and all photos of the folder are the gallery. The encoders are
those of the settings (`OLHAR_ENCODER`, `OLHAR_TEXT_ENCODER`). Prints recall@1, 5 and 10 against the pictures,
against the first caption of each, and fused as a search does; the same for the English first captions, asked
of the pictures alone; how many queries get the warning about their language, how many that about words.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rag import languages
from rag.build import Olhar, build
from rag.evaluation.scoring import Gallery
from rag.images import decode
from rag.protocols import WordByWord
from rag.retrieval.fusion import calibrated
from rag.retrieval.insight import Insight
from rag.settings import load_settings
from rag.types import Matrix

QUERIES = Path(__file__).with_name("portuguese_queries.jsonl")
CUTS = (1, 5, 10)
BATCH = 64


def read_queries(path: Path) -> list[tuple[str, str]]:
    """(query, file) of each line."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
    return [(row["query"], row["file"]) for row in rows]


def read_captions(folder: Path) -> dict[str, str]:
    """The first caption of each photo, by file."""
    lines = (folder / "captions.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines if line.strip()]
    return {row["file"]: row["captions"][0] for row in rows}


def recall(scores: Matrix, right: Sequence[int]) -> dict[str, float]:
    """Share of the queries whose photo is among the first 1, 5 and 10; a tie counts against."""
    own = scores[np.arange(len(right)), list(right)]
    ranks = (scores >= own[:, None]).sum(axis=1)
    return {f"recall@{k}": round(float((ranks <= k).mean()), 3) for k in CUTS}


def measure(olhar: Olhar, folder: Path, queries: Sequence[tuple[str, str]]) -> dict[str, object]:
    """All figures, for the encoders of the settings."""
    captions = read_captions(folder)
    files = list(captions)
    right = [files.index(file) for _, file in queries]
    texts = [query for query, _ in queries]
    pictures = np.concatenate(
        [_encode(olhar, folder, files[i : i + BATCH]) for i in range(0, len(files), BATCH)]
    )
    stored = olhar.text_encoder.encode_documents(list(captions.values()))
    english = [captions[file] for _, file in queries]
    encoder = olhar.encoder
    by_picture, by_caption = encoder.encode_text_queries(texts), olhar.text_encoder.encode_queries(texts)
    warned = [languages.warning(text, encoder.languages, model="", setting="") is not None for text in texts]
    unknown = [encoder.not_understood(text) for text in texts] if isinstance(encoder, WordByWord) else []
    told = Insight.of(encoder, olhar.text_encoder)
    gallery = Gallery(pictures, dict(enumerate(stored)), list(captions.values()), told)
    legs = gallery.scores(texts, by_picture, by_caption)
    fused = calibrated(legs, olhar.row_calibration)
    return {
        "encoder": encoder.fingerprint.name,
        "text_encoder": olhar.text_encoder.fingerprint.name,
        "photos": len(files),
        "queries": len(queries),
        "pictures": recall(by_picture @ pictures.T, right),
        "captions": recall(by_caption @ stored.T, right),
        "fused": recall(np.asarray(fused, np.float32), right),
        "english_pictures": recall(encoder.encode_text_queries(english) @ pictures.T, right),
        "warned": sum(warned),
        "with_unknown_words": sum(map(bool, unknown)),
    }


def _encode(olhar: Olhar, folder: Path, files: Sequence[str]) -> Matrix:
    return olhar.encoder.encode_images(
        [decode((folder / file).read_bytes(), max_pixels=10**9, max_side=1024) for file in files]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=Path, default=QUERIES)
    arguments = parser.parse_args()
    with build(load_settings()) as olhar:
        found = measure(olhar, arguments.folder, read_queries(arguments.queries))
    for name, value in found.items():
        print(f"{name:17} {json.dumps(value)}")


if __name__ == "__main__":
    main()
