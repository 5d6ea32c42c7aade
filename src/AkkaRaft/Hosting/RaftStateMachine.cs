using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.KeyValue;
using AkkaRaft.Serialization;
using AkkaRaft.StateMachines;
using AkkaRaft.Storage;

namespace AkkaRaft.Hosting;

/// <summary>Which state machine the members of a cluster run: the key-value store, or an application's own. All members of a cluster run the same one.</summary>
public sealed class RaftStateMachine
{
    private const int LongestName = 64;

    private readonly Func<RaftSettings, IStateFile, Action<PlainStateMachineActor>?, Props>? _plain;

    private RaftStateMachine(string name, IRequestCodec requests, string fileName, Func<RaftSettings, string, Props> props, Func<RaftSettings, IStateFile, Action<PlainStateMachineActor>?, Props>? plain, WireShape command, WireShape query)
    {
        Name = name;
        Requests = requests;
        FileName = fileName;
        PropsOf = props;
        _plain = plain;
        Command = command;
        Query = query;
    }

    /// <summary>The key-value store: what a member runs when nothing else is said.</summary>
    public static RaftStateMachine KeyValueStore { get; } = new(
        "", KeyValueRequests.Instance, "kv.db", KeyValueActor.Props, null, WireShape.StoreCommand, WireShape.StoreQuery) { Inspect = KeyValue.KeyValueStore.Inspect };

    /// <summary>An application's own state machine.</summary>
    /// <param name="name">What it is called in the log, in images and by its clients: 1 to 64 letters, digits, dots, dashes and underscores. It is never to change.</param>
    /// <param name="create">Makes an instance with an empty state, also to load an image into.</param>
    /// <param name="codec">How commands, results, queries and answers are written: on all members, and by clients, alike. Commands stay in the log: it must read what earlier versions wrote.</param>
    /// <exception cref="RaftConfigurationException">The name is none.</exception>
    public static RaftStateMachine Of<TCommand, TResult, TQuery, TAnswer>(string name, Func<IStateMachine<TCommand, TResult, TQuery, TAnswer>> create, IRaftCodec codec)
    {
        CheckName(name);
        ArgumentNullException.ThrowIfNull(create);
        ArgumentNullException.ThrowIfNull(codec);
        Props Plain(RaftSettings settings, IStateFile file, Action<PlainStateMachineActor>? created) =>
            PlainStateMachineActor.Props(name, () => new CodedStateMachine<TCommand, TResult, TQuery, TAnswer>(create(), codec), settings, file, created);
        return new RaftStateMachine(name, new CommandRequests(name), "state.image", (settings, file) => Plain(settings, new StateFile(file), null), Plain, WireShape.OwnCommand, WireShape.OwnQuery)
        {
            Inspect = file => PlainState.Inspect(name, new CodedStateMachine<TCommand, TResult, TQuery, TAnswer>(create(), codec), file),
        };
    }

    /// <summary>An application's own state machine that is an actor, and keeps its state on a disk by itself: by the messages of <see cref="ApplyEntries"/>'s kind.</summary>
    /// <param name="name">As in <see cref="Of{TCommand, TResult, TQuery, TAnswer}"/>.</param>
    /// <param name="props">The actor, given the member's settings and a directory of its own, which is there; called each time that the member starts.</param>
    /// <remarks><see cref="ClientCommands"/> is what its entries and queries go through. A conformance kit tells whether it keeps the contract (AkkaRaft.TestKit).</remarks>
    /// <exception cref="RaftConfigurationException">The name is none.</exception>
    public static RaftStateMachine OfActor(string name, Func<RaftSettings, string, Props> props)
    {
        CheckName(name);
        ArgumentNullException.ThrowIfNull(props);
        return new RaftStateMachine(
            name, new CommandRequests(name), "state",
            (settings, directory) => props(settings, Directory.CreateDirectory(directory).FullName), null, WireShape.OwnCommand, WireShape.OwnQuery);
    }

    private static void CheckName(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (name.Length is 0 or > LongestName || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_'))
            throw new RaftConfigurationException($"'{name}' is no name of a state machine: it has 1 to {LongestName} letters, digits, dots, dashes and underscores.");
    }

    /// <summary>Its name; empty for the key-value store.</summary>
    public string Name { get; }

    /// <summary>How the member's own client writes its requests.</summary>
    internal IRequestCodec Requests { get; }

    /// <summary>Its file in a member's directory, or its directory there.</summary>
    internal string FileName { get; }

    /// <summary>Its actor, whose state is in that file.</summary>
    internal Func<RaftSettings, string, Props> PropsOf { get; }

    /// <summary>Tells what a backup is of; null where an image says nothing of it, as that of an actor.</summary>
    internal Func<string, ImageContent>? Inspect { get; private init; }

    /// <summary>What its commands may be, before they are in the log.</summary>
    internal WireShape Command { get; }

    /// <summary>What its queries may be.</summary>
    internal WireShape Query { get; }

    /// <summary>Whether it is an application's own actor, which keeps its state on a disk by itself.</summary>
    internal bool IsActor => _plain is null && Name.Length > 0;

    /// <summary>Its actor, whose state is where a simulation keeps it.</summary>
    /// <exception cref="InvalidOperationException">It is no plain class.</exception>
    internal Props PropsWith(RaftSettings settings, IStateFile file, Action<PlainStateMachineActor> created) =>
        (_plain ?? throw new InvalidOperationException("The key-value store is what a simulation runs when nothing is said."))(settings, file, created);
}
