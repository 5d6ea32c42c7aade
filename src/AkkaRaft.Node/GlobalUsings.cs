global using System.CommandLine;
global using System.CommandLine.Parsing;
global using AkkaRaft.Client;
global using AkkaRaft.Hosting;
global using AkkaRaft.KeyValue;
global using AkkaRaft.Protocol;
global using AkkaRaft.Storage;
