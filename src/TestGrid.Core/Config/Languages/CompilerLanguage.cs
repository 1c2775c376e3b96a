using TestGrid.Core.Config.Matrix;
using TestGrid.Core.Text;

namespace TestGrid.Core.Config.Languages;

/// <summary>
/// C and C++: the compiler is chosen by <c>CC</c> and <c>CXX</c>, and a value the configuration set for them stays.
/// </summary>
internal static class CompilerLanguage
{
    private const string Script = "travis_cmd './configure && make && make test' --echo --timing";

    public static LanguageSteps C(MatrixJob job, string? version)
    {
        var compiler = job.Text("compiler") ?? "gcc";
        return new LanguageSteps(
            Export: Exports(compiler, ("CC", compiler), ("CC_FOR_BUILD", compiler)),
            Announce: Announce(compiler),
            Script: Script
        );
    }

    public static LanguageSteps Cpp(MatrixJob job, string? version)
    {
        var compiler = job.Text("compiler") ?? "g++";
        var (cxx, cc) = Pair(compiler);
        return new LanguageSteps(
            Export: Exports(compiler, ("CXX", cxx), ("CXX_FOR_BUILD", cxx), ("CC", cc), ("CC_FOR_BUILD", cc)),
            Announce: Announce(compiler),
            Script: Script
        );
    }

    /// <summary>Both names of one compiler, versions kept: <c>gcc-12</c> is <c>g++-12</c> and <c>gcc-12</c>.</summary>
    private static (string Cxx, string Cc) Pair(string compiler)
    {
        if (compiler.StartsWith("clang", StringComparison.OrdinalIgnoreCase))
        {
            var cc = compiler.Replace("clang++", "clang", StringComparison.OrdinalIgnoreCase);
            return (cc.Replace("clang", "clang++", StringComparison.OrdinalIgnoreCase), cc);
        }

        if (
            compiler.StartsWith("gcc", StringComparison.OrdinalIgnoreCase)
            || compiler.StartsWith("g++", StringComparison.OrdinalIgnoreCase)
        )
        {
            return (
                compiler.Replace("gcc", "g++", StringComparison.OrdinalIgnoreCase),
                compiler.Replace("g++", "gcc", StringComparison.OrdinalIgnoreCase)
            );
        }

        return ("g++", "gcc");
    }

    private static string Exports(string compiler, params (string Name, string Value)[] vars) =>
        string.Join(
            '\n',
            vars.Select(var => $"export {var.Name}=${{{var.Name}:-{Bash.Quote(var.Value)}}}")
                .Prepend($"export TRAVIS_COMPILER={Bash.Quote(compiler)}")
                .Select(line => $"travis_cmd {Bash.Quote(line)} --echo")
        );

    private static string Announce(string compiler) =>
        $"travis_cmd {Bash.Quote(Bash.Word(compiler) + " --version")} --echo --timing";
}
