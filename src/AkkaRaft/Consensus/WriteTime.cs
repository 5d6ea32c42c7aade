namespace AkkaRaft.Consensus;

/// <summary>How long a journal's writes take: the longest of late, an eighth of whose excess is forgotten with each write that took less.</summary>
/// <param name="most">No write counts for more: a disk that hung once is not to be waited for as long again.</param>
internal sealed class WriteTime(TimeSpan most)
{
    private const int Forgets = 8;

    /// <summary>What a write may take.</summary>
    public TimeSpan Longest { get; private set; }

    /// <summary>A write has ended.</summary>
    public void Add(TimeSpan took)
    {
        if (took > most) took = most;
        Longest = took >= Longest ? took : Longest - (Longest - took) / Forgets;
    }
}
