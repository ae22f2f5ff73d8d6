"""Contrastive training: two encoders learn that a photo and its caption belong together."""
