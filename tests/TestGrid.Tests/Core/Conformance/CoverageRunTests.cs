using System.Text.Json.Nodes;
using TestGrid.Core.Bundles;
using TestGrid.Core.Conformance;

namespace TestGrid.Tests.Core.Conformance;

public sealed class CoverageRunTests
{
    private static readonly BundleOffer[] Offers =
    [
        new("base", "generic", []) { Suite = "bookworm" },
        new("node", "node_js", ["22", "18"]) { Suite = "bookworm" },
        new("old", "node_js", ["10"]) { Suite = "bullseye" },
    ];

    [Theory]
    [InlineData("language: node_js\nnode_js: 18", true, true)]
    [InlineData("language: node_js\nnode_js: 11", false, true)]
    [InlineData("language: node_js\nnode_js: [18, iojs]", false, false)]
    [InlineData("language: cobol", false, false)]
    [InlineData("language: generic\naddons: {apt: [cmake]}", true, true)]
    [InlineData("language: generic\naddons: {apt: [python2]}", false, false)] // in Debian 11 alone
    [InlineData("language: node_js\nnode_js: 10\naddons: {apt: [python2]}", true, true)]
    [InlineData("language: generic\naddons: {apt: [g++-7]}", false, true)]
    [InlineData(
        "language: generic\naddons: {apt: {packages: [g++-7], sources: [ubuntu-toolchain-r-test]}}",
        false,
        true
    )]
    [InlineData("language: generic\naddons: {apt: {packages: [ghc-8.2.2], sources: [hvr-ghc]}}", false, false)]
    [InlineData("language: generic\naddons: {chrome: stable}", false, true)]
    [InlineData("language: generic\nservices: mariadb", true, true)]
    [InlineData("language: generic\nservices: mysql", false, true)]
    [InlineData("language: generic\nservices: docker", false, false)]
    [InlineData("language: generic\naddons: {sauce_connect: true}", false, false)]
    [InlineData("language: generic\naddons: {coverity_scan: {project: {name: a}, branch_pattern: scan}}", true, true)]
    [InlineData(
        "language: generic\naddons: {coverity_scan: {project: {name: a}, branch_pattern: master}}",
        false,
        false
    )]
    public void A_job_is_whole_when_all_that_it_asks_for_is_here(string yaml, bool exact, bool nearest)
    {
        var run = new CoverageRun(
            [.. Offers],
            [new("service-mariadb", new RecipeService { Names = ["mariadb", "mysql"], Version = "10.11" })],
            new Dictionary<string, JsonObject>
            {
                ["push_master"] = JsonNode.Parse("""{ "branch": "master", "event_type": "push" }""")!.AsObject(),
            },
            new Dictionary<string, IReadOnlySet<string>>
            {
                ["bookworm"] = new HashSet<string> { "cmake", "g++", "chromium" },
                ["bullseye"] = new HashSet<string> { "cmake", "g++", "python2" },
            }
        );

        Assert.True(run.Add(new JsonObject { ["input_yaml"] = yaml + "\nscript: make\n" }));

        Assert.Equal((1, exact ? 1 : 0, nearest ? 1 : 0), (run.All.Files, run.All.FilesExact, run.All.FilesNearest));
        Assert.Equal(!nearest, run.Missing.Any());
    }
}
