namespace AkkaRaft.StateMachines;

/// <summary>Where a plain class's state outlives its process: a file, or, in a simulation, what stands for one.</summary>
internal interface IStateFile
{
    /// <summary>What was written last; null when nothing was, or when it was put aside.</summary>
    /// <exception cref="IOException">It cannot be read now.</exception>
    byte[]? Read();

    /// <summary>Replaces it, in one step; ends when no crash takes it away.</summary>
    /// <param name="image">What to write.</param>
    /// <param name="check">Called before, aside; what it throws ends this, and what was there stays.</param>
    Task WriteAsync(byte[] image, Action check);

    /// <summary>Writes an image to a file that does not exist yet, for another member or a backup.</summary>
    /// <param name="image">What to write.</param>
    /// <param name="file">Where.</param>
    /// <param name="check">As in <see cref="WriteAsync"/>.</param>
    Task WriteImageAsync(byte[] image, string file, Action check);

    /// <summary>Keeps what cannot be used under another name.</summary>
    /// <returns>The name.</returns>
    string PutAside();
}
