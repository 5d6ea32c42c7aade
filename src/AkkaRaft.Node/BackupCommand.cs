namespace AkkaRaft.Node;

internal static class BackupCommand
{
    public static Verb Create()
    {
        Argument<string> file = new("FILE") { Description = "Where to write it; the file must not exist" };
        Option<int?> from = new("--from") { Description = "The member that gives it; the leader when nothing is said" };
        return new Verb(new Command("backup", "Write a consistent image of the state to FILE, while the cluster runs") { file, from }, async (parsed, call) =>
        {
            string path = parsed.GetRequiredValue(file);
            ClientOptions.CheckDirectoryOf(path, "backup");
            if (Path.Exists(path))
            {
                throw new UsageException($"'{path}' exists; a backup is written to a file that does not.");
            }

            var said = 0L;
            var progress = new Told<BackupProgress>(p =>
            {
                if (10 * p.Received / p.Length > said)
                {
                    said = 10 * p.Received / p.Length;
                    call.Err.WriteLine($"{10 * said} % of {p.Length} bytes");
                }
            });
            var (index, bytes) = await call.Client.BackupAsync(path, parsed.GetValue(from) is { } id ? new MemberId(id) : null, progress, call.Cancel).ConfigureAwait(false);
            call.Out.WriteLine(call.Json ? Output.Backup(path, index, bytes) : $"{path}: the state up to entry {index}, {bytes} bytes.");
            return ExitCodes.Ok;
        });
    }
}
