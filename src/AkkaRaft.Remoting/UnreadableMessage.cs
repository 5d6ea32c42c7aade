namespace AkkaRaft.Remoting;

/// <summary>Stands for what a peer sent that could not be read, which was said. Nobody does anything with it.</summary>
internal sealed class UnreadableMessage
{
    public static readonly UnreadableMessage Instance = new();
}
