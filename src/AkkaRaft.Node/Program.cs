using AkkaRaft.Node;

// What completes on a socket is only passed on to Akka.Remote's own thread: a thread of the pool between them would be one change of thread more.
// Read by .NET when the first socket is made; there is no setting for it.
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS", "1");
Environment.SetEnvironmentVariable("DOTNET_SYSTEM_NET_SOCKETS_THREAD_COUNT", "1");

return await CommandLine.RunAsync(args).ConfigureAwait(false);
