#!/usr/bin/env bash
# Measures AkkaRaft beside etcd and DotNext.Net.Cluster on this machine:
#   bench.sh [throughput|failover|cost|growth|all|micro] [--quick] [--systems akkaraft,etcd,dotnext] [--rounds N] [--callers 1,16] [--output DIR] [--base-port P]
# Tables and charts go to docs/benchmarks. Members keep their files in $BENCH_DIR, by default a directory under /tmp.
# Installs nothing; ends all processes that it started.
set -euo pipefail
cd "$(dirname "$0")/.." || exit 1

mode=all
if [ $# -gt 0 ] && [[ $1 != -* ]]; then mode=$1; shift; fi
case $mode in
  throughput|failover|cost|growth) modes=("$mode") ;;
  all) modes=(throughput failover cost growth) ;;
  micro) ;;
  *) echo "bench.sh: '$mode' is none of throughput, failover, cost, growth, all, micro" >&2; exit 1 ;;
esac

missing=()
command -v dotnet >/dev/null || missing+=("dotnet: the .NET 10 SDK, https://dot.net")
etcd=
if [ "$mode" != micro ] && { [[ " $* " != *" --systems"* ]] || [[ " $* " == *etcd* ]]; }; then etcd=yes; fi
# etcd is driven by its own Go client, from the sources that Debian installs or from GOPATH.
in_gopath() { GO111MODULE=off GOPATH="$(go env GOPATH):/usr/share/gocode" GOFLAGS='' go "$@"; }
if [ "$etcd" ]; then
  without="or leave etcd out with --systems akkaraft,dotnext"
  command -v etcd >/dev/null || missing+=("etcd: apt-get install etcd-server, $without")
  if ! command -v go >/dev/null; then
    missing+=("go, which builds etcd's own client: apt-get install golang-go golang-etcd-server-dev, $without")
  elif ! in_gopath list go.etcd.io/etcd/clientv3 >/dev/null 2>&1; then
    missing+=("go.etcd.io/etcd/clientv3, etcd's own client: apt-get install golang-etcd-server-dev, $without")
  fi
fi
[ -r /proc/self/stat ] || missing+=("/proc: CPU and memory are read from it, so that this runs on Linux alone")
if [ ${#missing[@]} -gt 0 ]; then
  echo "bench.sh: missing" >&2
  printf '  %s\n' "${missing[@]}" >&2
  exit 1
fi

dotnet build tests/AkkaRaft.Benchmarks -c Release -m:1 --nologo -v q
program=tests/AkkaRaft.Benchmarks/bin/Release/net10.0/AkkaRaft.Benchmarks.dll
if [ "$mode" = micro ]; then exec dotnet "$program" micro "$@"; fi

work=$(mktemp -d "${BENCH_DIR:-/tmp}/akkaraft-bench.XXXXXX")
clean() {
  if [ -e "$work/pids" ]; then
    while read -r pid; do
      # Numbers are given again: only what was started here has this directory or this program among its arguments.
      if tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -q -e "$work" -e AkkaRaft; then kill -9 "$pid" 2>/dev/null || true; fi
    done <"$work/pids"
  fi
  rm -rf "$work"
}
trap clean EXIT
trap 'exit 130' INT TERM

load=()
if [ "$etcd" ]; then
  in_gopath build -o "$work/etcd-load" ./tests/AkkaRaft.Benchmarks/Etcd
  load=(--etcd-load "$work/etcd-load")
fi

# As it would be deployed: compiled ahead for this machine.
dotnet publish src/AkkaRaft.Node -c Release --use-current-runtime -o "$work/node" -m:1 --nologo -v q

for m in "${modes[@]}"; do
  dotnet "$program" "$m" --akkaraft "$work/node/AkkaRaft.Node.dll" --work "$work/$m" "${load[@]}" --pid-file "$work/pids" "$@"
  rm -rf "${work:?}/$m"
done
