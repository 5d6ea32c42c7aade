# Starts one member of the cluster in hocon/cluster.conf: run-node.ps1 <id> [--config FILE] [--data DIR] [--debug] [--check] [--print-config]
$root = [IO.Path]::GetFullPath([IO.Path]::Combine($PSScriptRoot, '..'))
$project = [IO.Path]::Combine($root, 'src', 'AkkaRaft.Node')
$given = $env:AKKARAFT_CONFIG
try {
    if (-not $given) { $env:AKKARAFT_CONFIG = [IO.Path]::Combine($root, 'hocon', 'cluster.conf') }
    dotnet run --project $project -c Release -- node @args
}
finally {
    # The environment is the caller's.
    $env:AKKARAFT_CONFIG = $given
}
exit $LASTEXITCODE
