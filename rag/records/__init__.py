"""What is not a vector: jobs, the receipts of their files, and which source holds which item."""
