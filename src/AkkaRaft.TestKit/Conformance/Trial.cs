using Akka.Actor;
using AkkaRaft.Hosting;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;

namespace AkkaRaft.TestKit.Conformance;

/// <summary>What is tried of a state machine, each thing with files of its own.</summary>
internal sealed class Trial : IDisposable
{
    private const long Term = 3;
    private const long LoadedSequenceNr = 1_000;

    private readonly RaftStateMachine _machine;
    private readonly IReadOnlyList<IRaftWrite> _commands;
    private readonly IReadOnlyList<IRaftRead> _queries;
    private readonly string _directory;
    private readonly ActorSystem _system = ActorSystem.Create("conformance", "akka { loglevel = OFF, stdout-loglevel = OFF }");
    private readonly List<LogEntry> _log = [];
    private readonly long _session = Sessions.IdFrom(2, Term, 11);
    private int _directories;

    // What all others are compared with: a state machine that was never disturbed.
    private IReadOnlyList<ReadOnlyMemory<byte>> _results = [];
    private string _empty = "";
    private string _half = "";
    private string _all = "";
    private bool _hashes;

    public Trial(RaftStateMachine machine, IReadOnlyList<IRaftWrite> commands, IReadOnlyList<IRaftRead> queries, string directory)
    {
        _machine = machine;
        _commands = commands;
        _queries = queries;
        _directory = directory;
    }

    private int Half => _log.Count / 2;

    public async Task<IReadOnlyList<string>> RunAsync()
    {
        var failures = new List<string>();
        if (!await Holds("It begins empty and applies entries", BeginAsync).ConfigureAwait(false)) return failures;
        await Holds("The same entries have the same results and lead to the same answers, however they come", CutOtherwiseAsync).ConfigureAwait(false);
        await Holds("A command that is submitted again takes effect once, and has its result again", RepeatAsync).ConfigureAwait(false);
        await Holds("After a crash it goes on from what its disk has, with all that belongs to it", CrashAsync).ConfigureAwait(false);
        await Holds("After a stop it goes on", StopAsync).ConfigureAwait(false);
        await Holds("What it says is synced is on its disk", SyncAsync).ConfigureAwait(false);
        await Holds("An image is of one moment, and another state machine goes on from it", ImageAsync).ConfigureAwait(false);
        await Holds("A damaged image, or another than described, is refused, and nothing changes", DamagedImageAsync).ConfigureAwait(false);
        await Holds("What it cannot read is answered, and it goes on", UnreadableAsync).ConfigureAwait(false);
        await Holds("The log of another state machine is refused", MismatchAsync).ConfigureAwait(false);
        if (_hashes) await Holds("Equal states have equal hashes, and others have others", HashAsync).ConfigureAwait(false);
        if (_hashes) await Holds("What it is told to forget is gone at the next start", ForgetAsync).ConfigureAwait(false);
        return failures;

        async Task<bool> Holds(string requirement, Func<Task> check)
        {
            try
            {
                await check().ConfigureAwait(false);
                return true;
            }
            catch (NonconformingException e)
            {
                failures.Add($"{requirement}: {e.Message}");
                return false;
            }
        }
    }

    public void Dispose()
    {
        _system.Terminate().Wait();
        _system.Dispose();
    }

    // ---- what is tried -------------------------------------------------------------------------------------------

