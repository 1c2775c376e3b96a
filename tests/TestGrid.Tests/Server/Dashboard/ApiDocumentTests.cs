using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using TestGrid.Tests.Server.Support;

namespace TestGrid.Tests.Server.Dashboard;

/// <summary>What <c>/openapi/v1.json</c> promises to whoever makes a client of it.</summary>
public sealed class ApiDocumentTests : IAsyncLifetime
{
    private TestServer server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => server = await TestServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Every_endpoint_of_the_api_is_in_it_with_what_it_answers_and_who_may_ask()
    {
        using var json = JsonDocument.Parse(await server.Stranger.GetStringAsync("/openapi/v1.json", Stop));
        var paths = json.RootElement.GetProperty("paths");

        var missing = Endpoints().Where(one => !Describes(paths, one.Path, one.Method)).ToList();

        Assert.True(Endpoints().Count > 30);
        Assert.Empty(missing);
        var scheme = json
            .RootElement.GetProperty("components")
            .GetProperty("securitySchemes")
            .GetProperty("token")
            .GetProperty("scheme");
        Assert.Equal("bearer", scheme.GetString());
    }

    [Fact]
    public void Only_the_runners_own_protocol_is_left_out()
    {
        var left = server
            .Get<EndpointDataSource>()
            .Endpoints.OfType<RouteEndpoint>()
            .Where(IsApi)
            .Where(endpoint => endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is not null);

        Assert.All(
            left,
            endpoint =>
                Assert.StartsWith(
                    "/api/v1/runner/",
                    "/" + endpoint.RoutePattern.RawText!.TrimStart('/'),
                    StringComparison.Ordinal
                )
        );
    }

    private List<(string Path, string Method)> Endpoints() =>
        [
            .. server
                .Get<EndpointDataSource>()
                .Endpoints.OfType<RouteEndpoint>()
                .Where(IsApi)
                .Where(endpoint => endpoint.Metadata.GetMetadata<IExcludeFromDescriptionMetadata>() is null)
                .SelectMany(endpoint =>
                    endpoint
                        .Metadata.GetRequiredMetadata<HttpMethodMetadata>()
                        .HttpMethods.Select(method => (PathOf(endpoint), method.ToLowerInvariant()))
                ),
        ];

    private static bool IsApi(RouteEndpoint endpoint) =>
        PathOf(endpoint).StartsWith("/api/v1/", StringComparison.Ordinal);

    // As the document writes it: without constraints, and without a slash at the end.
    private static string PathOf(RouteEndpoint endpoint) =>
        "/"
        + string.Join(
            '/',
            endpoint.RoutePattern.PathSegments.Select(segment =>
                string.Concat(
                    segment.Parts.Select(part =>
                        part switch
                        {
                            Microsoft.AspNetCore.Routing.Patterns.RoutePatternParameterPart named =>
                                $"{{{named.Name}}}",
                            Microsoft.AspNetCore.Routing.Patterns.RoutePatternLiteralPart text => text.Content,
                            _ => "",
                        }
                    )
                )
            )
        );

    private static bool Describes(JsonElement paths, string path, string method)
    {
        if (!paths.TryGetProperty(path, out var item) && !paths.TryGetProperty(path + "/", out item))
            return false;
        if (!item.TryGetProperty(method, out var operation) || operation.GetProperty("security").GetArrayLength() == 0)
            return false;
        var good = operation
            .GetProperty("responses")
            .EnumerateObject()
            .Where(response => response.Name.StartsWith('2'))
            .ToList();
        // 204 has nothing to describe.
        return good.Count > 0
            && good.TrueForAll(response =>
                response.Name == "204"
                || (
                    response.Value.TryGetProperty("content", out var content)
                    && content.EnumerateObject().All(kind => kind.Value.TryGetProperty("schema", out _))
                )
            );
    }
}
