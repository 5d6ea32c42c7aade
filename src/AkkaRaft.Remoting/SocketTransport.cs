using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Akka.Actor;
using Akka.Configuration;
using Akka.Event;
using Akka.Remote;
using Akka.Remote.Transport;
using AkkaRaft.Remoting.Threading;

namespace AkkaRaft.Remoting;

/// <summary>
/// TCP under Akka.Remote, over .NET's sockets: what arrives is read, run and answered on one thread, where Akka's own transport passes it on from the socket's thread
/// to an event loop's, from there to the actors', and an answer to an event loop's again. On the wire it is the same, so that either end may have either.
/// </summary>
/// <remarks>
/// Of its section, which is that of Akka's transport, it reads <c>hostname</c>, <c>port</c>, <c>public-hostname</c>, <c>public-port</c>, <c>dns-use-ipv6</c>, <c>maximum-frame-size</c>,
/// <c>send-buffer-size</c> and <c>receive-buffer-size</c> (0 for what the system does by itself), <c>backlog</c>, <c>tcp-nodelay</c> and <c>tcp-keepalive</c>; <c>connection-timeout</c> is Akka.Remote's, for handshakes.
/// Of its own are <c>connect-timeout</c>, for connects; <c>acknowledge-timeout</c>, after which a connection whose peer acknowledges nothing is closed; and
/// <c>receive-by-turns</c>, for a client: what comes over connections that it opens is received by <see cref="ReceivingThreads"/>.
/// At a <see cref="ClientAddress"/> it does not listen. With <c>raft-only</c>, for an ActorSystem whose messages are AkkaRaft's alone, all that is not AkkaRaft's is refused before
/// it is decoded (<see cref="FrameFilter"/>), only members that this process speaks to by itself are connected to, and a peer that leaves <c>unsent-bytes</c> untaken is closed.
/// It has no TLS yet, and refuses to go without where it is asked for. The other settings are of DotNetty's workings.
/// </remarks>
internal sealed class SocketTransport : Transport
{
    // As when no descriptor is left: what is wrong may pass.
    private static readonly TimeSpan AcceptAgainAfter = TimeSpan.FromMilliseconds(100);

    private static readonly ConditionalWeakTable<ActorSystem, SocketTransport> Listening = [];

    // Of Linux: how long what was sent may stay unacknowledged.
    private const int IpProtocolTcp = 6;
    private const int TcpUserTimeout = 18;

    // Whom it speaks to are members; more were told by somebody who should not be believed.
    private const int MaxReachable = 1024;
    private const int ConnectionsOfAMember = 8;
    // So many slow consumers at a time.
    private const int UnsentInAll = 4;
    // Of messages that have arrived in part; a buffer takes up to twice of what it holds.
    private const long UnfinishedBytes = 32 * 1024 * 1024;
    private const int UnfinishedOfLargest = 8;
    private const int MostHandshakesAtOnce = 500;
    private const int HandshakesPerSecond = 100;
    // No host has it (RFC 2606), and no client.
    private const string AliasSuffix = ".accepted.invalid";

    // The last of a thread's: most messages come in a row.
    [ThreadStatic] private static IActorRef? _reader;
    [ThreadStatic] private static SocketAssociation? _read;

    private readonly ConditionalWeakTable<IActorRef, SocketAssociation> _readers = [];
    private readonly ILoggingAdapter _logger;
    private readonly PeerWarnings _warnings;
    private readonly TaskCompletionSource<IAssociationEventListener> _associations = new(TaskCreationOptions.RunContinuationsAsynchronously);
    // As a set.
    private readonly ConcurrentDictionary<SocketAssociation, bool> _open = new(ReferenceEqualityComparer.Instance);
    private readonly CancellationTokenSource _shutdown = new();
    private readonly TimeSpan _connectTimeout;
    private readonly TimeSpan _acknowledgeTimeout;
    private readonly bool _receivesByTurns;
    private readonly bool _isRaftOnly;
    // Members that this process speaks to, as host:port.
    private readonly ConcurrentDictionary<string, Reached> _reachable = new(StringComparer.OrdinalIgnoreCase);
    private readonly int _maxConnections = FileDescriptors.MaxConnections;
    private readonly HandshakeRate _rate = new(MostHandshakesAtOnce, HandshakesPerSecond);
    private long _aliases;
    private PendingHandshakes? _handshakes;
    private ConnectionRules? _rules;
    private Socket? _server;
    private Address? _self;

