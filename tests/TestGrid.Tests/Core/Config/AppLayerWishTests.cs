using TestGrid.Core.Config;

namespace TestGrid.Tests.Core.Config;

/// <summary>How the wish for an app layer may be written.</summary>
public sealed class AppLayerWishTests
{
    [Theory]
    [InlineData("app_layer: true", "")]
    [InlineData("app_layer: yes", "")]
    [InlineData("app_layer: web/package-lock.json", "web/package-lock.json")]
    [InlineData("app_layer: [go.sum, tools/go.sum, go.sum]", "go.sum tools/go.sum")]
    [InlineData("app_layer: {lock: Gemfile.lock}", "Gemfile.lock")]
    [InlineData("app_layer: {lock: [a.lock, b.lock]}", "a.lock b.lock")]
    [InlineData("app_layer: {}", null)]
    [InlineData("app_layer: false", null)]
    [InlineData("app_layer:", null)]
    [InlineData("script: make", null)]
    public void It_is_a_truth_a_path_paths_or_a_mapping(string yaml, string? locks)
    {
        foreach (var file in new[] { ".testgrid.yml", ".travis.yml" })
        {
            var wish = Reading.Job("language: generic\n" + yaml + "\n", file).AppLayer;

            Assert.Equal(locks, wish is null ? null : string.Join(' ', wish.Locks));
        }
    }

    [Theory]
    [InlineData("../other/x.lock")]
    [InlineData("/etc/shadow")]
    [InlineData("a//b")]
    [InlineData(".git/index")]
    public void A_path_that_leads_out_is_told_with_its_line_and_left_out(string path)
    {
        var config = Reading.Config($"language: generic\napp_layer:\n  lock:\n    - go.sum\n    - {path}\n");

        Assert.Equal(["go.sum"], config.Jobs[0].AppLayer!.Locks);
        var problem = Assert.Single(config.Problems);
        Assert.Equal(5, problem.Line);
        Assert.Contains(path, problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void One_job_may_wish_for_it_alone()
    {
        var jobs = Reading
            .Config("language: generic\njobs:\n  include:\n    - script: a\n      app_layer: true\n    - script: b\n")
            .Jobs;

        Assert.Equal([true, false], jobs.Select(job => job.AppLayer is not null));
    }

    [Theory]
    [InlineData("package-lock.json", true)]
    [InlineData("requirements.txt", true)]
    [InlineData("requirements-dev.txt", true)]
    [InlineData("requirements.in", false)]
    [InlineData("Cargo.lock.orig", false)]
    [InlineData("README.md", false)]
    public void Which_files_are_locks_is_a_table(string name, bool isLock) =>
        Assert.Equal(isLock, LockFiles.All.Any(kind => kind.Fits(name)));
}
