"""A chain read as a whole: its partitions, and what each must know of the others."""