    /// <summary>Called by Akka.Remote, by the name in <c>transport-class</c>.</summary>
    public SocketTransport(ActorSystem system, Config config)
    {
        System = system;
        Config = config;
        SchemeIdentifier = "tcp";
        MaximumPayloadBytes = config.GetByteSize("maximum-frame-size") ?? throw new RaftConfigurationException("akka.remote.dot-netty.tcp.maximum-frame-size is missing.");
        _connectTimeout = config.GetTimeSpan("connect-timeout", config.GetTimeSpan("connection-timeout"));
        _acknowledgeTimeout = config.GetTimeSpan("acknowledge-timeout", TimeSpan.Zero);
        _receivesByTurns = config.GetBoolean("receive-by-turns");
        _isRaftOnly = config.GetBoolean("raft-only");
        _logger = Logging.GetLogger(system, this);
        _warnings = new PeerWarnings(_logger);
    }

    /// <summary>The transport under an ActorSystem; null when it has another.</summary>
    public static SocketTransport? Of(ActorSystem system) => Listening.TryGetValue(system, out var transport) ? transport : null;

    public override bool IsResponsibleFor(Address remote) => true;

    public override async Task<(Address, TaskCompletionSource<IAssociationEventListener>)> Listen()
    {
        if (Config.GetBoolean("enable-ssl"))
            throw new RaftConfigurationException("akka.remote.dot-netty.tcp.enable-ssl = on, and AkkaRaft's transport has no TLS yet: nothing would be encrypted. Turn it off, and keep the ports on a network that you trust.");
        if (Config.GetString("byte-order") is not "little-endian" and var order)
            throw new RaftConfigurationException($"akka.remote.dot-netty.tcp.byte-order = \"{order}\", and AkkaRaft's transport knows little-endian alone.");
        Listening.AddOrUpdate(System, this);
        System.EventStream.Subscribe(((ExtendedActorSystem)System).SystemActorOf(Props.CreateBy(new Producer<Ends>(() => new Ends(this)))), typeof(DisassociatedEvent));
        var host = Config.GetString("hostname");
        if (ClientAddress.IsHost(host))
        {
            _self = new Address(SchemeIdentifier, System.Name, host, ClientAddress.Port);
            _rules = RulesOf(_self);
            return (_self, _associations);
        }
        var at = new IPEndPoint(await ResolveAsync(host).ConfigureAwait(false), Config.GetInt("port"));
        _server = new Socket(at.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            _server.Bind(at);
            _server.Listen(Config.GetInt("backlog"));
        }
        catch
        {
            _server.Dispose();
            throw;
        }

        var publicHost = Config.GetString("public-hostname");
        var publicPort = Config.GetInt("public-port");
        _self = new Address(SchemeIdentifier, System.Name, publicHost is "" ? host : publicHost, publicPort > 0 ? publicPort : ((IPEndPoint)_server.LocalEndPoint!).Port);
        _rules = RulesOf(_self);
        _handshakes = new PendingHandshakes(_maxConnections / 4, Config.GetTimeSpan("connection-timeout"), Expired);
        _ = AcceptAsync(_server, _handshakes);
        return (_self, _associations);
    }

    private ConnectionRules RulesOf(Address self) => new()
    {
        MaxFrameBytes = (int)MaximumPayloadBytes,
        IsStranger = IsStranger,
        Filter = _isRaftOnly ? new FrameFilter(self) : null,
        Unsent = _isRaftOnly && Config.GetByteSize("unsent-bytes") is { } bytes ? new UnsentBytes(bytes, UnsentInAll * bytes) : null,
        Unfinished = new UnfinishedFrames(Math.Max(UnfinishedBytes, UnfinishedOfLargest * MaximumPayloadBytes)),
        Warnings = _warnings,
    };

