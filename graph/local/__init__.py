"""A graph on this machine: its processes, their ports, commands and environments."""
