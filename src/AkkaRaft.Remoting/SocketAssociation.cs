using System.Buffers;
using System.Buffers.Binary;
using System.Net.Sockets;
using Akka.Actor;
using Akka.Remote.Transport;
using AkkaRaft.Remoting.Threading;
using Google.Protobuf;

namespace AkkaRaft.Remoting;

/// <summary>One connection of <see cref="SocketTransport"/>: each message is a frame of four bytes for its length, the least first, and its bytes.</summary>
internal sealed class SocketAssociation : AssociationHandle
{
    private const int HeaderBytes = sizeof(int);
    private const int SmallBufferBytes = 16 * 1024;
    // Of those that this process speaks to by itself there are few.
    private const int LargeBufferBytes = 64 * 1024;
    // There may be thousands that never say anything.
    private const int HandshakeBufferBytes = 512;
    // Nobody says that what was handed on is handled: it is looked at.
    private static readonly TimeSpan LookAgainAfter = TimeSpan.FromMilliseconds(2);
    // Then the count is wrong: of two connections in one name nobody knows whose a message was.
    private const int MostPauses = 1000;
    // Then other connections have their turn.
    private const int MaxReceivesInARow = 16;
    // Who has not said who it is has no use for more.
    private const int MaxHandshakeBytes = 4 * 1024;
    // What the peer does not take is held for so many of its largest messages; then Akka.Remote is told to wait, where what it holds itself is not bounded otherwise.
    private const int MaxFramesHeld = 4;
    // So much is sent at once. What comes meanwhile waits as it is: buffers that double would cost several times what they hold.
    private const int MaxGatheredBytes = 1024 * 1024;

    private readonly Lock _lock = new();
    private readonly Socket _socket;
    private readonly ConnectionRules _rules;
    private readonly bool _receivesByTurns;
    // Without the execution context of whoever happened to begin.
    private readonly SocketAsyncEventArgs _send = new(true);
    private readonly SocketAsyncEventArgs _receive = new(true);
    private Buffer _gathered = new();
    private Buffer _leaving = new();
    private readonly Queue<ByteString> _waiting = [];
    private int _left;
    private bool _isSending;
    private readonly Buffer _arrived = new();
    private LongFrame? _long;
    private readonly WaitingOfOne _waitingToBeRead;
    private Timer? _pause;
    private int _pauses;
    private bool _isPaused;
    private int _receivedAtOnce = SmallBufferBytes;
    private IHandleEventListener? _listener;
    private bool _isClosed;
    private long _unsent;
    private volatile Address? _peer;
    private bool _isHandshakeOver;
    private readonly FramePeer _framePeer = new();
    private long _raftMessages;
    private long _receivedBytes;

    public SocketAssociation(Socket socket, Address self, Address remote, ConnectionRules rules, bool receivesByTurns = false)
        : base(self, remote)
    {
        _socket = socket;
        _rules = rules;
        _waitingToBeRead = new WaitingOfOne(rules.Waiting);
        _receivesByTurns = receivesByTurns;
        // It waits for something to arrive, and then takes what there is; nothing else may wait for this socket.
        if (receivesByTurns) socket.Blocking = false;
        _send.Completed += (_, _) =>
        {
            if (Sent()) Send();
        };
        _receive.Completed += (_, _) => GoOnReceiving();
        ReadHandlerSource.Task.ContinueWith(task => ListenWith(task.Result), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously | TaskContinuationOptions.OnlyOnRanToCompletion, TaskScheduler.Default);
    }

    /// <summary>Called once, when the connection has closed.</summary>
    public Action Closed { get; set; } = () => { };

    /// <summary>Called once, when whoever connected has said who it is; false to close the connection. Nothing is received any more until there is a listener.</summary>
    public Func<bool> Introduced { get; set; } = () => true;

    /// <summary>The ActorSystem at the other end; null while whoever connected has not said who it is.</summary>
    public Address? Peer
    {
        get => _peer;
        init => _peer = value;
    }

