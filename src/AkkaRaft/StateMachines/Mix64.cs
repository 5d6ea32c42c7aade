namespace AkkaRaft.StateMachines;

/// <summary>SplitMix64's finalizer (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): one to one, and each bit of the input changes half of the output's.</summary>
internal static class Mix64
{
    public const ulong Step = 0x9E3779B97F4A7C15;

    public static ulong Of(ulong z)
    {
        z += Step;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