    private async Task BeginAsync()
    {
        var subject = Start(NewDirectory());
        var ready = await subject.ReadyAsync().ConfigureAwait(false);
        if ((ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr) != (0, 0, 0))
            throw new NonconformingException($"On an empty directory it says that it has applied entry {ready.AppliedIndex} of term {ready.AppliedTerm} (event {ready.JournalSequenceNr}).");
        _hashes = ready.HashesState;
        WriteLog(ready.LeaderProposal);
        _empty = await subject.AskAsync(_queries).ConfigureAwait(false);
        var first = await subject.ApplyAsync(_log[..Half], SequenceNr(Half)).ConfigureAwait(false);
        _half = await subject.AskAsync(_queries).ConfigureAwait(false);
        _results = [.. first, .. await subject.ApplyAsync(_log[Half..], SequenceNr(_log.Count)).ConfigureAwait(false)];
        _all = await subject.AskAsync(_queries).ConfigureAwait(false);
        for (var i = 0; i < _log.Count; i++)
        {
            if (_log[i].Kind == EntryKind.Command == _results[i].IsEmpty)
                throw new NonconformingException($"Entry {_log[i].Index}, a {_log[i].Kind}, has a result of {_results[i].Length} bytes.");
            if (_log[i].Kind == EntryKind.Command && SessionResult.Parser.ParseFrom(_results[i].Span) is { BatchResult: null, SessionOpened: null } result)
                throw new NonconformingException($"Entry {_log[i].Index}, a command of a session that is open, comes to {result}.");
        }
        await subject.StopAsync().ConfigureAwait(false);
        if (_empty == _half || _half == _all) throw new ArgumentException("The queries have the same answers before, amid and after the commands: they tell no states apart.");
    }

