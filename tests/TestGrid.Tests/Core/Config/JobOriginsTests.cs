using System.Text;
using TestGrid.Core.Config;

namespace TestGrid.Tests.Core.Config;

public sealed class JobOriginsTests
{
    private const string Text = """
        language: python
        python: [3.11, "3"]
        env:
          global: COMMON=1
          jobs:
            - MODE=fast
            - MODE=slow
        cache:
          directories: [x]
        script:
          - echo one
          - |
            echo two
            echo three
        """;

    [Fact]
    public void Each_value_of_a_job_has_its_line()
    {
        var origins = Origins(Text, 4);

        Assert.Equal(
            [
                ("language", "python", 1),
                ("python", "3", 2),
                ("env", "COMMON=1", 4),
                ("env", "MODE=slow", 7),
                ("cache", "{directories: [x]}", 8),
                ("script", "echo one", 11),
                ("script", "echo two\necho three", 12),
            ],
            origins.Where(origin => origin.Line > 0).Select(origin => (origin.Key, origin.Value, origin.Line))
        );
    }

    [Fact]
    public void What_no_line_says_is_told_with_who_says_it()
    {
        var origins = Origins(Text, 4).Where(origin => origin.Line == 0).ToDictionary(origin => origin.Key);

        Assert.Equal("language python, python 3", origins["bundle"].Why);
        Assert.Equal(("linux", "default"), (origins["os"].Value, origins["os"].Why));
        Assert.Equal("default of python", origins["install"].Why);
        Assert.False(origins.ContainsKey("script"));
    }

    [Fact]
    public void A_language_that_nobody_names_is_the_files_default()
    {
        var language = Origins("script: make\n", 1).Single(origin => origin.Key == "language");

        Assert.Equal(("generic", 0, "default of .testgrid.yml"), (language.Value, language.Line, language.Why));
    }

    [Fact]
    public void An_encrypted_value_is_not_shown()
    {
        var origins = Origins("env: {secure: abcdef}\nscript: make\n", 1);

        Assert.DoesNotContain(origins, origin => origin.Value.Contains("abcdef", StringComparison.Ordinal));
    }

    private static System.Collections.Immutable.ImmutableArray<ValueOrigin> Origins(string yaml, int cell) =>
        JobOrigins.Of(
            ".testgrid.yml",
            Encoding.UTF8.GetBytes(yaml),
            Reading.Settings,
            cell,
            Reading.Config(yaml).Jobs[cell - 1]
        );
}
