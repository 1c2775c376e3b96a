using TestGrid.Core.Builds;
using TestGrid.Core.Config;
using TestGrid.Core.Grids;
using TestGrid.Core.Jobs;

namespace TestGrid.Tests.Core.Config;

public sealed class CiConfigReaderTests
{
    [Fact]
    public void A_matrix_is_every_combination_and_the_environment_varies_fastest()
    {
        var config = Reading.Config(
            """
            language: c
            compiler: [gcc, clang]
            env:
              global: COMMON=1
              jobs: [MODE=fast, MODE=slow]
            """
        );

        Assert.Equal(["compiler", "env"], config.Axes);
        Assert.Equal(
            ["gcc, MODE=fast", "gcc, MODE=slow", "clang, MODE=fast", "clang, MODE=slow"],
            config.Jobs.Select(job => job.Cell.ToString())
        );
        Assert.Equal([new EnvVar("COMMON", "1"), new EnvVar("MODE", "slow", FromMatrix: true)], config.Jobs[1].Env);
    }

    [Fact]
    public void A_file_of_one_job_has_no_axis_and_an_empty_cell()
    {
        var config = Reading.Config("language: python\npython: 3.11\nscript: pytest\n");

        Assert.Empty(config.Axes);
        Assert.Empty(Assert.Single(config.Jobs).Cell.Values);
    }

    [Theory]
    [InlineData("c", "c")]
    [InlineData("cpp", "c")]
    [InlineData("c++", "c")]
    [InlineData("python", "python")]
    [InlineData("generic", "base")]
    [InlineData("shell", "base")]
    [InlineData("bash", "base")]
    [InlineData("minimal", "base")]
    public void A_language_chooses_its_bundle(string language, string bundle)
    {
        var job = Reading.Job($"language: {language}\nscript: make\n");

        Assert.Null(job.Impossible);
        Assert.Equal(bundle, job.Bundle);
    }

    [Fact]
    public void A_language_without_a_bundle_is_impossible_and_says_what_is_here()
    {
        var jobs = Reading.Config("language: go\ngo: ['1.20', '1.21']\nscript: go test\n", ".travis.yml").Jobs;

        Assert.Equal(["1.20", "1.21"], jobs.Select(job => job.Cell.ToString()));
        Assert.All(jobs, job => Assert.Equal(JobReason.NoBundle, job.Impossible!.Reason));
        Assert.Equal(
            "language go needs a bundle 'go' that is not here yet; the bundles here are base, c and python (3.11). "
                + "To run it in one of them all the same, write bundle: base in .testgrid.yml.",
            jobs[0].Impossible!.Sentence
        );
    }

    [Theory]
    [InlineData("3.11", true)]
    [InlineData("3", true)]
    [InlineData("'3.10'", false)]
    [InlineData("3.1", false)]
    [InlineData("3.11-dev", false)]
    [InlineData("2.7", false)]
    [InlineData("pypy3", false)]
    public void A_version_is_met_by_what_is_offered_or_the_job_is_impossible(string version, bool possible)
    {
        var job = Reading.Job($"language: python\npython: {version}\nscript: pytest\n");

        Assert.Equal(possible, job.Impossible is null);
        if (!possible)
            Assert.StartsWith(
                $"python {version.Trim('\'')} needs a bundle that is not here yet; python is here in 3.11.",
                job.Impossible!.Sentence,
                StringComparison.Ordinal
            );
    }

    [Theory]
    [InlineData(
        "os: osx\nosx_image: xcode11",
        "os: osx needs a Mac (xcode11), and every runner here is Linux on amd64."
    )]
    [InlineData("os: windows", "os: windows needs a Windows machine, and every runner here is Linux on amd64.")]
    [InlineData("arch: arm64", "arch: arm64 needs a machine with that processor, and every runner here is amd64.")]
    [InlineData(
        "os: solaris",
        "os: solaris is no operating system that a runner here has: every one is Linux on amd64."
    )]
    public void A_platform_that_no_runner_has_is_told_exactly(string yaml, string sentence)
    {
        var impossible = Reading.Job($"language: c\n{yaml}\n", ".travis.yml").Impossible!;

        Assert.Equal(new JobImpossible(JobReason.NoPlatform, sentence), impossible);
    }

    [Fact]
    public void Bundles_can_be_an_axis()
    {
        var config = Reading.Config("bundle: [base, python, nothing]\nscript: ./test\n");

        Assert.Equal(["bundle"], config.Axes);
        Assert.Equal(["base", "python", "nothing"], config.Jobs.Select(job => job.Bundle));
        Assert.Equal([null, null, JobReason.NoBundle], config.Jobs.Select(job => job.Impossible?.Reason));
        Assert.Equal(
            "there is no bundle 'nothing' here; the bundles here are base, c and python (3.11).",
            config.Jobs[2].Impossible!.Sentence
        );
    }

