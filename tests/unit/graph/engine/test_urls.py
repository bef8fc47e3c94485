"""Urls as Go reads, joins and writes them: the right side of every row is what Go's net/url gave."""

import pytest

from graph.engine.go.url import GoUrl, UrlError, escaped, quoted, unescaped, url_error

BASE = GoUrl.parse("http://n:9/a/b?q=1")


@pytest.mark.parametrize(
    ("text", "written", "joined"),
    [
        ("", "", "http://n:9/a/b?q=1"),
        ("/x", "/x", "http://n:9/x"),
        ("x", "x", "http://n:9/a/x"),
        ("?", "?", "http://n:9/a/b?"),
        ("?q", "?q", "http://n:9/a/b?q"),
        ("#f", "#f", "http://n:9/a/b?q=1#f"),
        (".", ".", "http://n:9/a/"),
        ("..", "..", "http://n:9/"),
        ("../..", "../..", "http://n:9/"),
        ("../../x/./y/../z", "../../x/./y/../z", "http://n:9/x/z"),
        ("/a/..", "/a/..", "http://n:9/"),
        ("/a//b/../c", "/a//b/../c", "http://n:9/a//c"),
        ("//", "", "http://n:9/a/b?q=1"),
        ("///x", "///x", "http://n:9///x"),
        ("//h:1/y", "//h:1/y", "http://h:1/y"),
        ("http://", "http:", "http:"),
        ("http:///x", "http:///x", "http:///x"),
        ("http:/y", "http:/y", "http:/y"),
        ("mailto:x", "mailto:x", "mailto:x"),
        ("HTTP://H:1/", "http://H:1/", "http://H:1/"),
        ("http://h?x", "http://h?x", "http://h?x"),
        ("http://u@h/x", "http://u@h/x", "http://u@h/x"),
        ("/a b", "/a%20b", "http://n:9/a%20b"),
        ("/a%2fb c", "/a/b%20c", "http://n:9/a/b%20c"),
        ("/a'()*[]x", "/a'()*[]x", "http://n:9/a'()*[]x"),
        ("/\udcff", "/%FF", "http://n:9/%FF"),
        ("/é", "/%C3%A9", "http://n:9/%C3%A9"),
        ("\\x", "%5Cx", "http://n:9/a/%5Cx"),
        ("/x?a=%zz", "/x?a=%zz", "http://n:9/x?a=%zz"),
    ],
)
def test_a_url_is_written_and_joined_as_in_go(text: str, written: str, joined: str) -> None:
    url = GoUrl.parse(text)

    assert (str(url), str(BASE.joined(url))) == (written, joined)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (":", "missing protocol scheme"),
        ("1http://x", "first path segment in URL cannot contain colon"),
        ("/%zz", 'invalid URL escape "%zz"'),
        ("/a%4", 'invalid URL escape "%4"'),
        ("#%zz", 'invalid URL escape "%zz"'),
        ("http://%41/", 'invalid URL escape "%41"'),
        ("http://h^/", 'invalid character "^" in host name'),
        ("http://h\\x/", 'invalid character "\\\\" in host name'),
        ("http://u b@h/x", "net/url: invalid userinfo"),
        ("http://[::1", "missing ']' in host"),
        ("http://[::1]x/", 'invalid port "x" after host'),
        ("http://h:x/", 'invalid port ":x" after host'),
        ("/a\x01", "net/url: invalid control character in URL"),
    ],
)
def test_what_is_no_url_is_told_in_the_words_of_go(text: str, reason: str) -> None:
    assert url_error(text) == f"parse {quoted(text)}: {reason}"


@pytest.mark.parametrize(
    ("target", "reason"), [("", "empty url"), ("x", "invalid URI for request"), ("/%", 'invalid URL escape "%"')]
)
def test_the_target_of_a_request_is_a_path_or_a_whole_url(target: str, reason: str) -> None:
    with pytest.raises(UrlError, match=reason):
        GoUrl.parse(target, of_request=True)


def test_the_target_of_a_request_has_neither_host_nor_fragment_of_its_own() -> None:
    assert str(GoUrl.parse("//h/a#b", of_request=True)) == "//h/a%23b"


def test_escapes_are_undone_byte_by_byte() -> None:
    every = "".join(f"%{byte:02X}" for byte in range(256))

    assert unescaped(escaped(unescaped(every))) == unescaped(every)
    assert unescaped(every).encode("utf-8", "surrogateescape") == bytes(range(256))


def test_a_password_is_not_shown() -> None:
    assert GoUrl.parse("http://u:secret@h/").shown() == "http://u:***@h/"
