using System.Globalization;
using System.Text;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Protocol.Wire;
using AkkaRaft.StateMachines;
using CsCheck;
using Google.Protobuf;
using SessionClosed = AkkaRaft.Protocol.SessionClosed;
using SessionExpired = AkkaRaft.Protocol.SessionExpired;
using SessionOpened = AkkaRaft.Protocol.SessionOpened;
using TooManyResults = AkkaRaft.Protocol.TooManyResults;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>Sessions, timers, limits and images around a plain class, to which entries are applied one at a time.</summary>
public sealed class PlainStateTests
{
    private const string Name = "diary";
    private const long Term = 7;

    private Diary _diary = new();
    private PlainState _state;
    private long _now = 1_000_000;

    public PlainStateTests()
    {
        _state = new PlainState(Name, _diary);
        Propose(Limits());
    }

    // ---- sessions ------------------------------------------------------------------------------------------------

    [Fact]
    public void A_command_takes_effect_once_though_its_batch_is_applied_twice()
    {
        var session = OpenSession();
        Assert.Equal(["1 a", "2 b"], Executed(Batch(session, 1, 0, "a", "b")));
        Batch(session, 3, 0, "c");
        Assert.Equal(["1 a", "2 b"], Executed(Batch(session, 1, 0, "a", "b")));
        Assert.Equal(["a", "b", "c"], _diary.Lines);
    }

