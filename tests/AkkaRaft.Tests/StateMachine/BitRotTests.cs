using AkkaRaft.KeyValue;
using AkkaRaft.StateMachines;

namespace AkkaRaft.Tests.StateMachine;

/// <summary>What the disk changed is never served, and never goes into an image or comes out of one.</summary>
public sealed class BitRotTests : StoreTest
{
    private string Image => Path.Combine(Folder, "image");

    public static TheoryData<string, string> Changes => new()
    {
        { "meta", "UPDATE meta SET value = 'tesu' WHERE name = 'cluster_id'" },
        { "progress", "UPDATE progress SET revision = revision + 1" },
        { "limits", "UPDATE limits SET crc = crc + 1" },
        { "lease", "UPDATE lease SET expires_ms = expires_ms + 1" },
        { "session", "UPDATE session SET next_serial = next_serial + 1" },
        { "session_result", "UPDATE session_result SET first_serial = first_serial + 1" },
        { "history", "UPDATE history SET first_revision = first_revision + 1" },
    };

    [Theory]
    [MemberData(nameof(Changes))]
    public void A_row_that_is_read_at_the_start_and_was_changed_is_found_then(string table, string change)
    {
        Fill();
        Store.Dispose();
        Run(StateFile, change);
        var e = Assert.Throws<UnusableStateException>(() => KeyValueStore.Open(Settings, StateFile));
        Assert.StartsWith($"{StateFile} is damaged: a row of its table {table} ", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("value = CAST('the balance is 9000000' AS BLOB)")]
    [InlineData("version = version + 1")]
    [InlineData("lease = lease + 1")]
    public void A_row_of_a_key_that_was_changed_is_not_served(string change)
    {
        Fill();
        Reopen();
        Run(StateFile, $"UPDATE kv SET {change}");
        Assert.Throws<UnusableStateException>(() => Get("k"));
        Assert.Throws<UnusableStateException>(() => Ask<RangeReply>(new GetRange(default, default)));
        Assert.Throws<UnusableStateException>(() => Do(Change("k", "b", 1)));
    }

    [Fact]
    public void A_state_without_its_progress_is_damaged()
    {
        Store.Commit();
        Store.Dispose();
        Run(StateFile, "DELETE FROM progress");
        Assert.Contains("does not say what was applied", Assert.Throws<UnusableStateException>(() => KeyValueStore.Open(Settings, StateFile)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Changes))]
    [InlineData("kv", "UPDATE kv SET version = version + 1")]
    public void A_changed_row_goes_into_no_image_and_comes_out_of_none(string table, string change)
    {
        Fill();
        Assert.Null(KeyValueStore.SaveImage(StateFile, Image).Failure);
        KeyValueStore.Inspect(Image);
        Run(Image, change);
        Assert.Contains($"{Image} is damaged: a row of its table {table} ", Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Inspect(Image)).Message, StringComparison.Ordinal);
        Assert.Contains("damaged", KeyValueStore.WhatIsWrongWith(new CheckImage(Image, Store.AppliedIndex, Store.AppliedTerm)), StringComparison.Ordinal);
        Assert.Equal("the balance is 1000000", Get("k"));
        Run(StateFile, change);
        Assert.Contains(StateFile, Assert.Throws<UnusableStateException>(() => KeyValueStore.SaveImage(StateFile, Image + "2")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_image_without_its_progress_is_none()
    {
        Fill();
        KeyValueStore.SaveImage(StateFile, Image);
        Run(Image, "DELETE FROM progress");
        Assert.Throws<KeyValueStoreException>(() => KeyValueStore.Inspect(Image));
    }

    [Fact]
    public void An_image_stays_as_it_is_when_it_is_loaded()
    {
        Fill();
        KeyValueStore.SaveImage(StateFile, Image);
        var before = File.ReadAllBytes(Image);
        Store.Load(Image, 77);
        Assert.Equal(before, File.ReadAllBytes(Image));
        Assert.Equal((77, "the balance is 1000000"), (Store.JournalSequenceNr, Get("k")));
    }

    /// <summary>At least one row in each table.</summary>
    private void Fill()
    {
        Do(Put("k", "the balance is 1000000"), new GrantLease(TimeSpan.FromDays(1)));
        var session = OpenSession();
        Executed(Batch(session, 1, 0, new GrantLease(TimeSpan.FromDays(1))));
        Store.Commit();
    }
}
