using System.Security.Cryptography;
using System.Text.Json;
using Akka.Actor;
using AkkaRaft.Hosting;
using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.BankSample;

/// <summary>The bank as an actor that keeps its state on the disk by itself: here as one file, where yours may have a database.</summary>
public sealed class Ledger : ReceiveActor
{
    public const string Name = "ledger";

    public static readonly RaftStateMachine StateMachine = RaftStateMachine.OfActor(Name, (settings, directory) => Props.Create(() => new Ledger(settings, directory)));

    private Books _books;

    public Ledger(RaftSettings settings, string directory)
    {
        var file = Path.Combine(directory, "books");
        _books = File.Exists(file) ? Books.Read(file) : new Books();
        Receive<ApplyEntries>(apply =>
        {
            try
            {
                var results = apply.Entries.Select(_books.Apply).ToList();
                _books.JournalSequenceNr = apply.JournalSequenceNr;
                Sender.Tell(new EntriesApplied(_books.Index, results));
            }
            catch (StateMachineMismatchException e)
            {
                Context.Parent.Tell(new StateMachineFailed(e.Message) { LogIsOf = e.LogIsOf });
            }
        });
        Receive<Query>(query => Sender.Tell(new QueryReply(query.RequestId, _books.Answer(query.Payload))));
        Receive<SyncState>(_ =>
        {
            _books.Write(file);
            Sender.Tell(new StateSynced(_books.Index));
        });
        Receive<SaveImage>(save =>
        {
            _books.Write(save.File);
            Sender.Tell(new ImageSaved(_books.Index, _books.Term));
        });
        Receive<CheckImage>(check => Sender.Tell(new ImageChecked(check.Index, WhatIsWrongWith(check.File, check.Index, check.Term))));
        Receive<LoadImage>(load =>
        {
            if (WhatIsWrongWith(load.File, load.Index, load.Term) is { } wrong)
            {
                Sender.Tell(new ImageLoaded(load.Index, wrong));
                return;
            }
            _books = Books.Read(load.File);
            _books.JournalSequenceNr = load.JournalSequenceNr;
            _books.Write(file);
            Sender.Tell(new ImageLoaded(load.Index));
        });
        Receive<ForgetState>(_ =>
        {
            File.Delete(file);
            Sender.Tell(new StateForgotten());
        });
        Context.Parent.Tell(new StateMachineReady(_books.Index, _books.Term, _books.JournalSequenceNr)
        {
            LeaderProposal = ClientCommands.LeaderProposal(Name, settings),
            HashesState = true,
        });
    }

    private static string? WhatIsWrongWith(string file, long index, long term)
    {
        try
        {
            var books = Books.Read(file);
            return (books.Index, books.Term) == (index, term) ? null : $"{file} is of entry {books.Index} of term {books.Term}, not of {index} of term {term}.";
        }
        catch (InvalidDataException e)
        {
            return $"{file} cannot be read: {e.Message}";
        }
    }

    /// <summary>Accounts and what belongs to them, of one entry of the log.</summary>
    private sealed class Books
    {
        private SortedDictionary<string, long> _accounts = new(StringComparer.Ordinal);
        private ClientCommands _commands = new(Name);

        public long Index { get; private set; }

        public long Term { get; private set; }

        public long JournalSequenceNr { get; set; }

        public ReadOnlyMemory<byte> Apply(LogEntry entry)
        {
            var result = _commands.Apply(entry, (command, context) => Bank.Codec.Encode(Apply(Bank.Codec.Decode<BankCommand>(command))));
            (Index, Term) = (entry.Index, entry.Term);
            return entry.Kind == EntryKind.StateCheck ? Hash() : result;
        }

        private long Apply(BankCommand command)
        {
            if (command is Transfer transfer)
            {
                if (_accounts.GetValueOrDefault(transfer.From) < transfer.Amount) throw new InvalidOperationException($"{transfer.From} has less than {transfer.Amount}.");
                _accounts[transfer.To] = _accounts.GetValueOrDefault(transfer.To) + transfer.Amount;
                return _accounts[transfer.From] -= transfer.Amount;
            }
            var deposit = (Deposit)command;
            return _accounts[deposit.Account] = _accounts.GetValueOrDefault(deposit.Account) + deposit.Amount;
        }

        public ReadOnlyMemory<byte> Answer(ReadOnlyMemory<byte> payload) => _commands.Answer(payload, query =>
        {
            var found = _accounts.Where(a => a.Key.StartsWith(Bank.Codec.Decode<Audit>(query).Prefix, StringComparison.Ordinal)).ToList();
            return Bank.Codec.Encode(new Balances(found.Sum(a => a.Value), found.Count));
        });

        private byte[] Hash()
        {
            using var hashed = new MemoryStream();
            _commands.WriteForHash(hashed);
            JsonSerializer.Serialize(hashed, _accounts);
            return SHA256.HashData(hashed.ToArray())[..8];
        }

        /// <summary>In one step: whoever reads finds all of it, or what was there before.</summary>
        public void Write(string file)
        {
            using var content = new MemoryStream();
            using var writer = new BinaryWriter(content);
            writer.Write(Index);
            writer.Write(Term);
            writer.Write(JournalSequenceNr);
            _commands.Save(content);
            JsonSerializer.Serialize(content, _accounts);
            using (var written = File.Create($"{file}.next"))
            {
                written.Write(SHA256.HashData(content.ToArray()));
                written.Write(content.ToArray());
                written.Flush(flushToDisk: true);
            }
            File.Move($"{file}.next", file, overwrite: true);
        }

        /// <exception cref="InvalidDataException">It is not as it was written.</exception>
        public static Books Read(string file)
        {
            var bytes = File.ReadAllBytes(file);
            if (bytes.Length < 32 || !SHA256.HashData(bytes.AsSpan(32)).AsSpan().SequenceEqual(bytes.AsSpan(0, 32))) throw new InvalidDataException("it is damaged.");
            using var reader = new BinaryReader(new MemoryStream(bytes, 32, bytes.Length - 32));
            return new Books
            {
                Index = reader.ReadInt64(),
                Term = reader.ReadInt64(),
                JournalSequenceNr = reader.ReadInt64(),
                _commands = ClientCommands.Load(Name, reader.BaseStream),
                _accounts = new SortedDictionary<string, long>(JsonSerializer.Deserialize<Dictionary<string, long>>(reader.BaseStream)!, StringComparer.Ordinal),
            };
        }
    }
}
