"""Answers from numbered evidence, through LangChain chat models and llama.cpp."""

from rag.generation.generator import ChatGenerator, open_generator

__all__ = ["ChatGenerator", "open_generator"]
