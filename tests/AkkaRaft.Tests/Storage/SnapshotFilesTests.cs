using AkkaRaft.Log;
using AkkaRaft.Protocol;
using AkkaRaft.Storage;

namespace AkkaRaft.Tests.Storage;

public sealed class SnapshotFilesTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("akkaraft-").FullName;
    private readonly SnapshotFiles _files;

    public SnapshotFilesTests() => _files = new SnapshotFiles(_directory);

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private static LogBase At(long index) => new(index, 1, 0, Configuration.Of([new RaftEndpoint(new MemberId(0), "127.0.0.1:1")]));

    private Snapshot Made(long index)
    {
        _files.Prepare();
        File.WriteAllBytes(_files.NewImage, [1, 2, 3, 4]);
        return _files.Seal(At(index));
    }

    [Fact]
    public void An_image_made_here_that_is_damaged_is_given_up()
    {
        var made = Made(7);
        Assert.True(_files.Own()!.IsSameImage(made));
        File.WriteAllBytes(_files.OwnImage, [1, 2, 3, 5]);
        Assert.NotNull(_files.DescribedOwn());
        Assert.Null(_files.Own());
        Assert.Null(_files.DescribedOwn());
    }

    [Fact]
    public void What_is_dropped_of_an_image_that_was_fetched_is_no_other_image()
    {
        var made = Made(7);
        _files.Prepare();
        foreach (var file in new[] { _files.NewImage, _files.IncomingImage, $"{_files.IncomingImage}-journal", $"{_files.IncomingImage}.part" }) File.WriteAllBytes(file, [9]);
        _files.DeleteIncoming();
        Assert.True(_files.Own()!.IsSameImage(made));
        Assert.Equal(["new.image", "own.image", "own.snapshot"], Directory.EnumerateFiles(_directory).Select(Path.GetFileName).Order());
    }

    [Fact]
    public void A_log_goes_on_from_an_image_that_is_not_before_its_base()
    {
        Made(7);
        Assert.Equal(_files.OwnImage, _files.Latest(7)!.Value.File);
        Assert.Null(_files.Latest(8));
    }

    [Fact]
    public void A_damaged_image_that_was_fetched_gives_way_to_the_one_made_here()
    {
        var made = Made(7);
        _files.Begin(made with { Base = At(9) });
        _files.Write(0, [1, 2, 3, 5]);
        Assert.Equal(_files.OwnImage, _files.Latest(7)!.Value.File);
        Assert.Null(_files.Latest(8));
        File.WriteAllBytes(_files.IncomingImage, [1, 2, 3, 4]);
        Assert.Equal(_files.IncomingImage, _files.Latest(8)!.Value.File);
    }
}
