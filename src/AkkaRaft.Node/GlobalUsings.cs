global using System.CommandLine;
global using System.CommandLine.Parsing;
global using AkkaRaft.Client;
global using AkkaRaft.Hosting;
global using AkkaRaft.Protocol;
global using AkkaRaft.StateMachine;
global using AkkaRaft.Storage;
