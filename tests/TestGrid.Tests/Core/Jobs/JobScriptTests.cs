using TestGrid.Core.Builds;
using TestGrid.Core.Jobs;
using TestGrid.Core.Orders;

namespace TestGrid.Tests.Core.Jobs;

/// <summary>What the script does, seen by running it.</summary>
public sealed class JobScriptTests
{
    [Fact]
    public async Task Every_phase_is_told_with_its_exit_code_and_where_its_output_starts()
    {
        var run = await ScriptRun.OfAsync(
            """
            language: generic
            install: echo installing
            script: [echo one, (exit 3), (exit 4)]
            after_failure: 'false'
            after_script: echo bye
            """
        );

        Assert.Equal(["install", "script", "after_failure", "after_script"], run.Phases.Select(phase => phase.Phase));
        Assert.Equal([0, 3, 0, 0], run.Phases.Select(phase => phase.ExitCode));
        Assert.All(
            run.Phases,
            phase =>
            {
                Assert.True(phase.Took > TimeSpan.Zero);
                Assert.StartsWith("travis_", run.Output[(int)phase.LogOffset..], StringComparison.Ordinal);
            }
        );
        Assert.DoesNotContain("]testgrid;", run.Output, StringComparison.Ordinal);
        Assert.Equal(
            new JobVerdict(
                JobState.Failed,
                JobReason.ExitCode,
                "script failed: the command \"(exit 3)\" exited with 3.",
                1
            ),
            run.Verdict
        );
    }

    [Theory]
    [InlineData("before_install: exit 5", 5, "before_install failed: the command \"exit 5\" exited with 5.")]
    [InlineData("before_script: set -e\nscript: 'false'", 1, "script failed: the command \"false\" exited with 1.")]
    [InlineData(
        "before_script: set -u\nscript: echo $NOPE",
        1,
        "script failed: the command \"echo $NOPE\" exited with 1."
    )]
    [InlineData("install: nosuch_x", 2, "install failed: the command \"nosuch_x\" exited with 127.")]
    [InlineData("script: kill -9 $$", 137, "The job's shell was ended by signal 9 during script.")]
    public async Task However_it_ends_the_sentence_says_where(string yaml, int exitCode, string sentence)
    {
        var run = await ScriptRun.OfAsync($"language: generic\n{yaml}\n");

        Assert.Equal((exitCode, sentence), (run.ExitCode, run.Verdict.Sentence));
    }

    [Fact]
    public async Task The_key_of_the_marks_is_in_no_commands_environment()
    {
        var run = await ScriptRun.OfAsync("language: generic\nscript: env; cat /proc/self/environ | tr '\\0' '\\n'\n");

        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain(PhaseMarks.KeyVariable, run.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_that_the_functions_use_are_free_for_the_job()
    {
        var run = await ScriptRun.OfAsync(
            """
            language: generic
            before_script: cmd=1 result=2 retry=3 assert=4 echo=5 count=6 display=7 secure=8 timing=9
            script: test "$cmd$result$retry$assert$echo$count$display$secure$timing" = 123456789
            """
        );

        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Untrusted_names_and_messages_are_text_and_no_more()
    {
        var commit = new CommitRef(
            new string('b', 40),
            "refs/heads/$(touch pwned)'\"`touch pwned`",
            "it's $(touch pwned)\n\n'; touch pwned; '" + new string('é', 40_000),
            "x"
        );
        var run = await ScriptRun.OfAsync(
            """
            language: generic
            script:
              - ls
              - echo "$TRAVIS_BRANCH"
              - echo "$TRAVIS_COMMIT_MESSAGE" | head -1
              - printf '%s' "$TRAVIS_COMMIT_MESSAGE" | iconv -f utf-8 -t utf-8 | wc -c
            """,
            commit
        );

        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain("\npwned", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\n$(touch pwned)'\"`touch pwned`\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\nit's $(touch pwned)\n", run.Visible, StringComparison.Ordinal);
        Assert.Matches(@"\n3276[678]\n", run.Visible);
    }

    [Fact]
    public async Task The_environment_says_what_is_tested()
    {
        var commit = new CommitRef(new string('c', 40), "refs/heads/topic", "fix", "x", Before: new string('d', 40));
        var run = await ScriptRun.OfAsync(
            "language: generic\nscript: env | grep -E '^(TRAVIS|TESTGRID|CI=)' | sort\n",
            commit
        );

        var lines = run.Visible.Split('\n');
        Assert.Contains("CI=true", lines);
        Assert.Contains("TRAVIS_BRANCH=topic", lines);
        Assert.Contains("TRAVIS_BUILD_DIR=/home/travis/build/owner/name", lines);
        Assert.Contains("TRAVIS_BUILD_NUMBER=7", lines);
        Assert.Contains("TRAVIS_BUILD_WEB_URL=http://ci.example/builds/42", lines);
        Assert.Contains($"TRAVIS_COMMIT_RANGE={new string('d', 40)}...{new string('c', 40)}", lines);
        Assert.Contains("TRAVIS_JOB_NUMBER=7.3", lines);
        Assert.Contains("TRAVIS_EVENT_TYPE=push", lines);
        Assert.Contains("TRAVIS_REPO_SLUG=owner/name", lines);
        Assert.Contains("TRAVIS_TEST_RESULT=", lines);
        Assert.Contains("TESTGRID_JOB=42.3", lines);
    }

    [Fact]
    public async Task Secrets_come_with_the_process_and_only_their_names_are_told()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\nenv: C=$TOKEN\nscript: test \"$C\" = hush && test $TRAVIS_SECURE_ENV_VARS = true\n",
            env: new Dictionary<string, string> { ["TOKEN"] = "hush", [JobScript.SecretNamesVariable] = "TOKEN" }
        );

        Assert.Equal(0, run.ExitCode);
        Assert.Contains(
            "Setting environment variables from repository settings\n$ export TOKEN=[secure]\n",
            run.Visible,
            StringComparison.Ordinal
        );
        Assert.DoesNotContain("hush\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_job_that_ends_itself_says_with_which_command()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\nbefore_install: false || travis_terminate 1\nscript: echo go\n"
        );

        Assert.Equal((1, JobState.Failed), (run.ExitCode, run.Verdict.State));
        Assert.Equal(
            "before_install failed: the command \"false || travis_terminate 1\" exited with 1.",
            run.Verdict.Sentence
        );
        Assert.DoesNotContain("$ echo go", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notes_stand_at_the_top_and_the_file_is_named_as_it_is()
    {
        var order = ScriptRun.Order(
            ScriptRun.Config("addons: {firefox: latest}\nenv: A=1\nscript: echo go\n", ".testgrid.yml")
        );
        var run = await ScriptRun.OfAsync(order);

        Assert.StartsWith("addon firefox is not available yet.\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains(
            "Setting environment variables from .testgrid.yml\n$ export A=1\n",
            run.Visible,
            StringComparison.Ordinal
        );
    }
}
