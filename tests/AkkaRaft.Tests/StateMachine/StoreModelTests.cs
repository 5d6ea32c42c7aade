using AkkaRaft.Protocol;
using AkkaRaft.KeyValue;
using AkkaRaft.Log;
using CsCheck;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>The store beside a plain model in memory: the same operations, in the same batches, must give the same replies, rows and changes.</summary>
public sealed class StoreModelTests : StoreTest
{
    private static readonly Gen<string> Key = Gen.Int[0, 5].Select(i => new string((char)('a' + i / 2), 1 + i % 2));
    private static readonly Gen<string> Value = Gen.Int[0, 9].Select(i => $"{i}");

    private static readonly Gen<TransactionStep> Step = Gen.OneOf(
        Gen.Select(Key, Value, Gen.Long[0, 2]).Select(TransactionStep (k, v, lease) => new PutStep(Bytes(k), Bytes(v), lease)),
        Key.Select(TransactionStep (k) => new DeleteStep(Bytes(k))),
        Gen.Select(Key, Key, Gen.Int[0, 3]).Select(TransactionStep (from, to, limit) => new RangeStep(Bytes(from), Bytes(to), limit)));

    private static readonly Gen<Compare> Condition = Gen.OneOf(
        Gen.Select(Key, Gen.Int[0, 3], Gen.Long[0, 20]).Select((k, c, v) => new Compare(Bytes(k), (Comparison)c, v)),
        Gen.Select(Key, Gen.Int[0, 3], Value).Select((k, c, v) => new Compare(Bytes(k), (Comparison)c, null, Bytes(v))));

    private static readonly Gen<IKeyValueWrite> Operation = Gen.OneOf(
        Gen.Select(Key, Value, Gen.Long[0, 2]).Select(IKeyValueWrite (k, v, lease) => Put(k, v, lease)),
        Key.Select(IKeyValueWrite (k) => Delete(k)),
        Gen.Select(Key, Value, Gen.Long[0, 20]).Select(IKeyValueWrite (k, v, version) => Change(k, v, version)),
        Gen.Select(Condition.Array[0, 2], Step.Array[0, 4], Step.Array[0, 4]).Select(IKeyValueWrite (c, a, b) => new KeyValueTransaction([.. c], [.. a], [.. b])),
        Gen.Int[1, 3].Select(IKeyValueWrite (s) => new GrantLease(TimeSpan.FromSeconds(s))),
        Gen.Long[1, 2].Select(IKeyValueWrite (l) => new KeepLeaseAlive(l)),
        Gen.Long[1, 2].Select(IKeyValueWrite (l) => new RevokeLease(l)));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_store_does_what_the_model_does(bool hasFile) =>
        Gen.Select(Operation.Array[1, 6], Gen.Int[0, 1_500], Gen.Bool, Gen.Int[0, 4]).Array[1, 12].Sample(entries =>
        {
            var file = hasFile ? Path.Combine(Folder, Path.GetRandomFileName()) : null;
            using var store = KeyValueStore.Open(Settings, file);
            var model = new Model();
            long now = 1_000, serial = 1, told = 1;
            store.Apply([new LogEntry(1, 1, now, EntryKind.NoOp, StoreLimits.Of(Settings with { MaxResultsPerSession = 1_000, SessionTimeToLive = TimeSpan.FromDays(1) }).Encode())], 1);
            var session = ((SessionOpened)SessionCodec.DecodeResult(
                store.Apply([new LogEntry(2, 1, now, EntryKind.Command, SessionCodec.EncodeOpen("", "x", 1))], 1)[0])).Session;
            foreach (var (operations, pause, readsAll, commits) in entries)
            {
                now += pause;
                model.PassTo(now);
                var result = store.Apply([new LogEntry(store.AppliedIndex + 1, 1, now, EntryKind.Command, StoreCommands.Batch(session, serial, serial - 1, operations))], 1)[0];
                var executed = (BatchExecuted)SessionCodec.DecodeResult(result);
                serial += operations.Length;
                for (var i = 0; i < operations.Length; i++)
                    Assert.Equal(model.Execute(operations[i]), Text(StoreCommands.Reply(operations[i], executed, i)));
                if (commits == 0) store.Commit();
                // What follows meets it at whatever point it has come to.
                if (commits == 1) store.CommitAside();
                // A range writes the puts that have gathered; a lookup must find them where they are.
                foreach (var key in new[] { "a", "aa", "b", "bb", "c", "cc" }) Assert.Equal(model.Row(key), Text(Ask<GetReply>(store, new Get(Bytes(key)))));
                if (readsAll) Assert.Equal(model.Rows("", ""), Text(Ask<RangeReply>(store, new GetRange(default, default)).Rows));
                var watched = Ask<WatchReply>(store, new Watch(default, default, told, TimeSpan.Zero));
                Assert.Equal(model.ChangesFrom(told), string.Concat(watched.Changes.Select(c => $"{c.Version}:{Text(c.Key)}{(c.Deleted ? "-" : "=" + Text(c.Value))} ")));
                told = watched.NextRevision;
            }
            Assert.Equal(model.ChangesFrom(1), string.Concat(Ask<WatchReply>(store, new Watch(default, default, 1, TimeSpan.Zero)).Changes.Select(c => $"{c.Version}:{Text(c.Key)}{(c.Deleted ? "-" : "=" + Text(c.Value))} ")));
        }, iter: 400, threads: 1);

