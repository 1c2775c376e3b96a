namespace TestGrid.Tests.Core.Jobs;

/// <summary>The functions that commands may call.</summary>
public sealed class JobFunctionsTests
{
    [Fact]
    public async Task What_a_job_leaves_running_does_not_hold_it_up()
    {
        var run = await ScriptRun.OfAsync("language: generic\nscript: sleep 600 &\n");

        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task Travis_wait_shows_the_log_at_the_end_and_keeps_the_status()
    {
        var run = await ScriptRun.OfAsync("language: generic\nscript: travis_wait 2 sh -c 'echo worked; exit 4'\n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains("exited with 4.\n\nLog:\n\nworked\n", run.Visible, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("1.2.3", "1001002003000")]
    [InlineData("v10.08", "1010008000000")]
    [InlineData("", "1000000000000")]
    [InlineData("3.11.2-rc1", "1003011021000")]
    public async Task Versions_become_numbers_to_compare(string version, string number)
    {
        var run = await ScriptRun.OfAsync($"language: generic\nscript: travis_vers2int '{version}'\n");

        Assert.Contains($"\n{number}\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_program_of_the_job_sources_the_functions()
    {
        var run = await ScriptRun.OfAsync(
            """
            language: generic
            script:
              - bash -euc 'source ~/.travis/functions; travis_retry echo again; travis_fold start x; travis_fold end x'
              - bash -c 'source ~/.travis/job_stages; type -t travis_run_script'
              - bash -c 'source ~/.travis/functions; travis_terminate 3' || echo "ended $?"
            """
        );

        Assert.Equal(0, run.ExitCode);
        Assert.Contains("\nagain\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\nfunction\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains("\nended 3\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_job_itself_may_source_the_functions_and_goes_on_where_it_was()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\ninstall: source ~/.travis/functions\nscript: echo \"in $PWD\"\n"
        );

        Assert.Equal(0, run.ExitCode);
        Assert.Equal(["install", "script"], run.Phases.Select(phase => phase.Phase));
        Assert.Single(run.Visible.Split('\n'), line => line.StartsWith("in /", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_jdk_that_is_not_here_is_told_and_nothing_else_is_taken()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\nscript: travis_install_jdk openjdk99 || echo \"status $?\"\n"
        );

        Assert.Contains(
            "\nThe JDK openjdk99 is not in the bundle base.\nstatus 1\n",
            run.Visible,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Numbers_are_sorted_into_an_array()
    {
        var run = await ScriptRun.OfAsync(
            "language: generic\nscript: travis_bash_qsort_numeric 10 9 100; echo \"=${bash_qsort_numeric_ret[*]}=\"\n"
        );

        Assert.Contains("\n=9 10 100=\n", run.Visible, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_value_is_decrypted_with_the_repositorys_key()
    {
        var run = await ScriptRun.OfAsync(
            """
            language: generic
            script:
              - mkdir -p ~/.ssh && openssl genrsa -out ~/.ssh/id_rsa.repo 2048 2>/dev/null
              - c=$(printf hush | openssl pkeyutl -encrypt -inkey ~/.ssh/id_rsa.repo | base64 -w0)
              - test "$(decrypt "$c")" = hush
            """
        );

        Assert.Equal(0, run.ExitCode);
    }

    [Fact]
    public async Task A_secure_command_that_fails_says_what_may_be_wrong()
    {
        var run = await ScriptRun.OfAsync("language: generic\nscript: travis_cmd \"A='\" --secure\n");

        Assert.Equal(1, run.ExitCode);
        Assert.Contains(
            "possibly due to a malformed secure environment variable.",
            run.Visible,
            StringComparison.Ordinal
        );
    }
}
