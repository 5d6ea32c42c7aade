using System.Globalization;
using AkkaRaft.Client;
using AkkaRaft.Hosting;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;
using AkkaRaft.Storage;

namespace AkkaRaft.Process.Tests;

/// <summary>Three members of which one's state machine is not like the others.</summary>
public sealed class StateCheckTests
{
    private sealed class Counter(bool miscounts) : IStateMachine<int, int, string, int>
    {
        private int _count;

        public int Apply(int command, ApplyContext context) => _count += miscounts && _count == 10 ? command + 1 : command;

        public int Query(string query) => _count;

        public void Save(Stream destination) => destination.Write(System.Text.Encoding.ASCII.GetBytes(_count.ToString(CultureInfo.InvariantCulture)));

        public void Load(Stream source) => _count = int.Parse(new StreamReader(source).ReadToEnd(), null);
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_member_whose_state_differs_is_found_and_makes_it_anew()
    {
        using var data = new TemporaryDirectory();
        var codec = new JsonCodec();
        var members = Ports.FreeMembers(3);
        RaftSettings Settings(int id) => new() { ClusterId = "counters", Id = new(id), Members = members, DataDirectory = data.Path, StateCheckInterval = TimeSpan.FromSeconds(1), RetainEntries = 5, MaxLogEntries = 20 };
        // Only its first instance: what it makes anew is right.
        bool miscounted = false;
        var nodes = new List<RaftNode>();
        for (int i = 0; i < 3; i++)
        {
            int id = i;
            nodes.Add(await RaftNode.StartAsync(Settings(id), RaftStateMachine.Of("counter", () => new Counter(miscounts: id == 2 && !Interlocked.Exchange(ref miscounted, true)), codec)));
        }
        try
        {
            await using var client = RaftClient.Create(nodes[0].System, Settings(0).ForClients() with { RequestTimeout = TimeSpan.FromMinutes(1) });
            await using var counter = client.ForStateMachine<int, int, string, int>("counter", codec);
            int counted = 0;
            string aside = Path.Combine(data.Path, "2", "state.image.damaged");
            while (!File.Exists(aside))
            {
                // What it answers meanwhile is another matter: it may lead.
                await counter.SubmitAsync(1);
                counted++;
                await Task.Delay(20);
            }
            Assert.True(counted > 10);

            // It is a member as before, with the state that the others have: it leads, and answers.
            while ((await nodes[2].StatusAsync(TimeSpan.FromSeconds(5)))?.Role != RaftRole.Leader)
            {
                try
                {
                    await client.TransferLeadershipAsync(new MemberId(2));
                }
                catch (RaftException)
                {
                    // It has yet to catch up.
                    await Task.Delay(200);
                }
            }
            Assert.Equal(counted, await counter.QueryAsync(""));
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }

    [Fact(Timeout = 300_000)] // ends a hang; says nothing about speed
    public async Task A_member_that_was_started_with_another_state_machine_by_mistake_is_started_with_the_right_one()
    {
        using var data = new TemporaryDirectory();
        var codec = new JsonCodec();
        var members = Ports.FreeMembers(3);
        RaftSettings Settings(int id) => new() { ClusterId = "counters", Id = new(id), Members = members, DataDirectory = data.Path };
        RaftStateMachine Of(string name) => RaftStateMachine.Of(name, () => new Counter(miscounts: false), codec);
        var nodes = new List<RaftNode> { await RaftNode.StartAsync(Settings(1), Of("counter")), await RaftNode.StartAsync(Settings(2), Of("counter")) };
        try
        {
            // The first leader's name is the log's: it must not be this one.
            var mistaken = await RaftNode.StartAsync(Settings(0) with { ElectionTimeoutMin = TimeSpan.FromSeconds(30), ElectionTimeoutMax = TimeSpan.FromSeconds(60) }, Of("countre"));
            await using (var client = RaftClient.Create(Settings(1).ForClients() with { RequestTimeout = TimeSpan.FromMinutes(1) }))
            {
                await using var counter = client.ForStateMachine<int, int, string, int>("counter", codec);
                Assert.Equal(1, await counter.SubmitAsync(1));
                var (end, reason) = await mistaken.Completion;
                Assert.Equal(MemberEnd.Failed, end);
                Assert.Contains("runs the state machine 'countre'", reason, StringComparison.Ordinal);
                await mistaken.DisposeAsync();
                Assert.Contains("'countre'", (await Assert.ThrowsAsync<DataDirectoryException>(() => RaftNode.StartAsync(Settings(0), Of("countre")))).Message, StringComparison.Ordinal);

                nodes.Add(await RaftNode.StartAsync(Settings(0), Of("counter")));
                await nodes[0].DisposeAsync();
                Assert.Equal(2, await counter.SubmitAsync(1));

                // A result that the client's codec cannot read is one of a command that was applied.
                await using var other = client.ForStateMachine<int, string, string, int>("counter", codec);
                Assert.Contains("was applied", (await Assert.ThrowsAsync<OutcomeUnknownException>(() => other.SubmitAsync(1))).Message, StringComparison.Ordinal);
                Assert.Equal(3, await counter.QueryAsync(""));
            }
        }
        finally
        {
            foreach (var node in nodes) await node.DisposeAsync();
        }
    }
}
