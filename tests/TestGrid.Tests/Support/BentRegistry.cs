using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TestGrid.Tests.Support;

/// <summary>A registry that somebody has taken over, or the token's giver and the store of blobs that real ones have beside them.</summary>
public sealed class BentRegistry : IAsyncDisposable
{
    private readonly WebApplication app;

    private BentRegistry(WebApplication app) => this.app = app;

    /// <summary>As references name it: <c>127.0.0.1:PORT</c>.</summary>
    public string Host => new Uri(Address).Authority;

    public string Address => app.Urls.Single();

    /// <summary>What was asked for, with the words that let one in.</summary>
    public List<string> Asked { get; } = [];

    /// <param name="image">Given by its digests, unless <paramref name="bend"/> has another answer.</param>
    /// <param name="bend">Answers a path itself, and says so.</param>
    public static async Task<BentRegistry> StartAsync(
        TestImage image,
        Func<HttpContext, Task<bool>> bend,
        CancellationToken stop
    )
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var registry = new BentRegistry(builder.Build());
        registry.app.Run(async context =>
        {
            var asked = $"{context.Request.Path}{context.Request.QueryString} {context.Request.Headers.Authorization}";
            lock (registry.Asked)
                registry.Asked.Add(asked.TrimEnd());
            if (await bend(context))
                return;
            var digest = context.Request.Path.Value!.Split('/')[^1];
            var found = image
                .Blobs.Concat(image.Manifests.Select(one => one.Bytes))
                .FirstOrDefault(blob => TestImage.Digest(blob) == digest);
            if (found is null)
                context.Response.StatusCode = StatusCodes.Status404NotFound;
            else
                await context.Response.BodyWriter.WriteAsync(found, context.RequestAborted);
        });
        await registry.app.StartAsync(stop);
        return registry;
    }

    public async ValueTask DisposeAsync() => await app.DisposeAsync();
}
