namespace AkkaRaft.Consensus;

/// <summary>Between tries of what fails and may go on failing: each is twice as long as the one before.</summary>
/// <param name="first">The first.</param>
/// <param name="longest">None is longer.</param>
internal sealed class GrowingPause(TimeSpan first, TimeSpan longest)
{
    private TimeSpan _until = TimeSpan.MinValue;

    /// <summary>How long it is now; zero when the last try has succeeded, or there was none.</summary>
    public TimeSpan Length { get; private set; }

    /// <summary>Whether it is yet to be waited.</summary>
    public bool IsOn(TimeSpan now) => now < _until;

    public void Failed(TimeSpan now)
    {
        Length = Length == TimeSpan.Zero ? first : Length < longest / 2 ? 2 * Length : longest;
        _until = now + Length;
    }

    public void Succeeded() => (Length, _until) = (TimeSpan.Zero, TimeSpan.MinValue);
}
