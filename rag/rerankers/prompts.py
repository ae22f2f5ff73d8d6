"""What a model that answers with yes or no is given to read.

Captions and pages are data, some of it written by strangers: they cannot end the part of the prompt that they
stand in.
"""

from __future__ import annotations

from rag.rerankers.scorer import Pair

SYSTEM = (
    "Judge whether the Document meets the requirements based on the Query and the Instruct provided. "
    'Note that the answer can only be "yes" or "no".'
)
"""Word for word as the model was trained with: https://huggingface.co/Qwen/Qwen3-Reranker-0.6B."""
INSTRUCTION = (
    "Given a question about a collection of photos and documents, judge whether the document answers the "
    "question or shows what it asks for"
)
"""In English whatever the question's language, as the model's authors advise."""
LOOK = (
    "Given a question about a collection of photos, judge whether the picture, with what is written of it, "
    "answers the question or shows what it asks for"
)
"""In place of INSTRUCTION, for a model that sees."""
ALONE = "the picture alone, nothing is written of it"
MAX_QUESTION = 2_000
MAX_TEXT = 2_000
"""In characters."""

_NO_DELIMITERS = str.maketrans({"<": "‹", ">": "›"})


def qwen3_prompt(pair: Pair) -> str:
    """The pair in Qwen3-Reranker's own form, to be answered with one token.

    The think block is empty, so that the first token is the answer.
    """
    return (
        f"<|im_start|>system\n{SYSTEM}<|im_end|>\n"
        f"<|im_start|>user\n{request(pair)}<|im_end|>\n"
        "<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


def request(pair: Pair, instruction: str = INSTRUCTION) -> str:
    """The user's part of the prompt."""
    question, text = plain(pair.question, MAX_QUESTION), plain(pair.text, MAX_TEXT) or ALONE
    return f"<Instruct>: {instruction}\n<Query>: {question}\n<Document>: {text}"


def plain(text: str, limit: int) -> str:
    """One line without delimiters of the prompt, at most ``limit`` characters."""
    return " ".join(text.split()).translate(_NO_DELIMITERS)[:limit]
