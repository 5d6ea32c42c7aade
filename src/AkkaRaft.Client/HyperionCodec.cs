using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Reflection.Metadata;
using System.Runtime.CompilerServices;
using Hyperion;
using Hyperion.Internal;
using Hyperion.SerializerFactories;
using Hyperion.ValueSerializers;

namespace AkkaRaft.Client;

/// <summary>
/// Hyperion: objects as they are, private fields and subclasses included, of the types that the application names and no others.
/// Hyperion reads fields by their place: a type that gained or lost fields cannot read what was stored before. Use <see cref="JsonCodec"/> for types that change.
/// </summary>
/// <remarks>
/// Numbers, text, times, <see cref="Guid"/>, and arrays, tuples and the usual collections of allowed types are allowed without being named; every other
/// type that occurs anywhere in a value must be named. What is not allowed is refused when it is written, and when it is read before it is so much as loaded.
/// The bytes hold type and field names: a type that was renamed, or moved to another assembly, is another type. One object that occurs twice is written twice,
/// and an object that holds itself is refused.
/// </remarks>
public sealed class HyperionCodec : IRaftCodec
{
    private const int MaxDepth = 64;

    private static readonly FrozenSet<string> Plain = new[]
    {
        typeof(bool), typeof(byte), typeof(sbyte), typeof(short), typeof(ushort), typeof(int), typeof(uint), typeof(long), typeof(ulong),
        typeof(float), typeof(double), typeof(decimal), typeof(char), typeof(string), typeof(Guid),
        typeof(DateTime), typeof(DateTimeOffset), typeof(TimeSpan), typeof(DateOnly), typeof(TimeOnly), typeof(System.Collections.DictionaryEntry),
    }.Select(t => t.FullName!).ToFrozenSet();

    private static readonly FrozenSet<string> Containers = new[]
    {
        typeof(Nullable<>), typeof(KeyValuePair<,>), typeof(List<>), typeof(Dictionary<,>), typeof(HashSet<>), typeof(Queue<>), typeof(Stack<>),
        typeof(SortedDictionary<,>), typeof(SortedSet<>), typeof(LinkedList<>),
        typeof(ImmutableArray<>), typeof(ImmutableList<>), typeof(ImmutableDictionary<,>), typeof(ImmutableHashSet<>), typeof(ImmutableSortedDictionary<,>),
        typeof(ImmutableSortedSet<>), typeof(ImmutableQueue<>), typeof(ImmutableStack<>),
        typeof(Tuple<>), typeof(Tuple<,>), typeof(Tuple<,,>), typeof(Tuple<,,,>), typeof(Tuple<,,,,>),
        typeof(ValueTuple<>), typeof(ValueTuple<,>), typeof(ValueTuple<,,>), typeof(ValueTuple<,,,>), typeof(ValueTuple<,,,,>),
    }.Select(t => t.FullName!).ToFrozenSet();

    private readonly FrozenSet<(string Name, string Assembly)> _allowed;
    private readonly Serializer _serializer;

    /// <summary>A codec for the given types and no others.</summary>
    /// <param name="types">Every type of the application's own that occurs in its keys and values, subclasses included; a generic type once, open.</param>
    public HyperionCodec(params IEnumerable<Type> types)
    {
        _allowed = types.Select(t => (t.FullName ?? throw new ArgumentException($"{t} has no name.", nameof(types)), t.Assembly.GetName().Name!)).ToFrozenSet();
        _serializer = new Serializer(new SerializerOptions(
            versionTolerance: true,
            preserveObjectReferences: false,
            surrogates: null,
            serializerFactories: [new Gate(this)],
            knownTypes: null,
            ignoreISerializable: true,
            packageNameOverrides: null,
            disallowUnsafeTypes: true,
            typeFilter: new Filter(this)));
    }

    /// <inheritdoc />
    public ReadOnlyMemory<byte> Encode<T>(T value)
    {
        if (value is null) throw new CodecException("null is no key and no value; delete the key instead.");
        Check(value.GetType());
        try
        {
            using var stream = new ShallowStream();
            _serializer.Serialize(value, stream);
            return stream.ToArray();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            throw new CodecException($"{value.GetType()} cannot be written: {Cause(e)}");
        }
    }

