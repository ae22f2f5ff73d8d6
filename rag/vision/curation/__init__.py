"""Which pictures to keep: those that stand for the others, and what there is none of."""
