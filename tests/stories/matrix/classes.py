"""The 24 classes of bad input: what each puts where, and where it is bad.

REFUSED: must be answered 4xx.  DATA: text that is text; it may be refused, or be taken and come back as it was sent."""
import gzip
import itertools
import json

from lib.story import IS_LONG

REFUSED, DATA = "refused", "data"

# One value of a class at each place, another one at the next; all of them everywhere when there is time.
_turns = itertools.count()


def some(values):
    return values if IS_LONG else [values[next(_turns) % len(values)]]


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


TRAVERSALS = ["../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2fetc%2fpasswd", "%252e%252e%252fetc%252fpasswd",
              "..\\..\\etc\\passwd", "\uff0e\uff0e\uff0fetc\uff0fpasswd"]

# Class -> texts.  What a text member without a form of its own makes of them stands in FREE_TEXT.
TEXTS = {
    "NUL": ["a\0b"],
    "bidi": ["a\u202egnp.exe", "\u2066a\u2069"],
    "look-alike names": ["\u0430dmin", "\u0435xample.com", "exam\u200bple.com"],
    "traversal": TRAVERSALS,
    "CR/LF": ["a\r\nX-Injected: yes", "a\nb"],
    "SQL and shell": ["'; DROP TABLE jobs; --", "\" OR 1=1", "$(touch /tmp/x)", "`id`|id;id&&id", "%s%n$1"],
    "CSV formulae": ["=1+1", "@SUM(1)", "-2+3", "+2"],
    "HTML": ["<script>alert(1)</script>", "\"><img src=x onerror=y>"],
    "very long": ["A" * 60000],
    "empty": [""],
    "negative": ["-1"],
    "NaN": ["NaN"],
    "huge integers": ["99999999999999999999"],
    "far dates": ["0000-00-00T00:00:00Z", "99999-01-01T00:00:00Z", "2026-13-45T99:99:99Z", "1-1-1"],
}
FREE_TEXT = {name: DATA for name in TEXTS}
FREE_TEXT.update({"NUL": REFUSED, "CR/LF": REFUSED, "very long": REFUSED})

# What a type may well take; everything else of TEXTS is bad for it.
TAKEN = {
    "text": FREE_TEXT,
    "path": {**FREE_TEXT, "empty": REFUSED},
    "secret": {**FREE_TEXT, "CR/LF": DATA, "very long": DATA},
    "duration": {"negative": REFUSED},
    "enum": {}, "time": {}, "url": {}, "email": {}, "host": {}, "size": {},
    "integer": {}, "boolean": {}, "list": {}, "object": {}, "reference": {},
}

# References that may name what is not there yet: (route, member).
NOT_THERE_YET = {("POST /api/v1/enrollment-tokens", "agent_id")}
# What selects, and may select nothing.
SELECTS = "/bulk-"

# Bits of JSON that no text is.
VALUES = {
    "huge integers": ["99999999999999999999", "-99999999999999999999", "1e400", "9223372036854775808"],
    "NaN": ["NaN", "Infinity", "-Infinity"],
}

WRONG_TYPES = {  # JSON type -> values that have it
    "string": ["a text"], "integer": [7], "number": [1.5], "boolean": [True], "array": [[], [{}]], "object": [{}, {"a": 1}],
}


def texts_for(schema):
    """(class, text, verdict) for a string member of this schema."""
    kind = schema.get("x-certctl-type", "text")
    taken = TAKEN.get(kind, {})
    longest = schema.get("maxLength")
    for name, texts in TEXTS.items():
        for text in some(texts):
            verdict = taken.get(name, REFUSED)
            if name == "empty" and kind == "text":
                verdict = REFUSED if schema.get("minLength") else DATA
            if name == "very long" and kind == "text":
                text = "A" * (longest + 1 if longest else 60000)
                verdict = REFUSED if longest else DATA
            # Everything a text block is made of has line ends; what it means is for its route to say.
            if name == "CR/LF" and kind == "text" and "pattern" not in schema and (longest or 0) > 4096:
                verdict = DATA
            yield name, text, verdict


def integers_for(schema):
    low, high = schema.get("minimum"), schema.get("maximum")
    yield "huge integers", 10 ** 30, REFUSED
    yield "huge integers", 2 ** 63, REFUSED
    if low is not None:
        yield "negative", min(low, 0) - 1, REFUSED
    if high is not None:
        yield "huge integers", high + 1, REFUSED


def json_types(schema):
    given = schema.get("type", ["object"] if "properties" in schema else [])
    return set([given] if isinstance(given, str) else given)


def members_for(schema):
    """(class, value, verdict) for one member of a body."""
    types = json_types(schema)
    if "string" in types:
        yield from texts_for(schema)
    if "integer" in types:
        yield from integers_for(schema)
    wrong = [value for name, values in WRONG_TYPES.items() for value in values
             if types and name not in types and not (name == "integer" and "number" in types)]
    for value in some(wrong) if wrong else []:
        yield "wrong type", value, REFUSED
    yield "depth", nested(40), REFUSED
    if "array" in types and "items" in schema and json_types(schema["items"]):
        for name, value, verdict in members_for(schema["items"]):
            yield name, [value], verdict
        if "maxItems" in schema and schema["maxItems"] <= 1000:
            yield "size", [None] * (schema["maxItems"] + 1), REFUSED


