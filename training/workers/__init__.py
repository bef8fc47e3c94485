"""Where partitions are worked on: in this process, on all cores, on Ray."""