    private static T Ask<T>(KeyValueStore store, IKeyValueRead request) =>
        (T)KeyValueCodec.Replies([request], store.Query(KeyValueCodec.EncodeQuery([request])))[0];

    private static string Text(IKeyValueReply reply) => reply switch
    {
        PutReply put => $"put {put.Version}",
        DeleteReply delete => $"delete {delete.Deleted} {delete.Version}",
        CompareAndSetReply set => $"cas {set.Succeeded} {set.Version} {Text(set.Value)}",
        TransactionReply t => $"txn {t.Succeeded} {t.Version} {string.Join("|", t.Steps.Select(s => $"{s.Existed} {Text(s.Rows)}{(s.More ? "+" : "")}"))}",
        LeaseReply lease => $"lease {lease.Status.Lease} {lease.Status.TimeToLive.TotalMilliseconds} {lease.Status.Remaining.TotalMilliseconds} {lease.Status.Keys}",
        RequestFailed failed => $"failed {failed.Kind}",
        _ => throw new NotSupportedException(),
    };

    private static string Text(GetReply reply) => reply.Found ? $"{Text(reply.Value)}@{reply.Version}/{reply.Lease}" : "";

    private static string Text(IEnumerable<Row> rows) => string.Concat(rows.Select(r => $"{Text(r.Key)}={Text(r.Value)}@{r.Version}/{r.Lease} "));

    private sealed class Model
    {
        private readonly SortedDictionary<string, (string Value, long Version, long Lease)> _rows = new(StringComparer.Ordinal);
        private readonly SortedDictionary<long, (long TimeToLive, long Expires)> _leases = [];
        private readonly List<(long Revision, string Text)> _changes = [];
        private long _revision;
        private long _lastLease;
        private long _now;

        public void PassTo(long now)
        {
            _now = now;
            foreach (var id in _leases.Where(l => l.Value.Expires < now).OrderBy(l => (l.Value.Expires, l.Key)).Select(l => l.Key).ToList()) End(id);
        }

        public string ChangesFrom(long revision) => string.Concat(_changes.Where(c => c.Revision >= revision).Select(c => c.Text));

        public string Rows(string from, string to, int limit = 0)
        {
            var found = Find(from, to).ToList();
            return string.Concat(found.Take(limit == 0 ? int.MaxValue : limit).Select(r => $"{r.Key}={r.Value.Value}@{r.Value.Version}/{r.Value.Lease} "));
        }

        public string Row(string key) => _rows.TryGetValue(key, out var row) ? $"{row.Value}@{row.Version}/{row.Lease}" : "";

