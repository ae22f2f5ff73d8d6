"""Everything that a user touches: the HTTP API and the command line."""
