using System.Collections.Immutable;
using System.Text;
using TestGrid.Core.Bundles;
using TestGrid.Core.Config;

namespace TestGrid.Tests.Core.Config;

/// <summary>Reads texts with the bundles that TestGrid ships.</summary>
internal static class Reading
{
    public static ConfigSettings Settings { get; } =
        new([
            new BundleOffer("base", "generic", []),
            new BundleOffer("base", "shell", []),
            new BundleOffer("c", "c", []),
            new BundleOffer("c", "cpp", []),
            new BundleOffer("python", "python", ["3.11"]),
        ])
        {
            Services = [Service("postgresql", "15", 5432), Service("redis", "7.0", 6379)],
        };

    public static ServiceOffer Service(string name, string version, int port, string recipe = "") =>
        new(
            recipe.Length > 0 ? recipe : $"service-{name}",
            new RecipeService
            {
                Names = [name],
                Version = version,
                Start = ["serve"],
                Port = port,
            }
        );

    public static ConfigReading Of(string yaml, string file = ".testgrid.yml", ConfigSettings? settings = null) =>
        CiConfigReader.Read(file, Encoding.UTF8.GetBytes(yaml), settings ?? Settings);

    public static CiConfig Config(string yaml, string file = ".testgrid.yml", ConfigSettings? settings = null) =>
        Of(yaml, file, settings) switch
        {
            ConfigReading.Read(var config) => config,
            ConfigReading.Refused(var problems) => throw new Xunit.Sdk.XunitException(string.Join('\n', problems)),
            _ => throw new InvalidOperationException(),
        };

    public static JobConfig Job(string yaml, string file = ".testgrid.yml") => Assert.Single(Config(yaml, file).Jobs);

    public static ImmutableArray<ConfigProblem> Refused(string yaml, ConfigSettings? settings = null) =>
        Assert.IsType<ConfigReading.Refused>(Of(yaml, settings: settings)).Problems;

    /// <summary>Code and place of every problem: <c>TG0101 3:1</c>.</summary>
    public static IEnumerable<string> Problems(string yaml, string file = ".testgrid.yml") =>
        (
            Of(yaml, file) switch
            {
                ConfigReading.Read(var config) => config.Problems,
                ConfigReading.Refused(var problems) => problems,
                _ => [],
            }
        ).Select(problem => $"{problem.Code} {problem.Line}:{problem.Column}");
}