    [Fact]
    public void Batches_that_are_cut_otherwise_when_they_are_repeated_get_the_same_results()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", "b");
        Batch(session, 3, 0, "c");
        Assert.Equal(["2 b", "3 c"], Executed(Batch(session, 2, 0, "b", "c")));
        Assert.Equal(["1 a"], Executed(Batch(session, 1, 0, "a")));
        Assert.Equal(["1 a", "2 b", "3 c", "4 d"], Executed(Batch(session, 1, 0, "a", "b", "c", "d")));
        Assert.Equal(["a", "b", "c", "d"], _diary.Lines);
    }

    [Fact]
    public void Results_that_are_acknowledged_are_forgotten()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", "b", "c");
        var executed = Assert.IsType<BatchExecuted>(Batch(session, 1, 2, "a", "b", "c"));
        Assert.Equal((2, "3 c"), (executed.Forgotten, Assert.Single(Executed(executed))));
        Assert.Equal(3, Assert.IsType<BatchExecuted>(Batch(session, 1, 3, "a", "b", "c")).Forgotten);
        Assert.Equal(["a", "b", "c"], _diary.Lines);
    }

    [Fact]
    public void A_session_expires_by_the_logs_time_and_not_before()
    {
        var session = OpenSession();
        _now += 1_000;
        Assert.Equal(["1 a"], Executed(Batch(session, 1, 0, "a")));
        _now += 1_001;
        Assert.Equal(new SessionExpired(), Batch(session, 2, 0, "b"));
        Assert.Equal(["a"], _diary.Lines);
    }

    [Fact]
    public void Time_that_passes_by_an_entry_of_no_command_ends_a_session_too()
    {
        var session = OpenSession();
        Pass(1_001);
        Assert.Equal(new SessionExpired(), Batch(session, 1, 0, "a"));
    }

    [Fact]
    public void A_closed_session_executes_nothing_more()
    {
        var session = OpenSession();
        Assert.Equal(new SessionClosed(), Submit(SessionCodec.EncodeClose(session)));
        Assert.Equal(new SessionExpired(), Batch(session, 1, 0, "a"));
        Assert.Equal(new SessionExpired(), Submit(SessionCodec.EncodeClose(session)));
        Assert.Empty(_diary.Lines);
    }

    [Fact]
    public void The_session_idle_longest_gives_way_to_one_too_many()
    {
        var (a, b) = (OpenSession(), OpenSession());
        _now++;
        Batch(a, 1, 0, "a");
        OpenSession();
        Assert.Equal(new SessionExpired(), Batch(b, 1, 0, "b"));
        Assert.Equal(["2 c"], Executed(Batch(a, 2, 0, "c")));
    }

    [Fact]
    public void A_gap_in_the_serials_executes_nothing()
    {
        var session = OpenSession();
        Assert.Equal(new BatchOutOfOrder(1), Batch(session, 2, 0, "b"));
        Assert.Empty(_diary.Lines);
        Assert.Equal(["1 a"], Executed(Batch(session, 1, 0, "a")));
    }

    [Fact]
    public void Beyond_the_bound_of_kept_results_nothing_is_executed_until_some_are_acknowledged()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", "b", "c");
        Assert.Equal(new TooManyResults(4), Batch(session, 4, 0, "d", "e"));
        Assert.Equal(3, _diary.Lines.Count);
        Assert.Equal(["4 d", "5 e"], Executed(Batch(session, 4, 1, "d", "e")));
    }

    [Fact]
    public void Beyond_the_bytes_of_kept_results_nothing_is_executed_until_some_are_acknowledged()
    {
        Propose(Limits(maxResults: 1_000, maxCommandBytes: 100));
        var session = OpenSession();
        var serial = 1;
        while (Batch(session, serial, 0, new string('x', 90)) is BatchExecuted) serial++;
        Assert.InRange(serial, 8, 12);
        Assert.Equal(serial - 1, _diary.Lines.Count);
        Assert.IsType<BatchExecuted>(Batch(session, serial, serial - 1, "a"));
    }

    [Theory]
    [InlineData("", "the key-value store")]
    [InlineData("bank", "the state machine 'bank'")]
    public void A_session_for_another_state_machine_is_refused_with_both_names(string asked, string named)
    {
        var malformed = Assert.IsType<CommandMalformed>(Submit(SessionCodec.EncodeOpen(asked, "test", 1)));
        Assert.Contains("the state machine 'diary'", malformed.Message, StringComparison.Ordinal);
        Assert.Contains(named, malformed.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_malformed_command_gets_a_result_that_says_so()
    {
        var session = OpenSession();
        Assert.IsType<CommandMalformed>(Submit(new byte[] { 0xFF, 0xFF, 0xFF }));
        Assert.IsType<CommandMalformed>(Submit(default));
        Assert.IsType<CommandMalformed>(Batch(0, 1, 0, "a"));
        Assert.IsType<CommandMalformed>(Batch(session, 0, 0, "a"));
        Assert.IsType<CommandMalformed>(Batch(session, 1, 1, "a"));
        Assert.Empty(_diary.Lines);
    }

    [Fact]
    public void An_empty_operation_takes_a_serial_and_is_not_applied()
    {
        var session = OpenSession();
        Assert.Equal(["", "1 a", ""], Executed(Batch(session, 1, 0, "", "a", "")));
        Assert.Equal(1, _diary.Calls);
        Assert.Equal(new BatchOutOfOrder(4), Batch(session, 5, 0, "b"));
        Assert.Equal(["2 b"], Executed(Batch(session, 4, 0, "b")));
    }

    // ---- what the class throws -----------------------------------------------------------------------------------

    [Fact]
    public void What_a_command_throws_is_its_result_and_later_commands_go_on_from_the_state_as_it_was_left()
    {
        var session = OpenSession();
        Assert.Equal(["1 a", "!InvalidOperationException: the reason", "3 b"], Executed(Batch(session, 1, 0, "a", "fail the reason", "b")));
        Assert.Equal(["a", "fail the reason", "b"], _diary.Lines);
        Assert.Equal(["!InvalidOperationException: the reason"], Executed(Batch(session, 2, 0, "fail the reason")));
        Assert.Equal(3, _diary.Lines.Count);
    }

    [Fact]
    public void What_a_command_throws_is_the_same_when_the_log_is_replayed()
    {
        var session = Sessions.IdFrom(1, Term, 9);
        LogEntry[] log =
        [
            Entry(1, SessionCodec.EncodeOpen(Name, "test", 9)),
            Entry(2, BatchOf(session, 1, 0, "a", "fail x")),
            Entry(3, BatchOf(session, 2, 0, "fail x", "b")),
        ];
        var (first, again) = (new PlainState(Name, new Diary()), new PlainState(Name, new Diary()));
        Assert.Equal(first.Apply(log, 3).Select(Hex), log.Select(entry => Hex(again.Apply([entry], 3)[0])));
        Assert.Equal(first.ToImage(), again.ToImage());
    }

    [Fact]
    public void A_long_failure_is_cut_at_1000_characters()
    {
        var session = OpenSession();
        var failures = Executed(Batch(session, 1, 0, $"fail {new string('x', 5_000)}", $"fail {new string('y', 973)}"));
        Assert.Equal("!" + $"InvalidOperationException: {new string('x', 5_000)}"[..1_000], failures[0]);
        Assert.Equal($"!InvalidOperationException: {new string('y', 973)}", failures[1]);
        Assert.Equal(1_001, failures[1].Length);
    }

    [Theory]
    [InlineData(972)]
    [InlineData(973)]
    public void A_failure_that_is_cut_within_a_character_is_still_a_failure(int before)
    {
        var session = OpenSession();
        var failures = Executed(Batch(session, 1, 0, $"fail {new string('x', before)}\U0001F600 and more", "a"));
        Assert.StartsWith("!InvalidOperationException: xxx", failures[0], StringComparison.Ordinal);
        Assert.InRange(failures[0].Length, 990, 1_001);
        Assert.Equal("2 a", failures[1]);
    }

    [Theory]
    [InlineData("lonely")]
    [InlineData("silent")]
    [InlineData("mute")]
    public void An_exception_with_an_odd_message_is_a_failure_too(string command)
    {
        var session = OpenSession();
        var results = Executed(Batch(session, 1, 0, command, "a"));
        Assert.StartsWith("!OddException: ", results[0], StringComparison.Ordinal);
        Assert.Equal("1 a", results[1]);
    }

    [Fact]
    public void Memory_that_is_exhausted_is_the_members_own()
    {
        var session = OpenSession();
        var applied = _state.AppliedIndex;
        Assert.Throws<OutOfMemoryException>(() => Batch(session, 1, 0, "a", "exhaust"));
        Assert.Equal(applied, _state.AppliedIndex);
        Assert.Throws<OutOfMemoryException>(() => Ask("exhaust"));
    }

    // ---- entries -------------------------------------------------------------------------------------------------

    [Fact]
    public void Entries_applied_before_are_skipped()
    {
        var session = OpenSession();
        var again = Entry(_state.AppliedIndex + 1, BatchOf(session, 1, 0, "a"));
        _state.Apply([again], 50);
        var results = _state.Apply([again, Entry(again.Index + 1, BatchOf(session, 2, 0, "b"))], 40);
        Assert.Equal(0, results[0].Length);
        Assert.Equal(["2 b"], Executed(SessionCodec.DecodeResult(results[1])));
        Assert.Equal(["a", "b"], _diary.Lines);
        Assert.Equal((again.Index + 1, Term, 50), (_state.AppliedIndex, _state.AppliedTerm, _state.JournalSequenceNr));
    }

    [Fact]
    public void Missing_entries_are_an_error_and_are_not_passed_over()
    {
        var session = OpenSession();
        var next = _state.AppliedIndex + 1;
        var e = Assert.Throws<InvalidOperationException>(() => _state.Apply([Entry(next, BatchOf(session, 1, 0, "a")), Entry(next + 2, BatchOf(session, 2, 0, "b"))], 1));
        Assert.Contains($"{next + 2}", e.Message, StringComparison.Ordinal);
        Assert.Equal((next, "a"), (_state.AppliedIndex, Assert.Single(_diary.Lines)));
    }

    [Fact]
    public void An_entry_of_a_configuration_moves_only_the_applied_index()
    {
        var limits = PlainImageOf(_state).InForce;
        var results = _state.Apply([new LogEntry(2, 9, _now, EntryKind.Configuration, ClientCommands.ProposalOf("other", StoreSettings).ToByteArray())], 1);
        Assert.Equal(0, results[0].Length);
        Assert.Equal(limits, PlainImageOf(_state).InForce);
        Assert.Equal((2, 9, 0), (_state.AppliedIndex, _state.AppliedTerm, _diary.Calls));
    }

    [Fact]
    public void A_command_sees_the_entrys_index_and_time()
    {
        var session = OpenSession();
        _now += 123;
        Assert.Equal([$"1 seen {_state.AppliedIndex + 1} {_now}"], Executed(Batch(session, 1, 0, "seen")));
    }

    [Fact]
    public void Random_numbers_follow_from_the_entry_and_differ_between_operations_and_entries()
    {
        var session = OpenSession();
        var drawn = Executed(Batch(session, 1, 0, "draw", "draw")).Concat(Executed(Batch(session, 3, 2, "draw"))).Select(line => line.Split(' ')[^1]).ToList();
        Assert.Equal(3, drawn.Distinct().Count());
        var seed = Mix64.Of(Mix64.Of((ulong)_state.AppliedIndex) ^ Term);
        Assert.Equal($"{new LogRandom(seed).NextInt64()}", drawn[2]);
    }

    // ---- proposals -----------------------------------------------------------------------------------------------

    [Fact]
    public void The_limits_that_a_leader_proposes_are_those_in_force_whatever_a_member_has_itself()
    {
        Propose(Limits(maxSessions: 3, timeToLiveMs: 5_000, maxResults: 1));
        var sessions = new[] { OpenSession(), OpenSession(), OpenSession() };
        Assert.Equal(new TooManyResults(1), Batch(sessions[0], 1, 0, "a", "b"));
        _now += 5_000;
        Assert.All(sessions, session => Assert.IsType<BatchExecuted>(Batch(session, 1, 0, "a")));
        _now += 5_001;
        Assert.All(sessions, session => Assert.Equal(new SessionExpired(), Batch(session, 2, 1, "a")));
    }

    [Fact]
    public void Before_the_first_proposal_limits_are_in_force_that_never_change()
    {
        Begin(new Diary());
        var session = OpenSession();
        _now += 600_000;
        Assert.Equal(20_000, Assert.IsType<BatchExecuted>(Batch(session, 1, 0, [.. Enumerable.Repeat("", 20_000)])).Results.Count);
        Assert.Equal(new TooManyResults(20_000), Batch(session, 20_001, 0, ""));
        _now += 600_001;
        Assert.Equal(new SessionExpired(), Batch(session, 20_001, 20_000, ""));
    }

    [Fact]
    public void Of_a_log_of_another_state_machine_nothing_is_applied()
    {
        Begin(new Diary());
        var proposal = Limits();
        proposal.StateMachine = "bank";
        var e = Assert.Throws<StateMachineMismatchException>(() => Propose(proposal));
        Assert.Contains("'bank'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'diary'", e.Message, StringComparison.Ordinal);
        Assert.Equal(0, _state.AppliedIndex);
        Assert.Throws<StateMachineMismatchException>(() => Propose(proposal));
    }

    [Fact]
    public void Of_a_log_of_the_key_value_store_nothing_is_applied_and_it_is_named()
    {
        Begin(new Diary());
        var e = Assert.Throws<StateMachineMismatchException>(() => Append(EntryKind.NoOp, StoreLimits.Of(StoreSettings).Encode()));
        Assert.Contains("key-value store", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_first_name_in_force_counts_and_a_later_leader_with_another_one_changes_it_for_nobody(bool isReloaded)
    {
        if (isReloaded) Reload();
        var proposal = Limits(maxResults: 1);
        proposal.StateMachine = "bank";
        Propose(proposal);
        var session = OpenSession();
        Assert.IsType<BatchExecuted>(Batch(session, 1, 0, "a"));
        Reload();
        Propose(Limits());
        Assert.Equal(["1 a"], Executed(Batch(session, 1, 0, "a")));
    }

    public static TheoryData<string> Ignored => new("FFFFFF", "", Hex(Changed(p => p.Version = 2)), Hex(Changed(p => p.Version = 0)), Hex(Changed(p => p.MaxSessions = 0)),
        Hex(Changed(p => p.SessionTimeToLiveMs = -1)), Hex(Changed(p => p.SessionTimeToLiveMs = long.MaxValue)), Hex(Changed(p => p.MaxResultsPerSession = 0)),
        Hex(Changed(p => p.MaxCommandBytes = -5)));

    [Theory]
    [MemberData(nameof(Ignored))]
    public void What_is_no_proposal_of_this_version_is_ignored(string payload)
    {
        var before = PlainImageOf(_state).InForce;
        Append(EntryKind.NoOp, Convert.FromHexString(payload));
        Assert.Equal(before, PlainImageOf(_state).InForce);
        Assert.Equal(2, _state.AppliedIndex);
        var fresh = new PlainState(Name, new Diary());
        fresh.Apply([new LogEntry(1, Term, _now, EntryKind.NoOp, Convert.FromHexString(payload))], 1);
        Assert.Equal(20_000, PlainImageOf(fresh).InForce.MaxResultsPerSession);
    }

    [Fact]
    public void Limits_of_the_key_value_store_are_no_proposal_and_are_ignored_once_there_is_one()
    {
        var before = PlainImageOf(_state).InForce;
        Append(EntryKind.NoOp, StoreLimits.Of(StoreSettings).Encode());
        Assert.Equal(before, PlainImageOf(_state).InForce);
    }

    [Fact]
    public void What_a_member_proposes_is_what_its_settings_say()
    {
        var proposal = ClientCommands.ProposalOf(Name, StoreSettings with { MaxSessions = 3, SessionTimeToLive = TimeSpan.FromSeconds(4), MaxResultsPerSession = 5, MaxCommandBytes = 6 });
        Assert.Equal(new PlainProposal { Version = 1, StateMachine = Name, MaxSessions = 3, SessionTimeToLiveMs = 4_000, MaxResultsPerSession = 5, MaxCommandBytes = 6 }, proposal);
    }

    // ---- queries -------------------------------------------------------------------------------------------------

    [Fact]
    public void Several_queries_in_one_are_answered_in_order_and_one_that_throws_is_a_failure_beside_the_others()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", "b");
        Assert.Equal(["a,b", "!ArgumentException: why", "big"], Answers(Ask("all", "fail why", "big 3")).Select(a => a == "xxx" ? "big" : a));
    }

    [Fact]
    public void Answers_beyond_the_limit_are_left_out_and_one_that_is_larger_alone_is_a_failure()
    {
        Propose(Limits(maxCommandBytes: 1_000));
        Assert.Equal([400, 400], Answers(Ask("big 400", "big 400", "big 400", "big 1")).Select(a => a.Length));
        Assert.Equal(["!What it returned has 5003 bytes; the limit is 1000 (akkaraft.max-command-bytes).", "x"], Answers(Ask("big 5000", "big 1")));
        Assert.Equal([900], Answers(Ask("big 900", "big 900")).Select(a => a.Length));
    }

    [Theory]
    [InlineData("bank", "'bank'")]
    [InlineData("", "the key-value store")]
    public void A_query_for_another_state_machine_is_an_error_with_both_names(string asked, string named)
    {
        var query = new StateQuery { StateMachine = asked };
        query.Queries.Add(ByteString.CopyFromUtf8("all"));
        var result = StateQueryResult.Parser.ParseFrom(_state.Answer(query.ToByteArray()).Span);
        Assert.Contains("'diary'", result.Error, StringComparison.Ordinal);
        Assert.Contains(named, result.Error, StringComparison.Ordinal);
        Assert.Empty(result.Answers);
    }

    [Fact]
    public void Bytes_that_are_no_query_are_an_error()
    {
        var result = StateQueryResult.Parser.ParseFrom(_state.Answer(new byte[] { 0xFF, 0xFF }).Span);
        Assert.NotEmpty(result.Error);
        Assert.False(result.Overloaded);
        Assert.Empty(result.Answers);
    }

    // ---- timers --------------------------------------------------------------------------------------------------

    [Fact]
    public void Timers_go_off_in_the_order_of_time_and_name_before_the_command_of_the_first_entry_at_or_past_their_time()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Set("b", 500), Set("c", 400), Set("a", 500), Set("z", 501));
        Assert.Equal(_now + 400, _state.NextDueMs);
        _diary.Lines.Clear();
        _now += 399;
        Batch(session, 5, 4, "early");
        _now += 101;
        Batch(session, 6, 5, "late");
        var entry = $"@{_now}";
        Assert.Equal(["early", $"c{entry}", $"a{entry}", $"b{entry}", "late"], _diary.Lines);
        Assert.Equal(_now + 1, _state.NextDueMs);
    }

    [Fact]
    public void A_timer_goes_off_with_an_entry_that_is_no_command_and_once()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", 500));
        _diary.Lines.Clear();
        Pass(500);
        Pass(0);
        Assert.Equal([$"a@{_now}"], _diary.Lines);
        Assert.Null(_state.NextDueMs);
        Batch(session, 2, 1, Set("b", 10));
        _diary.Lines.Clear();
        _now += 10;
        _state.Apply([new LogEntry(_state.AppliedIndex + 1, Term, _now, EntryKind.Configuration, default)], 1);
        Assert.Equal([$"b@{_now}"], _diary.Lines);
    }

    [Fact]
    public void A_timer_that_is_cancelled_does_not_go_off_and_one_that_is_set_anew_does_at_its_last_time()
    {
        var session = OpenSession();
        Assert.Equal("4 True", Executed(Batch(session, 1, 0, Set("a", 100), Set("b", 100), Set("b", 200), "cancel a"))[^1]);
        Assert.Equal(["5 False"], Executed(Batch(session, 5, 4, "cancel a")));
        _diary.Lines.Clear();
        Pass(100);
        Assert.Empty(_diary.Lines);
        Pass(100);
        Assert.Equal([$"b@{_now}"], _diary.Lines);
    }

    [Fact]
    public void A_timer_whose_time_has_passed_goes_off_with_the_next_entry_and_not_within_its_own()
    {
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", -500), "x");
        Assert.Equal("x", _diary.Lines[^1]);
        Pass(0);
        Assert.Equal($"a@{_now}", _diary.Lines[^1]);
    }

    [Fact]
    public void A_timer_that_is_set_as_another_goes_off_goes_off_later()
    {
        Begin(new Diary { Due = (_, context) => context.SetTimer("next", context.Now.AddMilliseconds(50)) });
        Propose(Limits());
        var session = OpenSession();
        Batch(session, 1, 0, Set("first", 100));
        Pass(100);
        Assert.Equal($"first@{_now}", _diary.Lines[^1]);
        Assert.Equal(_now + 50, _state.NextDueMs);
        Pass(50);
        Assert.Equal($"next@{_now}", _diary.Lines[^1]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-10)]
    public void A_timer_that_is_set_to_a_time_that_has_passed_as_it_goes_off_goes_off_with_the_next_entry(int after)
    {
        var goesOff = 0;
        Begin(new Diary
        {
            Due = (timer, context) =>
            {
                // An end, where there would be none.
                if (++goesOff < 1_000) context.SetTimer(timer, context.Now.AddMilliseconds(after));
            },
        });
        Propose(Limits());
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", 100));
        Pass(100);
        Assert.Equal(1, goesOff);
        Pass(0);
        Assert.Equal(2, goesOff);
    }

    [Fact]
    public void What_a_timer_throws_stops_neither_the_others_nor_the_entry()
    {
        Begin(new Diary { Due = (timer, _) => { if (timer == "a") throw new InvalidOperationException("a"); } });
        Propose(Limits());
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", 100), Set("b", 100));
        _diary.Lines.Clear();
        _now += 100;
        Assert.Equal(["3 x"], Executed(Batch(session, 3, 2, "x")));
        Assert.Equal([$"a@{_now}", $"b@{_now}", "x"], _diary.Lines);
        Assert.Null(_state.NextDueMs);
    }

    [Fact]
    public void Memory_that_is_exhausted_as_a_timer_goes_off_is_the_members_own()
    {
        Begin(new Diary { Due = (_, _) => throw new OutOfMemoryException() });
        Propose(Limits());
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", 100));
        Assert.Throws<OutOfMemoryException>(() => Pass(100));
    }

    [Fact]
    public void A_timer_with_a_name_that_cannot_be_is_a_failure_of_its_command()
    {
        var session = OpenSession();
        Assert.StartsWith("!ArgumentException: ", Executed(Batch(session, 1, 0, $"set {new string('x', 257)} 1"))[0], StringComparison.Ordinal);
        Assert.Null(_state.NextDueMs);
    }

    [Fact]
    public void Timers_and_commands_of_one_entry_have_random_numbers_of_their_own()
    {
        var drawn = new List<long>();
        Begin(new Diary { Due = (_, context) => drawn.Add(context.Random.NextInt64()) });
        Propose(Limits());
        var session = OpenSession();
        Batch(session, 1, 0, Set("a", 100), Set("b", 100));
        _now += 100;
        drawn.Add(long.Parse(Executed(Batch(session, 3, 2, "draw"))[0].Split(' ')[^1], CultureInfo.InvariantCulture));
        Assert.Equal(3, drawn.Distinct().Count());
    }

    // ---- images --------------------------------------------------------------------------------------------------

    [Fact]
    public void An_image_has_the_state_the_indexes_the_limits_and_the_timers()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", Set("late", 700), Set("soon", 500), "b");
        var before = PlainImageOf(_state);
        var lines = _diary.Lines.ToList();
        Reload();
        Assert.Equal(lines, _diary.Lines);
        Assert.Equal(before, PlainImageOf(_state));
        Assert.Equal((3, Term, 30, _now + 500), (_state.AppliedIndex, _state.AppliedTerm, _state.JournalSequenceNr, _state.NextDueMs));
        Assert.Equal((2, 1_000, 4), (before.InForce.MaxSessions, before.InForce.SessionTimeToLiveMs, before.InForce.MaxResultsPerSession));
        Pass(700);
        Assert.Equal([$"soon@{_now}", $"late@{_now}"], _diary.Lines[^2..]);
    }

    [Fact]
    public void What_is_compared_between_members_is_without_their_journals_numbers_and_with_all_else()
    {
        var (one, other) = (new PlainState(Name, new Diary()), new PlainState(Name, new Diary()));
        LogEntry[] entries = [Entry(1, SessionCodec.EncodeOpen(Name, "test", 9)), Entry(2, BatchOf(Sessions.IdFrom(1, Term, 9), 1, 0, "a"))];
        one.Apply(entries, 5);
        other.Apply(entries, 7);
        Assert.NotEqual(Hex(one.ToImage()), Hex(other.ToImage()));
        Assert.Equal(Hex(one.ToComparable()), Hex(other.ToComparable()));
        Assert.Equal((5, 7), (one.JournalSequenceNr, other.JournalSequenceNr));
        other.Apply([Entry(3, BatchOf(Sessions.IdFrom(1, Term, 9), 2, 1, ""))], 7);
        Assert.NotEqual(Hex(one.ToComparable()), Hex(other.ToComparable()));
    }

    [Fact]
    public void A_command_that_is_repeated_after_its_image_was_loaded_is_answered_and_not_applied_again()
    {
        var session = OpenSession();
        var first = Executed(Batch(session, 1, 0, "a", "draw", "fail x"));
        Reload();
        var calls = _diary.Calls;
        Assert.Equal(first, Executed(Batch(session, 1, 0, "a", "draw", "fail x")));
        Assert.Equal(calls, _diary.Calls);
        Assert.Equal(2, Assert.IsType<BatchExecuted>(Batch(session, 1, 2, "a", "draw", "fail x")).Forgotten);
        Reload();
        Assert.Equal(2, Assert.IsType<BatchExecuted>(Batch(session, 1, 2, "a", "draw", "fail x")).Forgotten);
        Assert.Equal(new BatchOutOfOrder(4), Batch(session, 5, 2, "b"));
        Assert.Equal(["4 b"], Executed(Batch(session, 4, 2, "b")));
    }

    [Fact]
    public void The_limits_in_force_hold_after_an_image_was_loaded()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "a", "b", "c");
        Reload();
        Assert.Equal(new TooManyResults(4), Batch(session, 4, 0, "d", "e"));
        _now += 1_001;
        Assert.Equal(new SessionExpired(), Batch(session, 4, 3, "d"));
    }

    [Fact]
    public void The_bytes_of_kept_results_count_after_an_image_was_loaded()
    {
        Propose(Limits(maxResults: 1_000, maxCommandBytes: 100));
        var session = OpenSession();
        var serial = 1;
        while (Batch(session, serial, 0, new string('x', 90)) is BatchExecuted) serial++;
        Reload();
        Assert.Equal(new TooManyResults(1_000), Batch(session, serial, 0, "a"));
        Assert.IsType<BatchExecuted>(Batch(session, serial, serial - 1, "a"));
    }

    [Fact]
    public void An_image_of_an_empty_state_is_loaded()
    {
        Begin(new Diary());
        Reload();
        Assert.Equal((0, 0, 0), (_state.AppliedIndex, _state.AppliedTerm, _state.JournalSequenceNr));
        Propose(Limits());
        Assert.Equal(["1 a"], Executed(Batch(OpenSession(), 1, 0, "a")));
    }

    [Fact]
    public void A_class_may_write_nothing_and_may_close_what_it_writes_to_and_reads_from()
    {
        Begin(new Diary { Closes = true });
        Propose(Limits());
        Reload();
        Assert.Empty(_diary.Lines);
        Batch(OpenSession(), 1, 0, "a");
        Reload();
        Assert.Equal(["a"], _diary.Lines);
    }

    [Fact]
    public void An_image_with_one_byte_that_was_changed_is_refused_wherever_it_is()
    {
        Fill();
        var image = _state.ToImage();
        var wrong = new List<string>();
        for (var at = 0; at < image.Length; at++)
        {
            foreach (var flip in new byte[] { 0x01, 0x10, 0x80, 0xFF })
            {
                var changed = image.ToArray();
                changed[at] ^= flip;
                if (WhatBecomesOf(changed) is { } what) wrong.Add($"byte {at} of {image.Length} ^ {flip:X2}: {what}");
            }
        }
        Assert.Empty(wrong);
    }

    [Fact]
    public void An_image_that_ends_early_or_late_is_refused()
    {
        Fill();
        var image = _state.ToImage();
        Assert.All(Enumerable.Range(0, image.Length), length => Assert.Null(WhatBecomesOf(image[..length])));
        Assert.Null(WhatBecomesOf([.. image, 0]));
    }

    [Fact]
    public void Of_an_image_that_is_refused_the_class_is_given_nothing_to_load()
    {
        Fill();
        var image = _state.ToImage();
        image[^1] ^= 1;
        var diary = new Diary();
        Assert.Throws<InvalidDataException>(() => PlainState.FromImage(Name, diary, image));
        Assert.Equal(0, diary.Loads);
    }

    [Fact]
    public void An_image_of_another_state_machine_is_refused_with_both_names()
    {
        Fill();
        var e = Assert.Throws<InvalidDataException>(() => PlainState.FromImage("bank", new Diary(), _state.ToImage()));
        Assert.Contains("'diary'", e.Message, StringComparison.Ordinal);
        Assert.Contains("'bank'", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_loading_throws_is_said_with_the_image_refused()
    {
        Fill();
        var image = _state.ToImage();
        var e = Assert.Throws<InvalidDataException>(() => PlainState.FromImage(Name, new Diary { WhileLoading = () => throw new FormatException("another version") }, image));
        Assert.Contains("FormatException: another version", e.Message, StringComparison.Ordinal);
        Assert.Throws<OutOfMemoryException>(() => PlainState.FromImage(Name, new Diary { WhileLoading = () => throw new OutOfMemoryException() }, image));
    }

    [Fact]
    public void What_saving_throws_is_said_and_the_state_goes_on()
    {
        Begin(new Diary { WhileSaving = () => throw new FormatException("no way") });
        Propose(Limits());
        var e = Assert.Throws<InvalidOperationException>(_state.ToImage);
        Assert.Contains("'diary'", e.Message, StringComparison.Ordinal);
        Assert.Contains("FormatException: no way", e.Message, StringComparison.Ordinal);
        Assert.Equal(["1 a"], Executed(Batch(OpenSession(), 1, 0, "a")));
        _diary.WhileSaving = () => throw new OutOfMemoryException();
        Assert.Throws<OutOfMemoryException>(_state.ToImage);
    }

    public static TheoryData<string> Crafted => new("no header", "no limits", "limits of zero", "a session twice", "a timer without a name", "a timer twice");

    [Theory]
    [MemberData(nameof(Crafted))]
    public void An_image_whose_checksums_are_right_and_whose_header_cannot_be_is_refused(string what)
    {
        Fill();
        var image = _state.ToImage();
        Assert.Equal(Hex(image), Hex(Crafting(image, header => header.ToByteArray())));
        var crafted = Crafting(image, header =>
        {
            switch (what)
            {
                case "no header":
                    return [0xFF, 0xFF, 0xFF];
                case "no limits":
                    header.InForce = null;
                    break;
                case "limits of zero":
                    header.InForce = new PlainProposal { Version = 1, StateMachine = Name };
                    break;
                case "a session twice":
                    header.Sessions.Add(header.Sessions[0]);
                    break;
                case "a timer without a name":
                    header.Timers[0].Name = "";
                    break;
                case "a timer twice":
                    header.Timers.Add(header.Timers[0]);
                    break;
                default:
                    throw new ArgumentOutOfRangeException(nameof(what));
            }
            return header.ToByteArray();
        });
        Assert.Null(WhatBecomesOf(crafted));
    }

    [Fact]
    public void A_timer_goes_off_under_its_name_after_its_image_was_loaded_whatever_characters_the_name_has()
    {
        var session = OpenSession();
        Batch(session, 1, 0, "oddtimers");
        var (loadedDiary, diary) = (new Diary(), _diary);
        var loaded = PlainState.FromImage(Name, loadedDiary, _state.ToImage());
        var entry = new LogEntry(_state.AppliedIndex + 1, Term, _now + 100, EntryKind.NoOp, default);
        _state.Apply([entry], 40);
        loaded.Apply([entry], 40);
        Assert.Equal(diary.Lines.Select(Escaped), loadedDiary.Lines.Select(Escaped));
    }

    // ---- the same on all members ---------------------------------------------------------------------------------

    private static readonly Gen<string> _operation = Gen.OneOf(
        Gen.Int[0, 9].Select(i => $"w{i}"),
        Gen.Const("draw"), Gen.Const("seen"), Gen.Const("fail x"), Gen.Const(""),
        Gen.Select(Gen.Int[0, 5], Gen.Int[-100, 900]).Select((timer, after) => $"set t{timer} +{after}"),
        Gen.Int[0, 5].Select(i => $"cancel t{i}"));

    private static readonly Gen<(int Kind, string[] Operations, int Back, int Acked, int Pause)> _step =
        Gen.Select(Gen.Int[0, 11], _operation.Array[1, 4], Gen.Int[0, 3], Gen.Int[0, 3], Gen.Int[0, 400]);

    [Fact]
    public void States_that_are_given_the_same_entries_however_they_are_cut_have_images_of_the_same_bytes() =>
        Gen.Select(_step.Array[1, 25], Gen.Int[1, 5].Array[26], Gen.Int[0, 26]).Sample((steps, cuts, imageAt) =>
        {
            var log = LogOf(steps);
            var (one, other, moved) = (new PlainState(Name, NewDrawing()), new PlainState(Name, NewDrawing()), new PlainState(Name, NewDrawing()));
            var results = log.Select(entry => Hex(one.Apply([entry], entry.Index)[0])).ToList();
            var others = new List<string>();
            for (int at = 0, cut = 0; at < log.Count; at += cuts[cut++])
                others.AddRange(other.Apply(log.GetRange(at, Math.Min(cuts[cut], log.Count - at)), Math.Min(at + cuts[cut], log.Count)).Select(Hex));
            Assert.Equal(results, others);
            var from = Math.Min(imageAt, log.Count);
            foreach (var entry in log[..from]) moved.Apply([entry], entry.Index);
            moved = PlainState.FromImage(Name, NewDrawing(), moved.ToImage());
            Assert.Equal(results[from..], log[from..].Select(entry => Hex(moved.Apply([entry], entry.Index)[0])));
            var image = Hex(one.ToImage());
            Assert.Equal(image, Hex(other.ToImage()));
            Assert.Equal(image, Hex(moved.ToImage()));
        }, iter: 300, threads: 1);

    private static Diary NewDrawing() => new() { Due = (timer, context) => { if (context.Random.Next(2) == 0) context.SetTimer(timer, context.Now.AddMilliseconds(1 + context.Random.Next(300))); } };

    /// <summary>Two clients that repeat, acknowledge and come back after their sessions are over.</summary>
    private static List<LogEntry> LogOf((int Kind, string[] Operations, int Back, int Acked, int Pause)[] steps)
    {
        var log = new List<LogEntry>();
        var (now, sessions, serials) = (1_000_000L, new long[2], new long[] { 1, 1 });
        foreach (var (kind, operations, back, acked, pause) in steps)
        {
            now += pause;
            var (index, client) = (log.Count + 1L, kind % 2);
            if (kind == 0) log.Add(new LogEntry(index, Term, now, EntryKind.NoOp, Limits(maxResults: 20, maxSessions: 1 + back).ToByteArray()));
            else if (kind == 1) log.Add(new LogEntry(index, Term, now, EntryKind.Configuration, default));
            else if (kind == 2 || sessions[client] == 0)
            {
                log.Add(new LogEntry(index, Term, now, EntryKind.Command, SessionCodec.EncodeOpen(Name, "test", (ulong)index)));
                (sessions[client], serials[client]) = (Sessions.IdFrom(index, Term, (ulong)index), 1);
            }
            else
            {
                var first = Math.Max(1, serials[client] - back);
                // Relative to the entry's own time, so that some are due soon.
                var texts = operations.Select(text => text.Split('+') is [var set, var after] ? $"{set}{now + int.Parse(after, CultureInfo.InvariantCulture)}" : text).ToArray();
                log.Add(new LogEntry(index, Term, now, EntryKind.Command, BatchOf(sessions[client], first, Math.Max(0, first - 1 - acked), texts)));
                serials[client] = Math.Max(serials[client], first + operations.Length);
            }
        }
        return log;
    }

    // ---- tools ---------------------------------------------------------------------------------------------------

    private static RaftSettings StoreSettings { get; } = new()
    {
        ClusterId = "test",
        Id = new MemberId(1),
        Members = System.Collections.Immutable.ImmutableSortedDictionary<MemberId, RaftEndpoint>.Empty,
    };

    private static PlainProposal Limits(int maxSessions = 2, long timeToLiveMs = 1_000, int maxResults = 4, int maxCommandBytes = 10_000) => new()
    {
        Version = 1,
        StateMachine = Name,
        MaxSessions = maxSessions,
        SessionTimeToLiveMs = timeToLiveMs,
        MaxResultsPerSession = maxResults,
        MaxCommandBytes = maxCommandBytes,
    };

    private static byte[] Changed(Action<PlainProposal> change)
    {
        var proposal = Limits(maxResults: 77);
        change(proposal);
        return proposal.ToByteArray();
    }

    private void Begin(Diary diary)
    {
        _diary = diary;
        _state = new PlainState(Name, diary);
    }

    private void Reload()
    {
        var diary = new Diary { Due = _diary.Due, Closes = _diary.Closes };
        _state = PlainState.FromImage(Name, diary, _state.ToImage());
        _diary = diary;
    }

    /// <summary>Something of all that an image has.</summary>
    private void Fill()
    {
        var session = OpenSession();
        OpenSession();
        Batch(session, 1, 0, "a", Set("timer", 500), "draw");
        Batch(session, 4, 1, "fail x");
    }

    private LogEntry Entry(long index, ReadOnlyMemory<byte> payload, EntryKind kind = EntryKind.Command) => new(index, Term, _now, kind, payload);

    private ReadOnlyMemory<byte> Append(EntryKind kind, ReadOnlyMemory<byte> payload) =>
        _state.Apply([Entry(_state.AppliedIndex + 1, payload, kind)], (_state.AppliedIndex + 1) * 10)[0];

    private void Propose(PlainProposal proposal) => Append(EntryKind.NoOp, proposal.ToByteArray());

    private void Pass(long ms)
    {
        _now += ms;
        Append(EntryKind.NoOp, default);
    }

    private SessionOutcome Submit(ReadOnlyMemory<byte> payload) => SessionCodec.DecodeResult(Append(EntryKind.Command, payload));

    private long OpenSession() => Assert.IsType<SessionOpened>(Submit(SessionCodec.EncodeOpen(Name, "test", (ulong)_state.AppliedIndex))).Session;

    private static ReadOnlyMemory<byte> BatchOf(long session, long firstSerial, long ackedUpTo, params string[] operations) =>
        SessionCodec.EncodeBatch(session, firstSerial, ackedUpTo, operations.Select(ByteString.CopyFromUtf8));

    private SessionOutcome Batch(long session, long firstSerial, long ackedUpTo, params string[] operations) => Submit(BatchOf(session, firstSerial, ackedUpTo, operations));

    /// <summary>Sets a timer, some time after the log's.</summary>
    private string Set(string timer, long after) => $"set {timer} {_now + after}";

    private static List<string> Executed(SessionOutcome outcome) => [.. Assert.IsType<BatchExecuted>(outcome).Results.Select(result => Text(CommandResult.Parser.ParseFrom(result)))];

    private static string Text(CommandResult result) => result.HasFailure ? $"!{result.Failure}" : result.Result.ToStringUtf8();

    private StateQueryResult Ask(params string[] queries)
    {
        var query = new StateQuery { StateMachine = Name };
        query.Queries.AddRange(queries.Select(ByteString.CopyFromUtf8));
        return StateQueryResult.Parser.ParseFrom(_state.Answer(query.ToByteArray()).Span);
    }

    private static IEnumerable<string> Answers(StateQueryResult result)
    {
        Assert.Equal("", result.Error);
        return result.Answers.Select(Text);
    }

    private static string Hex(byte[] bytes) => Convert.ToHexString(bytes);

    private static string Hex(ReadOnlyMemory<byte> bytes) => Convert.ToHexString(bytes.Span);

    private static string Escaped(string text) => string.Concat(text.Select(c => char.IsAscii(c) ? $"{c}" : $"\\u{(int)c:x4}"));

    /// <summary>Where the header of an image is.</summary>
    private static (int At, int Length) HeaderOf(byte[] image) => ("AkkaRaft state 1".Length + sizeof(int), BitConverter.ToInt32(image, "AkkaRaft state 1".Length));

    private static PlainImage PlainImageOf(PlainState state)
    {
        var image = state.ToImage();
        var (at, length) = HeaderOf(image);
        return PlainImage.Parser.ParseFrom(image, at, length);
    }

    /// <summary>The same image with another header, and checksums that are right.</summary>
    private static byte[] Crafting(byte[] image, Func<PlainImage, byte[]> change)
    {
        var (at, length) = HeaderOf(image);
        var header = change(PlainImage.Parser.ParseFrom(image, at, length));
        byte[] begin = [.. image[..(at - sizeof(int))], .. BitConverter.GetBytes(header.Length), .. header];
        return [.. begin, .. BitConverter.GetBytes(Crc.Of(begin)), .. image[(at + length + sizeof(uint))..]];
    }

    /// <summary>Null for an image that is refused as it must be.</summary>
    private static string? WhatBecomesOf(byte[] image)
    {
        try
        {
            PlainState.FromImage(Name, new Diary(), image);
            return "accepted";
        }
        catch (InvalidDataException)
        {
            return null;
        }
        catch (Exception e)
        {
            return $"{e.GetType().Name}: {e.Message}";
        }
    }
}

/// <summary>Writes down what it is told, line by line, and answers with the number of the line.</summary>
internal sealed class Diary : IPlainStateMachine
{
    public List<string> Lines { get; } = [];

    public int Calls { get; private set; }

    public int Loads { get; private set; }

    /// <summary>What it does when a timer goes off, once that is written down.</summary>
    public Action<string, ApplyContext> Due { get; init; } = (_, _) => { };

    public Action WhileSaving { get; set; } = () => { };

    public Action WhileLoading { get; init; } = () => { };

    /// <summary>Whether it closes the streams that it is given.</summary>
    public bool Closes { get; init; }

    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> command, ApplyContext context)
    {
        Calls++;
        var line = Encoding.UTF8.GetString(command.Span);
        switch (line.Split(' '))
        {
            case ["set", var name, var ms]:
                context.SetTimer(name, DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(ms, CultureInfo.InvariantCulture)));
                break;
            case ["oddtimers"]:
                context.SetTimer("\ud801", context.Now.AddMilliseconds(10));
                context.SetTimer("\ud800", context.Now.AddMilliseconds(10));
                break;
            case ["cancel", var name]:
                line = $"{context.CancelTimer(name)}";
                break;
            case ["draw"]:
                line = $"{context.Random.NextInt64()}";
                break;
            case ["seen"]:
                line = $"seen {context.Index} {context.Now.ToUnixTimeMilliseconds()}";
                break;
            case ["fail", ..]:
                Lines.Add(line);
                throw new InvalidOperationException(line["fail ".Length..]);
            case ["lonely"]:
                throw new OddException(() => "\ud83d alone");
            case ["silent"]:
                throw new OddException(() => null!);
            case ["mute"]:
                throw new OddException(() => throw new InvalidOperationException("no message either"));
            case ["exhaust"]:
                throw new OutOfMemoryException();
            default:
                break;
        }
        Lines.Add(line);
        return Encoding.UTF8.GetBytes($"{Lines.Count} {line}");
    }

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => Encoding.UTF8.GetString(query.Span).Split(' ') switch
    {
        ["all"] => Encoding.UTF8.GetBytes(string.Join(',', Lines)),
        ["big", var length] => Encoding.UTF8.GetBytes(new string('x', int.Parse(length, CultureInfo.InvariantCulture))),
        ["exhaust"] => throw new OutOfMemoryException(),
        [_, var why] => throw new ArgumentException(why),
        _ => throw new NotSupportedException(),
    };

    public void Save(Stream destination)
    {
        WhileSaving();
        destination.Write(Encoding.UTF8.GetBytes(string.Concat(Lines.Select(line => $"{line}\n"))));
        if (Closes) destination.Dispose();
    }

    public void Load(Stream source)
    {
        Loads++;
        WhileLoading();
        using var reader = new StreamReader(source, leaveOpen: !Closes);
        Lines.AddRange(reader.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    public void OnTimer(string timer, ApplyContext context)
    {
        Lines.Add($"{timer}@{context.Now.ToUnixTimeMilliseconds()}");
        Due(timer, context);
    }

    private sealed class OddException(Func<string> message) : Exception
    {
        public override string Message => message();
    }
}
