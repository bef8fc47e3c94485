"""HTTP as the executor speaks it: its server side and its client side."""
