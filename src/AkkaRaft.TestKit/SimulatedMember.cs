using System.Collections.Immutable;
using System.Runtime.InteropServices;
using Akka.Actor;
using AkkaRaft.Consensus;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Remoting;
using AkkaRaft.StateMachines;
using AkkaRaft.TestKit.Checking;
using AkkaRaft.TestKit.Engine;
using AkkaRaft.TestKit.Journaling;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace AkkaRaft.TestKit;

/// <summary>One member of the simulation: what outlives its process, and its process while it runs.</summary>
internal sealed class SimulatedMember(int id, VirtualDisk disk, MemberClock clock, string stateName, string snapshots) : IDisposable
{
    // As long as it is open, the state that another connection wrote stays, as a file would.
    private readonly SqliteConnection _state = new($"Data Source=file:{stateName}?mode=memory&cache=shared;Pooling=False");

    private readonly string _stateFile = $"file:{stateName}?mode=memory&cache=shared";
    private readonly List<KeyValueActor> _stores = [];
    private byte[] _synced = [];
    private int _syncedLength;
    private StateContent? _content;

    public int Id { get; } = id;

    public VirtualDisk Disk { get; } = disk;

    public MemberClock Clock { get; } = clock;

    public SimulatedProcess? Process { get; set; }

    /// <summary>What the state machine runs in: it can be slow alone.</summary>
    public SimulatedProcess? StateMachineProcess { get; set; }

    public IActorRef Gateway { get; set; } = ActorRefs.Nobody;

    public RaftActor? Raft { get; set; }

    public int Starts { get; set; }

    public bool IsUp => Process is not null;

    /// <summary>It was started to join a cluster that runs.</summary>
    public bool Joins { get; set; }

    /// <summary>Its applied index when its state was compared last.</summary>
    public long ComparedAt { get; set; }

    /// <summary>It has learned that it is no member any more.</summary>
    public bool HasLeft { get; set; }

    /// <summary>Its next start makes a cluster of one out of it.</summary>
    public bool IsForcedSingle { get; set; }

    /// <summary>What its next start begins with, as one of a new cluster.</summary>
    public (Snapshot Snapshot, string File)? RestoresFrom { get; set; }

    /// <summary>The members of the cluster that it began in with a backup; null for one that began otherwise.</summary>
    public ImmutableSortedDictionary<MemberId, RaftEndpoint>? Founders { get; private set; }

    /// <summary>It has stopped for good.</summary>
    public bool HasFailed { get; set; }

    /// <summary>The actor of a plain class; null where there is none.</summary>
    public PlainStateMachineActor? Plain { get; set; }

    /// <summary>Where a plain class keeps its state.</summary>
    public SimulatedStateFile StateFile { get; } = new();

    /// <summary>Its journal is gone, shorter or damaged: it has to stop for good, or to be refused, and another has to take its place.</summary>
    public bool IsLost { get; set; }

    /// <summary>Its state machine's file was taken away: it may lack a snapshot.</summary>
    public bool HasLostState { get; private set; }

    /// <summary>Its state machine's file was taken away, and it has not been seen with another since.</summary>
    public bool LacksState { get; set; }

    public (RaftRole Role, long Term) Shown { get; set; } = (RaftRole.Unreachable, 0);

    /// <summary>The key-value state machine, whose state outlives its process, or does not.</summary>
    public Props StateMachine(RaftSettings settings, bool survives)
    {
        if (survives && _state.State != System.Data.ConnectionState.Open) Open(_state);
        if (survives) KeepSynced();
        return Props.CreateBy(new Producer<KeyValueActor>(
            () =>
            {
                var store = new KeyValueActor(settings, survives ? _stateFile : null) { Synced = survives ? Sync : () => { } };
                _stores.Add(store);
                return store;
            }));
    }

    /// <summary>The next sync of its state machine's file ends with an error.</summary>
    public bool NextSyncFails { get; set; }

    private void Sync()
    {
        if (NextSyncFails)
        {
            NextSyncFails = false;
            throw new InjectedFaultException("The state's disk does not sync.");
        }
        KeepSynced();
    }

    // A copy of the pages as they are costs a fifth of what a backup into another connection does.
    private void KeepSynced()
    {
        var pages = raw.sqlite3_serialize(_state.Handle, "main", out var length, 0);
        try
        {
            _syncedLength = (int)length;
            if (_synced.Length < length) _synced = new byte[length * 2];
            if (length > 0) Marshal.Copy(pages, _synced, 0, (int)length);
        }
        finally
        {
            raw.sqlite3_free(pages);
        }
    }

