"""The document at /openapi.json, as something that judges answers."""

import json
import re

import jsonschema

from harness import Caller

METHODS = ("get", "head", "post", "put", "patch", "delete", "options", "trace")


def closed(schema):
    """The same, and an object has no members but those that are described."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    strict = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "object" in schema.get("type", ""):
        strict["additionalProperties"] = False
    return strict


class Operation:
    def __init__(self, method, path, item, operation):
        self.method = method.upper()
        self.path = path
        self.operation = operation
        self.parameters = [*item.get("parameters", []), *operation["parameters"]]
        self.responses = operation["responses"]

    def __repr__(self):
        return f"{self.method} {self.path}"

    def named(self, place):
        """Its parameters that are `path`, `query` or `header`, by name."""
        return {each["name"]: each for each in self.parameters if each["in"] == place}

    def target(self, **values):
        """A path that is its own; of a value that is not given, the first that is allowed."""
        def value(match):
            schema = self.named("path")[match.group(1)]["schema"]
            example = self.named("path")[match.group(1)].get("example", "lamp")
            return values.get(match.group(1)) or schema.get("enum", [example])[0]
        return re.sub(r"{([^}]+)}", value, self.path)

    def check(self, answer):
        """An answer that is not as it is described is an AssertionError."""
        described = self.responses.get(str(answer.status), self.responses.get("default"))
        assert described, f"{self}: {answer} is not among {sorted(self.responses)}"
        for name, header in described.get("headers", {}).items():
            assert name in answer.headers or not header.get("required"), f"{self}: no {name}"
            if name in answer.headers:
                value = answer.headers[name]
                is_number = header["schema"]["type"] == "integer"
                jsonschema.validate(int(value) if is_number else value, header["schema"])
        content = described.get("content", {})
        media_type = answer.headers.get_content_type() if "Content-Type" in answer.headers else ""
        if not content:
            assert not media_type and not answer.body, f"{self}: {answer}"
            return
        if answer.status == 202 and "Location" not in answer.headers:
            assert not media_type and not answer.body, f"{self}: {answer}"
            return  # it asked for no answer, so that there is nowhere to ask for one
        of_type = content.get(media_type, content.get("*/*"))
        assert of_type is not None, f"{self}: {media_type} is not among {sorted(content)}"
        if self.method == "HEAD":
            assert not answer.body, f"{self}: {answer}"
        elif "schema" in of_type:
            is_json = media_type.endswith("json")
            body = json.loads(answer.body) if is_json else answer.text
            validator(of_type["schema"]).validate(body)


def validator(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(closed(schema))


class Document:
    def __init__(self, text):
        self.text = text
        self.raw = json.loads(text)
        self.operations = [
            Operation(method, path, item, item[method])
            for path, item in self._resolved(self.raw["paths"]).items()
            for method in METHODS if method in item]

    @classmethod
    def of(cls, daemon, headers=None):
        with Caller(daemon.port) as caller:
            answer = caller.get("/openapi.json", headers)
        assert answer.status == 200, answer
        return cls(answer.text)

    def _resolved(self, node):
        if isinstance(node, list):
            return [self._resolved(each) for each in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            target = self.raw
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            return self._resolved(target)
        return {name: self._resolved(value) for name, value in node.items()}

    def schema(self, name):
        return self._resolved(self.raw["components"]["schemas"][name])

    def operation(self, method, path):
        return next(each for each in self.operations
                    if (each.method, each.path) == (method, path))
