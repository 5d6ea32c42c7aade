using System.Net.Sockets;
using Akka.Actor;
using Akka.Event;
using AkkaRaft.Remoting;

namespace AkkaRaft.Tests.Hosting;

public sealed class UnfinishedFramesTests : IDisposable
{
    private readonly UnfinishedFrames _frames = new(mostBytes: 100);
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

    [Fact]
    public void The_oldest_are_closed_once_there_is_too_much()
    {
        var (a, b, c) = (New(), New(), New());
        Assert.Empty(_frames.Hold(a, 40));
        Assert.Empty(_frames.Hold(b, 40));
        Assert.Same(a, Assert.Single(_frames.Hold(c, 40)));
        Assert.Equal(80, _frames.InAll);
        Assert.Same(b, Assert.Single(_frames.Hold(c, 90)));
        Assert.Equal(90, _frames.InAll);
    }

    [Fact]
    public void One_whose_message_grows_stays_as_old_as_it_is_and_one_that_goes_on_is_young()
    {
        var (a, b, c) = (New(), New(), New());
        _frames.Hold(a, 20);
        _frames.Hold(b, 20);
        Assert.Empty(_frames.Hold(a, 40));
        Assert.Empty(_frames.GoOn(a, 40));
        Assert.Same(b, Assert.Single(_frames.Hold(c, 50)));
        Assert.Same(a, Assert.Single(_frames.Hold(c, 70)));
    }

    [Fact]
    public void What_ends_or_closes_is_held_no_more()
    {
        var (a, b) = (New(), New());
        _frames.Hold(a, 40);
        Assert.Empty(_frames.GoOn(a, 0));
        _frames.Hold(b, 60);
        b.Close();
        Assert.Equal(0, _frames.InAll);
        Assert.Same(a, Assert.Single(_frames.Hold(a, 101)));
    }
}