    /// <summary>Whether it was opened by the other end, which has said who it is.</summary>
    public bool IsAccepted { get; set; }

    /// <summary>
    /// Under which name Akka.Remote knows who connected in the name of one that this process speaks to by itself; null for all others. It would send over this connection what
    /// is for that one, and anybody can name himself so: what is for a member goes over the connection that this process opened.
    /// </summary>
    public Address? Alias { get; set; }

    /// <summary>Whether it was opened by a member that this process speaks to, from where that one is.</summary>
    public bool IsMembers { get; set; }

    /// <summary>How Akka.Remote calls the other end.</summary>
    public Address? KnownAs => Alias ?? _peer;

    /// <summary>How many bytes have arrived.</summary>
    public long ReceivedBytes => Volatile.Read(ref _receivedBytes);

    /// <summary>How many of Raft's messages have arrived.</summary>
    public long RaftMessages => Volatile.Read(ref _raftMessages);

    // ---- sending -------------------------------------------------------------------------------------------------

    /// <returns>False when the connection is closed, or when its peer takes less than it is sent.</returns>
    public override bool Write(ByteString payload)
    {
        bool isHeld, isToBeSent;
        lock (_lock)
        {
            if (_isClosed) return false;
            isHeld = TryHold(HeaderBytes + payload.Length);
            isToBeSent = isHeld && Gather(payload);
        }
        if (isToBeSent) Send();
        else if (!isHeld && _rules.Unsent is not null) CloseAsSlowConsumer();
        return isHeld;
    }

    private bool TryHold(int bytes)
    {
        if (_rules.Unsent is { } unsent ? !unsent.TryAdd(_unsent, bytes) : _unsent > (long)MaxFramesHeld * _rules.MaxFrameBytes) return false;
        _unsent += bytes;
        return true;
    }

    private void Unhold(long bytes)
    {
        _unsent -= bytes;
        _rules.Unsent?.Remove(bytes);
    }

    /// <returns>Whether it is to be sent now, and by the caller.</returns>
    private bool Gather(ByteString payload)
    {
        if (_waiting.Count > 0 || !HasSpaceFor(payload))
        {
            _waiting.Enqueue(payload);
            return false;
        }
        Add(payload);
        if (_isSending) return false;
        _isSending = true;
        Leave();
        return true;
    }

    private bool HasSpaceFor(ByteString payload) => _gathered.Count == 0 || _gathered.Count + HeaderBytes + payload.Length <= MaxGatheredBytes;

    private void Add(ByteString payload)
    {
        var frame = _gathered.Space(HeaderBytes + payload.Length);
        BinaryPrimitives.WriteInt32LittleEndian(frame.Span, payload.Length);
        payload.Memory.CopyTo(frame[HeaderBytes..]);
        _gathered.Add(HeaderBytes + payload.Length);
    }

    private void CloseAsSlowConsumer()
    {
        _rules.Warnings.Warn(RemoteAddress.Host, $"{Described} does not take what it is sent: {Interlocked.Read(ref _unsent)} bytes wait for it. Its connection is closed; a client asks again, for less at once.");
        Close();
    }

    private void Leave()
    {
        (_gathered, _leaving) = (_leaving, _gathered);
        _left = 0;
    }

    private void Send()
    {
        try
        {
            do _send.SetBuffer(_leaving.Filled[_left..]);
            while (!_socket.SendAsync(_send) && Sent());
        }
        catch (ObjectDisposedException)
        {
            // It was closed meanwhile, and whoever did so was told.
        }
    }

    /// <returns>Whether there is more to send.</returns>
    private bool Sent()
    {
        if (_send.SocketError != SocketError.Success)
        {
            Close();
            return false;
        }
        _left += _send.BytesTransferred;
        lock (_lock)
        {
            if (_isClosed) return false;
            Unhold(_send.BytesTransferred);
            if (_left < _leaving.Count) return true;
            _leaving.RemoveAll();
            while (_waiting.TryPeek(out var next) && HasSpaceFor(next)) Add(_waiting.Dequeue());
            _isSending = _gathered.Count > 0;
            if (_isSending) Leave();
            return _isSending;
        }
    }

