"""Data sets with known answers, in the forms that they are published in. The user brings them."""

from rag.evaluation.datasets.opening import FORMATS, read_dataset
from rag.evaluation.datasets.types import BadRow, Dataset, Passage, Photo, Question

__all__ = ["FORMATS", "BadRow", "Dataset", "Passage", "Photo", "Question", "read_dataset"]
