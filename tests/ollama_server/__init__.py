"""An Ollama server for tests, true to its HTTP protocol (version 0.12.11), on a free loopback port.

What answers is a ``Script`` (fixed text, log-probabilities, delays, failures) or a ``LlamaCpp`` model::

    with OllamaServer(Script("It is a cat. [1]")) as server:
        ...  # server.url, server.requests; server.backend may be replaced at any time
"""

from tests.ollama_server.backends import Ask, Backend, End, LlamaCpp, Script, Token
from tests.ollama_server.server import OllamaServer

__all__ = ["Ask", "Backend", "End", "LlamaCpp", "OllamaServer", "Script", "Token"]
