using AkkaRaft.Protocol;

namespace AkkaRaft.Consensus;

/// <summary>Carries a message to a member, or loses it: nobody is told. A simulation puts its own network here.</summary>
internal interface IMemberTransport
{
    void Send(RaftEndpoint to, IRaftMessage message);
}
