#!/usr/bin/env bash
# The unit tests on the oldest and the newest supported Python that this machine has, from the built wheel rather than the checkout.
set -euo pipefail
cd "$(dirname "$0")/.."

find_python() {
  for candidate in "python$1" "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
}

current=$("${BUILD_PYTHON:-python3}" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
oldest='' newest=''
for version in 3.10 3.11 3.12 3.13; do
  [ -n "$(find_python $version)" ] || continue
  oldest=${oldest:-$version}
  newest=$version
done

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${BUILD_PYTHON:-python3}" -m pip wheel --quiet --no-deps --wheel-dir "$folder" .
for version in $oldest $newest; do
  if [ "$version" = "$current" ]; then
    echo "Python $version is the one that ran all the tests."
    continue
  fi
  echo "Unit tests on Python $version"
  "$(find_python "$version")" -m venv "$folder/$version"
  "$folder/$version/bin/pip" install --quiet "$(ls "$folder"/*.whl)[test]"
  "$folder/$version/bin/pytest" -n "${JOBS:-2}" -m 'not slow' --ignore tests/e2e --ignore tests/connect --ignore tests/gate --ignore tests/service --ignore tests/packaging --ignore tests/policy -p no:cacheprovider tests
done
