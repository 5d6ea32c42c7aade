using System.Reflection;
using AkkaRaft.Hosting;
using AkkaRaft.Simulation.Tests.PlantedBugs;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace AkkaRaft.Simulation.Tests.Conformance;

/// <summary>The sample actor with one fault, planted into its text and compiled.</summary>
internal static class FaultyLedger
{
    private const string Goes = "After a crash it goes on";
    private const string Image = "An image is of one moment";
    private const string Damaged = "A damaged image";
    private const string Unreadable = "What it cannot read";

    public static IReadOnlyList<Fault> All { get; } =
    [
        new("forgets the index", Goes, "new StateMachineReady(_books.Index, _books.Term, _books.JournalSequenceNr)", "new StateMachineReady(0, 0, 0)"),
        new("forgets the last entry's index, and applies it twice after a restart", Goes, "new StateMachineReady(_books.Index, _books.Term,", "new StateMachineReady(Math.Max(0, _books.Index - 1), _books.Index > 1 ? _books.Term : 0,"),
        new("forgets the journal's number", Goes, "writer.Write(JournalSequenceNr);", "writer.Write(0L);"),
        new("forgets its sessions", Goes, "_commands = ClientCommands.Load(Name, reader.BaseStream),", "_commands = Forgotten(ClientCommands.Load(Name, reader.BaseStream)),",
            "private static string? WhatIsWrongWith(", "private static ClientCommands Forgotten(ClientCommands kept) => new(kept.StateMachine);\n\n    private static string? WhatIsWrongWith("),
        new("says that it has synced before it has", "What it says is synced", "            _books.Write(file);\n            Sender.Tell(new StateSynced(_books.Index));", "            Sender.Tell(new StateSynced(_books.Index));"),
        new("never syncs", "What it says is synced", "            _books.Write(file);\n            Sender.Tell(new StateSynced(_books.Index));", "            Sender.Tell(new StateSynced(0));"),
        new("takes an image over in memory alone", Image, "            _books.Write(file);\n            Sender.Tell(new ImageLoaded(load.Index));", "            Sender.Tell(new ImageLoaded(load.Index));"),
        new("takes an image over when it is checked", Image, "new ImageChecked(check.Index, WhatIsWrongWith(check.File, check.Index, check.Term))", "new ImageChecked(check.Index, WhatIsWrongWith(check.File, check.Index, check.Term) ?? Take(check.File))",
            "        Receive<ApplyEntries>(apply =>", "        string? Take(string image)\n        {\n            _books = Books.Read(image);\n            return null;\n        }\n        Receive<ApplyEntries>(apply =>"),
        new("writes an image that others cannot read", Image, "            _books.Write(save.File);\n", "            File.WriteAllText(save.File, \"books\");\n"),
        new("moves the image that it takes over", Image, "_books = Books.Read(load.File);", "_books = Books.Read(load.File);\n            File.WriteAllText(load.File, \"\");"),
        new("takes a damaged image over", Damaged, "if (bytes.Length < 32 ||", "if (bytes.Length < 32 || bytes.Length < 0 &&"),
        new("takes the image of another entry over", Damaged, "(books.Index, books.Term) == (index, term)", "books.Term == term"),
        new("ends for a command that it cannot read", Unreadable, "Bank.Codec.Encode(Apply(Bank.Codec.Decode<BankCommand>(command))))", "Bank.Codec.Encode(Apply(Read(command))))",
            "        private byte[] Hash()", "        private static BankCommand Read(ReadOnlyMemory<byte> command)\n        {\n            try\n            {\n                return Bank.Codec.Decode<BankCommand>(command);\n            }\n            catch (Exception e)\n            {\n                throw new OutOfMemoryException(e.Message);\n            }\n        }\n\n        private byte[] Hash()"),
        new("is not deterministic", "The same entries have the same results", "return _accounts[deposit.Account] = _accounts.GetValueOrDefault(deposit.Account) + deposit.Amount;", "return (_accounts[deposit.Account] = _accounts.GetValueOrDefault(deposit.Account) + deposit.Amount) + Random.Shared.Next();"),
        new("applies commands around its sessions", "A command that is submitted again", "            (Index, Term) = (entry.Index, entry.Term);", "            if (entry.Index == 10) _accounts[\"ann\"]++;\n            (Index, Term) = (entry.Index, entry.Term);"),
        new("hashes its place in memory", "Equal states have equal hashes", "            JsonSerializer.Serialize(hashed, _accounts);", "            JsonSerializer.Serialize(hashed, System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode(_accounts));"),
        new("hashes nothing", "Equal states have equal hashes", "return SHA256.HashData(hashed.ToArray())[..8];", "return new byte[8];"),
        new("leaves its sessions out of its hash", "Equal states have equal hashes", "            _commands.WriteForHash(hashed);\n", ""),
        new("forgets nothing", "What it is told to forget", "            File.Delete(file);\n", ""),
        new("serves another state machine's log", "The log of another", "Context.Parent.Tell(new StateMachineFailed(e.Message) { LogIsOf = e.LogIsOf });", "Sender.Tell(new EntriesApplied(apply.Entries[^1].Index, [.. apply.Entries.Select(_ => ReadOnlyMemory<byte>.Empty)]));"),
    ];

    private static readonly MetadataReference[] _references = [.. ((string)AppContext.GetData("TRUSTED_PLATFORM_ASSEMBLIES")!).Split(Path.PathSeparator).Select(path => MetadataReference.CreateFromFile(path))];

    public static RaftStateMachine With(Fault fault)
    {
        var text = File.ReadAllText(Path.Combine(CopyOfTheBuild.FindRoot(), "tests", "AkkaRaft.BankSample", "Ledger.cs")).ReplaceLineEndings("\n");
        for (var i = 0; i < fault.Changes.Length; i += 2) text = CopyOfTheBuild.ReplaceOnce(text, fault.Changes[i], fault.Changes[i + 1], $"'{fault.Name}'");
        const string Usings = "global using System; global using System.Collections.Generic; global using System.IO; global using System.Linq;";
        var compilation = CSharpCompilation.Create(
            $"ledger-{Guid.NewGuid():N}", [CSharpSyntaxTree.ParseText(Usings), CSharpSyntaxTree.ParseText(text.Replace("namespace AkkaRaft.BankSample;", "using AkkaRaft;\nusing AkkaRaft.BankSample;\nnamespace Faulty;", StringComparison.Ordinal))],
            _references,
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary, nullableContextOptions: NullableContextOptions.Enable));
        using var assembly = new MemoryStream();
        var emitted = compilation.Emit(assembly);
        Assert.True(emitted.Success, $"'{fault.Name}' does not compile:\n{string.Join('\n', emitted.Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error))}");
        return (RaftStateMachine)Assembly.Load(assembly.ToArray()).GetType("Faulty.Ledger")!.GetField("StateMachine")!.GetValue(null)!;
    }
}

/// <summary>A fault as text to replace.</summary>
/// <param name="Name">What is wrong.</param>
/// <param name="Requirement">How the kit's sentence for it begins.</param>
/// <param name="Changes">Texts, each followed by what takes its place.</param>
internal sealed record Fault(string Name, string Requirement, params string[] Changes);
