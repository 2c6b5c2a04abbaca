#!/bin/sh
# Creates .venv-peers when it is missing and installs the benchmarks' peers, every hash checked.
# They have an environment of their own: what they need is not what we need.
set -eu
cd "$(dirname "$0")/../.."
if [ ! -x .venv-peers/bin/python ]; then
    .venv/bin/python -m venv .venv-peers
fi
echo "Installing requirements/peers.txt (hashes checked) ..." >&2
if command -v uv >/dev/null 2>&1; then
    uv pip install --quiet --python .venv-peers/bin/python --require-hashes -r requirements/peers.txt
else
    .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/peers.txt
fi
touch .venv-peers/.peers
