using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using TestGrid.Core.Bundles;
using TestGrid.Runner.Bundles;

namespace TestGrid.Server.Recording;

/// <summary>The bundles of this machine's store, for runners that lack them. Behind the runners' door like all of it.</summary>
/// <remarks>The other half is <c>Runner/Bundles/Http/HttpBundles.cs</c>.</remarks>
internal static class BundleEndpoints
{
    public static void MapBundles(this IEndpointRouteBuilder door)
    {
        door.MapGet("/bundles", (string recipe, BundleShipping bundles) => Json(bundles.Describe(recipe)));
        door.MapGet(
            "/bundles/{digest}",
            (BundleDigest digest, BundleShipping bundles) => Json(bundles.Describe(digest))
        );
        door.MapGet("/bundles/{digest}/{part}", SendAsync);
    }

    private static IResult Json(byte[]? record) =>
        record is null ? TypedResults.NotFound() : TypedResults.Bytes(record, "application/json");

    private static async Task<IResult> SendAsync(
        BundleDigest digest,
        string part,
        HttpContext context,
        BundleStore store,
        BundleShipping bundles
    )
    {
        if (store.Find(digest) is not { } lease)
            return TypedResults.NotFound();
        await using (lease)
        {
            if (!BundleShipping.Has(lease, part))
                return TypedResults.NotFound();
            context.Response.ContentType = "application/gzip";
            // It is compressed and written as it is read: a slow reader slows it down and fills nothing.
            context.Features.Get<IHttpResponseBodyFeature>()?.DisableBuffering();
            await bundles.WriteAsync(lease, part, context.Response.Body, context.RequestAborted);
        }
        return TypedResults.Empty;
    }
}
