"""Go's JSON syntax check with Go's error texts, which the executor shows to its clients.

Python's parser decides quickly whether a text is valid; this scanner says what is wrong, and where Python gives up
(deep nesting). It keeps no recursion: the stack is a list.
"""

import re

_MAX_DEPTH = 10_000
_SPACE = re.compile(rb"[ \t\r\n]*")
_PLAIN = re.compile(rb'[^"\\\x00-\x1f]*')
_DIGITS = re.compile(rb"[0-9]*")
_ESCAPABLE = b'bfnrt\\/"'
_HEX = b"0123456789abcdefABCDEF"
_LITERALS = {b"t"[0]: b"true", b"f"[0]: b"false", b"n"[0]: b"null"}
_CONTROL_NAMES = {7: "\\a", 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r"}
_DELETE = 0x7F
_LAST_C1 = 0xA0
_SOFT_HYPHEN = 0xAD


class GoSyntaxError(ValueError):
    """The text is not JSON; the message is Go's."""


def _quoted(byte: int) -> str:
    """One byte as Go quotes it in an error text."""
    if byte in _CONTROL_NAMES:
        return f"'{_CONTROL_NAMES[byte]}'"
    if byte in b"'\\":
        return f"'\\{chr(byte)}'"
    if byte < ord(" ") or byte == _DELETE:
        return f"'\\x{byte:02x}'"
    if _DELETE < byte <= _LAST_C1 or byte == _SOFT_HYPHEN:
        return f"'\\u{byte:04x}'"
    return f"'{chr(byte)}'"


class _Scan:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.open: list[int] = []

    def peek(self) -> int:
        return self.data[self.at] if self.at < len(self.data) else -1

    def skip(self, pattern: re.Pattern[bytes]) -> int:
        match = pattern.match(self.data, self.at)
        self.at = match.end() if match else self.at
        return self.peek()

    def fail(self, context: str) -> GoSyntaxError:
        byte = self.peek()
        if byte < 0:
            return GoSyntaxError("unexpected end of JSON input")
        return GoSyntaxError(f"invalid character {_quoted(byte)} {context}")

    def take(self, accepted: bytes, context: str) -> int:
        byte = self.peek()
        if byte < 0 or byte not in accepted:
            raise self.fail(context)
        self.at += 1
        return byte

    def whole(self) -> None:
        """One value and nothing after it."""
        self.begin()
        while self.open:
            self.step()
        if self.skip(_SPACE) >= 0:
            raise self.fail("after top-level value")

    def step(self) -> None:
        """What stands after a value inside the innermost array or object."""
        if self.open[-1] == ord("{"):
            self.skip(_SPACE)
            if self.take(b",}", "after object key:value pair") == ord("}"):
                self.open.pop()
            else:
                self.key()
            return
        self.skip(_SPACE)
        if self.take(b",]", "after array element") == ord("]"):
            self.open.pop()
        else:
            self.begin()

    def begin(self) -> None:
        """A scalar, or the opening of a container up to the end of its first scalar."""
        while True:
            byte = self.skip(_SPACE)
            if byte < 0 or byte not in b"{[":
                self.scalar(byte)
                return
            self.push(byte)
            closing = self.skip(_SPACE)
            if closing == byte + 2:  # "{" + 2 is "}", "[" + 2 is "]"
                self.at += 1
                self.open.pop()
                return
            if byte == ord("{"):
                self.name()

    def push(self, byte: int) -> None:
        self.at += 1
        self.open.append(byte)
        if len(self.open) > _MAX_DEPTH:
            raise GoSyntaxError("exceeded max depth")

    def key(self) -> None:
        self.skip(_SPACE)
        self.name()
        self.begin()

    def name(self) -> None:
        self.take(b'"', "looking for beginning of object key string")
        self.string()
        self.skip(_SPACE)
        self.take(b":", "after object key")

    def scalar(self, byte: int) -> None:
        if byte == ord('"'):
            self.at += 1
            self.string()
        elif byte in _LITERALS:
            self.literal(_LITERALS[byte])
        elif byte == ord("-") or ord("0") <= byte <= ord("9"):
            self.number()
        else:
            raise self.fail("looking for beginning of value")

    def string(self) -> None:
        while True:
            self.skip(_PLAIN)
            if self.take(b'"\\', "in string literal") == ord('"'):
                return
            if self.take(_ESCAPABLE + b"u", "in string escape code") == ord("u"):
                for _ in range(4):
                    self.take(_HEX, "in \\u hexadecimal character escape")

    def literal(self, word: bytes) -> None:
        self.at += 1
        for byte in word[1:]:
            self.take(bytes((byte,)), f"in literal {word.decode()} (expecting {_quoted(byte)})")

    def number(self) -> None:
        if self.peek() == ord("-"):
            self.at += 1
        if self.take(b"0123456789", "in numeric literal") != ord("0"):
            self.skip(_DIGITS)
        if self.peek() == ord("."):
            self.at += 1
            self.take(b"0123456789", "after decimal point in numeric literal")
            self.skip(_DIGITS)
        if self.peek() in (ord("e"), ord("E")):
            self.at += 1
            if self.peek() in (ord("+"), ord("-")):
                self.at += 1
            self.take(b"0123456789", "in exponent of numeric literal")
            self.skip(_DIGITS)


def check(data: bytes) -> None:
    """Nothing, for exactly one JSON value.

    Raises: GoSyntaxError: Go's text for the first wrong byte.
    """
    _Scan(data).whole()
