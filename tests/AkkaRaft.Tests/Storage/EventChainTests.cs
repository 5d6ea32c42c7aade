using AkkaRaft.Storage;
using AkkaRaft.Tests.Protocol;

namespace AkkaRaft.Tests.Storage;

public sealed class EventChainTests
{
    private readonly List<SealedEvent> _journal = [];

    public EventChainTests()
    {
        var chain = new EventChain();
        _journal.AddRange(Samples.Events.Select(e => chain.Seal(e.Event)));
    }

    [Fact]
    public void What_was_written_is_read() => Assert.Equal(_journal.Count, Open(_journal).Count);

    [Fact]
    public void A_flipped_bit_in_any_byte_is_seen()
    {
        var original = _journal[3].Body.ToArray();
        for (var at = 0; at < original.Length; at++)
        {
            var damaged = original.ToArray();
            damaged[at] ^= 0x10;
            _journal[3] = _journal[3] with { Body = damaged };
            Assert.Contains("Event 4 ", Assert.Throws<JournalCorruptException>(() => Open(_journal)).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_missing_event_is_seen()
    {
        _journal.RemoveAt(1);
        Assert.Contains("Event 2 ", Assert.Throws<JournalCorruptException>(() => Open(_journal)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Events_out_of_order_are_seen()
    {
        (_journal[1], _journal[2]) = (_journal[2], _journal[1]);
        Assert.Throws<JournalCorruptException>(() => Open(_journal));
    }

    [Fact]
    public void An_event_of_another_journal_is_seen()
    {
        var foreign = new EventChain();
        foreign.Seal(new TermAndVote(1, null));
        _journal.Add(foreign.Seal(new TermAndVote(9, null)));
        Assert.Contains($"Event {_journal.Count} ", Assert.Throws<JournalCorruptException>(() => Open(_journal)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_event_of_a_newer_version_is_named()
    {
        var error = Assert.Throws<JournalCorruptException>(() => EventChain.Decode(new SealedEvent("Unheard:9", default, 0, 0)));
        Assert.Contains("Unheard:9", error.Message, StringComparison.Ordinal);
    }

    private static List<IRaftEvent> Open(IEnumerable<SealedEvent> journal)
    {
        var chain = new EventChain();
        return [.. journal.Select((e, i) => chain.Open(e, i + 1))];
    }
}