    private void GoBackToSynced()
    {
        using var synced = Memory();
        if (_syncedLength > 0)
        {
            var pages = raw.sqlite3_malloc64(_syncedLength);
            Marshal.Copy(_synced, 0, pages, _syncedLength);
            // It frees the pages itself, also when it fails.
            SqliteException.ThrowExceptionForRC(raw.sqlite3_deserialize(synced.Handle, "main", pages, _syncedLength, _syncedLength, raw.SQLITE_DESERIALIZE_FREEONCLOSE), synced.Handle);
        }
        synced.BackupDatabase(_state);
    }

    /// <summary>The state's file goes back to what was synced last, and of an image that is being fetched something is lost or never came to the disk.</summary>
    public void LoseUnsyncedState(Random random)
    {
        if (_state.State == System.Data.ConnectionState.Open) GoBackToSynced();
        var image = Path.Combine(snapshots, "incoming.image");
        var description = Path.Combine(snapshots, "incoming.snapshot");
        if (!File.Exists(image) || !File.Exists(description)) return;
        using var file = new FileStream(image, FileMode.Open);
        var whole = Protocol.Wire.WireSnapshot.Parser.ParseFrom(File.ReadAllBytes(description).AsSpan(sizeof(uint))).Length;
        if (file.Length >= whole) return;
        var (kept, length) = (random.NextInt64(file.Length + 1), file.Length);
        file.SetLength(kept);
        if (random.Next(2) == 0) file.SetLength(length);
    }

    /// <summary>Nothing is left of what it stored.</summary>
    public void Wipe()
    {
        IsLost = true;
        Disk.Wipe();
        LoseState(withImages: true);
    }

    /// <summary>Another takes its name, with an empty disk.</summary>
    public void BeginAnew(ImmutableSortedDictionary<MemberId, RaftEndpoint> founders)
    {
        Wipe();
        IsLost = HasFailed = Joins = false;
        Founders = founders;
    }

    /// <summary>Writes an image of its state.</summary>
    public void BackUp(string file) => _stores[^1].BackUp(file);

    /// <summary>Its state is gone, or about to: what its log no longer has, it takes from another member.</summary>
    public void GivesStateUp() => HasLostState = LacksState = true;

    /// <summary>Nothing is left of its state machine's file; its journal is whole.</summary>
    public void LoseState(bool withImages)
    {
        GivesStateUp();
        StateFile.Lose();
        using (var empty = Memory()) empty.BackupDatabase(_state);
        if (withImages && Directory.Exists(snapshots)) Directory.Delete(snapshots, recursive: true);
    }

    /// <summary>Changes the last byte of the image that it made.</summary>
    /// <returns>Whether there was one.</returns>
    public bool DamageImage()
    {
        var image = Path.Combine(snapshots, "own.image");
        // One of the two is there for a moment while an image takes the place of another.
        if (!File.Exists(Path.Combine(snapshots, "own.snapshot")) || !File.Exists(image)) return false;
        var bytes = File.ReadAllBytes(image);
        bytes[^1] ^= 1;
        File.WriteAllBytes(image, bytes);
        return true;
    }

    /// <summary>What the state machine holds, for a comparison; valid until the next one.</summary>
    public (long AppliedIndex, ReadOnlyMemory<byte> Content) ReadState()
    {
        if (Plain is { State: var state }) return (state.AppliedIndex, state.ToComparable());
        foreach (var store in _stores) store.Commit();
        return (_content ??= new StateContent(_state)).Read();
    }

    /// <summary>As the operating system closes the files of a process that is gone.</summary>
    public void CloseStores()
    {
        foreach (var store in _stores) store.Close();
        _stores.Clear();
    }

    public void Dispose()
    {
        CloseStores();
        _content?.Dispose();
        _state.Dispose();
    }

    private static SqliteConnection Memory()
    {
        var connection = new SqliteConnection("Data Source=:memory:;Pooling=False");
        Open(connection);
        return connection;
    }

    /// <summary>Pages are copied whole whenever the state is synced, and these states are small.</summary>
    private static void Open(SqliteConnection connection)
    {
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA page_size = 1024";
        command.ExecuteNonQuery();
    }
}
