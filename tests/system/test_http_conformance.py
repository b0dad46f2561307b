"""HTTP/1.1 as RFC 9112 and RFC 9110 have it, over raw sockets: what is taken, what is refused, how
many answers come, and whether the connection stays. The rows are written from the standards and
from our contract (docs/http.md, docs/security.md, http/head.hpp), which is stricter where two
readers could differ.

A row says what is sent and what comes, step by step. Each answer is read by the strict reader
below, which knows nothing of our code; and where nothing says that the connection closes, a further
request must get its answer on it, and that one only: so no row can leave an answer too many behind.
"""

import collections
import contextlib
import fcntl
import json
import os
import re
import signal
import socket
import struct
import termios
import time
import typing
import unittest

from harness import PATIENCE, SystemTest, World, eventually

# Steps of a row, beside bytes (to send) and Answer (to read).
END = "the client sends nothing more (shutdown)"
CLOSED = "the daemon closes, without another byte"


class Answer(typing.NamedTuple):
    """What one answer must be. `closes`: it says "Connection: close", and the daemon does.
    `stays`: it says "Connection: keep-alive", as HTTP/1.0 needs to be told."""
    status: int
    slug: str | None = None
    body: bytes | None = None  # none: any
    closes: bool = False
    stays: bool = False
    fields: dict = {}  # name: its value, a pattern for it, or None where it must not be
    has_content: bool = True  # False: to HEAD


class Case(typing.NamedTuple):
    clause: str
    name: str
    steps: tuple


def case(clause, name, *steps):
    return Case(clause, name, steps)


def ok(body=b"ABC", **more):
    return Answer(200, body=body, **more)


def problem(status, slug, **more):
    return Answer(status, slug, **more)


def refused(status=400, slug="malformed-request", **more):
    """After it nobody knows where the next request begins."""
    return Answer(status, slug, closes=True, **more)


PING = ok(b"", fields={"Allow": "DELETE, GET, HEAD, OPTIONS, POST"})
UNKNOWN_METHOD = problem(501, "not-implemented")


def allows(methods, **more):
    return problem(405, "method-not-allowed", fields={"Allow": methods}, **more)


HEALTHY = ok(b"ok\n")
FRONT = Answer(200, fields={"Content-Type": "text/plain; charset=utf-8"})
NOT_FOUND = problem(404, "not-found")
UPPERCASE = b"/transform/uppercase"


