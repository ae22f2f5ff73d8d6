"""What a server tells of itself: logs, metrics, traces. Never what was asked, sent or found."""
