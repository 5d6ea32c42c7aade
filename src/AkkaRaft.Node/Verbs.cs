namespace AkkaRaft.Node;

/// <summary>The client commands.</summary>
internal static class Verbs
{
    public static IReadOnlyList<Verb> Create() =>
    [
        PutCommand.Create(),
        GetCommand.Create(),
        DelCommand.Create(),
        CasCommand.Create(),
        ScanCommand.Create(),
        TxnCommand.Create(),
        WatchCommand.Create(),
        LeaseCommand.Create(),
        LoadCommand.Create(),
        StatusCommand.Create(),
        HealthCommand.Create(),
        MembersCommand.Create(),
        TransferCommand.Create(),
        BackupCommand.Create(),
    ];
}
