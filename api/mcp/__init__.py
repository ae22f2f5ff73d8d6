"""Olhar's collections as tools of the Model Context Protocol, for assistants that run on this machine."""
