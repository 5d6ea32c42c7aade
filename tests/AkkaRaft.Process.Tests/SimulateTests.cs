namespace AkkaRaft.Process.Tests;

public sealed class SimulateTests
{
    [Theory(Timeout = Patience.TestMs)]
    [InlineData(7)]
    [InlineData(11)]
    [InlineData(31)]
    public async Task One_seed_is_one_run_in_any_process(int seed)
    {
        string directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
        string[] traces = [Path.Combine(directory, "1.txt"), Path.Combine(directory, "2.txt")];
        foreach (string trace in traces)
        {
            var ended = await Cli.RunAsync("simulate", "--seed", $"{seed}", "--trace", trace);
            Assert.True(ended.Code == 0, ended.Err);
        }

        string[] lines = await File.ReadAllLinesAsync(traces[0]);
        Assert.True(lines.Length > 1_000, $"the trace has {lines.Length} lines");
        Assert.Equal(lines, await File.ReadAllLinesAsync(traces[1]));
        Directory.Delete(directory, recursive: true);
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task A_run_that_proves_too_little_has_failed()
    {
        var ended = await Cli.RunAsync("simulate", "--seeds", "0");
        Assert.Equal(1, ended.Code);
        Assert.Contains("proved too little", ended.Err, StringComparison.Ordinal);
    }
}
