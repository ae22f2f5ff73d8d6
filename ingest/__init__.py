"""From files to stored items, with a receipt for each file."""
