using AkkaRaft.KeyValue;
using AkkaRaft.Protocol;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>Images of the state, and how a member takes one over.</summary>
public sealed class ImageTests : StoreTest
{
    private string Image => Path.Combine(Folder, "image");

    private KeyValueStore OpenOther() => KeyValueStore.Open(Settings with { Id = new MemberId(2) }, Path.Combine(Folder, "other.db"));

    [Fact]
    public void An_image_tells_when_a_lease_or_a_session_was_used_last_by_the_clock_of_its_log()
    {
        Store.Commit();
        KeyValueStore.SaveImage(StateFile, Image + "0");
        Assert.Equal(0, KeyValueStore.Inspect(Image + "0").TimestampMs);
        var lease = Do<LeaseReply>(new GrantLease(TimeSpan.FromMinutes(1))).Status.Lease;
        Pass(TimeSpan.FromMilliseconds(500));
        Do<LeaseReply>(new KeepLeaseAlive(lease));
        var used = Now;
        Pass(TimeSpan.FromMilliseconds(500));
        Store.Commit();
        KeyValueStore.SaveImage(StateFile, Image);
        var image = KeyValueStore.Inspect(Image);
        Assert.Equal((Store.AppliedIndex, 7, used, "test"), (image.Index, image.Term, image.TimestampMs, image.ClusterId));
    }

    private void SaveImage()
    {
        Do(Put("a", "1"));
        Store.Commit();
        Assert.Equal(new ImageSaved(Store.AppliedIndex, 7), KeyValueStore.SaveImage(StateFile, Image));
    }

    [Fact]
    public void An_image_is_not_changed_by_being_taken_over()
    {
        SaveImage();
        var before = File.ReadAllBytes(Image);
        using var other = OpenOther();
        other.Load(Image, 5);
        Assert.Equal((Store.AppliedIndex, 5), (other.AppliedIndex, other.JournalSequenceNr));
        Assert.Equal(before, File.ReadAllBytes(Image));
    }

    [Fact]
    public void A_state_that_was_taken_over_is_opened_again_by_its_own_member_alone()
    {
        SaveImage();
        using (var other = OpenOther()) other.Load(Image, 5);
        using (var again = OpenOther()) Assert.Equal((Store.AppliedIndex, 5), (again.AppliedIndex, again.JournalSequenceNr));
        Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Open(Settings, Path.Combine(Folder, "other.db")));
    }

    [Fact]
    public void An_image_of_another_entry_or_with_a_row_missing_is_told_and_not_thrown()
    {
        SaveImage();
        var check = new CheckImage(Image, Store.AppliedIndex, 7);
        Assert.Null(KeyValueStore.WhatIsWrongWith(check));
        Assert.Contains("of entry", KeyValueStore.WhatIsWrongWith(check with { Index = check.Index + 1 }), StringComparison.Ordinal);
        Run(Image, "DELETE FROM progress");
        Assert.Contains("damaged", KeyValueStore.WhatIsWrongWith(check), StringComparison.Ordinal);
        Assert.Contains("damaged", Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Inspect(Image)).Message, StringComparison.Ordinal);
        File.WriteAllBytes(Image, [1, 2, 3]);
        Assert.Contains("no backup", KeyValueStore.WhatIsWrongWith(check), StringComparison.Ordinal);
    }
}
