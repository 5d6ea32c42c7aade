#!/usr/bin/env bash
# Plants each bug of tests/AkkaRaft.Simulation.Tests/PlantedBugs into a copy of the source and writes which seed found it to docs/planted-bugs.md.
set -euo pipefail
cd "$(dirname "$0")/.."
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
AKKARAFT_PLANTED_BUGS_TABLE=$rows dotnet test tests/AkkaRaft.Simulation.Tests -c Release --filter FullyQualifiedName~PlantedBug
mkdir -p docs
{
  echo '# Planted bugs'
  echo
  echo 'Each was put into a copy of the source, one at a time, and the swarm run until it found a violation. Made by `scripts/planted-bugs.sh`.'
  echo 'Their texts are in `tests/AkkaRaft.Simulation.Tests/PlantedBugs/planted-bugs.txt`; a seed is the lowest that broke, of those that ran.'
  echo
  echo '| Bug | Budget of seeds | Found by seed | As |'
  echo '|---|---|---|---|'
  sort "$rows"
} > docs/planted-bugs.md
echo "Written: docs/planted-bugs.md"
