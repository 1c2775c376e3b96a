using Microsoft.Extensions.Options;
using TestGrid.Runner.Bundles;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class AptSourcesTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_operators_mirrors_go_before_the_machines()
    {
        var options = new BundleOptions();
        options.Mirrors.Add("deb http://mirror.example/debian {suite} main");
        options.Mirrors.Add("deb http://mirror.example/debian {suite}-updates main");
        var sources = new AptSources(Options.Create(options));

        Assert.Equal(
            "deb http://mirror.example/debian trixie main\ndeb http://mirror.example/debian trixie-updates main\n",
            await sources.ForSuiteAsync("trixie", Stop)
        );
        Assert.Equal("deb http://mirror.example/debian sid main\n", await sources.ForSuiteAsync("sid", Stop));
    }

    [Fact]
    public async Task The_operators_proxy_goes_before_the_machines()
    {
        var sources = new AptSources(Options.Create(new BundleOptions { Proxy = "http://proxy.example:3128" }));

        var config = await sources.ConfigAsync(Stop);

        Assert.Contains("Acquire::http::Proxy \"http://proxy.example:3128\";\n", config, StringComparison.Ordinal);
        Assert.Single(config.Split('\n'), line => line.StartsWith("Acquire::https::Proxy ", StringComparison.Ordinal));
    }

    [Fact]
    public async Task This_machines_mirror_is_found_with_its_security_archive()
    {
        var text = await new AptSources(Options.Create(new BundleOptions())).ForSuiteAsync("bookworm", Stop);

        Assert.Matches(@"(?m)^deb \S+ bookworm main$", text);
        Assert.Matches(@"(?m)^deb \S+ bookworm-security main$", text);
    }
}
