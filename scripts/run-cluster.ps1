# Starts a whole cluster on this machine: run-cluster.ps1 [--nodes N] [--data DIR] [--base-port P]
$project = [IO.Path]::GetFullPath([IO.Path]::Combine($PSScriptRoot, '..', 'src', 'AkkaRaft.Node'))
dotnet run --project $project -c Release -- cluster @args
exit $LASTEXITCODE
