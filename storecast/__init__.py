"""The one command line: thin, every verb hands over to a room."""
