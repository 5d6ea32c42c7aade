using Google.Protobuf;

namespace AkkaRaft.Protocol;

/// <summary>What protobuf leaves open: a part that must be there, a number that must be one of an enumeration, bytes that nobody copies.</summary>
internal static class WireValue
{
    public static T Required<T>(T? part) where T : class => part ?? throw new InvalidDataException($"no {typeof(T).Name}");

    public static T Known<T>(int value) where T : struct, Enum =>
        Enum.IsDefined(typeof(T), value) ? (T)(object)value : throw new InvalidDataException($"{value}, which is no {typeof(T).Name}");

    public static ByteString Bytes(ReadOnlyMemory<byte> bytes) => UnsafeByteOperations.UnsafeWrap(bytes);
}
