using System.Diagnostics;
using System.Text.Json;
using AkkaRaft.Simulation.Tests.PlantedBugs;

namespace AkkaRaft.Simulation.Tests.Interleaving;

/// <summary>
/// What the simulation does not run, because it has its own: the production journal, state store, transport, client queue and executors, in real processes,
/// with waits and crashes between any two of their statements.
/// </summary>
public sealed class InterleavingTests(CopyOfTheBuild copy) : IClassFixture<CopyOfTheBuild>, IDisposable
{
    private const int Rounds = 12;

    // 128 and the number of SIGKILL.
    private const int KilledBySignal = 137;

    private readonly string _data = Directory.CreateTempSubdirectory("akkaraft-interleaving-").FullName;

    [Fact(Timeout = 600_000)] // ends a hang; says nothing about speed
    public async Task Whatever_waits_between_two_statements_each_call_has_its_own_answer_and_reads_see_the_writes_before_them()
    {
        copy.Compile((path, tree) => IsOfThreads(path) ? Steps.In(tree) : tree, Steps.Source);
        var config = Config(3);
        var nodes = Enumerable.Range(0, 3).Select(id => Start(("AKKARAFT_WAITS", $"{id + 1}"), "node", $"{id}", "--config", config, "--data", Path.Combine(_data, $"{id}"))).ToList();
        try
        {
            var output = nodes.ConvertAll(n => (Out: n.StandardOutput.ReadToEndAsync(), Err: n.StandardError.ReadToEndAsync()));
            await Task.WhenAll(CallAsync(config, 1), CallAsync(config, 2));
        }
        finally
        {
            foreach (var node in nodes)
            {
                node.Kill();
                node.Dispose();
            }
        }
    }

    [Fact(Timeout = 600_000)] // ends a hang; says nothing about speed
    public async Task Whichever_two_statements_of_the_journal_and_the_store_a_process_dies_between_no_acknowledged_put_is_lost()
    {
        copy.Compile((path, tree) => IsOfDisks(path) ? Steps.In(tree) : tree, Steps.Source);
        // Little is kept, so that there are checkpoints, deletions and images at each turn.
        var config = Config(1, "retain-entries = 0, max-log-entries = 20");
        string[] node = ["node", "0", "--config", config, "--data", _data, "--shell", "--json"];
        var random = new Random(1);
        var acknowledged = new HashSet<string>();
        var next = 0;
        var died = 0;
        for (var round = 0; round < Rounds; round++)
        {
            // From the first steps of a start to after the last put: some rounds end well, and one of them is sure to.
            var crashAt = round == Rounds - 1 ? int.MaxValue : (int)Math.Pow(2, 10 + 10 * random.NextDouble());
            using var process = Start(("AKKARAFT_CRASH_AT", $"{crashAt}"), node);
            var errors = process.StandardError.ReadToEndAsync();
            try
            {
                for (var end = next + 300; next < end; next++) await process.StandardInput.WriteLineAsync($"put k{next} {next}");
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It has died before it read all.
            }
            while (await process.StandardOutput.ReadLineAsync() is { } line)
            {
                // A line that is cut short says nothing.
                if (Parsed(line) is { } answer && answer.GetProperty("ok").GetBoolean()) acknowledged.Add(answer.GetProperty("key").GetString()!);
            }
            await process.WaitForExitAsync();
            _ = await errors;
            if (process.ExitCode == KilledBySignal) died++;
        }

        Assert.True(died > 0, "the process was never killed: nothing was tested");
        using var last = Start(("AKKARAFT_CRASH_AT", "0"), node);
        var complaints = last.StandardError.ReadToEndAsync();
        var found = last.StandardOutput.ReadToEndAsync();
        foreach (var key in acknowledged) await last.StandardInput.WriteLineAsync($"get {key}");
        last.StandardInput.Close();
        var answers = (await found).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Answer).ToList();
        Assert.True(answers.Count == acknowledged.Count, await complaints);
        Assert.All(answers, answer => Assert.True(
            answer.TryGetProperty("value", out var value) && $"k{value.GetString()}" == answer.GetProperty("key").GetString(), $"an acknowledged put is not there: {answer}"));
        Assert.True(acknowledged.Count > 10, $"only {acknowledged.Count} keys were ever acknowledged: nothing was tested");
    }

    public void Dispose() => Directory.Delete(_data, recursive: true);

    private async Task CallAsync(string config, int client)
    {
        const int calls = 60;
        using var shell = Start(("AKKARAFT_WAITS", $"{10 * client}"), "shell", "--json", "--config", config, "--timeout", "60s");
        var errors = shell.StandardError.ReadToEndAsync();
        var answers = shell.StandardOutput.ReadToEndAsync();
        for (var i = 0; i < calls; i++)
        {
            await shell.StandardInput.WriteLineAsync($"put c{client}-{i % 20} {i}");
            if (i % 3 == 0) await shell.StandardInput.WriteLineAsync($"get c{client}-{i % 20}");
        }
        shell.StandardInput.Close();
        var told = (await answers).Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Answer).ToList();
        Assert.All(told, answer => Assert.True(answer.GetProperty("ok").GetBoolean(), $"{answer}"));
        Assert.True(told.Count == calls + calls / 3, $"{told.Count} answers: {await errors}");
        var versions = told.Where(a => a.GetProperty("op").GetString() == "put").Select(a => a.GetProperty("version").GetInt64()).ToList();
        Assert.Equal(versions.Distinct(), versions);
        foreach (var (answer, i) in told.Where(a => a.GetProperty("op").GetString() == "get").Select((a, n) => (a, n * 3)))
            Assert.Equal($"{i}", answer.GetProperty("value").GetString());
    }

    private static bool IsOfThreads(string path) => Part(path) is ["AkkaRaft.Remoting" or "AkkaRaft.Client", ..] or ["AkkaRaft", "Hosting" or "Storage" or "KeyValue", ..];

    private static bool IsOfDisks(string path) => Part(path) is ["AkkaRaft", "Storage" or "KeyValue", ..];

    private static string[] Part(string path) => path.Split(Path.DirectorySeparatorChar);

    private static JsonElement Answer(string line)
    {
        Assert.True(Parsed(line) is not null, $"this is no answer: {line}");
        return Parsed(line)!.Value;
    }

    private static JsonElement? Parsed(string line)
    {
        try
        {
            return JsonDocument.Parse(line).RootElement;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private string Config(int members, string settings = "")
    {
        var file = Path.Combine(_data, "cluster.conf");
        var addresses = string.Join(", ", Ports.Free(members).Select((port, id) => $"{id} = \"127.0.0.1:{port}\""));
        File.WriteAllText(file, $"akkaraft {{ cluster-id = \"interleaving\", members {{ {addresses} }}, {settings} }}\n");
        return file;
    }

    private Process Start((string Name, string Value) variable, params string[] arguments) =>
        copy.Start([KeyValuePair.Create(variable.Name, variable.Value)], ["AkkaRaft.Node.dll", .. arguments]);
}
