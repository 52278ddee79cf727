"""Routes and their slots, read from the description that the server gives of itself; good requests made of it."""
import itertools
import re

BODIES = ("post", "put", "patch")
_numbers = itertools.count(1)


class Route:
    """One operation: what it takes, resolved."""

    def __init__(self, document, path, method, about):
        self.path, self.method = path, method.upper()
        self.is_agents = "servers" in about
        self.is_public = not about["security"]
        self.parameters = [resolve(document, row) for row in about.get("parameters", [])]
        media = about.get("requestBody", {}).get("content", {})
        self.media = next(iter(media), None)
        self.body = expand(document, media[self.media]["schema"]) if self.media else None

    def __str__(self):
        return f"{self.method} {self.path}"

    def of(self, place):
        return [(row["name"], row.get("schema", {})) for row in self.parameters if row["in"] == place]

    def parts(self):
        return re.findall(r"\{([^}]*)\}", self.path)


def resolve(document, value):
    while "$ref" in value:
        target = document
        for part in value["$ref"].lstrip("#/").split("/"):
            target = target[part]
        value = target
    return value


def expand(document, schema, depth=0):
    schema = resolve(document, schema)
    if depth > 6:
        return schema
    schema = dict(schema)
    if "properties" in schema:
        schema["properties"] = {name: expand(document, row, depth + 1) for name, row in schema["properties"].items()}
    if "items" in schema:
        schema["items"] = expand(document, schema["items"], depth + 1)
    return schema


def routes(document):
    return [Route(document, path, method, about) for path, methods in document["paths"].items() for method, about in methods.items()]


# Plugins that are always there.
TYPES = {"targets": "nginx", "notifiers": "webhook", "issuers": "local-ca"}

# What a name says that its type does not.
BY_NAME = {
    "sans": ["matrix.example.com"], "common_name": "matrix.example.com", "email": "matrix@example.com", "reason": "superseded",
    "cidr": "192.0.2.0/24", "role": "viewer", "roles": ["viewer"],
}


# Not required each, but one of several is.
NEEDED = ("agent_ids",)


def sample(schema, name, known):
    """A good value.  `known`: kind -> an id that is there."""
    kind, given = schema.get("x-certctl-type", ""), schema.get("type")
    types = [given] if isinstance(given, str) else given or []
    if name in BY_NAME and (isinstance(BY_NAME[name], list) == ("array" in types)):
        return BY_NAME[name]
    if schema.get("enum"):
        return schema["enum"][0]
    if "default" in schema and schema["default"] is not None:
        return schema["default"]
    if kind == "reference" and name != "id":
        return known.get(schema.get("x-certctl-refers-to"), "none")
    if kind in ("url", "email", "host", "path", "time", "duration", "size"):
        return {"url": "https://192.0.2.1/", "email": "matrix@example.com", "host": "matrix.example.com", "path": "/var/lib/matrix",
                "time": "2030-01-01T00:00:00Z", "duration": "1h", "size": "1KiB"}[kind]
    if "integer" in types:
        return max(schema.get("minimum", 1), 1)
    if "boolean" in types:
        return False
    if "array" in types:
        return [sample(schema.get("items", {}), name, known)] if schema.get("minItems") or name in NEEDED else []
    if "object" in types:
        return sample_body(schema, known)
    return f"matrix-{next(_numbers)}"


def sample_body(schema, known):
    properties = schema.get("properties", {})
    names = schema.get("required", []) + [name for name in NEEDED if name in properties]
    return {name: sample(properties[name], name, known) for name in names if name in properties}