def get(target=b"/healthz", *fields, method=b"GET", version=b"HTTP/1.1", host=b"Host: localhost"):
    lines = [method + b" " + target + b" " + version, *([host] if host else []), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(*fields, body=b"abc", target=UPPERCASE, **more):
    """With its Content-Length."""
    length = b"Content-Length: %d" % len(body)
    return get(target, *fields, length, **{"method": b"POST", **more}) + body


def framed(*fields, body=b"abc", **more):
    """With the fields given, and no length but theirs."""
    return get(UPPERCASE, *fields, method=b"POST", **more) + body


def chunked(body, *fields):
    return framed(b"Transfer-Encoding: chunked", *fields, body=body)


def padded(head, size):
    """`head` made that long by one more field."""
    return head[:-2] + b"X: " + b"x" * (size - len(head) - 5) + b"\r\n\r\n"


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
CLIENT_HELLO = b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(32)
ALL_TOKEN_SYMBOLS = b"!#$%&'*+-.^_`|~"
SPLIT = b"x%0d%0aSet-Cookie:%20a=b"

REQUEST_LINE = [
    case("RFC 9112 3", "method, target and version", get(), HEALTHY),
    case("RFC 9110 9.1", "the method minds its case", post(method=b"post"), UNKNOWN_METHOD),
    case("RFC 9110 9.1", "a method of other standards", post(method=b"PROPFIND"), UNKNOWN_METHOD),
    case("RFC 9110 9.1", "a method of nobody", get(method=b"BREW"), UNKNOWN_METHOD),
    case("RFC 9110 9.1", "a method of nobody where nothing is", get(b"/x", method=b"BREW"),
         UNKNOWN_METHOD),
    case("RFC 9110 9.1", "a method of nobody among others", post() + post(method=b"BREW") + get(),
         ok(), UNKNOWN_METHOD, HEALTHY),
    case("RFC 9110 9.1", "a method of nobody by a stranger",
         post(method=b"BREW", host=b"Host: evil.example"), refused(403, "forbidden-origin")),
    case("RFC 9110 5.6.2", "a method of every symbol that a token may have",
         get(method=ALL_TOKEN_SYMBOLS), UNKNOWN_METHOD),
    case("RFC 9110 5.6.2", "a method with a delimiter", get(method=b"G(T"), refused()),
    case("RFC 9110 5.6.2", "a method with obs-text", get(method=b"G\xc9T"), refused()),
    case("RFC 9112 3", "a space before the method", get(method=b" GET"), refused()),
    case("RFC 9112 3", "two spaces behind the method", get(method=b"GET "), refused()),
    case("RFC 9112 3", "two spaces before the version", get(b"/healthz "), refused()),
    case("RFC 9112 3", "a space behind the version", get(version=b"HTTP/1.1 "), refused()),
    case("RFC 9112 3", "tabs between", b"GET\t/healthz\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
         refused()),
    case("RFC 9112 3", "a vertical tab between", get(b"/healthz\x0bHTTP/1.1", version=b"HTTP/1.1"),
         refused()),
    case("RFC 9112 3", "no target", b"GET HTTP/1.1\r\nHost: localhost\r\n\r\n", refused()),
    case("RFC 9112 3", "an empty target", get(b""), refused()),
    case("RFC 9112 3", "a word", b"nonsense\r\n\r\n", refused()),
    case("RFC 9112 2.3", "no version, as in HTTP/0.9", b"GET /healthz\r\n", refused()),
    *(case("RFC 9112 2.3", f"the version {version.decode()!r}", get(version=version), refused())
      for version in (b"http/1.1", b"HTTP/1.2", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/1.10",
                      b"HTTP/01.1", b"HTTP/1", b"HTTP/1,1", b"HTTP /1.1", b"HTTP/1.1x",
                      b"HTCPCP/1.0")),
    case("RFC 9113 3.4", "the preface of HTTP/2", PREFACE, refused()),
    case("RFC 9112 3", "a TLS handshake", CLIENT_HELLO, refused()),
    case("RFC 9112 2.2", "one blank line before", b"\r\n" + get(), HEALTHY),
    case("RFC 9112 2.2", "two blank lines before", b"\r\n\r\n" + get(), HEALTHY),
    case("http_head.hpp", "three blank lines before", b"\r\n\r\n\r\n" + get(), refused()),
    case("RFC 9112 2.2", "a bare LF before", b"\n" + get(), refused()),
    case("RFC 9112 2.2", "white space and a blank line before", b" \r\n" + get(), refused()),
]

TARGET = [
    case("RFC 9112 3.2.2", "absolute-form", post(target=b"http://localhost" + UPPERCASE), ok()),
    case("RFC 3986 3.1", "absolute-form in capitals",
         post(target=b"HTTP://LOCALHOST" + UPPERCASE), ok()),
    case("RFC 9112 3.2.2", "absolute-form with a port",
         get(b"http://localhost:80/healthz", host=b"Host: localhost:80"), HEALTHY),
    case("RFC 9110 4.2.3", "absolute-form without a path", get(b"http://localhost"), FRONT),
    case("RFC 9110 4.2.1", "absolute-form without a path but with a query",
         get(b"http://localhost?x=y"), FRONT),
    case("RFC 9112 3.2.2", "absolute-form wins over Host",
         get(b"http://localhost/healthz", host=b"Host: evil.example"), HEALTHY),
    case("RFC 9112 3.2.2", "absolute-form wins over the port of Host",
         get(b"http://localhost:80/healthz"), HEALTHY),
    case("RFC 9112 3.2.2", "absolute-form wins over an empty Host",
         get(b"http://localhost/healthz", host=b"Host:"), HEALTHY),
    case("RFC 9112 3.2.2", "absolute-form says whom an Origin is compared with",
         get(b"http://localhost:80/healthz", b"Origin: http://localhost:80",
             host=b"Host: 127.0.0.1"), HEALTHY),
    case("RFC 9112 3.2.2", "absolute-form says whom an Origin is not compared with",
         get(b"http://localhost:80/healthz", b"Origin: http://127.0.0.1",
             host=b"Host: 127.0.0.1"), refused(403, "forbidden-origin")),
    case("RFC 9112 3.2", "absolute-form without a Host", get(b"http://localhost/healthz", host=None),
         refused()),
    case("RFC 9112 3.2", "absolute-form with a Host that is none",
         get(b"http://localhost/healthz", host=b"Host: a/b"), refused()),
    case("RFC 9112 3.2", "absolute-form with two Hosts",
         get(b"http://localhost/healthz", b"Host: localhost"), refused()),
    case("RFC 9112 3.2.2", "absolute-form of HTTP/1.0 needs no Host",
         get(b"http://localhost/healthz", host=None, version=b"HTTP/1.0"), ok(b"ok\n", closes=True)),
    case("docs/security.md", "absolute-form of a foreign host",
         get(b"http://evil.example/healthz", host=b"Host: evil.example"),
         refused(403, "forbidden-origin")),
    case("docs/security.md", "absolute-form of a foreign host with a Host of ours",
         get(b"http://evil.example/healthz"), refused(403, "forbidden-origin")),
    case("docs/security.md", "absolute-form of a foreign host in HTTP/1.0",
         get(b"http://evil.example/healthz", host=None, version=b"HTTP/1.0"),
         refused(403, "forbidden-origin")),
    case("http_head.hpp", "absolute-form of https", get(b"https://localhost/healthz"), refused()),
    case("RFC 9110 4.2.4", "absolute-form with userinfo",
         get(b"http://me@localhost/healthz"), refused()),
    case("RFC 9110 4.2.1", "absolute-form without a host", get(b"http:///healthz"), refused()),
    case("RFC 9112 3.2.3", "authority-form",
         get(b"localhost:80", method=b"CONNECT", host=b"Host: localhost:80"),
         refused(501, "not-implemented")),
    case("RFC 9112 3.2.3", "authority-form of another method", get(b"localhost:80"), refused()),
    case("RFC 9112 3.2.4", "asterisk-form", get(b"*", method=b"OPTIONS"), PING),
    case("RFC 9112 3.2.4", "asterisk-form of another method", get(b"*"), refused()),
    case("RFC 9112 3.2.1", "a path without its slash", get(b"healthz"), refused()),
    case("RFC 9112 3.2", "a fragment", get(b"/healthz#x"), refused()),
    case("RFC 9112 3.2", "a space in the target", get(b"/health z"), refused()),
    case("RFC 3986 2.1", "UTF-8 that is not percent-encoded", get("/\u00e9".encode()), refused()),
    case("RFC 3986 2.1", "a NUL in the target", get(b"/health\0z"), refused()),
    case("RFC 3986 2.1", "a DEL in the target", get(b"/health\x7fz"), refused()),
    case("RFC 3986 2.1", "a percent sign without hex digits", get(b"/%zz"), refused()),
    case("RFC 3986 2.1", "a percent sign at the end", get(b"/healthz%"), refused()),
    case("RFC 3986 2.1", "a percent sign with one digit", get(b"/healthz?a=%4"), refused()),
    case("RFC 3986 2.3", "a letter percent-encoded", post(target=b"/transform/upper%63ase"), ok()),
    case("RFC 3986 2.2", "a slash percent-encoded is none", post(target=b"/transform%2Fuppercase"),
         NOT_FOUND),
    case("RFC 3986 2.1", "a NUL percent-encoded ends nothing", get(b"/healthz%00"), NOT_FOUND),
    case("RFC 3986 6.2.2.3", "dot segments lead nowhere", get(b"/transform/../healthz"), NOT_FOUND),
    case("RFC 3986 3.3", "two slashes are not one", get(b"//healthz"), NOT_FOUND),
    case("RFC 3986 3.4", "an empty query", post(target=UPPERCASE + b"?"), ok()),
    case("docs/http.md", "a parameter that is none", post(target=UPPERCASE + b"?netId=alice"),
         problem(400, "invalid-parameter")),
    case("docs/http.md", "a parameter twice", post(target=UPPERCASE + b"?netid=alice&netid=alice"),
         problem(400, "invalid-parameter")),
    case("RFC 3986 2.3", "a parameter percent-encoded",
         post(target=UPPERCASE + b"?n%65tid=%61lice"), ok()),
    case("docs/http.md", "a query where there is no call", get(b"/healthz?netId=alice&x&x"), HEALTHY),
    case("RFC 9112 3", "8000 bytes", get(b"/" + b"a" * 7999), NOT_FOUND),
    case("RFC 9112 3", "8001 bytes", get(b"/" + b"a" * 8000), refused(414, "uri-too-long")),
    case("RFC 9112 3", "too long before its end has come", b"GET /" + b"a" * 8000,
         refused(414, "uri-too-long")),
    case("RFC 3986 3.4", "4000 question marks in a query",
         get(b"/healthz?x=" + b"?" * 4000), HEALTHY),
    case("RFC 3986 3.4", "4000 question marks in a value",
         post(target=UPPERCASE + b"?netid=" + b"?" * 4000),
         problem(400, "invalid-netid")),
    case("RFC 3986 3.4", "4000 equals signs in a query",
         get(b"/healthz?x=" + b"=" * 4000), HEALTHY),
    case("RFC 3986 3.4", "4000 equals signs in a value",
         post(target=UPPERCASE + b"?netid=" + b"=" * 4000),
         problem(400, "invalid-netid")),
]

HOST = [
    case("RFC 9112 3.2", "no Host in HTTP/1.1", get(host=None), refused()),
    case("RFC 9112 3.2", "no Host in HTTP/1.0, as health checks have it",
         get(host=None, version=b"HTTP/1.0"), ok(b"ok\n", closes=True)),
    case("RFC 9112 3.2", "no Host in a call of HTTP/1.0", post(host=None, version=b"HTTP/1.0"),
         ok(closes=True)),
    case("docs/security.md", "no Host in HTTP/1.0, but a page of another site",
         post(b"Origin: http://evil.example", host=None, version=b"HTTP/1.0"),
         refused(403, "forbidden-origin")),
    case("docs/security.md", "no Host in HTTP/1.0, but another site",
         post(b"Sec-Fetch-Site: cross-site", host=None, version=b"HTTP/1.0"),
         refused(403, "forbidden-origin")),
    case("docs/security.md", "an empty Host in HTTP/1.0 is no loopback name",
         get(host=b"Host:", version=b"HTTP/1.0"), refused(403, "forbidden-origin")),
    case("RFC 9112 3.2", "two", get(b"/healthz", b"Host: 127.0.0.1"), refused()),
    case("RFC 9112 3.2", "two of one value", get(b"/healthz", b"Host: localhost"), refused()),
    case("RFC 9112 3.2", "two in other capitals", get(b"/healthz", b"hOST: localhost"), refused()),
    case("RFC 9112 3.2", "an empty one is HTTP, and no loopback name", get(host=b"Host:"),
         refused(403, "forbidden-origin")),
    case("RFC 9110 5.1", "its name in other capitals", get(host=b"hOsT: localhost"), HEALTHY),
    case("RFC 9110 7.2", "not the first field", get(b"/healthz", b"A: b", b"Host: localhost",
                                                   host=None), HEALTHY),
    *(case("RFC 9110 7.2", f"{value.decode('latin-1')!r}", get(host=b"Host:" + value), HEALTHY)
      for value in (b" LOCALHOST", b" localhost:8426", b" localhost:", b" 127.0.0.1:80", b" [::1]",
                    b" [::1]:80", b" localhost.", b"localhost", b" \t localhost \t ")),
    *(case("RFC 9112 3.2", f"{value.decode('latin-1')!r}", get(host=b"Host: " + value), refused())
      for value in (b"localhost:65536", b"localhost:http", b"localhost:-1", b"localhost:80:80",
                    b"::1", b"[::1", b"[localhost]", b"me@localhost", b"http://localhost",
                    b"localhost/", b"local host", b"localhost, localhost", b"local%host",
                    b"localhost\\", b"\"localhost\"", b"l\xf6calhost")),
]

FIELDS = [
    case("RFC 9112 5.1", "a space before the colon", get(b"/healthz", b"X : y"), refused()),
    case("RFC 9112 5.1", "a tab before the colon", get(b"/healthz", b"X\t: y"), refused()),
    case("RFC 9112 5.1", "a space before the colon of a length",
         framed(b"Content-Length : 3"), refused()),
    case("RFC 9112 5.2", "a line folded by a space", get(b"/healthz", b"X: y", b" z"), refused()),
    case("RFC 9112 5.2", "a line folded by a tab", get(b"/healthz", b"X: y", b"\tz"), refused()),
    case("RFC 9112 5.2", "a line folded to nothing", get(b"/healthz", b"X: y", b" "), refused()),
    case("RFC 9112 2.2", "white space before the first field",
         b"GET /healthz HTTP/1.1\r\n Host: localhost\r\n\r\n", refused()),
    case("RFC 9112 2.2", "a bare CR in a value", get(b"/healthz", b"X: y\rz"), refused()),
    case("RFC 9112 2.2", "a bare CR in the request line", get(b"/healthz\r"), refused()),
    case("RFC 9112 2.2", "CR CR LF", get(b"/healthz", b"X: y\r"), refused()),
    case("http_head.hpp", "a bare LF behind the request line",
         b"GET /healthz HTTP/1.1\nHost: localhost\r\n\r\n", refused()),
    case("http_head.hpp", "a bare LF behind a field", get(b"/healthz", b"X: y\nZ: a"), refused()),
    case("http_head.hpp", "a bare LF for the blank line",
         b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n", refused()),
    case("http_head.hpp", "bare LFs only", b"GET /healthz HTTP/1.1\nHost: localhost\n\n",
         refused()),
    case("RFC 9112 5", "no colon", get(b"/healthz", b"X"), refused()),
    case("RFC 9112 5", "an empty name", get(b"/healthz", b": y"), refused()),
    case("RFC 9112 5", "a space in a name", get(b"/healthz", b"X Y: z"), refused()),
    case("RFC 9112 5", "an empty value", get(b"/healthz", b"X:"), HEALTHY),
    case("RFC 9112 5", "nothing but white space for a value", get(b"/healthz", b"X: \t "), HEALTHY),
    case("RFC 9110 5.5", "obs-text in a value", get(b"/healthz", b"X: \xe9\xff\x80"), HEALTHY),
    case("RFC 9110 5.5", "white space in a value", get(b"/healthz", b"X: a \t b"), HEALTHY),
    case("RFC 9110 5.3", "a field of ours twice", get(b"/healthz", b"X: a", b"X: b"), HEALTHY),
    *(case("http_head.hpp", f"{name.decode()} twice", post(name + b": a", name + b": a"), refused())
      for name in (b"Content-Type", b"Authorization", b"Origin", b"Sec-Fetch-Site")),
    case("base/limits", "a head of 16384 bytes", padded(get(), 16384), HEALTHY),
    case("base/limits", "a head of 16385 bytes", padded(get(), 16385),
         refused(431, "headers-too-large")),
    case("base/limits", "one line without end", b"GET / HTTP/1.1\r\nX: " + b"x" * 16384,
         refused(431, "headers-too-large")),
    case("base/limits", "a method without end", b"G" * 16384, refused(431, "headers-too-large")),
    case("base/limits", "100 fields", get(b"/healthz", *[b"X: y"] * 99), HEALTHY),
    case("base/limits", "101 fields", get(b"/healthz", *[b"X: y"] * 100),
         refused(431, "headers-too-large")),
]

LENGTH = [
    case("RFC 9112 6.3", "as many bytes as it says", framed(b"Content-Length: 3"), ok()),
    case("RFC 9110 8.6", "zeros before", framed(b"Content-Length: 0003"), ok()),
    case("RFC 9110 5.1", "in other capitals", framed(b"content-LENGTH:3"), ok()),
    case("RFC 9112 5.1", "white space around", framed(b"Content-Length: \t3\t "), ok()),
    case("RFC 9112 6.3", "nothing, for an empty text", framed(body=b""), ok(b"")),
    case("RFC 9112 6.3", "0, for an empty text", framed(b"Content-Length: 0", body=b""), ok(b"")),
    case("RFC 9112 6.3", "without a length what follows is the next request",
         framed(body=get()), ok(b""), HEALTHY),
    case("RFC 9110 9.3.1", "content of a GET is read and means nothing",
         get(b"/healthz", b"Content-Length: 3") + b"abc", HEALTHY),
    case("RFC 9112 6.3", "content that looks like a request",
         post(body=get(), target=b"/transform/lowercase"), ok(get().lower())),
    *(case("RFC 9110 8.6", f"{value.decode('latin-1')!r}", framed(b"Content-Length: " + value),
           refused())
      for value in (b"+3", b"-3", b"0x3", b"3.0", b"3 3", b"3, 3", b"3,3", b",3", b"3;x", b"",
                    b"3e0", b"\xb3", b"'3'", b"three")),
    case("RFC 9112 6.3", "twice, the same", framed(b"Content-Length: 3", b"Content-Length: 3"),
         refused()),
    case("RFC 9112 6.3", "twice, not the same",
         framed(b"Content-Length: 3", b"Content-Length: 4", body=b"abcd"), refused()),
    case("RFC 9110 8.6", "beyond 64 bits", framed(b"Content-Length: 18446744073709551619"),
         refused(413, "payload-too-large")),
    case("RFC 9110 8.6", "beyond all measure", framed(b"Content-Length: " + b"9" * 400),
         refused(413, "payload-too-large")),
    case("RFC 9110 15.5.14", "one byte too many, said before it comes",
         framed(b"Content-Length: 1048577", body=b""), refused(413, "payload-too-large")),
    case("RFC 9112 6.1", "before a Transfer-Encoding",
         framed(b"Content-Length: 3", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), refused()),
    case("RFC 9112 6.1", "behind a Transfer-Encoding",
         framed(b"Transfer-Encoding: chunked", b"Content-Length: 5", body=b"0\r\n\r\n"), refused()),
]

CODING = [
    case("RFC 9112 7", "in other capitals", framed(
        b"TRANSFER-encoding:CHUNKED", body=b"3\r\nabc\r\n0\r\n\r\n"), ok()),
    *(case("RFC 9112 6.1", f"{value.decode('latin-1')!r}",
           framed(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"), refused())
      for value in (b"gzip", b"chunked, gzip", b"chunked, chunked", b"identity",
                    b"chunked, identity", b"xchunked", b"chunkedx", b"chunked;x=1", b"\"chunked\"",
                    b"chunk", b"", b"\x0bchunked", b"chunked\0", b"\xa0chunked", b", chunked",
                    b"chunked,", b"gzip chunked", b"gzip, chunked;x=1", b"chunked, gzip, chunked",
                    b"g(zip, chunked", b"gzip, chunked, ")),
    *(case("RFC 9112 6.1", f"{value.decode()!r}",
           framed(b"Transfer-Encoding: " + value, body=b"0\r\n\r\n"),
           refused(501, "not-implemented"))
      for value in (b"gzip, chunked", b"GZIP ,CHUNKED", b"compress,deflate,chunked",
                    b"identity, chunked", b"x;a=\"b\", chunked", b"gzip,, chunked")),
    case("RFC 9112 6.1", "another in HTTP/1.0",
         framed(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0"),
         refused()),
    case("RFC 9112 6.1", "twice", chunked(b"0\r\n\r\n", b"Transfer-Encoding: chunked"), refused()),
    case("RFC 9112 6.1", "and another", chunked(b"0\r\n\r\n", b"Transfer-Encoding: gzip"),
         refused()),
    case("RFC 9112 6.1", "in HTTP/1.0",
         framed(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"HTTP/1.0"), refused()),
]

CHUNKS = [
    case("RFC 9112 7.1", "one chunk", chunked(b"3\r\nabc\r\n0\r\n\r\n"), ok()),
    case("RFC 9112 7.1", "many chunks", chunked(b"1\r\na\r\n" * 50 + b"0\r\n\r\n"), ok(b"A" * 50)),
    case("RFC 9112 7.1", "no chunk", chunked(b"0\r\n\r\n"), ok(b"")),
    case("RFC 9112 7.1", "a hex digit in lower case", chunked(b"a\r\n0123456789\r\n0\r\n\r\n"),
         ok(b"0123456789")),
    case("RFC 9112 7.1", "a hex digit in upper case", chunked(b"A\r\n0123456789\r\n0\r\n\r\n"),
         ok(b"0123456789")),
    case("RFC 9112 7.1", "zeros before a size", chunked(b"0003\r\nabc\r\n000\r\n\r\n"), ok()),
    case("RFC 9112 7.1", "CRLF is data within a chunk", chunked(b"5\r\na\r\nbc\r\n0\r\n\r\n"),
         ok(b"A\r\nBC")),
    case("RFC 9112 7.1", "a character cut in two", chunked(b"1\r\n\xc3\r\n1\r\n\xa9\r\n0\r\n\r\n"),
         ok("\u00c9".encode())),
    case("RFC 9112 7.1.1", "extensions", chunked(b"3;a\r\nabc\r\n0;b=c;d=\"e;\\\"f\"\r\n\r\n"),
         ok()),
    case("RFC 9112 7.1.1", "white space before an extension",
         chunked(b"3 \t; a = b\r\nabc\r\n0\r\n\r\n"), ok()),
    *(case("RFC 9112 7.1.1", f"the extension {extension!r}",
           chunked(b"3" + extension + b"\r\nabc\r\n0\r\n\r\n"), ok())
      for extension in (b";a=b;c", b";a=\"\"", b";a=\";\\\"\xff\t \"", b"\t;\ta\t=\tb\t;c",
                        b";!#$%&'*+-.^_`|~=1")),
    *(case("RFC 9112 7.1.1", f"an extension that is none: {extension!r}",
           chunked(b"3" + extension + b"\r\nabc\r\n0\r\n\r\n"), refused())
      for extension in (b";", b"; ", b";=", b";=b", b";a=", b";a= ", b";a=;b", b";a;", b";;a", b" ",
                        b";a b", b";a=b c", b";a=b=c", b";\"a\"", b";a=\"b", b";a=\"b\"c",
                        b";a=\"b\\\x01\"", b";a=b\"c\"", b";\xc3\xa9", b";a=\xc3", b";a ", b";a,b",
                        b";a=\"b\" ", b";a=\"b\r\n\"")),
    case("RFC 9112 7.1.2", "trailers", chunked(b"3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n"), ok()),
    case("RFC 9112 7.1.2", "trailers about framing and callers mean nothing",
         chunked(b"3\r\nabc\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: gzip\r\n"
                 b"Host: evil.example\r\nConnection: close\r\n\r\n"), ok()),
    case("RFC 9112 7.1", "the next request follows", chunked(b"3\r\nabc\r\n0\r\n\r\n") + get(),
         ok(), HEALTHY),
    *(case("RFC 9112 7.1", f"a size line {line!r}", chunked(line + b"\r\nabc\r\n0\r\n\r\n"),
           refused())
      for line in (b"", b" 3", b"+3", b"-3", b"0x3", b"3g", b"3 3", b"3,", b";a", b"\t3", b"\xb3",
                   b"3\0", b"3;a\0", b"3;\x7f", b"3\r", b"3;a\r;b")),
    case("RFC 9112 7.1", "a bare LF behind a size", chunked(b"3\nabc\r\n0\r\n\r\n"), refused()),
    case("RFC 9112 7.1", "a bare LF behind an extension", chunked(b"3;a\nabc\r\n0\r\n\r\n"),
         refused()),
    case("RFC 9112 7.1", "a bare LF behind data", chunked(b"3\r\nabc\n0\r\n\r\n"), refused()),
    case("RFC 9112 7.1", "no CRLF behind data", chunked(b"3\r\nabc0\r\n\r\n"), refused()),
    case("RFC 9112 7.1", "more data than its size", chunked(b"3\r\nabcd\r\n0\r\n\r\n"), refused()),
    case("RFC 9112 7.1", "a bare LF at the very end", chunked(b"3\r\nabc\r\n0\r\n\n"), refused()),
    *(case("RFC 9112 7.1.2", f"a trailer {line!r}", chunked(b"0\r\n" + line + b"\r\n\r\n"),
           refused())
      for line in (b" folded", b"A: b\r\n c", b"no colon", b"A : b", b": b", b"A: \0",
                   b"A: b\nC: d")),
    case("RFC 9112 7.1", "a size that 64 bits just hold", chunked(b"FFFFFFFFFFFFFFFF\r\nabc"),
         refused(413, "payload-too-large")),
    case("RFC 9112 7.1", "a size that 64 bits do not hold",
         chunked(b"10000000000000003\r\nabc\r\n"), refused(413, "payload-too-large")),
    case("base/limits", "a chunk one byte too large, said before it comes", chunked(b"100001\r\n"),
         refused(413, "payload-too-large")),
    case("base/limits", "a last chunk too many",
         chunked(b"80000\r\n" + b"a" * 0x80000 + b"\r\n80000\r\n" + b"a" * 0x80000 + b"\r\n1\r\n"),
         refused(413, "payload-too-large")),
    case("RFC 9112 7.1.1", "an extension without end", chunked(b"3;" + b"a" * 9000), refused()),
    case("RFC 9112 7.1.1", "a little extension for every byte",
         chunked(b"1;aaaaaaaaa\r\na\r\n" * 1000), refused()),
    case("RFC 9112 7.1.1", "a quoted string without end", chunked(b"3;a=\"" + b"a" * 9000), refused()),
    case("RFC 9112 7.1.2", "trailers without end", chunked(b"0\r\n" + b"A: b\r\n" * 3000),
         refused()),
]

LENGTH_TO_COME = b"Content-Length: 3"
ASKS = b"Expect: 100-continue"
CONTINUE = Answer(100)
EXPECTATIONS = [
    case("RFC 9110 10.1.1", "the content waits for the word",
         framed(ASKS, LENGTH_TO_COME, body=b""), CONTINUE, b"abc", ok()),
    case("RFC 9110 10.1.1", "in other capitals",
         framed(b"eXPECT: 100-CONTINUE", LENGTH_TO_COME, body=b""), CONTINUE, b"abc", ok()),
    case("RFC 9110 10.1.1", "before chunks", chunked(b"", ASKS), CONTINUE,
         b"3\r\nabc\r\n0\r\n\r\n", ok()),
    case("RFC 9110 10.1.1", "one word for each request", framed(ASKS, LENGTH_TO_COME, body=b""),
         CONTINUE, b"abc", ok(), framed(ASKS, LENGTH_TO_COME, body=b""), CONTINUE, b"abc", ok()),
    case("RFC 9110 10.1.1", "the word comes behind the answers before it",
         post() + framed(ASKS, LENGTH_TO_COME, body=b""), ok(), CONTINUE, b"abc", ok()),
    case("RFC 9110 10.1.1", "a client that did not wait needs none", framed(ASKS, LENGTH_TO_COME),
         ok()),
    case("RFC 9110 10.1.1", "without content there is nothing to wait for",
         get(b"/healthz", ASKS), HEALTHY),
    case("RFC 9110 10.1.1", "nor with an empty one", framed(ASKS, b"Content-Length: 0", body=b""),
         ok(b"")),
    case("RFC 9110 10.1.1", "HTTP/1.0 does not know the word",
         framed(ASKS, LENGTH_TO_COME, body=b"", version=b"HTTP/1.0"), b"abc", ok(closes=True)),
    case("RFC 9112 6.3", "who does not ask gets no word",
         framed(LENGTH_TO_COME, body=b""), b"abc", ok()),
    case("RFC 9110 10.1.1", "closing afterwards",
         framed(ASKS, b"Connection: close", LENGTH_TO_COME, body=b""), CONTINUE, b"abc",
         ok(closes=True)),
    *(case("http_head.hpp", f"{value.decode()!r}",
           framed(b"Expect: " + value, LENGTH_TO_COME, body=b""), refused())
      for value in (b"101-continue", b"100-continue, x", b"x", b"", b"100-continue;a=b")),
    case("http_head.hpp", "twice", framed(ASKS, ASKS, LENGTH_TO_COME, body=b""), refused()),
    case("RFC 9110 10.1.1", "no word to a head that is bad",
         framed(ASKS, LENGTH_TO_COME, body=b"", host=None), refused()),
    case("RFC 9110 10.1.1", "no word to a stranger", framed(
        ASKS, LENGTH_TO_COME, b"Origin: http://evil.example", body=b""),
         refused(403, "forbidden-origin")),
    case("RFC 9110 10.1.1", "no word for too much",
         framed(ASKS, b"Content-Length: 1048577", body=b""), refused(413, "payload-too-large")),
    case("RFC 9110 10.1.1", "no word for what is encoded",
         framed(ASKS, LENGTH_TO_COME, b"Content-Encoding: gzip", body=b""),
         refused(415, "unsupported-media-type")),
]

PIPELINES = [
    case("RFC 9112 9.3.2", "two", post() + get(), ok(), HEALTHY),
    case("RFC 9112 9.3.2", "fifty", post() * 50, *[ok()] * 50),
    case("RFC 9112 9.3.2", "in order, though every other one takes longer",
         (post() + get()) * 10, *[ok(), HEALTHY] * 10),
    case("RFC 9112 9.3.2", "each its own answer",
         b"".join(post(body=b"a%d" % n) for n in range(20)), *[ok(b"A%d" % n) for n in range(20)]),
    case("RFC 9110 9.3.2", "HEAD among others", get() + get(method=b"HEAD") + get(), HEALTHY,
         Answer(200, has_content=False), HEALTHY),
    case("RFC 9112 2.2", "blank lines between", post() + b"\r\n" + get() + b"\r\n\r\n" + get(),
         ok(), HEALTHY, HEALTHY),
    case("RFC 9112 9.3.2", "errors of their own do no harm to others",
         get(b"/x") + post(target=b"/transform/rot13") + post(body=b"\xff") + get(UPPERCASE)
         + post(), NOT_FOUND, problem(404, "unknown-action"), problem(400, "invalid-payload"),
         allows("POST"), ok()),
    case("RFC 9112 9.3.2", "nothing behind one that is bad",
         post() + get(host=None) + post() + get(), ok(), refused()),
    case("RFC 9112 9.3.2", "nothing behind bad chunks",
         get() + chunked(b"x\r\n") + get(), HEALTHY, refused()),
    case("RFC 9112 9.6", "nothing behind Connection: close",
         post() + post(b"Connection: close") + post() * 5, ok(), ok(closes=True)),
    case("RFC 9112 9.3", "nothing behind HTTP/1.0",
         post(version=b"HTTP/1.0") + post(), ok(closes=True)),
    case("RFC 9112 9.6", "nothing behind too much",
         post(body=b"a" * (1024 * 1024 + 1)) + get(), refused(413, "payload-too-large")),
]

HALF_CLOSED = [
    case("RFC 9112 9.6", "after a whole request", get(), END, HEALTHY, CLOSED),
    case("RFC 9112 9.6", "after a whole call", post(), END, ok(), CLOSED),
    case("RFC 9112 9.6", "after chunks", chunked(b"3\r\nabc\r\n0\r\n\r\n"), END, ok(), CLOSED),
    case("RFC 9112 9.6", "after a call to be the last", post(b"Connection: close"), END,
         ok(closes=True)),
    case("RFC 9112 9.6", "after many", post() * 10, END, *[ok()] * 10, CLOSED),
    case("RFC 9112 9.6", "between two", post(), ok(), END, CLOSED),
    case("RFC 9112 8", "after nothing at all", END, CLOSED),
    case("RFC 9112 2.2", "after a blank line", b"\r\n", END, CLOSED),
    case("RFC 9112 2.2", "after a request and a blank line", post() + b"\r\n", END, ok(), CLOSED),
    case("RFC 9112 8", "within a method", b"GE", END, refused()),
    case("RFC 9112 8", "within a target", b"GET /heal", END, refused()),
    case("RFC 9112 8", "behind a request line", b"GET /healthz HTTP/1.1\r\n", END, refused()),
    case("RFC 9112 8", "before a blank line", get()[:-2], END, refused()),
    case("RFC 9112 8", "within a blank line", get()[:-1], END, refused()),
    case("RFC 9112 8", "before the content", framed(LENGTH_TO_COME, body=b""), END, refused()),
    case("RFC 9112 8", "within the content", framed(LENGTH_TO_COME, body=b"ab"), END, refused()),
    case("RFC 9112 8", "before a chunk", chunked(b""), END, refused()),
    case("RFC 9112 8", "within a chunk", chunked(b"3\r\nab"), END, refused()),
    case("RFC 9112 8", "before the last chunk", chunked(b"3\r\nabc\r\n"), END, refused()),
    case("RFC 9112 8", "before the end of the trailers", chunked(b"3\r\nabc\r\n0\r\n"), END,
         refused()),
    case("RFC 9112 8", "within the second of two", get() + post()[:-1], END, HEALTHY, refused()),
    case("RFC 9112 8", "after the word to go on", framed(ASKS, LENGTH_TO_COME, body=b""), CONTINUE,
         END, refused()),
]

LAST = ok(closes=True)
OLD = b"HTTP/1.0"
PERSISTENCE = [
    case("RFC 9112 9.3", "HTTP/1.1 stays", post(), ok()),
    case("RFC 9112 9.3", "HTTP/1.1 stays if told to", post(b"Connection: keep-alive"), ok()),
    case("RFC 9112 9.3", "HTTP/1.0 goes", post(version=OLD), LAST),
    case("RFC 9112 C.2.2", "HTTP/1.0 stays if told to, and is told so",
         post(b"Connection: keep-alive", version=OLD), ok(stays=True)),
    case("RFC 9110 7.6.1", "HTTP/1.0 stays if told to in capitals",
         post(b"Connection: Keep-Alive", version=OLD), ok(stays=True)),
    case("RFC 9112 C.2.2", "a problem of HTTP/1.0 that stays",
         get(b"/x", b"Connection: keep-alive", version=OLD), problem(404, "not-found", stays=True)),
    case("RFC 9112 9.3", "HTTP/1.0 goes if told both",
         post(b"Connection: keep-alive, close", version=OLD), LAST),
    *(case("RFC 9110 7.6.1", f"{value.decode()!r} closes", post(b"Connection: " + value), LAST)
      for value in (b"close", b"CLOSE", b"Close", b"x, close", b"close, x", b"keep-alive, close",
                    b", ,close,", b"x \t,\t close \t")),
    case("RFC 9110 5.3", "close in a second field",
         post(b"Connection: keep-alive", b"Connection: close"), LAST),
    *(case("RFC 9110 7.6.1", f"{value.decode()!r} does not close", post(b"Connection: " + value),
           ok())
      for value in (b"closed", b"x-close", b"", b"\"close\"", b"close;x", b"close x")),
    case("RFC 9112 9.3", "Proxy-Connection says nothing", post(b"Proxy-Connection: close"), ok()),
    case("RFC 9112 9.3", "Keep-Alive says nothing", post(b"Keep-Alive: timeout=1, max=1"), ok()),
    case("RFC 9112 9.3", "a problem of the call stays", post(body=b"\xff"),
         problem(400, "invalid-payload")),
    case("RFC 9112 9.6", "a problem of the call goes if told to",
         post(b"Connection: close", body=b"\xff"), refused(400, "invalid-payload")),
]

METHODS = [
    case("RFC 9110 9.3.2", "HEAD gets no content", get(method=b"HEAD"),
         ok(fields={"Content-Length": "3"}, body=None, has_content=False)),
    case("RFC 9110 9.3.2", "HEAD of readiness", get(b"/readyz", method=b"HEAD"),
         ok(fields={"Content-Length": "6"}, body=None, has_content=False)),
    case("RFC 9110 9.3.2", "HEAD of an action", get(UPPERCASE, method=b"HEAD"),
         allows("POST", has_content=False)),
    case("RFC 9110 9.3.2", "HEAD of nothing", get(b"/x", method=b"HEAD"),
         problem(404, "not-found", has_content=False)),
    case("RFC 9110 9.3.2", "HEAD of a stranger", get(method=b"HEAD", host=b"Host: evil.example"),
         refused(403, "forbidden-origin", has_content=False)),
    case("RFC 9110 9.3.2", "HEAD with too much content",
         get(b"/healthz", b"Content-Length: 1048577", method=b"HEAD"),
         refused(413, "payload-too-large", has_content=False)),
    case("RFC 9110 9.3.2", "HEAD with encoded content",
         get(b"/healthz", b"Content-Encoding: gzip", method=b"HEAD"),
         problem(415, "unsupported-media-type", has_content=False)),
    case("RFC 9110 9.3.2", "HEAD that is malformed", get(method=b"HEAD", host=None),
         refused(has_content=False)),
    *(case("RFC 9110 15.5.6", f"{method.decode()} of an action", post(method=method),
           allows("POST"))
      for method in (b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE")),
    case("RFC 9110 9.3.6", "CONNECT of a path", post(method=b"CONNECT"),
         refused(501, "not-implemented")),
    case("RFC 9110 15.5.6", "GET of an action", get(UPPERCASE), allows("POST")),
    case("RFC 9110 15.5.6", "GET of an action that is none", get(b"/transform/x"), allows("POST")),
    *(case("RFC 9110 15.5.6", f"{method.decode()} of health",
           post(method=method, target=b"/healthz"), allows("GET, HEAD, OPTIONS"))
      for method in (b"POST", b"PUT", b"DELETE")),
    case("docs/http.md", "OPTIONS of /, which is HAProxy's check by default",
         get(b"/", method=b"OPTIONS", host=None, version=OLD), PING._replace(closes=True)),
    *(case("docs/http.md", f"OPTIONS of {target.decode()}, as HAProxy checks it",
           get(target, method=b"OPTIONS", host=None, version=OLD),
           ok(body, closes=True, fields={"Allow": "GET, HEAD, OPTIONS"}))
      for target, body in ((b"/healthz", b"ok\n"), (b"/readyz", b"ready\n"))),
    case("RFC 9110 15.5.6", "OPTIONS of what is no health check", get(b"/metrics", method=b"OPTIONS"),
         allows("GET, HEAD")),
    case("RFC 9110 9.1", "get of health", get(method=b"get"), UNKNOWN_METHOD),
]

JSON = re.compile(r"application/json\b")
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
ENCODED = {"Content-Encoding": None}
IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d\d:\d\d:\d\d GMT\Z")


def in_json(accept):
    return post(b"Accept: " + accept), Answer(200, fields={"Content-Type": JSON})


def in_text(accept):
    return post(b"Accept: " + accept), ok(fields=TEXT)


MEANING = [
    case("RFC 9110 14.2", "a range of a POST is not asked for", post(b"Range: bytes=0-0"),
         ok(fields={"Content-Range": None})),
    case("RFC 9110 14.2", "a range of no sense does no harm", post(b"Range: bytes=9-,-1,x"), ok()),
    case("RFC 9110 14.2", "a range of a GET may be ignored", get(b"/healthz", b"Range: bytes=0-0"),
         HEALTHY),
    case("RFC 9110 13.1", "preconditions on what has no validators",
         post(b"If-None-Match: \"x\"", b"If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT"), ok()),
    case("RFC 9110 12.5.1", "text when nothing is said", post(), ok(fields=TEXT)),
    case("RFC 9110 12.5.1", "anything", *in_text(b"*/*")),
    case("RFC 9110 12.5.1", "what we do not have", *in_text(b"text/html")),
    case("RFC 9110 12.5.1", "text", *in_text(b"text/plain")),
    case("RFC 9110 12.5.1", "text first", *in_text(b"text/plain, application/json")),
    case("RFC 9110 12.5.1", "JSON and text alike, as axios asks",
         *in_text(b"application/json, text/plain, */*")),
    case("RFC 9110 12.5.1", "JSON and text alike", *in_text(b"application/json;q=0.5, text/*;q=0.5")),
    case("RFC 9110 12.5.1", "JSON, or anything", *in_json(b"application/json, */*")),
    case("docs/http.md", "JSON", *in_json(b"application/json")),
    case("docs/http.md", "JSON among others", *in_json(b"text/html, application/json, */*;q=0.1")),
    case("RFC 9110 8.3.1", "JSON in other capitals", *in_json(b"Application/JSON")),
    case("RFC 9110 12.4.2", "JSON, and text less gladly",
         *in_json(b"text/plain;q=0.5, application/json")),
    case("RFC 9110 12.4.2", "text, and JSON less gladly",
         *in_text(b"application/json;q=0.5, text/plain")),
    case("RFC 9110 12.4.2", "not JSON", *in_text(b"application/json;q=0, */*")),
    case("RFC 9110 12.5.1", "a type that only begins like JSON", *in_text(b"application/json-seq")),
    *(case("accept.hpp", f"what cannot be read, {value.decode()!r}", *in_text(value))
      for value in (b"text", b"/", b"a/b/c", b",", b"text/plain,", b"application/json;q=2",
                    b"application/json;q=", b"application/json;q=x")),
    case("accept.hpp", "JSON beside what cannot be read", *in_json(b"text,,application/json,")),
    case("RFC 9110 12.5.3", "an encoding that is welcome is not needed",
         post(b"Accept-Encoding: gzip, br, deflate"), ok(fields=ENCODED)),
    case("RFC 9110 8.3", "the type that curl sends",
         post(b"Content-Type: application/x-www-form-urlencoded"), ok()),
    case("RFC 9110 8.3", "a type that is none", post(b"Content-Type: /;=\xe9"), ok()),
    case("docs/problems.md", "a multipart body", post(b"Content-Type: multipart/form-data; boundary=x"),
         problem(415, "unsupported-media-type")),
    case("RFC 9110 8.3.1", "a multipart body in other capitals",
         post(b"Content-Type: MULTIPART/mixed"), problem(415, "unsupported-media-type")),
    case("docs/problems.md", "a multipart body whose type has a percent sign",
         post(b"Content-Type: multipart/form-data; boundary=\"a%62\""),
         problem(415, "unsupported-media-type")),
    *(case("RFC 9110 8.3.2", f"a text in UTF-8, {charset.decode()}",
           post(b"Content-Type: text/plain;" + charset, body="\u00e9".encode()), ok("\u00c9".encode()))
      for charset in (b"charset=utf-8", b" Charset=\"UTF-8\"", b"charset=us-ascii", b"a=\"%\"")),
    *(case("docs/problems.md", f"a text in another charset, {charset.decode()}",
           post(b"Content-Type: text/plain;" + charset), problem(415, "unsupported-media-type"))
      for charset in (b"charset=iso-8859-1", b"CHARSET=\"utf-16le\"", b"a=\"%\"; charset=latin1",
                      b"charset=utf-8;charset=utf-16")),
    case("docs/problems.md", "a body encoded", post(b"Content-Encoding: gzip"),
         problem(415, "unsupported-media-type")),
    case("RFC 9110 7.8", "an upgrade to HTTP/2 is declined",
         get(b"/healthz", b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c",
             b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"), HEALTHY),
    case("RFC 9110 7.8", "an upgrade to WebSocket is declined",
         get(b"/healthz", b"Connection: Upgrade", b"Upgrade: websocket"), HEALTHY),
    case("RFC 9110 10.1.4", "trailers are welcome, and not needed",
         post(b"TE: trailers", b"Connection: TE"), ok(fields={"Trailer": None})),
    case("RFC 9110 7.6.1", "a framing field named by Connection still holds",
         post(b"Connection: Content-Length"), ok()),
    case("RFC 9110 6.6.1", "an answer has its Date", post(), ok(fields={"Date": IMF_FIXDATE})),
    case("RFC 9110 6.6.1", "a problem has its Date", get(b"/x"),
         problem(404, "not-found", fields={"Date": IMF_FIXDATE})),
    case("RFC 9110 6.6.1", "a refusal has its Date", get(host=None),
         refused(fields={"Date": IMF_FIXDATE})),
    case("docs/http.md", "Request-Id comes back", post(b"Request-Id: mine-1"),
         ok(fields={"Request-Id": "mine-1"})),
    case("docs/http.md", "Request-Id comes back in a problem", get(b"/x", b"Request-Id: mine-2"),
         problem(404, "not-found", fields={"Request-Id": "mine-2"})),
    case("docs/http.md", "Request-Id comes back in 413",
         framed(b"Request-Id: mine-3", b"Content-Length: 1048577", body=b""),
         refused(413, "payload-too-large", fields={"Request-Id": "mine-3"})),
    case("docs/http.md", "Request-Id comes back in 415",
         post(b"Request-Id: mine-4", b"Content-Encoding: gzip"),
         problem(415, "unsupported-media-type",
                 fields={"Request-Id": "mine-4"})),
]

MADE_UP = {"Request-Id": re.compile(r"[0-9a-f]{16}\Z")}
SPLITTING = [
    *(case("http_head.hpp", f"Request-Id: {value.decode('latin-1')[:20]!r}",
           post(b"Request-Id: " + value), ok(fields=MADE_UP))
      for value in (SPLIT, b"%0d%0a%0d%0aHTTP/1.1 200 OK", b"a%20b", b"%41", b"\xc4\x8d\xc4\x8a",
                    b"a\tb", b"a b", b"x" * 129, b"<script>")),
    case("http_head.hpp", "two Request-Ids are none", post(b"Request-Id: a", b"Request-Id: b"),
         ok(fields=MADE_UP)),
    case("RFC 9110 5.5", "an action with CR LF", post(target=b"/transform/" + SPLIT),
         problem(404, "unknown-action")),
    *(case("RFC 9110 5.5", f"a {name.decode()} with CR LF",
           post(target=UPPERCASE + b"?" + name + b"=" + SPLIT), problem(400, slug))
      for name, slug in ((b"netid", "invalid-netid"), (b"timeout", "invalid-parameter"),
                         (b"broker", "invalid-parameter"))),
    case("RFC 9110 5.5", "a path with CR LF", get(b"/" + SPLIT), NOT_FOUND),
    case("RFC 9110 5.5", "a text that is an answer", post(body=b"http/1.1 200 ok\r\n\r\n"),
         ok(b"HTTP/1.1 200 OK\r\n\r\n")),
]

TABLES = {
    "request line": REQUEST_LINE, "target": TARGET, "host": HOST, "fields": FIELDS,
    "length": LENGTH, "coding": CODING, "chunks": CHUNKS, "expectations": EXPECTATIONS,
    "pipelines": PIPELINES, "half closed": HALF_CLOSED, "persistence": PERSISTENCE,
    "methods": METHODS, "meaning": MEANING, "splitting": SPLITTING,
}

# Every field that an answer of ours may carry: one that the request made up is not among them.
OUR_FIELDS = {"allow", "accept-encoding", "cache-control", "connection", "content-length",
              "content-type", "date", "request-id", "retry-after", "server-timing",
              "www-authenticate", "x-content-type-options"}
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*"
                        rb"([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?[ \t]*\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\t\x20-\x7e]*\Z")


class Received(typing.NamedTuple):
    status: int
    fields: dict  # by their names in lower case
    body: bytes


class Wire:
    """One connection, and the strict reader of what comes on it."""

    def __init__(self, where):
        if isinstance(where, int):
            self.socket = socket.create_connection(("127.0.0.1", where), PATIENCE)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        else:
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(os.fspath(where))
        self._input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        """All of it, unless the other side has heard enough."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.sendall(data)

    def end(self):
        self.socket.shutdown(socket.SHUT_WR)

    def _receive(self):
        """False at the end of the input."""
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            raise AssertionError(f"the connection was reset behind {self._input!r}") from None
        except TimeoutError:
            raise AssertionError(f"no more in {PATIENCE} s than {self._input!r}") from None
        self._input += data
        return bool(data)

    def _take(self, size):
        while len(self._input) < size:
            if not self._receive():
                raise AssertionError(f"the connection ended behind {self._input!r}")
        taken, self._input = self._input[:size], self._input[size:]
        return taken

    def _take_line(self):
        while b"\n" not in self._input:
            if not self._receive():
                raise AssertionError(f"the connection ended behind {self._input!r}")
        line = self._take(self._input.index(b"\n") + 1)
        if not line.endswith(b"\r\n") or b"\r" in line[:-2]:
            raise AssertionError(f"not a line that ends with CRLF: {line!r}")
        return line[:-2]

    def read(self, has_content=True):
        line = self._take_line()
        status = STATUS_LINE.match(line)
        if not status:
            raise AssertionError(f"not a status line: {line!r}")
        fields = {}
        while line := self._take_line():
            field = FIELD_LINE.match(line)
            if not field:
                raise AssertionError(f"not a field: {line!r}")
            name = field.group(1).decode().lower()
            if name in fields:
                raise AssertionError(f"a field that came before: {line!r}")
            fields[name] = (field.group(2) or b"").decode()
        code = int(status.group(1))
        size = int(fields["content-length"]) if has_content and code >= 200 else 0
        return Received(code, fields, self._take(size))

    def is_closed(self):
        """True once the other side has closed; an error when it says anything more."""
        if self._input or self._receive():
            raise AssertionError(f"more than was expected: {self._input!r}")
        return True

    def wait_until_taken(self):
        """Until the other end, of a unix socket, has read all that was sent."""
        deadline = time.monotonic() + PATIENCE
        while struct.unpack("i", fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)))[0]:
            if time.monotonic() > deadline:
                raise AssertionError(f"not read in {PATIENCE} s")
            os.sched_yield()


class Conformance(SystemTest):
    @classmethod
    def share(cls, world: World):
        cls.broker = world.broker()
        cls.daemon = world.daemon(cls.broker)
        cls.responder = world.responder(cls.broker)

    def assert_answer(self, got, wanted):
        self.assertEqual(got.status, wanted.status, got)
        if got.status == 100:
            self.assertEqual(got.fields, {})
            return
        self.assertLessEqual(set(got.fields), OUR_FIELDS)
        for name in ("request-id", "content-length", *(("content-type",) if got.body else ())):
            self.assertTrue(got.fields.get(name), name)
        if wanted.body is not None:
            self.assertEqual(got.body, wanted.body)
        if wanted.slug:
            self.assertEqual(got.fields["content-type"], "application/problem+json")
        if wanted.slug and wanted.has_content:
            told = json.loads(got.body)
            self.assertEqual(told["type"].rpartition("/")[2], wanted.slug, told)
            self.assertEqual(told["status"], got.status)
        self.assertEqual(got.fields.get("connection"), "close" if wanted.closes else
                         "keep-alive" if wanted.stays else None)
        for name, value in wanted.fields.items():
            found = got.fields.get(name.lower())
            if isinstance(value, re.Pattern):
                self.assertRegex(found or "", value, name)
            else:
                self.assertEqual(found, value, name)

    def walk(self, steps, where):
        """Sends and reads as the steps say."""
        with Wire(where) as wire:
            is_closed = False
            for before, step in zip((None, *steps), steps):
                if isinstance(step, bytes):
                    if isinstance(before, bytes):
                        wire.wait_until_taken()
                    wire.send(step)
                elif step is END:
                    wire.end()
                elif step is CLOSED:
                    is_closed = wire.is_closed()
                else:
                    self.assert_answer(wire.read(step.has_content), step)
                    is_closed = step.closes and wire.is_closed()
            if not is_closed:
                wire.send(get(b"/healthz", b"Request-Id: the-next", b"Connection: close"))
                self.assert_answer(wire.read(), ok(
                    b"ok\n", closes=True, fields={"Request-Id": "the-next"}))
                wire.is_closed()

    def check(self, table, where=None):
        where = where or self.daemon.port
        for each in TABLES[table]:
            with self.subTest(table=table, name=each.name, clause=each.clause, steps=[
                    step[:300] if isinstance(step, bytes) else step for step in each.steps]):
                self.walk(each.steps, where)

    def test_every_row_has_a_name_of_its_own(self):
        names = [(table, each.name) for table, rows in TABLES.items() for each in rows]
        self.assertEqual([name for name, count in collections.Counter(names).items() if count > 1],
                         [])

    def test_the_request_line_is_read_to_the_letter(self):
        self.check("request line")

    def test_each_form_of_target_is_taken_or_refused(self):
        self.check("target")

    def test_there_is_one_host_and_it_is_one(self):
        self.check("host")

    def test_field_lines_are_read_to_the_letter(self):
        self.check("fields")

    def test_each_byte_is_taken_or_refused_in_a_field_as_the_grammar_says(self):
        """RFC 9110 5.1 and 5.5."""
        letters = set(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
        in_names = letters | set(ALL_TOKEN_SYMBOLS) | {ord(":")}  # which ends the name
        in_values = {ord("\t"), *range(0x20, 0x7f), *range(0x80, 0x100)}
        for byte in range(256):
            for place, line, good in (("name", b"X%cY: z" % byte, in_names),
                                      ("value", b"X: y%cz" % byte, in_values)):
                with self.subTest(place=place, byte=hex(byte)):
                    wanted = HEALTHY if byte in good else refused()
                    self.walk((get(b"/healthz", line), wanted), self.daemon.socket_path)

    def test_a_content_length_says_how_long_the_content_is_or_the_request_is_refused(self):
        self.check("length")

    def test_the_only_transfer_coding_is_chunked(self):
        self.check("coding")

    def test_chunks_are_read_to_the_letter(self):
        self.check("chunks")

    def test_a_client_that_waits_for_the_word_to_go_on_gets_it_or_its_final_answer(self):
        self.check("expectations", self.daemon.socket_path)

    def test_pipelined_requests_are_answered_in_order_until_one_is_the_last(self):
        self.check("pipelines")

    def test_a_client_that_sends_nothing_more_still_gets_its_answers(self):
        self.check("half closed")

    def test_connections_stay_or_close_as_they_were_told_to(self):
        self.check("persistence")

    def test_methods_get_what_they_may(self):
        self.check("methods")

    def test_fields_mean_what_the_standard_and_the_readme_say(self):
        self.check("meaning")

    def test_nothing_of_a_request_becomes_a_field_of_the_answer(self):
        self.check("splitting")

    def test_head_has_the_fields_of_get(self):
        """RFC 9110 9.3.2."""
        for target in (b"/healthz", b"/readyz", b"/x", UPPERCASE):
            with self.subTest(target=target), Wire(self.daemon.port) as wire:
                wire.send(get(target, b"Request-Id: same") +
                          get(target, b"Request-Id: same", method=b"HEAD"))
                got = wire.read()
                self.assertEqual(wire.read(has_content=False),
                                 got._replace(body=b""))

    def test_the_answers_do_not_depend_on_how_the_bytes_were_cut(self):
        """Two pieces, cut at every byte; the second is sent once the daemon has read the first."""
        streams = {
            "two calls": (post(b"Accept: text/plain") + post(body=b"xyz") + get(),
                          ok(), ok(b"XYZ"), HEALTHY),
            "chunks": (chunked(b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nA: b\r\n\r\n") + get(), ok(),
                       HEALTHY),
            "absolute-form after blank lines": (b"\r\n\r\n" + get(b"http://localhost/healthz"),
                                                HEALTHY),
            "a bad head": (get(b"/healthz", b"Bad : x") + get(), refused()),
            "bad chunks": (chunked(b"3\r\nabcd\r\n") + get(), refused()),
        }
        for name, (stream, *answers) in streams.items():
            for cut in range(1, len(stream)):
                with self.subTest(stream=name, pieces=(stream[:cut], stream[cut:])), \
                        Wire(self.daemon.socket_path) as wire:
                    wire.send(stream[:cut])
                    wire.wait_until_taken()
                    wire.send(stream[cut:])
                    for wanted in answers:
                        self.assert_answer(wire.read(), wanted)
                    wire.end()
                    wire.is_closed()

    def test_a_call_may_come_byte_by_byte(self):
        for stream in (post(), chunked(b"3;x\r\nabc\r\n0\r\nA: b\r\n\r\n")):
            with self.subTest(stream=stream), Wire(self.daemon.socket_path) as wire:
                for byte in stream:
                    wire.send(bytes([byte]))
                    wire.wait_until_taken()
                self.assert_answer(wire.read(), ok())

    @contextlib.contextmanager
    def call_in_flight(self, wire, broker, responder, *after):
        """A call whose request the broker has, and whose responder does not answer before the block
        has ended. `after`: sent behind it."""
        responder_id = broker.wait_for_line(r" as (mqtt-responder-\w+) ").group(1)
        os.kill(responder.pid, signal.SIGSTOP)
        try:
            sent = rf"Sending PUBLISH to {responder_id} .*alice/uppercase/request"
            before = sum(bool(re.search(sent, line)) for line in broker.lines)
            wire.send(post() + b"".join(after))
            broker.wait_for_line(sent, before + 1)
            yield
        finally:
            os.kill(responder.pid, signal.SIGCONT)

    def test_a_client_that_sends_nothing_more_while_its_call_waits_gets_its_answer(self):
        """RFC 9112 9.6."""
        for where in (self.daemon.port, self.daemon.socket_path):
            with self.subTest(where=where), Wire(where) as wire:
                with self.call_in_flight(wire, self.broker, self.responder, get()):
                    wire.end()
                self.assert_answer(wire.read(), ok())
                self.assert_answer(wire.read(), HEALTHY)
                wire.is_closed()

    def test_an_answer_while_the_daemon_stops_says_that_the_connection_closes(self):
        """RFC 9112 9.6."""
        broker = self.world.broker()
        daemon = self.world.daemon(broker)
        responder = self.world.responder(broker)
        with Wire(daemon.port) as wire:
            with self.call_in_flight(wire, broker, responder):
                daemon.ask_to_stop()
                eventually(lambda: not self.listens(daemon), "the daemon does not listen")
            got = wire.read()
            wire.is_closed()
        self.assert_answer(got, ok(closes=True))

    @staticmethod
    def listens(daemon):
        with socket.socket() as knocking:
            return knocking.connect_ex(("127.0.0.1", daemon.port)) == 0

    def test_a_client_that_keeps_sending_still_reads_why_it_was_refused(self):
        """RFC 9112 9.6: whatever it sends on, no reset takes the answer away."""
        requests = {
            "too much": (framed(b"Content-Length: 16777216", body=b"a" * 16777216),
                         refused(413, "payload-too-large")),
            "too much in chunks": (chunked(b"200000\r\n" + b"a" * 0x200000),
                                   refused(413, "payload-too-large")),
            "a stranger": (framed(b"Content-Length: 1048576", b"Origin: http://evil.example",
                                  body=b"a" * 1048576), refused(403, "forbidden-origin")),
            "no head": (b"\0" * 1048576, refused()),
        }
        for name, (request, wanted) in requests.items():
            for where in (self.daemon.port, self.daemon.socket_path):
                with self.subTest(name=name, where=where), Wire(where) as wire:
                    wire.send(request)
                    self.assert_answer(wire.read(), wanted)

    def test_a_text_of_the_largest_size_is_taken_with_a_length_and_in_chunks(self):
        text = b"a" * (1024 * 1024)
        for request in (post(body=text), chunked(b"100000\r\n" + text + b"\r\n0\r\n\r\n")):
            self.walk((request, ok(text.upper())), self.daemon.port)


if __name__ == "__main__":
    unittest.main()
