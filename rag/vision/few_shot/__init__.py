"""Labels learned from a few examples."""
