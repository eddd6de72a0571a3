#!/usr/bin/env bash
# Two Modelyards on this machine, one serving the other's customer; what it shows is explained in docs/pools.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
./run setup
exec .venv/bin/python -m scripts.federate "$@"
