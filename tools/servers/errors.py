"""What can go wrong in a bundled server, split by who can correct it.

Every error names the field, the value and the remedy, because its text is all that a model or an
operator gets to see.

    ServerError
    ├── BadArgument   the caller corrects the call
    └── BadSetup      the operator corrects the environment or a file
"""

from pydantic import ValidationError

_SHOWN = 120


def shown(value: object) -> str:
    """`value` as it appears in a message: quoted if text, cut after 120 characters."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text)} characters)"


class ServerError(Exception):
    """Base of the errors whose text may be shown as it stands."""

    def __init__(self, field: str, value: object, problem: str, remedy: str) -> None:
        super().__init__(f"{field} = {shown(value)}: {problem}. {remedy}.")
        self.field = field
        self.value = value
        self.problem = problem
        self.remedy = remedy


class BadArgument(ServerError):
    """An argument of a tool call cannot be accepted; the caller may call again."""


class BadSetup(ServerError):
    """An environment variable, a file or a folder must be put right by the operator."""


def invalid_arguments(error: ValidationError, meanings: dict[str, str]) -> str:
    """One line per refused argument: name, value, problem, and what the argument means."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else "arguments"
        where = ".".join(str(part) for part in problem["loc"]) or "arguments"
        meaning = meanings.get(name, "See the tool's input schema.")
        reason = problem["msg"][:1].lower() + problem["msg"][1:]
        if problem["type"] == "missing":
            lines.append(f"{where} is missing. Expected: {meaning}")
        else:
            lines.append(f"{where} = {shown(problem['input'])}: {reason}. Expected: {meaning}")
    return "\n".join(lines)
