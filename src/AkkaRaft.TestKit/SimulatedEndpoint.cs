using Akka.Actor;
using AkkaRaft.Client;
using AkkaRaft.Protocol;
using AkkaRaft.TestKit.Engine;

namespace AkkaRaft.TestKit;

/// <summary>A client's actor in its process, as the simulation starts it.</summary>
/// <param name="Id">Its number, from 1.</param>
/// <param name="Process">Its process.</param>
/// <param name="Actor">The production client actor.</param>
/// <param name="Inbox">Where its calls come in.</param>
/// <param name="Settings">The client's.</param>
/// <param name="Requests">How it writes its requests.</param>
/// <param name="Known">The members that it asks.</param>
internal sealed record SimulatedEndpoint(
    int Id, SimulatedProcess Process, IActorRef Actor, CallInbox Inbox, RaftClientSettings Settings, IRequestCodec Requests, Func<IEnumerable<MemberId>> Known);
