"""A graph on this machine: its processes, their ports, and what they are started with."""
