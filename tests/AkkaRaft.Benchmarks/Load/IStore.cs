namespace AkkaRaft.Benchmarks.Load;

/// <summary>A system under load, as one caller sees it. A call that fails throws.</summary>
internal interface IStore
{
    Task PutAsync(ReadOnlyMemory<byte> key, ReadOnlyMemory<byte> value);

    /// <summary>A linearizable read.</summary>
    Task GetAsync(ReadOnlyMemory<byte> key);
}
