#!/bin/sh
# Resolves the servers of the benchmark anew (needs uv and npm): exact versions with their hashes.
# No address of any index is written; `*.in` and package.json say which servers.
set -eu
cd "$(dirname "$0")"
options="--universal --generate-hashes --python-version 3.11 --no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet"
for server in git time sqlite; do
    # Each has a lock of its own: they want versions of mcp that exclude each other.
    # shellcheck disable=SC2086
    uv pip compile $options "$server.in" -o "$server.txt"
done
npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --ignore-scripts --loglevel=error
