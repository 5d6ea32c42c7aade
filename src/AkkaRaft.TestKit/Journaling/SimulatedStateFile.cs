using AkkaRaft.StateMachines;

namespace AkkaRaft.TestKit.Journaling;

/// <summary>The file of a plain class's state: what was written survives each crash. Images for others are files, and written at once.</summary>
internal sealed class SimulatedStateFile : IStateFile
{
    private byte[]? _image;

    public byte[]? Read() => _image;

    public Task WriteAsync(byte[] image)
    {
        _image = image;
        return Task.CompletedTask;
    }

    public Task WriteImageAsync(byte[] image, string file)
    {
        File.WriteAllBytes(file, image);
        return Task.CompletedTask;
    }

    public string PutAside()
    {
        _image = null;
        return "put aside";
    }

    /// <summary>Somebody takes it away.</summary>
    public void Lose() => _image = null;
}
