"""Answers from numbered evidence, through LangChain chat models and llama.cpp."""

from rag.generation.generator import ChatGenerator, open_generator
from rag.generation.pictures import Sight

__all__ = ["ChatGenerator", "Sight", "open_generator"]
