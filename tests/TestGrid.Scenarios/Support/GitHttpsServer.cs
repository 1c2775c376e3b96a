using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace TestGrid.Scenarios.Support;

/// <summary>
/// A git host over https: git's own <c>http-backend</c> behind a certificate of an authority of its own. It wants a user and
/// a password for every repository but those below <c>open/</c>, and sends whoever asks below <c>moved/</c> to another host.
/// </summary>
internal sealed class GitHttpsServer : IAsyncDisposable
{
    public const string User = "reader";
    public const string Password = "pässword with $igns";

    private const string Backend = "/usr/lib/git-core/git-http-backend";

    private readonly WebApplication app;
    private readonly ConcurrentBag<string> strangersSaid = [];

    private GitHttpsServer(WebApplication app, string root, string authority) =>
        (this.app, Root, AuthorityFile) = (app, root, authority);

    /// <summary>The folder with the repositories.</summary>
    public string Root { get; }

    /// <summary>The authority's certificate: what <c>SSL_CERT_FILE</c> names on a machine that trusts it.</summary>
    public string AuthorityFile { get; }

    /// <summary>With a slash at its end.</summary>
    public string Url => app.Urls.First() + "/";

    /// <summary>What was said at the other host as <c>Authorization</c>; «nothing» for a call without.</summary>
    public IReadOnlyCollection<string> StrangersSaid => strangersSaid;

    public static async Task<GitHttpsServer> StartAsync(string address, string folder, CancellationToken stop)
    {
        var root = Directory.CreateDirectory(Path.Combine(folder, "repositories")).FullName;
        var (authority, certificate) = Certify(IPAddress.Parse(address));
        var file = Path.Combine(folder, "authority.pem");
        await File.WriteAllTextAsync(file, authority, stop);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = [] });
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            // Two ports are two hosts, for a credential as for a browser.
            for (var n = 0; n < 2; n++)
                kestrel.Listen(IPAddress.Parse(address), 0, listen => listen.UseHttps(certificate));
        });
        var app = builder.Build();
        var server = new GitHttpsServer(app, root, file);
        app.Run(server.AnswerAsync);
        await app.StartAsync(stop);
        return server;
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync(CancellationToken.None);
        await app.DisposeAsync();
    }

    private async Task AnswerAsync(HttpContext context)
    {
        var given = context.Request.Headers.Authorization.ToString();
        if (context.Request.Host.Port != new Uri(Url).Port)
        {
            strangersSaid.Add(given.Length > 0 ? given : "nothing");
            Ask(context.Response);
            return;
        }
        var path = context.Request.Path.Value!;
        var known = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"{User}:{Password}"));
        if (!path.StartsWith("/open/", StringComparison.Ordinal) && given != known)
        {
            Ask(context.Response);
            return;
        }
        if (path.StartsWith("/moved/", StringComparison.Ordinal))
        {
            context.Response.Redirect($"{app.Urls.Last()}{path}{context.Request.QueryString}");
            return;
        }
        await ServeAsync(context, path);
    }

    private static void Ask(HttpResponse response)
    {
        response.StatusCode = StatusCodes.Status401Unauthorized;
        response.Headers.WWWAuthenticate = "Basic realm=\"git\"";
    }

    // CGI, as RFC 3875 has it and git's program reads it.
    private async Task ServeAsync(HttpContext context, string path)
    {
        var start = new ProcessStartInfo(Backend) { RedirectStandardInput = true, RedirectStandardOutput = true };
        start.Environment["GIT_PROJECT_ROOT"] = Root;
        start.Environment["GIT_HTTP_EXPORT_ALL"] = "1";
        start.Environment["PATH_INFO"] = path[path.IndexOf('/', 1)..];
        start.Environment["QUERY_STRING"] = context.Request.QueryString.Value?.TrimStart('?') ?? "";
        start.Environment["REQUEST_METHOD"] = context.Request.Method;
        start.Environment["CONTENT_TYPE"] = context.Request.ContentType ?? "";
        start.Environment["HTTP_CONTENT_ENCODING"] = context.Request.Headers.ContentEncoding.ToString();
        start.Environment["GIT_PROTOCOL"] = context.Request.Headers["Git-Protocol"].ToString();
        using var backend = Process.Start(start)!;
        var output = backend.StandardOutput.BaseStream;
        var sending = SendAsync();
        while (await LineAsync(output) is { Length: > 0 } line)
        {
            var (name, value) = line.Split(": ", 2) is [var one, var other] ? (one, other) : (line, "");
            if (name == "Status")
                context.Response.StatusCode = int.Parse(value.Split(' ')[0], CultureInfo.InvariantCulture);
            else
                context.Response.Headers[name] = value;
        }
        await output.CopyToAsync(context.Response.Body, context.RequestAborted);
        await sending;
        await backend.WaitForExitAsync(context.RequestAborted);

        async Task SendAsync()
        {
            await context.Request.Body.CopyToAsync(backend.StandardInput.BaseStream, context.RequestAborted);
            backend.StandardInput.Close();
        }
    }

    private static async Task<string> LineAsync(Stream from)
    {
        var line = new StringBuilder();
        var one = new byte[1];
        while (await from.ReadAsync(one) == 1 && one[0] != '\n')
            line.Append((char)one[0]);
        return line.ToString().TrimEnd('\r');
    }

    private static (string Authority, X509Certificate2 Certificate) Certify(IPAddress address)
    {
        var (from, until) = (DateTimeOffset.UnixEpoch.AddYears(50), DateTimeOffset.UnixEpoch.AddYears(100));
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=TestGrid tests' authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, true));
        using var authority = request.CreateSelfSigned(from, until);

        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var own = new CertificateRequest($"CN={address}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(address);
        own.CertificateExtensions.Add(names.Build());
        own.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, true));
        using var signed = own.Create(authority, from, until, [1, 2, 3, 4]);
        using var whole = signed.CopyWithPrivateKey(key);
        return (
            authority.ExportCertificatePem(),
            X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null)
        );
    }
}
