"""Questions are held against a policy before anything is searched."""

from __future__ import annotations

from rag.errors import Moderated
from rag.protocols import Hearing, ImageEncoder
from rag.types import Query
from rag.vision.moderation.moderator import Moderator


class QueryGate:
    """Lets queries through, or not; without a ``moderator`` all. Flags alone keep nothing out."""

    def __init__(self, encoder: ImageEncoder, moderator: Moderator | None) -> None:
        self._encoder = encoder
        self._moderator = moderator

    def __call__(self, query: Query) -> None:
        """Raises Moderated for a text, a picture or a sound that its policy quarantines or rejects."""
        if self._moderator is None:
            return
        texts = [text for text in (query.text.strip(),) if text]
        verdicts = [("the question", one) for one in self._moderator.of_texts(texts)]
        if query.pictures:
            vectors = self._encoder.encode_image_queries(query.pictures)
            verdicts += [("a picture of the question", one) for one in self._moderator.of_images(vectors)]
        if query.sound is not None and isinstance(self._encoder, Hearing):
            heard = self._encoder.encode_sounds([query.sound])
            verdicts += [("the sound of the question", one) for one in self._moderator.of_images(heard)]
        for what, verdict in verdicts:
            if verdict.kept_out:
                raise Moderated(
                    f"{what} is kept out by the policy {verdict.policy} (OLHAR_MODERATION_QUERIES): "
                    f"{verdict.told}; ask in other words"
                )
