"""Runs the documents server: `python -m tools.servers.documents`."""

from tools.servers.launch import Program, launch

PROGRAM = Program(
    name="documents",
    summary="Lists, searches and reads documents in allowed folders as numbered lines of text.",
    environment=(
        (
            "SWITCHYARD_DOCS_ROOTS",
            "folders that may be read, separated as in PATH (default: the current folder)",
        ),
    ),
)

if __name__ == "__main__":
    raise SystemExit(launch(PROGRAM))