    // ---- receiving -----------------------------------------------------------------------------------------------

    private void ListenWith(IHandleEventListener listener)
    {
        bool isClosed;
        if (Alias is not null || !IsOfAStranger) _receivedAtOnce = LargeBufferBytes;
        lock (_lock) (_listener, isClosed) = (listener, _isClosed);
        if (isClosed) listener.Notify(End);
        else if (_receivesByTurns) ReceivingThreads.Start(ReceiveNext);
        // Whoever registers has other work than what arrives here.
        else ThreadPool.UnsafeQueueUserWorkItem(static association => association.ReceiveAsListened(), this, preferLocal: false);
    }

    /// <summary>Receives what says who has connected; what follows waits for the listener.</summary>
    public void AwaitHandshake() => Receive();

    private void ReceiveAsListened()
    {
        // Its handshake, and what came with it.
        if (HandOn()) Receive();
    }

    private void Receive()
    {
        if (!IsToWait() && !BeginReceive()) GoOnReceiving();
    }

    private void GoOnReceiving()
    {
        for (var i = 0; i < MaxReceivesInARow; i++)
        {
            if (!Arrived(_receive.SocketError, _receive.BytesTransferred) || IsToWait() || BeginReceive()) return;
        }
        ThreadPool.UnsafeQueueUserWorkItem(static association => association.GoOnReceiving(), this, preferLocal: false);
    }

