using Microsoft.AspNetCore.OpenApi;
using Microsoft.OpenApi;
using TestGrid.Server.Access;

namespace TestGrid.Server.Dashboard;

/// <summary>What the OpenAPI document says beside its operations: whose it is, and how a caller shows who they are.</summary>
public sealed class ApiDocument : IOpenApiDocumentTransformer
{
    private const string Scheme = "token";

    /// <inheritdoc/>
    public Task TransformAsync(
        OpenApiDocument document,
        OpenApiDocumentTransformerContext context,
        CancellationToken cancellationToken
    )
    {
        document.Info = new OpenApiInfo { Title = "TestGrid", Version = SignInEndpoints.Version };
        document.Components ??= new OpenApiComponents();
        document.Components.SecuritySchemes ??= new Dictionary<string, IOpenApiSecurityScheme>();
        document.Components.SecuritySchemes[Scheme] = new OpenApiSecurityScheme
        {
            Type = SecuritySchemeType.Http,
            Scheme = "bearer",
            Description = "A token (tg_…). A browser's session does the same; reading may be open without either.",
        };
        var needed = new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(Scheme, document)] = [] };
        foreach (var (path, item) in document.Paths)
        {
            if (!path.StartsWith("/api/", StringComparison.Ordinal))
                continue;
            foreach (var (_, operation) in item.Operations ?? [])
                operation.Security = [needed];
        }
        return Task.CompletedTask;
    }
}
