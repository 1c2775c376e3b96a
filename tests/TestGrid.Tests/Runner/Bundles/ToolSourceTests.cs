using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

public sealed class ToolSourceTests : IAsyncLifetime
{
    private static readonly (string, byte[])[] Files = [("bin/hello", "#!/bin/sh\necho hello from here\n"u8.ToArray())];

    private readonly TempFolder folder = new();
    private NpmRegistry registry = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => registry = await NpmRegistry.StartAsync(Stop);

    [Fact]
    public async Task The_newest_of_a_version_is_locked_with_its_hashes_and_kept_in_the_pool()
    {
        registry.Publish("tool", "2.9.1", null, Files);
        var whole = registry.Publish("tool", "2.10.0", null, Files);
        registry.Publish("tool", "2.11.0-rc.1", null, Files);
        registry.Publish("tool", "20.0.0", null, Files);
        var (source, pool) = Source();

        var tool = Assert.Single(await source.ResolveAsync(Recipe("tool@2"), null, folder.Path, Stop));

        Assert.Equal(("tool", "2.10.0", whole.LongLength), (tool.Name, tool.Version, tool.Size));
        Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(whole)), tool.Sha256);
        Assert.Equal(whole, await File.ReadAllBytesAsync(pool.FileOf(tool.Sha256), Stop));
        var again = await source.ResolveAsync(Recipe("tool@2"), Lock(tool), folder.Path, Stop);
        Assert.Equal([tool], again);
        Assert.Equal(1, registry.Given);
    }

    [Fact]
    public async Task A_locked_tool_comes_from_the_pool_and_else_from_the_registry()
    {
        registry.Publish("tool", "1.0.0", null, Files);
        var (source, pool) = Source();
        var tool = Assert.Single(await source.ResolveAsync(Recipe("tool@1"), null, folder.Path, Stop));
        Assert.Empty(await source.MissingAsync(Lock(tool), Stop));

        await File.WriteAllTextAsync(pool.FileOf(tool.Sha256), "cut", Stop);

        Assert.Equal([tool], await source.MissingAsync(Lock(tool), Stop));
        await source.FetchAsync(Lock(tool), folder.Path, Stop);
        Assert.Empty(await source.MissingAsync(Lock(tool), Stop));
    }

    [Fact]
    public async Task A_registry_that_gives_another_file_of_that_name_is_not_believed()
    {
        registry.Publish("tool", "1.0.0", null, Files);
        var (source, pool) = Source();
        var tool = Assert.Single(await source.ResolveAsync(Recipe("tool@1"), null, folder.Path, Stop));
        File.Delete(pool.FileOf(tool.Sha256));
        registry.Replace("tool", "1.0.0", "something else");
        registry.Publish("liar", "1.0.0", "sha512-" + new string('A', 86) + "==", Files);

        var other = await Refused(() => source.FetchAsync(Lock(tool), folder.Path, Stop));
        var liar = await Refused(() => source.ResolveAsync(Recipe("liar@1"), null, folder.Path, Stop));

        Assert.Contains("is not what the lock of tiny says", other, StringComparison.Ordinal);
        Assert.Contains("is not what it says it is", liar, StringComparison.Ordinal);
        Assert.Empty(pool.Files());
    }

    [Fact]
    public async Task What_the_registry_has_not_got_is_told_with_the_remedy()
    {
        registry.Publish("tool", "1.0.0", null, Files);
        var (source, _) = Source();

        Assert.Contains("has no tool@3", await Refused(() => Resolve(source, "tool@3")), StringComparison.Ordinal);
        Assert.Contains(
            "Bundles:NpmRegistry",
            await Refused(() => Resolve(source, "nobody@1")),
            StringComparison.Ordinal
        );
        Assert.Contains(
            "No npm registry is known here",
            await Refused(() => Resolve(Source("nowhere").Source, "tool@1")),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task An_address_must_give_what_the_recipe_says()
    {
        var whole = registry.Publish("tool", "1.0.0", null, Files);
        var (source, _) = Source();
        var url = $"{registry.Address}/tool/-/tool-1.0.0.tgz";
        var right = Recipe(url, Convert.ToHexStringLower(SHA256.HashData(whole)));

        var tool = Assert.Single(await source.ResolveAsync(right, null, folder.Path, Stop));

        Assert.Equal((url, whole.LongLength), (tool.Name, tool.Size));
        var wrong = Recipe(url, new string('a', 64));
        Assert.Contains(
            $"the SHA-256 {tool.Sha256}",
            await Refused(() => source.ResolveAsync(wrong, null, folder.Path, Stop)),
            StringComparison.Ordinal
        );
    }

    [Fact]
    [Trait("Slow", "true")]
    public async Task A_bundle_holds_its_tools_and_one_that_lacks_a_library_is_not_built()
    {
        registry.Publish("tool", "1.0.0", null, Files);
        // A program of the tree's own, wanting a library that nobody has.
        var ls = Encoding.Latin1.GetString(await File.ReadAllBytesAsync("/bin/ls", Stop));
        var broken = Encoding.Latin1.GetBytes(ls.Replace("libc.so.6", "libx.so.6", StringComparison.Ordinal));
        registry.Publish("broken", "1.0.0", null, ("bin/ls", broken));
        Write("good", "tool@1", "bin/hello", "hello from here");
        Write("bad", "broken@1", "bin/ls", "");
        var store = TestBundles.StoreAt(
            Path.Combine(folder.Path, "bundles"),
            Path.Combine(folder.Path, "recipes"),
            options => options.NpmRegistry = registry.Address
        );

        await using var good = await store.GetAsync("good", new Progress<BundleProgress>(), Stop);
        var bad = await Refused(async () => await store.GetAsync("bad", new Progress<BundleProgress>(), Stop));

        Assert.Equal(
            "/opt/tool/bin/hello",
            new FileInfo(Path.Combine(good.Bundle.RootPath, "usr/bin/hello")).LinkTarget
        );
        Assert.Contains("/opt/tool/bin/ls:", bad, StringComparison.Ordinal);
        Assert.Contains("libx.so.6 => not found", bad, StringComparison.Ordinal);
        var locked = await File.ReadAllTextAsync(
            Path.Combine(Path.GetDirectoryName(good.Bundle.RootPath)!, "lock.json"),
            Stop
        );
        Assert.DoesNotContain("://", locked, StringComparison.Ordinal);
        Assert.Empty((await store.RebuildAsync(good.Bundle.Digest, new Progress<BundleProgress>(), Stop)).Differences);
    }

    public async ValueTask DisposeAsync()
    {
        await registry.DisposeAsync();
        folder.Dispose();
    }

    private Task<System.Collections.Immutable.ImmutableArray<LockedTool>> Resolve(ToolSource source, string tool) =>
        source.ResolveAsync(Recipe(tool), null, folder.Path, Stop);

    private void Write(string name, string tool, string program, string expect)
    {
        var recipe = Directory.CreateDirectory(Path.Combine(folder.Path, "recipes", name)).FullName;
        File.WriteAllText(
            Path.Combine(recipe, "recipe.yml"),
            $$"""
            bundle: {{name}}
            debian: { suite: bookworm, packages: [] }
            tools:
              - npm: {{tool}}
                into: /opt/tool
                link: { /usr/bin/hello: {{program}} }
            check: [{ run: [hello], expect: "{{expect}}" }]
            """
        );
    }

    private static Recipe Recipe(string npm) => Of(new(npm[..^2], npm[^1..], null, "", "/opt/tool", Links));

    private static Recipe Recipe(string url, string sha256) => Of(new(null, "", url, sha256, "/opt/tool", Links));

    private static Recipe Of(RecipeTool tool) =>
        new()
        {
            Name = "tiny",
            Suite = "bookworm",
            Tools = [tool],
        };

    private static System.Collections.Immutable.ImmutableSortedDictionary<string, string> Links =>
        System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty;

    private static BundleLock Lock(LockedTool tool) => SyntheticMirror.Lock() with { Tools = [tool] };

    private static async Task<string> Refused(Func<Task> work) =>
        (await Assert.ThrowsAsync<BundleException>(work)).Message;

    private (ToolSource Source, PackagePool Pool) Source(string? address = null)
    {
        var options = new BundleOptions
        {
            RootPath = Path.Combine(folder.Path, "bundles"),
            NpmRegistry = address ?? registry.Address,
        };
        var pool = new PackagePool(options, new AptSources(Options.Create(options)), TimeProvider.System);
        return (new ToolSource(options, pool), pool);
    }
}
