"""From the likeliest first tokens of an answer to the probability of “yes”."""

from __future__ import annotations

import math
from collections.abc import Sequence

YES = "yes"
NO = "no"
TOP = 20
"""Tokens asked for: as many as Ollama gives."""
LEAST_MASS = 0.05
"""Below this mass of “yes” and “no” together, a model is not answering the question."""
SLACK = 1e-3
"""By which rounding may take a mass above 1."""
SPACES = " \t\n▁Ġ"
"""What stands before a word in tokens, as text or in the spelling of a vocabulary."""


class NoVerdict(ValueError):
    """The first token of the answer is neither yes nor no."""


class Malformed(ValueError):
    """The numbers are no log-probabilities."""


def yes_probability(choices: Sequence[tuple[str, float]]) -> float:
    """P(yes) / (P(yes) + P(no)), in [0, 1], from tokens and their natural log-probabilities.

    The score of Qwen3-Reranker (Zhang et al. 2025, arXiv 2506.05176, section 2). The mass of all spellings of
    a word is added up: with a space before it, in capitals. Where one of the two words is not among the
    tokens, it is taken to be as likely as it can be, which is as likely as the last of them.

    Raises NoVerdict when neither word is likely, Malformed when there are no tokens or their numbers are
    no log-probabilities.
    """
    masses = [(_word(token), _mass(logprob)) for token, logprob in choices]
    total = sum(mass for _, mass in masses)
    if not masses or total > 1 + SLACK:
        raise Malformed(f"the probabilities of {len(masses)} tokens add up to {total:g}")
    yes, no = (sum(mass for word, mass in masses if word == wanted) for wanted in (YES, NO))
    if yes + no < LEAST_MASS:
        raise NoVerdict("the answer does not begin with yes or no")
    unlisted = min(masses[-1][1], max(0.0, 1 - total))
    yes, no = yes or min(unlisted, no), no or min(unlisted, yes)
    return yes / (yes + no)


def _word(token: str) -> str:
    return token.strip(SPACES).casefold()


def _mass(logprob: float) -> float:
    if math.isnan(logprob) or logprob > SLACK:
        raise Malformed(f"{logprob} is no log-probability")
    return math.exp(logprob)
