"""The routes, one module for each thing a user does."""
