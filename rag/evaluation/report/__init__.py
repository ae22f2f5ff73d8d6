"""An evaluation as one page that needs nothing else: no network, no scripts, no other file."""

from rag.evaluation.report.writing import write_report
from rag.pages import check_writable

__all__ = ["check_writable", "write_report"]
