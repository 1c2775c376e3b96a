using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Extensions.FileProviders;

namespace TestGrid.Server.Dashboard;

/// <summary>The dashboard's built files. Every path that is no file, no API and no hook is a page of it.</summary>
public static class Website
{
    private static readonly string[] NotPages = ["/api", "/hooks", "/live", "/openapi", "/signin", "/assets"];

    /// <param name="app">The server.</param>
    /// <param name="folder">Where <c>npm run build</c> put them. It may be missing: then the page says so.</param>
    public static void UseWebsite(this WebApplication app, string folder)
    {
        IFileProvider files = Directory.Exists(folder) ? new PhysicalFileProvider(folder) : new NullFileProvider();
        app.UseStaticFiles(new StaticFileOptions { FileProvider = files, OnPrepareResponse = SetAge });
        app.MapFallback(context => SendPageAsync(context, files));
        // The other takes «42.3» for the name of a file. A pattern for everything would hide the files from us: they are
        // sent only where no endpoint matched.
        app.MapFallback("/jobs/{id}", context => SendPageAsync(context, files));
    }

    // Vite puts a hash of its content into each name under assets/: the name never means anything else.
    private static void SetAge(StaticFileResponseContext file)
    {
        var hashed = file.Context.Request.Path.StartsWithSegments("/assets", StringComparison.Ordinal);
        file.Context.Response.Headers.CacheControl = hashed ? "public, max-age=31536000, immutable" : "no-cache";
    }

    private static async Task SendPageAsync(HttpContext context, IFileProvider files)
    {
        var path = context.Request.Path;
        var reads = HttpMethods.IsGet(context.Request.Method) || HttpMethods.IsHead(context.Request.Method);
        if (!reads || NotPages.Any(other => path.StartsWithSegments(other, StringComparison.Ordinal)))
        {
            await TypedResults
                .Problem(statusCode: StatusCodes.Status404NotFound, title: "There is nothing here")
                .ExecuteAsync(context);
            return;
        }
        var index = files.GetFileInfo("index.html");
        context.Response.Headers.CacheControl = "no-cache";
        if (index.Exists)
        {
            context.Response.ContentType = "text/html; charset=utf-8";
            await context.Response.SendFileAsync(index, context.RequestAborted);
            return;
        }
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(
            "TestGrid runs. Its pages are not built: run 'npm ci && npm run build' in web/. The API is at /api/v1.\n",
            context.RequestAborted
        );
    }
}