    [Fact]
    public void Keys_of_TestGrid_change_the_terminal_and_lower_the_limits()
    {
        var job = Reading.Job("script: ./test\ntty: false\nlimits: {time: 20m, silence: 90s, memory: 8g}\n");

        Assert.False(job.Tty);
        var limits = job.Limits!.Within(JobLimits.Default);
        Assert.Equal((TimeSpan.FromMinutes(20), TimeSpan.FromSeconds(90)), (limits.Time, limits.Silence));
        Assert.Equal(JobLimits.Default.MemoryBytes, limits.MemoryBytes);
    }

    [Fact]
    public void A_travis_file_without_a_language_is_rubys_unless_it_needs_nothing_of_ruby()
    {
        var own = Reading.Job("script: make test\n", ".travis.yml");
        Assert.Equal(("base", null), (own.Bundle, own.Impossible));
        Assert.Contains("names no language", Assert.Single(own.Notes), StringComparison.Ordinal);

        Assert.Equal(JobReason.NoBundle, Reading.Job("rvm: 2.7\nscript: rake\n", ".travis.yml").Impossible!.Reason);
        Assert.Equal(JobReason.NoBundle, Reading.Job("install: true\n", ".travis.yml").Impossible!.Reason);
        Assert.Equal("generic", Reading.Job("script: make test\n").Language);
    }

    [Fact]
    public void Include_exclude_and_allowed_failures_shape_the_jobs()
    {
        var config = Reading.Config(
            """
            language: python
            python: ['3.11', '3']
            env: [MODE=a, MODE=b]
            jobs:
              fast_finish: true
              include:
                - name: lint
                  env: LINT=1
                  script: flake8
              exclude:
                - python: '3'
                  env: MODE=b
              allow_failures:
                - env: MODE=a
                  python: '3.11'
            """
        );

        Assert.True(config.FastFinish);
        Assert.Equal(
            ["3.11, MODE=b", "3, MODE=a", "3.11, LINT=1", "3.11, MODE=a"],
            config.Jobs.Select(job => job.Cell.ToString())
        );
        Assert.Equal([false, false, false, true], config.Jobs.Select(job => job.AllowFailure));
        Assert.Equal("lint", config.Jobs[2].Name);
    }

    [Fact]
    public void Anchors_and_merge_keys_are_followed_and_their_homes_are_no_problem()
    {
        var config = Reading.Config(
            """
            _common: &common
              language: c
              before_script: &prepare [./prepare]
            jobs:
              include:
                - <<: *common
                  name: one
                  script: [*prepare, make]
                - <<: [*common, {name: two}]
                  script: make check
            """
        );

        Assert.Empty(config.Problems);
        Assert.Equal(["one", "two"], config.Jobs.Select(job => job.Name));
        Assert.Equal(["./prepare", "make"], config.Jobs[0].Phases.Single(phase => phase.Name == "script").Commands);
    }

