using System.Text;
using TestGrid.Core.Config;

namespace TestGrid.Tests.Core.Config;

public sealed class ProblemTests
{
    [Theory]
    [InlineData("script: [a\nfoo: b", "TG0001")]
    [InlineData("- a\n- b\n", "TG0002 1:1")]
    [InlineData("jobs:\n  include:\n    - if: branch = (\n", "TG0007 3:11")]
    [InlineData("scirpt: make\n", "TG0102 1:1")]
    [InlineData("before-install: make\n", "TG0102 1:1")]
    [InlineData("script: a\nscript: b\n", "TG0103 2:1")]
    [InlineData("script: *nothing\n", "TG0105 1:9")]
    [InlineData("language: c\nfrobnicate: 1\n", "TG0101 2:1")]
    [InlineData("language: cobol\nscript: make\n", "TG0201 1:11")]
    [InlineData("language: [c, cpp]\n", "TG0202 1:11")]
    [InlineData("script:\n  - echo a: b\n", "TG0204 2:5")]
    [InlineData("language: c\npython: 3.11\n", "TG0206 2:1")]
    [InlineData("env: 'A=\"1'\n", "TG0205 1:6")]
    [InlineData("limits: {time: soon}\n", "TG0205 1:16")]
    [InlineData("deploy: {provider: npm}\n", "TG0301 1:1")]
    [InlineData("env: {secure: abc}\n", "TG0302 1:7")]
    [InlineData("stages: [a]\n", "TG0304 1:1")]
    public void A_problem_has_a_code_and_a_place(string yaml, string expected) =>
        Assert.Contains(Reading.Problems(yaml), problem => problem.StartsWith(expected, StringComparison.Ordinal));

    [Fact]
    public void A_problem_is_a_line_that_editors_read()
    {
        var problem = Assert.Single(Reading.Config("scirpt: make\n").Problems);

        Assert.Equal(
            ".testgrid.yml:1:1: warning TG0102: 'scirpt' at the top level is read as 'script' — write script:",
            problem.ToString()
        );
    }

    [Fact]
    public void An_unknown_key_names_the_nearest_one()
    {
        var problem = Assert.Single(Reading.Config("after_install: make\n").Problems);

        Assert.Contains("did you mean after_", problem.Remedy, StringComparison.Ordinal);
    }

    [Fact]
    public void Too_many_jobs_are_refused_before_they_are_made()
    {
        var axis = "[" + string.Join(", ", Enumerable.Range(0, 100).Select(i => $"'3.{i}'")) + "]";
        var problems = Reading.Refused($"language: python\npython: {axis}\nbundle: {axis}\nenv: {axis}\n");

        var error = problems.Single(problem => problem.IsError);
        Assert.Equal(ProblemCode.TooManyJobs, error.Code);
        Assert.Contains("1,000,000 jobs; at most 200", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Long_texts_repeated_by_aliases_are_refused()
    {
        var yaml =
            $"a: &a '{new string('x', 100_000)}'\nscript: [{string.Join(", ", Enumerable.Repeat("*a", 1000))}]\n";

        Assert.Equal(ProblemCode.OverLimit, Assert.Single(Reading.Refused(yaml)).Code);
    }

    [Fact]
    public void Jobs_that_carry_too_much_are_refused()
    {
        var axis = string.Join(", ", Enumerable.Range(0, 200).Select(i => $"A={i}"));
        var problems = Reading.Refused($"script: '{new string('x', 100_000)}'\nenv: [{axis}]\n");

        Assert.Equal(ProblemCode.OverLimit, Assert.Single(problems).Code);
    }

    [Fact]
    public void Excluding_everything_is_an_error()
    {
        var problems = Reading.Refused("language: c\ncompiler: gcc\njobs:\n  exclude:\n    - compiler: gcc\n");

        Assert.Equal(ProblemCode.NoJobs, problems.Single(problem => problem.IsError).Code);
    }

    [Fact]
    public void What_is_not_UTF8_is_refused_with_its_line()
    {
        byte[] latin = [.. "script: a\nname: "u8, 0xE9, (byte)'\n'];
        var reading = CiConfigReader.Read(".testgrid.yml", latin, Reading.Settings);

        var problem = Assert.Single(Assert.IsType<ConfigReading.Refused>(reading).Problems);
        Assert.Equal((ProblemCode.Encoding, 2), (problem.Code, problem.Line));
    }

    [Fact]
    public void A_strangers_text_cannot_forge_a_line_of_the_output()
    {
        var problem = Reading.Config("\"evil\\nkey\\e[31m\": 1\n").Problems.Single();

        Assert.DoesNotContain(problem.ToString(), char.IsControl);
    }

    [Fact]
    public void Problems_have_a_most()
    {
        var yaml = new StringBuilder();
        for (var i = 0; i < 5000; i++)
            yaml.Append("zzzz").Append(i).Append(": 1\n");

        Assert.Equal(100, Reading.Config(yaml.ToString()).Problems.Length);
    }
}
