using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using System.Text.RegularExpressions;

namespace TestGrid.Tests.Support;

/// <summary>A real docker-registry of the test's own, on a loopback port of the kernel's choice, with plain http.</summary>
public sealed partial class ImageRegistry : IAsyncDisposable
{
    /// <summary>Who may read it, where it asks.</summary>
    public const string Login = "reader:quiet-word";

    private readonly TempFolder folder = new();
    private readonly HttpClient client = new();
    private readonly Process process;

    private ImageRegistry(bool asksWho)
    {
        var who = Path.Combine(folder.Path, "who");
        File.WriteAllText(who, "reader:$2b$04$abcdefghijklmnopqrstuu64wADLv7EnD8xbBRg2fr2VrggEBqIny\n");
        var config = Path.Combine(folder.Path, "config.yml");
        File.WriteAllText(
            config,
            $"""
            version: 0.1
            log:
              level: info
            storage:
              filesystem:
                rootdirectory: "{folder.Path}/blobs"
            http:
              addr: "127.0.0.1:0"
            {(asksWho ? $"auth:\n  htpasswd:\n    realm: here\n    path: \"{who}\"" : "")}
            """
        );
        process = Process.Start(
            new ProcessStartInfo("docker-registry", ["serve", config])
            {
                RedirectStandardError = true,
                RedirectStandardOutput = true,
            }
        )!;
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
            "Basic",
            Convert.ToBase64String(Encoding.UTF8.GetBytes(Login))
        );
    }

    /// <summary>As references name it: <c>127.0.0.1:PORT</c>.</summary>
    public string Host { get; private set; } = "";

    public string Address => $"http://{Host}";

    public static async Task<ImageRegistry> StartAsync(CancellationToken stop, bool asksWho = false)
    {
        var registry = new ImageRegistry(asksWho);
        var said = new StringBuilder();
        while (await registry.process.StandardError.ReadLineAsync(stop) is { } line)
        {
            said.AppendLine(line);
            if (Listening.Match(line) is not { Success: true } listening)
                continue;
            registry.Host = listening.Groups[1].Value;
            _ = registry.process.StandardError.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
            _ = registry.process.StandardOutput.BaseStream.CopyToAsync(Stream.Null, CancellationToken.None);
            return registry;
        }
        throw new InvalidOperationException($"docker-registry did not start:\n{said}");
    }

    /// <summary>Pushes an image, as <c>docker push</c> does; its manifest, too, under the tag.</summary>
    public async Task PushAsync(string name, string tag, TestImage image, CancellationToken stop)
    {
        foreach (var blob in image.Blobs)
        {
            using var begun = await client.PostAsync(new Uri($"{Address}/v2/{name}/blobs/uploads/"), null, stop);
            begun.EnsureSuccessStatusCode();
            var at = new UriBuilder(new Uri(new Uri(Address), begun.Headers.Location!));
            at.Query = $"{at.Query.TrimStart('?')}&digest={TestImage.Digest(blob)}";
            using var body = new ByteArrayContent(blob);
            using var put = await client.PutAsync(at.Uri, body, stop);
            put.EnsureSuccessStatusCode();
        }
        foreach (var (bytes, type) in image.Manifests)
        {
            using var body = new ByteArrayContent(bytes);
            body.Headers.ContentType = new MediaTypeHeaderValue(type);
            var by = bytes == image.Manifests[^1].Bytes ? tag : TestImage.Digest(bytes);
            using var put = await client.PutAsync(new Uri($"{Address}/v2/{name}/manifests/{by}"), body, stop);
            Assert.True(put.IsSuccessStatusCode, await put.Content.ReadAsStringAsync(stop));
        }
    }

    public async Task StopAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        process.Dispose();
        client.Dispose();
        folder.Dispose();
    }

    [GeneratedRegex(@"listening on (127\.0\.0\.1:[0-9]+)")]
    private static partial Regex Listening { get; }
}
