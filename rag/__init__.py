"""Olhar: ask questions of image collections. The library: no web, no queue."""

__version__ = "0.1.0"
