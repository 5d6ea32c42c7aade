using System.Net.Sockets;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class UnfinishedFramesTests : IDisposable
{
    private readonly UnfinishedFrames _frames = new(mostBytes: 10 * UnfinishedFrames.PieceBytes);
    private readonly List<SocketAssociation> _all = [];

    public void Dispose() => _all.ForEach(a => a.Close());

    private SocketAssociation New()
    {
        var association = new SocketAssociation(
            new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp), new Address("tcp", "a", "here", 1), new Address("tcp", "b", "there", 2),
            new ConnectionRules { MaxFrameBytes = 1, Unfinished = _frames, Warnings = new PeerWarnings(NoLogger.Instance) });
        _all.Add(association);
        return association;
    }

    private readonly Dictionary<SocketAssociation, List<byte[]>> _taken = new(ReferenceEqualityComparer.Instance);

    private List<SocketAssociation> Take(SocketAssociation association, int pieces)
    {
        var all = new List<SocketAssociation>();
        for (var i = 0; i < pieces; i++)
        {
            if (_frames.Take(association, out var closed) is { } piece) Taken(association).Add(piece);
            else all.Add(association);
            all.AddRange(closed);
        }
        return all;
    }

    private List<byte[]> Taken(SocketAssociation association) => _taken.TryGetValue(association, out var pieces) ? pieces : _taken[association] = [];

    private void GiveBack(SocketAssociation association)
    {
        _frames.GiveBack(association, Taken(association));
        Taken(association).Clear();
    }

    [Fact]
    public void The_oldest_are_closed_once_there_is_too_much()
    {
        var (a, b, c) = (New(), New(), New());
        Assert.Empty(Take(a, 4));
        Assert.Empty(Take(b, 4));
        Assert.Same(a, Assert.Single(Take(c, 4)));
        Assert.Equal(8 * UnfinishedFrames.PieceBytes, _frames.InAll);
        Assert.Same(b, Assert.Single(Take(c, 3)));
        Assert.Equal(7 * UnfinishedFrames.PieceBytes, _frames.InAll);
    }

    [Fact]
    public void One_whose_frame_grows_stays_as_old_as_it_is_and_one_that_goes_on_is_young()
    {
        var (a, b, c) = (New(), New(), New());
        Take(a, 2);
        Take(b, 2);
        Assert.Empty(Take(a, 2));
        GiveBack(a);
        Assert.Empty(Take(a, 4));
        Assert.Same(b, Assert.Single(Take(c, 5)));
        Assert.Same(a, Assert.Single(Take(c, 2)));
    }

    [Fact]
    public void What_ends_or_closes_is_held_no_more()
    {
        var (a, b) = (New(), New());
        Take(a, 4);
        GiveBack(a);
        Take(b, 6);
        b.Close();
        Assert.Equal(0, _frames.InAll);
        Assert.Same(a, Assert.Single(Take(a, 11)));
    }

    [Fact]
    public void Where_those_that_were_closed_have_yet_to_give_back_whoever_takes_more_is_closed()
    {
        var (a, b, c) = (New(), New(), New());
        Take(a, 10);
        Assert.Same(a, Assert.Single(Take(b, 10)));
        Assert.Same(c, Assert.Single(Take(c, 1)));
        GiveBack(a);
        Assert.Same(b, Assert.Single(Take(c, 1)));
    }

    [Fact]
    public void Pieces_are_used_again()
    {
        var (a, b) = (New(), New());
        Take(a, 3);
        var taken = Taken(a).ToHashSet(ReferenceEqualityComparer.Instance);
        GiveBack(a);
        Take(b, 3);
        Assert.All(Taken(b), piece => Assert.Contains(piece, taken));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(UnfinishedFrames.PieceBytes)]
    [InlineData(UnfinishedFrames.PieceBytes + 1)]
    [InlineData(3 * UnfinishedFrames.PieceBytes - 1)]
    public void A_frame_is_what_arrived_of_it_in_however_small_parts(int length)
    {
        var sent = new byte[length];
        new Random(length).NextBytes(sent);
        var frame = new LongFrame(length);
        for (var at = 0; at < length;)
        {
            if (frame.IsFull) frame.AddPiece(new byte[UnfinishedFrames.PieceBytes]);
            var bytes = Math.Min(40_000, frame.Space.Length);
            sent.AsSpan(at, bytes).CopyTo(frame.Space.Span);
            frame.Add(bytes);
            at += bytes;
        }
        Assert.True(frame.IsWhole);
        Assert.Equal(sent, frame.ToArray());
    }
}
