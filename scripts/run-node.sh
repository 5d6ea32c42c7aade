#!/bin/sh
# Starts one member of the cluster in hocon/cluster.conf: run-node.sh <id> [--config FILE] [--data DIR] [--debug] [--check] [--print-config]
root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
AKKARAFT_CONFIG=${AKKARAFT_CONFIG:-$root/hocon/cluster.conf}
export AKKARAFT_CONFIG
exec dotnet run --project "$root/src/AkkaRaft.Node" -c Release -- node "$@"