    [Fact]
    public void Encrypted_values_are_left_out_and_told_by_name()
    {
        var job = Reading.Job(
            "script: 'true'\nenv:\n  global:\n    - secure: abc=\n    - TOKEN: {secure: def=}\n    - A=1\n"
        );

        Assert.Equal([new EnvVar("A", "1")], job.Env);
        Assert.Contains(
            "2 encrypted variable(s) of the configuration are not set (TOKEN)",
            job.Notes.Single(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void Apt_packages_are_names_and_nothing_else()
    {
        var config = Reading.Config(
            """
            language: c
            addons:
              apt:
                sources: [ubuntu-toolchain-r-test]
                packages:
                  - cmake ninja-build
                  - libssl-dev:amd64
                  - -oAPT::Update::Pre-Invoke::=reboot
                  - $(reboot)
              firefox: latest
            services: redis-server
            """
        );

        Assert.Equal(["cmake", "ninja-build", "libssl-dev:amd64"], config.Jobs[0].AptPackages);
        Assert.Equal(2, config.Problems.Count(problem => problem.Code == ProblemCode.BadValue));
        Assert.Equal("redis", Assert.Single(config.Jobs[0].Services).Name);
        Assert.Contains("addon firefox is not available yet.", config.Jobs[0].Notes);
        Assert.Null(config.Jobs[0].Impossible);
    }

    [Fact]
    public void A_mapping_of_variables_keeps_values_of_several_words_whole()
    {
        var job = Reading.Job("script: 'true'\nenv:\n  FLAGS: -O2 -g $MORE\n  QUOTED: '\"a b\"'\n");

        Assert.Equal(["\"-O2 -g $MORE\"", "\"a b\""], job.Env.Select(variable => variable.Value));
    }

    [Fact]
    public void A_condition_decides_by_what_the_build_is_for()
    {
        const string yaml = """
            jobs:
              include:
                - name: always
                - name: release
                  if: tag =~ ^v
            """;

        Assert.Equal(["always"], Names("refs/heads/main"));
        Assert.Equal(["always", "release"], Names("refs/tags/v1"));

        IEnumerable<string?> Names(string pushed) =>
            Reading
                .Config(
                    yaml,
                    settings: Reading.Settings with
                    {
                        Trigger = new Trigger(TriggerKind.Push, new CommitRef("a", pushed)),
                    }
                )
                .Jobs.Select(job => job.Name);
    }

    [Theory]
    [InlineData("refs/heads/main", true)]
    [InlineData("refs/heads/release/1.2", true)]
    [InlineData("refs/heads/release/next", false)]
    [InlineData("refs/heads/topic", false)]
    [InlineData("refs/tags/v1", false)]
    public void Branches_are_names_or_expressions(string pushed, bool built)
    {
        var config = Reading.Config(@"branches: {only: [main, '/^release\/.*$/'], except: release/next}");

        Assert.Equal(built, config.WhyNotBuilt(new Trigger(TriggerKind.Push, new CommitRef("a", pushed))) is null);
    }

    [Fact]
    public void Pages_are_not_built_unless_they_are_named()
    {
        var pages = new Trigger(TriggerKind.Push, new CommitRef("a", "refs/heads/gh-pages"));

        Assert.NotNull(Reading.Config("script: make\n").WhyNotBuilt(pages));
        Assert.Null(Reading.Config("branches: gh-pages\n").WhyNotBuilt(pages));
    }

    [Fact]
    public void A_pull_request_is_looked_up_by_the_branch_it_goes_to()
    {
        var config = Reading.Config("branches: {only: main}");

        Assert.Null(config.WhyNotBuilt(Pull("main")));
        Assert.Equal(BuildReason.Branch, config.WhyNotBuilt(Pull("topic"))?.Reason);
    }

    [Fact]
    public void Conditions_see_the_pull_request()
    {
        const string Yaml = """
            script: make
            jobs:
              include:
              - {name: pull, if: "type = pull_request AND branch = main AND head_branch = topic AND head_repo = you/it"}
              - {name: fork, if: "fork = true"}
              - {name: push, if: "type = push"}
            """;

        var config = Reading.Config(Yaml, settings: Reading.Settings with { Trigger = Pull("main") });

        Assert.Equal(["pull", "fork"], config.Jobs.Select(job => job.Name));
    }

    [Theory]
    [InlineData("if: branch = other\nscript: make\n", BuildReason.FalseCondition, "'branch = other' (.testgrid.yml:1)")]
    [InlineData("jobs:\n  include:\n  - if: type = cron\n    script: make\n", BuildReason.NoJobs, "hold for none")]
    [InlineData("stages: [{name: test, if: tag IS present}]\nscript: make\n", BuildReason.NoJobs, "hold for none")]
    public void A_condition_that_leaves_nothing_is_no_error_and_says_which(string yaml, string reason, string says)
    {
        var settings = Reading.Settings with
        {
            Trigger = new Trigger(TriggerKind.Push, new CommitRef("a", "refs/heads/main")),
        };

        var unwanted = Assert.IsType<ConfigReading.Unwanted>(Reading.Of(yaml, settings: settings));

        Assert.Equal(reason, unwanted.Reason);
        Assert.Contains(says, unwanted.Sentence, StringComparison.Ordinal);
        Assert.IsType<ConfigReading.Read>(Reading.Of(yaml));
    }

    private static Trigger Pull(string into) =>
        new(
            TriggerKind.Pull,
            new CommitRef("a", "refs/pull/7/merge"),
            PullRequest: new PullRequest(7, into, "b", "c", "topic", "you/it", IsFork: true)
        );

    [Fact]
    public void Every_cell_stands_in_its_axes_order()
    {
        var config = Reading.Config("language: c\nos: [linux, osx]\nenv: [A=1, A=2]\n", ".travis.yml");

        Assert.Equal(["os", "env"], config.Axes);
        Assert.Equal([new AxisValue("os", "linux"), new AxisValue("env", "A=1")], config.Jobs[0].Cell.Values);
    }
}
