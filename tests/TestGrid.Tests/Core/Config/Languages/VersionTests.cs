using TestGrid.Core.Bundles;
using TestGrid.Core.Config;
using TestGrid.Core.Jobs;

namespace TestGrid.Tests.Core.Config.Languages;

/// <summary>Which bundle a version gets: the one that has it, never silently another.</summary>
public sealed class VersionTests
{
    private static readonly ConfigSettings Settings = new([
        new BundleOffer("base", "generic", []),
        new BundleOffer("python", "python", ["3.11"]),
        new BundleOffer("python-2.7", "python", ["2.7"]),
        new BundleOffer("python-3.13", "python", ["3.13"]),
        new BundleOffer("node-18", "node_js", ["18"]),
        new BundleOffer("node-20", "node_js", ["20"]),
        new BundleOffer("java", "java", ["17", "11"]),
        new BundleOffer("java", "scala", ["17", "11"]),
        new BundleOffer("ruby", "ruby", ["3.1"]),
        new BundleOffer("perl", "perl", ["5.36", "5.10"]),
        new BundleOffer("go", "go", ["1.19"]),
        new BundleOffer("rust", "rust", ["1.63"]),
        new BundleOffer("php", "php", ["8.2"]),
        new BundleOffer("beam", "elixir", ["1.14"]),
        new BundleOffer("beam", "erlang", ["25"]),
        new BundleOffer("csharp", "csharp", ["6.8"]),
    ]);

    [Theory]
    [InlineData("python", "python: 3.13", "python-3.13")]
    [InlineData("python", "python: 3", "python")]
    [InlineData("python", "python: 2.7", "python-2.7")]
    [InlineData("node_js", "node_js: 20", "node-20")]
    [InlineData("node_js", "node_js: v18", "node-18")]
    [InlineData("node_js", "node_js: lts/hydrogen", "node-18")]
    [InlineData("java", "jdk: openjdk11", "java")]
    [InlineData("ruby", "rvm: ruby-3.1", "ruby")]
    [InlineData("ruby", "rvm: default", "ruby")]
    [InlineData("perl", "perl: 5.1", "perl")]
    [InlineData("go", "go: 1.x", "go")]
    [InlineData("go", "go: 1.19.x", "go")]
    [InlineData("elixir", "elixir: 1.14\notp_release: 25", "beam")]
    [InlineData("scala", "scala: 2.13.1\njdk: openjdk17", "java")]
    public void A_version_that_is_here_is_taken_without_a_word(string language, string yaml, string bundle)
    {
        var job = Job(language, yaml);

        Assert.Equal((null, bundle), (job.Impossible, job.Bundle));
        Assert.Empty(job.Notes);
    }

    [Theory]
    [InlineData("node_js", "node_js: lts/*", "node-20", "node_js: lts/* is 20 here, the newest there is.")]
    [InlineData("node_js", "node_js: node", "node-20", "node_js: node is 20 here, the newest there is.")]
    [InlineData("rust", "rust: stable", "rust", "rust: stable is 1.63 here, the newest there is.")]
    [InlineData("csharp", "mono: latest", "csharp", "mono: latest is 6.8 here, the newest there is.")]
    [InlineData(
        "java",
        "jdk: oraclejdk11",
        "java",
        "jdk: oraclejdk11 is OpenJDK's build of that version here, not Oracle's."
    )]
    public void A_name_that_moves_is_the_newest_here_and_the_log_says_which(
        string language,
        string yaml,
        string bundle,
        string note
    )
    {
        var job = Job(language, yaml);

        Assert.Equal((null, bundle), (job.Impossible, job.Bundle));
        Assert.Equal([note], job.Notes);
    }

    [Theory]
    [InlineData("python", "python: 3.6", "3.11")]
    [InlineData("python", "python: '3.10'", "3.11")]
    [InlineData("python", "python: 3.14-dev", "3.13")]
    [InlineData("python", "python: 2.6", "2.7")]
    [InlineData("python", "python: pypy3", null)]
    [InlineData("node_js", "node_js: 10", "18")]
    [InlineData("ruby", "rvm: 2.6.3", "3.1")]
    [InlineData("ruby", "rvm: ruby-head", "3.1")]
    [InlineData("ruby", "rvm: jruby-9.2", null)]
    [InlineData("java", "jdk: openjdk8", "11")]
    [InlineData("java", "jdk: oraclejdk12", "11")]
    [InlineData("rust", "rust: nightly", "1.63")]
    [InlineData("php", "php: hhvm-3.9", null)]
    [InlineData("elixir", "elixir: 1.14\notp_release: 21.3", "25")]
    public void A_version_that_is_not_here_is_errored_and_names_the_nearest(
        string language,
        string yaml,
        string? nearest
    )
    {
        var job = Job(language, yaml);

        Assert.Equal((JobReason.NoBundle, nearest), (job.Impossible!.Reason, job.Impossible.Nearest));
        if (nearest is not null)
            Assert.Contains(nearest, job.Impossible.Sentence, StringComparison.Ordinal);

        // The same with the file's leave: it runs in the nearest, and the log says so.
        var near = Job(language, yaml + "\nversions: nearest");
        Assert.Equal(nearest is null, near.Impossible is not null);
        if (nearest is not null)
            Assert.Contains(nearest, Assert.Single(near.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void The_operator_may_allow_the_nearest_and_a_file_still_refuse_it()
    {
        var settings = Settings with { NearestVersions = true };

        Assert.Null(Reading.Config("language: python\npython: 3.6\n", ".travis.yml", settings).Jobs[0].Impossible);
        Assert.NotNull(
            Reading
                .Config("language: python\npython: 3.6\nversions: exact\n", ".testgrid.yml", settings)
                .Jobs[0]
                .Impossible
        );
    }

    [Fact]
    public void A_named_bundle_of_another_version_is_told()
    {
        var job = Job("python", "python: 3.6\nbundle: python");

        Assert.Null(job.Impossible);
        Assert.Equal(["python 3.6 is asked for, and bundle: python has 3.11: that runs."], job.Notes);
    }

    private static JobConfig Job(string language, string yaml) =>
        Reading.Config($"language: {language}\n{yaml}\nscript: make\n", ".testgrid.yml", Settings).Jobs[0];
}
