using System.Runtime.Serialization;
using Akka.Actor;
using Akka.Remote.Serialization;
using Akka.Serialization;

namespace AkkaRaft.Remoting;

/// <summary>Akka's serializer of its own small messages, which refuses to read <see cref="Kill"/>: any peer could stop a member with it.</summary>
internal sealed class KillRefusingSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
{
    private readonly MiscMessageSerializer _akkas = new(system);

    public override int Identifier => _akkas.Identifier;

    public override string Manifest(object o) => _akkas.Manifest(o);

    public override byte[] ToBinary(object obj) => _akkas.ToBinary(obj);

    public override object FromBinary(byte[] bytes, string manifest) => _akkas.FromBinary(bytes, manifest) is var message and not Kill
        ? message
        : throw new SerializationException("Kill is refused: no peer stops an actor here.");
}
