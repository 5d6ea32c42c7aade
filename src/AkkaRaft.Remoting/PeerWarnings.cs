using System.Text;
using Akka.Event;

namespace AkkaRaft.Remoting;

/// <summary>What goes wrong with peers: one line for an address in a minute; what comes meanwhile is counted, and told with the next.</summary>
internal sealed class PeerWarnings(ILoggingAdapter logger, TimeProvider? clock = null)
{
    public const int MaxCharacters = 200;

    private const int MaxTextCharacters = 4 * 1024;

    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly TimeProvider _clock = clock ?? TimeProvider.System;
    private readonly ByOrigin<Said> _said = new();

    /// <param name="address">Whose: the host alone, since each connection has another port.</param>
    /// <param name="what">A whole sentence, or more.</param>
    public void Warn(string address, string what)
    {
        string line;
        lock (_said)
        {
            var now = _clock.GetTimestamp();
            var key = _said.KeyOf(address, last => last.Untold == 0 && _clock.GetElapsedTime(last.At, now) >= Interval);
            if (_said.TryGet(key, out var before) && _clock.GetElapsedTime(before.At, now) < Interval)
            {
                _said.Set(key, before with { Untold = before.Untold + 1 });
                return;
            }
            line = before.Untold > 0 ? $"{what} (Since the last such line {before.Untold} more.)" : what;
            _said.Set(key, new Said(now, 0));
        }
        logger.Warning("{0}", line);
    }

    /// <summary>What a peer said, as one line of bounded length, whatever bytes it is.</summary>
    public static string Quote(ReadOnlySpan<byte> said) => Quote(Encoding.UTF8.GetString(said[..Math.Min(said.Length, 4 * MaxCharacters)]));

    /// <inheritdoc cref="Quote(ReadOnlySpan{byte})" />
    public static string Quote(string said) => $"'{Escape(said, MaxCharacters)}'";

    /// <summary>What a peer said, as a part of one line that has quotation marks of its own.</summary>
    /// <param name="said">Its text.</param>
    /// <param name="most">Most characters.</param>
    public static string Escape(string said, int most) => Escape(said, most, static c => c is >= ' ' and < '\u007f' and not '\'' and not '\\');

    /// <summary>What a peer said, for people, as a part of one line: whatever would begin another, or speak to a terminal, is escaped.</summary>
    /// <param name="said">Its text.</param>
    public static string OneLine(string said) => said.Length <= MaxTextCharacters && !said.Any(IsNoText) ? said : Escape(said, MaxTextCharacters, static c => !IsNoText(c));

    private static string Escape(string said, int most, Func<char, bool> isPlain)
    {
        var text = new StringBuilder();
        foreach (var c in said)
        {
            if (text.Length >= most) return $"{text}…";
            if (isPlain(c)) text.Append(c);
            else text.Append($"\\u{(int)c:x4}");
        }
        return text.ToString();
    }

    private static bool IsNoText(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or '\u061c' or (>= '\u200e' and <= '\u200f') or (>= '\u202a' and <= '\u202e') or (>= '\u2066' and <= '\u2069');

    private readonly record struct Said(long At, long Untold);
}
