"""What a shared embedding space is good for besides search."""
