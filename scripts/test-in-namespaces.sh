#!/usr/bin/env bash
# Runs the process tests of clusters with each member in a network namespace of its own and the clients in another, as on machines apart. Needs root and iproute2.
#   test-in-namespaces.sh [arguments of dotnet test, such as --filter MembersTests]
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1
[ "$(id -u)" = 0 ] && command -v ip >/dev/null || { echo "test-in-namespaces.sh: needs root, and ip (apt-get install iproute2)" >&2; exit 1; }

prefix=akkaraft-$$
members=(0 1 2 3 4 5)
clean() {
  for name in switch client "${members[@]}"; do ip netns del "$prefix-$name" 2>/dev/null || true; done
}
trap clean EXIT
for name in switch client "${members[@]}"; do
  ip netns add "$prefix-$name"
  ip -n "$prefix-$name" link set lo up
done
ip -n "$prefix-switch" link add br0 type bridge
ip -n "$prefix-switch" link set br0 up
connect() {
  ip -n "$prefix-switch" link add "to-$1" type veth peer name eth0 netns "$prefix-$1"
  ip -n "$prefix-switch" link set "to-$1" master br0 up
  ip -n "$prefix-$1" addr add "$2/24" dev eth0
  ip -n "$prefix-$1" link set eth0 up
}
connect client 10.98.0.9
for id in "${members[@]}"; do connect "$id" "10.98.0.$((10 + id))"; done

# Not those that are about one machine: bad input, scripts, the screen, raw frames from loopback addresses.
if [ $# -eq 0 ]; then
  set -- --filter "FullyQualifiedName~.ClientTests|FullyQualifiedName~.ClusterTests|FullyQualifiedName~.DisasterTests|FullyQualifiedName~.ExactlyOnceTests|FullyQualifiedName~.FailedSyncTests|FullyQualifiedName~.ForeignSystemTests|FullyQualifiedName~.KeyValueCommandTests|FullyQualifiedName~.MembersTests|FullyQualifiedName~.OverloadTests|FullyQualifiedName~.StreamsTests"
fi
dotnet build tests/AkkaRaft.Process.Tests -c Release -m:1 --nologo -v q
AKKARAFT_TEST_NAMESPACES=$prefix ip netns exec "$prefix-client" dotnet test tests/AkkaRaft.Process.Tests -c Release --no-build --nologo "$@"
