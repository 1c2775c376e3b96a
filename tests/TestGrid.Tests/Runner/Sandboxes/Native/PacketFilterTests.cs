using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using TestGrid.Runner.Sandboxes;
using TestGrid.Runner.Sandboxes.Native;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Sandboxes.Native;

public sealed class PacketFilterTests : IDisposable
{
    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_pod_has_the_filter_that_nft_would_have_made_there_of_the_same_rules()
    {
        var options = new SandboxOptions();
        options.AllowedNetworks.Add("192.168.7.0/24");
        options.AllowedNetworks.Add("10.9.8.7");
        options.DeniedNetworks.Add("203.0.113.0/24");
        var rules = Egress.Rules(options);

        var made = await new PacketFilter().OfAsync(rules, Stop);
        var ours = await ListedAsync(made);
        var nfts = await ListedAsync(Encoding.UTF8.GetBytes(rules));

        Assert.NotEqual(Encoding.UTF8.GetBytes(rules), made);
        Assert.Contains("203.0.113.0/24", ours, StringComparison.Ordinal);
        Assert.Equal(nfts, ours);
    }

    [Fact]
    public async Task Rules_are_compiled_once_and_again_when_they_are_others()
    {
        var filter = new PacketFilter();
        var rules = Egress.Rules(new SandboxOptions());

        var first = await filter.OfAsync(rules, Stop);

        Assert.Same(first, await filter.OfAsync(rules, Stop));
        Assert.NotEqual(first, await filter.OfAsync(rules.Replace("25,", "26,", StringComparison.Ordinal), Stop));
        Assert.Empty(await filter.OfAsync("", Stop));
    }

    [Fact]
    public async Task Rules_that_nft_refuses_are_an_error_in_its_words()
    {
        var failed = await Assert.ThrowsAsync<SandboxException>(async () =>
            await new PacketFilter().OfAsync("table inet x { chain y { no such thing } }\n", Stop)
        );

        Assert.Contains("syntax error", failed.Message, StringComparison.Ordinal);
    }

    public void Dispose() => folder.Dispose();

    // What nft tells of the filter in a pod that was given this one.
    private async Task<string> ListedAsync(byte[] filter)
    {
        using var state = StateFolder.Open(folder.Path);
        var at = state.AddPod();
        PodFiles.Write(at, filter);
        var firstId = new SandboxOptions().FirstId;
        var plan = new PodPlan(at, ControlGroup.None, SandboxNetwork.Egress, firstId, OwnLauncher.Find());
        await using var pod = await Pod.Start(plan, TimeProvider.System, NullLogger.Instance)
            .WaitAsync(SandboxNetwork.Egress, firstId, Stop);
        var (code, said) = await ChildProgram.RunAsync(pod.Enter("nft", "list", "ruleset"), Stop);
        Assert.Equal(0, code);
        return said;
    }
}
