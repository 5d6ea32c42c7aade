using AkkaRaft.Storage;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>The file of a plain class's state, in a directory of its own.</summary>
public sealed class StateFileTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("akkaraft-state-").FullName;
    private readonly StateFile _file;

    public StateFileTests() => _file = new StateFile(ImageFile);

    private string ImageFile => Path.Combine(_folder, "state.image");

    private IEnumerable<string?> Names => Directory.GetFileSystemEntries(_folder).Select(Path.GetFileName).Order(StringComparer.Ordinal);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Nothing_is_read_where_nothing_was_written() => Assert.Null(_file.Read());

    [Fact]
    public async Task What_was_written_last_is_read_whole_and_by_others()
    {
        await _file.WriteAsync(new byte[100_000], () => { });
        await _file.WriteAsync([1, 2, 3], () => { });
        Assert.Equal([1, 2, 3], _file.Read());
        Assert.Equal([1, 2, 3], new StateFile(ImageFile).Read());
        Assert.Equal(["state.image"], Names);
    }

    [Fact]
    public async Task An_empty_image_is_not_the_same_as_none()
    {
        await _file.WriteAsync([], () => { });
        var read = _file.Read();
        Assert.NotNull(read);
        Assert.Empty(read);
    }

    [Fact]
    public async Task Whoever_reads_while_it_is_written_has_the_old_one_or_the_new_one_whole()
    {
        byte[][] images = [.. Enumerable.Range(0, 2).Select(i => Enumerable.Repeat((byte)(i + 1), 300_000 + i * 50_000).ToArray())];
        await _file.WriteAsync(images[0], () => { });
        var writing = Task.Run(async () =>
        {
            for (var i = 1; i <= 16; i++) await _file.WriteAsync(images[i % 2], () => { });
        });
        do
        {
            var read = _file.Read()!;
            Assert.True(read.AsSpan().SequenceEqual(images[read[0] - 1]), $"{read.Length} bytes were read that begin with {read[0]}.");
        }
        while (!writing.IsCompleted);
        await writing;
        Assert.Equal(images[0], _file.Read());
    }

    [Fact]
    public async Task What_a_crash_left_half_written_is_not_read_and_does_not_hinder()
    {
        File.WriteAllText($"{ImageFile}.next", "half of it, and longer than what comes after it");
        Assert.Null(_file.Read());
        await _file.WriteAsync([1], () => { });
        File.WriteAllText($"{ImageFile}.next", "half");
        Assert.Equal([1], _file.Read());
        await _file.WriteAsync([2], () => { });
        Assert.Equal([2], _file.Read());
        Assert.Equal(["state.image"], Names);
    }

    [Fact]
    public async Task A_write_that_fails_leaves_the_file()
    {
        await _file.WriteAsync([1], () => { });
        Directory.CreateDirectory($"{ImageFile}.next");
        await Assert.ThrowsAnyAsync<Exception>(() => _file.WriteAsync([2], () => { }));
        Assert.Equal([1], _file.Read());
        Directory.Delete($"{ImageFile}.next");
        await _file.WriteAsync([3], () => { });
        Assert.Equal([3], _file.Read());
    }

    [Fact]
    public async Task A_file_that_is_put_aside_is_kept_under_the_name_that_is_told()
    {
        await _file.WriteAsync([1, 2], () => { });
        var aside = _file.PutAside();
        Assert.Null(_file.Read());
        Assert.Equal([1, 2], File.ReadAllBytes(aside));
        await _file.WriteAsync([3], () => { });
        Assert.Equal([3], _file.Read());
        Assert.Equal([1, 2], File.ReadAllBytes(aside));
        Assert.Equal([3], File.ReadAllBytes(_file.PutAside()));
    }

    [Fact]
    public void Where_there_is_no_file_nothing_is_put_aside()
    {
        _file.PutAside();
        Assert.Empty(Names);
    }

    [Fact]
    public async Task Nothing_to_put_aside_leaves_what_was_put_aside_before()
    {
        await _file.WriteAsync([1], () => { });
        var aside = _file.PutAside();
        _file.PutAside();
        Assert.Equal([1], File.ReadAllBytes(aside));
    }

    [Fact]
    public async Task An_image_for_others_goes_into_a_new_file_and_over_none()
    {
        var to = Path.Combine(_folder, "backup");
        await _file.WriteImageAsync([1], to, () => { });
        await Assert.ThrowsAnyAsync<IOException>(() => _file.WriteImageAsync([2], to, () => { }));
        Assert.Equal([1], File.ReadAllBytes(to));
        Assert.Null(_file.Read());
    }

    [Fact]
    public async Task Without_its_directory_nothing_is_written()
    {
        var lost = new StateFile(Path.Combine(_folder, "none", "state.image"));
        Assert.Null(lost.Read());
        await Assert.ThrowsAnyAsync<IOException>(() => lost.WriteAsync([1], () => { }));
    }
}
