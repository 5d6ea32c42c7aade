using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;

namespace AkkaRaft.Simulation.Tests.Interleaving;

/// <summary>Puts a call before each statement: threads meet in orders that a machine's own timing brings once in years, and a process dies between any two steps.</summary>
internal sealed class Steps : CSharpSyntaxRewriter
{
    /// <summary>What the calls go to: a word from the environment decides where threads wait, and at which of its steps the process is killed.</summary>
    public const string Source =
        """
        namespace AkkaRaft;

        internal static class Interleaving
        {
            private static readonly int CrashAt = int.Parse(System.Environment.GetEnvironmentVariable("AKKARAFT_CRASH_AT") ?? "0");
            private static readonly bool Waits = System.Environment.GetEnvironmentVariable("AKKARAFT_WAITS") is not null;
            private static int _steps;
            private static int _threads = int.Parse(System.Environment.GetEnvironmentVariable("AKKARAFT_WAITS") ?? "1");

            [System.ThreadStatic]
            private static uint _random;

            public static void Step()
            {
                if (CrashAt > 0 && System.Threading.Interlocked.Increment(ref _steps) == CrashAt) System.Diagnostics.Process.GetCurrentProcess().Kill();
                if (!Waits) return;
                if (_random == 0) _random = (uint)System.Threading.Interlocked.Increment(ref _threads) * 2654435761 | 1;
                _random ^= _random << 13;
                _random ^= _random >> 17;
                _random ^= _random << 5;
                if ((_random & 31) == 0) System.Threading.Thread.Yield();
                else if ((_random & 255) == 1) System.Threading.Thread.SpinWait((int)(_random >> 20));
                else if ((_random & 16383) == 2) System.Threading.Thread.Sleep(1);
            }
        }
        """;

    private static readonly StatementSyntax Step = SyntaxFactory.ParseStatement("global::AkkaRaft.Interleaving.Step();\n");

    /// <summary>A source with the calls.</summary>
    public static SyntaxTree In(SyntaxTree tree) => tree.WithRootAndOptions(new Steps().Visit(tree.GetRoot()), tree.Options);

    public override SyntaxNode? VisitBlock(BlockSyntax node)
    {
        var block = (BlockSyntax)base.VisitBlock(node)!;
        return block.WithStatements([.. block.Statements.SelectMany(s => s is LocalFunctionStatementSyntax ? (StatementSyntax[])[s] : [Step, s])]);
    }
}
