using AkkaRaft.Client;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Hosting;

/// <summary>An application's state machine behind its codec.</summary>
internal sealed class CodedStateMachine<TCommand, TResult, TQuery, TAnswer>(IStateMachine<TCommand, TResult, TQuery, TAnswer> machine, IRaftCodec codec) : IPlainStateMachine
{
    public ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> command, ApplyContext context) => codec.Encode(machine.Apply(codec.Decode<TCommand>(command), context));

    public ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query) => codec.Encode(machine.Query(codec.Decode<TQuery>(query)));

    public void Save(Stream destination) => machine.Save(destination);

    public void Load(Stream source) => machine.Load(source);

    public void OnTimer(string timer, ApplyContext context) => machine.OnTimer(timer, context);
}
