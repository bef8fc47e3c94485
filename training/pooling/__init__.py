"""What short histories take from their group, and the variants that every store is fitted in."""
