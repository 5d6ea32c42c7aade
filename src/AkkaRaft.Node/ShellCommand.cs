namespace AkkaRaft.Node;

internal static class ShellCommand
{
    public static Command Create()
    {
        var options = new ClientOptions();
        var command = new Command("shell", "Read commands from a prompt, or line by line from a pipe");
        options.AddTo(command);
        command.SetAction((parsed, _) => ClientCommand.RunAsync(options, parsed, (session, json) => new Shell(session, json).RunAsync()));
        return command;
    }
}
