using System.Globalization;
using System.Numerics;
using System.Text;

namespace AkkaRaft.Node;

/// <summary>What is wrong with a command line, in one sentence: the first thing that is, and what may have been meant.</summary>
internal static class ParseErrors
{
    public static string Describe(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        // A misspelt option is taken for an argument, and puts all that follow it in the wrong place.
        if (parsed.Tokens.FirstOrDefault(t => t.Type == TokenType.Argument && t.Value.StartsWith("--", StringComparison.Ordinal) && t.Value.Length > 2 && IsStray(parsed, t)) is { } option)
        {
            string name = option.Value.Split('=', ':')[0];
            string? near = Spelling.Nearest(name, command.Options.Where(o => !o.Hidden).Select(o => o.Name));
            if (near is not null || command.Action is not null)
            {
                return $"'{name}' is no option of {Name(command)}{(near is null ? "." : $"; did you mean '{near}'?")}";
            }
        }

        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens.FirstOrDefault(t => !t.StartsWith('-')) is { } word)
        {
            return $"'{word}' is no command of {Name(command)}; {(Spelling.Nearest(word, Commands(command)) is { } near ? $"did you mean '{near}'?" : $"known are {string.Join(", ", Commands(command))}.")}";
        }

        if (command.Subcommands.Count > 0 && command.Action is null)
        {
            return $"{Name(command)} needs a command: {string.Join(", ", Commands(command))}.";
        }

        if (parsed.UnmatchedTokens is [var surplus, ..])
        {
            return $"'{surplus}' is more than {Name(command)} takes{(command.Arguments.Count == 0 ? "" : $", which is {string.Join(' ', command.Arguments.Select(a => a.Name))}")}.";
        }

        var missing = command.Arguments.Where(a => a.Arity.MinimumNumberOfValues > 0 && !a.HasDefaultValue && parsed.GetResult(a) is null or { Tokens.Count: 0 }).Select(a => a.Name)
            .Concat(command.Options.Where(o => o.Required && parsed.GetResult(o) is null or { Implicit: true }).Select(o => o.Name)).ToList();
        // An option that lacks its value comes first: it may have taken an argument's place.
        return parsed.Errors.Select(Of).FirstOrDefault(text => text is not null)
            ?? (missing.Count > 0 ? $"{Name(command)} needs {string.Join(" and ", missing)}." : parsed.Errors.Select(e => e.Message).FirstOrDefault() ?? "The command line cannot be read.");
    }

    /// <summary>The command line that says how the command is used.</summary>
    public static string HelpOf(ParseResult parsed) => parsed.CommandResult.Command is RootCommand ? "akkaraft --help" : $"akkaraft {Name(parsed.CommandResult.Command)} --help";

    /// <summary>What is wrong with the value of one option or argument; null when that is not it.</summary>
    private static string? Of(ParseError error) => error.SymbolResult switch
    {
        OptionResult { Tokens.Count: 0, Option.Arity.MinimumNumberOfValues: > 0, Implicit: false } result => $"{result.Option.Name} needs a value.",
        OptionResult { Option: var option } result when option.Arity.MaximumNumberOfValues == 1 && result.IdentifierTokenCount > 1 => $"{option.Name} is given {result.IdentifierTokenCount} times.",
        OptionResult { Tokens: [.., var value], Option: var option } => Unreadable(option.Name, value.Value, option.ValueType),
        ArgumentResult { Tokens: [.., var value], Argument: var argument } result => Unreadable((result.Parent as OptionResult)?.Option.Name ?? argument.Name, value.Value, argument.ValueType),
        _ => null,
    };

    private static string Unreadable(string name, string value, Type type)
    {
        string shown = SettingsCheck.Quoted(value);
        (string kind, BigInteger least, BigInteger most) = Type.GetTypeCode(Nullable.GetUnderlyingType(type) ?? type) switch
        {
            TypeCode.Int32 => ("a whole number", int.MinValue, int.MaxValue),
            TypeCode.Int64 => ("a whole number", long.MinValue, long.MaxValue),
            TypeCode.UInt64 => ("a whole number from 0 on", ulong.MinValue, ulong.MaxValue),
            TypeCode.Double => ("a number", BigInteger.Zero, BigInteger.Zero),
            TypeCode.Boolean => ("true or false", BigInteger.Zero, BigInteger.Zero),
            _ => ("a value that it takes", BigInteger.Zero, BigInteger.Zero),
        };
        return most > least && BigInteger.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _)
            ? $"{name}: {shown} is not between {least} and {most}."
            : $"{name}: {shown} is not {kind}.";
    }

    /// <summary>Whether a word that looks like an option is where none belongs: an option's own value may look like one.</summary>
    private static bool IsStray(ParseResult parsed, Token token) =>
        parsed.UnmatchedTokens.Contains(token.Value) || parsed.CommandResult.Children.OfType<ArgumentResult>().Any(a => a.Tokens.Contains(token));

    private static IEnumerable<string> Commands(Command command) => command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name);

    /// <summary>A command with those above it, without the program itself where there is more.</summary>
    private static string Name(Command command)
    {
        var name = new StringBuilder(command is RootCommand ? "akkaraft" : command.Name);
        for (Command? above = Above(command); above is not null and not RootCommand; above = Above(above))
        {
            name.Insert(0, $"{above.Name} ");
        }

        return name.ToString();
    }

    private static Command? Above(Command command) => command.Parents.OfType<Command>().FirstOrDefault();
}