    private async Task<IPAddress> ResolveAsync(string host)
    {
        if (host is "") return IPAddress.Any;
        if (IPAddress.TryParse(host, out var address)) return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
        var family = Config.GetBoolean("dns-use-ipv6") ? AddressFamily.InterNetworkV6 : AddressFamily.InterNetwork;
        return (await Dns.GetHostAddressesAsync(host, family).ConfigureAwait(false))[0];
    }

    private async Task AcceptAsync(Socket server, PendingHandshakes handshakes)
    {
        var associations = await _associations.Task.ConfigureAwait(false);
        while (!_shutdown.IsCancellationRequested)
        {
            try
            {
                var socket = await server.AcceptAsync(_shutdown.Token).ConfigureAwait(false);
                // The thread that tells of it tells of all that arrives, and would be held by whoever connects without end.
                await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                var from = (IPEndPoint)socket.RemoteEndPoint!;
                var association = Open(socket, new Address(SchemeIdentifier, System.Name, from.Address.ToString(), from.Port), peer: null);
                // Akka.Remote learns of it once it has said who it is.
                association.Introduced = () => TakeUp(association, associations);
                handshakes.Add(association);
                association.AwaitHandshake();
            }
            catch (SocketException e)
            {
                _warnings.Warn("accept", $"No connection could be accepted at {_self}: {e.Message}");
                await Task.Delay(AcceptAgainAfter).ConfigureAwait(false);
            }
            catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
            {
                return;
            }
        }
    }

    /// <returns>False to close the connection.</returns>
    private bool TakeUp(SocketAssociation association, IAssociationEventListener associations)
    {
        _handshakes!.Remove(association);
        if (association.Peer!.Host!.EndsWith(AliasSuffix, StringComparison.OrdinalIgnoreCase)) return false;
        if (!IsInTime(association) || !IsWelcome(association) || !HasRoomFor(association)) return false;
        if (_isRaftOnly && IsReachable(association.Peer!))
        {
            (association.Alias, association.IsMembers) = (NewAlias(), ComesFromWhereItIs(association));
            if (!association.IsMembers && PlaceOf(association.Peer!) is { } place)
                _warnings.Warn(association.RemoteAddress.Host, $"{association.Described} calls itself a member that is reached at {place}. Nothing that is for that member is sent to it, and it is heard as a member only if it knows what members alone are told.");
        }
        association.IsAccepted = true;
        associations.Notify(new InboundAssociation(association));
        return true;
    }

    /// <summary>A member that this process speaks to is counted for itself: others at its host, or in its name elsewhere, do not keep it out.</summary>
    private bool IsInTime(SocketAssociation newcomer)
    {
        if (!_isRaftOnly || _rate.TryTake(IsReachable(newcomer.Peer!) ? $"{newcomer.RemoteAddress.Host} {newcomer.Peer}" : newcomer.RemoteAddress.Host)) return true;
        _warnings.Warn(newcomer.RemoteAddress.Host, $"{newcomer.Described} connects too often, and its connection is closed: {HandshakesPerSecond} a second may come from there, after {MostHandshakesAtOnce} at once. A program that makes many calls does so over one client.");
        return false;
    }

    private Address NewAlias() => new(SchemeIdentifier, System.Name, $"{Interlocked.Increment(ref _aliases)}{AliasSuffix}", ClientAddress.Port);