    /// <inheritdoc />
    public T Decode<T>(ReadOnlyMemory<byte> bytes)
    {
        object? read;
        try
        {
            using var stream = new ShallowStream(bytes);
            read = _serializer.Deserialize<object>(stream);
        }
        // Bytes that it did not write make it fail in any way, a length without end included.
        catch (Exception e)
        {
            throw new CodecException($"The {bytes.Length} bytes cannot be read as {typeof(T)}: {Cause(e)} Were they written with another codec?");
        }
        return read is T value ? value : throw new CodecException($"The value is {read?.GetType().ToString() ?? "null"}, and not {typeof(T)}.");
    }

    private void Check(Type type)
    {
        var name = type.AssemblyQualifiedName ?? type.Name;
        if (Refusal(name) is { } refusal) throw new CodecException(refusal);
    }

    private string Cause(Exception e)
    {
        for (Exception? at = e; at is not null; at = at.InnerException)
        {
            if (at is CodecException) return at.Message;
            if (at is EvilDeserializationException evil) return Refusal(evil.BadTypeString) ?? at.Message;
            if (at is InsufficientExecutionStackException) return "It is nested too deep, or holds itself.";
        }
        return e.GetBaseException().Message;
    }

    private string? Refusal(string name)
    {
        // Hyperion writes %core% for what follows the name of the core library.
        var parsed = TypeName.TryParse(name.Replace(",%core%", "", StringComparison.Ordinal), out var type);
        var stranger = parsed ? Stranger(type!) : null;
        return parsed && stranger is null
            ? null
            : $"{stranger?.FullName ?? name} is not among the types that the codec was given. If the application means to store it, name it: new HyperionCodec(typeof({(stranger is null ? "…" : InCode(stranger))})).";
    }

    private static string InCode(TypeName type) => type.FullName[(type.FullName.LastIndexOf('.') + 1)..].Replace('+', '.');

    /// <summary>The first type in it that is not allowed, or null.</summary>
    private TypeName? Stranger(TypeName type, int depth = 0)
    {
        if (depth > MaxDepth) return type;
        if (type.IsArray) return Stranger(type.GetElementType(), depth + 1);
        if (!type.IsConstructedGenericType) return Plain.Contains(type.FullName) && IsCore(type) || IsNamed(type) ? null : type;
        var definition = type.GetGenericTypeDefinition();
        return Containers.Contains(definition.FullName) || IsNamed(definition) || IsNamed(type)
            ? type.GetGenericArguments().Select(argument => Stranger(argument, depth + 1)).FirstOrDefault(stranger => stranger is not null)
            : definition;
    }

    private bool IsNamed(TypeName type) => _allowed.Contains((type.FullName, type.AssemblyName?.Name ?? ""));

    // A type of the same name elsewhere is another type.
    private static bool IsCore(TypeName type) => type.AssemblyName?.Name == typeof(object).Assembly.GetName().Name;

    /// <summary>Ends a recursion before it ends the process: Hyperion writes and reads at least a byte per level.</summary>
    private sealed class ShallowStream : MemoryStream
    {
        public ShallowStream()
        {
        }

        public ShallowStream(ReadOnlyMemory<byte> bytes) : base(bytes.ToArray(), writable: false)
        {
        }

        public override void Write(byte[] buffer, int offset, int count)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            base.Write(buffer, offset, count);
        }

        public override void WriteByte(byte value)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            base.WriteByte(value);
        }

        public override int Read(byte[] buffer, int offset, int count)
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            return base.Read(buffer, offset, count);
        }

        public override int ReadByte()
        {
            RuntimeHelpers.EnsureSufficientExecutionStack();
            return base.ReadByte();
        }
    }

    /// <summary>Sees the name of each type that the bytes hold, before it is loaded.</summary>
    private sealed class Filter(HyperionCodec codec) : ITypeFilter
    {
        public bool IsAllowed(string typeName) => codec.Refusal(typeName) is null;
    }

    /// <summary>Sees each type that is to be written or read, those inside of others included, when it comes for the first time. It builds nothing.</summary>
    private sealed class Gate(HyperionCodec codec) : ValueSerializerFactory
    {
        public override bool CanSerialize(Serializer serializer, Type type) => Builds(type);

        public override bool CanDeserialize(Serializer serializer, Type type) => Builds(type);

        public override ValueSerializer BuildSerializer(Serializer serializer, Type type, ConcurrentDictionary<Type, ValueSerializer> typeMapping) =>
            throw new NotSupportedException();

        private bool Builds(Type type)
        {
            codec.Check(type);
            return false;
        }
    }
}
