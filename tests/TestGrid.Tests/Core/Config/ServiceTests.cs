using TestGrid.Core.Config;
using TestGrid.Core.Jobs;

namespace TestGrid.Tests.Core.Config;

public sealed class ServiceTests
{
    private static readonly ConfigSettings Several = Reading.Settings with
    {
        Services =
        [
            Reading.Service("postgresql", "13", 5432, "service-postgresql-13"),
            Reading.Service("postgresql", "15", 5432),
            Reading.Service("redis", "7.0", 6379),
        ],
    };

    [Theory]
    [InlineData("services: [redis-server, postgres]", "redis 7.0, postgresql 15")]
    [InlineData("services: redis\naddons: { postgresql: '13' }", "postgresql 13, redis 7.0")]
    [InlineData("services: postgresql\naddons: { postgresql: '13' }", "postgresql 13")]
    [InlineData("services: [redis, redis-server]", "redis 7.0")]
    [InlineData("script: 'true'", "")]
    public void A_job_has_the_services_that_it_asks_for_in_the_version_that_its_addon_says(string yaml, string services)
    {
        var job = Assert.Single(Reading.Config(yaml, settings: Several).Jobs);

        Assert.Equal(services, string.Join(", ", job.Services.Select(one => $"{one.Name} {one.Service.Version}")));
        Assert.Equal((null, true), (job.Impossible, job.Notes.IsEmpty));
    }

    [Theory]
    [InlineData("9.6", "13")]
    [InlineData("14.2", "15")]
    [InlineData("15", "15")]
    [InlineData("16", "15")]
    public void An_addons_version_that_is_not_here_is_the_nearest_and_the_log_says_so(string asked, string given)
    {
        var job = Assert.Single(Reading.Config($"addons: {{ postgresql: '{asked}' }}", settings: Several).Jobs);

        Assert.Equal(given, Assert.Single(job.Services).Service.Version);
        var note = $"postgresql {asked} is not here: this job has {given}, the nearest that is.";
        Assert.Equal(asked == given ? [] : [note], job.Notes);
        Assert.Null(job.Impossible);
    }

    [Fact]
    public void A_version_that_must_be_exact_makes_an_errored_job_that_names_those_that_are_here()
    {
        var job = Assert.Single(
            Reading.Config("versions: exact\naddons: { postgresql: '9.6' }", settings: Several).Jobs
        );

        Assert.Equal(
            new JobImpossible(JobReason.NoBundle, "postgresql 9.6 is not here: it is here in 13 and 15."),
            job.Impossible
        );
    }

    [Fact]
    public void A_service_without_a_bundle_makes_an_errored_job_that_names_what_is_here_and_what_to_do()
    {
        var job = Reading.Job("services: [redis, mongodb]");

        Assert.Equal(
            new JobImpossible(
                JobReason.NoBundle,
                "service mongodb is not here; here are postgresql 15 and redis 7.0. To run without, write "
                    + "missing_services: warn, or take it out of services:."
            ),
            job.Impossible
        );
    }

    [Fact]
    public void Docker_in_a_job_is_refused_with_the_reason()
    {
        var job = Reading.Job("services: [docker, mongodb]");

        Assert.StartsWith(
            "services docker and mongodb are not here; docker cannot be: whoever has a Docker daemon is root of its machine",
            job.Impossible!.Sentence,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("missing_services: warn\n", false, true)]
    [InlineData("", true, true)]
    [InlineData("missing_services: error\n", true, false)]
    [InlineData("", false, false)]
    public void Who_may_run_without_a_service_is_told_so_in_the_log(string own, bool operators, bool runs)
    {
        var settings = Reading.Settings with { RunsWithoutServices = operators };

        var job = Assert.Single(Reading.Config(own + "services: [docker, redis]", settings: settings).Jobs);

        Assert.Equal(runs, job.Impossible is null);
        Assert.Equal(runs ? ["service docker is not here: this job runs without it."] : [], job.Notes);
        Assert.Equal("redis", Assert.Single(job.Services).Name);
    }

    [Fact]
    public void Each_job_of_a_matrix_has_its_own_services()
    {
        var config = Reading.Config(
            "services: redis\njobs:\n  include:\n    - name: a\n    - name: b\n      services: postgresql\n"
        );

        Assert.Equal(["redis", "postgresql"], config.Jobs.Select(job => Assert.Single(job.Services).Name));
    }
}
