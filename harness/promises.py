"""Whether each task can get what its inputs ask for, by what their sources promise to give."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from harness.fit import Schema, Shape, selected
from harness.meet import apart
from harness.plan import REQUEST, Input, Plan, Task
from harness.schemas import violations
from runtime.canonical import Json, canonical


class Promises:
    """The declared outputs of one plan, and of its request, by the names that refer to them."""

    def __init__(
        self,
        plan: Plan,
        inputs: Collection[str],
        declared: Mapping[str, Mapping[str, Json]],
    ) -> None:
        self._plan = plan
        self._schemas: dict[str, Schema] = {
            REQUEST: {
                "type": "object",
                "properties": {name: declared.get(name, {}) for name in sorted(inputs)},
                "additionalProperties": False,
            }
        }
        self._seen: dict[tuple[str, str], tuple[Shape, str]] = {}

    def broken(self) -> Iterator[str]:
        """What some input or criterion asks for and no source promises, one sentence each."""
        for task in self._plan.tasks:
            for name, source in task.inputs.items():
                if reason := self._misfit(source):
                    yield f"Task {task.id!r}: input {name!r} {reason}"
            yield from self._unmeasurable(task)

    def _misfit(self, source: Input) -> str:
        if not source.source:
            return _literal(source)
        shape, reason = self._selected(source.source, source.select)
        of = "the request" if source.source == REQUEST else repr(source.source)
        if reason:
            return f"selects {source.select!r} of {of}, but {reason}."
        if source.json_schema and (why := apart(shape, source.json_schema)):
            return f"gets {source.select!r} of {of}, but {why}."
        return ""

    def _unmeasurable(self, task: Task) -> Iterator[str]:
        """Criteria that look where the output has nothing, or compare with an input not there."""
        for check in task.accept:
            if check.input and check.input not in task.inputs:
                yield (
                    f"Task {task.id!r} is checked against {check.input!r}, which is none of its"
                    f" inputs ({', '.join(task.inputs) or 'none'})."
                )
            _, reason = self._selected(task.id, check.at)
            if reason:
                yield (
                    f"Task {task.id!r}: criterion {check.check!r} looks at {check.at!r},"
                    f" but {reason}."
                )

    def _selected(self, reference: str, expression: str) -> tuple[Shape, str]:
        key = (reference, expression)
        if key not in self._seen:
            self._seen[key] = selected(expression, self._schema(reference))
        return self._seen[key]

    def _schema(self, reference: str) -> Schema:
        if reference not in self._schemas:
            self._schemas[reference] = self._of_tasks(reference)
        return self._schemas[reference]

    def _of_tasks(self, reference: str) -> Schema:
        outputs = [self._plan.by_id[id].output for id in self._plan.sources(reference)]
        if reference not in self._plan.groups:
            return outputs[0]
        # The tasks of a group are mapped from one template and promise the same.
        different = list({canonical(output): output for output in outputs}.values())
        if not different:
            return {"type": "array"}
        items: Json = different[0] if len(different) == 1 else {"anyOf": different}
        return {"type": "array", "items": items}


def _literal(source: Input) -> str:
    if not source.json_schema:
        return ""
    wrong = next(violations(source.json_schema, source.value), None)
    return f"is a literal that breaks its schema: {wrong.message[:120]}." if wrong else ""
