# Starts one member of the cluster in hocon/cluster.conf: run-node.ps1 <id> [--config FILE] [--data DIR] [--debug] [--check] [--print-config]
$root = [IO.Path]::GetFullPath([IO.Path]::Combine($PSScriptRoot, '..'))
$project = [IO.Path]::Combine($root, 'src', 'AkkaRaft.Node')
$env:AKKARAFT_CONFIG = if ($env:AKKARAFT_CONFIG) { $env:AKKARAFT_CONFIG } else { [IO.Path]::Combine($root, 'hocon', 'cluster.conf') }
dotnet run --project $project -c Release -- node @args
exit $LASTEXITCODE
