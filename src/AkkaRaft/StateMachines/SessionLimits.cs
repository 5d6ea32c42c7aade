namespace AkkaRaft.StateMachines;

/// <summary>The limits of sessions, which decide results: those in force are the ones that the leader proposed, whatever a member's own settings say.</summary>
/// <param name="MaxSessions">Most sessions at once; the one idle longest gives way.</param>
/// <param name="TimeToLiveMs">How long a session may be idle, in milliseconds of the log's clock.</param>
/// <param name="MaxResults">Most results of a session that are kept until they are acknowledged.</param>
/// <param name="ResultBytes">Most bytes of them.</param>
internal sealed record SessionLimits(int MaxSessions, long TimeToLiveMs, int MaxResults, long ResultBytes)
{
    /// <summary>The bytes of results that are kept for one session's retries, where a command may have so many.</summary>
    public static long ResultBytesOf(int maxCommandBytes) => AnswersKept * maxCommandBytes;

    /// <summary>Most bytes of results that one answer repeats, of more batches than one.</summary>
    public long AnswerBytes => ResultBytes / AnswersKept;

    private const long AnswersKept = 8;
}
