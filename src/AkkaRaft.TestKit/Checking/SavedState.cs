using System.Text;
using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Checking;

/// <summary>What a plain class's <c>Save</c> wrote. States are the same that are saved as the same bytes.</summary>
public sealed class SavedState : IEquatable<SavedState>
{
    private const int Shown = 1_000;

    private readonly byte[] _bytes;
    private readonly int _hash;

    internal SavedState(byte[] bytes)
    {
        _bytes = bytes;
        var hash = default(HashCode);
        hash.AddBytes(bytes);
        _hash = hash.ToHashCode();
    }

    /// <summary>What the instance saves.</summary>
    internal static SavedState Of<TCommand, TResult, TQuery, TAnswer>(IStateMachine<TCommand, TResult, TQuery, TAnswer> instance)
    {
        using var destination = new MemoryStream();
        instance.Save(destination);
        return new SavedState(destination.ToArray());
    }

    /// <summary>Loads it into an instance, which is returned.</summary>
    internal IStateMachine<TCommand, TResult, TQuery, TAnswer> LoadInto<TCommand, TResult, TQuery, TAnswer>(IStateMachine<TCommand, TResult, TQuery, TAnswer> instance)
    {
        using var source = new MemoryStream((byte[])_bytes.Clone(), writable: false);
        instance.Load(source);
        return instance;
    }

    /// <summary>The bytes.</summary>
    public ReadOnlyMemory<byte> Bytes => _bytes;

    /// <inheritdoc />
    public bool Equals(SavedState? other) => other is not null && _bytes.AsSpan().SequenceEqual(other._bytes);

    /// <inheritdoc />
    public override bool Equals(object? obj) => Equals(obj as SavedState);

    /// <inheritdoc />
    public override int GetHashCode() => _hash;

    /// <summary>The bytes as text, of a long state the end.</summary>
    public override string ToString() => TextOf(_bytes.AsSpan(Math.Max(0, _bytes.Length - Shown)));

    /// <summary>Bytes for people: what is text in them, and a dot for the rest.</summary>
    internal static string TextOf(ReadOnlySpan<byte> bytes) => string.Concat(Encoding.Latin1.GetString(bytes).Select(c => char.IsControl(c) ? '.' : c));
}
