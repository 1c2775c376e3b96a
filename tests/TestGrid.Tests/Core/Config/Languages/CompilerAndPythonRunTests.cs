using TestGrid.Tests.Core.Jobs;

namespace TestGrid.Tests.Core.Config.Languages;

/// <summary>C, C++ and Python with the real tools of this machine.</summary>
public sealed class CompilerAndPythonRunTests
{
    [Theory]
    [InlineData("c", "gcc", "gcc|")]
    [InlineData("c", "clang", "clang|")]
    [InlineData("cpp", "gcc", "gcc|g++")]
    [InlineData("cpp", "clang++", "clang|clang++")]
    [InlineData("cpp", "g++-12", "gcc-12|g++-12")]
    [InlineData("cpp", "clang-14", "clang-14|clang++-14")]
    public async Task A_compiler_sets_CC_and_CXX(string language, string compiler, string expected)
    {
        var run = await ScriptRun.OfAsync(
            $"language: {language}\ncompiler: {compiler}\nscript: echo \"=$CC|$CXX=$TRAVIS_COMPILER=\"\n"
        );

        Assert.Contains($"\n={expected}={compiler}=\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains($"$ {compiler} --version\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_CC_of_the_configuration_stays()
    {
        var run = await ScriptRun.OfAsync("language: c\ncompiler: gcc\nenv: CC=tcc\nscript: echo \"=$CC=\"\n");

        Assert.Contains("\n=tcc=\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task C_is_configured_made_and_tested_by_default()
    {
        var run = await ScriptRun.OfAsync("language: c\n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("$ ./configure && make && make test\n", run.Visible, StringComparison.Ordinal);
        Assert.Equal(
            "script failed: the command \"./configure && make && make test\" exited with 127.",
            run.Verdict.Sentence
        );
    }

    [Fact]
    public async Task Python_runs_in_a_virtualenv_of_its_version()
    {
        if (!File.Exists("/usr/bin/python3.11"))
            Assert.Skip("not run: this machine has no python3.11");
        var run = await ScriptRun.OfAsync(
            """
            language: python
            python: 3.11
            script:
              - python --version && python3 --version
              - python -c 'import sys; print(sys.prefix)'
              - command -v pip
              - echo $TRAVIS_PYTHON_VERSION
            """
        );

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("Could not locate requirements.txt.", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\n/home/travis/virtualenv/python3.11\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\n/home/travis/virtualenv/python3.11/bin/pip\n", run.Visible, StringComparison.Ordinal);
        Assert.Equal(["export", "setup", "announce", "install", "script"], run.Phases.Select(phase => phase.Phase));
    }
}
