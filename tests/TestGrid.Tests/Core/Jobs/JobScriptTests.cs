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
    public async Task Apt_comes_first_in_a_fold_and_its_failure_ends_the_job_as_errored()
    {
        // An apt-get of the test's own: this machine's is left alone.
        var bin = Directory.CreateTempSubdirectory("testgrid-apt-").FullName;
        var apt = Path.Combine(bin, "apt-get");
        await File.WriteAllTextAsync(
            apt,
            "#!/bin/sh\necho \"apt: $*\"\ncase \"$*\" in *broken*) exit 100;; *update) exit ${UPDATE:-0};; esac\n",
            TestContext.Current.CancellationToken
        );
        await File.WriteAllTextAsync(
            Path.Combine(bin, "sudo"),
            "#!/bin/sh\nshift; exec \"$@\"\n",
            TestContext.Current.CancellationToken
        );
        foreach (var tool in Directory.GetFiles(bin))
            File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        var env = new Dictionary<string, string> { ["PATH"] = $"{bin}:/usr/bin:/bin" };
        try
        {
            var good = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [cmake, ninja-build]}\nscript: echo go\n",
                env: env
            );
            Assert.Equal(0, good.ExitCode);
            Assert.Equal("apt", good.Folds.First());
            Assert.Contains(
                "Installing APT Packages\n$ travis_apt_get_update\napt: -yq update\n"
                    + "$ sudo -E apt-get -yq --no-install-suggests --no-install-recommends install cmake ninja-build\n"
                    + "apt: -yq --no-install-suggests --no-install-recommends install cmake ninja-build\n",
                good.Visible,
                StringComparison.Ordinal
            );

            var bad = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [broken]}\nscript: echo go\n",
                env: env
            );
            Assert.Equal((2, JobState.Errored), (bad.ExitCode, bad.Verdict.State));
            Assert.StartsWith("apt failed:", bad.Verdict.Sentence, StringComparison.Ordinal);
            Assert.DoesNotContain("$ echo go", bad.Visible, StringComparison.Ordinal);

            // One list of several was out of step on its mirror: the packages may be in the others.
            env["UPDATE"] = "100";
            var partly = await ScriptRun.OfAsync(
                "language: generic\naddons: {apt: [cmake]}\nscript: echo go\n",
                env: env
            );
            Assert.Contains("failed 3 times", partly.Visible, StringComparison.Ordinal);
            Assert.Equal((0, JobState.Passed), (partly.ExitCode, partly.Verdict.State));
        }
        finally
        {
            Directory.Delete(bin, recursive: true);
        }
    }

    [Fact]
    public void Packages_of_another_processor_make_apt_know_it_first()
    {
        var script = JobScript.Compile(
            ScriptRun.Order(
                ScriptRun.Config("language: c\naddons: {apt: [libc6:i386, 'gcc:amd64', 'zlib1g:i386=1:1.2*']}\n")
            )
        );

        var added = "travis_cmd '_tg_sudo dpkg --add-architecture i386'";
        Assert.Equal(2, script.Split(added).Length);
        Assert.True(
            script.IndexOf(added, StringComparison.Ordinal)
                < script.IndexOf("travis_cmd travis_apt_get_update", StringComparison.Ordinal)
        );
        Assert.DoesNotContain("--add-architecture amd64", script, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Notes_stand_at_the_top_and_the_file_is_named_as_it_is()
    {
        var order = ScriptRun.Order(ScriptRun.Config("services: redis\nenv: A=1\nscript: echo go\n", ".testgrid.yml"));
        var run = await ScriptRun.OfAsync(order);

        Assert.StartsWith("service redis is not available yet.\n", run.Visible, StringComparison.Ordinal);
        Assert.Contains(
            "Setting environment variables from .testgrid.yml\n$ export A=1\n",
            run.Visible,
            StringComparison.Ordinal
        );
    }

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
}
