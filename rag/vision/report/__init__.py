"""What was measured as pages that need nothing else: no network, no scripts, no other file."""

from rag.vision.report.writing import Picture, fairness_page, quality_page

__all__ = ["Picture", "fairness_page", "quality_page"]
