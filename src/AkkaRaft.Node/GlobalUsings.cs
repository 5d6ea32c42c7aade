global using System.CommandLine;
global using AkkaRaft.Client;
global using AkkaRaft.Hosting;
global using AkkaRaft.Protocol;
global using AkkaRaft.StateMachine;
global using AkkaRaft.Storage;
