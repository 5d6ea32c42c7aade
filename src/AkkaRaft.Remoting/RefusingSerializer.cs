using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Configuration;
using Akka.Serialization;

namespace AkkaRaft.Remoting;

/// <summary>Stands where Akka's default JSON serializer stood, which instantiates whatever CLR type a peer names, and where others did: it reads and writes nothing.</summary>
internal sealed class RefusingSerializer : Serializer
{
    public RefusingSerializer(ExtendedActorSystem system)
        : base(system)
    {
    }

    // Akka passes the settings of the serializer whose place this one takes.
    public RefusingSerializer(ExtendedActorSystem system, Config settings)
        : base(system)
    {
        _ = settings;
    }

    public override int Identifier => 1;

    public override bool IncludeManifest => true;

    public override byte[] ToBinary(object obj) =>
        throw new SerializationException($"{obj.GetType()} has no serializer: only AkkaRaft's own messages cross the wire.");

    public override object FromBinary(byte[] bytes, Type type) =>
        throw new SerializationException($"A message of type {type} is refused: only AkkaRaft's own messages cross the wire.");
}
