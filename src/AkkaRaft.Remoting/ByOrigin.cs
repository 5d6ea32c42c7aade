using System.Diagnostics.CodeAnalysis;

namespace AkkaRaft.Remoting;

/// <summary>What is kept of each place that connections come from, as long as there are not too many: those beyond share one value.</summary>
internal sealed class ByOrigin<T>
{
    public const int MaxOrigins = 1024;

    private const string Others = "others";

    private readonly Dictionary<string, T> _values = new(StringComparer.OrdinalIgnoreCase);

    /// <param name="origin">A host.</param>
    /// <param name="isAsGoodAsNone">Whether a value may be forgotten where room is wanted.</param>
    /// <returns>Under what the origin's value is kept.</returns>
    public string KeyOf(string origin, Predicate<T> isAsGoodAsNone)
    {
        if (_values.Count < MaxOrigins || _values.ContainsKey(origin)) return origin;
        foreach (var (old, value) in _values)
        {
            if (isAsGoodAsNone(value)) _values.Remove(old);
        }
        return _values.Count < MaxOrigins ? origin : Others;
    }

    public bool TryGet(string key, [MaybeNullWhen(false)] out T value) => _values.TryGetValue(key, out value);

    public void Set(string key, T value) => _values[key] = value;
}
