"""Texts as Go writes and reads them: JSON, URLs, MIME types and error messages."""
