"""Where files come from: paths, globs, archives, manifests, object stores."""

from ingest.descriptions import Description
from ingest.sources.files import SourceFile, shown
from ingest.sources.folders import walk
from ingest.sources.opening import open_sources
from ingest.sources.reading import Reading

__all__ = ["Description", "Reading", "SourceFile", "open_sources", "shown", "walk"]
