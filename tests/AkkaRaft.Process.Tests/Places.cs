namespace AkkaRaft.Process.Tests;

/// <summary>Where members run: beside their clients, or each in a network namespace of its own, as scripts/test-in-namespaces.sh makes them.</summary>
internal static class Places
{
    private static readonly string? Namespaces = Environment.GetEnvironmentVariable("AKKARAFT_TEST_NAMESPACES");

    public static string Host(int id) => Namespaces is null ? "127.0.0.1" : $"10.98.0.{10 + id}";

    /// <summary>By which a command line runs where the member is.</summary>
    public static string[] Command(int id) => Namespaces is null ? [] : ["ip", "netns", "exec", $"{Namespaces}-{id}"];

    /// <summary>What a member needs to be told there.</summary>
    public static string[] Options => Namespaces is null ? [] : ["--allow-insecure-network"];
}