    /// <summary>Whether nothing is received for now, because of what has arrived and is not handled yet; then it goes on by itself.</summary>
    private bool IsToWait()
    {
        if (!IsAccepted || _rules.Filter is null || _rules.Waiting.HasRoom(_waitingToBeRead.Bytes, IsMembers))
        {
            _pauses = 0;
            return false;
        }
        if (++_pauses % MostPauses == 0) _waitingToBeRead.Forget();
        lock (_lock)
        {
            if (_isClosed) return false;
            _isPaused = true;
            _pause ??= new Timer(static association => ((SocketAssociation)association!).GoOnAfterPause(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _pause.Change(LookAgainAfter, Timeout.InfiniteTimeSpan);
        }
        return true;
    }

    private void GoOnAfterPause()
    {
        lock (_lock)
        {
            if (!_isPaused) return;
            _isPaused = false;
        }
        Receive();
    }

    /// <summary>One of its messages has been read by Akka.Remote.</summary>
    public void Read() => _waitingToBeRead.Read();

    private void HandedOn(int length)
    {
        _waitingToBeRead.Arrived(length);
        if (Volatile.Read(ref _isClosed)) _waitingToBeRead.Forget();
    }

    /// <summary>Room for the rest of a long frame; or for as many frames as come together, once there is a listener.</summary>
    private Memory<byte> RoomToReceive()
    {
        if (_long is null) return _arrived.Space(_listener is null ? 1 : _receivedAtOnce - _arrived.Count);
        return _long.IsFull && !TakePiece(_long) ? Memory<byte>.Empty : _long.Space;
    }

    /// <returns>False when there is no room, and the connection is closed.</returns>
    private bool TakePiece(LongFrame frame)
    {
        var piece = _rules.Unfinished.Take(this, out var closed);
        foreach (var association in closed) association.CloseUnfinished();
        if (piece is null)
        {
            CloseUnfinished();
            return false;
        }
        frame.AddPiece(piece);
        // Whoever closed it meanwhile may have taken away what was not noted yet.
        lock (_lock)
            if (!_isClosed) return true;
        _rules.Unfinished.Remove(this);
        return true;
    }

    /// <summary>Nothing is received any more.</summary>
    private void GiveBack()
    {
        // Akka.Remote may keep this for long.
        _receive.SetBuffer(default);
        _arrived.GiveBack();
        GiveBackLong();
    }

    private void GiveBackLong()
    {
        if (_long is { } frame) _rules.Unfinished.GiveBack(this, frame.Pieces);
        _long = null;
    }

    private void CloseUnfinished()
    {
        _rules.Warnings.Warn(RemoteAddress.Host, $"{Described} has begun a message and not ended it, and others have too: there is no more room for them. Its connection is closed; it may connect and send it again.");
        Close();
    }

    /// <returns>False when something is there already.</returns>
    private bool BeginReceive()
    {
        try
        {
            _receive.SetBuffer(RoomToReceive());
            return _socket.ReceiveAsync(_receive);
        }
        catch (ObjectDisposedException)
        {
            // It was closed meanwhile, and whoever did so was told.
            GiveBack();
            return true;
        }
    }

    /// <summary>Waits for what arrives next.</summary>
    /// <returns>Whether there may be more to receive.</returns>
    private bool ReceiveNext()
    {
        try
        {
            _socket.Poll(Timeout.InfiniteTimeSpan, SelectMode.SelectRead);
            var bytes = _socket.Receive(RoomToReceive().Span, SocketFlags.None, out var error);
            return error == SocketError.WouldBlock || Arrived(error, bytes);
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            // It was closed meanwhile, and whoever did so was told; or it cannot be waited for.
            Close();
            GiveBack();
            return false;
        }
    }

    /// <summary>Hands on what has arrived; this thread does with it what there is to do.</summary>
    /// <returns>Whether there may be more to receive.</returns>
    private bool Arrived(SocketError error, int bytes)
    {
        if (error != SocketError.Success || bytes == 0)
        {
            Close();
            GiveBack();
            return false;
        }
        Volatile.Write(ref _receivedBytes, _receivedBytes + bytes);
        if (_long is null)
        {
            _arrived.Add(bytes);
            return HandOn();
        }
        _long.Add(bytes);
        return !_long.IsWhole || HandOnLong(_long);
    }

    /// <returns>Whether there may be more to receive now.</returns>
    private bool HandOn()
    {
        using var visit = SerialExecutor.Visit();
        var arrived = _arrived.Filled.Span;
        while (arrived.Length >= HeaderBytes)
        {
            var length = BinaryPrimitives.ReadInt32LittleEndian(arrived);
            if (length < 0 || length > (_listener is null ? MaxHandshakeBytes : _rules.MaxFrameBytes))
            {
                RefuseLength((uint)length);
                GiveBack();
                return false;
            }
            if (arrived.Length - HeaderBytes < length)
            {
                if (HeaderBytes + length > _receivedAtOnce) return BeginLong(length, arrived[HeaderBytes..]);
                break;
            }
            var frame = arrived.Slice(HeaderBytes, length);
            // From here on the listener's thread may go on with what has arrived.
            if (_listener is null) return Introduce(frame);
            if (!HandOn(frame)) return false;
            arrived = arrived[(HeaderBytes + length)..];
        }
        if (arrived.Length < _arrived.Count) _arrived.RemoveAllBut(arrived.Length);
        return true;
    }

    private bool BeginLong(int length, ReadOnlySpan<byte> arrived)
    {
        var frame = _long = new LongFrame(length);
        if (!TakePiece(frame))
        {
            GiveBack();
            return false;
        }
        arrived.CopyTo(frame.Space.Span);
        frame.Add(arrived.Length);
        _arrived.RemoveAll();
        return true;
    }

    private bool HandOnLong(LongFrame whole)
    {
        using var visit = SerialExecutor.Visit();
        var frame = whole.ToArray();
        GiveBackLong();
        return HandOn(frame, frame);
    }

    /// <param name="frame">The frame.</param>
    /// <param name="own">The same, where nothing else will be written there.</param>
    /// <returns>False when the connection is closed for it.</returns>
    private bool HandOn(ReadOnlySpan<byte> frame, byte[]? own = null)
    {
        switch (Judge(frame))
        {
            case Passage.Closed:
                GiveBack();
                return false;
            case Passage.Introduces when Alias is { } alias:
                _listener!.Notify(new InboundPayload(AkkaPdu.InTheNameOf(frame, alias)));
                return true;
            case Passage.Introduces or Passage.Open when frame.Length > 0:
                _listener!.Notify(new InboundPayload(own is null ? ByteString.CopyFrom(frame) : UnsafeByteOperations.UnsafeWrap(own)));
                return true;
            default:
                return true;
        }
    }

    private void RefuseLength(uint length)
    {
        _rules.Warnings.Warn(RemoteAddress.Host, _listener is null
            ? $"{Described} began with a message of {length} bytes, and a handshake has at most {MaxHandshakeBytes}: the connection is closed. Does another protocol speak there?"
            : $"{Described} began a message of {length} bytes, and maximum-frame-size is {_rules.MaxFrameBytes}: the connection is closed. Does another protocol speak there, or has it another frame size?");
        Close();
    }

    /// <returns>False: either it goes on with the listener, or it is closed.</returns>
    private bool Introduce(ReadOnlySpan<byte> frame)
    {
        if (AkkaPdu.Origin(frame) is { } origin)
        {
            _peer = origin;
            if (Introduced()) return false;
        }
        else Warn("something else than a handshake", default);
        Close();
        return false;
    }

    /// <summary>What becomes of a frame.</summary>
    private enum Passage
    {
        Open,
        Introduces,
        Dropped,
        Closed,
    }

    private Passage Judge(ReadOnlySpan<byte> frame)
    {
        if (_rules.Filter is not { } filter)
        {
            if (AkkaPdu.IsRaftMessage(frame)) Volatile.Write(ref _raftMessages, _raftMessages + 1);
            return Passage.Open;
        }
        var verdict = filter.Judge(frame, _framePeer);
        switch (verdict.Kind)
        {
            case FrameKind.RaftMessage when _isHandshakeOver:
                Volatile.Write(ref _raftMessages, _raftMessages + 1);
                HandedOn(frame.Length);
                return Passage.Open;
            // The answer would go to the member, over the connection that has Raft's messages.
            case FrameKind.ClientMessage when _isHandshakeOver && Alias is not null && !IsMembers:
                _rules.Warnings.Warn(RemoteAddress.Host, $"{Described} asks in the name of a member that is reached elsewhere: nothing is answered.");
                return Passage.Dropped;
            case FrameKind.ClientMessage when _isHandshakeOver:
                HandedOn(frame.Length);
                return Passage.Open;
            case FrameKind.Disassociate when IsOfAStranger:
                Close();
                return Passage.Closed;
            case FrameKind.Heartbeat when _isHandshakeOver:
            case FrameKind.Disassociate:
                return Passage.Open;
            case FrameKind.Associate when !_isHandshakeOver && AkkaPdu.Origin(frame) is { } origin:
                _isHandshakeOver = true;
                _framePeer.Prefix = FrameFilter.Prefix(origin);
                return Passage.Introduces;
            case FrameKind.Refused:
                Warn(verdict.Refusal, verdict.Said);
                break;
            case FrameKind.Associate:
                Warn("a handshake that is none, or a second one", default);
                break;
            default:
                Warn("a message before its handshake", default);
                break;
        }
        Close();
        return Passage.Closed;
    }

    private void Warn(string what, ReadOnlySpan<byte> said) =>
        _rules.Warnings.Warn(RemoteAddress.Host, $"{Described} sent {what}{(said.IsEmpty ? "" : $": {PeerWarnings.Quote(said)}")}. Nothing of it was decoded, and the connection is closed.");

    /// <summary>Who is at the other end, as the system says, and as it says itself.</summary>
    public string Described => _peer is { } peer && !peer.Equals(RemoteAddress) ? $"{RemoteAddress.Host}:{RemoteAddress.Port}, which calls itself {PeerWarnings.Quote(peer.ToString())}," : $"{RemoteAddress.Host}:{RemoteAddress.Port}";

    // ---- the end -------------------------------------------------------------------------------------------------

    [Obsolete("Akka.Remote calls the one with a reason, which calls this.")]
    public override void Disassociate()
    {
        // Akka.Remote has waited for its handshake.
        if (!IsAccepted && ReceivedBytes == 0 && !Volatile.Read(ref _isClosed))
            _rules.Warnings.Warn(Addresses.Join(RemoteAddress), $"What listens at {Addresses.Join(RemoteAddress)} takes connections and does not say who it is: it hangs, or is no member. It is tried again, also without a line.");
        Close();
    }

    /// <summary>Closes the connection, whatever is under way; messages may be lost.</summary>
    public void Close()
    {
        lock (_lock)
        {
            if (_isClosed) return;
            _isClosed = true;
            _waiting.Clear();
            Unhold(_unsent);
            // It has buffers to give back.
            if (_isPaused) _pause?.Change(TimeSpan.Zero, Timeout.InfiniteTimeSpan);
        }
        _waitingToBeRead.Forget();
        _socket.Dispose();
        _rules.Unfinished.Remove(this);
        Closed();
        _listener?.Notify(End);
    }

    /// <summary>
    /// Whoever is reached over its own connections alone is forgotten with the last one, as if it had shut down, whatever it says itself: Akka.Remote would
    /// otherwise keep the way to each address that was ever named, read a client's next connection, and try to answer over one of its own.
    /// </summary>
    private Disassociated End => new(IsOfAStranger ? DisassociateInfo.Shutdown : DisassociateInfo.Unknown);

    private bool IsOfAStranger => Alias is not null || _peer is { } peer && _rules.IsStranger(peer);

    /// <summary>Bytes in a row: in what a handshake needs at first, then small while few are held, and from a pool when it must be larger.</summary>
    private sealed class Buffer
    {
        private byte[] _small = [];
        private byte[] _bytes = [];

        public int Count { get; private set; }

        public Memory<byte> Filled => _bytes.AsMemory(0, Count);

        /// <summary>What is free behind what is held: at least so many bytes.</summary>
        public Memory<byte> Space(int bytes)
        {
            if (_bytes.Length - Count < bytes) Hold(Count + bytes <= SmallBufferBytes ? Small(Count + bytes) : ArrayPool<byte>.Shared.Rent(Math.Max(Count + bytes, 2 * Count)));
            return _bytes.AsMemory(Count);
        }

        private byte[] Small(int bytes)
        {
            var length = bytes <= HandshakeBufferBytes ? HandshakeBufferBytes : SmallBufferBytes;
            return _small.Length >= length ? _small : GC.AllocateUninitializedArray<byte>(length);
        }

        public void Add(int bytes) => Count += bytes;

        /// <summary>Nothing is held any more, and nobody writes to it.</summary>
        public void GiveBack()
        {
            Count = 0;
            Hold([]);
            _small = [];
        }

        public void RemoveAll() => RemoveAllBut(0);

        /// <summary>Keeps so many, the last.</summary>
        public void RemoveAllBut(int bytes)
        {
            _bytes.AsSpan(Count - bytes, bytes).CopyTo(_bytes);
            Count = bytes;
            if (_bytes.Length > SmallBufferBytes && Count <= SmallBufferBytes / 2) Hold(Small(SmallBufferBytes));
        }

        private void Hold(byte[] bytes)
        {
            _bytes.AsSpan(0, Count).CopyTo(bytes);
            if (_bytes.Length > SmallBufferBytes) ArrayPool<byte>.Shared.Return(_bytes);
            else _small = _bytes;
            _bytes = bytes;
        }
    }
}
