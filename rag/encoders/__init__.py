"""Encoders: each turns images and texts into vectors of one space."""
