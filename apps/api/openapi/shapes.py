"""The parts that operations are made of: objects, answers, errors, headers."""

from typing import Any

from apps.core.envelopes import ERROR_KINDS

Schema = dict[str, Any]


def reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def json_answer(description: str, schema: str, *, headers: Schema | None = None) -> Schema:
    return {
        "description": description,
        "headers": headers or {},
        "content": {"application/json": {"schema": reference(schema)}},
    }


def obj(properties: Schema, *, required: tuple[str, ...] | None = None, **more: Any) -> Schema:
    """An object of which all properties are required, unless said otherwise."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties if required is None else required),
        **more,
    }


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def text(description: str = "", **more: Any) -> Schema:
    return {"type": "string", **({"description": description} if description else {}), **more}


def integer(description: str = "", **more: Any) -> Schema:
    return {"type": "integer", **({"description": description} if description else {}), **more}


def array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


ANY_OBJECT: Schema = {"type": "object", "additionalProperties": True}
POINTS = integer("Points: 10,000,000 are one US dollar.", minimum=0)
DECIMAL = text("An exact decimal number.", pattern=r"^-?[0-9]+(\.[0-9]+)?$")
TIME = text("RFC 3339 in UTC; the year 1 means not yet.", format="date-time")
BOOLEAN: Schema = {"type": "boolean"}


def envelope(data: Schema) -> Schema:
    return obj({"code": {"const": 200}, "data": data, "message": {"const": "success"}})


def error_schema(status: int) -> Schema:
    """The error envelope of one HTTP status, with the types that come with it."""
    kinds = error_kinds(status)
    return obj(
        {
            "code": {"const": status},
            "message": text("What went wrong, for people."),
            "data": {"type": "null"},
            "error": obj(
                {
                    "code": {"enum": sorted({kind.code for kind in kinds})},
                    "type": {"enum": sorted({kind.type for kind in kinds})},
                    "message": text(),
                    "detail": nullable(ANY_OBJECT),
                    "request_id": text("Also in the header `X-Request-Id`."),
                }
            ),
        }
    )


def error_kinds(status: int) -> list[Any]:
    found = [kind for kind in ERROR_KINDS.values() if kind.http == status]
    # An outage of the database is our fault too, but one that passes.
    return [*found, ERROR_KINDS["internal_error"]] if status == 503 else found


ERROR_TITLES = {
    400: "The request is not valid.",
    401: "The API key is missing, unknown, expired or revoked.",
    402: "Not enough credits, or a spend limit of the key is reached. Nothing was created.",
    403: "The plan, the key's scopes or its address list do not allow this.",
    404: "There is no such thing, or it belongs to another workspace.",
    409: "The state of the task, or an earlier use of the Idempotency-Key, forbids this.",
    413: "The body is too large.",
    429: "Too many requests; `Retry-After` says when to try again.",
    500: "A fault on our side. Quote the request id when you report it.",
    503: "Nobody can serve this now. Nothing was created or charged.",
}


def error_response(status: int, *, schema: str = "Error") -> Schema:
    kinds = ", ".join(f"`{kind.type}` ({kind.code})" for kind in error_kinds(status))
    headers: Schema = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status in (429, 503):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    described = f"{ERROR_TITLES[status]} Types: {kinds}."
    return json_answer(described, f"{schema}{status}", headers=headers)


def header(description: str, schema: Schema, *, required: bool = True) -> Schema:
    return {"description": description, "required": required, "schema": schema}


HEADERS = {
    "X-Request-Id": header("The id of this request, also in our logs.", text()),
    "RateLimit-Limit": header("Requests a minute.", integer(minimum=1)),
    "RateLimit-Remaining": header("What is left of them in this minute.", integer(minimum=0)),
    "RateLimit-Reset": header("Seconds until the minute is over.", integer(minimum=1)),
    "Retry-After": header("Seconds to wait.", integer(minimum=1), required=False),
}
SECURITY_SCHEMES = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
    "bearer": {"type": "http", "scheme": "bearer", "description": "The same key."},
}
