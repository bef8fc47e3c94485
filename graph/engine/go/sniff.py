"""Content type from the first bytes, as Go's `net/http` guesses it for an answer that names none.

Source: the WHATWG MIME Sniffing standard, section 7, in the order and with the omissions of Go's DetectContentType.
"""

from collections.abc import Callable

_SNIFFED_BYTES = 512
_WHITE_SPACE = b"\t\n\x0c\r "
PLAIN_TEXT = "text/plain; charset=utf-8"
_BINARY_BYTES = bytes((*range(0x09), 0x0B, *range(0x0E, 0x1B), *range(0x1C, 0x20)))
_HTML_TAGS = tuple(
    b"<" + name
    for name in (b"!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--").split(b"|")
)
_BOMS = ((b"\xfe\xff", "text/plain; charset=utf-16be"), (b"\xff\xfe", "text/plain; charset=utf-16le"))

Rule = Callable[[bytes], str]


def _prefix(mark: bytes, content_type: str) -> Rule:
    return lambda data: content_type if data.startswith(mark) else ""


def _marks(kind: bytes, form: bytes, content_type: str) -> Rule:
    end = 8 + len(form)
    return lambda data: content_type if data[:4] == kind and data[8:end] == form else ""


def _html(data: bytes) -> str:
    text = data.lstrip(_WHITE_SPACE)
    for tag in _HTML_TAGS:
        size = len(tag)
        if text[:size].upper() == tag and text[size : size + 1] in (b" ", b">"):
            return "text/html; charset=utf-8"
    return "text/xml; charset=utf-8" if text.startswith(b"<?xml") else ""


def _bom(data: bytes) -> str:
    if len(data) >= 4 and data.startswith(b"\xef\xbb\xbf"):  # noqa: PLR2004 - the mask is four bytes wide
        return PLAIN_TEXT
    return next((found for mark, found in _BOMS if len(data) >= 4 and data.startswith(mark)), "")  # noqa: PLR2004


def _mp4(data: bytes) -> str:
    box = int.from_bytes(data[:4], "big")
    if len(data) < 12 or len(data) < box or box % 4 or data[4:8] != b"ftyp":  # noqa: PLR2004 - smallest ftyp box
        return ""
    # Bytes 12 to 15 hold the minor version, not a brand.
    brands = (data[start : start + 3] for start in range(8, box, 4) if start != 12)  # noqa: PLR2004
    return "video/mp4" if b"mp4" in brands else ""


def _text(data: bytes) -> str:
    stripped = data.lstrip(_WHITE_SPACE)
    return "" if stripped.translate(None, _BINARY_BYTES) != stripped else PLAIN_TEXT


_RULES: tuple[Rule, ...] = (
    _html,
    _prefix(b"%PDF-", "application/pdf"),
    _prefix(b"%!PS-Adobe-", "application/postscript"),
    _bom,
    _prefix(b"\x00\x00\x01\x00", "image/x-icon"),
    _prefix(b"\x00\x00\x02\x00", "image/x-icon"),
    _prefix(b"BM", "image/bmp"),
    _prefix(b"GIF87a", "image/gif"),
    _prefix(b"GIF89a", "image/gif"),
    _marks(b"RIFF", b"WEBPVP", "image/webp"),
    _prefix(b"\x89PNG\r\n\x1a\n", "image/png"),
    _prefix(b"\xff\xd8\xff", "image/jpeg"),
    _prefix(b".snd", "audio/basic"),
    _marks(b"FORM", b"AIFF", "audio/aiff"),
    _prefix(b"ID3", "audio/mpeg"),
    _prefix(b"OggS\x00", "application/ogg"),
    _prefix(b"MThd\x00\x00\x00\x06", "audio/midi"),
    _marks(b"RIFF", b"AVI ", "video/avi"),
    _marks(b"RIFF", b"WAVE", "audio/wave"),
    _mp4,
    _prefix(b"\x1aE\xdf\xa3", "video/webm"),
    lambda data: "application/vnd.ms-fontobject" if data[34:36] == b"LP" else "",
    _prefix(b"\x00\x01\x00\x00", "font/ttf"),
    _prefix(b"OTTO", "font/otf"),
    _prefix(b"ttcf", "font/collection"),
    _prefix(b"wOFF", "font/woff"),
    _prefix(b"wOF2", "font/woff2"),
    _prefix(b"\x1f\x8b\x08", "application/x-gzip"),
    _prefix(b"PK\x03\x04", "application/zip"),
    _prefix(b"Rar!\x1a\x07\x00", "application/x-rar-compressed"),
    _prefix(b"Rar!\x1a\x07\x01\x00", "application/x-rar-compressed"),
    _prefix(b"\x00asm", "application/wasm"),
    _text,
)


def content_type(body: bytes) -> str:
    """The content type of the first 512 bytes; `application/octet-stream` when nothing fits."""
    head = body[:_SNIFFED_BYTES]
    return next((found for rule in _RULES if (found := rule(head))), "application/octet-stream")
