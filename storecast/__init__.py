"""The command line. It parses arguments and prints results; the other packages do the work."""

__version__ = "0.1.0"
