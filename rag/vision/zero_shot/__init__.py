"""What pictures show, told from their vectors and words alone."""

from rag.vision.zero_shot.classifier import Classified, Classifier
from rag.vision.zero_shot.prompts import Wanted
from rag.vision.zero_shot.vocabulary import ZeroShot

__all__ = ["Classified", "Classifier", "Wanted", "ZeroShot"]