    /// <summary>One host has half of the connections at most. A member that this process speaks to has some of its own where it is, whatever others hold, also in its name.</summary>
    private bool HasRoomFor(SocketAssociation newcomer)
    {
        int inAll = 0, ofHost = 0;
        var ofMember = new List<SocketAssociation>();
        foreach (var association in _open.Keys)
        {
            if (!association.IsAccepted) continue;
            inAll++;
            if (association.RemoteAddress.Host != newcomer.RemoteAddress.Host) continue;
            ofHost++;
            if (newcomer.Peer!.Equals(association.Peer)) ofMember.Add(association);
        }
        if (IsReachable(newcomer.Peer!) && ComesFromWhereItIs(newcomer))
        {
            // So many are of no use to it: the member is never shut out by those that it has given up.
            if (ofMember.Count >= ConnectionsOfAMember) ofMember.ForEach(association => association.Close());
            return true;
        }
        if (inAll < _maxConnections && ofHost < Math.Max(1, _maxConnections / 2)) return true;
        _warnings.Warn(newcomer.RemoteAddress.Host, $"{newcomer.Described} is one too many, and its connection is closed: {inAll} of {_maxConnections} connections are open, {ofHost} of them from there. The limit of open files sets how many there may be.");
        return false;
    }

    private bool ComesFromWhereItIs(SocketAssociation newcomer) =>
        PlaceOf(newcomer.Peer!) == newcomer.RemoteAddress.Host;

    /// <summary>The IP address at which a member is; null while it is named by a host and was not reached yet.</summary>
    private string? PlaceOf(Address member) =>
        IPAddress.TryParse(member.Host, out var named) ? named.ToString() : _reachable.GetValueOrDefault(Addresses.Join(member))?.Place;

    private void Expired(SocketAssociation association)
    {
        _warnings.Warn(association.RemoteAddress.Host, $"{association.Described} connected and did not say who it is within {Config.GetTimeSpan("connection-timeout").TotalSeconds:0.#} s, or others came that had to have its place: its connection is closed.");
        association.Close();
    }

    public override async Task<AssociationHandle> Associate(Address remoteAddress)
    {
        if (IsStranger(remoteAddress)) throw Unreachable(remoteAddress);
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(_shutdown.Token);
        timeout.CancelAfter(_connectTimeout);
        try
        {
            await ConnectAsync(socket, remoteAddress, timeout.Token).ConfigureAwait(false);
            if (IsReachable(remoteAddress)) _reachable[Addresses.Join(remoteAddress)] = new Reached(remoteAddress.System, ((IPEndPoint)socket.RemoteEndPoint!).Address.ToString());
            return Open(socket, remoteAddress, remoteAddress, _receivesByTurns);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException or ObjectDisposedException)
        {
            socket.Dispose();
            throw new InvalidAssociationException(e is SocketException ? $"{e.Message} {remoteAddress}" : $"No connection within {_connectTimeout.TotalSeconds:0.0} s to {remoteAddress}", e);
        }
    }

    private async Task ConnectAsync(Socket socket, Address remote, CancellationToken timeout)
    {
        var port = remote.Port!.Value;
        // On macOS a connect that is waited for cannot be given up.
        if (!_receivesByTurns || OperatingSystem.IsMacOS())
        {
            await socket.ConnectAsync(IPAddress.TryParse(remote.Host, out var ip) ? new IPEndPoint(ip, port) : new DnsEndPoint(remote.Host, port), timeout).ConfigureAwait(false);
            return;
        }
        // After one that is not, .NET's own thread would wake for all that arrives here too.
        var connecting = Task.Factory.StartNew(() => socket.Connect(remote.Host, port), timeout, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        // Once it is given up, nobody wants to know how it ended.
        _ = connecting.ContinueWith(static given => _ = given.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        await connecting.WaitAsync(timeout).ConfigureAwait(false);
    }

    private SocketAssociation Open(Socket socket, Address remote, Address? peer, bool receivesByTurns = false)
    {
        socket.NoDelay = Config.GetBoolean("tcp-nodelay");
        if (Config.GetBoolean("tcp-keepalive")) KeepAlive(socket);
        if (Config.GetByteSize("send-buffer-size") is > 0 and var send) socket.SendBufferSize = (int)send;
        if (Config.GetByteSize("receive-buffer-size") is > 0 and var receive) socket.ReceiveBufferSize = (int)receive;
        var association = new SocketAssociation(socket, _self!, remote, _rules!, receivesByTurns) { Peer = peer };
        _open[association] = true;
        association.Closed = () =>
        {
            _open.TryRemove(association, out _);
            _handshakes?.Remove(association);
        };
        if (_shutdown.IsCancellationRequested) association.Close();
        return association;
    }

    /// <summary>Without these the system keeps a connection to whoever vanished for hours, and one over a link that was cut for as long again as the cut was.</summary>
    private void KeepAlive(Socket socket)
    {
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        if (_acknowledgeTimeout <= TimeSpan.Zero) return;
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveInterval, 1);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveRetryCount, Math.Max(1, (int)_acknowledgeTimeout.TotalSeconds));
        if (OperatingSystem.IsLinux()) socket.SetRawSocketOption(IpProtocolTcp, TcpUserTimeout, BitConverter.GetBytes((int)_acknowledgeTimeout.TotalMilliseconds));
    }

