using AkkaRaft.Node;

namespace AkkaRaft.Process.Tests;

public sealed class PipeWindowTests
{
    [Fact]
    public async Task As_many_are_under_way_as_answers_of_the_largest_size_have_room()
    {
        using var window = new PipeWindow();
        Assert.Equal(64, await BegunAsync(window));
        window.Answered(100);
        Assert.Equal(PipeWindow.Most - 64, await BegunAsync(window));
        window.Answered(PipeWindow.MostBytes / 10);
        for (int i = 0; i < PipeWindow.Most; i++) window.End();
        Assert.Equal(10, await BegunAsync(window));
        window.Answered(2 * PipeWindow.MostBytes);
        for (int i = 0; i < 10; i++) window.End();
        Assert.Equal(1, await BegunAsync(window));
    }

    [Fact(Timeout = Patience.TestMs)]
    public async Task There_is_room_again_when_one_is_printed()
    {
        using var window = new PipeWindow();
        await BegunAsync(window);
        window.End();
        await window.BeginAsync();
    }

    /// <summary>How many begin until one has to wait, which takes the place of one that is printed.</summary>
    private static async Task<int> BegunAsync(PipeWindow window)
    {
        int begun = 0;
        Task next;
        while ((next = window.BeginAsync()).IsCompletedSuccessfully) begun++;
        window.End();
        await next;
        return begun;
    }
}
