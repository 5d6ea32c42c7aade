#!/bin/sh
# Starts a whole cluster on this machine: run-cluster.sh [--nodes N] [--data DIR] [--base-port P]
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
exec dotnet run --project "$root/src/AkkaRaft.Node" -c Release -- cluster "$@"