    // ---- several connections with one peer -----------------------------------------------------------------------

    /// <summary>
    /// The connections with a peer end together. When a peer opens another, Akka.Remote stops reading the one that it has, and does not go back to it when the other ends
    /// (EndpointReader, NotReading): the peer may have given that one up before its handshake was read, and speak over the first, and would be heard no more.
    /// A connection may have ended long before Akka.Remote takes it up, and only Akka.Remote knows when it has done with it. One that has an alias is alone under its name.
    /// </summary>
    private sealed class Ends : ReceiveActor
    {
        public Ends(SocketTransport transport) =>
            Receive<DisassociatedEvent>(end => end.IsInbound, end => transport.CloseAllWith(end.RemoteAddress.WithProtocol(transport.SchemeIdentifier)));
    }

    /// <summary>A client has one connection: another means that the first is gone, or that Akka.Remote holds on to it. Both end, so that the next finds no trace of them.</summary>
    private bool IsWelcome(SocketAssociation association) =>
        !ClientAddress.Is(association.Peer) || CloseAllWith(association.Peer!, but: association) == 0;

    /// <summary>Who cannot be connected to is answered over its own connection. When Akka.Remote asks for another it would not do so, and the client is to begin anew.</summary>
    private InvalidAssociationException Unreachable(Address client)
    {
        CloseAllWith(client);
        return new InvalidAssociationException($"{client} is a client, which nobody can connect to.");
    }

    /// <summary>This process speaks to a member there. Nobody else is connected to because a message names his address: it could be any.</summary>
    /// <param name="system">The name of its ActorSystem.</param>
    /// <param name="address">As <c>host:port</c>.</param>
    public void SpeaksTo(string system, string address)
    {
        if (_reachable.TryGetValue(address, out var known) && known.System == system) return;
        if (_reachable.Count >= MaxReachable) _reachable.Clear();
        _reachable[address] = new Reached(system, null);
        // Akka.Remote would send to it over what somebody opened in its name before.
        foreach (var association in _open.Keys)
            if (association is { IsAccepted: true, Alias: null, Peer: { } peer } && _isRaftOnly && IsReachable(peer)) association.Close();
    }

    /// <summary>A client, or whoever this process does not speak to by itself.</summary>
    private bool IsStranger(Address address) => ClientAddress.Is(address) || _isRaftOnly && !IsReachable(address);

    private bool IsReachable(Address address) => _reachable.TryGetValue(Addresses.Join(address), out var known) && known.System == address.System;

    /// <param name="System">The name of the ActorSystem there.</param>
    /// <param name="Place">The IP address from which the last connection to it was answered; null before.</param>
    private sealed record Reached(string System, string? Place);

