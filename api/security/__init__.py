"""Who asks, what they may do, and how much of it: keys, sessions, limits, the audit log."""
