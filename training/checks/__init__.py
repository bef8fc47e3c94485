"""Every check of the input: rows that cannot be used, and notices of what is unusual."""