    /// <summary>A message cannot be read, although the frame around it could: its sender's connections end.</summary>
    /// <param name="system">Whose transport it is.</param>
    /// <param name="what">What is wrong.</param>
    /// <returns>False when what is read does not come over a connection of this transport.</returns>
    public static bool EndsTheOneThatIsRead(ActorSystem system, string what)
    {
        if (Of(system) is not { } transport || PeerThatIsRead() is not { } peer) return false;
        var name = peer.WithProtocol(transport.SchemeIdentifier);
        foreach (var association in transport._open.Keys)
        {
            if (!name.Equals(association.KnownAs)) continue;
            transport._warnings.Warn(association.RemoteAddress.Host, $"{association.Described} sent what cannot be read. {what} Its connection is closed. Is it of another version?");
            association.Close();
        }
        return true;
    }

    /// <summary>A message of a connection is read, by whoever reads it.</summary>
    public static void IsRead(ActorSystem system)
    {
        var reader = ActorCell.GetCurrentSelfOrNoSender();
        if (!ReferenceEquals(reader, _reader)) (_reader, _read) = (reader, Of(system)?.ReadBy(reader));
        _read?.Read();
    }

    private SocketAssociation? ReadBy(IActorRef? reader)
    {
        if (!_isRaftOnly || reader is null) return null;
        if (_readers.TryGetValue(reader, out var known)) return known;
        if (PeerThatIsRead() is not { } peer) return null;
        var name = peer.WithProtocol(SchemeIdentifier);
        var read = _open.Keys.FirstOrDefault(association => name.Equals(association.KnownAs));
        if (read is not null) _readers.AddOrUpdate(reader, read);
        return read;
    }

    /// <summary>What has arrived that Akka.Remote has yet to read, in bytes.</summary>
    public long WaitingToBeRead => _rules!.Waiting.InAll;

    /// <summary>How many messages wait in the mailboxes of whoever handles what arrives.</summary>
    public Func<int> InMailboxes
    {
        set => _rules!.Waiting.InMailboxes = value;
    }

    /// <summary>Whose frame this thread reads: Akka.Remote has an actor for each connection, with the address in its name.</summary>
    private static Address? PeerThatIsRead()
    {
        const string Reader = "endpointReader-";
        return ActorCell.GetCurrentSelfOrNoSender() is { Path.Name: var name } && name.StartsWith(Reader, StringComparison.Ordinal) && name.LastIndexOf('-') is var end && end > Reader.Length
            && Address.TryParse(WebUtility.UrlDecode(name[Reader.Length..end]), out var address) ? address : null;
    }

    /// <summary>How many of Raft's messages have arrived over the connections that are open, by peer.</summary>
    public Dictionary<Address, long> RaftMessages() => ByPeer(association => association.RaftMessages);

    /// <summary>How many bytes have arrived over the connections that are open, by peer.</summary>
    public Dictionary<Address, long> ReceivedBytes() => ByPeer(association => association.ReceivedBytes);

    private Dictionary<Address, long> ByPeer(Func<SocketAssociation, long> count)
    {
        var counts = new Dictionary<Address, long>();
        foreach (var association in _open.Keys)
        {
            // One with a name of its own is always read, and strangers have nothing to tell.
            if (association is { Alias: null, Peer: { } peer } && !IsStranger(peer)) counts[peer] = counts.GetValueOrDefault(peer) + count(association);
        }
        return counts;
    }

    /// <summary>Closes the connections with a peer, whoever opened them.</summary>
    /// <param name="peer">As Akka.Remote calls it.</param>
    /// <param name="but">One that stays.</param>
    /// <returns>How many there were.</returns>
    public int CloseAllWith(Address peer, SocketAssociation? but = null)
    {
        var closed = 0;
        foreach (var association in _open.Keys)
        {
            if (association == but || !peer.Equals(association.KnownAs)) continue;
            association.Close();
            closed++;
        }
        return closed;
    }

    public override Task<bool> Shutdown()
    {
        _shutdown.Cancel();
        _server?.Dispose();
        _handshakes?.Dispose();
        foreach (var association in _open.Keys) association.Close();
        return Task.FromResult(true);
    }
}
