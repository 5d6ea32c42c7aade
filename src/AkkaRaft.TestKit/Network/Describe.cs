using System.Globalization;
using AkkaRaft.Consensus;
using AkkaRaft.Log;
using AkkaRaft.Protocol;

namespace AkkaRaft.TestKit.Network;

/// <summary>Messages in the words of a trace.</summary>
internal static class Describe
{
    public static string Message(object message) => message switch
    {
        PreVote m => $"PreVote term={m.Header.Term} last={m.LastLogIndex}/{m.LastLogTerm}",
        PreVoteReply m => $"PreVoteReply term={m.Header.Term} {Granted(m.Granted)}",
        RequestVote m => $"RequestVote term={m.Header.Term} last={m.LastLogIndex}/{m.LastLogTerm}{(m.LeadershipTransfer ? " transfer" : "")}",
        RequestVoteReply m => $"RequestVoteReply term={m.Header.Term} {Granted(m.Granted)}",
        AppendEntries m => $"AppendEntries term={m.Header.Term} prev={m.PrevLogIndex}/{m.PrevLogTerm} entries={Entries(m.Entries)} commit={m.LeaderCommit} round={m.Round}",
        AppendEntriesReply { Success: true } m => $"AppendEntriesReply term={m.Header.Term} match={m.MatchIndex} round={m.Round}",
        AppendEntriesReply m => $"AppendEntriesReply term={m.Header.Term} mismatch at {m.PrevLogIndex} hint={m.HintIndex}/{m.HintTerm} round={m.Round}",
        TimeoutNow m => $"TimeoutNow term={m.Header.Term}",
        Hello m => $"Hello term={m.Header.Term}",
        HelloReply m => $"HelloReply term={m.Header.Term} {(m.Incarnations.IsEmpty ? "not begun" : "begun")}",
        InstallSnapshot m => $"InstallSnapshot term={m.Header.Term} to={m.Snapshot?.Base.Index.ToString(CultureInfo.InvariantCulture) ?? "being made"} round={m.Round}",
        InstallSnapshotReply m => $"InstallSnapshotReply term={m.Header.Term} {(m.Installed ? $"match={m.MatchIndex}" : $"received={m.Received}")} round={m.Round}",
        FetchSnapshot m => $"FetchSnapshot term={m.Header.Term} to={m.Index} offset={m.Offset}",
        SnapshotChunk m => $"SnapshotChunk term={m.Header.Term} to={m.Index} offset={m.Offset} bytes={m.Bytes.Length}",
        StateHash m => $"StateHash index={m.Index} hash={m.Hash:x16}",
        Dismissed m => $"Dismissed {m.Reason}",
        Submit m => $"Submit request={m.RequestId} bytes={m.Payload.Length}",
        SubmitReply m => $"SubmitReply request={m.RequestId} index={m.Index}",
        Read m => $"Read request={m.RequestId} {m.Consistency}",
        QueryReply m => $"QueryReply request={m.RequestId}",
        Refused m => $"Refused request={m.RequestId} {m.Reason} leader={m.Leader?.Id.ToString() ?? "none"}",
        _ => message.GetType().Name,
    };

    private static string Granted(bool granted) => granted ? "granted" : "refused";

    private static string Entries(IReadOnlyList<LogEntry> entries) => entries.Count == 0
        ? "none"
        : string.Create(CultureInfo.InvariantCulture, $"{entries[0].Index}..{entries[^1].Index}/{entries[^1].Term}");
}
