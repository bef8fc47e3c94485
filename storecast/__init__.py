"""The one command line: thin, every verb hands over to a room."""

__version__ = "0.1.0"
