"""What to tell the user when a query is longer than the encoders read."""

from __future__ import annotations

from rag.protocols import ImageEncoder, TextEncoder

REMEDY = "shorten it, or set {} to a model with a longer context (`olhar models` lists some)"


def overlong_query(text: str, images: ImageEncoder, texts: TextEncoder) -> tuple[str, ...]:
    """One warning where an encoder does not read the end of ``text``, else none."""
    asked: list[tuple[ImageEncoder | TextEncoder, str, str]] = [
        (images, "pictures", "OLHAR_ENCODER"),
        (texts, "captions", "OLHAR_TEXT_ENCODER"),
    ]
    cut: list[str] = []
    settings: list[str] = []
    for encoder, what, setting in asked:
        tokens = encoder.overlong_queries([text]).get(0)
        if tokens is not None:
            name, limit = encoder.fingerprint.name, encoder.max_tokens
            cut.append(f"of its {tokens} tokens {name} reads the first {limit} to find {what}")
            settings.append(setting)
    if not cut:
        return ()
    return (f"the question is too long: {', and '.join(cut)}; {REMEDY.format(' and '.join(settings))}",)