    private async Task CutOtherwiseAsync()
    {
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        for (var i = 0; i < _log.Count; i++)
        {
            var result = (await subject.ApplyAsync([_log[i]], SequenceNr(i + 1)).ConfigureAwait(false))[0];
            if (!result.Span.SequenceEqual(_results[i].Span)) throw new NonconformingException($"Entry {_log[i].Index} has another result in another instance.");
        }
        await MustBeAsync(subject, _all, "all entries").ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task RepeatAsync()
    {
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        await subject.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
        await RepeatAsync(subject, _log.Count).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task CrashAsync()
    {
        var directory = NewDirectory();
        var subject = Start(directory);
        await subject.ReadyAsync().ConfigureAwait(false);
        for (var applied = 1; applied <= _log.Count; applied++)
        {
            await subject.ApplyAsync([_log[applied - 1]], SequenceNr(applied)).ConfigureAwait(false);
            if (applied == Half) await subject.AnswerAsync<StateSynced>(new SyncState()).ConfigureAwait(false);
            await GoesOnAsync(Copy(directory), applied).ConfigureAwait(false);
        }
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task StopAsync()
    {
        var directory = NewDirectory();
        var subject = Start(directory);
        await subject.ReadyAsync().ConfigureAwait(false);
        await subject.ApplyAsync(_log[..Half], SequenceNr(Half)).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
        // Entries came in one message, and stand and fall together.
        await GoesOnAsync(directory, Half, oneByOne: false).ConfigureAwait(false);
    }

    private async Task SyncAsync()
    {
        const int MostTimes = 3;
        var directory = NewDirectory();
        var subject = Start(directory);
        await subject.ReadyAsync().ConfigureAwait(false);
        for (var applied = 1; applied <= _log.Count; applied++)
        {
            await subject.ApplyAsync([_log[applied - 1]], SequenceNr(applied)).ConfigureAwait(false);
            for (var times = 1; ; times++)
            {
                var synced = await subject.AnswerAsync<StateSynced>(new SyncState()).ConfigureAwait(false);
                var crashed = Start(Copy(directory));
                var ready = await crashed.ReadyAsync().ConfigureAwait(false);
                await crashed.StopAsync().ConfigureAwait(false);
                if (synced.AppliedIndex > applied || ready.AppliedIndex < synced.AppliedIndex)
                    throw new NonconformingException($"It has applied {applied} entries and says that {synced.AppliedIndex} are synced; after a crash it has {ready.AppliedIndex}.");
                if (synced.AppliedIndex == applied) break;
                if (times == MostTimes) throw new NonconformingException($"Asked {MostTimes} times, it has synced {synced.AppliedIndex} of {applied} entries: the log would be kept whole.");
            }
        }
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task ImageAsync()
    {
        var (file, index) = await MakeImageAsync().ConfigureAwait(false);
        var before = await File.ReadAllBytesAsync(file).ConfigureAwait(false);
        var directory = NewDirectory();
        var subject = Start(directory);
        await subject.ReadyAsync().ConfigureAwait(false);
        // What it had goes, and what it could have on its disk of it.
        await subject.ApplyAsync(_log[..2], SequenceNr(2)).ConfigureAwait(false);
        await subject.AnswerAsync<StateSynced>(new SyncState()).ConfigureAwait(false);
        var check = await subject.AnswerAsync<ImageChecked>(new CheckImage(file, index, Term)).ConfigureAwait(false);
        if (check.Failure is { } failure) throw new NonconformingException($"It refuses an image of its own: {failure}");
        await MustBeAsync(subject, _empty, "a check of an image, which changes nothing").ConfigureAwait(false);
        await LoadAsync(subject, file, index).ConfigureAwait(false);

        var crashed = Start(Copy(directory));
        var ready = await crashed.ReadyAsync().ConfigureAwait(false);
        if ((ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr) != (index, Term, LoadedSequenceNr))
            throw new NonconformingException($"After a crash that follows ImageLoaded({index}), event {LoadedSequenceNr}, it has entry {ready.AppliedIndex} of term {ready.AppliedTerm}, event {ready.JournalSequenceNr}.");
        // The member's own crash may have it ask again.
        await LoadAsync(crashed, file, index).ConfigureAwait(false);
        foreach (var each in (Subject[])[subject, crashed])
        {
            if (index < _log.Count) await each.ApplyAsync(_log[(int)index..], LoadedSequenceNr + 1).ConfigureAwait(false);
            await MustBeAsync(each, _all, $"the image of entry {index} and what came after it").ConfigureAwait(false);
            await RepeatAsync(each, _log.Count).ConfigureAwait(false);
            await each.StopAsync().ConfigureAwait(false);
        }
        if (!Enumerable.SequenceEqual(before, await File.ReadAllBytesAsync(file).ConfigureAwait(false))) throw new NonconformingException("The image has changed while it was taken over.");
    }

    private async Task DamagedImageAsync()
    {
        var (file, index) = await MakeImageAsync().ConfigureAwait(false);
        var whole = await File.ReadAllBytesAsync(file).ConfigureAwait(false);
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        var wrong = await subject.AnswerAsync<ImageChecked>(new CheckImage(file, index + 1, Term)).ConfigureAwait(false);
        if (wrong.Failure is null) throw new NonconformingException($"It takes the image of entry {index} for one of entry {index + 1}.");

        const int Flips = 12;
        var damages = new List<(string What, byte[] Bytes)> { ("that is empty", []), ("that ends in its middle", whole[..(whole.Length / 2)]), ("that lacks its last byte", whole[..^1]) };
        for (var i = 0; i < Flips; i++)
        {
            var flipped = (byte[])whole.Clone();
            var at = (int)((long)(flipped.Length - 1) * i / (Flips - 1));
            flipped[at] ^= 0x10;
            damages.Add(($"whose byte {at} is another", flipped));
        }
        foreach (var (what, bytes) in damages)
        {
            var damaged = Path.Combine(NewDirectory(), "image");
            await File.WriteAllBytesAsync(damaged, bytes).ConfigureAwait(false);
            var check = await subject.AnswerAsync<ImageChecked>(new CheckImage(damaged, index, Term)).ConfigureAwait(false);
            if (check.Failure is not null)
            {
                var load = await subject.AnswerAsync<ImageLoaded>(new LoadImage(damaged, index, Term, LoadedSequenceNr)).ConfigureAwait(false);
                if (load.Failure is null) throw new NonconformingException($"It takes over an image {what}, which it had refused.");
                await MustBeAsync(subject, _empty, $"an image {what}, which was refused").ConfigureAwait(false);
                continue;
            }
            // What is not looked at may be anything.
            var other = Start(NewDirectory());
            await other.ReadyAsync().ConfigureAwait(false);
            await LoadAsync(other, damaged, index).ConfigureAwait(false);
            if (index < _log.Count) await other.ApplyAsync(_log[(int)index..], LoadedSequenceNr + 1).ConfigureAwait(false);
            await MustBeAsync(other, _all, $"an image {what}, which was not refused").ConfigureAwait(false);
            await RepeatAsync(other, _log.Count).ConfigureAwait(false);
            await other.StopAsync().ConfigureAwait(false);
        }
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task UnreadableAsync()
    {
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        await subject.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
        var index = _log.Count;
        foreach (var (payload, what) in ((ByteString, string)[])[(ByteString.CopyFrom(0xFF, 0xFE, 0xFD), "no command at all"), (Batch(_commands.Count + 1, ByteString.CopyFrom(0xFF, 0xFE, 0xFD)), "a command that is none of its own")])
        {
            index++;
            var result = (await subject.ApplyAsync([new LogEntry(index, Term, index, EntryKind.Command, payload.Memory)], SequenceNr(index)).ConfigureAwait(false))[0];
            if (result.IsEmpty) throw new NonconformingException($"An entry that holds {what} has no result.");
            await MustBeAsync(subject, _all, $"an entry that holds {what}").ConfigureAwait(false);
        }
        if ((await subject.QueryAsync(new byte[] { 0xFF, 0xFE }).ConfigureAwait(false)).IsEmpty) throw new NonconformingException("A query that is none is answered by nothing.");
        await RepeatAsync(subject, index).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task MismatchAsync()
    {
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        var proposal = ClientCommands.ProposalOf("another-state-machine", new RaftSettings
        {
            ClusterId = "conformance", Id = new(0), DataDirectory = _directory, Members = System.Collections.Immutable.ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty.Add(new(0), new(new(0), "127.0.0.1:1")),
        });
        await subject.AnswerAsync<StateMachineFailed>(new ApplyEntries([new LogEntry(1, Term, 1, EntryKind.NoOp, proposal.ToByteArray())], 1)).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
    }

    private async Task HashAsync()
    {
        var (file, index) = await MakeImageAsync().ConfigureAwait(false);
        var (one, half, loaded) = (Start(NewDirectory()), Start(NewDirectory()), Start(NewDirectory()));
        foreach (var subject in (Subject[])[one, half, loaded]) await subject.ReadyAsync().ConfigureAwait(false);
        await one.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
        await LoadAsync(loaded, file, index).ConfigureAwait(false);
        if (index < _log.Count) await loaded.ApplyAsync(_log[(int)index..], LoadedSequenceNr + 1).ConfigureAwait(false);
        await half.ApplyAsync(_log[..Half], SequenceNr(Half)).ConfigureAwait(false);
        var hash = await HashOf(one, _log.Count + 1).ConfigureAwait(false);
        if (hash != await HashOf(loaded, _log.Count + 1).ConfigureAwait(false)) throw new NonconformingException("A state that was taken over from an image has another hash than the one that the same entries lead to.");
        if (hash == await HashOf(half, Half + 1).ConfigureAwait(false)) throw new NonconformingException("States that differ have the same hash.");
        foreach (var subject in (Subject[])[one, half, loaded]) await subject.StopAsync().ConfigureAwait(false);
        // A session that was opened is a difference, and an entry without effect is none.
        var (opened, idle) = (Start(NewDirectory()), Start(NewDirectory()));
        var another = new SessionCommand { OpenSession = new OpenSession { ClientName = "conformance", Nonce = 12, StateMachine = _machine.Name } }.ToByteArray();
        foreach (var (subject, kind, payload) in ((Subject, EntryKind, byte[])[])[(opened, EntryKind.Command, another), (idle, EntryKind.NoOp, [])])
        {
            await subject.ReadyAsync().ConfigureAwait(false);
            await subject.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
            await subject.ApplyAsync([new LogEntry(_log.Count + 1, Term, _log.Count + 1, kind, payload)], LoadedSequenceNr).ConfigureAwait(false);
        }
        if (await HashOf(opened, _log.Count + 2).ConfigureAwait(false) == await HashOf(idle, _log.Count + 2).ConfigureAwait(false))
            throw new NonconformingException("States with other sessions have the same hash.");
        foreach (var subject in (Subject[])[opened, idle]) await subject.StopAsync().ConfigureAwait(false);

        async Task<string> HashOf(Subject subject, int at)
        {
            var result = (await subject.ApplyAsync([new LogEntry(at, Term, at, EntryKind.StateCheck, default)], LoadedSequenceNr + at).ConfigureAwait(false))[0];
            return result.Length == sizeof(ulong) ? Convert.ToHexString(result.Span) : throw new NonconformingException($"A StateCheck has a result of {result.Length} bytes, and a hash has {sizeof(ulong)}.");
        }
    }

    private async Task ForgetAsync()
    {
        var directory = NewDirectory();
        var subject = Start(directory);
        await subject.ReadyAsync().ConfigureAwait(false);
        await subject.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
        await subject.AnswerAsync<StateSynced>(new SyncState()).ConfigureAwait(false);
        await subject.AnswerAsync<StateForgotten>(new ForgetState()).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
        var anew = Start(directory);
        var ready = await anew.ReadyAsync().ConfigureAwait(false);
        if (ready.AppliedIndex != 0) throw new NonconformingException($"It has applied entry {ready.AppliedIndex} at the next start.");
        await anew.ApplyAsync(_log, SequenceNr(_log.Count)).ConfigureAwait(false);
        await MustBeAsync(anew, _all, "the whole log").ConfigureAwait(false);
        await anew.StopAsync().ConfigureAwait(false);
    }

    // ---- what these have in common -------------------------------------------------------------------------------

    /// <summary>A state machine over what a crash has left goes on to the same state, and knows each session's results.</summary>
    private async Task GoesOnAsync(string directory, int applied, bool oneByOne = true)
    {
        var subject = Start(directory);
        var ready = await subject.ReadyAsync().ConfigureAwait(false);
        var index = (int)ready.AppliedIndex;
        if (index < 0 || index > applied) throw new NonconformingException($"After {applied} entries it begins with entry {index}.");
        if (ready.AppliedTerm != (index == 0 ? 0 : Term)) throw new NonconformingException($"It has applied entry {index} of term {Term}, and says of term {ready.AppliedTerm}.");
        if (oneByOne && ready.JournalSequenceNr != SequenceNr(index) || ready.JournalSequenceNr > SequenceNr(applied))
            throw new NonconformingException($"It has applied entry {index}, which came with event {SequenceNr(index)}, and says event {ready.JournalSequenceNr}.");
        if (index < _log.Count)
        {
            var results = await subject.ApplyAsync(_log[index..], SequenceNr(_log.Count)).ConfigureAwait(false);
            for (var i = 0; i < results.Count; i++)
                if (!results[i].Span.SequenceEqual(_results[index + i].Span)) throw new NonconformingException($"After {applied} entries and a start with entry {index}, entry {index + i + 1} has another result than without.");
        }
        await MustBeAsync(subject, _all, $"{applied} entries, a start with entry {index}, and the rest").ConfigureAwait(false);
        await RepeatAsync(subject, _log.Count).ConfigureAwait(false);
        await subject.StopAsync().ConfigureAwait(false);
    }

    /// <summary>All commands come again, as from a client that had no answer.</summary>
    private async Task RepeatAsync(Subject subject, long index)
    {
        for (var i = 0; i < _log.Count; i++)
        {
            if (_log[i].Kind != EntryKind.Command || SessionCommand.Parser.ParseFrom(_log[i].Payload.Span).Batch is null) continue;
            index++;
            var result = (await subject.ApplyAsync([_log[i] with { Index = index, TimestampMs = index }], LoadedSequenceNr + index).ConfigureAwait(false))[0];
            if (!result.Span.SequenceEqual(_results[i].Span))
                throw new NonconformingException($"The commands of entry {i + 1}, submitted again, come to {SessionResult.Parser.ParseFrom(result.Span)}, and were {SessionResult.Parser.ParseFrom(_results[i].Span)}.");
        }
        await MustBeAsync(subject, _all, "commands that were submitted again").ConfigureAwait(false);
    }

    private async Task MustBeAsync(Subject subject, string answers, string after)
    {
        if (await subject.AskAsync(_queries).ConfigureAwait(false) != answers) throw new NonconformingException($"After {after}, queries have other answers than they must.");
    }

    /// <summary>Made at the half, while it goes on.</summary>
    private async Task<(string File, long Index)> MakeImageAsync()
    {
        var subject = Start(NewDirectory());
        await subject.ReadyAsync().ConfigureAwait(false);
        await subject.ApplyAsync(_log[..Half], SequenceNr(Half)).ConfigureAwait(false);
        var file = Path.Combine(NewDirectory(), "image");
        subject.Tell(new SaveImage(file));
        subject.Tell(new ApplyEntries(_log[Half..], SequenceNr(_log.Count)));
        var saved = await subject.NextAsync<ImageSaved>("gets SaveImage").ConfigureAwait(false);
        if (saved.Failure is { } failure) throw new NonconformingException($"It writes no image: {failure}");
        if (saved.Index < Half || saved.Index > _log.Count || saved.Term != Term) throw new NonconformingException($"Its image is of entry {saved.Index} of term {saved.Term}, and it was at entry {Half} of term {Term}.");
        await subject.StopAsync().ConfigureAwait(false);
        return (file, saved.Index);
    }

    private static async Task LoadAsync(Subject subject, string file, long index)
    {
        var loaded = await subject.AnswerAsync<ImageLoaded>(new LoadImage(file, index, Term, LoadedSequenceNr)).ConfigureAwait(false);
        if (loaded.Failure is { } failure) throw new NonconformingException($"It refuses an image that it had found good: {failure}");
        if (loaded.Index != index) throw new NonconformingException($"It says ImageLoaded({loaded.Index}) of an image of entry {index}.");
    }

    /// <summary>A leader's first entry, a session, a batch of half the commands, a configuration, and the other half one by one.</summary>
    private void WriteLog(ReadOnlyMemory<byte> proposal)
    {
        Append(EntryKind.NoOp, proposal);
        Append(EntryKind.Command, new SessionCommand { OpenSession = new OpenSession { ClientName = "conformance", Nonce = 11, StateMachine = _machine.Name } }.ToByteArray());
        var half = _commands.Count / 2;
        Append(EntryKind.Command, Batch(1, [.. _commands.Take(half).Select(_machine.Requests.Encode)]).Memory);
        Append(EntryKind.Configuration, ConfigurationCodec.Encode(Configuration.Of([new RaftEndpoint(new(0), "127.0.0.1:1")])));
        for (var i = half; i < _commands.Count; i++) Append(EntryKind.Command, Batch(i + 1, _machine.Requests.Encode(_commands[i])).Memory);
    }

    private ByteString Batch(long firstSerial, params ReadOnlySpan<ByteString> operations)
    {
        var batch = new SessionBatch { Session = _session, FirstSerial = firstSerial };
        foreach (var operation in operations) batch.Operations.Add(operation);
        return new SessionCommand { Batch = batch }.ToByteString();
    }

    private void Append(EntryKind kind, ReadOnlyMemory<byte> payload) => _log.Add(new LogEntry(_log.Count + 1, Term, _log.Count + 1, kind, payload));

    /// <summary>The journal has other events between those of entries.</summary>
    private static long SequenceNr(long index) => 2 * index;

    private Subject Start(string directory) => new(_system, _machine, directory);

    private string NewDirectory() => Directory.CreateDirectory(Path.Combine(_directory, $"{_directories++}")).FullName;

    private string Copy(string directory)
    {
        var copy = NewDirectory();
        foreach (var file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            var to = Path.Combine(copy, Path.GetRelativePath(directory, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        return copy;
    }
}
