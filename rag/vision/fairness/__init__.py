"""Is one group served worse than another? Groups are those that the user names; none are inferred."""
