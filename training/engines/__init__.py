"""From the panel to parameters: the exact engine, and stock Prophet as the reference."""
