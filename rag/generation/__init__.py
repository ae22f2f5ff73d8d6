"""Answers from numbered evidence, through LangChain chat models and llama.cpp."""

from rag.generation.generator import ChatGenerator, open_generator
from rag.generation.prompts import NOT_FOUND

__all__ = ["NOT_FOUND", "ChatGenerator", "open_generator"]
