#!/usr/bin/env bash
# The lowest version of each dependency that pyproject.toml allows, in an environment of their own: the contract of every command, one sign-in,
# and completion by the language server.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
build=${BUILD_PYTHON:-python3}
"$build" -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
"$build" -m tests.floors >"$folder/floors.txt"
echo "With the lowest versions: $(tr '\n' ' ' <"$folder/floors.txt")"
"${PYTHON:-python3}" -m venv "$folder/venv"
# Not all of [test]: what those packages need in turn is newer than what we do.
"$folder/venv/bin/pip" install --quiet --constraint "$folder/floors.txt" "$folder"/*.whl \
  httpx hypothesis pexpect 'pytest>=8.3' 'pytest-jupyter[server]' pytest-timeout pytest-xdist requests
# A deprecation that a later version has done away with is no failure.
"$folder/venv/bin/pytest" -n "${JOBS:-2}" --dist loadfile -p no:cacheprovider -W default \
  tests/test_floors.py tests/commands/test_contract.py tests/server/test_languageservers.py \
  tests/server/test_managed.py::test_login_with_the_password_as_vs_code_does_it