BOMB = gzip.compress(b'{"name":"' + b"a" * 10_000_000 + b'"}', 9)


def documents(body, media, is_required):
    """(class, octets, headers) of whole bodies, made of a good one; each must be refused."""
    good = json.dumps(body).encode()
    name = next(iter(body), "name")
    plain = {"Content-Type": media}

    def with_member(text):
        rest = {key: value for key, value in body.items() if key != name}
        return b"{" + json.dumps(name).encode() + b":" + text + (b"," + json.dumps(rest).encode()[1:] if rest else b"}")
    yield "depth", b"[" * 20000 + b"]" * 20000, plain
    yield "depth", b'{"a":' * 33 + b"1" + b"}" * 33, plain
    yield "size", b"", {**plain, "Content-Length": "1073741824"}
    yield "size", b"[" + b"1," * 20000 + b"1]", plain
    yield "duplicate keys", good[:-1] + (b"," if body else b"") + json.dumps({name: body.get(name, 1)}).encode()[1:-1] * 1 + b","\
        + json.dumps({name: body.get(name, 1)}).encode()[1:], plain
    for class_name, texts in VALUES.items():
        for text in texts:
            yield class_name, with_member(text.encode()), plain
    yield "NUL", good + b"\0", plain
    yield "NUL", with_member(b'"a\0b"'), plain
    yield "NUL", with_member(b'"a\\u0000b"'), plain
    for octets in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xe2\x82", b"\\ud800"):
        yield "bad UTF-8", with_member(b'"a' + octets + b'b"'), plain
    if is_required:
        yield "empty", b"", plain
        yield "empty", b"   ", plain
    yield "wrong type", b"[]", plain
    yield "wrong type", b'"text"', plain
    yield "wrong type", b"null", plain
    yield "wrong type", good + b"{}", plain
    yield "wrong type", good[:-1], plain
    for unknown in ("no_such_member", "__proto__", "$ref", "", "\u202eid", "iD "):
        yield "unknown member", json.dumps({**body, unknown: 1}).encode(), plain
    yield "cyclic references", json.dumps({**body, "$ref": "#"}).encode(), plain
    for wrong in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
                  "application/jsonx", "text/json"):
        yield "wrong content type", good, {"Content-Type": wrong}
    yield "wrong content type", good, {}
    yield "compressed bomb", BOMB, {**plain, "Content-Encoding": "gzip"}
    yield "compressed bomb", gzip.compress(good), {**plain, "Content-Encoding": "gzip"}
    yield "compressed bomb", good, {**plain, "Content-Encoding": "br"}


# Parts of a path, escaped as they are sent.  Nothing of this names anything.
PATH_PARTS = {
    "NUL": ["%00", "a%00b"], "bad UTF-8": ["%ff", "%c0%af", "%ed%a0%80"], "bidi": ["%E2%80%AEa"],
    "look-alike names": ["%D0%B0gent-a", "iss%E2%80%8B-local"],
    "traversal": ["..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "..%5c..%5cetc", "%c0%ae%c0%ae%c0%af", "%ef%bc%8e%ef%bc%8e"],
    "CR/LF": ["a%0d%0aX:%20y", "a%0a"], "SQL and shell": ["'%20OR%20'1'='1", "1;DROP%20TABLE%20jobs", "$(id)", "%60id%60"],
    "CSV formulae": ["=1+1", "@a"], "HTML": ["%3Cscript%3E"], "very long": ["a" * 64, "a" * 4000], "negative": ["-1"],
    "huge integers": ["99999999999999999999"], "NaN": ["NaN"], "empty": ["%20"], "wrong type": ["%7B%7D", "%5B%5D"], "far dates": ["9999-99-99"],
}

# Query parameters, escaped.  BAD_ALWAYS whatever the parameter is; the others where it is no plain text.
QUERY_ALWAYS = {
    "NUL": ["%00", "a%00"], "bad UTF-8": ["%ff", "%c0%af", "%ed%a0%80"], "CR/LF": ["a%0d%0aX:%20y", "%0a"], "very long": ["a" * 9000],
}
QUERY_TEXT = {
    "bidi": ["%E2%80%AEa"], "look-alike names": ["%D0%B0dmin"], "traversal": ["..%2f..%2fetc", "%252e%252e", "..%5c"],
    "SQL and shell": ["'%20OR%201=1--", "$(id)", "%25", "%5c", "_"], "CSV formulae": ["=1%2B1"], "HTML": ["%3Cb%3E"], "empty": [""],
    "wrong type": ["%7B%7D", "[]", "1.5", "0x10", "%201"], "negative": ["-1"], "NaN": ["NaN"], "huge integers": ["99999999999999999999"],
    "far dates": ["0000-00-00", "99999-01-01", "2026-02-30"],
}

AUTHORIZATIONS = ["", "Bearer", "Bearer ", "Basic YWRtaW46YWRtaW4=", "Bearer sk-' OR '1'='1", "Bearer " + "a" * 6000, "Bearer sk-" + "0" * 43,
                  "bearer\tsk-x", "Bearer sk-\xe9"]
