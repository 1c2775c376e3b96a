using System.ComponentModel.DataAnnotations;
using System.Net;
using TestGrid.Runner.Queues;
using TestGrid.Server.Access;
using TestGrid.Server.Planning;
using TestGrid.Server.Recording;
using TestGrid.Server.Scheduling;
using TestGrid.Server.Store;

namespace TestGrid.Server;

/// <summary>Everything an operator may set about the server. Checked before the first request.</summary>
public sealed class ServerOptions
{
    /// <summary>The data folder; null is the usual place (<see cref="Store.DataFolder.Usual()"/>).</summary>
    public string? DataPath { get; init; }

    /// <summary>The folder with the dashboard's built files; null is <c>wwwroot</c> beside the program.</summary>
    public string? WebPath { get; init; }

    public AccessOptions Access { get; init; } = new();

    public PlanningOptions Planning { get; init; } = new();

    public SchedulingOptions Scheduling { get; init; } = new();

    public QueueOptions Queue { get; init; } = new();

    public RetentionOptions Retention { get; init; } = new();

    public LeaseOptions Leases { get; init; } = new();

    public RemoteRunnerOptions Runners { get; init; } = new();

    /// <exception cref="ValidationException">A setting is out of its range; the message names it.</exception>
    public void Validate()
    {
        CheckListen(Access.Listen);
        if (Access.PublicUrl is { Length: > 0 } url)
            CheckPublicUrl(url);
        foreach (var part in new object[] { Planning, Planning.Limits, Scheduling, Retention, Leases, Access })
            Validator.ValidateObject(part, new ValidationContext(part), validateAllProperties: true);
    }

    // Kestrel would take any other name for «every address», and there is no certificate here to serve https with.
    private static void CheckListen(string value)
    {
        var isUrl = Uri.TryCreate(value, UriKind.Absolute, out var uri);
        if (isUrl && uri!.Scheme == Uri.UriSchemeHttps)
            throw new ValidationException(
                $"it cannot listen on '{value}': it speaks no TLS. Listen on plain http, such as http://127.0.0.1:8080, put a "
                    + "proxy that ends TLS in front (docs/deploy.md), and say --public-url https://… for where that is."
            );
        var isOurs = isUrl && (uri!.Host == "localhost" || IPAddress.TryParse(uri.Host.Trim('[', ']'), out _));
        if (!isOurs || uri!.Scheme != Uri.UriSchemeHttp || uri.PathAndQuery != "/" || uri.UserInfo.Length > 0)
            throw new ValidationException(
                $"it cannot listen on '{value}': that is an IP address or localhost and a port, such as http://127.0.0.1:8080; "
                    + "http://0.0.0.0:8080 is every address of this machine. The name that people use goes into --public-url."
            );
    }

    private static void CheckPublicUrl(string value)
    {
        var valid =
            Uri.TryCreate(value, UriKind.Absolute, out var uri)
            && uri.Scheme is ("http" or "https")
            && uri.PathAndQuery == "/";
        if (!valid)
            throw new ValidationException(
                $"the public address '{value}' is not one such as https://ci.example.org; it starts with http:// or https:// "
                    + "and has no path."
            );
    }
}
