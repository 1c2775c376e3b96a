using System.Text;
using CsCheck;
using TestGrid.Core.Config;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Core.Config;

public sealed class MatrixPropertyTests
{
    private static readonly Gen<string> Text = Gen.OneOf(
            Gen.Const("language: c\n"),
            Gen.Const("jobs:\n  include:\n"),
            Gen.Const("    - "),
            Gen.Const("env: "),
            Gen.Const("&a "),
            Gen.Const("*a"),
            Gen.Const("<<: "),
            Gen.Const("if: "),
            Gen.Const("script: |\n"),
            Gen.Char["[]{}:,-?&*!|>'\"%@`#~ \n\t\rab=$()/\\"].Select(c => c.ToString()),
            Gen.String[Gen.Char, 0, 3]
        )
        .List[0, 30]
        .Select(string.Concat);

    [Fact]
    public void The_jobs_are_the_product_less_the_excluded_and_the_included() =>
        Gen.Select(Gen.Int[1, 4], Gen.Int[1, 4], Gen.Int[0, 3], Gen.Int[0, 3])
            .Each(
                sample =>
                {
                    var (compilers, modes, excluded, included) = sample;
                    var yaml = new StringBuilder("language: c\nscript: make\n");
                    yaml.Append(
                        $"compiler: [{List(compilers, "cc-")}]\nenv: [{List(modes, "MODE=")}]\njobs:\n  include:\n"
                    );
                    for (var i = 0; i < included; i++)
                        yaml.Append($"    - {{env: EXTRA={i}, compiler: cc-0}}\n");
                    yaml.Append("  exclude:\n");
                    for (var i = 0; i < excluded; i++)
                        yaml.Append($"    - compiler: cc-{i}\n      env: MODE=0\n");
                    // A matrix of one job gives way to the included.
                    var product = compilers * modes == 1 && included > 0 ? 0 : compilers * modes;
                    var expected = product - (product == 0 ? 0 : Math.Min(excluded, compilers)) + included;

                    if (expected == 0)
                    {
                        Assert.Contains(
                            Reading.Refused(yaml.ToString()),
                            problem => problem.Code == ProblemCode.NoJobs
                        );
                        return;
                    }

                    var jobs = Reading.Config(yaml.ToString()).Jobs;
                    Assert.Equal(expected, jobs.Length);
                    Assert.Equal(jobs.Length, jobs.Select(job => job.Cell.ToString()).Distinct().Count());
                },
                300
            );

    [Fact]
    public void Whatever_the_text_there_is_a_reading_and_every_problem_has_a_place() =>
        Text.Each(
            text =>
            {
                foreach (var file in (string[])[".testgrid.yml", ".travis.yml"])
                {
                    var problems = Reading.Of(text, file) switch
                    {
                        ConfigReading.Read(var config) => config.Problems,
                        ConfigReading.Refused(var refused) => refused,
                        _ => [],
                    };
                    Assert.All(
                        problems,
                        problem => Assert.True(problem.Line > 0 && problem.Column > 0, problem.ToString())
                    );
                    Assert.All(problems, problem => Assert.DoesNotContain(problem.ToString(), char.IsControl));
                }
            },
            20_000
        );

    private static string List(int count, string prefix) =>
        string.Join(", ", Enumerable.Range(0, count).Select(i => prefix + i));
}