        public string Execute(IKeyValueWrite operation)
        {
            switch (operation)
            {
                case Put put when Lacks(put.Lease):
                case KeyValueTransaction transaction when Branch(transaction).Steps.OfType<PutStep>().Any(s => Lacks(s.Lease)):
                case KeepLeaseAlive keep when Lacks(keep.Lease):
                case RevokeLease revoke when Lacks(revoke.Lease):
                    return "failed LeaseNotFound";
                case Put put:
                    Set(Text(put.Key), Text(put.Value), put.Lease, _revision + 1);
                    return $"put {_revision}";
                case Delete delete:
                    return $"delete {Remove(Text(delete.Key), _revision + 1)} {_revision}";
                case CompareAndSet set:
                    var key = Text(set.Key);
                    if (_rows.GetValueOrDefault(key) is var row && row.Version != set.ExpectedVersion) return $"cas False {row.Version} {row.Value}";
                    Set(key, Text(set.Value), 0, _revision + 1);
                    return $"cas True {_revision} ";
                case KeyValueTransaction transaction:
                    var (succeeded, steps) = Branch(transaction);
                    var revision = _revision + 1;
                    var results = string.Join("|", steps.Select(s => Execute(s, revision)).ToList());
                    return $"txn {succeeded} {_revision} {results}";
                case GrantLease grant:
                    _leases[++_lastLease] = ((long)grant.TimeToLive.TotalMilliseconds, _now + (long)grant.TimeToLive.TotalMilliseconds);
                    return Status(_lastLease);
                case KeepLeaseAlive keep:
                    _leases[keep.Lease] = (_leases[keep.Lease].TimeToLive, _now + _leases[keep.Lease].TimeToLive);
                    return Status(keep.Lease);
                case RevokeLease revoke:
                    var status = Status(revoke.Lease);
                    End(revoke.Lease);
                    return status;
                default:
                    throw new NotSupportedException();
            }
        }

        private string Execute(TransactionStep step, long revision)
        {
            switch (step)
            {
                case PutStep put:
                    var existed = _rows.ContainsKey(Text(put.Key));
                    Set(Text(put.Key), Text(put.Value), put.Lease, revision);
                    return $"{existed} ";
                case DeleteStep delete:
                    return $"{Remove(Text(delete.Key), revision)} ";
                default:
                    var range = (RangeStep)step;
                    var more = range.Limit > 0 && Find(Text(range.From), Text(range.To)).Count() > range.Limit;
                    return $"False {Rows(Text(range.From), Text(range.To), range.Limit)}{(more ? "+" : "")}";
            }
        }

        private (bool Succeeded, IReadOnlyList<TransactionStep> Steps) Branch(KeyValueTransaction t) => t.Compares.All(Holds) ? (true, t.Then) : (false, t.Else);

        private bool Holds(Compare compare)
        {
            var there = _rows.TryGetValue(Text(compare.Key), out var row);
            if (compare.Version is null && !there) return compare.Comparison == Comparison.NotEqual;
            var order = compare.Version is { } version ? row.Version.CompareTo(version) : string.CompareOrdinal(row.Value, Text(compare.Value));
            return compare.Comparison switch { Comparison.Equal => order == 0, Comparison.NotEqual => order != 0, Comparison.Less => order < 0, _ => order > 0 };
        }

        private IEnumerable<KeyValuePair<string, (string Value, long Version, long Lease)>> Find(string from, string to) =>
            _rows.Where(r => string.CompareOrdinal(r.Key, from) >= 0 && (to.Length == 0 || string.CompareOrdinal(r.Key, to) < 0));

        private void Set(string key, string value, long lease, long revision)
        {
            _revision = revision;
            _rows[key] = (value, revision, lease);
            _changes.Add((revision, $"{revision}:{key}={value} "));
        }

        private bool Remove(string key, long revision)
        {
            if (!_rows.Remove(key)) return false;
            _revision = revision;
            _changes.Add((revision, $"{revision}:{key}- "));
            return true;
        }

        private void End(long lease)
        {
            var revision = _revision + 1;
            foreach (var key in _rows.Where(r => r.Value.Lease == lease).Select(r => r.Key).ToList()) Remove(key, revision);
            _leases.Remove(lease);
        }

        private bool Lacks(long lease) => lease != 0 && !_leases.ContainsKey(lease);

        private string Status(long id) => $"lease {id} {_leases[id].TimeToLive} {Math.Max(0, _leases[id].Expires - _now)} {_rows.Count(r => r.Value.Lease == id)}";
    }
}
