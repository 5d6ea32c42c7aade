namespace AkkaRaft.StateMachines;

/// <summary>An application's <see cref="IStateMachine{TCommand, TResult, TQuery, TAnswer}"/> behind its codec.</summary>
internal interface IPlainStateMachine
{
    ReadOnlyMemory<byte> Apply(ReadOnlyMemory<byte> command, ApplyContext context);

    ReadOnlyMemory<byte> Query(ReadOnlyMemory<byte> query);

    void Save(Stream destination);

    void Load(Stream source);

    void OnTimer(string timer, ApplyContext context);
}
