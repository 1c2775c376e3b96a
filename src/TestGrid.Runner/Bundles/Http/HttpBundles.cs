using TestGrid.Runner.Link;

namespace TestGrid.Runner.Bundles.Http;

/// <summary>A remote runner's server as the supplier of its bundles; while it is away, a job waits.</summary>
/// <remarks>The other half is <c>Server/Recording/BundleEndpoints.cs</c>.</remarks>
public static class HttpBundles
{
    private const string Path = "/api/v1/runner/bundles";

    public static BundleSupplier From(ServerLink link) =>
        new(
            (recipe, stop) => AskAsync(link, $"{Path}?recipe={Uri.EscapeDataString(recipe)}", stop),
            (digest, stop) => AskAsync(link, $"{Path}/{digest}", stop),
            (digest, part, stop) => PatientlyAsync(link, () => link.StreamAsync($"{Path}/{digest}/{part}", stop), stop)
        );

    private static ValueTask<BundleRecord?> AskAsync(ServerLink link, string path, CancellationToken stop) =>
        PatientlyAsync(
            link,
            async () =>
            {
                using var request = new HttpRequestMessage(HttpMethod.Get, path);
                return await link.AskAsync(request, BundleJson.Default.BundleRecord, link.Patience, stop);
            },
            stop
        );

    private static async ValueTask<T> PatientlyAsync<T>(ServerLink link, Func<ValueTask<T>> ask, CancellationToken stop)
    {
        for (var failures = 0; ; failures++)
        {
            try
            {
                return await ask();
            }
            catch (ServerAwayException)
            {
                await link.PauseAsync(failures, stop);
            }
            catch (ServerRefusedException e)
            {
                throw new BundleException($"The server was asked for a bundle and says no: {e.Message}", e);
            }
        }
    }
}
