using AkkaRaft.Node;

// Who takes a message off a socket runs the member with it: a thread of the pool between them would be one change of thread more.
// Read by .NET when the first socket is made; there is no setting for it.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", "1");

if (!OpenFiles.AreEnough())
{
    return ExitCodes.Usage;
}

StandardStreams.Install();
return await CommandLine.RunAsync(args).ConfigureAwait(false);
