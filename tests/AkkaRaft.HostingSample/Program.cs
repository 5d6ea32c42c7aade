// An application whose own ActorSystem, called "shop", holds a member of the cluster, and that keeps its orders there.
// AkkaRaft.HostingSample ID CLUSTER.CONF DATA; it stops when its standard input ends.
using Akka.Hosting;
using AkkaRaft;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.HostingSample;
using AkkaRaft.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

var id = new MemberId(int.Parse(args[0], System.Globalization.CultureInfo.InvariantCulture));
RaftSettings settings = RaftSettings.FromFile(args[1], id) with { DataDirectory = args[2] };

var builder = Host.CreateApplicationBuilder();
builder.Logging.SetMinimumLevel(LogLevel.Warning);
builder.Services.AddAkka(settings.SystemName, akka => akka
    .ConfigureLoggers(logging => logging.LogLevel = Akka.Event.LogLevel.WarningLevel)
    .WithRaft(settings));
builder.Services.AddRaftClient(settings.ForClients() with { Codec = new HyperionCodec(typeof(Order)), RequestTimeout = TimeSpan.FromMinutes(1) });
builder.Services.AddHealthChecks();
builder.Services.AddHostedService<Shop>();

using IHost host = builder.Build();
await host.StartAsync();
while (await Console.In.ReadLineAsync() is { } line)
{
    await Shop.AnswerAsync(host.Services, line);
}

await host.StopAsync();
