using AkkaRaft.Client;

namespace AkkaRaft.Hosting;

/// <summary>A client's settings from a member's.</summary>
public static class ClientSettings
{
    /// <summary>What a client of this cluster needs to know of it.</summary>
    /// <param name="settings">Those of one of its members.</param>
    public static RaftClientSettings ForClients(this RaftSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return new()
        {
            ClusterId = settings.ClusterId, SystemName = settings.SystemName, Members = settings.Members,
            MaxKeyBytes = settings.MaxKeyBytes, MaxValueBytes = settings.MaxValueBytes,
        };
    }
}
