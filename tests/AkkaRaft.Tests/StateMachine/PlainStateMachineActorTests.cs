using System.Collections.Immutable;
using Akka.Actor;
using Akka.TestKit.Xunit2;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using Google.Protobuf;
using SessionOpened = AkkaRaft.Protocol.SessionOpened;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>A plain class as a member's child, the member being the test, and its disk being in memory where nothing else is said.</summary>
public sealed class PlainStateMachineActorTests : TestKit
{
    private const string Name = "diary";
    private const long Term = 7;
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly long _session = Sessions.IdFrom(1, Term, 1);

    private static readonly RaftSettings _settings = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
    };

    private readonly string _folder = Directory.CreateTempSubdirectory("akkaraft-plain-").FullName;
    private readonly FakeFile _file = new();
    private Action _whileSaving = () => { };
    private Action _whileLoading = () => { };

    private string ImageFile => Path.Combine(_folder, "image");

    protected override void AfterAll()
    {
        base.AfterAll();
        Directory.Delete(_folder, recursive: true);
    }

    // ---- beginning -----------------------------------------------------------------------------------------------

    [Fact]
    public void It_tells_its_parent_where_it_stands_and_what_it_proposes_and_answers_the_sender()
    {
        var (actor, ready) = Start();
        Assert.Equal((0, 0, 0), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr));
        Assert.Equal(ClientCommands.ProposalOf(Name, _settings), PlainProposal.Parser.ParseFrom(ready.LeaderProposal.Span));
        var asker = CreateTestProbe();
        actor.Tell(Opening, asker);
        var applied = asker.ExpectMsg<EntriesApplied>();
        Assert.Equal(1, applied.LastIndex);
        Assert.Equal(new SessionOpened(_session), SessionCodec.DecodeResult(Assert.Single(applied.Results)));
        actor.Tell(new Query(5, QueryOf("all")), asker);
        Assert.Equal((5, ""), Answer(asker.ExpectMsg<QueryReply>()));
    }

    [Fact]
    public void It_goes_on_from_the_image_that_was_saved()
    {
        _file.Content = ImageOf("a", "b");
        var (actor, ready) = Start();
        Assert.Equal((2, Term, 20), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr));
        Assert.Equal("a,b", All(actor));
        Assert.Equal(["3 c"], Apply(actor, 3, 3, "c"));
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(3), ExpectMsg<StateSynced>(_patience));
    }

    public static TheoryData<byte[]> Unusable => new("rubbish"u8.ToArray(), Array.Empty<byte>(), ImageOf("a")[..^1]);

    [Theory]
    [MemberData(nameof(Unusable))]
    public void A_saved_state_that_cannot_be_used_is_told_and_stays_until_entries_come(byte[] damaged)
    {
        _file.Content = damaged;
        for (var start = 1; start <= 2; start++)
        {
            var (waiting, again) = EventFilter.Error(contains: "Member 1's saved state cannot be used").ExpectOne(() => Start());
            Assert.Equal((0, 0, 0), (again.AppliedIndex, again.AppliedTerm, again.JournalSequenceNr));
            Assert.Equal("", All(waiting));
            Stop(waiting);
            Assert.Equal((damaged, 0), (_file.Content, _file.PutAsides));
        }
        var (actor, _) = Start();
        Apply(actor, Opening);
        Assert.Equal(1, _file.PutAsides);
        Assert.Equal(damaged, _file.Aside);
        Apply(actor, 2, 1, "a");
        Assert.Equal(1, _file.PutAsides);
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(2), ExpectMsg<StateSynced>(_patience));
        Stop(actor);
        Assert.Equal(2, Start().Ready.AppliedIndex);
    }

    [Fact]
    public void A_saved_state_that_cannot_be_used_stays_until_an_image_that_can_is_loaded()
    {
        var damaged = _file.Content = "rubbish"u8.ToArray();
        var (actor, _) = Start();
        File.WriteAllText(ImageFile, "rubbish too");
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        Assert.NotNull(ExpectMsg<ImageLoaded>().Failure);
        Assert.Equal((damaged, 0), (_file.Content, _file.PutAsides));
        File.WriteAllBytes(ImageFile, ImageOf("a"));
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        Assert.Null(ExpectMsg<ImageLoaded>(_patience).Failure);
        Assert.Equal((damaged, 1), (_file.Aside, _file.PutAsides));
        Stop(actor);
        Assert.Equal(2, Start().Ready.AppliedIndex);
    }

    [Fact]
    public void A_saved_state_that_cannot_be_used_is_not_overwritten_by_an_empty_one()
    {
        var damaged = _file.Content = "rubbish"u8.ToArray();
        var (actor, _) = Start();
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(0), ExpectMsg<StateSynced>(_patience));
        Assert.Equal(damaged, _file.Content);
    }

    [Fact]
    public void A_saved_state_of_another_state_machine_is_told_by_name_and_stays()
    {
        var foreign = _file.Content = new PlainState("bank", new Diary()).ToImage();
        EventFilter.Error(contains: "'bank'").ExpectOne(() => Start());
        Assert.Same(foreign, _file.Content);
    }

    [Fact]
    public void A_saved_state_that_cannot_be_read_now_is_no_reason_to_begin_anew()
    {
        _file.Content = ImageOf("a");
        _file.Failure = new IOException("not now");
        ExpectTerminated(Watch(ChildActorOf(Diaries, SupervisorStrategy.StoppingStrategy)), _patience);
        _file.Failure = null;
        Assert.Equal(2, Start().Ready.AppliedIndex);
        Assert.Equal(0, _file.PutAsides);
    }

    // ---- the disk ------------------------------------------------------------------------------------------------

    [Fact]
    public void What_is_synced_is_what_was_applied_when_it_was_asked_for_and_is_told_once_it_is_written()
    {
        var actor = Open();
        Apply(actor, 2, 1, "a");
        _file.Holds = true;
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(["2 b"], Apply(actor, 3, 2, "b"));
        ExpectNoMsg(TimeSpan.FromMilliseconds(100));
        _file.Release();
        Assert.Equal(new StateSynced(2), ExpectMsg<StateSynced>(_patience));
        Stop(actor);
        var (again, ready) = Start();
        Assert.Equal((2, Term, 20, "a"), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr, All(again)));
    }

    [Fact]
    public void A_write_that_fails_is_told_with_the_index_that_was_written_before_and_is_tried_again()
    {
        var actor = Open();
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(1), ExpectMsg<StateSynced>(_patience));
        Apply(actor, 2, 1, "a");
        _file.Failure = new IOException("the disk is full");
        EventFilter.Error(contains: "the disk is full").ExpectOne(() =>
        {
            actor.Tell(new SyncState(), TestActor);
            Assert.Equal(new StateSynced(1), ExpectMsg<StateSynced>(_patience));
            // It is not said each time.
            actor.Tell(new SyncState(), TestActor);
            Assert.Equal(new StateSynced(1), ExpectMsg<StateSynced>(_patience));
        });
        _file.Failure = null;
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(2), ExpectMsg<StateSynced>(_patience));
    }

    [Fact]
    public void A_state_that_cannot_be_saved_is_told_with_the_index_that_was_written_before()
    {
        var actor = Open();
        actor.Tell(new SyncState(), TestActor);
        Assert.Equal(new StateSynced(1), ExpectMsg<StateSynced>(_patience));
        Apply(actor, 2, 1, "a");
        _whileSaving = () => throw new FormatException("no way");
        EventFilter.Error(contains: "FormatException: no way").ExpectOne(() =>
        {
            actor.Tell(new SyncState(), TestActor);
            Assert.Equal(new StateSynced(1), ExpectMsg<StateSynced>(_patience));
        });
        actor.Tell(new SaveImage(ImageFile), TestActor);
        var saved = ExpectMsg<ImageSaved>(_patience);
        Assert.Contains("FormatException: no way", saved.Failure, StringComparison.Ordinal);
        Assert.False(File.Exists(ImageFile));
        Assert.Equal(["2 b"], Apply(actor, 3, 2, "b"));
    }

    [Fact]
    public void What_the_class_cannot_load_again_is_not_written_and_its_log_is_kept()
    {
        _whileLoading = () => throw new FormatException("no way back");
        var actor = Open();
        Apply(actor, 2, 1, "a");
        EventFilter.Error(contains: "cannot be kept: the class cannot load it: FormatException: no way back. Its log is kept whole").ExpectOne(() =>
        {
            actor.Tell(new SyncState(), TestActor);
            Assert.Equal(0, ExpectMsg<StateSynced>(_patience).AppliedIndex);
        });
        Assert.Null(_file.Content);
        actor.Tell(new SaveImage(ImageFile), TestActor);
        Assert.Contains("no way back", ExpectMsg<ImageSaved>(_patience).Failure, StringComparison.Ordinal);
        Assert.False(File.Exists(ImageFile));
    }

    [Fact]
    public void A_write_that_began_before_an_image_was_loaded_does_not_take_its_place()
    {
        File.WriteAllBytes(ImageFile, ImageOf("a", "b"));
        var actor = Open();
        _file.Holds = true;
        actor.Tell(new SyncState(), TestActor);
        AwaitCondition(() => _file.Held == 1);
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        // Where both are out at once, the disk takes them as it likes.
        List<object> replies = [];
        AwaitCondition(() =>
        {
            if (_file.WaitForHeld()) _file.Release(last: true);
            while (HasMessages) replies.Add(ReceiveOne());
            return replies.Count == 2;
        }, _patience);
        Assert.Null(Assert.Single(replies.OfType<ImageLoaded>()).Failure);
        Assert.Equal(2, PlainState.FromImage(Name, new Diary(), _file.Content!).AppliedIndex);
    }

    // ---- images --------------------------------------------------------------------------------------------------

    [Fact]
    public void An_image_that_one_saves_another_checks_and_loads()
    {
        var source = Open();
        Apply(source, 2, 1, "a", "b");
        source.Tell(new SaveImage(ImageFile), CreateTestProbe());
        Assert.Equal(new ImageSaved(2, Term), ExpectMsg<ImageSaved>(_patience));
        _file.Content = null;
        var (actor, _) = Start();
        actor.Tell(new CheckImage(ImageFile, 2, Term), TestActor);
        Assert.Equal(new ImageChecked(2), ExpectMsg<ImageChecked>());
        Assert.Equal("", All(actor));
        actor.Tell(new LoadImage(ImageFile, 2, Term, 99), TestActor);
        Assert.Equal(new ImageLoaded(2), ExpectMsg<ImageLoaded>(_patience));
        Assert.Equal("a,b", All(actor));
        Assert.Equal(["1 a", "2 b"], Apply(actor, 3, 1, "a", "b"));
        Stop(actor);
        var (again, ready) = Start();
        Assert.Equal((2, Term, 99, "a,b"), (ready.AppliedIndex, ready.AppliedTerm, ready.JournalSequenceNr, All(again)));
    }

    [Fact]
    public void An_image_is_loaded_unchecked_and_again()
    {
        File.WriteAllBytes(ImageFile, ImageOf("a"));
        var actor = Open();
        for (var time = 1; time <= 2; time++)
        {
            actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
            Assert.Equal(new ImageLoaded(2), ExpectMsg<ImageLoaded>(_patience));
            Assert.Equal(["2 b"], Apply(actor, 3, 2, "b"));
        }
    }

    [Fact]
    public void An_image_goes_over_no_file()
    {
        File.WriteAllText(ImageFile, "there");
        var actor = Open();
        actor.Tell(new SaveImage(ImageFile), TestActor);
        var saved = ExpectMsg<ImageSaved>(_patience);
        Assert.Equal((0, 0), (saved.Index, saved.Term));
        Assert.Contains(ImageFile, saved.Failure, StringComparison.Ordinal);
        Assert.Equal("there", File.ReadAllText(ImageFile));
    }

    [Theory]
    [InlineData(3, Term)]
    [InlineData(1, Term)]
    [InlineData(2, Term + 1)]
    public void An_image_of_another_entry_than_its_giver_says_is_refused(long index, long term)
    {
        File.WriteAllBytes(ImageFile, ImageOf("b"));
        var actor = Open();
        Apply(actor, 2, 1, "a");
        actor.Tell(new CheckImage(ImageFile, index, term), TestActor);
        var answer = ExpectMsg<ImageChecked>();
        Assert.Equal(index, answer.Index);
        Assert.Contains($"is of entry 2 of term {Term}, not of {index} of term {term}", answer.Failure, StringComparison.Ordinal);
        actor.Tell(new LoadImage(ImageFile, index, term, 5), TestActor);
        var loaded = ExpectMsg<ImageLoaded>();
        Assert.Equal((index, answer.Failure), (loaded.Index, loaded.Failure));
        Assert.Equal("a", All(actor));
        Assert.Equal(["2 c"], Apply(actor, 3, 2, "c"));
    }

    [Theory]
    [MemberData(nameof(Unusable))]
    public void A_file_that_is_no_image_is_refused_and_the_state_stays(byte[] damaged)
    {
        File.WriteAllBytes(ImageFile, damaged);
        var actor = Open();
        Apply(actor, 2, 1, "a");
        actor.Tell(new CheckImage(ImageFile, 2, Term), TestActor);
        Assert.Contains(ImageFile, ExpectMsg<ImageChecked>().Failure, StringComparison.Ordinal);
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        Assert.Contains(ImageFile, ExpectMsg<ImageLoaded>().Failure, StringComparison.Ordinal);
        Assert.Null(_file.Content);
        Assert.Equal("a", All(actor));
        Assert.Equal(["2 b"], Apply(actor, 3, 2, "b"));
    }

    [Fact]
    public void A_checked_image_is_not_taken_for_another_one()
    {
        var other = Path.Combine(_folder, "other");
        File.WriteAllBytes(ImageFile, ImageOf("a"));
        File.WriteAllBytes(other, ImageOf("a", "b"));
        var actor = Open();
        actor.Tell(new CheckImage(ImageFile, 2, Term), TestActor);
        Assert.Null(ExpectMsg<ImageChecked>().Failure);
        actor.Tell(new LoadImage(other, 2, Term, 5), TestActor);
        Assert.Null(ExpectMsg<ImageLoaded>(_patience).Failure);
        Assert.Equal("a,b", All(actor));
    }

    [Fact]
    public void An_image_that_cannot_be_written_stops_it_and_leaves_what_is_on_the_disk()
    {
        File.WriteAllBytes(ImageFile, ImageOf("a", "b"));
        var before = _file.Content = ImageOf("a");
        var actor = Watch(Start().Actor);
        _file.WriteFailure = new IOException("the disk is full");
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        ExpectTerminated(actor, _patience);
        Assert.Same(before, _file.Content);
        _file.WriteFailure = null;
        Assert.Equal("a", All(Start().Actor));
    }

    [Fact]
    public void An_image_whose_state_cannot_be_saved_here_is_refused_and_the_state_stays()
    {
        File.WriteAllBytes(ImageFile, ImageOf("a", "b"));
        var actor = Watch(Open());
        _whileSaving = () => throw new FormatException("no way");
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        Assert.Contains("no way", Assert.IsType<ImageLoaded>(ReceiveOne(_patience)).Failure, StringComparison.Ordinal);
        Assert.Equal("", All(actor));
    }

    // ---- time, and another's log ---------------------------------------------------------------------------------

    [Fact]
    public void It_tells_its_parent_when_the_next_timer_is_due_whenever_that_changes()
    {
        var actor = Open();
        Apply(actor, 2, 1, "set a 5000");
        Assert.Equal(new TimeDue(5_000), ExpectMsg<TimeDue>());
        Apply(actor, 3, 2, "set b 6000");
        Apply(actor, 4, 3, "set c 4000");
        Assert.Equal(new TimeDue(4_000), ExpectMsg<TimeDue>());
        Apply(actor, 5, 4, "cancel c", "cancel a");
        Assert.Equal(new TimeDue(6_000), ExpectMsg<TimeDue>());
        actor.Tell(new SyncState(), TestActor);
        ExpectMsg<StateSynced>(_patience);
        Stop(actor);
        var (again, _) = Start();
        Assert.Equal(new TimeDue(6_000), ExpectMsg<TimeDue>());
        Apply(again, new ApplyEntries([new LogEntry(6, Term, 6_000, EntryKind.NoOp, default)], 60));
        Assert.Equal(new TimeDue(null), ExpectMsg<TimeDue>());
        Assert.EndsWith("b@6000", All(again), StringComparison.Ordinal);
    }

    [Fact]
    public void It_tells_its_parent_when_the_next_timer_of_a_loaded_image_is_due()
    {
        File.WriteAllBytes(ImageFile, ImageOf("set a 5000"));
        var actor = Open();
        actor.Tell(new LoadImage(ImageFile, 2, Term, 5), TestActor);
        ExpectMsg<ImageLoaded>(_patience);
        Assert.Equal(new TimeDue(5_000), ExpectMsg<TimeDue>());
        File.WriteAllBytes($"{ImageFile}2", ImageOf("a"));
        actor.Tell(new LoadImage($"{ImageFile}2", 2, Term, 5), TestActor);
        ExpectMsg<ImageLoaded>(_patience);
        Assert.Equal(new TimeDue(null), ExpectMsg<TimeDue>());
    }

    [Fact]
    public void It_tells_its_parent_that_the_log_is_of_another_state_machine_and_stops()
    {
        var actor = Watch(Start().Actor);
        actor.Tell(new ApplyEntries([new LogEntry(1, Term, 1, EntryKind.NoOp, ClientCommands.ProposalOf("bank", _settings).ToByteArray())], 10), CreateTestProbe());
        Assert.Contains("'bank'", ExpectMsg<StateMachineFailed>().Reason, StringComparison.Ordinal);
        ExpectTerminated(actor, _patience);
        Assert.Null(_file.Content);
    }

    [Theory]
    [InlineData("exhaust", 2)]
    [InlineData("a", 3)]
    public void What_it_cannot_go_on_from_stops_it(string command, long index)
    {
        var actor = Watch(Open());
        actor.Tell(Entries(index, 1, command), TestActor);
        ExpectTerminated(actor, _patience);
        Assert.Equal(0, Start().Ready.AppliedIndex);
    }

    // ---- tools ---------------------------------------------------------------------------------------------------

    private static ApplyEntries Opening => new([new LogEntry(1, Term, 1, EntryKind.Command, SessionCodec.EncodeOpen(Name, "x", 1))], 10);

    private Props Diaries => PlainStateMachineActor.Props(Name, () => new Diary { WhileSaving = () => _whileSaving(), WhileLoading = () => _whileLoading() }, _settings, _file);

    private static ApplyEntries Entries(long index, long serial, params string[] operations) =>
        new([new LogEntry(index, Term, 1, EntryKind.Command, SessionCodec.EncodeBatch(_session, serial, 0, operations.Select(ByteString.CopyFromUtf8)))], index * 10);

    /// <summary>Of a session and one batch.</summary>
    private static byte[] ImageOf(params string[] operations)
    {
        var state = new PlainState(Name, new Diary());
        state.Apply(Opening.Entries, 10);
        state.Apply(Entries(2, 1, operations).Entries, 20);
        return state.ToImage();
    }

    private (IActorRef Actor, StateMachineReady Ready) Start()
    {
        var actor = ChildActorOf(Diaries, SupervisorStrategy.StoppingStrategy);
        return (actor, ExpectMsg<StateMachineReady>());
    }

    private IActorRef Open()
    {
        var (actor, _) = Start();
        Apply(actor, Opening);
        return actor;
    }

    private void Stop(IActorRef actor)
    {
        Watch(actor);
        Sys.Stop(actor);
        ExpectTerminated(actor, _patience);
    }

    private EntriesApplied Apply(IActorRef actor, ApplyEntries entries)
    {
        actor.Tell(entries, TestActor);
        return ExpectMsg<EntriesApplied>();
    }

    private IEnumerable<string> Apply(IActorRef actor, long index, long serial, params string[] operations) =>
        Assert.IsType<BatchExecuted>(SessionCodec.DecodeResult(Apply(actor, Entries(index, serial, operations)).Results[0]))
            .Results.Select(result => CommandResult.Parser.ParseFrom(result).Result.ToStringUtf8());

    private static byte[] QueryOf(string query)
    {
        var wire = new StateQuery { StateMachine = Name };
        wire.Queries.Add(ByteString.CopyFromUtf8(query));
        return wire.ToByteArray();
    }

    private static (long RequestId, string Text) Answer(QueryReply reply) => (reply.RequestId, Assert.Single(StateQueryResult.Parser.ParseFrom(reply.Result.Span).Answers).Result.ToStringUtf8());

    private string All(IActorRef actor)
    {
        actor.Tell(new Query(1, QueryOf("all")), TestActor);
        return Answer(ExpectMsg<QueryReply>()).Text;
    }

    /// <summary>A disk that can fail, and can keep what is written to it waiting.</summary>
    private sealed class FakeFile : IStateFile
    {
        private readonly List<(byte[] Image, TaskCompletionSource Written)> _held = [];

        public byte[]? Content { get; set; }

        public byte[]? Aside { get; private set; }

        public int PutAsides { get; private set; }

        public bool Holds { get; set; }

        public Exception? Failure { get; set; }

        public Exception? WriteFailure { get; set; }

        public int Held
        {
            get
            {
                lock (_held) return _held.Count;
            }
        }

        public byte[]? Read() => Failure is null ? Content : throw Failure;

        public Task WriteAsync(byte[] image, Action check)
        {
            try
            {
                check();
            }
            catch (InvalidDataException e)
            {
                return Task.FromException(e);
            }
            if ((Failure ?? WriteFailure) is { } failure) return Task.FromException(failure);
            if (Holds)
            {
                var written = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                lock (_held) _held.Add((image, written));
                return written.Task;
            }
            Content = image;
            return Task.CompletedTask;
        }

        public async Task WriteImageAsync(byte[] image, string file, Action check)
        {
            check();
            await using var stream = new FileStream(file, FileMode.CreateNew);
            await stream.WriteAsync(image);
        }

        public string PutAside()
        {
            (Aside, Content) = (Content, null);
            PutAsides++;
            return "aside";
        }

        /// <summary>Whether there is one to release, or comes soon.</summary>
        public bool WaitForHeld() => SpinWait.SpinUntil(() => Held > 1, TimeSpan.FromMilliseconds(300)) || Held > 0;

        /// <summary>Ends the write that waits longest, or the last one.</summary>
        public void Release(bool last = false)
        {
            (byte[] Image, TaskCompletionSource Written) held;
            lock (_held)
            {
                held = last ? _held[^1] : _held[0];
                _held.Remove(held);
            }
            Content = held.Image;
            held.Written.SetResult();
        }
    }
}
