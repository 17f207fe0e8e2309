"""What the API says of itself: an OpenAPI document that is exact, because a program was made from it.

ninja writes most of it; here is what it cannot know: that errors are problem documents, which bodies our own readers
take, and who may ask for what.
"""

from collections.abc import Sequence
from enum import Enum
from typing import Any

import msgspec
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from housecount.api.access import OFFICE, Access
from housecount.api.schema import ProblemOut
from housecount.tenancy.identity import Role

Json = dict[str, Any]
_PROBLEM = "#/components/schemas/ProblemOut"
_ALWAYS = (401, 403, 406, 429)
_READ = (404, 422)
_WRITTEN = (404, 409, 413, 415, 422)
_IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Of your own making: the same request sent again with the same key within 24 hours is done once "
    "and gets the same answer; another request with the same key is refused with 422.",
    "schema": {"type": "string", "maxLength": 100, "pattern": "^[ -~]*$"},
}
_SECURITY = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token, made under Settings or by `housecount token create`. Its scopes are named "
        "beside each address.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "housecount",
        "description": "The session of the site. A change then needs its CSRF token in the header X-CSRFToken.",
    },
}


def reads(
    answer: Any,
    *,
    name: str,
    summary: str,
    scope: str | None,
    roles: tuple[Role, ...] = OFFICE,
    kind: str = "",
    more: tuple[int, ...] = (),
) -> Json:
    """What a reading operation of a router is told: its answer, and who may ask.

    `answer` is a ninja schema, or one of our own records, which `HousecountAPI` is told as one of its outputs. `kind`:
    the content type of what is not JSON. `more`: how else it may be refused.
    """
    extra = _extra(scope)
    told: Any = answer
    if kind or (isinstance(answer, type) and issubclass(answer, msgspec.Struct)):
        told = None
        schema = {"type": "string", "format": "binary"} if kind else one(answer.__name__)
        extra["responses"] = {200: {"content": {kind or "application/json": {"schema": schema}}}}
    return {
        "auth": Access(scope, roles),
        "response": {200: told, 304: None} | dict.fromkeys((*_ALWAYS, *_READ, *more), ProblemOut),
        "operation_id": name,
        "summary": summary,
        "by_alias": True,
        "openapi_extra": extra,
    }


def writes(
    answer: Any,
    *,
    name: str,
    summary: str,
    scope: str | None,
    roles: tuple[Role, ...] = OFFICE,
    status: int = 200,
    body: Json | None = None,
    body_needed: bool = True,
) -> Json:
    """What a writing operation is told. `body`: the schema of a body that the operation reads by itself."""
    extra = _extra(scope) | {"parameters": [_IDEMPOTENCY]}
    if body is not None:
        extra["requestBody"] = {"required": body_needed, "content": {"application/json": {"schema": body}}}
    return {
        "auth": Access(scope, roles),
        "response": {status: answer} | dict.fromkeys((*_ALWAYS, *_WRITTEN), ProblemOut),
        "operation_id": name,
        "summary": summary,
        "by_alias": True,
        "openapi_extra": extra,
    }


def _extra(scope: str | None) -> Json:
    scopes = [] if scope is None else [scope]
    return {"security": [{"token": scopes}, {"session": []}]}


class HousecountAPI(NinjaAPI):
    """The API, with its whole description."""

    def __init__(self, *, inputs: Sequence[type], outputs: Sequence[type], **options: Any) -> None:
        """`inputs`: what our readers take; `outputs`: our own records that are answered with."""
        super().__init__(**options)
        self._inputs, self._outputs = inputs, outputs
        self._described: OpenAPISchema | None = None

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The document, as a mapping; made once."""
        if self._described is None:
            self._described = self._describe(path_prefix, path_params)
        return self._described

    def _describe(self, path_prefix: str | None, path_params: dict[str, Any] | None) -> OpenAPISchema:
        document = super().get_openapi_schema(path_prefix=path_prefix, path_params=path_params)
        components = document["components"]
        components["schemas"].update(given(self._inputs) | records(self._outputs))
        components["securitySchemes"] = _SECURITY
        for operations in document["paths"].values():
            for operation in operations.values():
                for answer in operation["responses"].values():
                    _say_problem(answer)
        return document


def _say_problem(answer: Json) -> None:
    content = answer.get("content", {})
    if content.get("application/json", {}).get("schema", {}).get("$ref") == _PROBLEM:
        content["application/problem+json"] = content.pop("application/json")


def records(kinds: Sequence[type]) -> dict[str, Json]:
    """The schemas of our own records, by name, with all that they are made of."""
    _, found = msgspec.json.schema_components(
        kinds, schema_hook=_choices, ref_template="#/components/schemas/{name}"
    )
    return found


def _choices(kind: type) -> Json:
    """Django's choices, which msgspec reads and does not describe."""
    if issubclass(kind, Enum):
        return {"enum": sorted(each.value for each in kind)}
    raise NotImplementedError(kind)


def given(inputs: Sequence[type]) -> dict[str, Json]:
    """The schemas of what our readers take; and of each the change, `…Change`, in which nothing is needed."""
    found = records(inputs)
    for kind in inputs:
        change = {key: value for key, value in found[kind.__name__].items() if key != "required"}
        found[f"{kind.__name__.removesuffix('Input')}Change"] = change
    return found


def one(name: str) -> Json:
    """One object of the schema called `name`."""
    return {"$ref": f"#/components/schemas/{name}"}


def one_or_several(name: str, most: int) -> Json:
    """One of them, or a list."""
    return {"anyOf": [one(name), {"type": "array", "items": one(name), "minItems": 1, "maxItems": most}]}


def fields(**properties: Json) -> Json:
    """An object of these fields and no others; those with `"needed": True` must be there."""
    needed = [name for name, each in properties.items() if each.get("needed")]
    told = {
        name: {key: value for key, value in each.items() if key != "needed"}
        for name, each in properties.items()
    }
    document: Json = {"type": "object", "properties": told, "additionalProperties": False}
    if needed:
        document["required"] = needed
    return document


UUID_FIELD: Json = {"type": "string", "format": "uuid"}
NEEDED_UUID: Json = UUID_FIELD | {"needed": True}
