"""Whether pictures and texts show what a policy keeps out."""

from rag.vision.moderation.gate import QueryGate
from rag.vision.moderation.moderator import Moderator, Verdict
from rag.vision.moderation.policy import Action, Category, Policy
from rag.vision.moderation.reading import open_policy

__all__ = ["Action", "Category", "Moderator", "Policy", "QueryGate", "Verdict", "open_policy"]
