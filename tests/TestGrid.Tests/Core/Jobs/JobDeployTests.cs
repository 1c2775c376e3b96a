using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>What the recordings of Travis do not try of <c>deploy</c>.</summary>
public sealed class JobDeployTests
{
    private static readonly CommitRef Tagged = new(new string('a', 40), "refs/tags/v1");

    [Theory]
    [InlineData("{branch: master}", true)]
    [InlineData("{branch: [dev, 'mas*']}", true)]
    [InlineData("{branch: 'rel*'}", false)]
    [InlineData("{repo: owner/name}", true)]
    [InlineData("{repo: other/name}", false)]
    [InlineData("{tags: false}", true)]
    [InlineData("{tags: true}", false)]
    [InlineData("{condition: '$A = 1'}", true)]
    [InlineData("{condition: ['$A = 1', '-n $B']}", false)]
    [InlineData("{condition: '$A = ( && x'}", false)] // bash cannot read it, and the rest goes on
    [InlineData("{condition: 'a ]]; echo broken out; [[ a'}", true)] // the repository's own code, as every command
    [InlineData("{python: '3.11'}", false)]
    [InlineData("{all_branches: true}", true)]
    public async Task It_deploys_where_on_allows_it(string on, bool deploys)
    {
        var run = await ScriptRun.OfAsync(
            $"language: generic\nenv: A=1\nscript: 'true'\nafter_script: echo AFTER\n"
                + $"deploy: {{provider: script, script: echo D-$A, on: {on}}}\n"
        );

        Assert.Equal(JobState.Passed, run.Verdict.State);
        Assert.Equal(deploys, run.Visible.Contains("\nD-1\n", StringComparison.Ordinal));
        Assert.Equal(!deploys, run.Visible.Contains("Skipping a deployment", StringComparison.Ordinal));
        Assert.Contains("\nAFTER\n", run.Visible, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{tags: true}", true)]
    [InlineData("{tags: true, branch: other}", true)]
    [InlineData("{tags: false}", false)]
    public async Task A_tag_is_no_branch(string on, bool deploys)
    {
        var run = await ScriptRun.OfAsync(
            $"language: generic\nscript: 'true'\ndeploy: {{provider: script, script: echo DEP''LOYED, on: {on}}}\n",
            Tagged
        );

        Assert.Equal(deploys, run.Visible.Contains("\nDEPLOYED\n", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_vendor_is_skipped_with_a_line_and_nothing_fails()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\nscript: 'true'\nbefore_deploy: 'false'\ndeploy: {provider: npm, api_key: p4ssword}\n"
        );

        Assert.Equal(JobState.Passed, run.Verdict.State);
        Assert.Contains("Skipping a deployment with the npm provider", run.Visible, StringComparison.Ordinal);
        Assert.DoesNotContain("p4ssword", run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failure_that_is_allowed_changes_nothing_and_another_names_the_script()
    {
        const string Job =
            "language: generic\nscript: 'true'\nafter_deploy: echo AD\ndeploy: {provider: script, script: exit 7";

        var allowed = await ScriptRun.OfAsync(Job + ", allow_failure: true}\n");
        var failed = await ScriptRun.OfAsync(Job + "}\n");

        Assert.Equal(JobState.Passed, allowed.Verdict.State);
        Assert.Contains("\nAD\n", allowed.Visible, StringComparison.Ordinal);
        Assert.Equal((JobState.Errored, 2), (failed.Verdict.State, failed.ExitCode));
        Assert.Equal("deploy failed: the command \"exit 7\" exited with 7.", failed.Verdict.Sentence);
        Assert.DoesNotContain("\nAD\n", failed.Visible, StringComparison.Ordinal);
    }
}
