"""The body of a Gemini generateContent request, and the rules that the real service holds to it.
It refuses every name that it does not know, so clients that pass a whole JSON Schema fail here."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue
from pydantic.alias_generators import to_camel

from tests.provider.exchange import JsonObject
from tests.provider.gemini_schema import check_schema
from tests.provider.strictness import schema_complaint
from tests.provider.wire import BadRequestError

FUNCTION_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}")


def both(name: str) -> AliasChoices:
    # The service reads protobuf's JSON, in which a field has two spellings.
    return AliasChoices(to_camel(name), name)


def _upper(value: JsonValue) -> JsonValue:
    return value.upper() if isinstance(value, str) else value


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FunctionCall(Part):
    name: str
    args: JsonObject = Field(default_factory=dict)
    id: str | None = None


class FunctionResponse(Part):
    name: str
    response: JsonObject
    id: str | None = None


class ContentPart(Part):
    text: str | None = None
    function_call: FunctionCall | None = Field(None, validation_alias=both("function_call"))
    function_response: FunctionResponse | None = Field(
        None, validation_alias=both("function_response")
    )
    thought: bool | None = None
    thought_signature: str | None = Field(None, validation_alias=both("thought_signature"))


class Content(Part):
    role: Literal["user", "model"] | None = None
    parts: list[ContentPart] = Field(default_factory=list)

    @property
    def calls(self) -> list[FunctionCall]:
        return [part.function_call for part in self.parts if part.function_call]

    @property
    def responses(self) -> list[FunctionResponse]:
        return [part.function_response for part in self.parts if part.function_response]

    @property
    def text(self) -> str:
        return "\n".join(part.text for part in self.parts if part.text and not part.thought)


class Declaration(Part):
    name: str
    description: str = ""
    parameters: JsonObject | None = None
    parameters_json_schema: JsonObject | None = Field(
        None, validation_alias=both("parameters_json_schema")
    )

    @property
    def form(self) -> JsonObject:
        none: JsonObject = {"type": "object", "properties": {}}
        return self.parameters or self.parameters_json_schema or none


class OfferedTool(Part):
    function_declarations: list[Declaration] = Field(
        default_factory=list, validation_alias=both("function_declarations")
    )


class CallingConfig(Part):
    mode: Annotated[Literal["AUTO", "ANY", "NONE", "VALIDATED"], BeforeValidator(_upper)] = "AUTO"
    allowed: list[str] | None = Field(None, validation_alias=both("allowed_function_names"))


class ToolConfig(Part):
    calling: CallingConfig | None = Field(None, validation_alias=both("function_calling_config"))


class ThinkingConfig(Part):
    include_thoughts: bool | None = Field(None, validation_alias=both("include_thoughts"))
    thinking_budget: int | None = Field(None, validation_alias=both("thinking_budget"))
    thinking_level: str | None = Field(None, validation_alias=both("thinking_level"))


class GenerationConfig(Part):
    temperature: float | None = Field(None, ge=0, le=2)
    max_output_tokens: int | None = Field(None, ge=1, validation_alias=both("max_output_tokens"))
    top_p: float | None = Field(None, ge=0, le=1, validation_alias=both("top_p"))
    seed: int | None = None
    candidate_count: Literal[1] | None = Field(None, validation_alias=both("candidate_count"))
    stop_sequences: list[str] | None = Field(None, validation_alias=both("stop_sequences"))
    mime: Literal["text/plain", "application/json"] | None = Field(
        None, validation_alias=both("response_mime_type")
    )
    response_schema: JsonObject | None = Field(None, validation_alias=both("response_schema"))
    response_json_schema: JsonObject | None = Field(
        None, validation_alias=both("response_json_schema")
    )
    thinking: ThinkingConfig | None = Field(None, validation_alias=both("thinking_config"))

    @property
    def schema_of_answer(self) -> JsonObject | None:
        return self.response_schema or self.response_json_schema


class GenerateRequest(Part):
    contents: list[Content] = Field(min_length=1)
    system: Content | None = Field(None, validation_alias=both("system_instruction"))
    tools: list[OfferedTool] | None = None
    tool_config: ToolConfig | None = Field(None, validation_alias=both("tool_config"))
    config: GenerationConfig = Field(
        default_factory=lambda: GenerationConfig.model_validate({}),
        validation_alias=both("generation_config"),
    )
    safety: list[JsonObject] | None = Field(None, validation_alias=both("safety_settings"))

    @property
    def declarations(self) -> list[Declaration]:
        return [one for tool in self.tools or [] for one in tool.function_declarations]

    @property
    def calling(self) -> CallingConfig:
        return (self.tool_config and self.tool_config.calling) or CallingConfig.model_validate({})


def check(request: GenerateRequest, *, signed: bool) -> None:
    """`signed`: the model wants its thought signatures back.

    Raises: BadRequestError, in the words of the real service where they are known.
    """
    _check_tools(request)
    _check_format(request.config)
    for place, content in enumerate(request.contents):
        _check_parts(f"contents[{place}]", content)
    _check_turns(request.contents)
    if signed:
        _check_signatures(request.contents)


def _check_tools(request: GenerateRequest) -> None:
    names = [one.name for one in request.declarations]
    for place, one in enumerate(request.declarations):
        at = f"tools[0].function_declarations[{place}]"
        if not FUNCTION_NAME.fullmatch(one.name):
            raise BadRequestError(
                f"Invalid function name at '{at}.name'. Must start with a letter or an underscore."
                " Must be alphanumeric (a-z, A-Z, 0-9), underscores (_), dots (.), colons (:), or"
                " dashes (-), with a maximum length of 64."
            )
        if one.parameters is not None:
            check_schema(f"{at}.parameters", one.parameters)
        if wrong := schema_complaint(one.form):
            raise BadRequestError(f"* GenerateContentRequest.{at}.parameters: {wrong}")
    for name in names:
        if names.count(name) > 1:
            raise BadRequestError(f"Duplicate function declaration found: {name}")
    _check_calling(request.calling, names)


def _check_calling(calling: CallingConfig, names: list[str]) -> None:
    if calling.mode == "ANY" and not names:
        raise BadRequestError("Function calling config is set without function_declarations.")
    if calling.allowed and calling.mode not in ("ANY", "VALIDATED"):
        raise BadRequestError(
            "allowed_function_names should be set only when function calling mode is ANY."
        )
    for name in calling.allowed or ():
        if name not in names:
            raise BadRequestError(f"allowed_function_names: unknown function {name!r}.")


def _check_format(config: GenerationConfig) -> None:
    if config.schema_of_answer is None:
        return
    if config.mime != "application/json":
        raise BadRequestError(
            "Response schema is only supported with a response mime type: 'application/json'."
        )
    if config.response_schema is not None:
        check_schema("generation_config.response_schema", config.response_schema)
    if wrong := schema_complaint(config.schema_of_answer):
        raise BadRequestError(f"* GenerateContentRequest.generation_config: {wrong}")


def _check_parts(at: str, content: Content) -> None:
    if not content.parts:
        raise BadRequestError(f"* GenerateContentRequest.{at}.parts: contents.parts is required.")
    for place, part in enumerate(content.parts):
        held = (part.text is not None, part.function_call, part.function_response)
        if sum(map(bool, held)) != 1:
            raise BadRequestError(
                f"* GenerateContentRequest.{at}.parts[{place}].data: required oneof field 'data'"
                " must have one initialized field"
            )


def _check_turns(contents: list[Content]) -> None:
    """Calls are answered in the very next turn, one response for each, and nothing else is."""
    asked: list[FunctionCall] = []
    for content in contents:
        calls, responses = content.calls, content.responses
        if len(responses) != len(asked):
            raise BadRequestError(
                "Please ensure that the number of function response parts is equal to the number of"
                " function call parts of the function call turn."
            )
        if sorted(_named(one) for one in responses) != sorted(_named(one) for one in asked):
            raise BadRequestError("Function responses do not match the function calls.")
        if calls and content.role != "model":
            raise BadRequestError("Function calls are only allowed in a turn of role 'model'.")
        asked = calls
    if contents[-1].role == "model":
        raise BadRequestError(
            "Please ensure that single turn requests end with a user role or the role field is"
            " empty."
        )


def _named(one: FunctionCall | FunctionResponse) -> tuple[str, str]:
    return one.name, one.id or ""


def _check_signatures(contents: list[Content]) -> None:
    for place, content in enumerate(contents):
        calls = [part for part in content.parts if part.function_call]
        if calls and not calls[0].thought_signature:
            raise BadRequestError(
                "Function call is missing a thought_signature in functionCall parts. Function call"
                f" `default_api:{content.calls[0].name}`, position {place + 1}."
            )
