using Akka.Actor;
using Akka.Hosting;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.KeyValue;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;

namespace AkkaRaft.HostingSample;

/// <summary>What the application stores.</summary>
public sealed record Order(string Product, int Quantity, DateTimeOffset At);

/// <summary>A service of the application: it is given the client, and the actor of the member for plain messages.</summary>
public sealed class Shop(RaftClient client, IRequiredActor<RaftNode> member) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await client.PutAsync($"order/{Environment.ProcessId}", new Order("tea", 2, DateTimeOffset.UtcNow), stoppingToken);
        Entry<Order>? order = await client.GetAsync<Order>($"order/{Environment.ProcessId}", cancellationToken: stoppingToken);
        List<Row> orders = await client.ScanAsync("order/").ToListAsync(stoppingToken);
        IActorRef raft = await member.GetAsync(stoppingToken);
        Console.WriteLine($"stored {order!.Value.Quantity} {order.Value.Product}, one of {orders.Count} orders; plain messages go to {raft.Path}");
    }

    /// <summary>Answers a line of the test: how the member is, and whether the application's actors still live.</summary>
    internal static async Task AnswerAsync(IServiceProvider services, string line)
    {
        if (line == "health")
        {
            HealthReport report = await services.GetRequiredService<HealthCheckService>().CheckHealthAsync();
            Console.WriteLine(string.Join(", ", report.Entries.Where(e => e.Key.StartsWith("akkaraft", StringComparison.Ordinal)).OrderBy(e => e.Key).Select(e => $"{e.Key} {e.Value.Status}: {e.Value.Description}")));
        }
        else
        {
            var system = services.GetRequiredService<ActorSystem>();
            IActorRef echo = system.ActorOf(Props.Create<Echo>());
            Console.WriteLine($"{system.Name} says {await echo.Ask<string>(line)}");
        }
    }

    private sealed class Echo : ReceiveActor
    {
        public Echo() => ReceiveAny(message => Sender.Tell(message));
    }
}
