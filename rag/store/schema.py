"""What a collection looks like in Milvus. One schema holds images and passages alike."""

from __future__ import annotations

from typing import Final, Literal

from pymilvus import CollectionSchema, DataType, Function, FunctionType, MilvusClient
from pymilvus.milvus_client.index import IndexParams

from rag.types import Kind, Leg

ALIASES: Final[dict[Kind, str]] = {"image": "images", "passage": "passages"}
"""What is read and written; each stands for a physical collection ``<alias>_<n>``."""

VECTORS: Final[dict[Leg, str]] = {"image": "image_vector", "caption": "caption_vector"}
HAS: Final[dict[Leg, str]] = {"image": "has_image", "caption": "has_caption"}
"""A missing vector comes back from a search with distance 0, so each has a flag to filter by."""

SPARSE: Final = "bm25"
METADATA: Final = "metadata"

TEXT_BYTES: Final[dict[str, int]] = {
    "id": 128,
    "tenant": 256,
    "collection": 256,
    "scope": 600,
    "content_hash": 128,
    "kind": 16,
    "modality": 64,
    "part": 512,
    "parent_id": 128,
    "caption": 16_384,
    "ocr": 65_535,
    "text": 65_535,
    "phash": 128,
    "bm25_text": 65_535,
}
"""Longest text of each field in UTF-8 bytes, which is how a server counts; 65,535 is Milvus' own limit."""

LIST_BYTES: Final[dict[str, int]] = {"tags": 512, "sources": 4096}
"""Longest entry of each list field in UTF-8 bytes."""
LIST_ENTRIES: Final = 4096
METADATA_BYTES: Final = 65_535

NUMBERS: Final = ("page", "taken_at", "created_at", "updated_at")
TRUTHS: Final = ("has_image", "has_caption")

FILTERABLE: Final[dict[str, Literal["text", "number", "truth", "list"]]] = {
    **dict.fromkeys((f for f in TEXT_BYTES if f not in ("tenant", "scope", "bm25_text")), "text"),
    **dict.fromkeys(NUMBERS, "number"),
    **dict.fromkeys(TRUTHS, "truth"),
    **dict.fromkeys(LIST_BYTES, "list"),
}
"""Fields that a filter may name, and what each holds. The tenant comes from the scope alone."""

ITEM_FIELDS: Final = (
    *(f for f in TEXT_BYTES if f not in ("scope", "bm25_text")),
    *LIST_BYTES,
    *NUMBERS,
    METADATA,
)
"""What is fetched to make an item."""

SCALAR_INDEXES: Final = ("tenant", "scope", "content_hash", "parent_id")

Dense = Literal["FLAT", "HNSW"]


def build_schema(image_dimension: int, caption_dimension: int) -> CollectionSchema:
    """The schema for vectors of these sizes."""
    schema = MilvusClient.create_schema(auto_id=False, enable_dynamic_field=False)
    for name, size in TEXT_BYTES.items():
        own: dict[str, object] = {}
        if name == "id":
            own = {"is_primary": True}
        elif name == "scope":
            own = {"is_partition_key": True}
        elif name == "bm25_text":
            own = {"enable_analyzer": True, "analyzer_params": {"type": "standard"}}
        schema.add_field(name, DataType.VARCHAR, max_length=size, **own)
    for name, size in LIST_BYTES.items():
        schema.add_field(
            name,
            DataType.ARRAY,
            element_type=DataType.VARCHAR,
            max_capacity=LIST_ENTRIES,
            max_length=size,
        )
    for name in NUMBERS:
        schema.add_field(name, DataType.INT64)
    for name in TRUTHS:
        schema.add_field(name, DataType.BOOL)
    schema.add_field(METADATA, DataType.JSON)
    schema.add_field(VECTORS["image"], DataType.FLOAT_VECTOR, dim=image_dimension, nullable=True)
    schema.add_field(VECTORS["caption"], DataType.FLOAT_VECTOR, dim=caption_dimension, nullable=True)
    schema.add_field(SPARSE, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_function(
        Function(
            name="bm25",
            function_type=FunctionType.BM25,
            input_field_names=["bm25_text"],
            output_field_names=[SPARSE],
        )
    )
    return schema


def build_indexes(dense: Dense) -> IndexParams:
    """Cosine indexes on both vectors (exact or approximate), BM25, and the fields often filtered by."""
    indexes = MilvusClient.prepare_index_params()
    graph = {"M": 16, "efConstruction": 200} if dense == "HNSW" else {}
    for field in VECTORS.values():
        indexes.add_index(field, index_type=dense, metric_type="COSINE", params=graph)
    indexes.add_index(SPARSE, index_type="SPARSE_INVERTED_INDEX", metric_type="BM25")
    for field in SCALAR_INDEXES:
        indexes.add_index(field, index_type="INVERTED")
    return indexes


def search_params(dense: Dense, limit: int) -> dict[str, object]:
    """With the default ``ef``, a filtered HNSW search loses rows; with this one recall stays at 1."""
    return {"params": {"ef": min(32_768, max(1000, 4 * limit))}} if dense == "HNSW" else {}
