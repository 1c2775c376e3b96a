using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Options;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;
using TestGrid.Runner.Bundles.Imports;
using TestGrid.Tests.Support;

namespace TestGrid.Tests.Runner.Bundles;

/// <summary>An image becomes a bundle from its registry, by its digest alone; what a registry can do ill is refused.</summary>
public sealed class ImagePullTests : IDisposable
{
    private static readonly TestImage Small = TestImage.Of(("etc/a", "1"), ("etc/b", "2"));

    private readonly TempFolder folder = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private string StorePath => Path.Combine(folder.Path, "store");

    [Fact]
    public async Task An_image_of_a_real_registry_is_the_bundle_that_its_layout_is()
    {
        await using var registry = await ImageRegistry.StartAsync(Stop);
        await registry.PushAsync("team/small", "1.0", Small, Stop);
        var layout = Path.Combine(folder.Path, "layout");
        Small.WriteLayout(layout);
        var wanted = await Import(StorePath).ImportAsync(layout, ImportFormat.Oci, "a", Unheard, Stop);

        var elsewhere = Path.Combine(folder.Path, "elsewhere");
        await using var lease = await Images(elsewhere, registry.Address)
            .GetAsync(Read($"{registry.Host}/team/small:1.0@{Small.Name}"), RegistryLogins.None, Unheard, Stop);

        Assert.Equal(wanted.Digest, lease.Bundle.Digest);
        Assert.Equal(("small", true), (lease.Bundle.Name, lease.Bundle.IsUnlocked));
        Assert.Equal([], await TestBundles.StoreAt(elsewhere).VerifyAsync(lease.Bundle.Digest, Stop));
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(elsewhere, "tmp")));
    }

    [Fact]
    public async Task Of_a_list_the_image_for_this_kind_of_machine_is_taken_and_once_only()
    {
        await using var registry = await ImageRegistry.StartAsync(Stop);
        var list = Small.Listed(TestImage.Of(("etc/other", "x")));
        await registry.PushAsync("small", "all", list, Stop);
        var images = Images(StorePath, registry.Address);
        var reference = Read($"{registry.Host}/small@{list.Name}");

        var leases = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => images.GetAsync(reference, RegistryLogins.None, Unheard, Stop).AsTask())
        );

        var text = Encoding.UTF8.GetString(
            TestBundles.StoreAt(StorePath).ManifestOf(leases[0].Bundle.Digest).Text.Span
        );
        Assert.Contains(" etc/a\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("other", text, StringComparison.Ordinal);
        Assert.Single(leases.Select(lease => lease.Bundle.Digest).Distinct());
        await registry.StopAsync(); // from now on it is here
        await using var again = await images.GetAsync(reference, RegistryLogins.None, Unheard, Stop);
        Assert.Equal(leases[0].Bundle.Digest, again.Bundle.Digest);
        foreach (var lease in leases)
            await lease.DisposeAsync();
    }

    [Fact]
    public async Task A_private_image_is_for_those_with_a_login_also_when_it_is_here_already()
    {
        await using var registry = await ImageRegistry.StartAsync(Stop, asksWho: true);
        await registry.PushAsync("small", "1", Small, Stop);
        var images = Images(StorePath, registry.Address);
        var reference = Read($"{registry.Host}/small@{Small.Name}");
        var logins = new RegistryLogins($"a:b@other.example\n{ImageRegistry.Login}@{registry.Host}");

        await using var lease = await images.GetAsync(reference, logins, Unheard, Stop);

        foreach (var (stranger, reason) in Strangers(registry.Host))
        {
            var refused = await Assert.ThrowsAsync<BundleException>(async () =>
                await images.GetAsync(reference, stranger, Unheard, Stop)
            );
            Assert.Contains(reason, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain("wrong-word", refused.Message, StringComparison.Ordinal);
        }
    }

    private static (RegistryLogins, string)[] Strangers(string host) =>
        [
            (RegistryLogins.None, "give the repository a secret TESTGRID_REGISTRY_LOGIN"),
            (new RegistryLogins($"{ImageRegistry.Login}@other.example"), "nobody is known who may"),
            (new RegistryLogins($"reader:wrong-word@{host}"), "does not let us read small with the login"),
        ];

    [Fact]
    public async Task A_tag_is_refused_with_the_digest_to_write()
    {
        await using var registry = await ImageRegistry.StartAsync(Stop);
        await registry.PushAsync("small", "1.0", Small, Stop);

        var refused = await RefusedAsync(registry.Address, $"{registry.Host}/small:1.0");

        Assert.Contains(
            $"write image:{registry.Host}/small:1.0@{Small.Name}, which it is now.",
            refused,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_token_is_fetched_from_whom_the_registry_names_and_goes_to_nobody_else()
    {
        await using var blobs = await BentRegistry.StartAsync(Small, _ => Task.FromResult(false), Stop);
        BentRegistry? self = null;
        await using var registry = self = await BentRegistry.StartAsync(
            Small,
            async context =>
            {
                if (context.Request.Path == "/token")
                    await context.Response.WriteAsJsonAsync(new { token = "ticket" }, Stop);
                else if (context.Request.Headers.Authorization != "Bearer ticket")
                {
                    context.Response.StatusCode = 401;
                    context.Response.Headers.WWWAuthenticate =
                        $"Bearer realm=\"{self!.Address}/token\",service=\"a, b\",scope=\"repository:x:pull\"";
                }
                else if (context.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal))
                    context.Response.Redirect(blobs.Address + context.Request.Path, false, preserveMethod: true);
                else
                    return false;
                return true;
            },
            Stop
        );

        var login = new RegistryLogins($"me:word@{registry.Host}");
        var reference = Read($"{registry.Host}/small@{Small.Name}");
        await using var lease = await Images(StorePath, registry.Address, blobs.Address)
            .GetAsync(reference, login, Unheard, Stop);

        var basic = Convert.ToBase64String("me:word"u8);
        Assert.Contains($"/token?scope=repository%3Asmall%3Apull&service=a%2C%20b Basic {basic}", registry.Asked);
        Assert.Equal(2, blobs.Asked.Count);
        Assert.DoesNotContain(blobs.Asked, asked => asked.Contains(' ', StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("another blob", "gives something else by sha256:")]
    [InlineData("another manifest", "gives something else by sha256:")]
    [InlineData("cut", "could not be pulled, 3 times")]
    [InlineData("endless", "sends more than the")]
    [InlineData("endless manifest", "sends more than the")]
    [InlineData("endless token", "sends more than the")]
    [InlineData("redirect inside", "is not asked for an image: it is not https")]
    [InlineData("redirect to a private address", "of a private network")]
    [InlineData("redirect to a private name", "is on this machine or in a private network")]
    [InlineData("token from inside", "is not asked for an image: it is not https")]
    [InlineData("round", "leads from one place to the next")]
    public async Task What_a_hostile_registry_does_is_refused_and_leaves_nothing(string trick, string reason)
    {
        await using var inside = await BentRegistry.StartAsync(Small, _ => Task.FromResult(false), Stop);
        await using var registry = await BentRegistry.StartAsync(
            Small,
            context => BendAsync(trick, context, inside.Address),
            Stop
        );

        var refused = await RefusedAsync(registry.Address, $"{registry.Host}/small@{Small.Name}");

        Assert.Contains(reason, refused, StringComparison.Ordinal);
        Assert.Empty(inside.Asked);
        Assert.Empty(TestBundles.StoreAt(StorePath).List());
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(StorePath, "tmp")));
    }

    private static async Task<bool> BendAsync(string trick, HttpContext context, string inside)
    {
        var isManifest = context.Request.Path.Value!.Contains("/manifests/", StringComparison.Ordinal);
        var isLayer = context.Request.Path.Value.EndsWith(TestImage.Digest(Small.Layer), StringComparison.Ordinal);
        if (isManifest != trick is "another manifest" or "endless manifest" or "endless token" or "token from inside")
            return false;
        if (!isManifest && !isLayer)
            return false;
        switch (trick)
        {
            case "another blob" or "another manifest":
                byte[] other = [.. Small.Layer];
                other[^1] ^= 1;
                await context.Response.BodyWriter.WriteAsync(other, Stop);
                break;
            case "cut":
                await context.Response.BodyWriter.WriteAsync(Small.Layer.AsMemory(1), Stop);
                break;
            case "endless" or "endless manifest" or "endless token":
                if (
                    trick == "endless token"
                    && !context.Request.Path.Value.EndsWith("/token", StringComparison.Ordinal)
                )
                    return Ask($"http://{context.Request.Host}/manifests/token");
                while (!context.RequestAborted.IsCancellationRequested)
                    await context.Response.BodyWriter.WriteAsync(new byte[1 << 16], context.RequestAborted);
                break;
            case "token from inside":
                return Ask($"{inside}/token");
            default:
                context.Response.Redirect(
                    trick switch
                    {
                        "redirect inside" => inside + "/x",
                        "redirect to a private address" => "https://169.254.169.254/latest/meta-data",
                        "redirect to a private name" => "https://localhost/x",
                        _ => context.Request.Path + "?round",
                    }
                );
                break;
        }
        return true;

        bool Ask(string realm)
        {
            context.Response.StatusCode = 401;
            context.Response.Headers.WWWAuthenticate = $"Bearer realm=\"{realm}\",service=\"x\"";
            return true;
        }
    }

    [Fact]
    public async Task A_registry_of_this_machine_is_asked_only_where_the_operator_names_it_or_a_person_does()
    {
        await using var registry = await ImageRegistry.StartAsync(Stop);
        await registry.PushAsync("small", "1", Small, Stop);
        var reference = $"{registry.Host}/small@{Small.Name}";

        Assert.Contains("name it in Bundles:Registries", await RefusedAsync(null, reference), StringComparison.Ordinal);
        Assert.Contains(
            "of a private network",
            await RefusedAsync(null, reference.Replace("127.0.0.1", "10.1.2.3", StringComparison.Ordinal)),
            StringComparison.Ordinal
        );
        var renamed = Images(StorePath, $"images.example={registry.Address}");
        await using var lease = await renamed.GetAsync(
            Read($"images.example/small@{Small.Name}"),
            RegistryLogins.None,
            Unheard,
            Stop
        );
        var typed = await Import(Path.Combine(folder.Path, "typed"))
            .PullAsync(Read(reference), RegistryLogins.None, "typed", isTrusted: true, Unheard, Stop);
        Assert.Equal(lease.Bundle.Digest, typed.Digest);
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("10.0.0.1", true)]
    [InlineData("100.64.0.1", true)]
    [InlineData("169.254.169.254", true)]
    [InlineData("172.31.255.255", true)]
    [InlineData("192.168.1.1", true)]
    [InlineData("224.0.0.1", true)]
    [InlineData("0.0.0.0", true)]
    [InlineData("::1", true)]
    [InlineData("::", true)]
    [InlineData("::ffff:10.0.0.1", true)]
    [InlineData("::10.0.0.1", true)]
    [InlineData("64:ff9b::a00:1", true)]
    [InlineData("2002:a00:1::1", true)]
    [InlineData("fd00::1", true)]
    [InlineData("fe80::1", true)]
    [InlineData("8.8.8.8", false)]
    [InlineData("172.32.0.1", false)]
    [InlineData("2606:4700::1", false)]
    public void Addresses_that_are_nobodys_business_are_known(string address, bool isClosed) =>
        Assert.Equal(isClosed, ClosedAddresses.Has(System.Net.IPAddress.Parse(address)));

    public void Dispose() => folder.Dispose();

    private static IProgress<BundleProgress> Unheard { get; } = new Progress<BundleProgress>();

    private static ImageReference Read(string text)
    {
        var read = ImageReference.Read(text, out var problem);
        Assert.True(read is not null, string.Create(CultureInfo.InvariantCulture, $"{text}: {problem}"));
        return read;
    }

    private async Task<string> RefusedAsync(string? registry, string reference)
    {
        var images = Images(StorePath, registry is null ? [] : [registry]);
        return (
            await Assert.ThrowsAsync<BundleException>(async () =>
                await images.GetAsync(Read(reference), RegistryLogins.None, Unheard, Stop)
            )
        ).Message;
    }

    private static ImageBundles Images(string store, params string[] registries) =>
        new(OptionsAt(store, registries), TimeProvider.System);

    private static BundleImport Import(string store) => new(OptionsAt(store, []), TimeProvider.System);

    private static IOptions<BundleOptions> OptionsAt(string store, string[] registries)
    {
        Directory.CreateDirectory(store);
        var options = new BundleOptions
        {
            RootPath = store,
            MaxBytes = 64L << 20,
            FreeBytes = 0,
        };
        foreach (var registry in registries)
            options.Registries.Add(registry);
        return Options.Create(options);
    }
}
