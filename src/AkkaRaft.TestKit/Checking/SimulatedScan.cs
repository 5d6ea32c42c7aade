using System.Text;
using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Checking;

/// <summary>A client's read of all keys with a prefix.</summary>
public sealed class SimulatedScan
{
    internal SimulatedScan(int client, string prefix, ReadConsistency consistency, long called)
    {
        Client = client;
        Prefix = prefix;
        Consistency = consistency;
        Called = called;
    }

    /// <summary>Who called.</summary>
    public int Client { get; }

    /// <summary>What the keys begin with.</summary>
    public string Prefix { get; }

    /// <summary>How fresh the answer must be.</summary>
    public ReadConsistency Consistency { get; }

    /// <summary>The first page; null while there is none, or when it failed.</summary>
    public RangeReply? Page { get; private set; }

    internal long Called { get; }

    internal void Answer(IKeyValueReply reply) => Page = reply as RangeReply;

    /// <summary>The page's keys, each with its version and value.</summary>
    internal IEnumerable<(string Key, long Version, string Value)> Rows => Page!.Rows.Select(r => (Text(r.Key), r.Version, Text(r.Value)));

    /// <summary>Who asked what.</summary>
    public override string ToString() => $"client {Client}'s {Consistency} scan of '{Prefix}'";

    private static string Text(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.Span);
}
