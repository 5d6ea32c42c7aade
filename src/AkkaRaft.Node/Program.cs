using AkkaRaft.Node;

return await CommandLine.RunAsync(args).ConfigureAwait(false);
